"""HTTP APIs' errors."""

from __future__ import annotations

from freehold.kernel.errors import AwsError


def bad_request(message: str) -> AwsError:
    return AwsError("BadRequestException", message)


def conflict(message: str) -> AwsError:
    return AwsError("ConflictException", message)


def not_found(kind: str, name: str) -> AwsError:
    return AwsError(
        "NotFoundException", f"Invalid {kind} identifier specified {name}", ResourceType=kind
    )
