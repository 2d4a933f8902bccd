"""A function that really runs: deployed, invoked, and its lines read, all through public APIs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from freehold.runtime.contract import RuntimeUnavailable
from tests.conformance.lambda_.conftest import Functions, archive
from tests.conftest import Node

CODE = """
def handler(event, context):
    print("seen", event["n"])
    if event["n"] < 0:
        raise ValueError("negative")
    return {"n": event["n"] + 1, "version": context.function_version}
"""


@pytest.fixture
def real(shared_node: Node) -> Functions:
    """Functions on the node that all tests share, with the real runtime."""
    runtime: Any = shared_node.running.runtime
    try:
        runtime.interpreter("python3.11")
    except RuntimeUnavailable as error:
        pytest.skip(str(error))
    return Functions(shared_node.new_account(), runtime)


def test_a_function_runs_and_its_lines_arrive(real: Functions) -> None:
    policy = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    role = real.role
    real.aws.client("iam").attach_role_policy(RoleName="runs", PolicyArn=policy)
    real.create(Role=role, Code={"ZipFile": archive(CODE)}, Publish=True, Timeout=20)
    answer = real.client.invoke(FunctionName="f", Qualifier="1", Payload=b'{"n": 1}')
    assert json.load(answer["Payload"]) == {"n": 2, "version": "1"}
    failed = real.client.invoke(FunctionName="f", Payload=b'{"n": -1}')
    assert failed["FunctionError"] == "Unhandled"
    assert json.load(failed["Payload"])["errorType"] == "ValueError"
    assert _lines(real, "seen") == ["seen 1\n", "seen -1\n"]


def _lines(real: Functions, pattern: str) -> list[str]:
    """The lines that match; they arrive a moment after the answer, so this asks until both are
    there."""
    logs = real.aws.client("logs")
    found: list[str] = []
    for _ in range(5000):
        if logs.describe_log_groups()["logGroups"]:
            answer = logs.filter_log_events(logGroupName="/aws/lambda/f", filterPattern=pattern)
            found = [event["message"] for event in answer["events"]]
            if len(found) == 2:
                break
    return found
