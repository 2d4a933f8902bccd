"""A stack in the form in which CDK synthesizes: bootstrap version, rules, metadata, asset buckets."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.apps.conftest import Town

VERSION = "/cdk-bootstrap/hnb659fds/version"
ASSET = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0.zip"
ACCOUNT, REGION, PARTITION = ({"Ref": f"AWS::{n}"} for n in ("AccountId", "Region", "Partition"))

CODE = """
import json, os
import boto3

table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])

def handler(event, context):
    path = event["path"]
    found = table.update_item(
        Key={"path": path},
        UpdateExpression="ADD hits :one",
        ExpressionAttributeValues={":one": 1},
        ReturnValues="UPDATED_NEW",
    )
    hits = int(found["Attributes"]["hits"])
    return {"statusCode": 200, "body": json.dumps({"path": path, "hits": hits})}
"""


def arn_of(logical_id: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [logical_id, "Arn"]}


def join(*parts: Any) -> dict[str, Any]:
    return {"Fn::Join": ["", list(parts)]}


def method(name: str, resource: Any) -> dict[str, Any]:
    """A proxy method, with the long chain that CDK makes of an integration's address."""
    uri = join(
        "arn:",
        PARTITION,
        ":apigateway:",
        REGION,
        ":lambda:path/2015-03-31/functions/",
        arn_of("HitsHandler7A1B2C3D"),
        "/invocations",
    )
    return {
        "Type": "AWS::ApiGateway::Method",
        "Properties": {
            "AuthorizationType": "NONE",
            "HttpMethod": "ANY",
            "Integration": {"IntegrationHttpMethod": "POST", "Type": "AWS_PROXY", "Uri": uri},
            "ResourceId": resource,
            "RestApiId": {"Ref": "Endpoint8024A810"},
        },
        "Metadata": {"aws:cdk:path": f"HitsStack/Endpoint/{name}/Resource"},
    }


def permission(stage: Any, path: str) -> dict[str, Any]:
    source = join(
        *("arn:", PARTITION, ":execute-api:", REGION, ":", ACCOUNT, ":"),
        *({"Ref": "Endpoint8024A810"}, "/", stage, "/*/", path),
    )
    return {
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            "Action": "lambda:InvokeFunction",
            "FunctionName": arn_of("HitsHandler7A1B2C3D"),
            "Principal": "apigateway.amazonaws.com",
            "SourceArn": source,
        },
    }


def template() -> dict[str, Any]:
    assume = {
        "Statement": [
            {
                "Action": "sts:AssumeRole",
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
            }
        ],
        "Version": "2012-10-17",
    }
    basic = join("arn:", PARTITION, ":iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")
    grants = {
        "Statement": [
            {
                "Action": ["dynamodb:GetItem", "dynamodb:UpdateItem", "dynamodb:DescribeTable"],
                "Effect": "Allow",
                "Resource": [arn_of("Hits9E0F1A2B"), {"Ref": "AWS::NoValue"}],
            }
        ],
        "Version": "2012-10-17",
    }
    root = {"Fn::GetAtt": ["Endpoint8024A810", "RootResourceId"]}
    stage = {"Ref": "EndpointDeploymentStageprodB78BEEA0"}
    resources = {
        "Hits9E0F1A2B": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "AttributeDefinitions": [{"AttributeName": "path", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "path", "KeyType": "HASH"}],
                "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
            },
            "UpdateReplacePolicy": "Delete",
            "DeletionPolicy": "Delete",
            "Metadata": {"aws:cdk:path": "HitsStack/Hits/Resource"},
        },
        "HitsHandlerServiceRole11EF7C63": {
            "Type": "AWS::IAM::Role",
            "Properties": {"AssumeRolePolicyDocument": assume, "ManagedPolicyArns": [basic]},
        },
        "HitsHandlerServiceRoleDefaultPolicy4F2A8C1D": {
            "Type": "AWS::IAM::Policy",
            "Properties": {
                "PolicyDocument": grants,
                "PolicyName": "HitsHandlerServiceRoleDefaultPolicy4F2A8C1D",
                "Roles": [{"Ref": "HitsHandlerServiceRole11EF7C63"}],
            },
        },
        "HitsHandler7A1B2C3D": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Code": {
                    "S3Bucket": {
                        "Fn::Sub": "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"
                    },
                    "S3Key": ASSET,
                },
                "Environment": {"Variables": {"TABLE_NAME": {"Ref": "Hits9E0F1A2B"}}},
                "Handler": "hits.handler",
                "Role": arn_of("HitsHandlerServiceRole11EF7C63"),
                "Runtime": "python3.12",
                "Timeout": 15,
            },
            "DependsOn": [
                "HitsHandlerServiceRoleDefaultPolicy4F2A8C1D",
                "HitsHandlerServiceRole11EF7C63",
            ],
            "Metadata": {"aws:asset:path": f"asset.{ASSET}", "aws:asset:property": "Code"},
        },
        "Endpoint8024A810": {
            "Type": "AWS::ApiGateway::RestApi",
            "Properties": {"Name": "Endpoint"},
        },
        "EndpointDeployment318525DA": {
            "Type": "AWS::ApiGateway::Deployment",
            "Properties": {
                "Description": "Automatically created by the RestApi construct",
                "RestApiId": {"Ref": "Endpoint8024A810"},
            },
            "DependsOn": [
                "Endpointproxy39E2174E",
                "EndpointproxyANYC09721C5",
                "EndpointANY485C938B",
            ],
        },
        "EndpointDeploymentStageprodB78BEEA0": {
            "Type": "AWS::ApiGateway::Stage",
            "Properties": {
                "DeploymentId": {"Ref": "EndpointDeployment318525DA"},
                "RestApiId": {"Ref": "Endpoint8024A810"},
                "StageName": "prod",
            },
        },
        "Endpointproxy39E2174E": {
            "Type": "AWS::ApiGateway::Resource",
            "Properties": {
                "ParentId": root,
                "PathPart": "{proxy+}",
                "RestApiId": {"Ref": "Endpoint8024A810"},
            },
        },
        "EndpointproxyANYC09721C5": method("proxy", {"Ref": "Endpointproxy39E2174E"}),
        "EndpointANY485C938B": method("ANY", root),
        "EndpointproxyANYApiPermission": permission(stage, "*"),
        "EndpointANYApiPermission": permission(stage, ""),
        "CDKMetadata": {
            "Type": "AWS::CDK::Metadata",
            "Properties": {"Analytics": "v2:deflate64:H4sIAAAAAAAA"},
            "Condition": "CDKMetadataAvailable",
        },
    }
    url = join(
        *("https://", {"Ref": "Endpoint8024A810"}, ".execute-api.", REGION, "."),
        *({"Ref": "AWS::URLSuffix"}, "/", stage, "/"),
    )
    near = [{"Fn::Equals": [REGION, name]} for name in ("eu-west-1", "us-east-1")]
    return {
        "Resources": resources,
        "Outputs": {
            "Endpoint8024A810": {"Value": url},
            "Api": {"Value": {"Ref": "Endpoint8024A810"}},
        },
        "Conditions": {"CDKMetadataAvailable": {"Fn::Or": near}},
        "Parameters": {
            "BootstrapVersion": {
                "Type": "AWS::SSM::Parameter::Value<String>",
                "Default": VERSION,
                "Description": "Version of the CDK Bootstrap resources in this environment",
            }
        },
        "Rules": {
            "CheckBootstrapVersion": {
                "Assertions": [
                    {
                        "Assert": {
                            "Fn::Not": [
                                {"Fn::Contains": [["1", "2", "3"], {"Ref": "BootstrapVersion"}]}
                            ]
                        },
                        "AssertDescription": "CDK bootstrap stack version 4 required. "
                        "Please run 'cdk bootstrap' with a recent version of the CDK CLI.",
                    }
                ]
            }
        },
    }


def bootstrap(town: Town, version: str) -> None:
    """What `cdk bootstrap` leaves for stacks: the version, and the bucket of assets with ours."""
    town.client("ssm").put_parameter(Name=VERSION, Value=version, Type="String", Overwrite=True)
    bucket = f"cdk-hnb659fds-assets-{town.account}-{town.region}"
    if bucket not in [found["Name"] for found in town.client("s3").list_buckets()["Buckets"]]:
        town.client("s3").create_bucket(Bucket=bucket)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("hits.py", CODE)
    town.client("s3").put_object(Bucket=bucket, Key=ASSET, Body=packed.getvalue())


def test_a_synthesized_stack_deploys_where_cdk_has_been_set_up(town: Town) -> None:
    """Parameters of the type SSM value, and rules, are checked before anything is made."""
    with pytest.raises(ClientError, match="(?s)ValidationError.*" + VERSION):
        town.create("HitsStack", template())
    bootstrap(town, "3")
    with pytest.raises(ClientError, match="CDK bootstrap stack version 4 required"):
        town.create("HitsStack", template())
    bootstrap(town, "21")
    assert town.create("HitsStack", template()) == "CREATE_COMPLETE", town.events("HitsStack")
    out = town.outputs("HitsStack")
    assert out["Endpoint8024A810"].endswith(".amazonaws.com/prod/")
    prefix = f"/_aws/execute-api/{out['Api']}/prod"
    for path, hits in (("/", 1), ("/a/b", 1), ("/a/b", 2)):
        answer = town.http(prefix + path)
        assert (answer.status, answer.json()) == (200, {"path": path, "hits": hits}), answer.text
    described = town.client("cloudformation").describe_stacks(StackName="HitsStack")["Stacks"][0]
    (parameter,) = described["Parameters"]
    assert (parameter["ParameterValue"], parameter["ResolvedValue"]) == (VERSION, "21")
    made = town.client("cloudformation").describe_stack_resources(StackName="HitsStack")
    assert {r["LogicalResourceId"] for r in made["StackResources"]} == set(template()["Resources"])
    assert town.delete("HitsStack") == "DELETE_COMPLETE"
