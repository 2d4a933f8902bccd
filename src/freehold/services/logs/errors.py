"""The errors of CloudWatch Logs, in its words."""

from __future__ import annotations

from freehold.kernel.errors import AwsError


def no_such_group() -> AwsError:
    return AwsError("ResourceNotFoundException", "The specified log group does not exist.")


def no_such_stream() -> AwsError:
    return AwsError("ResourceNotFoundException", "The specified log stream does not exist.")


def group_exists() -> AwsError:
    return AwsError("ResourceAlreadyExistsException", "The specified log group already exists")


def stream_exists() -> AwsError:
    return AwsError("ResourceAlreadyExistsException", "The specified log stream already exists")


def invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)


def invalid_token() -> AwsError:
    return invalid("The specified nextToken is invalid.")


def invalid_pattern(why: str) -> AwsError:
    return invalid(f"Invalid filter pattern: {why}")


def group_protected(name: str) -> AwsError:
    return AwsError(
        "ValidationException",
        f"The log group {name} has deletion protection enabled and cannot be deleted.",
    )


def too_many_tags(resource: str) -> AwsError:
    return AwsError(
        "TooManyTagsException", "A resource can have no more than 50 tags.", resourceName=resource
    )
