"""Putting, getting and filtering log events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from freehold.kernel import paging
from freehold.kernel.call import Call
from freehold.services.logs import access, errors, groups, patterns, reading, rules, store, streams
from freehold.services.logs.reading import Event, Page, Position
from freehold.services.logs.records import Chunk, LogGroup
from freehold.services.logs.service import service

Params = dict[str, Any]

_END_OF_TIME_MS = 1 << 53


@service.operation("PutLogEvents", resource=access.stream)
def put_log_events(call: Call, params: Params) -> Params:
    group = groups.load(call, params["logGroupName"])
    stream = streams.load(call, group.id, params["logStreamName"])
    now_ms = int(call.now * 1000)
    admitted = rules.admit(params["logEvents"], now_ms, group.retention_days)
    following = replace(stream, puts=stream.puts + 1, last_ingestion_ms=now_ms)
    if admitted.events:
        first_ms, last_ms = admitted.events[0][0], admitted.events[-1][0]
        following = replace(
            following,
            first_event_ms=min(first_ms, stream.first_event_ms or first_ms),
            last_event_ms=max(last_ms, stream.last_event_ms or last_ms),
        )
    for events in rules.chunks(admitted.events):
        chunk = Chunk(now_ms, stream.name, events)
        store.add_chunk(call.tx, call.scope, group.id, stream.id, following.puts, chunk)
    store.add_size(call.tx, call.scope, group.id, stream.id, rules.size(admitted.events))
    store.save_stream(call.tx, call.scope, group.id, following, stream)
    return {
        "nextSequenceToken": streams.sequence_token(following),
        "rejectedLogEventsInfo": admitted.rejected or None,
    }


@service.operation("GetLogEvents", reads=True, resource=access.stream)
def get_log_events(call: Call, params: Params) -> Params:
    group = groups.load(call, rules.group_name(params))
    stream = streams.load(call, group.id, params["logStreamName"])
    forward, position = _direction(params)
    start_ms, end_ms = _start_ms(call, group, params), params.get("endTime")
    limit = params.get("limit", reading.PAGE_EVENTS_MAX)
    if forward:
        after = max(position or reading.start_of(start_ms), reading.start_of(start_ms))
        chunks = store.chunks_of_stream(
            call.tx, call.scope, group.id, stream.id, at_ms=after[0], reverse=False
        )
        page = reading.read_forward(chunks, after=after, end_ms=end_ms, limit=limit, wanted=_any)
        events, begin, end = page.events, after, page.end or after
    else:
        latest = reading.start_of(_END_OF_TIME_MS if end_ms is None else end_ms)
        before = min(position or latest, latest)
        chunks = store.chunks_of_stream(
            call.tx, call.scope, group.id, stream.id, at_ms=before[0], reverse=True
        )
        page = reading.read_backward(
            chunks, before=before, start_ms=start_ms, limit=limit, wanted=_any
        )
        events, begin, end = page.events[::-1], page.end or before, before
        if position is None and not events:
            # Nothing yet: whoever goes on from here wants what comes.
            end = reading.start_of(start_ms)
    if events:
        begin, end = events[0].position, events[-1].position
    return {
        "events": [_given(event) for event in events],
        "nextForwardToken": f"f/{paging.encode(end)}",
        "nextBackwardToken": f"b/{paging.encode(begin)}",
    }


@service.operation("FilterLogEvents", reads=True, resource=access.group)
def filter_log_events(call: Call, params: Params) -> Params:
    if "logStreamNames" in params and "logStreamNamePrefix" in params:
        raise errors.invalid(
            "logStreamNames and logStreamNamePrefix are mutually exclusive parameters."
        )
    group = groups.load(call, rules.group_name(params))
    matches = patterns.compile_pattern(params.get("filterPattern", ""))
    is_listed = _Listed(call, group, params.get("logStreamNamePrefix", ""))
    forward, position = params.get("startFromHead", True), None
    if "nextToken" in params:
        forward, position = _token(params["nextToken"])
    page = _filtered_page(
        call,
        group,
        params,
        forward=forward,
        position=position,
        wanted=lambda event: is_listed(event) and matches(event.message),
    )
    answer: Params = {
        "events": [
            {"logStreamName": event.stream, **_given(event), "eventId": _event_id(event)}
            for event in page.events
        ],
        "searchedLogStreams": [],
    }
    if page.end is not None:
        answer["nextToken"] = ("f/" if forward else "b/") + paging.encode(page.end)
    return answer


def _filtered_page(
    call: Call,
    group: LogGroup,
    params: Params,
    *,
    forward: bool,
    position: Position | None,
    wanted: Any,
) -> Page:
    start_ms = _start_ms(call, group, params)
    # Here, unlike in GetLogEvents, the end is inclusive.
    end_ms = params["endTime"] + 1 if "endTime" in params else _END_OF_TIME_MS
    limit = params.get("limit", reading.PAGE_EVENTS_MAX)
    if forward:
        after = max(position or reading.start_of(start_ms), reading.start_of(start_ms))
        chunks = _chunks(call, group, params, at_ms=after[0], reverse=False)
        return reading.read_forward(chunks, after=after, end_ms=end_ms, limit=limit, wanted=wanted)
    before = min(position or reading.start_of(end_ms), reading.start_of(end_ms))
    chunks = _chunks(call, group, params, at_ms=before[0], reverse=True)
    return reading.read_backward(
        chunks, before=before, start_ms=start_ms, limit=limit, wanted=wanted
    )


def _chunks(
    call: Call, group: LogGroup, params: Params, *, at_ms: int, reverse: bool
) -> Iterator[store.Placed]:
    names = params.get("logStreamNames")
    if names is None:
        return store.chunks_of_group(call.tx, call.scope, group.id, at_ms=at_ms, reverse=reverse)
    ids = [streams.load(call, group.id, name).id for name in dict.fromkeys(names)]
    return store.chunks_of_streams(call.tx, call.scope, group.id, ids, at_ms=at_ms, reverse=reverse)


class _Listed:
    """Whether an event's stream still exists and has the prefix: a deleted one is erased later."""

    def __init__(self, call: Call, group: LogGroup, prefix: str) -> None:
        self._call = call
        self._group = group
        self._prefix = prefix
        self._known: dict[tuple[str, str], bool] = {}

    def __call__(self, event: Event) -> bool:
        key = (event.stream, event.position[1])
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = event.stream.startswith(self._prefix) and self._exists(*key)
        return known

    def _exists(self, name: str, stream_id: str) -> bool:
        stream = store.load_stream(self._call.tx, self._call.scope, self._group.id, name)
        return stream is not None and stream.id == stream_id


def _direction(params: Params) -> tuple[bool, Position | None]:
    if "nextToken" in params:
        return _token(params["nextToken"])
    return params.get("startFromHead", False), None


def _token(token: str) -> tuple[bool, Position]:
    way, _, rest = token.partition("/")
    if way not in ("f", "b"):
        raise errors.invalid_token()
    try:
        position: Position = paging.decode(rest, tuple[int, str, int, int])
    except paging.InvalidToken as error:
        raise errors.invalid_token() from error
    return way == "f", position


def _start_ms(call: Call, group: LogGroup, params: Params) -> int:
    """The time before which nothing is shown: what has expired is gone, erased or not."""
    kept_ms = rules.oldest_kept_ms(int(call.now * 1000), group.retention_days)
    return max(int(params.get("startTime", 0)), kept_ms)


def _any(event: Event) -> bool:
    return True


def _given(event: Event) -> Params:
    return {
        "timestamp": event.at_ms,
        "message": event.message,
        "ingestionTime": event.ingested_ms,
    }


def _event_id(event: Event) -> str:
    """56 digits, in the order of events of a stream."""
    at_ms, stream_id, number, index = event.position
    return f"{at_ms:014d}{int(stream_id, 36):019d}{number:015d}{index:08d}"
