"""A runtime by itself: functions from sources, no services."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop

from freehold.kernel.chance import SystemChance
from freehold.kernel.clock import SystemClock
from freehold.runtime.contract import FunctionSpec, Invocation, Outcome
from freehold.runtime.engine import Runtime
from freehold.server.messages import Request, Response


class Bench:
    """A runtime on a thread, and the functions that tests make."""

    def __init__(self, directory: Path, isolation: str) -> None:
        self._directory = directory
        self._loop = uvloop.new_event_loop()
        self._count = 0
        self.lines: list[tuple[str, str]] = []
        self.platform_requests: list[tuple[str, str]] = []
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self.runtime: Runtime = self.run(self._make(isolation))

    async def _make(self, isolation: str) -> Runtime:
        return Runtime(
            directory=self._directory / "runtime",
            blob_path=lambda blob: self._directory / blob,
            host=self,
            clock=SystemClock(),
            chance=SystemChance(),
            endpoint_url="http://127.0.0.1:4566",
            platform=self._platform,
            environment=dict(os.environ),
            isolation=isolation,
        )

    def _platform(self, request: Request) -> Response:
        self.platform_requests.append((request.headers["host"], request.path))
        return Response(200, [("Content-Type", "text/plain")], b"the platform")

    async def credentials(self, spec: FunctionSpec) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": "ASIATEST",
            "AWS_SECRET_ACCESS_KEY": "s",
            "AWS_SESSION_TOKEN": "t",
        }

    async def log(self, spec: FunctionSpec, stream: str, lines: list[tuple[int, str]]) -> None:
        self.lines += [(spec.name, text) for _, text in lines]

    def run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout=90)

    def function(
        self,
        files: dict[str, str | bytes] | str,
        runtime: str = "python3.11",
        handler: str = "app.handler",
        layers: tuple[dict[str, str], ...] = (),
        **options: Any,
    ) -> Function:
        """A function of these files (or of app.py with this text)."""
        if isinstance(files, str):
            files = {"app.py": files}
        self._count += 1
        name = f"f{self._count}"
        options = {"memory_mb": 512, "timeout_s": 10, "environment": ()} | options
        spec = FunctionSpec(
            arn=f"arn:aws:lambda:us-east-1:000000000000:function:{name}",
            name=name,
            version="$LATEST",
            account="000000000000",
            region="us-east-1",
            runtime=runtime,
            handler=handler,
            code=self._archive(f"code{self._count}", files),
            code_sha256="",
            revision="1",
            layers=tuple(
                self._archive(f"layer{self._count}x{n}", layer) for n, layer in enumerate(layers)
            ),
            **options,
        )
        return Function(self, spec)

    def _archive(self, name: str, files: dict[str, Any]) -> str:
        with zipfile.ZipFile(self._directory / name, "w") as archive:
            for path, content in files.items():
                entry = zipfile.ZipInfo(path)
                entry.external_attr = 0o755 << 16
                archive.writestr(entry, content)
        return name

    def close(self) -> None:
        self.run(self.runtime.close())
        self._loop.call_soon_threadsafe(self._loop.stop)


class Function:
    def __init__(self, bench: Bench, spec: FunctionSpec) -> None:
        self.bench = bench
        self.spec = spec
        self._calls = 0

    def __call__(self, event: Any = None, **fields: Any) -> Any:
        """The answer; the test fails if it is an error."""
        outcome = self.outcome(event, **fields)
        assert outcome.error is None, outcome.payload
        return json.loads(outcome.payload)

    def error(self, event: Any = None) -> dict[str, Any]:
        outcome = self.outcome(event)
        assert outcome.error == "Unhandled", outcome.payload
        found: dict[str, Any] = json.loads(outcome.payload)
        return found

    def outcome(self, event: Any = None, **fields: Any) -> Outcome:
        self._calls += 1
        invocation = Invocation(
            request_id=f"{self.spec.name}-request-{self._calls}",
            payload=json.dumps(event).encode(),
            **fields,
        )
        result: Outcome = self.bench.run(self.bench.runtime.invoke(self.spec, invocation))
        return result


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A runtime with all the isolation that this machine gives."""
    made = Bench(tmp_path_factory.mktemp("bench"), "auto")
    yield made
    made.close()


@pytest.fixture(scope="session")
def open_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A runtime without namespaces: what a machine without them has."""
    made = Bench(tmp_path_factory.mktemp("open"), "process")
    yield made
    made.close()


@pytest.fixture
def sandbox(bench: Bench) -> Bench:
    """The bench, where functions are in namespaces; else the test is skipped, saying why."""
    bench.function("def handler(e, c): return 1")()
    if not bench.runtime.isolation.namespaces:
        pytest.skip(f"no sandbox on this machine: {'; '.join(bench.runtime.isolation.missing)}")
    return bench


@pytest.fixture
def limits(sandbox: Bench) -> Bench:
    """The bench, where control groups limit functions; else the test is skipped, saying why."""
    if sandbox.runtime.isolation.groups is None or sandbox.runtime.isolation.groups.missing:
        pytest.skip(f"no limits on this machine: {'; '.join(sandbox.runtime.isolation.missing)}")
    return sandbox
