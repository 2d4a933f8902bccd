"""What a running function gets: its role's credentials, and logs written in its role's name."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from freehold.runtime.contract import FunctionSpec
from freehold.services.lambda_ import LambdaHost
from tests.conformance.lambda_.conftest import Functions


def spec_of(functions: Functions) -> FunctionSpec:
    functions.client.invoke(FunctionName="fn")
    return functions.runtime.asked[-1][0]


def let_role(functions: Functions, *actions: str) -> None:
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}],
    }
    functions.aws.client("iam").put_role_policy(
        RoleName="runs", PolicyName="inline", PolicyDocument=json.dumps(document)
    )


def written(functions: Functions, spec: FunctionSpec) -> list[str]:
    now_ms = int(time.time() * 1000)
    host = LambdaHost(functions.aws.node.running.node)
    lines = [(now_ms + 1, "second"), (now_ms, "first"), (now_ms + 2, "")]
    functions.aws.node.run(host.log(spec, "2026/01/01/[$LATEST]abc", lines))
    logs = functions.aws.client("logs")
    groups: list[Any] = logs.describe_log_groups()["logGroups"]
    if not groups:
        return []
    events = logs.filter_log_events(logGroupName=groups[0]["logGroupName"])["events"]
    return [event["message"] for event in events]


def test_lines_arrive_in_the_functions_group_with_what_basic_execution_allows(
    functions: Functions,
) -> None:
    """AWSLambdaBasicExecutionRole is these three actions."""
    functions.create("fn")
    let_role(functions, "logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")
    spec = spec_of(functions)
    assert written(functions, spec) == ["first\n", "second\n", "\n"]
    assert len(written(functions, spec)) == 6
    (group,) = functions.aws.client("logs").describe_log_groups()["logGroups"]
    assert group["logGroupName"] == "/aws/lambda/fn"


def test_a_role_that_may_not_log_logs_nothing(functions: Functions) -> None:
    functions.create("fn")
    assert written(functions, spec_of(functions)) == []


def test_a_role_need_not_create_a_group_that_is_there(functions: Functions) -> None:
    functions.create("fn")
    let_role(functions, "logs:CreateLogStream", "logs:PutLogEvents")
    functions.aws.client("logs").create_log_group(logGroupName="/aws/lambda/fn")
    assert len(written(functions, spec_of(functions))) == 3


def test_a_function_has_the_credentials_of_its_role_and_no_more(functions: Functions) -> None:
    functions.create("fn")
    let_role(functions, "logs:DescribeLogGroups")
    spec = spec_of(functions)
    host = LambdaHost(functions.aws.node.running.node)
    found = functions.aws.node.run(host.credentials(spec))
    inside = functions.aws.with_keys(
        {
            "AccessKeyId": found["AWS_ACCESS_KEY_ID"],
            "SecretAccessKey": found["AWS_SECRET_ACCESS_KEY"],
            "SessionToken": found["AWS_SESSION_TOKEN"],
        }
    )
    inside.client("logs").describe_log_groups()
    identity = inside.client("sts").get_caller_identity()
    assert identity["Arn"] == f"arn:aws:sts::{functions.aws.account}:assumed-role/runs/fn"
    client = inside.client("lambda")
    with pytest.raises(client.exceptions.ClientError, match="lambda:ListFunctions"):
        client.list_functions()


def test_a_function_whose_role_is_gone_has_no_credentials(functions: Functions) -> None:
    functions.create("fn")
    spec = spec_of(functions)
    functions.aws.client("iam").delete_role(RoleName="runs")
    host = LambdaHost(functions.aws.node.running.node)
    assert functions.aws.node.run(host.credentials(spec)) == {}
    assert written(functions, spec) == []
