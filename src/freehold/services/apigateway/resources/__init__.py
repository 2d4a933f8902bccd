"""REST APIs' CloudFormation resource types."""

from freehold.services.apigateway.resources import api, serving, usage

__all__ = ["api", "serving", "usage"]
