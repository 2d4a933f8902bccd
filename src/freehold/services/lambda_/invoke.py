"""Invoking functions: at once, or as an event that is tried until it succeeds or is too old."""

from __future__ import annotations

import base64
import binascii
from functools import lru_cache
from typing import Any

import msgspec
import orjson

from freehold.kernel.call import Call
from freehold.kernel.errors import AwsError
from freehold.kernel.node import Node
from freehold.kernel.service import Access
from freehold.kv import Transaction
from freehold.runtime.contract import (
    CodeRefused,
    FunctionSpec,
    Invocation,
    Outcome,
    RuntimeUnavailable,
)
from freehold.runtime.engine import Runtime
from freehold.services.lambda_ import errors, names, permissions, rules, store
from freehold.services.lambda_.names import Target, function_arn
from freehold.services.lambda_.records import LATEST, Configuration
from freehold.services.lambda_.service import service

Params = dict[str, Any]

PAYLOAD_BYTES_MAX = 6_291_456
RESPONSE_BYTES_MAX = 6_291_556
EVENT_BYTES_MAX = 1_048_576
CLIENT_CONTEXT_BYTES_MAX = 3583
EVENT_RETRIES_MAX = 2
EVENT_AGE_S_MAX = 6 * 3600
RETRY_PAUSE_S = 60.0
THROTTLE_PAUSE_S_MAX = 300.0


class Chosen(msgspec.Struct, frozen=True):
    """What runs for an invocation, and how many of it may run at a time (None: no limit of its
    own)."""

    spec: FunctionSpec
    reserved: int | None


def _access(call: Call, params: Params) -> tuple[Access, ...]:
    target = names.target(call, params)
    return (
        Access(
            action="lambda:InvokeFunction",
            resource=target.arn,
            policy=permissions.text_of(call, target),
            owner=target.account,
        ),
    )


@service.operation("Invoke", access=_access)
async def invoke(call: Call, params: Params) -> Params:
    target = names.target(call, params)
    kind = params.get("InvocationType", "RequestResponse")
    payload = _payload(params, EVENT_BYTES_MAX if kind == "Event" else PAYLOAD_BYTES_MAX)
    if kind == "Event":
        await call.write(_accept_event, target, payload)
        return {"StatusCode": 202, "Payload": b""}
    chosen = await chosen_for(call.node, target)
    if kind == "DryRun":
        return {"StatusCode": 204, "Payload": b""}
    invocation = Invocation(
        request_id=call.request_id,
        payload=payload,
        invoked_arn=target.arn,
        client_context=_client_context(params),
        trace_header=trace_header(call.node),
    )
    outcome = await run(call.node, chosen, invocation)
    return {
        "StatusCode": 200,
        "FunctionError": outcome.error,
        "LogResult": base64.b64encode(outcome.log_tail).decode()
        if params.get("LogType") == "Tail"
        else None,
        "ExecutedVersion": chosen.spec.version,
        "Payload": outcome.payload,
    }


async def chosen_for(node: Node, target: Target) -> Chosen:
    """`choose` in a transaction of its own, the cheapest there is: every invocation does this."""
    if node.store.inline:
        return node.store.read_inline(lambda tx: choose(node, tx, target))
    return await node.store.read(lambda tx: choose(node, tx, target))


def choose(node: Node, tx: Transaction, target: Target) -> Chosen:
    """The version that an invocation of the target runs; an alias with weights may differ each
    time."""
    raw = store.load_function_bytes(tx, target.scope, target.name)
    if raw is None:
        raise errors.no_function(target.arn)
    latest = _chosen_latest(target.account, target.region, raw)
    version = target.qualifier
    if version and version != LATEST and not version.isdecimal():
        alias = store.load_alias(tx, target.scope, target.name, version)
        if alias is None:
            raise errors.no_function(target.arn)
        draw = int.from_bytes(node.chance.bytes(7), "big") / 2**56 if alias.weights else 0.0
        version = rules.version_of(alias, draw)
    if version in ("", LATEST):
        return latest
    raw = store.load_version_bytes(tx, target.scope, target.name, int(version))
    if raw is None:
        raise errors.no_function(target.arn)
    spec = _spec_of_version(target.account, target.region, target.name, raw)
    return Chosen(spec, latest.reserved)


async def run(node: Node, chosen: Chosen, invocation: Invocation) -> Outcome:
    """Run one event within the function's and the account's concurrency."""
    running = _running(node)
    running.begin(chosen)
    try:
        outcome = await node.part(Runtime).invoke(chosen.spec, invocation)
    except RuntimeUnavailable as error:
        raise errors.unavailable(str(error)) from error
    except CodeRefused as error:
        raise AwsError("InvalidZipFileException", str(error), Type="User") from error
    finally:
        running.end(chosen)
    if len(outcome.payload) > RESPONSE_BYTES_MAX:
        return msgspec.structs.replace(outcome, error="Unhandled", payload=_RESPONSE_TOO_LARGE)
    return outcome


def trace_header(node: Node) -> str:
    """What functions find in _X_AMZN_TRACE_ID. Nothing is sampled while there is no X-Ray."""
    word = node.chance.bytes(20).hex()
    return f"Root=1-{int(node.clock.now()):08x}-{word[:24]};Parent={word[24:]};Sampled=0"


@service.task("event")
async def run_event(call: Call, payload: Params) -> None:
    """Try an event once; ask for the next try if it failed.

    The reference of asynchronous invocation: two more tries after function errors, one and two
    minutes later; after throttles and errors of the system for up to six hours, with a pause from
    one second to five minutes.
    """
    target = names.parse(call, payload["arn"])
    try:
        retries_max, age_s_max = await call.read(_patience, target)
        chosen = await chosen_for(call.node, target)
        invocation = Invocation(
            request_id=payload["request_id"],
            payload=payload["payload"],
            invoked_arn=target.arn,
            trace_header=trace_header(call.node),
        )
        outcome = await run(call.node, chosen, invocation)
    except AwsError as error:
        if error.code == "ResourceNotFoundException":
            return
        throttles = payload["throttles"]
        due = call.node.clock.now() + min(2.0**throttles, THROTTLE_PAUSE_S_MAX)
        following = {**payload, "throttles": throttles + 1}
    else:
        failures = payload["failures"] + 1
        if outcome.error is None or failures > retries_max:
            return
        due = call.node.clock.now() + RETRY_PAUSE_S * failures
        following = {**payload, "failures": failures}
    if due <= payload["accepted"] + age_s_max:
        await call.write(lambda inner: inner.later("event", following, due=due))


def _accept_event(call: Call, target: Target, payload: bytes) -> None:
    choose(call.node, call.tx, target)
    event = {
        "arn": target.arn,
        "payload": payload,
        "request_id": call.request_id,
        "accepted": call.now,
        "failures": 0,
        "throttles": 0,
    }
    call.later("event", event)


def _patience(call: Call, target: Target) -> tuple[int, int]:
    """How many retries, and what age in seconds, an event of the target has."""
    config = store.load_event_invoke(call.tx, target.scope, target.name, target.qualifier or LATEST)
    retries = None if config is None else config.retries_max
    age_s = None if config is None else config.age_s_max
    return (
        EVENT_RETRIES_MAX if retries is None else retries,
        EVENT_AGE_S_MAX if age_s is None else age_s,
    )


def _payload(params: Params, limit: int) -> bytes:
    payload: bytes = params.get("Payload") or b"{}"
    if len(payload) > limit:
        raise errors.too_large(limit, "InvokeFunction")
    try:
        orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise AwsError(
            "InvalidRequestContentException",
            f"Could not parse request body into json: {error}",
            Type="User",
        ) from error
    return payload


def _client_context(params: Params) -> str | None:
    """The JSON text that the client sent in base64."""
    encoded = params.get("ClientContext")
    if encoded is None:
        return None
    if len(encoded) > CLIENT_CONTEXT_BYTES_MAX:
        raise errors.invalid(f"Client context must be at most {CLIENT_CONTEXT_BYTES_MAX} bytes.")
    try:
        text = base64.b64decode(encoded, validate=True).decode()
        orjson.loads(text)
    except (binascii.Error, ValueError) as error:
        raise AwsError(
            "InvalidRequestContentException",
            "Client context must be a valid Base64-encoded JSON object.",
            Type="User",
        ) from error
    return text


# A warm invocation reads the function's bytes and finds the rest here: the bytes are the key, so a
# changed function is another one.


@lru_cache(maxsize=4096)
def _chosen_latest(account: str, region: str, raw: bytes) -> Chosen:
    function = store.decode_function(raw)
    spec = _spec(account, region, function.name, function.latest)
    return Chosen(spec, function.reserved_concurrency)


@lru_cache(maxsize=4096)
def _spec_of_version(account: str, region: str, name: str, raw: bytes) -> FunctionSpec:
    return _spec(account, region, name, store.decode_version(raw))


def _spec(account: str, region: str, name: str, known: Configuration) -> FunctionSpec:
    return FunctionSpec(
        arn=function_arn(account, region, name),
        name=name,
        version=known.version,
        account=account,
        region=region,
        runtime=known.runtime,
        handler=known.handler,
        memory_mb=known.memory_mb,
        timeout_s=known.timeout_s,
        code=known.code.blob,
        code_sha256=known.code.sha256,
        revision=known.revision,
        layers=tuple(used.code.blob for used in known.layers),
        ephemeral_storage_mb=known.ephemeral_storage_mb,
        environment=tuple((known.environment or {}).items()),
        role_arn=known.role,
        log_group=known.log_group or f"/aws/lambda/{name}",
        architecture=known.architecture,
    )


class Running:
    """How many invocations run on this node now: what runs dies with the process, so this is no
    state. Functions with a reserved concurrency count for themselves, all others for their
    account."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def begin(self, chosen: Chosen) -> None:
        """Count one more; TooManyRequestsException if there is no room for it."""
        key = self._key(chosen)
        count = self._counts.get(key, 0)
        if chosen.reserved is None:
            if count >= rules.CONCURRENCY_OF_ACCOUNT:
                raise errors.throttled("ConcurrentInvocationLimitExceeded")
        elif count >= chosen.reserved:
            raise errors.throttled("ReservedFunctionConcurrentInvocationLimitExceeded")
        self._counts[key] = count + 1

    def end(self, chosen: Chosen) -> None:
        key = self._key(chosen)
        count = self._counts[key] - 1
        if count:
            self._counts[key] = count
        else:
            del self._counts[key]

    def _key(self, chosen: Chosen) -> str:
        spec = chosen.spec
        return spec.arn if chosen.reserved is not None else f"{spec.account} {spec.region}"


def _running(node: Node) -> Running:
    try:
        return node.part(Running)
    except KeyError:
        node.add_part(Running, Running())
        return node.part(Running)


_RESPONSE_TOO_LARGE = orjson.dumps(
    {
        "errorMessage": "Response payload size exceeded maximum allowed payload size "
        f"({RESPONSE_BYTES_MAX} bytes).",
        "errorType": "Function.ResponseSizeTooLarge",
    }
)
