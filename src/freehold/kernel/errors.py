"""Errors that are for the caller. Anything else that is raised is our bug, and answers InternalError."""

from __future__ import annotations

from typing import Any


class AwsError(Exception):
    """An error in AWS's words.

    `code` is the name of the error's shape in the service's model, or one of the common errors that
    models leave out (AccessDenied, ValidationException, ...). `status` is needed only where the model
    has none and 400 is wrong. `members` are further members of the error's shape, for instance
    AwsError("NoSuchBucket", "...", BucketName=name). `headers` are further headers of the answer.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int | None = None,
        headers: tuple[tuple[str, str], ...] = (),
        **members: Any,
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.status = status
        self.headers = headers
        self.headers = headers
        self.members = members

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def not_implemented(what: str) -> AwsError:
    """What Freehold does not do yet, by name: `not_implemented("CreateBucket with ObjectLock")`."""
    return AwsError(
        "NotImplemented", f"Freehold does not implement {what} yet (see parity.toml).", status=501
    )


def internal_error() -> AwsError:
    return AwsError(
        "InternalError", "We encountered an internal error. Please try again.", status=500
    )
