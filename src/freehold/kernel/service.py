"""A service: its operations, tasks, resource types and endpoints, collected by decorators.

    service = Service("sqs")

    @service.operation("CreateQueue", resource=access.queue_arn)
    def create_queue(call, params): ...

A plain function runs inside one transaction, `call.tx`, opened for it (a snapshot where `reads=True`);
it may run again, so its only effects are what it writes and what it asks for with `call.later`. An
`async` function has no transaction: it opens its own with `await call.read(fn)` and `call.write(fn)`.

`params` and the answer are dicts of the model's member names. Timestamps are seconds since 1970 as
float (on the way out also datetime), blobs are bytes. A streaming input blob is a `http.Body`; a
streaming output is bytes or an async iterator of bytes, an event stream an async iterator of
{"EventName": {...}}. Absent members are absent from the dict; None in an answer is left out.
"""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Callable, Iterable, Mapping
from importlib import resources
from typing import Any

import msgspec

from freehold.kv import Transaction

Params = dict[str, Any]
Handler = Callable[..., Any]


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a request needs to be allowed to do.

    `action` is IAM's, with its prefix ("s3:GetObject"). `resource` is an ARN or "*". `policy` is the
    JSON text of the resource's own policy, or None. `context` holds condition keys that only this
    service knows ({"s3:prefix": ["logs/"]}). `owner` is the resource's account where it is not the
    caller's call.account. With `policy_required`, identity policies alone do not allow: the resource's
    policy must name the caller or delegate to its account, as with a role's trust policy.
    """

    action: str
    resource: str = "*"
    policy: str | None = None
    context: Mapping[str, list[str]] = {}
    owner: str | None = None
    policy_required: bool = False


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An operation's answer with what the model does not say: another status, further headers."""

    result: dict[str, Any]
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()


AccessRule = Callable[[Any, Params], Iterable[Access]]
ResourceRule = Callable[[Any, Params], str]


class Operation:
    """One operation of a service's model, and the function that does it."""

    __slots__ = ("access", "anonymous", "function", "name", "reads", "service", "waits")

    def __init__(
        self,
        service: Service,
        name: str,
        function: Handler,
        *,
        reads: bool,
        access: AccessRule | None,
        anonymous: bool,
    ) -> None:
        self.service = service
        self.name = name
        self.function = function
        self.reads = reads
        self.waits = inspect.iscoroutinefunction(function)
        self.access = access
        self.anonymous = anonymous


class Service:
    """Named as botocore names it.

    `iam` is the prefix of its actions. `regional=False` is for services whose records live in no region
    (IAM). `keeps_json=True` leaves blobs in JSON requests and answers as their base64 text, and lets
    answers hold orjson.Fragment, for a service that stores what it got. `invalid` is the code of the
    error for params that break the model's constraints, where it is not the protocol's usual one.
    """

    def __init__(
        self,
        name: str,
        *,
        iam: str | None = None,
        regional: bool = True,
        keeps_json: bool = False,
        package: str | None = None,
        invalid: str | None = None,
    ) -> None:
        self.name = name
        self.iam = iam or name
        self.regional = regional
        self.keeps_json = keeps_json
        self.invalid = invalid
        self.package = package or f"freehold.services.{name.replace('-', '_')}"
        self.operations: dict[str, Operation] = {}
        self.tasks: dict[str, Handler] = {}
        self.resource_types: dict[str, Any] = {}
        self.endpoints: dict[str, Handler] = {}
        self.cors: Handler | None = None
        # Of a service that keeps blobs: (tx, blob ids) -> those that its records name. All others are
        # collected as orphans.
        self.blobs_in_use: Callable[[Transaction, Iterable[str]], set[str]] | None = None
        self._parity: Parity | None = None

    def operation(
        self,
        name: str,
        *,
        reads: bool = False,
        resource: ResourceRule | str | None = None,
        action: str | None = None,
        access: AccessRule | None = None,
        anonymous: bool = False,
    ) -> Callable[[Handler], Handler]:
        """Register an operation.

        Who may call it is asked of IAM for `action` (default: the service's prefix and the operation's
        name) on `resource` (an ARN, or a function (call, params) -> ARN; default "*"). Where that is
        not enough, `access` is a function (call, params) -> Accesses; none at all means that everyone
        with a valid signature may. Both run inside the transaction (of an async operation: inside one
        before it). `anonymous` lets unsigned requests reach authorization instead of being turned away.
        """
        rule = access or _single_access(action or f"{self.iam}:{name}", resource)

        def register(function: Handler) -> Handler:
            assert name not in self.operations, f"{self.name}.{name} is registered twice"
            self.operations[name] = Operation(
                self, name, function, reads=reads, access=rule, anonymous=anonymous
            )
            return function

        return register

    def task(self, kind: str) -> Callable[[Handler], Handler]:
        """Register what `call.later(kind, payload)` runs: a function (call, payload: dict).

        A plain function runs once: its effects and the task's end commit together. An async one runs
        at least once: write it so that a second run does no harm. Either is tried again, with
        backoff, when it raises; `call.attempt` counts from 1.
        """

        def register(function: Handler) -> Handler:
            self.tasks[kind] = function
            return function

        return register

    def resource_type(self, name: str) -> Callable[[type], type]:
        """Register a CloudFormation resource type: a class as `resources.ResourceType` describes it."""

        def register(handler: type) -> type:
            self.resource_types[name] = handler
            return handler

        return register

    def endpoint(self, kind: str) -> Callable[[Handler], Handler]:
        """Register who serves plain HTTP at endpoints of this kind (see endpoints.py): an async function
        (call, request: http.HttpRequest, endpoint: endpoints.Endpoint) -> http.HttpResponse."""

        def register(function: Handler) -> Handler:
            self.endpoints[kind] = function
            return function

        return register

    def cross_origin(self, function: Handler) -> Handler:
        """Register who knows the headers that let a browser read an answer: a function (tx, labels of the
        request's path, origin, method) -> headers."""
        self.cors = function
        return function

    @property
    def parity(self) -> Parity:
        if self._parity is None:
            text = resources.files(self.package).joinpath("parity.toml").read_text()
            self._parity = Parity(tomllib.loads(text))
        return self._parity


class Parity:
    """What a service does and refuses: its parity.toml.

        implemented = ["GetObject", ...]      # whole
        refused = ["SelectObjectContent", ...]
        [partial]                             # the parameters that are refused; "Code.ImageUri" for nested
        PutObject = ["SSECustomerKey"]

    Every operation of the model is in exactly one of the three.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        self.implemented = frozenset[str](document.get("implemented", ()))
        self.refused = frozenset[str](document.get("refused", ()))
        self.partial: dict[str, tuple[str, ...]] = {
            name: tuple(paths) for name, paths in document.get("partial", {}).items()
        }

    def refused_parameter(self, operation: str, params: Params) -> str | None:
        """The first parameter in the request that the operation does not take yet, or None."""
        for path in self.partial.get(operation, ()):
            if _holds(params, path.split(".")):
                return path
        return None


def _single_access(action: str, resource: ResourceRule | str | None) -> AccessRule:
    if resource is None or isinstance(resource, str):
        fixed = (Access(action=action, resource=resource or "*"),)
        return lambda call, params: fixed
    find = resource
    return lambda call, params: (Access(action=action, resource=find(call, params)),)


def _holds(value: Any, path: list[str]) -> bool:
    if not path:
        return True
    if isinstance(value, list):
        return any(_holds(element, path) for element in value)
    return isinstance(value, dict) and path[0] in value and _holds(value[path[0]], path[1:])
