"""Events reach the functions that a bucket names."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from freehold.kernel.clock import ManualClock
from tests.conformance.lambda_.conftest import Functions, with_fake_runtime


def _eventually(node: Any, what: Callable[[], Any]) -> None:
    """Turn the clock in small steps, which lets tasks run, until something has come about."""
    for _ in range(2000):
        if what():
            return
        node.advance(0.1)
    raise AssertionError("it did not come about")


def test_a_function_hears_of_the_objects_it_asked_for(new_node: Any) -> None:
    """ "Event message structure", S3 user guide; the function's permission names the bucket."""
    node = new_node(clock=ManualClock(time.time()))
    functions = Functions(node.new_account(), with_fake_runtime(node))
    aws = functions.aws
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="pictures")
    arn = functions.create()["FunctionArn"]
    functions.client.add_permission(
        FunctionName="f",
        StatementId="s3",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn="arn:aws:s3:::pictures",
        SourceAccount=aws.account,
    )
    entry = {
        "LambdaFunctionArn": arn,
        "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"],
        "Filter": {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".jpg"}]}},
    }
    s3.put_bucket_notification_configuration(
        Bucket="pictures", NotificationConfiguration={"LambdaFunctionConfigurations": [entry]}
    )
    s3.put_object(Bucket="pictures", Key="skipped.txt", Body=b"")
    s3.put_object(Bucket="pictures", Key="a b.jpg", Body=b"123")
    s3.copy_object(Bucket="pictures", Key="c.jpg", CopySource="pictures/a b.jpg")
    s3.delete_object(Bucket="pictures", Key="c.jpg")

    def heard() -> list[tuple[str, str]]:
        asked = functions.runtime.asked_of("f", aws.account)
        records = [json.loads(invocation.payload)["Records"][0] for invocation in asked]
        return [(r["eventName"], r["s3"]["object"]["key"]) for r in records]

    _eventually(node, lambda: len(heard()) >= 3)
    assert sorted(set(heard())) == [
        ("ObjectCreated:Copy", "c.jpg"),
        ("ObjectCreated:Put", "a+b.jpg"),
        ("ObjectRemoved:Delete", "c.jpg"),
    ]


def test_a_function_that_does_not_let_the_bucket_in_hears_nothing(new_node: Any) -> None:
    node = new_node(clock=ManualClock(time.time()))
    functions = Functions(node.new_account(), with_fake_runtime(node))
    s3 = functions.aws.client("s3")
    for name in ("stranger", "friend"):
        s3.create_bucket(Bucket=name)
        arn = functions.create(name)["FunctionArn"]
        entry = {"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]}
        s3.put_bucket_notification_configuration(
            Bucket=name, NotificationConfiguration={"LambdaFunctionConfigurations": [entry]}
        )
    functions.client.add_permission(
        FunctionName="friend",
        StatementId="s3",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn="arn:aws:s3:::friend",
    )
    s3.put_object(Bucket="stranger", Key="k", Body=b"")
    s3.put_object(Bucket="friend", Key="k", Body=b"")
    _eventually(node, lambda: functions.runtime.asked_of("friend", functions.aws.account))
    assert functions.runtime.asked_of("stranger", functions.aws.account) == []
