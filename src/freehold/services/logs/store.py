"""The keys of CloudWatch Logs.

    group   NAME                               LogGroup
    stream  GROUP, NAME                        LogStream
    latest  GROUP, LAST_MS, NAME               streams by their last event (0: none yet)
    event   GROUP, STREAM, FIRST_MS, NUMBER    Chunk: the truth
    time    GROUP, FIRST_MS, STREAM, NUMBER    the same chunks by time, for reads across streams
    size    GROUP, SHARD                       bytes stored, in shards that do not contend

GROUP and STREAM are ids: a deleted one's chunks are out of reach at once, and erased by a task.
A put writes a chunk and its index, the stream, its place in `latest` and a shard of the size.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from freehold.kernel.records import Records
from freehold.kv import Transaction
from freehold.kv.keys import Scope, Space
from freehold.services.logs.records import Chunk, LogGroup, LogStream
from freehold.services.logs.rules import CHUNK_SPAN_MS, size

SIZE_SHARDS = 16
# A reader stops its scan earlier; this is more than one span of a busy group holds.
SCAN_CHUNKS_MAX = 100_000

_groups = Records("logs", "group", LogGroup)
_streams = Records("logs", "stream", LogStream)
_chunks = Records("logs", "event", Chunk)
_sizes = Records("logs", "size", int)
_latest = Space("logs", "latest")
_times = Space("logs", "time")
_chunk_decoder = msgspec.msgpack.Decoder(Chunk)


def load_group(tx: Transaction, scope: Scope, name: str) -> LogGroup | None:
    return _groups.load(tx, scope, name)


def save_group(tx: Transaction, scope: Scope, group: LogGroup) -> None:
    _groups.save(tx, scope, group, group.name)


def delete_group(tx: Transaction, scope: Scope, name: str) -> None:
    _groups.delete(tx, scope, name)


def list_groups(tx: Transaction, scope: Scope, *, after: str, limit: int) -> list[LogGroup]:
    """Groups with names greater than `after`, in order."""
    return [group for _, group in _groups.list(tx, scope, after=(after,), limit=limit)]


def stored_bytes(tx: Transaction, scope: Scope, group_id: str) -> int:
    return max(0, sum(n for _, n in _sizes.list(tx, scope, group_id, limit=SIZE_SHARDS)))


def load_stream(tx: Transaction, scope: Scope, group_id: str, name: str) -> LogStream | None:
    return _streams.load(tx, scope, group_id, name)


def save_stream(
    tx: Transaction,
    scope: Scope,
    group_id: str,
    stream: LogStream,
    previous: LogStream | None = None,
) -> None:
    """Store a stream; `previous` is what it was, if it was."""
    key = _latest.key(scope, group_id, stream.last_event_ms or 0, stream.name)
    if previous is not None:
        old = _latest.key(scope, group_id, previous.last_event_ms or 0, previous.name)
        if old != key:
            tx.delete(old)
    tx.put(key, b"")
    _streams.save(tx, scope, stream, group_id, stream.name)


def delete_stream(tx: Transaction, scope: Scope, group_id: str, stream: LogStream) -> None:
    tx.delete(_latest.key(scope, group_id, stream.last_event_ms or 0, stream.name))
    _streams.delete(tx, scope, group_id, stream.name)


def list_streams(
    tx: Transaction, scope: Scope, group_id: str, *, after: str | None, limit: int, reverse: bool
) -> list[LogStream]:
    """Streams in the order of their names."""
    position = None if after is None else (group_id, after)
    found = _streams.list(tx, scope, group_id, after=position, limit=limit, reverse=reverse)
    return [stream for _, stream in found]


def list_latest_streams(
    tx: Transaction,
    scope: Scope,
    group_id: str,
    *,
    after: tuple[int, str] | None,
    limit: int,
    reverse: bool,
) -> list[LogStream]:
    """Streams in the order of their last events."""
    start, end = _latest.range(scope, group_id)
    if after is not None and reverse:
        end = _latest.key(scope, group_id, *after)
    elif after is not None:
        start = _latest.key(scope, group_id, *after) + b"\x00"
    names = [
        _latest.rest(scope, key)[2] for key, _ in tx.scan(start, end, limit=limit, reverse=reverse)
    ]
    streams = [_streams.load(tx, scope, group_id, name) for name in names]
    return [stream for stream in streams if stream is not None]


def add_chunk(
    tx: Transaction, scope: Scope, group_id: str, stream_id: str, number: int, chunk: Chunk
) -> None:
    first_ms = chunk.events[0][0]
    _chunks.save(tx, scope, chunk, group_id, stream_id, first_ms, number)
    tx.put(_times.key(scope, group_id, first_ms, stream_id, number), b"")


def add_size(tx: Transaction, scope: Scope, group_id: str, stream_id: str, count: int) -> None:
    shard = sum(stream_id.encode()) % SIZE_SHARDS
    known = _sizes.load(tx, scope, group_id, shard) or 0
    _sizes.save(tx, scope, known + count, group_id, shard)


class Place(NamedTuple):
    """Where a chunk is, in the order in which chunks are read."""

    first_ms: int
    stream_id: str
    number: int


Placed = tuple[Place, Chunk]


def chunks_of_stream(
    tx: Transaction, scope: Scope, group_id: str, stream_id: str, *, at_ms: int, reverse: bool
) -> Iterator[Placed]:
    """The chunks that may hold events from `at_ms` on; in reverse, up to it. The reader stops the
    scan."""
    start, end = _chunks.space.range(scope, group_id, stream_id)
    if reverse:
        end = _chunks.space.key(scope, group_id, stream_id, at_ms + 1)
    else:
        start = _chunks.space.key(scope, group_id, stream_id, max(0, at_ms - CHUNK_SPAN_MS))
    for key, value in tx.scan(start, end, limit=SCAN_CHUNKS_MAX, reverse=reverse):
        _, _, first_ms, number = _chunks.space.rest(scope, key)
        yield Place(first_ms, stream_id, number), _chunk_decoder.decode(value)


def chunks_of_streams(
    tx: Transaction,
    scope: Scope,
    group_id: str,
    stream_ids: Iterable[str],
    *,
    at_ms: int,
    reverse: bool,
) -> Iterator[Placed]:
    """The same for several streams together."""
    scans = [
        chunks_of_stream(tx, scope, group_id, stream_id, at_ms=at_ms, reverse=reverse)
        for stream_id in stream_ids
    ]
    return heapq.merge(*scans, key=lambda placed: placed[0], reverse=reverse)


def chunks_of_group(
    tx: Transaction, scope: Scope, group_id: str, *, at_ms: int, reverse: bool
) -> Iterator[Placed]:
    """The same for a whole group; also chunks of deleted streams that are not yet erased."""
    start, end = _times.range(scope, group_id)
    if reverse:
        end = _times.key(scope, group_id, at_ms + 1)
    else:
        start = _times.key(scope, group_id, max(0, at_ms - CHUNK_SPAN_MS))
    for key, _ in tx.scan(start, end, limit=SCAN_CHUNKS_MAX, reverse=reverse):
        _, first_ms, stream_id, number = _times.rest(scope, key)
        chunk = _chunks.load(tx, scope, group_id, stream_id, first_ms, number)
        if chunk is not None:
            yield Place(first_ms, stream_id, number), chunk


def oldest_place(tx: Transaction, scope: Scope, group_id: str) -> Place | None:
    places = _places(tx, scope, group_id, limit=1)
    return places[0] if places else None


def expire(tx: Transaction, scope: Scope, group_id: str, before_ms: int, *, limit: int) -> int:
    """Delete the oldest chunks that hold nothing newer than a time, at most `limit`; return how
    many."""
    removed = 0
    for place in _places(tx, scope, group_id, limit=limit):
        if place.first_ms + CHUNK_SPAN_MS > before_ms:
            break
        _delete_chunk(tx, scope, group_id, place)
        removed += 1
    return removed


def erase_stream(
    tx: Transaction, scope: Scope, group_id: str, stream_id: str, *, limit: int
) -> int:
    """Delete chunks of a stream that is gone, at most `limit`; return how many."""
    start, end = _chunks.space.range(scope, group_id, stream_id)
    keys = [key for key, _ in tx.scan(start, end, limit=limit)]
    for key in keys:
        _, _, first_ms, number = _chunks.space.rest(scope, key)
        _delete_chunk(tx, scope, group_id, Place(first_ms, stream_id, number))
    return len(keys)


def erase_group(tx: Transaction, scope: Scope, group_id: str, *, limit: int) -> int:
    """Delete what is left of a group that is gone, at most `limit` keys of a kind; return how
    many."""
    removed = 0
    for space in (_chunks.space, _times, _streams.space, _latest, _sizes.space):
        start, end = space.range(scope, group_id)
        keys = [key for key, _ in tx.scan(start, end, limit=limit)]
        for key in keys:
            tx.delete(key)
        removed += len(keys)
    return removed


def _places(tx: Transaction, scope: Scope, group_id: str, *, limit: int) -> list[Place]:
    start, end = _times.range(scope, group_id)
    keys = [key for key, _ in tx.scan(start, end, limit=limit)]
    return [Place(*_times.rest(scope, key)[1:]) for key in keys]


def _delete_chunk(tx: Transaction, scope: Scope, group_id: str, place: Place) -> None:
    chunk = _chunks.load(tx, scope, group_id, place.stream_id, place.first_ms, place.number)
    if chunk is not None:
        add_size(tx, scope, group_id, place.stream_id, -size(chunk.events))
    _chunks.delete(tx, scope, group_id, place.stream_id, place.first_ms, place.number)
    tx.delete(_times.key(scope, group_id, place.first_ms, place.stream_id, place.number))
