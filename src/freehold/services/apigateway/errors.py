"""API Gateway's errors. Its model names them; its documentation has no list of messages."""

from __future__ import annotations

from freehold.kernel.errors import AwsError


def bad_request(message: str) -> AwsError:
    return AwsError("BadRequestException", message)


def conflict(message: str) -> AwsError:
    return AwsError("ConflictException", message)


def not_found(message: str) -> AwsError:
    return AwsError("NotFoundException", message)


def limit_exceeded(message: str) -> AwsError:
    return AwsError("LimitExceededException", message)


def invalid_patch_path(path: str, op: str, allowed: list[str]) -> AwsError:
    return bad_request(
        f"Invalid patch path  '{path}' specified for op '{op}'. "
        f"Must be one of: [{', '.join(sorted(allowed))}]"
    )


def invalid_patch_value(path: str, value: str | None) -> AwsError:
    return bad_request(
        f"Invalid patch value  '{value}' specified for op 'replace' and path '{path}'."
    )
