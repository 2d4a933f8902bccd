"""Stacks made, changed, rolled back and deleted, over recorded resources."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from freehold.kernel.errors import AwsError
from tests.services.cloudformation.conftest import Cloud, queue, run, template, topic

CHAIN = {
    "A": queue("a"),
    "B": topic("b", {"Fn::GetAtt": ["A", "Arn"]}),
    "C": queue("c", DependsOn="B"),
}


@run
async def test_a_stack_is_made_in_order_of_dependencies_and_deleted_in_reverse(
    cloud: Cloud,
) -> None:
    """References and DependsOn order the making (user guide, DependsOn)."""
    outputs = {"Arn": {"Value": {"Fn::GetAtt": ["B", "TopicArn"]}, "Export": {"Name": "b-arn"}}}
    made = await cloud("CreateStack", StackName="s", TemplateBody=template(CHAIN, Outputs=outputs))
    stack = await cloud.finished("s")
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert stack["Outputs"] == [{"OutputKey": "Arn", "OutputValue": "arn:b", "ExportName": "b-arn"}]
    assert cloud.things()["b"]["DisplayName"] == "arn:a"
    await cloud("DeleteStack", StackName="s")
    stack = await cloud.finished(made["StackId"])
    assert stack["StackStatus"] == "DELETE_COMPLETE"
    assert cloud.log() == [
        ("create", "a"),
        ("create", "b"),
        ("create", "c"),
        ("delete", "c"),
        ("delete", "b"),
        ("delete", "a"),
    ]
    assert (await cloud("ListExports"))["Exports"] == []
    with pytest.raises(AwsError, match="Stack with id s does not exist"):
        await cloud("DescribeStacks", StackName="s")


@run
async def test_events_tell_the_story_as_aws_tells_it(cloud: Cloud) -> None:
    await cloud("CreateStack", StackName="s", TemplateBody=template({"A": queue("a")}))
    await cloud.finished("s")
    assert await cloud.events("s") == [
        ("s", "CREATE_IN_PROGRESS"),
        ("A", "CREATE_IN_PROGRESS"),
        ("A", "CREATE_IN_PROGRESS"),
        ("A", "CREATE_COMPLETE"),
        ("s", "CREATE_COMPLETE"),
    ]


@run
async def test_a_failed_creation_rolls_back(cloud: Cloud) -> None:
    resources = {**CHAIN, "C": queue("broken", DependsOn="B")}
    await cloud("CreateStack", StackName="s", TemplateBody=template(resources))
    stack = await cloud.finished("s")
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert cloud.things() == {}
    reasons = [
        event.get("ResourceStatusReason", "")
        for event in (await cloud("DescribeStackEvents", StackName="s"))["StackEvents"]
    ]
    assert "The following resource(s) failed to create: [C]. Rollback requested by user." in reasons
    with pytest.raises(AwsError, match="ROLLBACK_COMPLETE state and can not be updated"):
        await cloud("UpdateStack", StackName="s", TemplateBody=template(CHAIN))


@pytest.mark.parametrize(
    ("on_failure", "status", "left"),
    [("DO_NOTHING", "CREATE_FAILED", {"a"}), ("DELETE", "DELETE_COMPLETE", set())],
)
def test_what_follows_a_failed_creation_is_the_callers_choice(
    cloud: Cloud, on_failure: str, status: str, left: set[str]
) -> None:
    @run
    async def test(cloud: Cloud) -> None:
        resources = {"A": queue("a"), "B": queue("broken", DependsOn="A")}
        made = await cloud(
            "CreateStack",
            StackName="s",
            TemplateBody=template(resources),
            OnFailure=on_failure,
        )
        assert (await cloud.finished(made["StackId"]))["StackStatus"] == status
        assert set(cloud.things()) == left

    test(cloud)


@run
async def test_an_update_changes_replaces_adds_and_removes(cloud: Cloud) -> None:
    await cloud("CreateStack", StackName="s", TemplateBody=template(CHAIN))
    await cloud.finished("s")
    changed = {
        "A": queue("a2"),
        "B": topic("b", {"Fn::GetAtt": ["A", "Arn"]}),
        "D": queue("d"),
    }
    await cloud("UpdateStack", StackName="s", TemplateBody=template(changed))
    stack = await cloud.finished("s")
    assert stack["StackStatus"] == "UPDATE_COMPLETE"
    assert set(cloud.things()) == {"a2", "b", "d"}
    assert cloud.things()["b"]["DisplayName"] == "arn:a2"
    late = cloud.log()[3:]
    # What is replaced or removed goes only after everything new is there (UPDATE_COMPLETE_CLEANUP).
    assert sorted(late[-2:]) == [("delete", "a"), ("delete", "c")]
    with pytest.raises(AwsError, match="No updates are to be performed"):
        await cloud("UpdateStack", StackName="s", TemplateBody=template(changed))


@run
async def test_a_failed_update_goes_back_to_what_was(cloud: Cloud) -> None:
    await cloud("CreateStack", StackName="s", TemplateBody=template(CHAIN))
    await cloud.finished("s")
    before = cloud.things()
    changed = {
        "A": queue("a2"),
        "B": topic("b", {"Fn::GetAtt": ["A", "Arn"]}),
        "D": queue("d"),
        "E": queue("broken", DependsOn=["B", "D"]),
    }
    await cloud("UpdateStack", StackName="s", TemplateBody=template(changed))
    stack = await cloud.finished("s")
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert cloud.things() == before
    names = [status for logical, status in await cloud.events("s") if logical == "s"]
    assert names[-4:] == [
        "UPDATE_IN_PROGRESS",
        "UPDATE_ROLLBACK_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE",
    ]
    await cloud("UpdateStack", StackName="s", TemplateBody=template({"A": queue("a3")}))
    assert (await cloud.finished("s"))["StackStatus"] == "UPDATE_COMPLETE"
    assert set(cloud.things()) == {"a3"}


@run
async def test_an_update_without_rollback_stays_where_it_failed_until_it_is_rolled_back(
    cloud: Cloud,
) -> None:
    await cloud("CreateStack", StackName="s", TemplateBody=template({"A": queue("a")}))
    await cloud.finished("s")
    changed = template({"A": queue("a"), "B": queue("b"), "C": queue("broken", DependsOn="B")})
    await cloud("UpdateStack", StackName="s", TemplateBody=changed, DisableRollback=True)
    assert (await cloud.finished("s"))["StackStatus"] == "UPDATE_FAILED"
    assert set(cloud.things()) == {"a", "b"}
    await cloud("RollbackStack", StackName="s")
    assert (await cloud.finished("s"))["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert set(cloud.things()) == {"a"}


@run
async def test_retained_resources_outlive_their_stack(cloud: Cloud) -> None:
    resources = {"A": queue("a", DeletionPolicy="Retain"), "B": queue("b")}
    made = await cloud("CreateStack", StackName="s", TemplateBody=template(resources))
    await cloud.finished("s")
    await cloud("DeleteStack", StackName="s")
    await cloud.finished(made["StackId"])
    assert set(cloud.things()) == {"a"}
    assert ("A", "DELETE_SKIPPED") in await cloud.events(made["StackId"])


@run
async def test_a_resource_that_cannot_be_deleted_may_be_retained_at_the_second_try(
    cloud: Cloud,
) -> None:
    """RetainResources is for stacks in DELETE_FAILED (API reference, DeleteStack)."""
    resources = {"A": queue("stuck"), "B": queue("b", DependsOn="A")}
    made = await cloud("CreateStack", StackName="s", TemplateBody=template(resources))
    await cloud.finished("s")
    await cloud("DeleteStack", StackName="s")
    stack = await cloud.finished("s")
    assert stack["StackStatus"] == "DELETE_FAILED"
    assert "failed to delete: [A]" in stack["StackStatusReason"]
    await cloud("DeleteStack", StackName="s", RetainResources=["A"])
    assert (await cloud.finished(made["StackId"]))["StackStatus"] == "DELETE_COMPLETE"


@run
async def test_an_export_in_use_holds_its_stack(cloud: Cloud) -> None:
    outputs = {"Name": {"Value": {"Ref": "A"}, "Export": {"Name": "name"}}}
    exporting = template({"A": queue("a")}, Outputs=outputs)
    await cloud("CreateStack", StackName="exporter", TemplateBody=exporting)
    await cloud.finished("exporter")
    importing = template({"B": topic("b", {"Fn::ImportValue": "name"})})
    made = await cloud("CreateStack", StackName="importer", TemplateBody=importing)
    await cloud.finished("importer")
    assert cloud.things()["b"]["DisplayName"] == "a"
    assert (await cloud("ListImports", ExportName="name"))["Imports"] == ["importer"]
    await cloud("DeleteStack", StackName="exporter")
    stack = await cloud.finished("exporter")
    assert stack["StackStatus"] == "DELETE_FAILED"
    assert "in use by importer" in stack["StackStatusReason"]
    await cloud("DeleteStack", StackName="importer")
    await cloud.finished(made["StackId"])
    await cloud("DeleteStack", StackName="exporter")
    while cloud.things():
        await asyncio.sleep(0.001)


@run
async def test_an_export_of_another_stack_is_not_taken_over(cloud: Cloud) -> None:
    outputs = {"Name": {"Value": "x", "Export": {"Name": "name"}}}
    for stack, name in (("s1", "a"), ("s2", "b")):
        body = template({"A": queue(name)}, Outputs=outputs)
        await cloud("CreateStack", StackName=stack, TemplateBody=body)
        await cloud.finished(stack)
    stack = await cloud.finished("s2")
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert set(cloud.things()) == {"a"}


@run
async def test_slow_resources_settle_before_what_needs_them_begins(cloud: Cloud) -> None:
    resources = {
        "A": {"Type": "AWS::Slow::Thing", "Properties": {"Name": "slow"}},
        "B": queue("b", DependsOn="A"),
    }
    made = await cloud("CreateStack", StackName="s", TemplateBody=template(resources))
    assert (await cloud.finished("s"))["StackStatus"] == "CREATE_COMPLETE"
    events = await cloud.events("s")
    assert events.index(("A", "CREATE_COMPLETE")) < events.index(("B", "CREATE_IN_PROGRESS"))
    await cloud("DeleteStack", StackName="s")
    await cloud.finished(made["StackId"])
    assert cloud.things() == {}


@run
async def test_deleting_a_stack_that_is_being_made_undoes_it(cloud: Cloud) -> None:
    resources = {"A": {"Type": "AWS::Slow::Thing", "Properties": {"Name": "slow"}}, "B": queue("b")}
    made = await cloud("CreateStack", StackName="s", TemplateBody=template(resources))
    await cloud("DeleteStack", StackName="s")
    assert (await cloud.finished(made["StackId"]))["StackStatus"] == "DELETE_COMPLETE"
    assert cloud.things() == {}


@run
async def test_termination_protection_protects(cloud: Cloud) -> None:
    body = template({"A": queue("a")})
    await cloud("CreateStack", StackName="s", TemplateBody=body, EnableTerminationProtection=True)
    await cloud.finished("s")
    with pytest.raises(AwsError, match="TerminationProtection is enabled"):
        await cloud("DeleteStack", StackName="s")
    await cloud("UpdateTerminationProtection", StackName="s", EnableTerminationProtection=False)
    await cloud("DeleteStack", StackName="s")


@run
async def test_a_token_makes_a_request_safe_to_repeat(cloud: Cloud) -> None:
    body = template({"A": queue("a")})
    first = await cloud("CreateStack", StackName="s", TemplateBody=body, ClientRequestToken="token")
    again = await cloud("CreateStack", StackName="s", TemplateBody=body, ClientRequestToken="token")
    assert first == again
    with pytest.raises(AwsError, match=r"Stack \[s\] already exists"):
        await cloud("CreateStack", StackName="s", TemplateBody=body)


@run
async def test_types_that_nobody_runs_are_refused_together_before_anything_is_made(
    cloud: Cloud,
) -> None:
    resources = {
        "A": queue("a"),
        "B": {"Type": "AWS::S3::Bucket"},
        "C": {"Type": "AWS::EC2::Instance"},
    }
    with pytest.raises(AwsError, match=r"AWS::EC2::Instance, AWS::S3::Bucket"):
        await cloud("CreateStack", StackName="s", TemplateBody=template(resources))
    unknown = {"A": {"Type": "AWS::Nothing::Here"}}
    with pytest.raises(AwsError, match=r"Unrecognized resource types: \[AWS::Nothing::Here\]"):
        await cloud("CreateStack", StackName="s", TemplateBody=template(unknown))
    assert (await cloud("ListStacks"))["StackSummaries"] == []


@run
async def test_unknown_properties_fail_the_resource(cloud: Cloud) -> None:
    resources = {"A": queue("a", Properties={"Nonsense": 1})}
    await cloud(
        "CreateStack", StackName="s", TemplateBody=template(resources), OnFailure="DO_NOTHING"
    )
    await cloud.finished("s")
    detail = await cloud("DescribeStackResource", StackName="s", LogicalResourceId="A")
    reason = detail["StackResourceDetail"]["ResourceStatusReason"]
    assert "extraneous key [Nonsense] is not permitted" in reason


@run
async def test_an_update_may_be_cancelled(cloud: Cloud) -> None:
    await cloud("CreateStack", StackName="s", TemplateBody=template({"A": queue("a")}))
    await cloud.finished("s")
    changed = {"A": queue("a"), "B": {"Type": "AWS::Slow::Thing", "Properties": {"Name": "slow"}}}
    await cloud("UpdateStack", StackName="s", TemplateBody=template(changed))
    await cloud("CancelUpdateStack", StackName="s")
    assert (await cloud.finished("s"))["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert set(cloud.things()) == {"a"}


@pytest.mark.parametrize("steps", [1, 2, 3, 5, 8, 13, 21, 34])
def test_a_stack_survives_crashes_at_any_moment(cloud: Cloud, steps: int) -> None:
    """The worker dies every few steps of the event loop; plain handlers still act exactly once."""

    @run
    async def test(cloud: Cloud) -> None:
        wide = {f"W{i}": queue(f"w{i}", DependsOn="A") for i in range(5)}
        slow = {"S": {"Type": "AWS::Slow::Thing", "Properties": {"Name": "slow"}}}
        made = await cloud(
            "CreateStack", StackName="s", TemplateBody=template({**CHAIN, **wide, **slow})
        )
        assert await _through_crashes(cloud, made["StackId"], steps) == "CREATE_COMPLETE"
        changed = {"A": queue("a2"), "B": CHAIN["B"], "X": queue("broken", DependsOn="B"), **slow}
        await cloud("UpdateStack", StackName="s", TemplateBody=template(changed))
        assert await _through_crashes(cloud, made["StackId"], steps) == "UPDATE_ROLLBACK_COMPLETE"
        assert set(cloud.things()) == {"a", "b", "c", "slow", *(f"w{i}" for i in range(5))}
        await cloud("DeleteStack", StackName="s")
        assert await _through_crashes(cloud, made["StackId"], steps) == "DELETE_COMPLETE"
        assert cloud.things() == {}
        acts = [entry for entry in cloud.log() if entry[1] not in ("slow", "a2")]
        assert len([act for act, name in acts if act == "create"]) == 8
        assert len([act for act, name in acts if act == "delete"]) == 8
        assert cloud.log().count(("create", "a2")) == cloud.log().count(("delete", "a2")) == 1

    test(cloud)


async def _through_crashes(cloud: Cloud, arn: str, steps: int) -> str:
    for round_ in range(400):
        cloud.start()
        # Longer each time, so that even what takes more steps at a stretch comes to its end.
        for _ in range(steps + round_ // 4):
            await asyncio.sleep(0.0)
        await cloud.crash()
        stack = (await cloud("DescribeStacks", StackName=arn))["Stacks"][0]
        status: str = stack["StackStatus"]
        if status.endswith(("_COMPLETE", "_FAILED")) and "CLEANUP" not in status:
            return status
        await asyncio.sleep(0.001)
    return str((await cloud.finished(arn))["StackStatus"])


@run
async def test_a_failed_update_may_be_followed_by_another_or_by_deletion(cloud: Cloud) -> None:
    """What the failed update had replaced already is not forgotten either way."""
    made = await cloud("CreateStack", StackName="s", TemplateBody=template({"A": queue("a")}))
    await cloud.finished("s")
    for name in ("a2", "a3"):
        broken = template({"A": queue(name), "X": queue("broken", DependsOn="A")})
        await cloud("UpdateStack", StackName="s", TemplateBody=broken, DisableRollback=True)
        assert (await cloud.finished("s"))["StackStatus"] == "UPDATE_FAILED"
    assert set(cloud.things()) == {"a", "a2", "a3"}
    await cloud("DeleteStack", StackName="s")
    assert (await cloud.finished(made["StackId"]))["StackStatus"] == "DELETE_COMPLETE"
    assert cloud.things() == {}


@run
async def test_a_rollback_that_fails_goes_on_when_the_resource_is_skipped(cloud: Cloud) -> None:
    """ContinueUpdateRollback with ResourcesToSkip (user guide, continue rolling back)."""
    before = {"A": topic("t", "fine"), "B": queue("b")}
    await cloud("CreateStack", StackName="s", TemplateBody=template(before))
    await cloud.finished("s")
    cloud.unwell.add("fine")
    changed = {"A": topic("t", "new"), "B": queue("broken", DependsOn="A")}
    await cloud("UpdateStack", StackName="s", TemplateBody=template(changed))
    stack = await cloud.finished("s")
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_FAILED"
    assert "failed to update: [A]" in stack["StackStatusReason"]
    with pytest.raises(AwsError, match="UPDATE_ROLLBACK_FAILED state and can not be updated"):
        await cloud("UpdateStack", StackName="s", TemplateBody=template(before))
    await cloud("ContinueUpdateRollback", StackName="s", ResourcesToSkip=["A"])
    assert (await cloud.finished("s"))["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"


@run
async def test_what_no_echo_hides_is_hidden_from_events_too(cloud: Cloud) -> None:
    secret = {"Type": "String", "NoEcho": True, "Default": "hush"}
    body = template({"A": topic("t", {"Fn::Sub": "my ${P}"})}, Parameters={"P": secret})
    await cloud("CreateStack", StackName="s", TemplateBody=body)
    await cloud.finished("s")
    assert cloud.things()["t"]["DisplayName"] == "my hush"
    answer = await cloud("DescribeStackEvents", StackName="s")
    assert "hush" not in str(answer)
    assert "my ****" in str(answer)


@run
async def test_a_handler_that_breaks_fails_its_resource_in_the_end(cloud: Cloud) -> None:
    """Our own mistakes are retried, then end the operation rather than hold it for ever."""
    cloud.unwell.add("crash")
    await cloud("CreateStack", StackName="s", TemplateBody=template({"A": topic("t", "crash")}))
    assert (await cloud.finished("s"))["StackStatus"] == "ROLLBACK_COMPLETE"
    events = (await cloud("DescribeStackEvents", StackName="s"))["StackEvents"]
    assert "Internal Failure" in [event.get("ResourceStatusReason") for event in events]


@run
async def test_a_stack_that_takes_too_long_fails(cloud: Cloud) -> None:
    """TimeoutInMinutes: creation only, and what is under way is cancelled."""
    resources = {"A": {"Type": "AWS::Slow::Thing", "Properties": {"Name": "never"}}}
    await cloud("CreateStack", StackName="s", TemplateBody=template(resources), TimeoutInMinutes=1)
    cloud.clock.advance(61)
    stack = await cloud.finished("s")
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    events = (await cloud("DescribeStackEvents", StackName="s"))["StackEvents"]
    reasons = " ".join(event.get("ResourceStatusReason", "") for event in events)
    assert "Stack creation time exceeded the specified timeout" in reasons
    assert "Resource creation cancelled" in reasons
    assert cloud.things() == {}


@run
async def test_change_sets_of_a_stack_that_has_changed_are_obsolete(cloud: Cloud) -> None:
    await cloud("CreateStack", StackName="s", TemplateBody=template({"A": queue("a")}))
    await cloud.finished("s")
    changed = template({"A": queue("a"), "B": queue("b")})
    await cloud("CreateChangeSet", StackName="s", ChangeSetName="c", TemplateBody=changed)
    while (await _described(cloud))["Status"] != "CREATE_COMPLETE":
        await asyncio.sleep(0.001)
    await cloud("UpdateStack", StackName="s", TemplateBody=changed)
    assert (await _described(cloud))["ExecutionStatus"] == "OBSOLETE"
    with pytest.raises(AwsError, match="OBSOLETE"):
        await cloud("ExecuteChangeSet", StackName="s", ChangeSetName="c")


async def _described(cloud: Cloud) -> dict[str, Any]:
    described: dict[str, Any] = await cloud("DescribeChangeSet", StackName="s", ChangeSetName="c")
    return described


@run
async def test_a_stack_that_only_has_change_sets_is_deleted_at_once(cloud: Cloud) -> None:
    body = template({"A": queue("a")})
    made = await cloud(
        "CreateChangeSet",
        StackName="s",
        ChangeSetName="c",
        ChangeSetType="CREATE",
        TemplateBody=body,
    )
    cloud.start()
    while (await _described(cloud))["Status"] != "CREATE_COMPLETE":
        await asyncio.sleep(0.001)
    await cloud("DeleteStack", StackName="s")
    stack = (await cloud("DescribeStacks", StackName=made["StackId"]))["Stacks"][0]
    assert stack["StackStatus"] == "DELETE_COMPLETE"
    with pytest.raises(AwsError, match="ChangeSet"):
        await cloud("DescribeChangeSet", ChangeSetName=made["Id"])
    await cloud("CreateStack", StackName="s", TemplateBody=body)
    assert (await cloud.finished("s"))["StackStatus"] == "CREATE_COMPLETE"


@run
async def test_a_stack_has_one_operation_at_a_time(cloud: Cloud) -> None:
    """The second is refused while the first is in progress, whoever asks."""
    slow = {"A": {"Type": "AWS::Slow::Thing", "Properties": {"Name": "slow"}}}
    await cloud("CreateStack", StackName="s", TemplateBody=template(slow))
    changed = template({**slow, "B": queue("b")})
    with pytest.raises(AwsError, match="CREATE_IN_PROGRESS state and can not be updated"):
        await cloud("UpdateStack", StackName="s", TemplateBody=changed)
    with pytest.raises(AwsError, match="CREATE_IN_PROGRESS state and can not be updated"):
        await cloud("CreateChangeSet", StackName="s", ChangeSetName="c", TemplateBody=changed)
    await cloud.finished("s")
    await cloud("UpdateStack", StackName="s", TemplateBody=changed)
    with pytest.raises(AwsError, match="cannot be deleted while in status UPDATE_IN_PROGRESS"):
        await cloud("DeleteStack", StackName="s")
    assert (await cloud.finished("s"))["StackStatus"] == "UPDATE_COMPLETE"
