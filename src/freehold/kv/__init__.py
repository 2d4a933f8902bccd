"""The store: an ordered key-value store with serialisable transactions.

A transaction body is a plain function of one argument, the transaction. It does no I/O, may run again
(so it must not have effects of its own) and sees its own writes. What it returns is what `read` or
`write` returns; what it raises is raised there, and then nothing that it wrote remains.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")

KEY_BYTES_MAX = 16 * 1024
VALUE_BYTES_MAX = 64 * 1024 * 1024


class Transaction(Protocol):
    """One consistent view of the store. Keys and values are bytes; order is the order of bytes."""

    def get(self, key: bytes, /) -> bytes | None:
        """Return the value, or None."""

    def scan(
        self, start: bytes, end: bytes, /, *, limit: int, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield at most `limit` pairs with start <= key < end, in order or in reverse order.

        Do not write to the scanned range while the iterator is open: make a list first.
        """

    def put(self, key: bytes, value: bytes, /) -> None:
        """Store the value under the key, in place of any other."""

    def delete(self, key: bytes, /) -> None:
        """Remove the key; one that is not there is not an error."""

    def clear(self, start: bytes, end: bytes, /) -> None:
        """Remove every key with start <= key < end."""


class Bell(Protocol):
    """Rings after a commit touched its prefix. Enter it before the first read, or rings are missed."""

    def __enter__(self) -> Bell: ...

    def __exit__(self, *exc: object) -> None: ...

    async def wait(self) -> None:
        """Return once it has rung since the last wait (or since it was entered).

        It may ring for nothing, and a commit made by another process may ring late: look again
        after at most BELL_SILENCE_S_MAX seconds.
        """


class Store(Protocol):
    """A store of one kind or another. `inline` says that reads may run on the event loop."""

    inline: bool

    def read(self, body: Callable[[Transaction], T], /) -> Awaitable[T]:
        """Run the body on a consistent snapshot; it may not write."""

    def read_inline(self, body: Callable[[Transaction], T], /) -> T:
        """The same without waiting; only where `inline` is true."""

    def write(self, body: Callable[[Transaction], T], /) -> Awaitable[T]:
        """Run the body serialisably. When this returns, what it wrote is durable."""

    def bell(self, prefix: bytes, /) -> Bell: ...

    def close(self) -> None: ...


class StoreError(Exception):
    """The store could not do what was asked; the operator needs to know, the caller does not."""


class StoreUnavailable(StoreError):
    """The store cannot be reached or has no room. Whether the last write happened is not known."""


class ReadOnly(StoreError):
    """A body that was declared read-only tried to write."""
