"""IAM's CloudFormation types: over the public operations, with the rights of the stack's caller."""

from freehold.services.iam.resources import policies, principals

__all__ = ["policies", "principals"]
