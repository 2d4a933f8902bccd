"""Reading events in order, forwards and backwards, out of chunks that may overlap in time.

An event's position is (milliseconds, stream id, number of its put, index in its chunk). Chunks
come in the order of their first events; all of a chunk's events lie within CHUNK_SPAN_MS, so an
event may be given out once the scan has come far enough past it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from freehold.services.logs.records import Chunk
from freehold.services.logs.rules import CHUNK_SPAN_MS, EVENT_OVERHEAD_BYTES
from freehold.services.logs.store import Place, Placed

Position = tuple[int, str, int, int]

PAGE_EVENTS_MAX = 10_000
PAGE_BYTES_MAX = 1_048_576
# So many chunks are looked at in one request; what is behind them is for the next one.
PAGE_CHUNKS_MAX = 1000


class Event(msgspec.Struct, frozen=True, order=True):
    position: Position
    stream: str = ""
    ingested_ms: int = 0
    message: str = ""

    @property
    def at_ms(self) -> int:
        return self.position[0]


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """`end` is where the next page begins, None where nothing can be left."""

    events: list[Event]
    end: Position | None


def start_of(at_ms: int) -> Position:
    """The position just before every event of this millisecond and later."""
    return (at_ms, "", 0, 0)


def read_forward(
    chunks: Iterator[Placed],
    *,
    after: Position,
    end_ms: int | None,
    limit: int,
    wanted: Callable[[Event], bool],
) -> Page:
    """The first events after a position and before a time."""
    scan = _Scan(chunks, lambda place: place.first_ms > after[0])
    found = _Gathered(limit)
    for event in _ascending(scan):
        if scan.stopped is not None and event.position >= _start(scan.stopped):
            break
        if event.position <= after:
            continue
        if end_ms is not None and event.at_ms >= end_ms:
            return Page(events=found.events, end=None)
        if wanted(event) and not found.take(event):
            return Page(events=found.events, end=found.events[-1].position)
    end = None if scan.stopped is None else _start(scan.stopped)
    return Page(events=found.events, end=end)


def read_backward(
    chunks: Iterator[Placed],
    *,
    before: Position,
    start_ms: int,
    limit: int,
    wanted: Callable[[Event], bool],
) -> Page:
    """The last events before a position and not before a time, the latest first."""
    scan = _Scan(chunks, lambda place: place.first_ms + CHUNK_SPAN_MS < before[0])
    found = _Gathered(limit)
    for event in _descending(scan):
        if scan.stopped is not None and event.position < _end(scan.stopped):
            break
        if event.position >= before:
            continue
        if event.at_ms < start_ms:
            return Page(events=found.events, end=None)
        if wanted(event) and not found.take(event):
            return Page(events=found.events, end=found.events[-1].position)
    end = None if scan.stopped is None else _end(scan.stopped)
    return Page(events=found.events, end=end)


class _Scan:
    """Chunks up to PAGE_CHUNKS_MAX; those that only are looked back at do not count, so that every
    page gets on. `stopped` is the chunk that was too many."""

    def __init__(self, chunks: Iterator[Placed], counts: Callable[[Place], bool]) -> None:
        self._chunks = chunks
        self._counts = counts
        self.stopped: Place | None = None

    def __iter__(self) -> Iterator[Placed]:
        seen = 0
        for place, chunk in self._chunks:
            seen += self._counts(place)
            if seen > PAGE_CHUNKS_MAX:
                self.stopped = place
                return
            yield place, chunk


class _Gathered:
    """A page as it fills."""

    def __init__(self, limit: int) -> None:
        self.events: list[Event] = []
        self._limit = min(limit, PAGE_EVENTS_MAX)
        self._bytes = 0

    def take(self, event: Event) -> bool:
        """Add an event; False if the page was full without it."""
        length = len(event.message.encode()) + EVENT_OVERHEAD_BYTES
        full = len(self.events) >= self._limit or self._bytes + length > PAGE_BYTES_MAX
        if full and self.events:
            return False
        self._bytes += length
        self.events.append(event)
        return True


def _ascending(scan: _Scan) -> Iterator[Event]:
    waiting: list[Event] = []
    for place, chunk in scan:
        while waiting and waiting[-1].position < _start(place):
            yield waiting.pop()
        waiting.extend(_events(place, chunk))
        waiting.sort(key=_position, reverse=True)
    while waiting:
        yield waiting.pop()


def _descending(scan: _Scan) -> Iterator[Event]:
    waiting: list[Event] = []
    for place, chunk in scan:
        while waiting and waiting[-1].position >= _end(place):
            yield waiting.pop()
        waiting.extend(_events(place, chunk))
        waiting.sort(key=_position)
    while waiting:
        yield waiting.pop()


def _events(place: Place, chunk: Chunk) -> Iterator[Event]:
    for index, (at_ms, message) in enumerate(chunk.events):
        position = (at_ms, place.stream_id, place.number, index)
        yield Event(position, chunk.stream, chunk.ingested_ms, message)


def _position(event: Event) -> Position:
    return event.position


def _start(place: Place) -> Position:
    return (place.first_ms, place.stream_id, place.number, -1)


def _end(place: Place) -> Position:
    return start_of(place.first_ms + CHUNK_SPAN_MS)
