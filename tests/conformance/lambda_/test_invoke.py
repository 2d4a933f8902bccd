"""Invoking functions, and what may."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from freehold.config import Config
from freehold.kernel.clock import ManualClock
from freehold.runtime.contract import FunctionSpec, Invocation, Outcome, RuntimeUnavailable
from tests.conformance.lambda_.conftest import Functions, with_fake_runtime
from tests.conftest import Aws, Node


def test_an_invocation_carries_the_event_and_the_answer(functions: Functions) -> None:
    functions.create(do=lambda spec, event: Outcome(payload=event.payload, log_tail=b"START\n"))
    answer = functions.client.invoke(
        FunctionName="f", Payload=b'{"a": 1}', LogType="Tail", ClientContext=_base64({"c": 1})
    )
    assert answer["StatusCode"] == 200
    assert answer["ExecutedVersion"] == "$LATEST"
    assert json.load(answer["Payload"]) == {"a": 1}
    assert base64.b64decode(answer["LogResult"]) == b"START\n"
    assert "FunctionError" not in answer
    spec, invocation = functions.runtime.asked[-1]
    assert invocation.request_id == answer["ResponseMetadata"]["RequestId"]
    assert invocation.client_context == '{"c": 1}'
    assert (spec.name, spec.handler, spec.timeout_s) == ("f", "index.handler", 3)
    assert spec.log_group == "/aws/lambda/f"


def test_an_error_of_the_function_is_an_answer(functions: Functions) -> None:
    """Reference of Invoke: the status stays 200, X-Amz-Function-Error says that it failed."""
    functions.create(
        do=lambda spec, event: Outcome(payload=b'{"errorType":"E"}', error="Unhandled")
    )
    answer = functions.client.invoke(FunctionName="f")
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert json.load(answer["Payload"]) == {"errorType": "E"}


def test_a_dry_run_only_asks_whether_it_would_be_allowed(functions: Functions) -> None:
    functions.create()
    answer = functions.client.invoke(FunctionName="f", InvocationType="DryRun")
    assert answer["StatusCode"] == 204
    assert functions.runtime.asked_of("f", functions.aws.account) == []


def test_an_event_must_be_json_and_not_too_large(functions: Functions) -> None:
    functions.create()
    exceptions = functions.client.exceptions
    with pytest.raises(exceptions.InvalidRequestContentException, match="Could not parse"):
        functions.client.invoke(FunctionName="f", Payload=b"{")
    with pytest.raises(exceptions.RequestTooLargeException) as caught:
        functions.client.invoke(FunctionName="f", Payload=b'"' + b"x" * 6_291_456 + b'"')
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
    with pytest.raises(exceptions.RequestTooLargeException):
        functions.client.invoke(
            FunctionName="f", InvocationType="Event", Payload=b'"' + b"x" * 1_048_576 + b'"'
        )


def test_a_reserved_concurrency_of_zero_stops_a_function(functions: Functions) -> None:
    functions.create()
    functions.client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    with pytest.raises(functions.client.exceptions.TooManyRequestsException) as caught:
        functions.client.invoke(FunctionName="f")
    reason = "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert caught.value.response["Reason"] == reason
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
    shown = functions.client.get_function(FunctionName="f")["Concurrency"]
    assert shown == {"ReservedConcurrentExecutions": 0}
    functions.client.delete_function_concurrency(FunctionName="f")
    functions.client.invoke(FunctionName="f")


def test_a_hundred_of_the_accounts_concurrency_stay_unreserved(functions: Functions) -> None:
    functions.create()
    functions.client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=900)
    limits = functions.client.get_account_settings()["AccountLimit"]
    assert limits["UnreservedConcurrentExecutions"] == 100
    with pytest.raises(
        functions.client.exceptions.InvalidParameterValueException, match=r"\[100\]"
    ):
        functions.client.put_function_concurrency(
            FunctionName="f", ReservedConcurrentExecutions=901
        )


def test_an_asynchronous_event_is_tried_three_times_with_pauses(timed: Functions) -> None:
    """Developer guide: two more tries, after one minute and after two."""
    timed.create(do=lambda spec, event: Outcome(payload=b"{}", error="Unhandled"))
    answer = timed.client.invoke(FunctionName="f", InvocationType="Event", Payload=b'{"n":1}')
    assert answer["StatusCode"] == 202
    tried = _tries(timed, [0, 59, 1, 119, 1, 3600])
    assert tried == [1, 1, 2, 2, 3, 3]
    ids = {i.request_id for i in timed.runtime.asked_of("f", timed.aws.account)}
    assert ids == {answer["ResponseMetadata"]["RequestId"]}


def test_how_often_an_event_is_tried_can_be_set(timed: Functions) -> None:
    timed.create(do=lambda spec, event: Outcome(payload=b"{}", error="Unhandled"))
    timed.client.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=0)
    timed.client.invoke(FunctionName="f", InvocationType="Event")
    assert _tries(timed, [0, 600]) == [1, 1]
    known = timed.client.get_function_event_invoke_config(FunctionName="f")
    assert known["MaximumRetryAttempts"] == 0
    timed.client.delete_function_event_invoke_config(FunctionName="f")
    with pytest.raises(timed.client.exceptions.ResourceNotFoundException):
        timed.client.get_function_event_invoke_config(FunctionName="f")


def test_an_event_waits_while_the_system_cannot_run_it(timed: Functions) -> None:
    """Throttles and system errors do not use up the tries of function errors."""

    def unavailable(spec: FunctionSpec, invocation: Invocation) -> Outcome:
        raise RuntimeUnavailable("no memory")

    timed.create(do=unavailable)
    timed.client.invoke(FunctionName="f", InvocationType="Event")
    assert _tries(timed, [0, 1, 2, 4, 8]) == [1, 2, 3, 4, 5]


def test_an_accepted_event_outlives_the_node(new_node: Callable[..., Node], tmp_path: Path) -> None:
    """202 means that the event is on disk: another process over the same data runs it."""
    clock = ManualClock(time.time())
    first = Node(Config(port=0, data=tmp_path / "data"), clock)
    functions = Functions(first.new_account(), with_fake_runtime(first))

    def unavailable(spec: FunctionSpec, invocation: Invocation) -> Outcome:
        raise RuntimeUnavailable("about to stop")

    try:
        functions.create(do=unavailable)
        accepted = functions.client.invoke(
            FunctionName="f", InvocationType="Event", Payload=b'{"n":1}'
        )
        assert _tries(functions, [0]) == [1]
    finally:
        first.stop()
    second = new_node(clock=ManualClock(clock.now()), data=tmp_path / "data")
    runtime = with_fake_runtime(second)
    account = functions.aws.account
    after = Functions(Aws(second, account, functions.aws.access_key_id, ""), runtime)
    assert _tries(after, [0, 1]) == [0, 1]
    (invocation,) = runtime.asked_of("f", account)
    assert invocation.request_id == accepted["ResponseMetadata"]["RequestId"]
    assert invocation.payload == b'{"n":1}'


def test_a_service_invokes_only_where_the_functions_policy_lets_it(functions: Functions) -> None:
    """AddPermission is how API Gateway and others may invoke; for others nothing changes."""
    from freehold.kernel import principal
    from freehold.kernel.errors import AwsError

    functions.create()
    node = functions.aws.node
    source = f"arn:aws:execute-api:us-east-1:{functions.aws.account}:api1/prod/GET/x"

    async def invoke(service: str, source_arn: str) -> Any:
        call = node.running.node.call(
            "apigateway", "x", functions.aws.account, "us-east-1", principal.ANONYMOUS
        )
        return await call.invoke(
            "lambda",
            "Invoke",
            {"FunctionName": "f"},
            principal=principal.service(service),
            source_arn=source_arn,
        )

    with pytest.raises(AwsError, match="AccessDenied"):
        node.run(invoke("apigateway.amazonaws.com", source))
    functions.client.add_permission(
        FunctionName="f",
        StatementId="api",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=source.replace("prod/GET/x", "*/*/*"),
    )
    assert node.run(invoke("apigateway.amazonaws.com", source))["StatusCode"] == 200
    for service, arn in (
        ("s3.amazonaws.com", source),
        ("apigateway.amazonaws.com", source.replace("api1", "api2")),
    ):
        with pytest.raises(AwsError, match="AccessDenied"):
            node.run(invoke(service, arn))


def test_permissions_are_written_as_policy_statements(functions: Functions) -> None:
    """The forms in which AWS shows them (developer guide, resource-based policies)."""
    arn = functions.create()["FunctionArn"]
    functions.client.publish_version(FunctionName="f")
    functions.client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    added = functions.client.add_permission(
        FunctionName="f",
        Qualifier="live",
        StatementId="s3",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn="arn:aws:s3:::bucket",
        SourceAccount="123456789012",
    )
    statement = {
        "Sid": "s3",
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": f"{arn}:live",
        "Condition": {
            "StringEquals": {"AWS:SourceAccount": "123456789012"},
            "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::bucket"},
        },
    }
    assert json.loads(added["Statement"]) == statement
    policy = json.loads(functions.client.get_policy(FunctionName="f:live")["Policy"])
    assert policy == {"Version": "2012-10-17", "Id": "default", "Statement": [statement]}
    exceptions = functions.client.exceptions
    with pytest.raises(exceptions.ResourceNotFoundException):
        functions.client.get_policy(FunctionName="f")
    with pytest.raises(exceptions.ResourceConflictException, match="already exists"):
        functions.client.add_permission(
            FunctionName="f:live",
            StatementId="s3",
            Action="lambda:InvokeFunction",
            Principal="123456789012",
        )
    functions.client.remove_permission(FunctionName="f:live", StatementId="s3")
    with pytest.raises(exceptions.ResourceNotFoundException):
        functions.client.remove_permission(FunctionName="f:live", StatementId="s3")


def test_another_account_invokes_where_it_is_let_in(functions: Functions) -> None:
    arn = functions.create()["FunctionArn"]
    stranger = functions.aws.node.new_account()
    client = stranger.client("lambda")
    with pytest.raises(client.exceptions.ClientError, match="not authorized"):
        client.invoke(FunctionName=arn)
    functions.client.add_permission(
        FunctionName="f",
        StatementId="stranger",
        Action="lambda:InvokeFunction",
        Principal=stranger.account,
    )
    assert client.invoke(FunctionName=arn)["StatusCode"] == 200


def _base64(value: object) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


def _tries(functions: Functions, pauses: list[float]) -> list[int]:
    """How often the function had been run after each pause, once all that was due is done."""
    counts = []
    for pause_s in pauses:
        functions.aws.node.advance(pause_s)
        functions.aws.node.run(_idle(functions))
        counts.append(len(functions.runtime.asked_of("f", functions.aws.account)))
    return counts


async def _idle(functions: Functions) -> None:
    """Wait until no task is due: the worker works as fast as it is let."""
    import asyncio

    from freehold.kernel import tasks

    node = functions.aws.node.running.node
    for _ in range(2000):
        now_ms = node.clock.now() * 1000
        due = await node.store.read(lambda tx: list(tasks._due.list(tx, ("", ""), limit=10)))
        if not any(key[0] <= now_ms or task.leased for key, task in due):
            return
        await asyncio.sleep(0.001)
    raise AssertionError("the tasks do not come to an end")
