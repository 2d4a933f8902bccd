"""The errors of Lambda, in its words."""

from __future__ import annotations

from freehold.kernel.errors import AwsError


def invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterValueException", message, Type="User")


def validation(message: str) -> AwsError:
    """A breach of a constraint that the model states less strictly than Lambda does."""
    return AwsError("ValidationException", f"1 validation error detected: {message}")


def not_found(message: str) -> AwsError:
    return AwsError("ResourceNotFoundException", message, Type="User")


def no_function(arn: str) -> AwsError:
    return not_found(f"Function not found: {arn}")


def no_alias(arn: str) -> AwsError:
    return not_found(f"Cannot find alias arn: {arn}")


def no_policy() -> AwsError:
    return not_found("The resource you requested does not exist.")


def no_statement(sid: str) -> AwsError:
    return not_found(f"Statement {sid} is not found in resource policy.")


def no_layer_version(arn: str) -> AwsError:
    return not_found(f"Layer version {arn} does not exist.")


def elsewhere(region: str, here: str) -> AwsError:
    return not_found(f"Functions from '{region}' are not reachable in this region ('{here}')")


def conflict(message: str) -> AwsError:
    return AwsError("ResourceConflictException", message, Type="User")


def function_exists(name: str) -> AwsError:
    return conflict(f"Function already exist: {name}")


def statement_exists() -> AwsError:
    return conflict(
        "The statement id (sid) provided already exists. Please provide a new statement id, or "
        "remove the existing statement."
    )


def other_revision(api: str) -> AwsError:
    return AwsError(
        "PreconditionFailedException",
        "The RevisionId provided does not match the latest RevisionId. Call the "
        f"{api} API to retrieve the latest RevisionId for your resource.",
        Type="User",
    )


def role_not_assumable() -> AwsError:
    return invalid("The role defined for the function cannot be assumed by Lambda.")


def bad_zip() -> AwsError:
    return invalid(
        "Could not unzip uploaded file. Please check your file, then try to upload again."
    )


def too_large(limit: int, operation: str) -> AwsError:
    return AwsError(
        "RequestTooLargeException",
        f"Request must be smaller than {limit} bytes for the {operation} operation",
        Type="User",
    )


def upload_too_large(limit: int, operation: str) -> AwsError:
    """The limit is told as AWS tells it: in bytes of base64."""
    encoded = -(-limit // 3) * 4
    return AwsError(
        "RequestEntityTooLargeException",
        f"Request must be smaller than {encoded - 1} bytes for the {operation} operation",
        status=413,
    )


def throttled(reason: str) -> AwsError:
    return AwsError("TooManyRequestsException", "Rate Exceeded.", Reason=reason, Type="User")


def unavailable(message: str) -> AwsError:
    """What this machine cannot do, such as run a runtime that it does not have."""
    return AwsError("ServiceException", message, status=500, Type="Service")
