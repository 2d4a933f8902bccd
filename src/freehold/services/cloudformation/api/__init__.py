"""CloudFormation's operations, by noun."""

from freehold.services.cloudformation.api import (
    change_set,
    export,
    resource,
    stack,
    template,
)

__all__ = ["change_set", "export", "resource", "stack", "template"]
