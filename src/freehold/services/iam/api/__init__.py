"""IAM's operations, by noun."""

from freehold.services.iam.api import (
    absent,
    account,
    group,
    instance_profile,
    key,
    managed_policy,
    policies_of,
    role,
    simulate,
    user,
)

__all__ = [
    "absent",
    "account",
    "group",
    "instance_profile",
    "key",
    "managed_policy",
    "policies_of",
    "role",
    "simulate",
    "user",
]
