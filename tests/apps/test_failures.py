"""Stacks in which one resource is wrong: nothing of them is left over, and nothing is lost."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.apps import remains
from tests.apps.conftest import Town
from tests.apps.test_change_sets import invoke, template

KEY = {"AttributeName": "id", "KeyType": "HASH"}
TABLE = {"BillingMode": "PAY_PER_REQUEST"}

# A resource that its service refuses, and a part of the reason that the events give.
WRONG = {
    "bucket name": ("AWS::S3::Bucket", {"BucketName": "No_Bucket"}, "bucket"),
    "key schema": (
        "AWS::DynamoDB::Table",
        {
            **TABLE,
            "KeySchema": [KEY],
            "AttributeDefinitions": [{"AttributeName": "other", "AttributeType": "S"}],
        },
        "Some index key attributes are not defined",
    ),
    "code": (
        "AWS::Lambda::Function",
        {
            "Runtime": "python3.12",
            "Handler": "index.handler",
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
            "Code": {"S3Bucket": "no-such-bucket-anywhere", "S3Key": "code.zip"},
        },
        "S3 Error Code: NoSuchBucket",
    ),
    "policy": (
        "AWS::IAM::ManagedPolicy",
        {"PolicyDocument": {"Version": "2012-10-17", "Statement": [{"Effect": "Perhaps"}]}},
        "MalformedPolicyDocument|policy",
    ),
    "principal": (
        "AWS::Lambda::Permission",
        {
            "FunctionName": {"Ref": "Function"},
            "Action": "lambda:InvokeFunction",
            "Principal": "nobody",
        },
        "principal",
    ),
}


def broken(kind: str) -> dict[str, Any]:
    body = template()
    type_, properties, _ = WRONG[kind]
    for resource in body["Resources"].values():
        resource["Properties"] = dict(resource.get("Properties", {}))
        resource["Properties"].pop("Name", None)
    body["Resources"]["Wrong"] = {"Type": type_, "Properties": properties, "DependsOn": ["Table"]}
    return body


@pytest.mark.parametrize("kind", WRONG)
def test_a_creation_that_fails_leaves_nothing(town: Town, kind: str) -> None:
    before = remains.listed(town), remains.stored(town)
    stack = f"fails-{kind.replace(' ', '-')}"
    assert town.create(stack, broken(kind)) == "ROLLBACK_COMPLETE"
    events = town.events(stack)
    failed = [event for event in events if event.startswith("Wrong CREATE_FAILED")]
    assert len(failed) == 1, events
    assert re.search(WRONG[kind][2], failed[0]), failed
    # What was cancelled because of it is named with it.
    assert any(re.search(r"failed to create: \[.*Wrong.*\]", event) for event in events), events
    left = {where for where, _ in remains.listed(town) - before[0]}
    assert left <= {"cloudformation.describe_stacks"}
    town.delete(stack)
    after = remains.listed(town), remains.stored(town)
    assert after[0] - before[0] == set()
    assert after[1] - before[1] == set()


def test_an_update_that_fails_restores_what_was(town: Town) -> None:
    """Values, code, data and removed resources are as before; what was added is gone."""
    body = template()
    body["Resources"]["Word1"]["Properties"]["Name"] = "/restored/word"
    assert town.create("restored", body) == "CREATE_COMPLETE", town.events("restored")
    out = town.outputs("restored")
    table = town.session.resource("dynamodb", endpoint_url=town.url).Table(out["Table"])
    table.put_item(Item={"id": "kept"})
    before = remains.listed(town), remains.stored(town)
    wrong = json.loads(json.dumps(body))
    resources = wrong["Resources"]
    resources["Function"]["Properties"]["Code"]["ZipFile"] = (
        "def handler(event, context):\n    return 'changed'\n"
    )
    resources["Word1"]["Properties"] |= {"Name": "/restored/other", "Value": "y"}
    resources["More"] = {
        "Type": "AWS::SSM::Parameter",
        "Properties": {"Type": "String", "Value": "x"},
    }
    del resources["Files"]
    kind = "key schema"
    resources["Wrong"] = {
        "Type": WRONG[kind][0],
        "Properties": WRONG[kind][1],
        "DependsOn": ["Function", "Word1", "More"],
    }
    assert town.update("restored", wrong) == "UPDATE_ROLLBACK_COMPLETE"
    assert town.outputs("restored") == out
    assert invoke(town, out["Function"]) == "one"
    assert table.scan()["Items"] == [{"id": "kept"}]
    parameter = town.client("ssm").get_parameter(Name="/restored/word")["Parameter"]
    assert parameter["Value"] == "x"
    after = remains.listed(town), remains.stored(town)
    assert after[0] == before[0]
    assert town.delete("restored") == "DELETE_COMPLETE"


def test_sam_says_why_a_deployment_failed(town: Town, tmp_path: Path) -> None:
    town.client("s3").create_bucket(Bucket="fails-for-sam")
    (tmp_path / "template.json").write_text(json.dumps(broken("bucket name")))
    output = town.sam(
        *("deploy", "--template-file", "template.json", "--stack-name", "fails-for-sam"),
        *("--s3-bucket", "fails-for-sam", "--capabilities", "CAPABILITY_IAM"),
        cwd=tmp_path,
    ).failed()
    assert "Failed to create/update the stack: fails-for-sam" in output
    assert town.status("fails-for-sam") == "ROLLBACK_COMPLETE"
    town.delete("fails-for-sam")
