"""What deleting a stack takes away, and what it leaves."""

from __future__ import annotations

import json
from typing import Any

from tests.apps import remains
from tests.apps.conftest import Town
from tests.apps.test_change_sets import invoke, template


def test_deleting_an_application_leaves_nothing(town: Town) -> None:
    """By every listing, and by the records of the store; only logs are kept, as at AWS."""
    before = remains.listed(town), remains.stored(town)
    body: dict[str, Any] = template()
    body["Transform"] = "AWS::Serverless-2016-10-31"
    body["Resources"]["Front"] = {
        "Type": "AWS::Serverless::Function",
        "Properties": {
            "Runtime": "python3.12",
            "Handler": "index.handler",
            "InlineCode": "def handler(event, context):\n    print('here')\n"
            "    return {'statusCode': 200, 'body': 'hello'}\n",
            "Policies": [{"DynamoDBCrudPolicy": {"TableName": {"Ref": "Table"}}}],
            "AutoPublishAlias": "live",
            "Events": {
                "Rest": {"Type": "Api", "Properties": {"Path": "/a", "Method": "get"}},
                "Http": {"Type": "HttpApi", "Properties": {"Path": "/b", "Method": "get"}},
            },
        },
    }
    body["Outputs"]["Rest"] = {"Value": {"Ref": "ServerlessRestApi"}}
    body["Outputs"]["Http"] = {"Value": {"Ref": "ServerlessHttpApi"}}
    assert town.create("gone", body) == "CREATE_COMPLETE", town.events("gone")
    out = town.outputs("gone")
    assert invoke(town, out["Function"]) == "one"
    assert town.http(f"/_aws/execute-api/{out['Rest']}/Prod/a").text == "hello"
    assert town.http(f"/_aws/execute-api/{out['Http']}/b").text == "hello"
    table = town.session.resource("dynamodb", endpoint_url=town.url).Table(out["Table"])
    table.put_item(Item={"id": "lost"})
    assert town.delete("gone") == "DELETE_COMPLETE"
    after = remains.listed(town), remains.stored(town)
    left = {entry for entry in after[0] - before[0] if entry[0] != "logs.describe_log_groups"}
    assert left == set()
    assert after[1] - before[1] == set()
    for path in (f"/_aws/execute-api/{out['Rest']}/Prod/a", f"/_aws/execute-api/{out['Http']}/b"):
        assert town.http(path).status in (403, 404)


def test_a_bucket_with_objects_stays_and_says_so(town: Town) -> None:
    """DELETE_FAILED, with the bucket's own reason; emptied, it goes at the next try."""
    body = {
        "Resources": {"Files": {"Type": "AWS::S3::Bucket"}, "Other": {"Type": "AWS::S3::Bucket"}}
    }
    assert town.create("full", body) == "CREATE_COMPLETE"
    found = town.client("cloudformation").describe_stack_resources(StackName="full")
    ids = {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in found["StackResources"]}
    s3 = town.client("s3")
    s3.put_object(Bucket=ids["Files"], Key="k", Body=b"1")
    assert town.delete("full") == "DELETE_FAILED"
    reason = next(e for e in town.events("full") if e.startswith("Files DELETE_FAILED"))
    assert "The bucket you tried to delete is not empty" in reason
    buckets = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    assert (ids["Files"] in buckets, ids["Other"] in buckets) == (True, False)
    assert s3.get_object(Bucket=ids["Files"], Key="k")["Body"].read() == b"1"
    s3.delete_object(Bucket=ids["Files"], Key="k")
    assert town.delete("full") == "DELETE_COMPLETE"


def test_what_a_template_retains_is_kept(town: Town) -> None:
    """DeletionPolicy Retain, when the stack is deleted and when the resource leaves the template."""
    table = template()["Resources"]["Table"]
    body: dict[str, Any] = {
        "Resources": {
            "Kept": {**table, "DeletionPolicy": "Retain"},
            "Left": {**table, "DeletionPolicy": "Retain"},
            "Gone": table,
        }
    }
    assert town.create("retained", json.loads(json.dumps(body))) == "CREATE_COMPLETE"
    found = town.client("cloudformation").describe_stack_resources(StackName="retained")
    ids = {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in found["StackResources"]}
    dynamodb = town.client("dynamodb")
    dynamodb.put_item(TableName=ids["Kept"], Item={"id": {"S": "1"}})
    del body["Resources"]["Left"]
    assert town.update("retained", body) == "UPDATE_COMPLETE"
    assert town.delete("retained") == "DELETE_COMPLETE"
    assert any(event.startswith("Kept DELETE_SKIPPED") for event in town.events(_id(town)))
    tables = dynamodb.list_tables()["TableNames"]
    assert {name: ids[name] in tables for name in ids} == {
        "Kept": True,
        "Left": True,
        "Gone": False,
    }
    assert dynamodb.scan(TableName=ids["Kept"])["Items"] == [{"id": {"S": "1"}}]
    for name in ("Kept", "Left"):
        dynamodb.delete_table(TableName=ids[name])


def _id(town: Town) -> str:
    """The stack named "retained", which is deleted."""
    client = town.client("cloudformation")
    found = client.list_stacks(StackStatusFilter=["DELETE_COMPLETE"])["StackSummaries"]
    return next(stack["StackId"] for stack in found if stack["StackName"] == "retained")
