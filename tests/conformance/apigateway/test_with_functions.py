"""A REST API and an HTTP API in front of a function that really runs."""

from __future__ import annotations

import io
import json
import re
import zipfile
from typing import Any

import pytest
import urllib3

HTTP = urllib3.PoolManager(retries=False)
CODE = """
import json

def handler(event, context):
    if event.get("type") == "TOKEN":
        statement = {"Effect": "Allow", "Action": "*", "Resource": event["methodArn"]}
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        return {"principalId": event["authorizationToken"], "policyDocument": policy}
    return {"statusCode": 200, "body": json.dumps(event), "headers": {"X-Function": "yes"}}
"""
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


@pytest.fixture
def function(aws: Any) -> str:
    """The ARN of a function that answers with its event."""
    role = aws.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(TRUST))
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("index.py", CODE)
    arn: str = aws.client("lambda").create_function(
        FunctionName="f",
        Runtime="python3.11",
        Handler="index.handler",
        Role=role["Role"]["Arn"],
        Code={"ZipFile": package.getvalue()},
    )["FunctionArn"]
    return arn


def allow(aws: Any, function: str, source: str) -> None:
    aws.client("lambda").add_permission(
        FunctionName=function,
        StatementId=re.sub("[^a-z]", "-", source),
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:us-east-1:{aws.account}:{source}",
    )


def test_a_rest_api_may_call_a_function_that_permits_it(aws: Any, function: str) -> None:
    uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function}/invocations"
    integration = {"type": "aws_proxy", "httpMethod": "POST", "uri": uri}
    method = {"x-amazon-apigateway-integration": integration, "responses": {}}
    authorizer = {
        "type": "apiKey",
        "name": "Authorization",
        "in": "header",
        "x-amazon-apigateway-authtype": "custom",
        "x-amazon-apigateway-authorizer": {"type": "token", "authorizerUri": uri},
    }
    document = {
        "swagger": "2.0",
        "info": {"title": "t"},
        "paths": {
            "/items/{id}": {"get": method},
            "/closed": {"get": {**method, "security": [{"mine": []}]}},
        },
        "securityDefinitions": {"mine": authorizer},
    }
    client = aws.client("apigateway")
    api_id = client.import_rest_api(body=json.dumps(document))["id"]
    client.create_deployment(restApiId=api_id, stageName="Prod")
    url = f"{aws.url}/_aws/execute-api/{api_id}/Prod"
    refused = HTTP.request("GET", f"{url}/items/7")
    assert (refused.status, refused.json()) == (500, {"message": "Internal server error"})

    allow(aws, function, f"{api_id}/*/GET/items/*")
    answer = HTTP.request("GET", f"{url}/items/7?q=a%20b")
    assert answer.status == 200
    assert answer.headers["X-Function"] == "yes"
    event = answer.json()
    assert event["pathParameters"] == {"id": "7"}
    assert event["queryStringParameters"] == {"q": "a b"}
    assert event["headers"]["X-Forwarded-Proto"] == "http"

    allow(aws, function, f"{api_id}/authorizers/*")
    allow(aws, function, f"{api_id}/*/*/closed")
    assert HTTP.request("GET", f"{url}/closed").status == 401
    opened = HTTP.request("GET", f"{url}/closed", headers={"Authorization": "me"})
    assert opened.json()["requestContext"]["authorizer"] == {"principalId": "me"}


def test_an_http_api_may_call_a_function_that_permits_it(aws: Any, function: str) -> None:
    client = aws.client("apigatewayv2")
    api_id = client.create_api(Name="a", ProtocolType="HTTP", Target=function)["ApiId"]
    url = f"{aws.url}/_aws/execute-api/{api_id}"
    refused = HTTP.request("GET", f"{url}/a")
    assert (refused.status, refused.json()) == (500, {"message": "Internal Server Error"})
    allow(aws, function, f"{api_id}/*/$default")
    answer = HTTP.request("POST", f"{url}/a", body=b"\x00\x01")
    assert answer.status == 200
    event = answer.json()
    assert (event["version"], event["rawPath"], event["routeKey"]) == ("2.0", "/a", "$default")
