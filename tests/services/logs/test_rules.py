"""Limits of PutLogEvents, and how its events are cut into chunks."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freehold.kernel.errors import AwsError
from freehold.services.logs import rules

NOW_MS = 1_750_000_000_000
HOUR_MS = 3600 * 1000


def events(*offsets_ms: int) -> list[dict[str, object]]:
    return [{"timestamp": NOW_MS + offset, "message": "m"} for offset in offsets_ms]


@pytest.mark.parametrize(
    ("offsets_ms", "retention_days", "kept", "rejected"),
    [
        ((-1000, 0), None, 2, {}),
        ((0, 2 * HOUR_MS), None, 2, {}),
        ((0, 2 * HOUR_MS + 1), None, 1, {"tooNewLogEventStartIndex": 1}),
        ((-15 * rules.DAY_MS,), None, 0, {"tooOldLogEventEndIndex": 1}),
        ((-14 * rules.DAY_MS - 1, -14 * rules.DAY_MS), None, 1, {"tooOldLogEventEndIndex": 1}),
        ((-rules.DAY_MS - 1, -rules.DAY_MS + 1), 1, 1, {"expiredLogEventEndIndex": 1}),
    ],
)
def test_events_out_of_time_are_left_out_and_named(
    offsets_ms: tuple[int, ...], retention_days: int | None, kept: int, rejected: dict[str, int]
) -> None:
    """Reference of PutLogEvents: 14 days back or the retention, 2 hours ahead."""
    admitted = rules.admit(events(*offsets_ms), NOW_MS, retention_days)
    assert (len(admitted.events), admitted.rejected) == (kept, rejected)


@pytest.mark.parametrize(
    ("given_events", "message"),
    [
        (events(1, 0), "chronological order"),
        (events(-25 * HOUR_MS, 0), "24 hours"),
        ([{"timestamp": NOW_MS, "message": "x" * 1_048_576}], "Log event too large"),
        ([{"timestamp": NOW_MS, "message": "x" * 400_000}] * 3, "Upload too large: 1200078"),
    ],
)
def test_batches_that_are_refused_whole(
    given_events: list[dict[str, object]], message: str
) -> None:
    with pytest.raises(AwsError, match=message):
        rules.admit(given_events, NOW_MS, None)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(0, 5000), min_size=1, max_size=50))
def test_chunks_keep_every_event_in_order_and_are_short(times_ms: list[int]) -> None:
    wanted = [(at_ms, "m") for at_ms in sorted(times_ms)]
    chunks = list(rules.chunks(wanted))
    assert [event for chunk in chunks for event in chunk] == wanted
    assert all(chunk[-1][0] - chunk[0][0] < rules.CHUNK_SPAN_MS for chunk in chunks)


@pytest.mark.parametrize(
    ("identifier", "name"),
    [
        ("/aws/lambda/f", "/aws/lambda/f"),
        ("arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/f", "/aws/lambda/f"),
        ("arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/f:*", "/aws/lambda/f"),
    ],
)
def test_a_group_is_named_by_name_or_arn(identifier: str, name: str) -> None:
    assert rules.group_name({"logGroupIdentifier": identifier}) == name


def test_exactly_one_of_name_and_identifier_is_given() -> None:
    for params in ({}, {"logGroupName": "a", "logGroupIdentifier": "a"}):
        with pytest.raises(AwsError, match="but not both"):
            rules.group_name(params)
