"""A store that fails on purpose, for tests: conflicts, failures and crashes, drawn from a seed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import TypeVar

import msgspec

from freehold.kv import Bell, StoreUnavailable, Transaction
from freehold.kv.memory import MemoryStore

T = TypeVar("T")


class Crashed(RuntimeError):
    """The process has died at this instruction; nothing in it may go on."""


class Odds(msgspec.Struct, frozen=True, kw_only=True):
    """How often, of one, each thing happens to a write.

    conflict          the body runs, its effects are dropped, it runs again
    refused           it fails, and has not happened
    lost_answer       it fails, and yet has happened
    crash_before, crash_after    the process dies before or after the commit
    """

    conflict: float = 0.0
    refused: float = 0.0
    lost_answer: float = 0.0
    crash_before: float = 0.0
    crash_after: float = 0.0


class FaultyStore:
    """A MemoryStore with faults. After a crash every call raises Crashed, until `restart`."""

    inline = True

    def __init__(self, seed: int, odds: Odds) -> None:
        self._memory = MemoryStore()
        self._random = random.Random(seed)
        self._odds = odds
        self.crashed = False

    def restart(self) -> None:
        """Begin again with what was committed."""
        self.crashed = False

    def read_inline(self, body: Callable[[Transaction], T], /) -> T:
        self._check()
        return self._memory.read_inline(body)

    async def read(self, body: Callable[[Transaction], T], /) -> T:
        return self.read_inline(body)

    def write(self, body: Callable[[Transaction], T], /) -> asyncio.Future[T]:
        return asyncio.ensure_future(self._write(body))

    async def _write(self, body: Callable[[Transaction], T]) -> T:
        self._check()
        while self._happens(self._odds.conflict):
            body(self._memory.begin())
        if self._happens(self._odds.refused):
            raise StoreUnavailable("refused on purpose")
        tx = self._memory.begin()
        result = body(tx)
        if self._happens(self._odds.crash_before):
            self._crash()
        self._memory.apply(tx)
        if self._happens(self._odds.crash_after):
            self._crash()
        await asyncio.sleep(0)
        self._check()
        self._memory.ring(tx)
        if self._happens(self._odds.lost_answer):
            raise StoreUnavailable("the answer was lost on purpose")
        return result

    def bell(self, prefix: bytes, /) -> Bell:
        return self._memory.bell(prefix)

    def close(self) -> None:
        """Nothing to do."""

    def _happens(self, odds: float) -> bool:
        return self._random.random() < odds

    def _crash(self) -> None:
        self.crashed = True
        raise Crashed

    def _check(self) -> None:
        if self.crashed:
            raise Crashed
