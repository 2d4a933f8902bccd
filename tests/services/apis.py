"""A node in this process whose functions are Python functions: for what API Gateway does around
them.

The Lambda service here is a stand-in of a few lines: it runs a function given by its ARN on the
event, and remembers who asked. What real functions do with real events is tested with the whole
node.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import orjson
import pytest

from freehold.blobs import Blobs
from freehold.kernel import principal
from freehold.kernel.call import Call
from freehold.kernel.chance import SeededChance
from freehold.kernel.clock import ManualClock
from freehold.kernel.endpoints import Endpoint, find
from freehold.kernel.errors import AwsError
from freehold.kernel.http import BodyTooLarge, HttpRequest, HttpResponse
from freehold.kernel.node import Node, Settings
from freehold.kernel.principal import Principal
from freehold.kernel.service import Parity, Service
from freehold.kv import Transaction
from freehold.kv.memory import MemoryStore

ACCOUNT, REGION = "123456789012", "us-east-1"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"
URI = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{FUNCTION}/invocations"

Function = Callable[[Any], Any]
T = TypeVar("T")


class Failed(Exception):
    """A function raises this to fail as an unhandled error does."""


class WholeBody:
    def __init__(self, content: bytes) -> None:
        self.content = content
        self.length: int | None = len(content)

    async def read(self, limit: int) -> bytes:
        if len(self.content) > limit:
            raise BodyTooLarge
        return self.content

    async def __aiter__(self) -> Any:
        yield self.content


class Invocation(msgspec.Struct, frozen=True):
    event: Any
    caller: str
    source_arn: str | None


class CountingStore(MemoryStore):
    """Counts the reading transactions and what they get."""

    def __init__(self) -> None:
        super().__init__()
        self.gets = 0

    def read_inline(self, body: Callable[[Transaction], T], /) -> T:
        def counted(tx: Any) -> T:
            get = tx.get

            def counting(key: bytes) -> bytes | None:
                self.gets += 1
                found: bytes | None = get(key)
                return found

            tx.get = counting
            return body(tx)

        return super().read_inline(counted)


class Platform:
    """`functions` by ARN; `invocations` says what they were asked, in order."""

    def __init__(self, directory: Path) -> None:
        from freehold.services import apigateway, apigatewayv2
        from freehold.services.iam.directory import Directory

        self.functions: dict[str, Function] = {}
        self.invocations: list[Invocation] = []
        self.clock = ManualClock()
        self.store = CountingStore()
        self.root = principal.root(ACCOUNT)
        services: dict[str, Callable[[], Service]] = {
            "apigateway": lambda: apigateway.service,
            "apigatewayv2": lambda: apigatewayv2.service,
            "lambda": self._lambda_service,
        }
        self.node = Node(
            store=self.store,
            blobs=Blobs(directory),
            services=services,
            directory=Directory(),
            clock=self.clock,
            chance=SeededChance(7),
            settings=Settings(account=ACCOUNT, region=REGION),
        )

    def do(self, service: str, operation: str, **params: Any) -> Any:
        """Run an operation as the account's root."""
        return asyncio.run(self._do(service, operation, params))

    def resource(self, name: str, verb: str, *arguments: Any) -> Any:
        """Run a function of a CloudFormation resource type."""
        service = self.node.service("apigatewayv2" if "V2" in name else "apigateway")
        function = getattr(service.resource_types[name], verb)
        call = self.node.call(service.name, name, ACCOUNT, REGION, principal.root(ACCOUNT))

        async def run() -> Any:
            if asyncio.iscoroutinefunction(function):
                return await function(call, *arguments)
            return await call.write(function, *arguments)

        return asyncio.run(run())

    def request(
        self,
        api_id: str,
        path: str,
        method: str = "GET",
        *,
        headers: tuple[tuple[str, str], ...] = (),
        query: str = "",
        body: bytes = b"",
        caller: Principal = principal.ANONYMOUS,
    ) -> HttpResponse:
        host = f"{api_id}.execute-api.{REGION}.localhost:4566"
        request = HttpRequest(
            method=method,
            host=host,
            path=path,
            query=query,
            headers=(("host", host), *headers),
            body=WholeBody(body),
            source_ip="192.0.2.1",
        )
        return asyncio.run(self._serve(api_id, request, caller))

    async def _do(self, service: str, operation: str, params: dict[str, Any]) -> Any:
        call = self.node.call(service, operation, ACCOUNT, REGION, principal.root(ACCOUNT))
        target = self.node.operation(service, operation)
        result = self.node.start(call, target, params)
        return await result if asyncio.iscoroutine(result) else result

    async def _serve(self, api_id: str, request: HttpRequest, caller: Principal) -> HttpResponse:
        endpoint = self.node.store.read_inline(lambda tx: find(tx, "execute-api", api_id))
        assert isinstance(endpoint, Endpoint)
        service = self.node.service(endpoint.service)
        call = self.node.call(endpoint.service, "execute-api", ACCOUNT, REGION, caller)
        answer: HttpResponse = await service.endpoints["execute-api"](call, request, endpoint)
        return answer

    def _lambda_service(self) -> Service:
        service = Service("lambda")
        service._parity = Parity({})

        async def invoke(call: Call, params: dict[str, Any]) -> dict[str, Any]:
            event = orjson.loads(params["Payload"])
            self.invocations.append(Invocation(event, call.principal.arn, call.source_arn))
            function = self.functions.get(params["FunctionName"])
            if function is None:
                raise AwsError("AccessDeniedException", "no permission", status=403)
            try:
                answer = function(event)
            except Failed as error:
                payload = orjson.dumps({"errorMessage": str(error)})
                return {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": payload}
            payload = answer if isinstance(answer, bytes) else orjson.dumps(answer)
            return {"StatusCode": 200, "Payload": payload}

        service.operation("Invoke", access=lambda call, params: ())(invoke)
        return service


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    return Platform(tmp_path)


def json_body(answer: HttpResponse) -> Any:
    assert isinstance(answer.body, bytes)
    return orjson.loads(answer.body)


def header(answer: HttpResponse, name: str) -> str | None:
    return next((value for each, value in answer.headers if each.lower() == name.lower()), None)
