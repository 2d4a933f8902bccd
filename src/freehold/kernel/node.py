"""A running node: the parts that calls work with, and the one way in which operations are run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import msgspec
import orjson

from freehold.blobs import Blobs
from freehold.kernel import authorize
from freehold.kernel.call import Call
from freehold.kernel.chance import Chance, uuid
from freehold.kernel.clock import Clock
from freehold.kernel.errors import AwsError, not_implemented
from freehold.kernel.principal import Directory, Principal
from freehold.kernel.service import Answer, Operation, Params, Service
from freehold.kv import Store, Transaction
from freehold.wire.messages import InvalidParams
from freehold.wire.model import Model, OperationModel, load_model

P = TypeVar("P")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the user chose. `domain` is the suffix of endpoints by host, without a port."""

    account: str = "000000000000"
    region: str = "us-east-1"
    endpoint_url: str = "http://127.0.0.1:4566"
    domain: str = "localhost"
    # Any credentials are taken for the account's root. For tests; announced at start.
    open_auth: bool = False
    # Plain-http requests count as aws:SecureTransport when they come over the loopback.
    loopback_is_secure: bool = True


class Node:
    """Built once by app.py. `services` gives a service by name and knows which there are."""

    def __init__(
        self,
        *,
        store: Store,
        blobs: Blobs,
        services: Mapping[str, Callable[[], Service]],
        directory: Directory,
        clock: Clock,
        chance: Chance,
        settings: Settings,
    ) -> None:
        self.store = store
        self.blobs = blobs
        self.directory = directory
        self.clock = clock
        self.chance = chance
        self.settings = settings
        self.service_names = frozenset(services)
        self._services = services
        self._loaded: dict[str, Service] = {}
        self._parts: dict[type, Any] = {}

    def add_part(self, kind: type, part: object) -> None:
        """Give services a part that the kernel does not know, such as the runtime."""
        self._parts[kind] = part

    def part(self, kind: type[P]) -> P:
        found = self._parts[kind]
        assert isinstance(found, kind)
        return found

    def service(self, name: str) -> Service:
        """The service; it is imported when it is first asked for. KeyError if there is none."""
        found = self._loaded.get(name)
        if found is None:
            found = self._loaded[name] = self._services[name]()
        return found

    def model(self, name: str) -> Model:
        service = self.service(name)
        return load_model(service.name, keeps_json=service.keeps_json)

    def operation(self, service: str, name: str) -> Operation:
        """The operation, or the error that it is not implemented."""
        if service not in self.service_names:
            raise not_implemented(f"the service {service}")
        found = self.service(service).operations.get(name)
        if found is None:
            raise not_implemented(f"{service}:{name}")
        return found

    def call(
        self, service: str, operation: str, account: str, region: str, principal: Principal
    ) -> Call:
        """A new call that comes from nowhere else: a request, a task."""
        return Call(
            self, service, operation, account, region, principal, self.clock.now(), self.new_id()
        )

    def new_id(self) -> str:
        return uuid(self.chance)

    def start(self, call: Call, operation: Operation, params: Params) -> Any | Awaitable[Any]:
        """Validate, authorize and run an operation: its answer, or an awaitable of it.

        Params from another service are validated here; those from the wire were, by the gateway.
        """
        self.check(operation, params)
        return self.run(call, operation, params)

    def check(self, operation: Operation, params: Params) -> None:
        """Raise the model's validation error, or the refusal of a parameter."""
        model = self.model(operation.service.name)
        self.check_against(model.operation(operation.name), operation, params)

    def check_against(
        self, operation_model: OperationModel, operation: Operation, params: Params
    ) -> None:
        """The same with the operation's model in hand."""
        service = operation.service
        try:
            operation_model.validate(params)
        except InvalidParams as error:
            raise _invalid(service, self.model(service.name).protocol, error) from error
        if operation.name in service.parity.partial:
            refused = service.parity.refused_parameter(operation.name, params)
            if refused is not None:
                raise not_implemented(f"{refused} of {service.name}:{operation.name}")

    def run(self, call: Call, operation: Operation, params: Params) -> Any | Awaitable[Any]:
        """Authorize and run an operation whose params have been checked."""
        if operation.waits:
            return self._run_waiting(call, operation, params)

        def body(tx: Transaction) -> Any:
            # The call is nobody else's while this runs, so it need not be copied; the hot path of all.
            call.open(tx)
            try:
                return self._run_plain(call, operation, params)
            finally:
                call.open(None)

        if not operation.reads:
            return self.store.write(body)
        if self.store.inline:
            return self.store.read_inline(body)
        return self.store.read(body)

    def run_within(self, call: Call, operation: Operation, params: Params) -> Any:
        """The same in the call's open transaction, for plain operations."""
        assert not operation.waits, f"{operation.name} waits: it cannot run within a transaction"
        self.check(operation, params)
        return self._run_plain(call, operation, params)

    def finish(self, operation: Operation, result: Any) -> Any:
        """An answer as another service wants it: stored JSON becomes values."""
        if result is None:
            return {}
        if isinstance(result, Answer):
            result = result.result
        return _materialise(result) if operation.service.keeps_json else result

    def _run_plain(self, call: Call, operation: Operation, params: Params) -> Any:
        if operation.access is not None:
            authorize.require(call, operation.access(call, params))
        return operation.function(call, params)

    async def _run_waiting(self, call: Call, operation: Operation, params: Params) -> Any:
        access = operation.access
        if access is not None:
            await call.read(lambda inner: authorize.require(inner, access(inner, params)))
        return await operation.function(call, params)


def _invalid(service: Service, protocol: str, error: InvalidParams) -> AwsError:
    usual = {"query": "ValidationError", "ec2": "ValidationError", "rest-xml": "InvalidRequest"}
    return AwsError(service.invalid or usual.get(protocol, "ValidationException"), error.message)


def _materialise(value: Any) -> Any:
    if isinstance(value, orjson.Fragment):
        return orjson.loads(orjson.dumps(value))
    if isinstance(value, dict):
        return {key: _materialise(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_materialise(inner) for inner in value]
    return value
