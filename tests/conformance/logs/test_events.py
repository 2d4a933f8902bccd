"""Putting, getting and filtering events through boto3."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.conftest import Aws


@pytest.fixture
def logs(aws: Aws) -> Any:
    """A client, with the group "g" and its streams "s" and "t"."""
    client = aws.client("logs")
    client.create_log_group(logGroupName="g")
    for stream in ("s", "t"):
        client.create_log_stream(logGroupName="g", logStreamName=stream)
    return client


def put(logs: Any, stream: str, *events: tuple[int, str]) -> Any:
    listed = [{"timestamp": at_ms, "message": message} for at_ms, message in events]
    return logs.put_log_events(logGroupName="g", logStreamName=stream, logEvents=listed)


@pytest.fixture
def now_ms() -> int:
    return int(time.time() * 1000)


def messages(answer: Any) -> list[str]:
    return [event["message"] for event in answer["events"]]


def test_events_come_back_in_order_of_time(logs: Any, now_ms: int) -> None:
    put(logs, "s", (now_ms - 100, "b"), (now_ms, "d"))
    put(logs, "s", (now_ms - 200, "a"), (now_ms - 50, "c"))
    answer = logs.get_log_events(logGroupName="g", logStreamName="s", startFromHead=True)
    assert messages(answer) == ["a", "b", "c", "d"]
    assert answer["events"][0]["timestamp"] == now_ms - 200
    assert answer["events"][0]["ingestionTime"] >= now_ms


def test_the_latest_events_come_first_unless_asked_otherwise(logs: Any, now_ms: int) -> None:
    """startFromHead is false by default: the last page, itself in ascending order."""
    put(logs, "s", *[(now_ms + n, str(n)) for n in range(5)])
    where = {"logGroupName": "g", "logStreamName": "s", "limit": 2}
    last = logs.get_log_events(**where)
    assert messages(last) == ["3", "4"]
    before = logs.get_log_events(**where, nextToken=last["nextBackwardToken"])
    assert messages(before) == ["1", "2"]
    after = logs.get_log_events(**where, nextToken=before["nextForwardToken"], startFromHead=True)
    assert messages(after) == ["3", "4"]


def test_the_end_gives_the_same_token_again_until_something_comes(logs: Any, now_ms: int) -> None:
    where = {"logGroupName": "g", "logStreamName": "s", "startFromHead": True}
    empty = logs.get_log_events(**where)
    put(logs, "s", (now_ms, "a"))
    answer = logs.get_log_events(**where, nextToken=empty["nextForwardToken"])
    assert messages(answer) == ["a"]
    token = answer["nextForwardToken"]
    end = logs.get_log_events(**where, nextToken=token)
    assert (messages(end), end["nextForwardToken"]) == ([], token)
    put(logs, "s", (now_ms + 1, "b"))
    assert messages(logs.get_log_events(**where, nextToken=token)) == ["b"]


def test_the_end_of_get_is_exclusive_and_of_filter_inclusive(logs: Any, now_ms: int) -> None:
    """References of GetLogEvents and FilterLogEvents."""
    put(logs, "s", (now_ms, "a"), (now_ms + 1, "b"))
    span = {"startTime": now_ms, "endTime": now_ms + 1}
    assert messages(logs.get_log_events(logGroupName="g", logStreamName="s", **span)) == ["a"]
    assert messages(logs.filter_log_events(logGroupName="g", **span)) == ["a", "b"]


def test_filter_interleaves_the_streams_of_a_group(logs: Any, now_ms: int) -> None:
    put(logs, "s", (now_ms, "a"), (now_ms + 2, "c"))
    put(logs, "t", (now_ms + 1, "b"), (now_ms + 3, "d"))
    answer = logs.filter_log_events(logGroupName="g")
    assert messages(answer) == ["a", "b", "c", "d"]
    assert [event["logStreamName"] for event in answer["events"]] == ["s", "t", "s", "t"]
    assert len({event["eventId"] for event in answer["events"]}) == 4
    for narrowed in ({"logStreamNames": ["t"]}, {"logStreamNamePrefix": "t"}):
        assert messages(logs.filter_log_events(logGroupName="g", **narrowed)) == ["b", "d"]
    assert messages(logs.filter_log_events(logGroupName="g", filterPattern="?a ?d")) == ["a", "d"]


def test_filter_pages_until_there_is_no_token(logs: Any, now_ms: int) -> None:
    put(logs, "s", *[(now_ms + n, f"m{n}") for n in range(5)])
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName="g", PaginationConfig={"PageSize": 2}
    )
    assert [messages(page) for page in pages] == [["m0", "m1"], ["m2", "m3"], ["m4"]]
    backwards = logs.filter_log_events(
        logGroupName="g", startFromHead=False, startTime=now_ms - 1000, limit=3
    )
    assert messages(backwards) == ["m4", "m3", "m2"]
    rest = logs.filter_log_events(logGroupName="g", nextToken=backwards["nextToken"])
    assert messages(rest) == ["m1", "m0"]


def test_rejected_events_are_said(logs: Any, now_ms: int) -> None:
    answer = put(logs, "s", (now_ms, "kept"), (now_ms + 3 * 3600 * 1000, "too new"))
    assert answer["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 1}
    assert "rejectedLogEventsInfo" not in put(logs, "s", (now_ms, "fine"))


def test_a_deleted_stream_is_not_searched(logs: Any, now_ms: int) -> None:
    put(logs, "s", (now_ms, "old"))
    logs.delete_log_stream(logGroupName="g", logStreamName="s")
    assert messages(logs.filter_log_events(logGroupName="g")) == []
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    assert messages(logs.get_log_events(logGroupName="g", logStreamName="s")) == []


def test_what_does_not_exist_is_said(logs: Any, now_ms: int) -> None:
    missing = logs.exceptions.ResourceNotFoundException
    with pytest.raises(missing, match="The specified log group does not exist"):
        logs.get_log_events(logGroupName="none", logStreamName="s")
    with pytest.raises(missing, match="The specified log stream does not exist"):
        put(logs, "none", (now_ms, "a"))


def test_a_wrong_token_or_pattern_is_refused(logs: Any) -> None:
    invalid = logs.exceptions.InvalidParameterException
    with pytest.raises(invalid, match="nextToken is invalid"):
        logs.get_log_events(logGroupName="g", logStreamName="s", nextToken="f/nonsense")
    with pytest.raises(invalid, match="Invalid filter pattern"):
        logs.filter_log_events(logGroupName="g", filterPattern="{ $.a = }")
