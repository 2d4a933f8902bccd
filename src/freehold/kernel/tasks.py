"""Tasks: everything that happens later, and the only owner of timers and background work.

A task is a record, written in the transaction that causes it, under the time when it is due:

    (kernel, "", "", task, due_ms, id)           the tasks that may run, or are leased until due_ms
    (kernel, "", "", lane, service, lane, seq)   the tasks of a lane; only its first is also a task above

A worker runs a task whose function is plain in one transaction that also deletes the record: once. For an
async one it first moves the record to the end of a lease, renews that while the function runs, and
deletes it after; a worker that dies leaves a task that is due again when its lease ends. A record that is
no longer where its worker put it has another owner: that worker's outcome is dropped (the fence).
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from typing import TYPE_CHECKING, Any

import msgspec

from freehold.kernel import principal
from freehold.kernel.records import Records
from freehold.kv import StoreError, Transaction
from freehold.kv.keys import Scope

if TYPE_CHECKING:
    from freehold.kernel.call import Call
    from freehold.kernel.node import Node

log = logging.getLogger(__name__)

LEASE_S = 30.0
BACKOFF_S_MAX = 300.0
RUNNING_MAX = 256
# However quiet the bell, look again this often: another process may have added a task.
SILENCE_S_MAX = 5.0
_NOWHERE = Scope("", "")


class Task(msgspec.Struct, frozen=True, kw_only=True):
    service: str
    kind: str
    account: str
    region: str
    payload: dict[str, Any]
    due_ms: int = 0
    lane: tuple[str, int] | None = None
    attempts: int = 0
    leased: bool = False


_due = Records("kernel", "task", Task)
_lanes = Records("kernel", "lane", Task)


def add(
    call: Call, kind: str, payload: dict[str, Any], *, due: float | None, lane: str | None
) -> str:
    """Record a task in the call's transaction; see Call.later."""
    service = call.node.service(call.service)
    assert kind in service.tasks, f"{call.service} has no task {kind!r}"
    due_ms = int((call.now if due is None else due) * 1000)
    task = Task(
        service=call.service,
        kind=kind,
        account=call.account,
        region=call.region,
        payload=payload,
        due_ms=due_ms,
    )
    if lane is None:
        return _put(call.tx, task, due_ms, call.new_id())
    last = next(_lanes.list(call.tx, _NOWHERE, call.service, lane, limit=1, reverse=True), None)
    number = 1 if last is None else last[0][2] + 1
    task = msgspec.structs.replace(task, lane=(lane, number))
    _lanes.save(call.tx, _NOWHERE, task, call.service, lane, number)
    if last is None:
        return _put(call.tx, task, due_ms, call.new_id())
    return ""


def cancel(tx: Transaction, task_id: str) -> bool:
    due_ms, _, name = task_id.partition("-")
    if not name:
        return False
    task = _due.load(tx, _NOWHERE, int(due_ms), name)
    if task is None or task.leased or task.lane is not None:
        return False
    _due.delete(tx, _NOWHERE, int(due_ms), name)
    return True


def _put(tx: Transaction, task: Task, due_ms: int, name: str) -> str:
    _due.save(tx, _NOWHERE, task, due_ms, name)
    return f"{due_ms}-{name}"


class Worker:
    """Runs the tasks of one node until it is stopped."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._running: dict[str, asyncio.Task[None]] = {}
        self._stopping = False

    async def reclaim(self) -> None:
        """Make every leased task due now. Only for a node that has the store to itself."""

        def body(tx: Transaction) -> None:
            now_ms = int(self._node.clock.now() * 1000)
            for (due_ms, name), task in list(_due.list(tx, _NOWHERE, limit=1_000_000)):
                if task.leased:
                    _due.delete(tx, _NOWHERE, due_ms, name)
                    _put(tx, msgspec.structs.replace(task, leased=False), now_ms, name)

        await self._node.store.write(body)

    async def run(self) -> None:
        """Run tasks as they fall due, forever."""
        with self._node.store.bell(_due.space.prefix(_NOWHERE)) as bell:
            while True:
                try:
                    until = await self._run_due()
                except StoreError:
                    log.exception("the store is unavailable; tasks wait")
                    until = self._node.clock.now() + 1.0
                await self._wait(bell, until)

    async def stop(self) -> None:
        """Cancel what runs; it is due again when its lease ends, or at the next start."""
        for running in self._running.values():
            running.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _wait(self, bell: Any, until: float) -> None:
        ring = asyncio.ensure_future(bell.wait())
        timer = asyncio.ensure_future(self._sleep(until))
        try:
            await asyncio.wait((ring, timer), return_when=asyncio.FIRST_COMPLETED)
        finally:
            ring.cancel()
            timer.cancel()

    async def _sleep(self, until: float) -> None:
        await self._node.clock.sleep(until - self._node.clock.now())

    async def _run_due(self) -> float:
        """Start what is due; return when there may be more. It is a time and not a pause, because
        the clock may be turned while this waits for the store."""
        room = RUNNING_MAX - len(self._running)
        if room <= 0:
            await asyncio.wait(self._running.values(), return_when=asyncio.FIRST_COMPLETED)
            return self._node.clock.now()
        # Tasks that run here but have not yet been leased are still listed: look past them.
        limit = room + len(self._running)
        listed = await self._node.store.read(lambda tx: list(_due.list(tx, _NOWHERE, limit=limit)))
        now = self._node.clock.now()
        for (due_ms, name), task in listed:
            if due_ms > now * 1000:
                return float(min(due_ms / 1000, now + SILENCE_S_MAX))
            if name not in self._running:
                self._start(due_ms, name, task)
        return now if len(listed) == limit else now + SILENCE_S_MAX

    def _start(self, due_ms: int, name: str, task: Task) -> None:
        running = asyncio.create_task(self._run_one(due_ms, name, task))
        self._running[name] = running
        running.add_done_callback(lambda _: self._running.pop(name, None))

    async def _run_one(self, due_ms: int, name: str, task: Task) -> None:
        try:
            function = self._node.service(task.service).tasks[task.kind]
            if inspect.iscoroutinefunction(function):
                await self._run_async(function, due_ms, name, task)
            else:
                await self._run_plain(function, due_ms, name, task)
        except StoreError:
            log.exception("the store is unavailable; %s %s waits", task.service, task.kind)
            await self._node.clock.sleep(1.0)
        except KeyError:
            log.error("no service here runs %s %s; it waits", task.service, task.kind)
            await self._node.store.write(lambda tx: self._again(tx, due_ms, name, task))

    async def _run_plain(self, function: Any, due_ms: int, name: str, task: Task) -> None:
        call = self._call(task)

        def body(tx: Transaction) -> None:
            if _due.load(tx, _NOWHERE, due_ms, name) is None:
                return
            function(call.within(tx), task.payload)
            self._done(tx, due_ms, name, task)

        try:
            await self._node.store.write(body)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - a task that fails is tried again, and said
            self._complain(task, error)
            await self._node.store.write(lambda tx: self._again(tx, due_ms, name, task))

    async def _run_async(self, function: Any, due_ms: int, name: str, task: Task) -> None:
        lease = _Lease(self._node, name, task)
        if not await lease.take(due_ms):
            return
        renewing = asyncio.create_task(lease.renew())
        try:
            await function(self._call(task), task.payload)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - a task that fails is tried again, and said
            self._complain(task, error)
            finish = self._again
        else:
            finish = self._done
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
        await self._node.store.write(lambda tx: finish(tx, lease.due_ms, name, task))

    def _call(self, task: Task) -> Call:
        call = self._node.call(
            task.service,
            task.kind,
            task.account,
            task.region,
            principal.service(f"{task.service}.amazonaws.com"),
        )
        call.attempt = task.attempts + 1
        return call

    def _done(self, tx: Transaction, due_ms: int, name: str, task: Task) -> None:
        if _due.load(tx, _NOWHERE, due_ms, name) is None:
            return
        _due.delete(tx, _NOWHERE, due_ms, name)
        if task.lane is not None:
            lane, number = task.lane
            _lanes.delete(tx, _NOWHERE, task.service, lane, number)
            following = next(_lanes.list(tx, _NOWHERE, task.service, lane, limit=1), None)
            if following is not None:
                now_ms = int(self._node.clock.now() * 1000)
                _put(tx, following[1], max(now_ms, following[1].due_ms), self._node.new_id())

    def _again(self, tx: Transaction, due_ms: int, name: str, task: Task) -> None:
        if _due.load(tx, _NOWHERE, due_ms, name) is None:
            return
        _due.delete(tx, _NOWHERE, due_ms, name)
        wait_s = min(2.0**task.attempts * 0.25, BACKOFF_S_MAX)
        later = msgspec.structs.replace(task, attempts=task.attempts + 1, leased=False)
        _put(tx, later, int((self._node.clock.now() + wait_s) * 1000), name)

    def _complain(self, task: Task, error: Exception) -> None:
        log.error(
            "task %s %s failed on attempt %d: %r",
            task.service,
            task.kind,
            task.attempts + 1,
            error,
            exc_info=error,
        )


class _Lease:
    """A task moved to the time when somebody else may have it."""

    def __init__(self, node: Node, name: str, task: Task) -> None:
        self._node = node
        self._name = name
        self._task = msgspec.structs.replace(task, leased=True)
        self.due_ms = 0

    async def take(self, due_ms: int) -> bool:
        return await self._move(due_ms)

    async def renew(self) -> None:
        while True:
            await self._node.clock.sleep(LEASE_S / 2)
            if not await self._move(self.due_ms):
                return

    async def _move(self, from_ms: int) -> bool:
        until_ms = int((self._node.clock.now() + LEASE_S) * 1000)

        def body(tx: Transaction) -> bool:
            if _due.load(tx, _NOWHERE, from_ms, self._name) is None:
                return False
            _due.delete(tx, _NOWHERE, from_ms, self._name)
            _put(tx, self._task, until_ms, self._name)
            return True

        moved = await self._node.store.write(body)
        if moved:
            self.due_ms = until_ms
        return moved
