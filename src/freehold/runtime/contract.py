"""What the Lambda service and the runtime say to each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

import msgspec


class FunctionSpec(msgspec.Struct, frozen=True, kw_only=True):
    """All that decides what an execution environment is. Equal specs share environments.

    `revision` changes with every change of code or configuration. `code` and `layers` are blob ids of
    zip archives; layers in the order of the function's configuration. `environment` is the user's.
    """

    arn: str
    name: str
    version: str
    account: str
    region: str
    runtime: str
    handler: str
    memory_mb: int
    timeout_s: int
    code: str
    code_sha256: str
    revision: str
    layers: tuple[str, ...] = ()
    ephemeral_storage_mb: int = 512
    environment: tuple[tuple[str, str], ...] = ()
    role_arn: str = ""
    log_group: str = ""
    architecture: str = "x86_64"


class Invocation(msgspec.Struct, frozen=True, kw_only=True):
    """One event. `invoked_arn` is the ARN as the caller named it, with its qualifier."""

    request_id: str
    payload: bytes
    invoked_arn: str = ""
    client_context: str | None = None
    cognito_identity: str | None = None
    trace_header: str | None = None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an event.

    `error` is None, "Handled" (the function answered with an error) or "Unhandled" (it timed out,
    exited, ran out of memory, could not be initialised); then `payload` is the JSON error document.
    `log_tail` is the last 4 KB of what the invocation logged.
    """

    payload: bytes
    error: Literal["Handled", "Unhandled"] | None = None
    log_tail: bytes = b""
    duration_ms: float = 0.0
    billed_ms: int = 0
    init_ms: float | None = None
    memory_used_mb: int = 0


class Host(Protocol):
    """What the runtime asks of the Lambda service."""

    async def credentials(self, spec: FunctionSpec) -> Mapping[str, str]:
        """AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN of the function's role; empty
        if the role cannot be assumed."""

    async def log(self, spec: FunctionSpec, stream: str, lines: list[tuple[int, str]]) -> None:
        """Take lines that the function wrote: (milliseconds since 1970, text without its newline)."""


class RuntimeUnavailable(Exception):
    """This machine cannot run the function: its runtime or an isolation is missing. Says which."""


class CodeRefused(ValueError):
    """The archive is not one that may be unpacked: not a zip, too large, paths that lead outside."""


class Interpreter(msgspec.Struct, frozen=True, kw_only=True):
    """What this machine runs a runtime with. `note` says where that is not what the name says, for the
    function's state reason and its log; it is "" where they agree."""

    runtime: str
    path: str
    version: str
    note: str = ""
