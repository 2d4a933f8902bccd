"""Parameter Store's operations, by what they do."""

from freehold.services.ssm.api import describe, get, label, put, tag

__all__ = ["describe", "get", "label", "put", "tag"]
