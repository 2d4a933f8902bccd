"""Nested stacks, custom resources, snippets: what needs S3, functions and CloudFormation itself."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from freehold.kernel.errors import AwsError
from tests.services.cloudformation.conftest import Cloud, queue, run, template, topic

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"


def custom(**properties: Any) -> dict[str, Any]:
    return {"Type": "Custom::Thing", "Properties": {"ServiceToken": FUNCTION, **properties}}


@run
async def test_a_custom_resource_lives_by_its_functions_answers(cloud: Cloud) -> None:
    """Requests and answers as in the user guide ("Custom resource request objects")."""
    shown = topic("t", {"Fn::GetAtt": ["C", "Word"]})
    made = await cloud(
        "CreateStack", StackName="s", TemplateBody=template({"C": custom(Size=1), "T": shown})
    )
    event = await cloud.next_event(1)
    assert event["RequestType"] == "Create"
    assert event["ResourceType"] == "Custom::Thing"
    assert event["ResourceProperties"] == {"ServiceToken": FUNCTION, "Size": "1"}
    assert "PhysicalResourceId" not in event
    assert await cloud.answer(event, method="GET") == 405
    assert await cloud.answer(event, Status="MAYBE") == 400
    assert await cloud.answer(event, PhysicalResourceId="one", Data={"Word": "first"}) == 200
    assert (await cloud.finished("s"))["StackStatus"] == "CREATE_COMPLETE"
    assert cloud.things()["t"]["DisplayName"] == "first"

    await cloud(
        "UpdateStack", StackName="s", TemplateBody=template({"C": custom(Size=2), "T": shown})
    )
    event = await cloud.next_event(2)
    assert event["RequestType"] == "Update"
    assert event["PhysicalResourceId"] == "one"
    assert event["OldResourceProperties"]["Size"] == "1"
    await cloud.answer(event, PhysicalResourceId="two", Data={"Word": "second"})
    # An answer with another physical id is a replacement: the old one is deleted in the cleanup.
    event = await cloud.next_event(3)
    assert (event["RequestType"], event["PhysicalResourceId"]) == ("Delete", "one")
    await cloud.answer(event)
    assert (await cloud.finished("s"))["StackStatus"] == "UPDATE_COMPLETE"
    assert cloud.things()["t"]["DisplayName"] == "second"

    await cloud("DeleteStack", StackName="s")
    event = await cloud.next_event(4)
    assert (event["RequestType"], event["PhysicalResourceId"]) == ("Delete", "two")
    await cloud.answer(event)
    assert (await cloud.finished(made["StackId"]))["StackStatus"] == "DELETE_COMPLETE"


@run
async def test_a_custom_resource_that_fails_says_why(cloud: Cloud) -> None:
    await cloud("CreateStack", StackName="s", TemplateBody=template({"C": custom()}))
    event = await cloud.next_event(1)
    await cloud.answer(event, Status="FAILED", Reason="no luck", PhysicalResourceId="x")
    assert (await cloud.finished("s"))["StackStatus"] == "ROLLBACK_COMPLETE"
    events = (await cloud("DescribeStackEvents", StackName="s"))["StackEvents"]
    reasons = " ".join(event.get("ResourceStatusReason", "") for event in events)
    assert "Message returned: no luck" in reasons
    assert len(cloud.told) == 1


@run
async def test_a_custom_resource_outlives_a_crash(cloud: Cloud) -> None:
    await cloud("CreateStack", StackName="s", TemplateBody=template({"C": custom()}))
    first = await cloud.next_event(1)
    await cloud.crash()
    await cloud.answer(first, PhysicalResourceId="x")
    assert (await cloud.finished("s"))["StackStatus"] == "CREATE_COMPLETE"
    # Told again or not, it was the same request: its answer was good for both.
    assert {event["RequestId"] for event in cloud.told} == {first["RequestId"]}


def child(**queue_options: Any) -> bytes:
    return json.dumps(
        {
            "Parameters": {"Name": {"Type": "String"}},
            "Resources": {"Q": queue({"Ref": "Name"}, **queue_options)},  # type: ignore[arg-type]
            "Outputs": {"Name": {"Value": {"Ref": "Q"}}},
        }
    ).encode()


def nested(name: str, file: str = "child.json") -> dict[str, Any]:
    properties = {
        "TemplateURL": f"https://templates.s3.us-east-1.amazonaws.com/{file}",
        "Parameters": {"Name": name},
    }
    return {"Type": "AWS::CloudFormation::Stack", "Properties": properties}


@run
async def test_a_nested_stack_is_made_changed_and_deleted_with_its_parent(cloud: Cloud) -> None:
    cloud.objects["templates", "child.json"] = child()
    shown = topic("t", {"Fn::GetAtt": ["N", "Outputs.Name"]})
    made = await cloud(
        "CreateStack", StackName="s", TemplateBody=template({"N": nested("a"), "T": shown})
    )
    assert (await cloud.finished("s"))["StackStatus"] == "CREATE_COMPLETE"
    assert cloud.things()["t"]["DisplayName"] == "a"
    stacks = {s["StackName"]: s for s in (await cloud("DescribeStacks"))["Stacks"]}
    inner = next(stack for name, stack in stacks.items() if name != "s")
    assert inner["ParentId"] == inner["RootId"] == made["StackId"]
    await cloud("UpdateStack", StackName="s", TemplateBody=template({"N": nested("b"), "T": shown}))
    assert (await cloud.finished("s"))["StackStatus"] == "UPDATE_COMPLETE"
    assert set(cloud.things()) == {"b", "t"}
    assert cloud.things()["t"]["DisplayName"] == "b"
    await cloud("DeleteStack", StackName="s")
    assert (await cloud.finished(made["StackId"]))["StackStatus"] == "DELETE_COMPLETE"
    assert cloud.things() == {}
    assert (await cloud("DescribeStacks"))["Stacks"] == []


@run
async def test_a_nested_stack_that_fails_rolls_its_parent_back(cloud: Cloud) -> None:
    cloud.objects["templates", "child.json"] = child()
    await cloud("CreateStack", StackName="s", TemplateBody=template({"N": nested("a")}))
    await cloud.finished("s")
    changed = {"N": nested("broken"), "Q": queue("q")}
    await cloud("UpdateStack", StackName="s", TemplateBody=template(changed))
    assert (await cloud.finished("s"))["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert set(cloud.things()) == {"a"}
    await cloud("CreateStack", StackName="t", TemplateBody=template({"N": nested("broken")}))
    assert (await cloud.finished("t"))["StackStatus"] == "ROLLBACK_COMPLETE"
    assert len((await cloud("DescribeStacks"))["Stacks"]) == 3


@pytest.mark.parametrize("steps", [1, 3, 7, 15, 40])
def test_nested_stacks_survive_crashes(cloud: Cloud, steps: int) -> None:
    @run
    async def test(cloud: Cloud) -> None:
        cloud.objects["templates", "child.json"] = child()
        body = template({"N": nested("a"), "M": nested("b")})
        made = await cloud("CreateStack", StackName="s", TemplateBody=body)
        for round_ in range(100):
            cloud.start()
            for _ in range(steps + round_):
                await asyncio.sleep(0)
            await cloud.crash()
        assert (await cloud.finished(made["StackId"]))["StackStatus"] == "CREATE_COMPLETE"
        assert sorted(cloud.log()) == [("create", "a"), ("create", "b")]
        assert len((await cloud("DescribeStacks"))["Stacks"]) == 3

    test(cloud)


@run
async def test_snippets_are_included_where_they_are_asked_for(cloud: Cloud) -> None:
    """AWS::Include, in a resource and for the whole template; what is there already wins."""
    cloud.objects["templates", "part"] = b"QueueName: from-snippet\nDelaySeconds: 5\n"
    cloud.objects["templates", "whole"] = b"Resources: {B: {Type: AWS::SNS::Topic}}"
    include = {"Name": "AWS::Include", "Parameters": {"Location": "s3://templates/part"}}
    properties = {"Fn::Transform": include, "DelaySeconds": 7}
    resources = {"A": {"Type": "AWS::SQS::Queue", "Properties": properties}}
    body = template(resources, Transform=include)
    with pytest.raises(AwsError, match="Invalid template property"):
        await cloud("CreateStack", StackName="s", TemplateBody=body)
    await cloud("CreateStack", StackName="s", TemplateBody=template(resources))
    assert (await cloud.finished("s"))["StackStatus"] == "CREATE_COMPLETE"
    assert cloud.things()["from-snippet"]["DelaySeconds"] == 7
    shown = await cloud("GetTemplate", StackName="s", TemplateStage="Processed")
    assert "Fn::Transform" not in shown["TemplateBody"]


@pytest.mark.parametrize(
    "url",
    [
        "https://templates.s3.amazonaws.com/t.json",
        "https://templates.s3.eu-west-1.amazonaws.com/t.json",
        "https://s3.amazonaws.com/templates/t.json",
        "https://s3-us-west-2.amazonaws.com/templates/t.json",
        "http://127.0.0.1:4566/templates/t.json",
        "http://templates.s3.localhost:4566/t.json",
        "s3://templates/t.json",
    ],
)
def test_templates_come_from_s3_by_any_of_its_addresses(cloud: Cloud, url: str) -> None:
    @run
    async def test(cloud: Cloud) -> None:
        cloud.objects["templates", "t.json"] = template({"A": queue("a")}).encode()
        summary = await cloud("GetTemplateSummary", TemplateURL=url)
        assert summary["ResourceTypes"] == ["AWS::SQS::Queue"]

    test(cloud)


@run
async def test_a_template_that_s3_does_not_have_is_an_error(cloud: Cloud) -> None:
    with pytest.raises(AwsError, match="S3 error: The specified key does not exist"):
        await cloud("ValidateTemplate", TemplateURL="https://templates.s3.amazonaws.com/none")
    with pytest.raises(AwsError, match="must be a supported URL"):
        await cloud("ValidateTemplate", TemplateURL="ftp://x/y")
