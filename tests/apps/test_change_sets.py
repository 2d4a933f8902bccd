"""A stack changed through change sets: what they show, what they keep, what they refuse."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from botocore.exceptions import WaiterError

from tests.apps.conftest import Town

CODE = "def handler(event, context):\n    return 'one'\n"


def template() -> dict[str, Any]:
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    return {
        "Parameters": {"Word": {"Type": "String", "Default": "one"}},
        "Resources": {
            "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust}},
            "Function": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "Runtime": "python3.12",
                    "Handler": "index.handler",
                    "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                    "Code": {"ZipFile": CODE},
                    "Environment": {"Variables": {"WORD": {"Ref": "Word"}}},
                },
            },
            "Table": {
                "Type": "AWS::DynamoDB::Table",
                "Properties": {
                    "BillingMode": "PAY_PER_REQUEST",
                    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
                    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                },
            },
            "Files": {"Type": "AWS::S3::Bucket"},
            "Word1": {
                "Type": "AWS::SSM::Parameter",
                "Properties": {"Type": "String", "Value": "x", "Name": "/changes/word"},
            },
        },
        "Outputs": {
            "Table": {"Value": {"Ref": "Table"}},
            "Function": {"Value": {"Ref": "Function"}},
        },
    }


def change_set(town: Town, stack: str, name: str, body: Any, **options: Any) -> dict[str, Any]:
    """The change set, worked out."""
    client = town.client("cloudformation")
    given = {"UsePreviousTemplate": True} if body is None else {"TemplateBody": json.dumps(body)}
    client.create_change_set(
        StackName=stack,
        ChangeSetName=name,
        Capabilities=["CAPABILITY_IAM"],
        **given,
        **options,
    )
    waiter = client.get_waiter("change_set_create_complete")
    waiter.wait(
        StackName=stack, ChangeSetName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 300}
    )
    described: dict[str, Any] = client.describe_change_set(StackName=stack, ChangeSetName=name)
    return described


def shown(described: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    changes = [change["ResourceChange"] for change in described["Changes"]]
    return {c["LogicalResourceId"]: (c["Action"], c.get("Replacement")) for c in changes}


def invoke(town: Town, name: str) -> Any:
    answer = town.client("lambda").invoke(FunctionName=name)
    assert "FunctionError" not in answer, answer["Payload"].read()
    return json.loads(answer["Payload"].read())


def test_a_change_set_shows_the_changes_and_makes_them(town: Town) -> None:
    """Additions, changes with and without replacement, removals; what stays keeps its data."""
    client = town.client("cloudformation")
    first = change_set(town, "changes", "make", template(), ChangeSetType="CREATE")
    assert set(shown(first).values()) == {("Add", None)}
    assert town.status("changes") == "REVIEW_IN_PROGRESS"
    client.execute_change_set(StackName="changes", ChangeSetName="make")
    assert town.settled("changes") == "CREATE_COMPLETE", town.events("changes")
    out = town.outputs("changes")
    assert invoke(town, out["Function"]) == "one"
    table = town.session.resource("dynamodb", endpoint_url=town.url).Table(out["Table"])
    table.put_item(Item={"id": "kept"})

    wanted = copy.deepcopy(template())
    resources = wanted["Resources"]
    resources["Function"]["Properties"]["Code"]["ZipFile"] = (
        "import os\ndef handler(event, context):\n    return os.environ['WORD']\n"
    )
    resources["Table"]["Properties"]["Tags"] = [{"Key": "team", "Value": "blue"}]
    resources["Word1"]["Properties"]["Name"] = "/changes/word/2"
    del resources["Files"]
    resources["More"] = {
        "Type": "AWS::SSM::Parameter",
        "Properties": {"Type": "String", "Value": {"Ref": "Table"}},
    }
    parameters = [{"ParameterKey": "Word", "ParameterValue": "two"}]
    second = change_set(town, "changes", "change", wanted, Parameters=parameters)
    assert shown(second) == {
        "Files": ("Remove", None),
        "Function": ("Modify", "False"),
        "More": ("Add", None),
        "Table": ("Modify", "False"),
        "Word1": ("Modify", "True"),
    }
    # Nothing happens before it is executed.
    assert invoke(town, out["Function"]) == "one"
    client.execute_change_set(StackName="changes", ChangeSetName="change")
    assert town.settled("changes") == "UPDATE_COMPLETE", town.events("changes")
    assert town.outputs("changes") == out
    assert invoke(town, out["Function"]) == "two"
    assert table.scan()["Items"] == [{"id": "kept"}]
    names = [p["Name"] for p in town.client("ssm").describe_parameters()["Parameters"]]
    assert "/changes/word/2" in names
    assert "/changes/word" not in names

    with pytest.raises(WaiterError):
        change_set(town, "changes", "nothing", wanted, Parameters=parameters)
    failed = client.describe_change_set(StackName="changes", ChangeSetName="nothing")
    assert failed["Status"] == "FAILED"
    assert "didn't contain changes" in failed["StatusReason"]
    with pytest.raises(client.exceptions.ClientError, match="No updates are to be performed"):
        town.update("changes", wanted, Parameters=parameters)
    assert town.delete("changes") == "DELETE_COMPLETE"


def test_changing_a_tables_key_replaces_the_table(town: Town) -> None:
    """KeySchema is create-only: the change set says so, and the old table goes with its data."""
    body = {"Resources": {"Table": template()["Resources"]["Table"]}}
    assert town.create("replaced", body) == "CREATE_COMPLETE"
    client = town.client("cloudformation")
    described = client.describe_stack_resource(StackName="replaced", LogicalResourceId="Table")
    old = described["StackResourceDetail"]["PhysicalResourceId"]
    properties = body["Resources"]["Table"]["Properties"]
    properties["KeySchema"][0]["AttributeName"] = "key"
    properties["AttributeDefinitions"][0]["AttributeName"] = "key"
    seen = change_set(town, "replaced", "replace", body)
    assert shown(seen) == {"Table": ("Modify", "True")}
    client.execute_change_set(StackName="replaced", ChangeSetName="replace")
    assert town.settled("replaced") == "UPDATE_COMPLETE"
    described = client.describe_stack_resource(StackName="replaced", LogicalResourceId="Table")
    new = described["StackResourceDetail"]["PhysicalResourceId"]
    tables = town.client("dynamodb").list_tables()["TableNames"]
    assert (old in tables, new in tables) == (False, True)
    assert town.delete("replaced") == "DELETE_COMPLETE"
