"""Events come out in order however their chunks overlap, and pages meet without gap or overlap."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freehold.services.logs import reading, rules
from freehold.services.logs.reading import Event, Position
from freehold.services.logs.records import Chunk
from freehold.services.logs.store import Place, Placed

END_MS = 1 << 40

# How fast the machine is says nothing about the order of events.
unhurried = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

puts = st.lists(
    st.tuples(st.sampled_from("ab"), st.lists(st.integers(0, 4000), min_size=1, max_size=8)),
    max_size=12,
)


def stored(given_puts: list[tuple[str, list[int]]]) -> list[Placed]:
    """The chunks of these puts (stream, times), in the order of the store."""
    placed = []
    for number, (stream, times_ms) in enumerate(given_puts):
        for events in rules.chunks([(at_ms, "m") for at_ms in sorted(times_ms)]):
            place = Place(events[0][0], stream, number)
            placed.append((place, Chunk(0, stream, events)))
    return sorted(placed, key=lambda each: each[0])


def positions(placed: list[Placed]) -> list[Position]:
    return sorted(
        (at_ms, place.stream_id, place.number, index)
        for place, chunk in placed
        for index, (at_ms, _) in enumerate(chunk.events)
    )


def every(event: Event) -> bool:
    return True


def ahead(placed: list[Placed], at_ms: int) -> Iterator[Placed]:
    return (each for each in placed if each[0].first_ms >= at_ms - rules.CHUNK_SPAN_MS)


def behind(placed: list[Placed], at_ms: int) -> Iterator[Placed]:
    return (each for each in reversed(placed) if each[0].first_ms <= at_ms)


@unhurried
@given(puts, st.integers(1, 5))
def test_pages_forward_give_every_event_once_in_order(
    given_puts: list[tuple[str, list[int]]], limit: int
) -> None:
    placed = stored(given_puts)
    after: Position | None = reading.start_of(0)
    seen: list[Position] = []
    while after is not None:
        page = reading.read_forward(
            ahead(placed, after[0]), after=after, end_ms=None, limit=limit, wanted=every
        )
        seen += [event.position for event in page.events]
        after = page.end
    assert seen == positions(placed)


@unhurried
@given(puts, st.integers(1, 5))
def test_pages_backward_give_every_event_once_in_reverse(
    given_puts: list[tuple[str, list[int]]], limit: int
) -> None:
    placed = stored(given_puts)
    before: Position | None = reading.start_of(END_MS)
    seen: list[Position] = []
    while before is not None:
        page = reading.read_backward(
            behind(placed, before[0]), before=before, start_ms=0, limit=limit, wanted=every
        )
        seen += [event.position for event in page.events]
        before = page.end
    assert seen == positions(placed)[::-1]


def test_a_page_looks_at_so_many_chunks_and_says_where_to_go_on() -> None:
    """Reads are bounded also where nothing matches."""
    chunks = reading.PAGE_CHUNKS_MAX * 2 + 10
    placed = [(Place(at * 10, "a", at), Chunk(0, "a", ((at * 10, "m"),))) for at in range(chunks)]
    after: Position | None = reading.start_of(0)
    pages = 0
    while after is not None:
        page = reading.read_forward(
            ahead(placed, after[0]), after=after, end_ms=None, limit=10, wanted=lambda event: False
        )
        after = page.end
        pages += 1
    assert pages == 3
