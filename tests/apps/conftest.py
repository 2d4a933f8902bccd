"""A node as a user starts one, a process of its own, and the clients that a user has.

    def test_x(town):                        # a running node, its root user's keys
        town.sam("deploy", ..., cwd=...)     # aws-sam-cli; town.aws(...): awscli; town.js(...): a script
        town.client("dynamodb")...           # boto3
        town.get("/Prod/", api)              # HTTP to a deployed API, in both forms of its address

`town` is shared by all tests of a run, which keep to stacks of their own; `new_town` starts more.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest

import freehold
from freehold import app
from freehold.config import Config
from freehold.kv import Transaction
from freehold.services.iam import accounts
from tests.apps import clients
from tests.conftest import BOTO, _loader

READY_S = 30
COMMAND_S = 120
SOURCES = str(Path(freehold.__file__).parents[1])


class Answer:
    """What HTTP answered."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


class Done:
    """A command that ended."""

    def __init__(self, command: str, status: int, output: str) -> None:
        self.command = command
        self.status = status
        self.output = output

    def succeeded(self) -> str:
        assert self.status == 0, f"{self.command}: status {self.status}\n{self.output}"
        return self.output

    def failed(self) -> str:
        assert self.status != 0, f"{self.command} succeeded\n{self.output}"
        return self.output


class Started:
    """A command that runs."""

    def __init__(self, command: str, process: subprocess.Popen[str]) -> None:
        self._command = command
        self._process = process

    def done(self) -> Done:
        output, _ = self._process.communicate(timeout=COMMAND_S)
        return Done(self._command, self._process.returncode, output)


class Town:
    """A node that runs, and its clients. `keys` are those that the clients sign with."""

    def __init__(self, data: Path, store: str = "") -> None:
        self.data = data
        self.home = data.parent / f"{data.name}-home"
        self.home.mkdir()
        self._config = Config(data=data, store=store)
        self._log = (data.parent / f"{data.name}.log").open("w+")
        command = [sys.executable, "-c", "from freehold.cli import main; main()", "up"]
        command += ["--data", str(data), "--port", "0", *(["--store", store] if store else [])]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": SOURCES},
        )
        self.url = self._ready()
        self.account = self._config.account
        self.region = self._config.region
        self.keys = self._root_keys()

    def _ready(self) -> str:
        """Its address, once it has written it down and listens."""
        end = time.monotonic() + READY_S
        while time.monotonic() < end and self._process.poll() is None:
            url = app.address_of(self.data)
            if url is not None:
                return url
            time.sleep(0.01)
        raise AssertionError(f"the node did not start:\n{self.log()}")

    def _root_keys(self) -> dict[str, str]:
        key = next(iter(self.read(lambda tx: list(accounts.root_keys(tx, self.account)))))
        return {"AWS_ACCESS_KEY_ID": key.id, "AWS_SECRET_ACCESS_KEY": key.secret}

    def read(self, body: Callable[[Transaction], Any]) -> Any:
        """Read the node's store beside it."""
        store = app.open_store(self._config)
        try:
            return asyncio.run(_read(store, body))
        finally:
            store.close()

    def log(self) -> str:
        self._log.flush()
        return Path(self._log.name).read_text()

    def stop(self) -> None:
        self._process.terminate()
        try:
            status = self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        finally:
            self._log.close()
        assert status == 0, f"the node ended with status {status}"

    # Clients

    @property
    def environment(self) -> dict[str, str]:
        """What a user exports, and nothing that the machine has set for AWS."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return {
            **kept,
            **self.keys,
            "HOME": str(self.home),
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_PAGER": "",
            "SAM_CLI_TELEMETRY": "0",
            "SAM_CLI_POLL_DELAY": "0.5",
            "PYTHONWARNINGS": "ignore",
        }

    def start(
        self,
        *command: str,
        cwd: Path | None = None,
        **environment: str,
    ) -> Started:
        process = subprocess.Popen(
            command,
            cwd=cwd or self.home,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return Started(" ".join(command), process)

    def sam(self, *arguments: str, cwd: Path | None = None) -> Done:
        return self.start(clients.sam(), *arguments, cwd=cwd).done()

    def aws(self, *arguments: str, cwd: Path | None = None) -> Done:
        return self.start(clients.aws(), *arguments, cwd=cwd).done()

    def freehold(self, *arguments: str, cwd: Path | None = None) -> Done:
        command = [sys.executable, "-c", "from freehold.cli import main; main()", *arguments]
        return self.start(*command, cwd=cwd, PYTHONPATH=SOURCES).done()

    def js(self, script: Path, *arguments: str) -> Any:
        """What a Node.js script, to which the SDK is there, prints as JSON."""
        modules = str(clients.node_modules())
        command = (clients.node(), "--no-warnings", str(script), *arguments)
        started = self.start(*command, NODE_PATH=modules)
        return json.loads(started.done().succeeded())

    @property
    def session(self) -> boto3.session.Session:
        session = boto3.session.Session(
            aws_access_key_id=self.keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.keys["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=self.keys.get("AWS_SESSION_TOKEN"),
            region_name=self.region,
        )
        session._session.register_component("data_loader", _loader())
        return session

    def client(self, service: str) -> Any:
        return self.session.client(service, endpoint_url=self.url, config=BOTO)

    def http(
        self,
        path: str,
        *,
        method: str = "GET",
        body: bytes | None = None,
        **headers: str,
    ) -> Answer:
        """An unsigned request to the node; `Host` among the headers names what is asked."""
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)  # type: ignore[arg-type]
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()

    # Stacks

    def outputs(self, stack: str) -> dict[str, str]:
        found = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", ())}

    def status(self, stack: str) -> str:
        found = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
        return str(found["StackStatus"])

    def settled(self, stack: str) -> str:
        """The stack's status once no operation is in progress."""
        end = time.monotonic() + COMMAND_S
        while (status := self.status(stack)).endswith("_IN_PROGRESS"):
            assert time.monotonic() < end, f"{stack} stays in {status}\n{self.events(stack)}"
            time.sleep(0.05)
        return status

    def events(self, stack: str) -> list[str]:
        """What happened to the stack, oldest first: `LogicalId STATUS reason`."""
        found = self.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
        return [
            f"{event['LogicalResourceId']} {event['ResourceStatus']} "
            f"{event.get('ResourceStatusReason', '')}".rstrip()
            for event in reversed(found)
        ]

    def create(self, stack: str, template: str | dict[str, Any], **options: Any) -> str:
        """Create a stack with all capabilities; the status that it settles in."""
        body = template if isinstance(template, str) else json.dumps(template)
        options.setdefault("Capabilities", ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"])
        made = self.client("cloudformation").create_stack(
            StackName=stack, TemplateBody=body, **options
        )
        return self.settled(made["StackId"])

    def update(self, stack: str, template: str | dict[str, Any], **options: Any) -> str:
        body = template if isinstance(template, str) else json.dumps(template)
        options.setdefault("Capabilities", ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"])
        self.client("cloudformation").update_stack(StackName=stack, TemplateBody=body, **options)
        return self.settled(stack)

    def delete(self, stack: str) -> str:
        client = self.client("cloudformation")
        stack_id = client.describe_stacks(StackName=stack)["Stacks"][0]["StackId"]
        client.delete_stack(StackName=stack)
        return self.settled(stack_id)


async def _read(store: Any, body: Callable[[Transaction], Any]) -> Any:
    return await store.read(body)


@pytest.fixture
def new_town(
    tmp_path_factory: pytest.TempPathFactory, new_store: Callable[[], str]
) -> Iterator[Callable[[], Town]]:
    made: list[Town] = []

    def make() -> Town:
        made.append(Town(tmp_path_factory.mktemp("town") / "data", new_store()))
        return made[-1]

    yield make
    for town in made:
        town.stop()


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory, new_store: Callable[[], str]) -> Iterator[Town]:
    running = Town(tmp_path_factory.mktemp("town") / "data", new_store())
    yield running
    running.stop()
