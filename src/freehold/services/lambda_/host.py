"""What running functions need of their platform: their role's credentials, and a place for their
logs."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from freehold.kernel import principal
from freehold.kernel.call import Call
from freehold.kernel.errors import AwsError
from freehold.kernel.node import Node
from freehold.kernel.principal import Principal
from freehold.runtime.contract import FunctionSpec

log = logging.getLogger(__name__)

# The role may not write, or may not create the group that is not there.
_MAY_NOT_LOG = ("AccessDenied", "AccessDeniedException", "ResourceNotFoundException")
_LAMBDA = principal.service("lambda.amazonaws.com")

# PutLogEvents takes 10,000 events and 1 MB in a batch; events count 26 bytes more than their text.
BATCH_EVENTS_MAX = 10_000
BATCH_BYTES_MAX = 1_048_576
EVENT_OVERHEAD_BYTES = 26
MESSAGE_BYTES_MAX = 256 * 1024 - EVENT_OVERHEAD_BYTES


class LambdaHost:
    """A `runtime.contract.Host`."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def credentials(self, spec: FunctionSpec) -> Mapping[str, str]:
        call = self._call(spec, _LAMBDA)
        params = {"RoleArn": spec.role_arn, "RoleSessionName": _session_name(spec)}
        try:
            answer = await call.invoke(
                "sts", "AssumeRole", params, principal=_LAMBDA, source_arn=spec.arn
            )
        except AwsError as error:
            log.warning("the role of %s cannot be assumed: %s", spec.arn, error)
            return {}
        found = answer["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": found["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": found["SecretAccessKey"],
            "AWS_SESSION_TOKEN": found["SessionToken"],
        }

    async def log(self, spec: FunctionSpec, stream: str, lines: list[tuple[int, str]]) -> None:
        """Put lines into the function's log group as its role: one that may not log, logs
        nothing."""
        role = await self._role_session(spec)
        if role is None:
            return
        call = self._call(spec, role)
        try:
            for events in _batches(lines):
                await _put(call, spec.log_group, stream, events)
        except AwsError as error:
            if error.code not in _MAY_NOT_LOG:
                log.warning("lines of %s are lost: %s", spec.arn, error)

    async def _role_session(self, spec: FunctionSpec) -> Principal | None:
        """Who the function is to others; None if its role is gone."""
        directory = self._node.directory
        role = await self._node.store.read(lambda tx: directory.role(tx, spec.role_arn))
        if role is None:
            return None
        session = _session_name(spec)
        return Principal(
            kind="role",
            account=role.account,
            arn=f"arn:aws:sts::{role.account}:assumed-role/{role.name}/{session}",
            id=f"{role.id}:{session}",
            name=role.name,
            role_arn=role.arn,
            tags=role.tags,
        )

    def _call(self, spec: FunctionSpec, caller: Principal) -> Call:
        return self._node.call("lambda", "Invoke", spec.account, spec.region, caller)


async def _put(call: Call, group: str, stream: str, events: list[dict[str, Any]]) -> None:
    params = {"logGroupName": group, "logStreamName": stream, "logEvents": events}
    try:
        await call.invoke("logs", "PutLogEvents", params, principal=call.principal)
    except AwsError as error:
        if error.code != "ResourceNotFoundException":
            raise
        # The stream is new, and perhaps the group.
        await _ensure(call, "CreateLogGroup", {"logGroupName": group})
        await _ensure(call, "CreateLogStream", {"logGroupName": group, "logStreamName": stream})
        await call.invoke("logs", "PutLogEvents", params, principal=call.principal)


async def _ensure(call: Call, operation: str, params: dict[str, Any]) -> None:
    """Create a group or stream. A role that may not create a group may yet write to one that
    exists."""
    try:
        await call.invoke("logs", operation, params, principal=call.principal)
    except AwsError as error:
        passable = ("ResourceAlreadyExistsException", "AccessDeniedException")
        if error.code not in passable:
            raise


def _batches(lines: list[tuple[int, str]]) -> Iterator[list[dict[str, Any]]]:
    """Lines in order of time, in batches that PutLogEvents takes. Each message ends with a
    newline, as Lambda's do."""
    batch: list[dict[str, Any]] = []
    batch_bytes = 0
    for at_ms, text in sorted(lines, key=lambda line: line[0]):
        message = _shortened(text) + "\n"
        length = len(message.encode()) + EVENT_OVERHEAD_BYTES
        full = len(batch) == BATCH_EVENTS_MAX or batch_bytes + length > BATCH_BYTES_MAX
        if batch and full:
            yield batch
            batch, batch_bytes = [], 0
        batch.append({"timestamp": at_ms, "message": message})
        batch_bytes += length
    if batch:
        yield batch


def _shortened(text: str) -> str:
    encoded = text.encode()
    if len(encoded) < MESSAGE_BYTES_MAX:
        return text
    return encoded[: MESSAGE_BYTES_MAX - 1].decode(errors="ignore")


def _session_name(spec: FunctionSpec) -> str:
    """The function's name, as AWS does; a session's name has at least two characters."""
    return spec.name if len(spec.name) > 1 else f"{spec.name}_"
