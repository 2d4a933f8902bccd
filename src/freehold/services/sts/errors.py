"""STS's errors, in its words."""

from __future__ import annotations

from freehold.kernel.errors import AwsError


def access_denied(message: str) -> AwsError:
    return AwsError("AccessDenied", message, status=403)


def not_authorized(who: str, action: str, resource: str) -> AwsError:
    """The same whether the role does not exist or does not trust the caller: neither is his to
    know."""
    return access_denied(
        f"User: {who} is not authorized to perform: {action} on resource: {resource}"
    )


def root_assumes() -> AwsError:
    return access_denied("Roles may not be assumed by root accounts.")


def session_calls(operation: str) -> AwsError:
    return access_denied(f"Cannot call {operation} with session credentials")


def validation(message: str) -> AwsError:
    return AwsError("ValidationError", message)


def role_arn_invalid(arn: str) -> AwsError:
    return validation(f"{arn} is invalid")


def longer_than_role_allows() -> AwsError:
    return validation(
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    )


def longer_than_chaining_allows() -> AwsError:
    return validation(
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role "
        "chaining"
    )


def malformed_policy(message: str) -> AwsError:
    return AwsError("MalformedPolicyDocumentException", message)


def packed_policy_too_large(percent: int) -> AwsError:
    return AwsError(
        "PackedPolicyTooLargeException",
        f"Packed size of session policies and tags consumes {percent}% of allotted space.",
    )


def duplicate_tags() -> AwsError:
    return AwsError(
        "InvalidParameterValue",
        "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
    )


def reserved_tag(key: str) -> AwsError:
    return AwsError("InvalidParameterValue", f"Tag key {key} is reserved: it begins with aws:.")
