"""The CloudFormation types, called as CloudFormation calls them."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from freehold.kernel import principal
from freehold.kernel.errors import AwsError
from freehold.kernel.resources import Made, Wanted
from tests.conformance.lambda_.conftest import Functions


class Stack:
    """Creates, updates and deletes resources in the name of the account's root."""

    def __init__(self, functions: Functions) -> None:
        self.functions = functions
        self.node = functions.aws.node
        self.account = functions.aws.account

    def wanted(self, kind: str, properties: dict[str, Any], **more: Any) -> Wanted:
        stack_id = f"arn:aws:cloudformation:us-east-1:{self.account}:stack/shop/1"
        return Wanted(
            type=kind,
            logical_id=kind.rsplit(":", 1)[1],
            properties=properties,
            stack_id=stack_id,
            stack_name="shop",
            token=repr(properties.get("token")),
            **more,
        )

    def create(self, kind: str, properties: dict[str, Any], **more: Any) -> Made:
        made: Made = self._do(kind, "create", self.wanted(kind, properties, **more))
        return made

    def update(
        self, kind: str, made: Made, properties: dict[str, Any], previous: dict[str, Any]
    ) -> Made:
        wanted = self.wanted(kind, properties, previous=previous)
        changed: Made = self._do(kind, "update", wanted, made)
        return changed

    def delete(self, kind: str, made: Made) -> None:
        self._do(kind, "delete", made)

    def _do(self, kind: str, act: str, *arguments: Any) -> Any:
        node = self.node.running.node
        service = kind.split("::")[1].lower()
        function = getattr(node.service(service).resource_types[kind], act)
        root = principal.root(self.account)
        # Any other service will do as the one that asks.
        call = node.call("ssm", kind, self.account, "us-east-1", root)

        async def work() -> Any:
            if inspect.iscoroutinefunction(function):
                return await function(call, *arguments)
            return await call.write(function, *arguments)

        return self.node.run(work())


@pytest.fixture
def stack(functions: Functions) -> Stack:
    return Stack(functions)


FUNCTION = "AWS::Lambda::Function"


def inline(stack: Stack, text: str = "def handler(event, context): return 1") -> dict[str, Any]:
    return {
        "Runtime": "python3.11",
        "Handler": "index.handler",
        "Role": stack.functions.role,
        "Code": {"ZipFile": text},
    }


def test_a_function_of_inline_code(stack: Stack) -> None:
    """Template values may be text where the API wants numbers."""
    properties = {
        **inline(stack),
        "Timeout": "30",
        "Environment": {"Variables": {"LIMIT": 5, "DEBUG": True}},
        "Tags": [{"Key": "team", "Value": "a"}],
        "ReservedConcurrentExecutions": "7",
    }
    made = stack.create(FUNCTION, properties)
    assert made.physical_id.startswith("shop-Function-")
    assert made.attributes["Arn"].endswith(f":function:{made.physical_id}")
    known = stack.functions.client.get_function(FunctionName=made.physical_id)
    assert known["Configuration"]["Timeout"] == 30
    assert known["Configuration"]["Environment"]["Variables"] == {"LIMIT": "5", "DEBUG": "true"}
    assert known["Tags"]["team"] == "a"
    assert known["Tags"]["aws:cloudformation:stack-name"] == "shop"
    assert known["Concurrency"]["ReservedConcurrentExecutions"] == 7


def test_an_update_changes_what_the_template_changed(stack: Stack) -> None:
    properties = {**inline(stack), "Timeout": 30, "Description": "d"}
    made = stack.create(FUNCTION, properties)
    before = stack.functions.client.get_function_configuration(FunctionName=made.physical_id)
    changed = inline(stack, "def handler(event, context): return 2")
    stack.update(FUNCTION, made, changed, properties)
    after = stack.functions.client.get_function_configuration(FunctionName=made.physical_id)
    assert after["CodeSha256"] != before["CodeSha256"]
    assert (after["Timeout"], after["Description"]) == (3, "")


def test_a_retried_creation_finds_what_it_made(stack: Stack) -> None:
    properties = inline(stack)
    made = stack.create(FUNCTION, properties)
    assert stack.create(FUNCTION, properties, retried=True).physical_id == made.physical_id
    with pytest.raises(AwsError, match="already exist"):
        stack.create(FUNCTION, properties)


def test_a_function_is_deleted_once_and_for_all(stack: Stack) -> None:
    made = stack.create(FUNCTION, inline(stack))
    stack.delete(FUNCTION, made)
    stack.delete(FUNCTION, made)
    assert stack.functions.client.list_functions()["Functions"] == []


def test_the_types_around_a_function(stack: Stack) -> None:
    client = stack.functions.client
    name = stack.create(FUNCTION, inline(stack)).physical_id
    version = stack.create("AWS::Lambda::Version", {"FunctionName": name})
    assert version.attributes["Version"] == "1"
    alias = stack.create(
        "AWS::Lambda::Alias", {"FunctionName": name, "Name": "live", "FunctionVersion": "1"}
    )
    assert alias.physical_id.endswith(f":{name}:live")
    permission = stack.create(
        "AWS::Lambda::Permission",
        {
            "FunctionName": alias.physical_id,
            "Action": "lambda:InvokeFunction",
            "Principal": "apigateway.amazonaws.com",
        },
    )
    assert "apigateway" in client.get_policy(FunctionName=name, Qualifier="live")["Policy"]
    url = stack.create(
        "AWS::Lambda::Url",
        {
            "TargetFunctionArn": name,
            "AuthType": "NONE",
            "Cors": {"AllowOrigins": ["*"], "MaxAge": "60", "AllowCredentials": "false"},
        },
    )
    assert url.attributes["FunctionUrl"].startswith("http")
    retries = stack.create(
        "AWS::Lambda::EventInvokeConfig",
        {"FunctionName": name, "Qualifier": "$LATEST", "MaximumRetryAttempts": "1"},
    )
    for kind, made in (
        ("AWS::Lambda::EventInvokeConfig", retries),
        ("AWS::Lambda::Url", url),
        ("AWS::Lambda::Permission", permission),
        ("AWS::Lambda::Alias", alias),
        ("AWS::Lambda::Version", version),
    ):
        stack.delete(kind, made)
        stack.delete(kind, made)
    assert client.list_aliases(FunctionName=name)["Aliases"] == []


def test_a_log_group_and_its_stream(stack: Stack) -> None:
    kind = "AWS::Logs::LogGroup"
    made = stack.create(kind, {"LogGroupName": "/g", "RetentionInDays": "7"})
    assert made.attributes["Arn"].endswith(":log-group:/g:*")
    logs = stack.functions.aws.client("logs")
    assert logs.describe_log_groups()["logGroups"][0]["retentionInDays"] == 7
    stack.update(kind, made, {"LogGroupName": "/g"}, {"LogGroupName": "/g", "RetentionInDays": 7})
    assert "retentionInDays" not in logs.describe_log_groups()["logGroups"][0]
    stream = stack.create("AWS::Logs::LogStream", {"LogGroupName": "/g"})
    stack.delete("AWS::Logs::LogStream", stream)
    stack.delete(kind, made)
    assert logs.describe_log_groups()["logGroups"] == []


def test_unknown_properties_are_refused_by_name(stack: Stack) -> None:
    with pytest.raises(AwsError, match="Colour of AWS::Lambda::Function"):
        stack.create(FUNCTION, {**inline(stack), "Colour": "red"})
