"""What CloudWatch Logs decides: limits of a put, times that are kept, names and their ARNs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from freehold.services.logs import errors

BATCH_BYTES_MAX = 1_048_576
EVENT_BYTES_MAX = 1_048_576
EVENT_OVERHEAD_BYTES = 26
BATCH_SPAN_MS_MAX = 24 * 3600 * 1000
FUTURE_MS_MAX = 2 * 3600 * 1000
PAST_MS_MAX = 14 * 24 * 3600 * 1000
CHUNK_SPAN_MS = 1000
DAY_MS = 24 * 3600 * 1000
TAGS_MAX = 50

RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)

Event = tuple[int, str]


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """The events of a put that are kept, and what the caller is told of the others."""

    events: tuple[Event, ...]
    rejected: dict[str, int]


def admit(given: Sequence[dict[str, Any]], now_ms: int, retention_days: int | None) -> Admitted:
    """Check a put as a whole, and leave out events that are too old, expired or too new.

    The constraints are those of PutLogEvents' reference: size with 26 bytes an event, order, a
    span of 24 hours; 14 days or the group's retention into the past, 2 hours into the future.
    """
    events = tuple((event["timestamp"], event["message"]) for event in given)
    _check_batch(events)
    too_old = _count_before(events, now_ms - PAST_MS_MAX)
    expired = 0
    if retention_days is not None:
        expired = _count_before(events, oldest_kept_ms(now_ms, retention_days))
    first, end = max(too_old, expired), _count_before(events, now_ms + FUTURE_MS_MAX + 1)
    rejected = {}
    if end < len(events):
        rejected["tooNewLogEventStartIndex"] = end
    if too_old:
        rejected["tooOldLogEventEndIndex"] = too_old
    if expired:
        rejected["expiredLogEventEndIndex"] = expired
    return Admitted(events=events[first:end], rejected=rejected)


def chunks(events: Sequence[Event]) -> Iterator[tuple[Event, ...]]:
    """Cut ordered events into runs that span less than CHUNK_SPAN_MS."""
    start = 0
    for index, (at_ms, _) in enumerate(events):
        if at_ms - events[start][0] >= CHUNK_SPAN_MS:
            yield tuple(events[start:index])
            start = index
    if start < len(events):
        yield tuple(events[start:])


def size(events: Sequence[Event]) -> int:
    """The bytes that these events count for, in limits and in storedBytes."""
    return sum(len(message.encode()) + EVENT_OVERHEAD_BYTES for _, message in events)


def oldest_kept_ms(now_ms: int, retention_days: int | None) -> int:
    """The time before which events are expired; 0 where they never are."""
    return 0 if retention_days is None else max(0, now_ms - retention_days * DAY_MS)


def check_retention(days: int) -> None:
    if days not in RETENTION_DAYS:
        allowed = ", ".join(str(one) for one in RETENTION_DAYS)
        raise errors.invalid(
            f"1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy "
            f"constraint: Member must satisfy enum value set: [{allowed}]"
        )


def merged_tags(tags: dict[str, str], new: dict[str, str], resource: str) -> dict[str, str]:
    result = {**tags, **new}
    if len(result) > TAGS_MAX:
        raise errors.too_many_tags(resource)
    return result


def group_name(params: dict[str, Any]) -> str:
    """The group that logGroupName or logGroupIdentifier (a name or an ARN) names; exactly one is
    given."""
    name, identifier = params.get("logGroupName"), params.get("logGroupIdentifier")
    if (name is None) == (identifier is None):
        raise errors.invalid(
            "You must specify either logGroupName or logGroupIdentifier, but not both."
        )
    if name is not None:
        return str(name)
    return name_in_identifier(str(identifier))


def name_in_identifier(identifier: str) -> str:
    """The name in `NAME`, `arn:aws:logs:R:A:log-group:NAME` or the same followed by `:*`."""
    if not identifier.startswith("arn:"):
        return identifier
    parts = identifier.split(":")
    if len(parts) < 7 or parts[2] != "logs" or parts[5] != "log-group" or not parts[6]:
        raise errors.invalid(f"Invalid ARN: {identifier}")
    return parts[6]


def _check_batch(events: tuple[Event, ...]) -> None:
    total = 0
    last_ms = events[0][0]
    for at_ms, message in events:
        length = len(message.encode()) + EVENT_OVERHEAD_BYTES
        if length > EVENT_BYTES_MAX:
            raise errors.invalid(
                f"Log event too large: {length} bytes exceeds limit of {EVENT_BYTES_MAX}"
            )
        if at_ms < last_ms:
            raise errors.invalid(
                "Log events in a single PutLogEvents request must be in chronological order."
            )
        total += length
        last_ms = at_ms
    if total > BATCH_BYTES_MAX:
        raise errors.invalid(f"Upload too large: {total} bytes exceeds limit of {BATCH_BYTES_MAX}")
    if last_ms - events[0][0] > BATCH_SPAN_MS_MAX:
        raise errors.invalid(
            "The batch of log events in a single PutLogEvents request cannot span more than "
            "24 hours."
        )


def _count_before(events: tuple[Event, ...], at_ms: int) -> int:
    for index, (event_ms, _) in enumerate(events):
        if event_ms >= at_ms:
            return index
    return len(events)
