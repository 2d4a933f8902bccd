"""The embedded store: LMDB in a directory, with group commit.

Reads run where they are called, on a snapshot. Writes queue for one writer thread, which runs all the
bodies that wait in one LMDB transaction with one sync, each in a nested transaction of its own so that
a body that raises leaves no trace and does not hurt its neighbours; then it resolves their futures.
Several processes may have the same directory open; LMDB's lock file keeps their writers apart.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import lmdb

from freehold.kv import Bell, ReadOnly, StoreUnavailable, Transaction, long_keys
from freehold.kv.bells import Bells

T = TypeVar("T")

# LMDB takes keys of 511 bytes; a piece and the name of its layer must fit.
KEY_PIECE_BYTES = 480
# Only address space: the file is as large as what is in it.
MAP_BYTES = 1 << 40
READERS_MAX = 512
# Bodies that share one sync. More would make the first wait for the last.
GROUP_MAX = 512


class EmbeddedStore:
    """LMDB. Create it in the process that uses it: LMDB does not survive a fork."""

    inline = True

    def __init__(self, directory: Path, *, map_bytes: int = MAP_BYTES) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            self._env = lmdb.open(
                str(directory), map_size=map_bytes, max_readers=READERS_MAX, mode=0o600
            )
        except lmdb.Error as error:
            raise StoreUnavailable(f"{directory}: {error}") from error
        self._bells = Bells()
        self._waiting: deque[_Write] = deque()
        self._wake = threading.Semaphore(0)
        self._closed = False
        self._writer = threading.Thread(target=self._write_groups, name="kv-writer", daemon=True)
        self._writer.start()

    def read_inline(self, body: Callable[[Transaction], T], /) -> T:
        txn = self._env.begin()
        try:
            return body(_LmdbTransaction(txn, None))
        finally:
            txn.abort()

    async def read(self, body: Callable[[Transaction], T], /) -> T:
        return self.read_inline(body)

    def write(self, body: Callable[[Transaction], T], /) -> asyncio.Future[T]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        if self._closed:
            future.set_exception(StoreUnavailable("the store is closed"))
            return future
        self._waiting.append(_Write(body, future, loop))
        self._wake.release()
        return future

    def bell(self, prefix: bytes, /) -> Bell:
        return self._bells.bell(prefix)

    def close(self) -> None:
        """Finish what waits, then close."""
        if self._closed:
            return
        self._closed = True
        self._wake.release()
        self._writer.join()
        self._env.close()

    def _write_groups(self) -> None:
        while True:
            self._wake.acquire()
            group: list[_Write] = []
            while self._waiting and len(group) < GROUP_MAX:
                group.append(self._waiting.popleft())
            if group:
                self._write_group(group)
            elif self._closed:
                return
            if self._waiting or self._closed:
                self._wake.release()

    def _write_group(self, group: list[_Write]) -> None:
        touched: list[bytes] = []
        try:
            txn = self._env.begin(write=True)
            try:
                for write in group:
                    self._run(txn, write, touched)
                txn.commit()
            except BaseException:
                txn.abort()
                raise
        except lmdb.Error as error:
            unavailable = StoreUnavailable(str(error))
            for write in group:
                write.error = unavailable
        for loop in {write.loop for write in group}:
            mine = [write for write in group if write.loop is loop]
            try:
                loop.call_soon_threadsafe(self._resolve, mine, touched)
            except RuntimeError:
                # The loop has closed: nobody waits for these any more. What they wrote stays.
                continue

    def _run(self, txn: Any, write: _Write, touched: list[bytes]) -> None:
        child = self._env.begin(write=True, parent=txn)
        mine: list[bytes] = []
        try:
            write.result = write.body(_LmdbTransaction(child, mine))
        except lmdb.Error:
            child.abort()
            raise
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for this body
            child.abort()
            write.error = error
        else:
            child.commit()
            touched += mine

    def _resolve(self, group: list[_Write], touched: list[bytes]) -> None:
        for write in group:
            if write.future.done():
                continue
            if write.error is None:
                write.future.set_result(write.result)
            else:
                write.future.set_exception(write.error)
        self._bells.ring(touched)


class _Write:
    __slots__ = ("body", "error", "future", "loop", "result")

    def __init__(
        self,
        body: Callable[[Transaction], Any],
        future: asyncio.Future[Any],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.body = body
        self.future = future
        self.loop = loop
        self.result: Any = None
        self.error: BaseException | None = None


class _LmdbTransaction:
    """A body's view of an LMDB transaction; `touched` is None in a read-only one."""

    __slots__ = ("_touched", "_txn")

    def __init__(self, txn: Any, touched: list[bytes] | None) -> None:
        self._txn = txn
        self._touched = touched

    def get(self, key: bytes, /) -> bytes | None:
        if len(key) >= KEY_PIECE_BYTES:
            key = long_keys.locate(key, KEY_PIECE_BYTES)
        value: bytes | None = self._txn.get(key)
        return value

    def scan(
        self, start: bytes, end: bytes, /, *, limit: int, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        rows = _Rows(self._txn)
        return long_keys.scan(
            rows, start, end, limit=limit, reverse=reverse, key_limit=KEY_PIECE_BYTES
        )

    def put(self, key: bytes, value: bytes, /) -> None:
        if self._touched is None:
            raise ReadOnly("put in a body that was declared read-only")
        self._touched.append(key)
        if len(key) < KEY_PIECE_BYTES:
            self._txn.put(key, value)
        else:
            long_keys.put(_Rows(self._txn), key, value, KEY_PIECE_BYTES)

    def delete(self, key: bytes, /) -> None:
        if self._touched is None:
            raise ReadOnly("delete in a body that was declared read-only")
        self._touched.append(key)
        if len(key) < KEY_PIECE_BYTES:
            self._txn.delete(key)
        else:
            long_keys.delete(_Rows(self._txn), key, KEY_PIECE_BYTES)

    def clear(self, start: bytes, end: bytes, /) -> None:
        while keys := [key for key, _ in self.scan(start, end, limit=1000)]:
            for key in keys:
                self.delete(key)


class _Rows:
    """LMDB's own rows, whose keys have at most 511 bytes."""

    __slots__ = ("_txn",)

    def __init__(self, txn: Any) -> None:
        self._txn = txn

    def get(self, key: bytes, /) -> bytes | None:
        value: bytes | None = self._txn.get(key)
        return value

    def put(self, key: bytes, value: bytes, /) -> None:
        self._txn.put(key, value)

    def delete(self, key: bytes, /) -> None:
        self._txn.delete(key)

    def scan(
        self, start: bytes, end: bytes, /, *, limit: int, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        if start >= end or limit <= 0:
            return
        with self._txn.cursor() as cursor:
            if reverse:
                placed = cursor.set_range(end)
                placed = cursor.prev() if placed else cursor.last()
            else:
                placed = cursor.set_range(start)
            while placed and limit:
                key, value = cursor.item()
                if key < start if reverse else key >= end:
                    return
                yield key, value
                limit -= 1
                placed = cursor.prev() if reverse else cursor.next()
