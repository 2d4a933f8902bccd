"""A store in memory, for tests: the same contract, nothing on disk."""

from __future__ import annotations

import asyncio
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from typing import TypeVar

from freehold.kv import Bell, ReadOnly, Transaction
from freehold.kv.bells import Bells

T = TypeVar("T")


class MemoryStore:
    """A sorted dict. Bodies run one at a time, on the event loop."""

    inline = True

    def __init__(self) -> None:
        self._values: dict[bytes, bytes] = {}
        self._keys: list[bytes] = []
        self._bells = Bells()

    def read_inline(self, body: Callable[[Transaction], T], /) -> T:
        return body(_MemoryTransaction(self._keys, self._values, writable=False))

    async def read(self, body: Callable[[Transaction], T], /) -> T:
        return self.read_inline(body)

    async def write(self, body: Callable[[Transaction], T], /) -> T:
        tx = _MemoryTransaction(self._keys, self._values, writable=True)
        result = body(tx)
        self.apply(tx)
        # A commit takes its time everywhere else; what relies on its being immediate should fail here.
        await asyncio.sleep(0)
        self._bells.ring(tx.changes)
        return result

    def begin(self) -> _MemoryTransaction:
        return _MemoryTransaction(self._keys, self._values, writable=True)

    def apply(self, tx: _MemoryTransaction) -> None:
        for key, value in tx.changes.items():
            if value is None:
                if self._values.pop(key, None) is not None:
                    del self._keys[bisect_left(self._keys, key)]
            else:
                if key not in self._values:
                    insort(self._keys, key)
                self._values[key] = value

    def bell(self, prefix: bytes, /) -> Bell:
        return self._bells.bell(prefix)

    def ring(self, tx: _MemoryTransaction) -> None:
        self._bells.ring(tx.changes)

    def close(self) -> None:
        """Nothing to do."""


class _MemoryTransaction:
    """What was there, and over it what the body changed (None: deleted)."""

    def __init__(self, keys: list[bytes], values: dict[bytes, bytes], *, writable: bool) -> None:
        self._keys = keys
        self._values = values
        self._writable = writable
        self.changes: dict[bytes, bytes | None] = {}

    def get(self, key: bytes, /) -> bytes | None:
        if key in self.changes:
            return self.changes[key]
        return self._values.get(key)

    def scan(
        self, start: bytes, end: bytes, /, *, limit: int, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        keys = self._keys[bisect_left(self._keys, start) : bisect_left(self._keys, end)]
        if self.changes:
            changed = {key for key in self.changes if start <= key < end}
            keys = sorted(changed.union(keys))
        if reverse:
            keys.reverse()
        for key in keys:
            value = self.get(key)
            if value is None:
                continue
            if limit <= 0:
                return
            limit -= 1
            yield key, value

    def put(self, key: bytes, value: bytes, /) -> None:
        if not self._writable:
            raise ReadOnly("put in a body that was declared read-only")
        self.changes[key] = value

    def delete(self, key: bytes, /) -> None:
        if not self._writable:
            raise ReadOnly("delete in a body that was declared read-only")
        self.changes[key] = None

    def clear(self, start: bytes, end: bytes, /) -> None:
        for key, _ in list(self.scan(start, end, limit=len(self._keys) + len(self.changes))):
            self.delete(key)
