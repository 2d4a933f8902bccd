"""A node is killed in the middle of everything, and is back with all that it acknowledged."""

from __future__ import annotations

import random
import threading
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.exceptions import ConnectionError, HTTPClientError, IncompleteReadError

from freehold.config import Config
from freehold.kernel import orphans
from tests.conftest import Aws, Node
from tests.crash.load import Invocations, Items, Objects, Stacks, Transfers, Uploads, Workload
from tests.crash.process import NodeProcess, PatientAws, eventually

# How long a node lives under load before it is killed.
LIFE_S_MAX = 2.0
# When a node that is killed while it is starting dies at the latest.
START_S_MAX = 0.8
# What clients say of a request whose answer did not arrive whole.
CUT_OFF = (ConnectionError, HTTPClientError, IncompleteReadError)


@pytest.fixture
def process(tmp_path: Path) -> Iterator[NodeProcess]:
    process = NodeProcess(tmp_path / "node")
    yield process
    process.stop()


def test_a_killed_node_comes_back_with_all_that_it_acknowledged(
    process: NodeProcess, request: pytest.FixtureRequest
) -> None:
    """Acknowledged means durable, and nothing is half there: kill -9 at any moment loses nothing."""
    rounds = request.config.getoption("--crash-rounds")
    seed = request.config.getoption("--crash-seed")
    if seed is None:
        seed = random.SystemRandom().randrange(1 << 32)
    print(f"replay with --crash-seed {seed} --crash-rounds {rounds}")
    chance = random.Random(seed)
    workloads = [
        Items("items", seed),
        Transfers("transfers", seed),
        Transfers("more-transfers", seed),
        Objects("objects", seed),
        Uploads("uploads", seed),
        Stacks("stacks", seed),
        Invocations("invocations", seed),
    ]
    process.start()
    aws = process.root()
    for workload in workloads:
        workload.connect(aws)
        workload.prepare()
    for number in range(rounds):
        run_until_killed(process, workloads, chance.uniform(0.05, LIFE_S_MAX))
        eventually(lambda: not process.processes())
        if chance.random() < 0.3:
            process.start_in_vain(chance.uniform(0, START_S_MAX))
        process.start()
        check_all(workloads)
        done = sum(workload.acknowledged for workload in workloads)
        print(f"round {number + 1}: ready after {process.starts_s[-1]:.2f} s, {done} acknowledged")
    process.stop()
    eventually(lambda: not process.processes())
    check_tasks(process)
    check_without_orphans(process, aws, workloads)
    for workload in workloads:
        print(f"{workload.name}: {workload.acknowledged} acknowledged")
        assert workload.acknowledged > 0 or rounds < 3, workload.name


def run_until_killed(process: NodeProcess, workloads: list[Workload], life_s: float) -> None:
    """Run all workloads, each on a thread, and kill the node under them."""
    problems: list[str] = []

    def run(workload: Workload) -> None:
        try:
            while not process.killed.is_set():
                workload.step()
        except CUT_OFF:
            # Only a kill may do that.
            if not process.killed.wait(10):
                problems.append(f"{workload.name}\n{traceback.format_exc()}")
        except BaseException:  # noqa: BLE001 - told by the test's own thread
            problems.append(f"{workload.name}\n{traceback.format_exc()}")

    threads = [threading.Thread(target=run, args=(workload,)) for workload in workloads]
    for thread in threads:
        thread.start()
    time.sleep(life_s)
    process.kill()
    for thread in threads:
        thread.join()
    assert not problems, "\n".join(problems)


def check_all(workloads: list[Workload]) -> None:
    with ThreadPoolExecutor(len(workloads)) as pool:
        for checked in [pool.submit(workload.check) for workload in workloads]:
            checked.result()


def check_tasks(process: NodeProcess) -> None:
    """Nothing that was to be done is forgotten: what is left is not due yet, or was at work."""
    now = time.time()
    late = [(due, task) for due, task in process.tasks() if due < now - 5]
    assert not late


def check_without_orphans(process: NodeProcess, root: Aws, workloads: list[Workload]) -> None:
    """What the crashes left behind is collected, and nobody misses it."""
    node = Node(Config(data=process.data, port=0))
    try:
        removed = node.run(orphans.collect(node.running.node, time.time() + 10))
        print(f"{removed} orphaned blobs")
        aws = PatientAws(node, root.account, root.access_key_id, root.secret)
        for workload in workloads:
            workload.connect(aws)
        check_all(workloads)
        for workload in workloads:
            if isinstance(workload, Objects):
                workload.check_all_bodies()
            if isinstance(workload, Invocations | Stacks):
                workload.step()
        check_all(workloads)
        assert not process.control_groups()
    finally:
        node.stop()
