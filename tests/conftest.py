"""Fixtures: a node as a user starts one, and clients of it.

    def test_x(aws):                 # a new account of its own on the shared node
        table = aws.client("dynamodb").create_table(...)

The shared node runs in this process on a thread of its own, over a real store in a temporary directory,
with signatures verified and policies enforced. Each `aws` is a new account, so tests do not meet.
`aws.as_user(...)`/`aws.with_keys(...)` give clients of other principals. A test that needs its own node
(another clock, a crash, other settings) makes one with `new_node`.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import uvloop
from botocore.config import Config as BotoConfig
from botocore.loaders import create_loader

from freehold.app import RunningNode, start
from freehold.config import Config
from freehold.kernel.chance import SystemChance
from freehold.kernel.clock import ManualClock

from .kv.stores import WHY_NO_POSTGRES, new_database, postgres_server

BOTO = BotoConfig(
    retries={"mode": "standard", "total_max_attempts": 1},
    connect_timeout=5,
    read_timeout=60,
    s3={"addressing_style": "path"},
)


@functools.cache
def _loader() -> Any:
    """What reads botocore's models, for all clients of all tests."""
    return create_loader()


class Node:
    """A node on a thread. `run` runs a coroutine there and returns its result."""

    def __init__(self, config: Config, clock: ManualClock | None = None) -> None:
        self.config = config
        self.clock = clock
        self.loader = _loader()
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.running: RunningNode = self.run(start(config, clock=clock))
        self.url = self.running.url

    def run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout=60)

    def write(self, body: Callable[[Any], Any]) -> Any:
        async def write() -> Any:
            return await self.running.node.store.write(body)

        return self.run(write())

    def advance(self, seconds: float) -> None:
        """Turn the node's clock, where it was given one."""
        assert self.clock is not None

        async def advance() -> None:
            assert self.clock is not None
            self.clock.advance(seconds)

        self.run(advance())

    def stop(self) -> None:
        self.run(self.running.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def new_account(self) -> Aws:
        from freehold.services.iam import accounts

        chance = SystemChance()
        account = accounts.new_account_id(chance)
        now = self.running.node.clock.now()
        key = self.write(lambda tx: accounts.create_account(tx, account, chance=chance, now=now))
        return Aws(self, account, key.id, key.secret)


class Aws:
    """A principal's view of a node, as boto3 gives it."""

    def __init__(
        self,
        node: Node,
        account: str,
        access_key_id: str,
        secret: str,
        session_token: str | None = None,
        region: str = "us-east-1",
    ) -> None:
        self.node = node
        self.account = account
        self.url = node.url
        self.region = region
        self.access_key_id = access_key_id
        self.secret = secret
        self.session = boto3.session.Session(
            aws_access_key_id=access_key_id,
            aws_secret_access_key=secret,
            aws_session_token=session_token,
            region_name=region,
        )
        # A session that reads the models again for itself costs a sixth of a second a client.
        self.session._session.register_component("data_loader", node.loader)

    def client(self, service: str, **options: Any) -> Any:
        config = options.pop("config", None)
        return self.session.client(
            service,
            endpoint_url=self.url,
            config=BOTO.merge(config) if config is not None else BOTO,
            **options,
        )

    def resource(self, service: str) -> Any:
        return self.session.resource(service, endpoint_url=self.url, config=BOTO)

    def in_region(self, region: str) -> Aws:
        return Aws(self.node, self.account, self.access_key_id, self.secret, None, region)

    def with_keys(self, credentials: dict[str, str]) -> Aws:
        """The same node through other credentials, as STS or CreateAccessKey answers them."""
        return Aws(
            self.node,
            self.account,
            credentials["AccessKeyId"],
            credentials["SecretAccessKey"],
            credentials.get("SessionToken"),
            self.region,
        )

    def as_user(self, name: str, *statements: dict[str, Any]) -> Aws:
        """A new user of this account with one inline policy of these statements."""
        import json

        iam = self.client("iam")
        iam.create_user(UserName=name)
        if statements:
            document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
            iam.put_user_policy(UserName=name, PolicyName="inline", PolicyDocument=document)
        return self.with_keys(iam.create_access_key(UserName=name)["AccessKey"])


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--store",
        choices=("embedded", "cluster"),
        default="embedded",
        help="what nodes keep their state in: LMDB, or a PostgreSQL server started for the tests",
    )
    parser.addoption(
        "--crash-rounds",
        type=int,
        default=6,
        help="how often tests/crash kills its node",
    )
    parser.addoption(
        "--crash-seed",
        type=int,
        default=None,
        help="replay the decisions of a run of tests/crash that printed this seed",
    )


@pytest.fixture(scope="session")
def postgres() -> Iterator[str | None]:
    """The address of a PostgreSQL server for these tests; None where there is none."""
    with postgres_server() as address:
        yield address


@pytest.fixture(scope="session")
def new_store(request: pytest.FixtureRequest) -> Callable[[], str]:
    """The setting `store` of a node that starts empty, as --store says."""
    if request.config.getoption("--store") == "embedded":
        return lambda: ""
    address = request.getfixturevalue("postgres")
    if address is None:
        pytest.skip(WHY_NO_POSTGRES)
    return lambda: new_database(address)


@pytest.fixture(scope="session")
def shared_node(
    tmp_path_factory: pytest.TempPathFactory, new_store: Callable[[], str]
) -> Iterator[Node]:
    node = Node(Config(data=tmp_path_factory.mktemp("node"), port=0, store=new_store()))
    yield node
    node.stop()


@pytest.fixture
def aws(shared_node: Node) -> Aws:
    """A new account on the shared node."""
    return shared_node.new_account()


@pytest.fixture
def new_node(tmp_path: Path, new_store: Callable[[], str]) -> Iterator[Callable[..., Node]]:
    """Make nodes of one's own: new_node(clock=ManualClock(), auth="open")."""
    nodes: list[Node] = []

    def make(clock: ManualClock | None = None, **options: Any) -> Node:
        options.setdefault("data", tmp_path / f"node{len(nodes)}")
        options.setdefault("store", new_store())
        nodes.append(Node(Config(port=0, **options), clock))
        return nodes[-1]

    yield make
    for node in nodes:
        node.stop()
