"""A node whose functions are Python callables of the test: what stands above the runtime is meant
here."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from freehold.config import Config
from freehold.kernel.clock import ManualClock
from freehold.runtime.contract import (
    CodeRefused,
    FunctionSpec,
    Interpreter,
    Invocation,
    Outcome,
    RuntimeUnavailable,
)
from freehold.runtime.engine import Runtime
from tests.conftest import Aws, Node

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)


class FakeRuntime(Runtime):
    """Runs `do(spec, invocation)` for every event, and remembers what it was asked."""

    def __init__(self) -> None:
        self.handlers: dict[str, Callable[[FunctionSpec, Invocation], Outcome]] = {}
        self.asked: list[tuple[FunctionSpec, Invocation]] = []

    async def invoke(self, spec: FunctionSpec, invocation: Invocation) -> Outcome:
        self.asked.append((spec, invocation))
        handler = self.handlers.get(spec.arn)
        return handler(spec, invocation) if handler else Outcome(payload=invocation.payload)

    def asked_of(self, name: str, account: str) -> list[Invocation]:
        return [i for spec, i in self.asked if (spec.name, spec.account) == (name, account)]

    def interpreter(self, runtime: str) -> Interpreter:
        if not runtime.startswith(("python", "nodejs", "provided")):
            raise RuntimeUnavailable(f"no interpreter for {runtime} is installed")
        note = "Runs on Python 3.11." if runtime == "python3.12" else ""
        return Interpreter(runtime=runtime, path="/nowhere", version="0", note=note)

    async def warm(self, runtime: str) -> Interpreter:
        return self.interpreter(runtime)

    def inspect(self, archive: Path) -> int:
        try:
            with zipfile.ZipFile(archive) as opened:
                return sum(entry.file_size for entry in opened.infolist())
        except zipfile.BadZipFile as error:
            raise CodeRefused(str(error)) from error

    async def forget(self, function_arn: str) -> None:
        return


class Functions:
    """Short ways for what most tests begin with."""

    def __init__(self, aws: Aws, runtime: FakeRuntime) -> None:
        self.aws = aws
        self.client = aws.client("lambda")
        self.runtime = runtime
        self._role = ""

    @property
    def role(self) -> str:
        if not self._role:
            created = self.aws.client("iam").create_role(
                RoleName="runs", AssumeRolePolicyDocument=TRUST
            )
            self._role = created["Role"]["Arn"]
        return self._role

    def create(
        self,
        name: str = "f",
        do: Callable[[FunctionSpec, Invocation], Outcome] | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        params: dict[str, Any] = {
            "FunctionName": name,
            "Runtime": "python3.11",
            "Role": self.role,
            "Handler": "index.handler",
            "Code": {"ZipFile": archive()},
            **options,
        }
        if do is not None:
            arn = f"arn:aws:lambda:{self.aws.region}:{self.aws.account}:function:{name}"
            self.runtime.handlers[arn] = do
        created: dict[str, Any] = self.client.create_function(**params)
        return created


def archive(text: str = "def handler(event, context): return event") -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as opened:
        opened.writestr(zipfile.ZipInfo("index.py"), text)
    return written.getvalue()


def with_fake_runtime(node: Node) -> FakeRuntime:
    runtime = FakeRuntime()
    node.running.node.add_part(Runtime, runtime)
    return runtime


@pytest.fixture(scope="session")
def lambda_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, FakeRuntime]]:
    node = Node(Config(data=tmp_path_factory.mktemp("lambda"), port=0))
    yield node, with_fake_runtime(node)
    node.stop()


@pytest.fixture
def aws(lambda_node: tuple[Node, FakeRuntime]) -> Aws:
    return lambda_node[0].new_account()


@pytest.fixture
def runtime(lambda_node: tuple[Node, FakeRuntime]) -> FakeRuntime:
    return lambda_node[1]


@pytest.fixture
def functions(aws: Aws, runtime: FakeRuntime) -> Functions:
    return Functions(aws, runtime)


@pytest.fixture
def timed(new_node: Callable[..., Node]) -> Functions:
    """Functions on a node whose clock stands still until it is advanced.

    It begins now: clients sign with their own clocks, which may differ by a quarter of an hour.
    """
    node = new_node(clock=ManualClock(time.time()))
    return Functions(node.new_account(), with_fake_runtime(node))
