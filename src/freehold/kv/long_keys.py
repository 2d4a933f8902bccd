"""Keys longer than a backend allows: LMDB takes 511 bytes, a PostgreSQL index about 2,700.

A key is cut into pieces of `limit` bytes. The last piece (which may be empty, and is always shorter than
`limit`) is stored with the value under a name derived from all the pieces before it; and every piece
before it leaves a *signpost*, a row of exactly `limit` bytes with an empty value, where the longer keys
belong in the order. So a get is one get, whatever the length; only scans follow signposts.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from itertools import islice
from typing import Protocol

_LAYER = b"\xfe"
_LAYER_BYTES = 1 + 16


class ShortKeyTransaction(Protocol):
    """What a backend gives: the same as Transaction, for keys of at most `limit` + 17 bytes."""

    def get(self, key: bytes, /) -> bytes | None: ...
    def put(self, key: bytes, value: bytes, /) -> None: ...
    def delete(self, key: bytes, /) -> None: ...
    def scan(
        self, start: bytes, end: bytes, /, *, limit: int, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]: ...


def locate(key: bytes, limit: int) -> bytes:
    """Return the row under which the value of this key is stored."""
    layer = b""
    head = b""
    while len(key) - len(head) >= limit:
        head = key[: len(head) + limit]
        layer = _layer(head)
    return layer + key[len(head) :]


def put(tx: ShortKeyTransaction, key: bytes, value: bytes, limit: int) -> None:
    for _, signpost in _signposts(key, limit):
        tx.put(signpost, b"")
    tx.put(locate(key, limit), value)


def delete(tx: ShortKeyTransaction, key: bytes, limit: int) -> None:
    tx.delete(locate(key, limit))
    for head, signpost in reversed(_signposts(key, limit)):
        layer = _layer(head)
        if next(tx.scan(layer, _layer_end(layer), limit=1), None) is not None:
            return
        tx.delete(signpost)


def scan(
    tx: ShortKeyTransaction,
    start: bytes,
    end: bytes,
    *,
    limit: int,
    reverse: bool,
    key_limit: int,
) -> Iterator[tuple[bytes, bytes]]:
    """Yield pairs in the order of whole keys. Costs nothing extra where there are no long keys."""
    if limit > 0:
        rows = _scan_layer(tx, b"", b"", start, end, reverse, key_limit)
        yield from islice(rows, limit)


def _scan_layer(
    tx: ShortKeyTransaction,
    layer: bytes,
    head: bytes,
    start: bytes,
    end: bytes,
    reverse: bool,
    key_limit: int,
) -> Iterator[tuple[bytes, bytes]]:
    """Scan one layer; start and end are whole keys, cut here to what can lie in the layer."""
    low, high = _piece(start, head, key_limit), _piece(end, head, key_limit)
    if low is None:
        return
    # A start that was cut begins at its signpost. An end that was cut still admits its signpost's keys.
    row_start = layer + low
    if high is None:
        row_end = _layer_end(layer)
    else:
        end_is_cut = len(end) - len(head) > key_limit and end.startswith(head)
        row_end = layer + high + (b"\x00" if end_is_cut else b"")
    for row, value in tx.scan(row_start, row_end, limit=sys.maxsize, reverse=reverse):
        piece = row[len(layer) :]
        if len(piece) < key_limit:
            yield head + piece, value
        else:
            inner = head + piece
            yield from _scan_layer(tx, _layer(inner), inner, start, end, reverse, key_limit)


def _piece(key: bytes, head: bytes, key_limit: int) -> bytes | None:
    """Where a whole key falls in the layer behind `head`: b"" before all of it, None after all of it."""
    if key.startswith(head):
        return key[len(head) : len(head) + key_limit]
    return b"" if key < head else None


def _signposts(key: bytes, limit: int) -> list[tuple[bytes, bytes]]:
    signposts = []
    layer = b""
    head = b""
    while len(key) - len(head) >= limit:
        piece = key[len(head) : len(head) + limit]
        head += piece
        signposts.append((head, layer + piece))
        layer = _layer(head)
    return signposts


def _layer(head: bytes) -> bytes:
    return _LAYER + hashlib.blake2b(head, digest_size=16).digest()


def _layer_end(layer: bytes) -> bytes:
    # A layer's rows are its 17 bytes and a piece; no tuple key begins with 0xfe, so nothing else is there.
    if not layer:
        return _LAYER
    return (int.from_bytes(layer, "big") + 1).to_bytes(_LAYER_BYTES, "big")
