"""Tasks: when they run, in which order, how often, and that no death of a worker loses one."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from freehold.kernel import tasks
from freehold.kernel.chance import SeededChance
from freehold.kernel.clock import ManualClock
from freehold.kernel.node import Node, Settings
from freehold.kernel.principal import root
from freehold.kernel.records import Records
from freehold.kernel.service import Service
from freehold.kernel.tasks import LEASE_S, Worker
from freehold.kv.faulty import FaultyStore, Odds
from freehold.kv.keys import Scope
from freehold.kv.memory import MemoryStore

HERE = Scope("111111111111", "us-east-1")


class Ran(msgspec.Struct, frozen=True):
    """One run, as the run itself recorded it."""

    name: str
    at: float
    attempt: int


_runs = Records("jobs", "run", Ran)


class Platform:
    """A store and workers over it, all in one event loop and one clock."""

    def __init__(self, store: Any, seed: int = 1) -> None:
        self.store = store
        self.clock = ManualClock(1000.0)
        self.service = Service("jobs")
        self.chance = SeededChance(seed)
        self.gates: dict[str, asyncio.Future[None]] = {}
        self.fails: Counter[str] = Counter()
        self.started: list[str] = []
        self.workers: list[Running] = []
        self.service.task("plain")(self._plain)
        self.service.task("later")(self._later)

    def node(self, clock: ManualClock | None = None) -> Node:
        return Node(
            store=self.store,
            blobs=None,
            services={"jobs": lambda: self.service},
            directory=None,
            clock=clock or self.clock,
            chance=self.chance,
            settings=Settings(),
        )

    def work(self, clock: ManualClock | None = None) -> Running:
        self.workers.append(Running(self.node(clock)))
        return self.workers[-1]

    async def ask(self, name: str, kind: str = "plain", **options: Any) -> str:
        """Ask for a task that records its run under this name."""
        call = self.node().call("jobs", "Ask", HERE.account, HERE.region, root(HERE.account))
        return await call.write(lambda inner: inner.later(kind, {"name": name}, **options))

    async def cancel(self, task_id: str) -> bool:
        return await self.store.write(lambda tx: tasks.cancel(tx, task_id))

    async def turn(self, *seconds: float) -> None:
        """Let all that can happen happen; then again after each pause."""
        await settle()
        for pause in seconds:
            self.clock.advance(pause)
            await settle()

    def runs(self) -> list[Ran]:
        found = self.store.read_inline(lambda tx: list(_runs.list(tx, HERE, limit=10_000)))
        return [run for _, run in found]

    def names(self) -> list[str]:
        return [run.name for run in self.runs()]

    def left(self) -> int:
        listed = self.store.read_inline(
            lambda tx: list(tasks._due.list(tx, tasks._NOWHERE, limit=10_000))
        )
        lanes = self.store.read_inline(
            lambda tx: list(tasks._lanes.list(tx, tasks._NOWHERE, limit=10_000))
        )
        return len(listed) + len([task for _, task in lanes if task.lane is None])

    def _plain(self, call: Any, payload: dict[str, Any]) -> None:
        self._record(call, payload)
        self._fail(payload["name"])

    async def _later(self, call: Any, payload: dict[str, Any]) -> None:
        name = payload["name"]
        self.started.append(name)
        gate = self.gates.get(name)
        if gate is not None:
            await asyncio.shield(gate)
        self._fail(name)
        await call.write(lambda inner: self._record(inner, payload))

    def _fail(self, name: str) -> None:
        if self.fails[name]:
            self.fails[name] -= 1
            raise ZeroDivisionError(name)

    def _record(self, call: Any, payload: dict[str, Any]) -> None:
        last = next(_runs.list(call.tx, HERE, limit=1, reverse=True), None)
        number = 0 if last is None else last[0][0] + 1
        run = Ran(payload["name"], call.node.clock.now(), call.attempt)
        _runs.save(call.tx, HERE, run, number)


class Running:
    """A worker at work; it can be stopped in order, or die."""

    def __init__(self, node: Node) -> None:
        self.worker = Worker(node)
        self._loop = asyncio.ensure_future(self.worker.run())

    async def stop(self) -> None:
        self._loop.cancel()
        await self.worker.stop()
        await asyncio.gather(self._loop, return_exceptions=True)


async def settle() -> None:
    for _ in range(60):
        await asyncio.sleep(0)


def simulate(scenario: Any, store: Any = None, seed: int = 1) -> Platform:
    """Run a scenario to its end and stop its workers."""
    platform = Platform(store or MemoryStore(), seed)

    async def run() -> None:
        try:
            await scenario(platform)
        finally:
            for worker in platform.workers:
                await worker.stop()

    asyncio.run(run())
    return platform


KINDS = pytest.mark.parametrize("kind", ["plain", "later"])


@KINDS
def test_a_task_runs_as_soon_as_it_is_committed(kind):
    """The bell rings: nobody waits for a poll."""

    async def scenario(it):
        it.work()
        await it.turn()
        await it.ask("a", kind)
        assert it.names() == []
        await it.turn()
        assert it.runs() == [Ran("a", 1000.0, 1)]
        assert it.left() == 0

    simulate(scenario)


@KINDS
def test_a_task_runs_when_it_is_due_and_not_before(kind):
    async def scenario(it):
        it.work()
        for name, due in (("c", 1030.0), ("a", 1010.0), ("b", 1020.0), ("past", 5.0)):
            await it.ask(name, kind, due=due)
        await it.turn(9.99)
        assert it.names() == ["past"]
        await it.turn(0.01, 9.99)
        assert it.names() == ["past", "a"]
        await it.turn(0.01, 10)
        assert it.names() == ["past", "a", "b", "c"]

    simulate(scenario)


def test_a_task_that_is_due_earlier_is_seen_by_a_worker_that_waits_for_a_later_one():
    async def scenario(it):
        await it.ask("late", due=1100.0)
        it.work()
        await it.turn()
        await it.ask("early", due=1001.0)
        await it.turn(1)
        assert it.names() == ["early"]

    simulate(scenario)


def test_more_tasks_than_may_run_at_once_all_run():
    async def scenario(it):
        total = tasks.RUNNING_MAX * 2 + 10
        for number in range(total):
            it.gates[str(number)] = asyncio.get_running_loop().create_future()
            await it.ask(str(number), "later")
        it.work()
        for _ in range(20):
            await settle()
        assert len(it.started) == tasks.RUNNING_MAX
        for gate in it.gates.values():
            gate.set_result(None)
        for _ in range(60):
            await settle()
        assert sorted(it.names(), key=int) == [str(number) for number in range(total)]

    simulate(scenario)


@KINDS
def test_tasks_of_a_lane_run_one_after_the_other(kind):
    """In the order they were asked for, whatever becomes of each."""

    async def scenario(it):
        it.fails.update({"2": 2, "5": 1})
        for number in range(8):
            await it.ask(str(number), kind, lane="l")
        it.work()
        await it.turn(*[0.25] * 12)
        assert it.names() == [str(number) for number in range(8)]
        assert {run.name: run.attempt for run in it.runs() if run.attempt > 1} == {"2": 3, "5": 2}
        await it.ask("8", kind, lane="l")
        await it.turn()
        assert it.names()[-1] == "8"
        assert it.left() == 0

    simulate(scenario)


def test_a_lane_that_waits_holds_up_no_other():
    async def scenario(it):
        gate = it.gates["a1"] = asyncio.get_running_loop().create_future()
        for lane in "ab":
            for number in "123":
                await it.ask(lane + number, "later", lane=lane)
        await it.ask("free", "later")
        it.work()
        await it.turn(100)
        assert sorted(it.names()) == ["b1", "b2", "b3", "free"]
        assert "a2" not in it.started
        gate.set_result(None)
        await it.turn()
        assert it.names()[4:] == ["a1", "a2", "a3"]

    simulate(scenario)


def test_a_task_behind_others_in_its_lane_still_waits_until_it_is_due():
    async def scenario(it):
        await it.ask("first", lane="l")
        await it.ask("second", lane="l", due=1050.0)
        await it.ask("third", lane="l")
        it.work()
        await it.turn(49)
        assert it.names() == ["first"]
        await it.turn(1)
        assert it.names() == ["first", "second", "third"]

    simulate(scenario)


@KINDS
def test_a_task_that_fails_is_tried_again_later_and_later(kind, caplog):
    """A quarter of a second, then double each time, at most five minutes."""

    async def scenario(it):
        it.fails["a"] = 13
        await it.ask("a", kind)
        it.work()
        await it.turn()
        waited = []
        for attempt in range(1, 14):
            assert it.runs() == []
            wait = min(0.25 * 2 ** (attempt - 1), 300.0)
            await it.turn(wait - 0.01)
            assert it.fails["a"] == 13 - attempt
            await it.turn(0.02)
            waited.append(wait)
        assert [run.attempt for run in it.runs()] == [14]
        assert max(waited) == 300.0

    simulate(scenario)
    assert caplog.text.count("ZeroDivisionError") >= 13


def test_a_plain_task_that_fails_leaves_nothing_of_its_run():
    """Its effects and its end are one transaction."""

    async def scenario(it):
        it.fails["a"] = 1
        await it.ask("a")
        it.work()
        await it.turn()
        assert it.runs() == []
        await it.turn(0.25)
        assert len(it.runs()) == 1

    simulate(scenario)


def test_a_task_that_nobody_here_knows_waits_for_somebody_who_does(caplog):
    """Another version of the program put it there."""

    async def scenario(it):
        await it.ask("a", "later")
        function = it.service.tasks.pop("later")
        it.work()
        await it.turn(1, 1)
        assert it.left() == 1
        it.service.tasks["later"] = function
        await it.turn(*[1] * 10)
        assert it.names() == ["a"]

    simulate(scenario)
    assert "no service here runs jobs later" in caplog.text


def test_what_has_not_begun_can_be_taken_back():
    async def scenario(it):
        waiting = await it.ask("waiting", due=1010.0)
        done = await it.ask("done")
        it.gates["running"] = asyncio.get_running_loop().create_future()
        running = await it.ask("running", "later")
        first = await it.ask("first", lane="l", due=1010.0)
        second = await it.ask("second", lane="l")
        it.work()
        await it.turn()
        assert await it.cancel(waiting)
        for task_id in (waiting, done, running, first, second):
            assert not await it.cancel(task_id)
        it.gates["running"].set_result(None)
        await it.turn(10)
        assert it.names() == ["done", "running", "first", "second"]

    simulate(scenario)


@KINDS
def test_two_workers_on_a_store_run_each_task_once(kind):
    async def scenario(it):
        it.work()
        it.work()
        for number in range(50):
            await it.ask(str(number), kind, lane="l" if number % 5 == 0 else None)
        await it.turn(0, 0, 0, 0)
        assert sorted(it.names(), key=int) == [str(number) for number in range(50)]
        assert it.left() == 0

    simulate(scenario)


def test_a_lease_is_renewed_as_long_as_the_task_runs():
    """A function may run for a quarter of an hour; nobody else takes it meanwhile."""

    async def scenario(it):
        gate = it.gates["a"] = asyncio.get_running_loop().create_future()
        await it.ask("a", "later")
        it.work()
        it.work()
        await it.turn(*[LEASE_S / 3] * 90)
        assert it.started == ["a"]
        gate.set_result(None)
        await it.turn()
        assert it.names() == ["a"]
        assert it.left() == 0

    simulate(scenario)


def test_a_worker_that_stops_leaves_its_task_until_its_lease_ends():
    async def scenario(it):
        it.gates["a"] = asyncio.get_running_loop().create_future()
        await it.ask("a", "later")
        first = it.work()
        await it.turn()
        await first.stop()
        del it.gates["a"]
        it.work()
        await it.turn(LEASE_S - 1)
        assert it.names() == []
        await it.turn(1)
        assert it.names() == ["a"]

    simulate(scenario)


def test_a_node_alone_reclaims_at_its_start_what_it_left():
    """Nobody else can hold it: there is no lease to wait for."""

    async def scenario(it):
        it.gates["a"] = asyncio.get_running_loop().create_future()
        await it.ask("a", "later")
        await it.ask("waits", due=2000.0)
        first = it.work()
        await it.turn()
        await first.stop()
        del it.gates["a"]
        await Worker(it.node()).reclaim()
        it.work()
        await it.turn()
        assert it.names() == ["a"]
        await it.turn(1000)
        assert it.names() == ["a", "waits"]

    simulate(scenario)


@pytest.mark.parametrize("ends", ["well", "badly"])
def test_a_worker_that_lost_its_lease_changes_nothing_by_its_end(ends):
    """The fence: it slept through its lease (its clock stands still), and another took over."""

    async def scenario(it):
        slow = it.gates["a"] = asyncio.get_running_loop().create_future()
        await it.ask("a", "later")
        it.work(ManualClock(1000.0))
        await it.turn()
        assert it.started == ["a"]
        other = it.gates["a"] = asyncio.get_running_loop().create_future()
        it.work()
        await it.turn(LEASE_S)
        assert it.started == ["a", "a"]
        # The first ends while the second works: the task stays the second's.
        it.fails["a"] = 1 if ends == "badly" else 0
        slow.set_result(None)
        await it.turn()
        assert it.left() == 1
        other.set_result(None)
        await it.turn()
        assert it.left() == 0
        assert it.names().count("a") == (1 if ends == "badly" else 2)
        await it.turn(LEASE_S, LEASE_S)
        assert it.started == ["a", "a"]

    simulate(scenario)


ODDS = {
    "conflicts": Odds(conflict=0.3),
    "failures": Odds(refused=0.1, lost_answer=0.1),
    "crashes": Odds(crash_before=0.03, crash_after=0.03),
    "all": Odds(conflict=0.1, refused=0.05, lost_answer=0.05, crash_before=0.02, crash_after=0.02),
}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("odds", ODDS)
def test_every_task_runs_whatever_the_store_and_the_process_do(odds, seed):
    """Plain ones exactly once, waiting ones at least once, those of a lane in their order."""
    chance = random.Random(seed)
    store = FaultyStore(seed, Odds())
    asked = {f"{kind}{number}": kind for kind in ("plain", "later") for number in range(12)}
    lanes = {f"lane{number}": "plain" for number in range(12)}

    async def scenario(it):
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        for name, kind in asked.items():
            await it.ask(name, kind, due=1000.0 + chance.random() * 30)
        for name, kind in lanes.items():
            await it.ask(name, kind, lane="lane")
        store._odds = ODDS[odds]
        for _ in range(600):
            it.workers = [it.work()]
            await _start(it, chance)
            for _ in range(chance.randrange(5, 40)):
                it.clock.advance(chance.random() * 3)
                for _ in range(chance.randrange(30)):
                    await asyncio.sleep(0)
                if store.crashed:
                    break
            await _kill(it)
            if not it.left():
                break
        else:
            raise AssertionError(f"{it.left()} tasks are left")

    platform = simulate(scenario, store, seed)
    counts = Counter(platform.names())
    assert {name for name, kind in asked.items() if kind == "later"} <= counts.keys()
    assert {name: counts[name] for name in asked if asked[name] == "plain"} == {
        name: 1 for name, kind in asked.items() if kind == "plain"
    }
    assert [name for name in platform.names() if name in lanes] == list(lanes)


async def _start(it: Platform, chance: random.Random) -> None:
    """As a node begins: alone on its store, or not."""
    if chance.random() < 0.5:
        await asyncio.gather(it.workers[0].worker.reclaim(), return_exceptions=True)


async def _kill(it: Platform) -> None:
    """Nothing of the process goes on; what was committed stays."""
    it.store.crashed = True
    current = asyncio.current_task()
    doomed = [task for task in asyncio.all_tasks() if task is not current]
    for task in doomed:
        task.cancel()
    await asyncio.gather(*doomed, return_exceptions=True)
    it.store.restart()
    it.workers = []


def test_the_tests_own_platform_records_in_order():
    """What the orders above rest on."""
    store = MemoryStore()
    platform = Platform(store)

    async def run() -> None:
        for number in range(12):
            call = SimpleNamespace(node=platform.node(), attempt=1)

            def body(tx, call=call, number=number):
                call.tx = tx
                platform._record(call, {"name": str(number)})

            await store.write(body)

    asyncio.run(run())
    assert platform.names() == [str(number) for number in range(12)]
