"""A serverless application from its template, with functions that run: SAM's transform, inline code, an
API, a table, a role, and a custom resource that a function answers."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from tests.conformance.cloudformation.test_stacks import await_change_set, wait

TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Parameters:
  Greeting: {Type: String, Default: Hello}
Globals:
  Function: {Runtime: python3.11, Timeout: 10, Handler: index.handler}
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      InlineCode: |
        import json, os
        def handler(event, context):
            words = [os.environ["GREETING"], event["pathParameters"]["name"], os.environ["WORD"]]
            return {"statusCode": 200, "body": json.dumps(words)}
      Environment:
        Variables:
          GREETING: !Ref Greeting
          WORD: !GetAtt Lookup.Word
          TABLE: !Ref Table
      Policies:
        - DynamoDBReadPolicy: {TableName: !Ref Table}
      Events:
        Get: {Type: Api, Properties: {Path: "/hello/{name}", Method: get}}
  Answer:
    Type: AWS::Serverless::Function
    Properties:
      InlineCode: |
        import json, urllib.request
        def handler(event, context):
            answer = {
                "Status": "SUCCESS",
                "PhysicalResourceId": "looked-up",
                "StackId": event["StackId"],
                "RequestId": event["RequestId"],
                "LogicalResourceId": event["LogicalResourceId"],
                "Data": {"Word": event["ResourceProperties"]["Key"].upper()},
            }
            request = urllib.request.Request(
                event["ResponseURL"], data=json.dumps(answer).encode(), method="PUT"
            )
            urllib.request.urlopen(request)
  Lookup:
    Type: Custom::Lookup
    Properties: {ServiceToken: !GetAtt Answer.Arn, Key: word}
  Table: {Type: AWS::Serverless::SimpleTable}
Outputs:
  Api: {Value: !Ref ServerlessRestApi}
"""


def test_an_application_is_deployed_changed_and_removed(aws: Any) -> None:
    """The way of `sam deploy`: a change set, its execution, and the same again for a change."""
    client = aws.client("cloudformation")
    deploy(client, "first", "CREATE")
    wait(client, "stack_create_complete", "app")
    stack = client.describe_stacks(StackName="app")["Stacks"][0]
    api = stack["Outputs"][0]["OutputValue"]
    assert call(aws, api) == ["Hello", "world", "WORD"]
    types = {
        summary["ResourceType"]
        for summary in client.list_stack_resources(StackName="app")["StackResourceSummaries"]
    }
    assert {"AWS::Lambda::Permission", "AWS::ApiGateway::Stage", "AWS::IAM::Role"} <= types
    processed = client.get_template(StackName="app", TemplateStage="Processed")["TemplateBody"]
    assert "Transform" not in processed

    deploy(client, "second", "UPDATE", {"ParameterKey": "Greeting", "ParameterValue": "Bye"})
    changes = client.describe_change_set(StackName="app", ChangeSetName="second")["Changes"]
    assert changes[0]["ResourceChange"]["LogicalResourceId"] == "Hello"
    wait(client, "stack_update_complete", "app")
    assert call(aws, api) == ["Bye", "world", "WORD"]

    client.delete_stack(StackName="app")
    wait(client, "stack_delete_complete", stack["StackId"])
    assert aws.client("lambda").list_functions()["Functions"] == []
    assert aws.client("dynamodb").list_tables()["TableNames"] == []
    assert aws.client("iam").list_roles()["Roles"] == []
    assert aws.client("apigateway").get_rest_apis()["items"] == []


def deploy(client: Any, name: str, kind: str, *parameters: dict[str, str]) -> None:
    client.create_change_set(
        StackName="app",
        ChangeSetName=name,
        ChangeSetType=kind,
        TemplateBody=TEMPLATE,
        Parameters=list(parameters),
        Capabilities=["CAPABILITY_IAM"],
    )
    described = await_change_set(client, "app", name)
    assert described["Status"] == "CREATE_COMPLETE", described.get("StatusReason")
    client.execute_change_set(StackName="app", ChangeSetName=name)


def call(aws: Any, api: str) -> Any:
    url = f"{aws.url}/_aws/execute-api/{api}/Prod/hello/world"
    with urllib.request.urlopen(url) as response:
        return json.loads(response.read())
