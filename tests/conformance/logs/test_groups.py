"""Log groups and streams through boto3."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from freehold.kernel.clock import ManualClock
from tests.conftest import Aws, Node


def test_groups_are_listed_by_prefix_and_pattern_in_pages(aws: Aws) -> None:
    logs = aws.client("logs")
    for name in ("/aws/lambda/a", "/aws/lambda/b", "/other/Lambda"):
        logs.create_log_group(logGroupName=name)

    def names(**params: Any) -> list[str]:
        return [g["logGroupName"] for g in logs.describe_log_groups(**params)["logGroups"]]

    assert names(logGroupNamePrefix="/aws/") == ["/aws/lambda/a", "/aws/lambda/b"]
    assert names(logGroupNamePrefix="/aws/lambda/a") == ["/aws/lambda/a"]
    assert len(names(logGroupNamePattern="lambda")) == 3
    first = logs.describe_log_groups(limit=2)
    assert len(first["logGroups"]) == 2
    assert names(nextToken=first["nextToken"]) == ["/other/Lambda"]


def test_a_group_has_two_arns(aws: Aws) -> None:
    """`arn` ends with :*, logGroupArn does not (reference of LogGroup)."""
    logs = aws.client("logs")
    logs.create_log_group(logGroupName="g", tags={"a": "1"})
    (group,) = logs.describe_log_groups()["logGroups"]
    assert group["logGroupArn"] == f"arn:aws:logs:us-east-1:{aws.account}:log-group:g"
    assert group["arn"] == group["logGroupArn"] + ":*"
    assert "retentionInDays" not in group
    logs.tag_resource(resourceArn=group["logGroupArn"], tags={"b": "2"})
    logs.untag_resource(resourceArn=group["logGroupArn"], tagKeys=["a"])
    tags = logs.list_tags_for_resource(resourceArn=group["logGroupArn"])["tags"]
    assert tags == {"b": "2"}


def test_groups_and_streams_are_made_once(aws: Aws) -> None:
    logs = aws.client("logs")
    exists = logs.exceptions.ResourceAlreadyExistsException
    logs.create_log_group(logGroupName="g")
    with pytest.raises(exists, match="The specified log group already exists"):
        logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    with pytest.raises(exists, match="The specified log stream already exists"):
        logs.create_log_stream(logGroupName="g", logStreamName="s")


def test_retention_is_one_of_certain_numbers_of_days(aws: Aws) -> None:
    logs = aws.client("logs")
    logs.create_log_group(logGroupName="g")
    with pytest.raises(logs.exceptions.InvalidParameterException, match="'2' at 'retentionInDays'"):
        logs.put_retention_policy(logGroupName="g", retentionInDays=2)
    logs.put_retention_policy(logGroupName="g", retentionInDays=3)
    assert logs.describe_log_groups()["logGroups"][0]["retentionInDays"] == 3
    logs.delete_retention_policy(logGroupName="g")
    assert "retentionInDays" not in logs.describe_log_groups()["logGroups"][0]


def test_expired_events_disappear_and_free_their_room(new_node: Callable[..., Node]) -> None:
    """Retention really deletes; reads never show what is past it."""
    began = time.time()
    clock = ManualClock(began - 2 * 86400)
    node = new_node(clock=clock, auth="open")
    logs = node.new_account().client("logs")
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    event = {"timestamp": int(clock.now() * 1000), "message": "old"}
    logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=[event])
    logs.put_retention_policy(logGroupName="g", retentionInDays=1)
    where = {"logGroupName": "g", "logStreamName": "s"}
    assert len(logs.get_log_events(**where)["events"]) == 1
    assert logs.describe_log_groups()["logGroups"][0]["storedBytes"] == 29
    node.advance(86400 + 10)
    assert logs.get_log_events(**where)["events"] == []
    node.advance(86400)
    for _ in range(1000):
        if logs.describe_log_groups()["logGroups"][0]["storedBytes"] == 0:
            return
    raise AssertionError("the expired event is still stored")


def test_streams_are_listed_by_name_or_by_their_last_event(aws: Aws) -> None:
    logs = aws.client("logs")
    logs.create_log_group(logGroupName="g")
    now_ms = int(time.time() * 1000)
    for n, name in enumerate(("b", "a", "ab")):
        logs.create_log_stream(logGroupName="g", logStreamName=name)
        event = {"timestamp": now_ms + n, "message": "m"}
        logs.put_log_events(logGroupName="g", logStreamName=name, logEvents=[event])

    def names(**params: Any) -> list[str]:
        answer = logs.describe_log_streams(logGroupName="g", **params)
        return [stream["logStreamName"] for stream in answer["logStreams"]]

    assert names() == ["a", "ab", "b"]
    assert names(descending=True) == ["b", "ab", "a"]
    assert names(logStreamNamePrefix="a") == ["a", "ab"]
    assert names(logStreamNamePrefix="a", descending=True) == ["ab", "a"]
    assert names(orderBy="LastEventTime", descending=True) == ["ab", "a", "b"]
    pages = logs.get_paginator("describe_log_streams").paginate(
        logGroupName="g", orderBy="LastEventTime", PaginationConfig={"PageSize": 2}
    )
    assert [s["logStreamName"] for page in pages for s in page["logStreams"]] == ["b", "a", "ab"]
    with pytest.raises(logs.exceptions.InvalidParameterException, match="LastEventTime"):
        names(orderBy="LastEventTime", logStreamNamePrefix="a")


def test_a_protected_group_is_not_deleted(aws: Aws) -> None:
    logs = aws.client("logs")
    logs.create_log_group(logGroupName="g", deletionProtectionEnabled=True)
    with pytest.raises(logs.exceptions.ClientError, match="deletion protection"):
        logs.delete_log_group(logGroupName="g")
    logs.put_log_group_deletion_protection(logGroupIdentifier="g", deletionProtectionEnabled=False)
    logs.delete_log_group(logGroupName="g")
    assert logs.describe_log_groups()["logGroups"] == []


def test_policies_on_a_groups_streams_cover_what_writers_do(aws: Aws) -> None:
    """`log-group:NAME:*` is what roles of functions usually have."""
    logs = aws.client("logs")
    for name in ("mine", "other"):
        logs.create_log_group(logGroupName=name)
    statement = {
        "Effect": "Allow",
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": f"arn:aws:logs:us-east-1:{aws.account}:log-group:mine:*",
    }
    writer = aws.as_user("writer", statement).client("logs")
    writer.create_log_stream(logGroupName="mine", logStreamName="s")
    event = {"timestamp": int(time.time() * 1000), "message": "m"}
    writer.put_log_events(logGroupName="mine", logStreamName="s", logEvents=[event])
    for name in ("other", "absent"):
        with pytest.raises(writer.exceptions.ClientError, match="logs:CreateLogStream"):
            writer.create_log_stream(logGroupName=name, logStreamName="s")


def test_what_is_not_implemented_is_refused_by_name(aws: Aws) -> None:
    logs = aws.client("logs")
    with pytest.raises(logs.exceptions.ClientError, match="kmsKeyId"):
        logs.create_log_group(logGroupName="g", kmsKeyId="k")
    with pytest.raises(logs.exceptions.ClientError, match="StartQuery"):
        logs.start_query(logGroupName="g", startTime=0, endTime=1, queryString="fields @message")
