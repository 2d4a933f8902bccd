"""What runs for functions dies with its node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.load import archive, make_role
from tests.crash.process import NodeProcess, eventually

# Busy for an hour, with a child that has left its parent and its session; it says that it is there.
STUBBORN = """
import os, signal, time, urllib.request

def handler(event, context):
    if event == "idle":
        return "idle"
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(3600)
        os._exit(0)
    time.sleep(3600)
"""


@pytest.fixture(params=["auto", "process"])
def process(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NodeProcess]:
    process = NodeProcess(tmp_path / "node", "--isolation", request.param)
    yield process
    process.stop()


def test_no_process_of_a_function_survives_the_node(process: NodeProcess) -> None:
    """Neither an idle environment, nor one at work, nor what a function has left behind in one."""
    process.start()
    aws = process.root()
    functions = aws.client("lambda")
    for name in ("idle", "busy"):
        functions.create_function(
            FunctionName=name,
            Runtime="python3.12",
            Role=make_role(aws.client("iam"), name),
            Handler="index.handler",
            Timeout=900,
            Code={"ZipFile": archive(STUBBORN)},
        )
    functions.invoke(FunctionName="idle", Payload=b'"idle"')
    before = process.processes()
    functions.invoke(FunctionName="busy", Payload=b'"busy"', InvocationType="Event")
    # The environment's two processes, and the one that its function has left behind.
    eventually(lambda: len(process.processes() - before) >= 3)
    process.kill()
    eventually(lambda: not process.processes(), 20)
