"""A node in memory whose queues and topics are notes of what was done to them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Iterator
from pathlib import Path
from typing import Any

import pytest

from freehold.blobs import Blobs
from freehold.kernel import endpoints, principal
from freehold.kernel.call import Call
from freehold.kernel.chance import SeededChance
from freehold.kernel.clock import SystemClock
from freehold.kernel.errors import AwsError
from freehold.kernel.http import HttpRequest
from freehold.kernel.node import Node, Settings
from freehold.kernel.records import Records
from freehold.kernel.resources import Made, Wanted
from freehold.kernel.service import Parity, Service
from freehold.kernel.tasks import Worker
from freehold.kv.keys import Scope
from freehold.kv.memory import MemoryStore
from freehold.runtime.engine import Isolation, Runtime
from freehold.services.cloudformation import service as cloudformation
from freehold.services.cloudformation.resources import RESPONSE_KIND

ACCOUNT = "123456789012"
REGION = "us-east-1"
TERMINAL = ("_COMPLETE", "_FAILED")

_things = Records("probe", "thing", dict)
_log = Records("probe", "log", list)


class Recorded:
    """A resource type that keeps what exists under its physical id, and logs every act.

    A name that contains "broken" cannot be made or changed; one with "stuck" cannot be deleted.
    """

    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        name = _name(wanted)
        if _things.load(call.tx, call.scope, name) is not None:
            raise AwsError("AlreadyExists", f"{name} exists")
        _note(call, "create", name)
        return _keep(call, name, wanted)

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        _note(call, "update", made.physical_id)
        return _keep(call, made.physical_id, wanted)

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        if "stuck" in made.physical_id:
            raise AwsError("Stuck", f"{made.physical_id} does not go")
        _note(call, "delete", made.physical_id)
        _things.delete(call.tx, call.scope, made.physical_id)


class Slow:
    """An asynchronous type, which settles and goes only when asked three times."""

    @staticmethod
    async def create(call: Call, wanted: Wanted) -> Made:
        name = _name(wanted)
        await call.write(lambda inner: _note(inner, "retry" if wanted.retried else "create", name))
        return await call.write(lambda inner: _keep(inner, name, wanted))

    @staticmethod
    async def update(call: Call, wanted: Wanted, made: Made) -> Made:
        return await call.write(lambda inner: _keep(inner, made.physical_id, wanted))

    @staticmethod
    def settled(call: Call, made: Made) -> Made | None:
        thing = _things.load(call.tx, call.scope, made.physical_id)
        assert thing is not None
        thing["asked"] = thing.get("asked", 0) + 1
        _things.save(call.tx, call.scope, thing, made.physical_id)
        return made if thing["asked"] >= 3 and made.physical_id != "never" else None

    @staticmethod
    async def delete(call: Call, made: Made) -> None:
        await call.write(lambda inner: _note(inner, "delete", made.physical_id))

    @staticmethod
    def gone(call: Call, made: Made) -> bool:
        _things.delete(call.tx, call.scope, made.physical_id)
        return True


def _name(wanted: Wanted) -> str:
    given = wanted.properties.get("QueueName") or wanted.properties.get("TopicName")
    return str(given or wanted.properties.get("Name") or wanted.name(80))


def _keep(call: Call, name: str, wanted: Wanted) -> Made:
    if "broken" in str(wanted.properties):
        raise AwsError("Broken", f"{name} is broken")
    _things.save(call.tx, call.scope, {"properties": wanted.properties}, name)
    return Made(physical_id=name, attributes={"Arn": f"arn:{name}", "TopicArn": f"arn:{name}"})


def _note(call: Call, act: str, name: str) -> None:
    number = len(list(_log.list(call.tx, call.scope, limit=10_000)))
    _log.save(call.tx, call.scope, [act, name], number)


class BytesBody:
    def __init__(self, content: bytes) -> None:
        self.content = content
        self.length = len(content)

    async def read(self, limit: int) -> bytes:
        return self.content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.content


class OpenRuntime(Runtime):
    """One whose functions run without namespaces: they reach the node at its own address."""

    def __init__(self) -> None:
        self.isolation = Isolation()

    async def missing(self) -> list[str]:
        return ["namespaces"]


class LeapingClock(SystemClock):
    """The system's clock, ahead of it by as much as it was advanced; nobody sleeps for long."""

    ahead_s = 0.0

    def now(self) -> float:
        return super().now() + self.ahead_s

    async def sleep(self, seconds: float) -> None:
        await super().sleep(min(seconds, 0.01))

    def advance(self, seconds: float) -> None:
        self.ahead_s += seconds


class Cloud:
    """The node, and its operations by name."""

    def __init__(self, directory: Path) -> None:
        self.store = MemoryStore()
        # Words that cannot be shown from now on, and a clock that only runs ahead.
        self.unwell: set[str] = set()
        self.clock = LeapingClock()
        recorded = type("Recorded", (Recorded,), {"update": self._update, "create": self._create})
        self.queues = Service("sqs", package="tests")
        self.queues.resource_type("AWS::SQS::Queue")(Recorded)
        self.topics = Service("sns", package="tests")
        self.topics.resource_type("AWS::SNS::Topic")(recorded)
        self.slow = Service("slow", package="tests")
        self.slow.resource_type("AWS::Slow::Thing")(Slow)
        # What S3 holds, and what the one function there is was told, in order.
        self.objects: dict[tuple[str, str], bytes] = {}
        self.told: list[dict[str, Any]] = []
        buckets = Service("s3", package="tests")
        buckets._parity = Parity({})
        buckets.operation("GetObject", reads=True)(self._object)
        functions = Service("lambda", package="tests")
        functions._parity = Parity({})
        functions.operation("Invoke")(self._invoke)
        self.node = Node(
            store=self.store,
            blobs=Blobs(directory),
            services={
                "cloudformation": lambda: cloudformation,
                "sqs": lambda: self.queues,
                "sns": lambda: self.topics,
                "slow": lambda: self.slow,
                "s3": lambda: buckets,
                "lambda": lambda: functions,
            },
            directory=None,  # type: ignore[arg-type]
            clock=self.clock,
            chance=SeededChance(1),
            settings=Settings(account=ACCOUNT),
        )
        self.node._parts[Runtime] = OpenRuntime()
        self.worker = Worker(self.node)
        self.working: asyncio.Task[None] | None = None

    def _create(self, call: Call, wanted: Wanted) -> Made:
        if "crash" in self.unwell:
            raise RuntimeError("a mistake of ours")
        return Recorded.create(call, wanted)

    def _update(self, call: Call, wanted: Wanted, made: Made) -> Made:
        if wanted.properties["DisplayName"] in self.unwell:
            raise AwsError("Unwell", "not now")
        return Recorded.update(call, wanted, made)

    def _object(self, call: Call, params: dict[str, Any]) -> dict[str, Any]:
        found = self.objects.get((params["Bucket"], params["Key"]))
        if found is None:
            raise AwsError("NoSuchKey", "The specified key does not exist.")
        return {"Body": found}

    def _invoke(self, call: Call, params: dict[str, Any]) -> dict[str, Any]:
        assert params["InvocationType"] == "Event"
        self.told.append(json.loads(params["Payload"]))
        return {"StatusCode": 202}

    async def answer(self, event: dict[str, Any], method: str = "PUT", **document: Any) -> int:
        """Answer a custom resource's event at its ResponseURL; the HTTP status it gets."""
        name = event["ResponseURL"].rpartition("/")[2]
        endpoint = await self.store.read(lambda tx: endpoints.find(tx, RESPONSE_KIND, name))
        assert endpoint is not None
        call = self.node.call(
            endpoint.service, RESPONSE_KIND, endpoint.account, endpoint.region, principal.ANONYMOUS
        )
        request = HttpRequest(
            method=method,
            host="localhost",
            path="/",
            body=BytesBody(json.dumps({"Status": "SUCCESS", **document}).encode()),
        )
        response = await cloudformation.endpoints[RESPONSE_KIND](call, request, endpoint)
        return int(response.status)

    async def next_event(self, number: int) -> dict[str, Any]:
        """What the function was told for the number-th time."""
        self.start()
        while len(self.told) < number:
            await asyncio.sleep(0.001)
        return self.told[number - 1]

    async def __call__(self, operation: str, **params: Any) -> Any:
        target = self.node.operation("cloudformation", operation)
        call = self.node.call("cloudformation", operation, ACCOUNT, REGION, principal.root(ACCOUNT))
        result = self.node.start(call, target, params)
        if isinstance(result, Awaitable):
            result = await result
        return self.node.finish(target, result)

    async def finished(self, name: str) -> dict[str, Any]:
        """The stack, once its operation has come to an end."""
        self.start()
        while True:
            stack = (await self("DescribeStacks", StackName=name))["Stacks"][0]
            status = stack["StackStatus"]
            if status.endswith(TERMINAL) and "CLEANUP" not in status:
                return stack
            await asyncio.sleep(0.001)

    def start(self) -> None:
        if self.working is None:
            self.working = asyncio.create_task(self.worker.run())

    async def crash(self) -> None:
        """The worker ends wherever it is; another takes over, as after a restart."""
        if self.working is not None:
            self.working.cancel()
            await self.worker.stop()
            await asyncio.gather(self.working, return_exceptions=True)
        self.worker = Worker(self.node)
        self.working = None
        await self.worker.reclaim()

    def things(self) -> dict[str, Any]:
        """What exists, by name."""
        return self.store.read_inline(
            lambda tx: {
                key[0]: thing["properties"]
                for key, thing in _things.list(tx, Scope(ACCOUNT, REGION), limit=1000)
            }
        )

    def log(self) -> list[tuple[str, str]]:
        return self.store.read_inline(
            lambda tx: [
                (act, name)
                for _, (act, name) in _log.list(tx, Scope(ACCOUNT, REGION), limit=10_000)
            ]
        )

    async def events(self, name: str) -> list[tuple[str, str]]:
        """(logical id, status), the earliest first."""
        answer = await self("DescribeStackEvents", StackName=name)
        return [
            (event["LogicalResourceId"], event["ResourceStatus"])
            for event in reversed(answer["StackEvents"])
        ]


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    return Cloud(tmp_path / "blobs")


def template(resources: dict[str, Any], **sections: Any) -> str:
    return json.dumps({"Resources": resources, **sections})


def queue(name: str, **attributes: Any) -> dict[str, Any]:
    properties = {"QueueName": name, **attributes.pop("Properties", {})}
    return {"Type": "AWS::SQS::Queue", "Properties": properties, **attributes}


def topic(name: str, shown: Any, **attributes: Any) -> dict[str, Any]:
    properties = {"TopicName": name, "DisplayName": shown}
    return {"Type": "AWS::SNS::Topic", "Properties": properties, **attributes}


def run(test: Any) -> Any:
    """Run a coroutine test: every one has its own loop, and leaves no task behind."""

    def wrapped(cloud: Cloud) -> None:
        async def body() -> None:
            try:
                await asyncio.wait_for(test(cloud), 20)
            finally:
                await cloud.crash()

        asyncio.run(body())

    wrapped.__name__, wrapped.__doc__ = test.__name__, test.__doc__
    return wrapped
