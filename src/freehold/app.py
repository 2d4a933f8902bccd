"""Wires one running node; the only module that names every part."""

from __future__ import annotations

import asyncio
import fcntl
import importlib
import json
import os
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from freehold.blobs import Blobs
from freehold.config import Config, environment
from freehold.gateway.dispatch import Gateway
from freehold.kernel import orphans
from freehold.kernel.chance import Chance, SystemChance
from freehold.kernel.clock import Clock, SystemClock
from freehold.kernel.node import Node
from freehold.kernel.service import Service
from freehold.kernel.tasks import Worker
from freehold.kv import Store
from freehold.runtime.engine import Runtime
from freehold.server.http1 import Server

# By botocore's names. A service is imported when it is first called.
SERVICES = {
    "apigateway": "freehold.services.apigateway",
    "apigatewayv2": "freehold.services.apigatewayv2",
    "cloudformation": "freehold.services.cloudformation",
    "dynamodb": "freehold.services.dynamodb",
    "iam": "freehold.services.iam",
    "lambda": "freehold.services.lambda_",
    "logs": "freehold.services.logs",
    "s3": "freehold.services.s3",
    "ssm": "freehold.services.ssm",
    "sts": "freehold.services.sts",
}


class DataInUse(RuntimeError):
    """Another node works in this data directory."""


class RunningNode:
    """A node that serves. Make one with `start`; end it with `stop`."""

    def __init__(
        self, node: Node, server: Server, worker: Worker, runtime: Runtime, lock: int
    ) -> None:
        self.node = node
        self.runtime = runtime
        self.url = node.settings.endpoint_url
        self._server = server
        self._worker = worker
        self._lock = lock
        self._working = asyncio.create_task(worker.run())
        # Finds out what functions can be confined with, and says at once what is missing.
        self._looking = asyncio.create_task(runtime.missing())
        self._collecting = asyncio.create_task(orphans.collect_forever(node))

    async def stop(self) -> None:
        """Let requests in progress end, then close everything."""
        await self._server.close()
        self._working.cancel()
        self._looking.cancel()
        self._collecting.cancel()
        await self._worker.stop()
        background = (self._working, self._looking, self._collecting)
        await asyncio.gather(*background, return_exceptions=True)
        await self.runtime.close()
        self.node.store.close()
        os.close(self._lock)


async def start(
    config: Config, *, clock: Clock | None = None, chance: Chance | None = None
) -> RunningNode:
    """Open the data directory, make the account on first start, listen and work."""
    from freehold.services.iam.accounts import ensure_account
    from freehold.services.iam.directory import Directory
    from freehold.services.lambda_.host import LambdaHost

    config.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = _lock(config.data)
    store = open_store(config)
    clock = clock or SystemClock()
    chance = chance or SystemChance()
    gateway: list[Gateway] = []
    server = Server(lambda request: gateway[0].handle(request))
    host, port = await server.listen(config.host, config.port, tls=_tls(config))
    node = Node(
        store=store,
        blobs=Blobs(config.data / "blobs"),
        services=services(),
        directory=Directory(),
        clock=clock,
        chance=chance,
        settings=config.settings(host, port),
    )
    gateway.append(Gateway(node))
    runtime = Runtime(
        directory=config.data.resolve() / "runtime",
        blob_path=node.blobs.path,
        host=LambdaHost(node),
        clock=clock,
        chance=chance,
        endpoint_url=node.settings.endpoint_url,
        platform=gateway[0].handle,
        environment=environment(),
        isolation=config.isolation,
    )
    node.add_part(Runtime, runtime)
    now = clock.now()
    await store.write(lambda tx: ensure_account(tx, config.account, chance=chance, now=now))
    worker = Worker(node)
    if not config.store:
        await worker.reclaim()
    _write_address(config.data, node.settings.endpoint_url)
    return RunningNode(node, server, worker, runtime, lock)


def services() -> dict[str, Callable[[], Service]]:
    """How to get each service: imported when it is asked for."""

    def loader(module: str) -> Callable[[], Service]:
        def load() -> Service:
            found: Any = importlib.import_module(module)
            service: Service = found.service
            return service

        return load

    return {name: loader(module) for name, module in SERVICES.items()}


def open_store(config: Config) -> Store:
    if config.store:
        from freehold.kv.cluster import ClusterStore

        return ClusterStore(config.store)
    from freehold.kv.embedded import EmbeddedStore

    return EmbeddedStore(config.data / "kv")


def address_of(data: Path) -> str | None:
    """The address of the node that works, or last worked, in a data directory."""
    path = data / "node.json"
    if not path.is_file():
        return None
    url: str = json.loads(path.read_text())["url"]
    return url


def _write_address(data: Path, url: str) -> None:
    temporary = data / "node.json.new"
    temporary.write_text(json.dumps({"url": url, "pid": os.getpid()}))
    temporary.rename(data / "node.json")


def _lock(data: Path) -> int:
    handle = os.open(data / "node.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise DataInUse(
            f"another node works in {data}: stop it, or give this one another --data directory"
        ) from None
    return handle


def _tls(config: Config) -> ssl.SSLContext | None:
    if not config.tls:
        return None
    certificate, _, key = config.tls.partition(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key or None)
    return context
