"""Nobody can do more than policies allow: functions, users, and those who prove nothing."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.apps.conftest import Town
from tests.apps.test_change_sets import template
from tests.conftest import BOTO

CODE = """
import boto3, os
from botocore.exceptions import ClientError

def handler(event, context):
    table = boto3.resource("dynamodb").Table(event["table"])
    try:
        if event["do"] == "get":
            return table.get_item(Key={"id": "1"}).get("Item")
        table.put_item(Item={"id": "1"})
    except ClientError as error:
        return {"code": error.response["Error"]["Code"], "message": str(error)}
    return "put"
"""
TABLE = template()["Resources"]["Table"]


def reader(policy: dict[str, Any] | None) -> dict[str, Any]:
    function: dict[str, Any] = {
        "Runtime": "python3.12",
        "Handler": "index.handler",
        "InlineCode": CODE,
        "Timeout": 20,
    }
    if policy:
        function["Policies"] = [policy]
    return {"Type": "AWS::Serverless::Function", "Properties": function}


@pytest.fixture(scope="module")
def out(town: Town) -> dict[str, str]:
    body = {
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {
            "Mine": TABLE,
            "Other": TABLE,
            "Nothing": reader(None),
            "Reads": reader({"DynamoDBReadPolicy": {"TableName": {"Ref": "Mine"}}}),
        },
        "Outputs": {
            name: {"Value": {"Ref": name}} for name in ("Mine", "Other", "Nothing", "Reads")
        },
    }
    assert town.create("privileges", body) == "CREATE_COMPLETE", town.events("privileges")
    return town.outputs("privileges")


def ask(town: Town, function: str, do: str, table: str) -> Any:
    payload = json.dumps({"do": do, "table": table}).encode()
    answer = town.client("lambda").invoke(FunctionName=function, Payload=payload)
    found = answer["Payload"].read()
    assert "FunctionError" not in answer, found
    return json.loads(found)


def test_a_function_can_do_what_its_role_allows_and_no_more(
    town: Town, out: dict[str, str]
) -> None:
    town.client("dynamodb").put_item(TableName=out["Mine"], Item={"id": {"S": "1"}})
    assert ask(town, out["Reads"], "get", out["Mine"]) == {"id": "1"}
    for function, do, table in (
        (out["Nothing"], "get", out["Mine"]),
        (out["Reads"], "put", out["Mine"]),
        (out["Reads"], "get", out["Other"]),
    ):
        refused = ask(town, function, do, table)
        assert refused["code"] == "AccessDeniedException"
        assert "assumed-role/privileges-" in refused["message"]
        assert "is not authorized to perform: dynamodb:" in refused["message"]
    assert town.client("dynamodb").scan(TableName=out["Other"])["Items"] == []


def test_a_user_with_one_table_can_use_only_that(town: Town, out: dict[str, str]) -> None:
    iam = town.client("iam")
    arn = f"arn:aws:dynamodb:{town.region}:{town.account}:table/{out['Mine']}"
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "dynamodb:*", "Resource": arn}],
    }
    iam.create_user(UserName="one-table")
    iam.put_user_policy(UserName="one-table", PolicyName="one", PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName="one-table")["AccessKey"]

    def client(service: str, secret: str = key["SecretAccessKey"]) -> Any:
        return boto3.client(
            service,
            endpoint_url=town.url,
            region_name=town.region,
            aws_access_key_id=key["AccessKeyId"],
            aws_secret_access_key=secret,
            config=BOTO,
        )

    client("dynamodb").put_item(TableName=out["Mine"], Item={"id": {"S": "mine"}})
    found = client("dynamodb").get_item(TableName=out["Mine"], Key={"id": {"S": "mine"}})
    assert found["Item"] == {"id": {"S": "mine"}}
    refused = [
        lambda: client("dynamodb").get_item(TableName=out["Other"], Key={"id": {"S": "1"}}),
        lambda: client("dynamodb").list_tables(),
        lambda: client("lambda").invoke(FunctionName=out["Reads"]),
        lambda: client("lambda").list_functions(),
        lambda: client("s3").list_buckets(),
        lambda: client("cloudformation").describe_stacks(),
        lambda: client("iam").list_users(),
        lambda: client("ssm").describe_parameters(),
        lambda: client("logs").describe_log_groups(),
        lambda: client("apigateway").get_rest_apis(),
        lambda: client("apigatewayv2").get_apis(),
    ]
    for attempt in refused:
        with pytest.raises(ClientError) as error:
            attempt()
        assert error.value.response["Error"]["Code"].startswith("AccessDenied")
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 403)
    assert client("sts").get_caller_identity()["Arn"].endswith(":user/one-table")
    for service, operation in (
        ("dynamodb", "list_tables"),
        ("s3", "list_buckets"),
        ("sts", "get_caller_identity"),
        ("lambda", "list_functions"),
    ):
        with pytest.raises(ClientError) as error:
            getattr(client(service, "x" * 40), operation)()
        code = error.value.response["Error"]["Code"]
        assert code in (
            "InvalidSignatureException",
            "SignatureDoesNotMatch",
        )


def test_unsigned_requests_get_nothing(town: Town, out: dict[str, str]) -> None:
    bucket = "closed-to-strangers"
    town.client("s3").create_bucket(Bucket=bucket)
    town.client("s3").put_object(Bucket=bucket, Key="k", Body=b"secret")
    requests: list[tuple[str, str, bytes | None, dict[str, str]]] = [
        ("GET", f"/{bucket}/k", None, {}),
        ("GET", f"/{bucket}", None, {}),
        ("GET", "/", None, {}),
        ("PUT", f"/{bucket}/mine", b"x", {}),
        (
            "POST",
            "/",
            json.dumps({"TableName": out["Mine"]}).encode(),
            {
                "X-Amz-Target": "DynamoDB_20120810.Scan",
                "Content-Type": "application/x-amz-json-1.0",
            },
        ),
        (
            "POST",
            "/",
            b"Action=ListUsers&Version=2010-05-08",
            {"Content-Type": "application/x-www-form-urlencoded"},
        ),
        ("POST", f"/2015-03-31/functions/{out['Reads']}/invocations", b"{}", {}),
    ]
    for method, path, body, headers in requests:
        answer = town.http(path, method=method, body=body, **headers)
        assert answer.status in (400, 403, 404, 405), (method, path, answer.status, answer.text)
        assert "secret" not in answer.text
        assert "Items" not in answer.text
    assert "Contents" in town.client("s3").list_objects_v2(Bucket=bucket)
    assert town.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"] == 1
