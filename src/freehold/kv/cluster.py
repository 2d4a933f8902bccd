"""The cluster's store: the PostgreSQL wire (PostgreSQL, CockroachDB, YugabyteDB).

One table of keys and values. A write body runs in a serialisable transaction and again when the database
finds that it conflicts with another; a read body runs on one snapshot. Bodies are synchronous, so they
run on a few threads, each with a connection of its own.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import psycopg
from psycopg import sql

from freehold.kv import Bell, ReadOnly, StoreUnavailable, Transaction, long_keys
from freehold.kv.bells import Bells

log = logging.getLogger(__name__)

T = TypeVar("T")

# A PostgreSQL index takes rows of about 2,700 bytes.
KEY_PIECE_BYTES = 2000
CONNECTIONS = 8
TRIES_MAX = 100
_SCAN_ROWS = 1000
# Serialisation failure, deadlock, unique violation (two bodies put the same new key).
_RETRIED = frozenset({"40001", "40P01", "23505"})


class ClusterStore:
    """PostgreSQL at an address such as postgresql://user@host/database."""

    inline = False

    def __init__(
        self, address: str, *, table: str = "freehold", connections: int = CONNECTIONS
    ) -> None:
        self._address = address
        self._table = sql.Identifier(table)
        self._bells = Bells()
        self._local = threading.local()
        self._connections: list[psycopg.Connection[Any]] = []
        self._closed = False
        self._threads = ThreadPoolExecutor(connections, thread_name_prefix="kv")
        self._statements = _statements(table)
        create = "CREATE TABLE IF NOT EXISTS {} (k bytea PRIMARY KEY, v bytea NOT NULL)"
        try:
            with psycopg.connect(address) as connection:
                connection.execute(sql.SQL(create).format(self._table))
        except psycopg.Error as error:
            raise StoreUnavailable(str(error).strip()) from error

    def read_inline(self, body: Callable[[Transaction], T], /) -> T:
        raise NotImplementedError("a cluster's store must be waited for")

    async def read(self, body: Callable[[Transaction], T], /) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._read, body)

    def write(self, body: Callable[[Transaction], T], /) -> asyncio.Future[T]:
        return asyncio.ensure_future(self._write_and_ring(body))

    async def _write_and_ring(self, body: Callable[[Transaction], T]) -> T:
        loop = asyncio.get_running_loop()
        result, touched = await loop.run_in_executor(self._threads, self._write, body)
        self._bells.ring(touched)
        return result

    def bell(self, prefix: bytes, /) -> Bell:
        return self._bells.bell(prefix)

    def close(self) -> None:
        self._closed = True
        self._threads.shutdown(wait=True)
        for connection in self._connections:
            connection.close()

    def _read(self, body: Callable[[Transaction], T]) -> T:
        try:
            connection = self._connection()
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            try:
                return body(_PostgresTransaction(connection, self._statements, None))
            finally:
                connection.execute("ROLLBACK")
        except psycopg.Error as error:
            raise self._unavailable(error) from error

    def _write(self, body: Callable[[Transaction], T]) -> tuple[T, list[bytes]]:
        for attempt in range(TRIES_MAX):
            touched: list[bytes] = []
            try:
                return self._write_once(body, touched), touched
            except psycopg.Error as error:
                if error.sqlstate not in _RETRIED:
                    raise self._unavailable(error) from error
                # Those that collided should not all come back at the same moment.
                time.sleep(0.0005 * (attempt + threading.get_ident() % 7))
        raise StoreUnavailable(f"a transaction met conflicts {TRIES_MAX} times")

    def _write_once(self, body: Callable[[Transaction], T], touched: list[bytes]) -> T:
        connection = self._connection()
        connection.execute("BEGIN ISOLATION LEVEL SERIALIZABLE")
        try:
            result = body(_PostgresTransaction(connection, self._statements, touched))
        except BaseException:
            if not connection.closed:
                connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
        return result

    def _connection(self) -> psycopg.Connection[Any]:
        connection: psycopg.Connection[Any] | None = getattr(self._local, "connection", None)
        if connection is None or connection.closed:
            connection = psycopg.connect(self._address, autocommit=True)
            self._local.connection = connection
            self._connections.append(connection)
        return connection

    def _unavailable(self, error: psycopg.Error) -> StoreUnavailable:
        connection: psycopg.Connection[Any] | None = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._connections.remove(connection)
            self._local.connection = None
        return StoreUnavailable(str(error).strip())


def _statements(table: str) -> dict[str, sql.Composed]:
    texts = {
        "get": "SELECT v FROM {} WHERE k = %s",
        "put": "INSERT INTO {} (k, v) VALUES (%s, %s) ON CONFLICT (k) DO UPDATE SET v = EXCLUDED.v",
        "delete": "DELETE FROM {} WHERE k = %s",
        "scan": "SELECT k, v FROM {} WHERE k >= %s AND k < %s ORDER BY k LIMIT %s",
        "scan back": "SELECT k, v FROM {} WHERE k >= %s AND k < %s ORDER BY k DESC LIMIT %s",
    }
    return {name: sql.SQL(text).format(sql.Identifier(table)) for name, text in texts.items()}


class _PostgresTransaction:
    """A body's view; `touched` is None in a read-only one."""

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        statements: dict[str, sql.Composed],
        touched: list[bytes] | None,
    ) -> None:
        self._rows = _Rows(connection, statements)
        self._touched = touched

    def get(self, key: bytes, /) -> bytes | None:
        return self._rows.get(long_keys.locate(key, KEY_PIECE_BYTES))

    def scan(
        self, start: bytes, end: bytes, /, *, limit: int, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        return long_keys.scan(
            self._rows, start, end, limit=limit, reverse=reverse, key_limit=KEY_PIECE_BYTES
        )

    def put(self, key: bytes, value: bytes, /) -> None:
        if self._touched is None:
            raise ReadOnly("put in a body that was declared read-only")
        self._touched.append(key)
        long_keys.put(self._rows, key, value, KEY_PIECE_BYTES)

    def delete(self, key: bytes, /) -> None:
        if self._touched is None:
            raise ReadOnly("delete in a body that was declared read-only")
        self._touched.append(key)
        long_keys.delete(self._rows, key, KEY_PIECE_BYTES)

    def clear(self, start: bytes, end: bytes, /) -> None:
        while keys := [key for key, _ in self.scan(start, end, limit=_SCAN_ROWS)]:
            for key in keys:
                self.delete(key)


class _Rows:
    """The table's own rows."""

    def __init__(
        self, connection: psycopg.Connection[Any], statements: dict[str, sql.Composed]
    ) -> None:
        self._connection = connection
        self._statements = statements

    def get(self, key: bytes, /) -> bytes | None:
        row = self._run("get", key).fetchone()
        return None if row is None else bytes(row[0])

    def put(self, key: bytes, value: bytes, /) -> None:
        self._run("put", key, value)

    def delete(self, key: bytes, /) -> None:
        self._run("delete", key)

    def scan(
        self, start: bytes, end: bytes, /, *, limit: int, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """In pages: a body that stops early should not have paid for everything."""
        page = 16
        while limit > 0 and start < end:
            rows = self._run(
                "scan back" if reverse else "scan", start, end, min(limit, page)
            ).fetchall()
            for key, value in rows:
                yield bytes(key), bytes(value)
            if len(rows) < min(limit, page):
                return
            limit -= len(rows)
            if reverse:
                end = bytes(rows[-1][0])
            else:
                start = bytes(rows[-1][0]) + b"\x00"
            page = min(page * 4, _SCAN_ROWS)

    def _run(self, name: str, *values: Any) -> psycopg.Cursor[Any]:
        return self._connection.execute(self._statements[name], values, prepare=True, binary=True)
