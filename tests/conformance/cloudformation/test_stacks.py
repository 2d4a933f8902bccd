"""Stacks through boto3, over Parameter Store."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Description: Two parameters
Parameters:
  Value: {Type: String, Default: first, Description: What is stored}
  Secret: {Type: String, NoEcho: true, Default: hidden}
Conditions:
  IsFirst: !Equals [!Ref Value, first]
Resources:
  One:
    Type: AWS::SSM::Parameter
    Properties:
      Type: String
      Name: !Sub "/${AWS::StackName}/one"
      Value: !Ref Value
  Two:
    Type: AWS::SSM::Parameter
    Properties:
      Type: String
      Value: !Sub "${One}:${One.Value}"
Outputs:
  One:
    Value: !Ref One
    Description: The first
  OnlyFirst:
    Condition: IsFirst
    Value: !If [IsFirst, "yes", "no"]
"""


@pytest.fixture
def cloudformation(aws: Any) -> Any:
    return aws.client("cloudformation")


def wait(client: Any, waiter: str, name: str) -> None:
    client.get_waiter(waiter).wait(
        StackName=name, WaiterConfig={"Delay": 0.02, "MaxAttempts": 3000}
    )


def fails(code: str, text: str) -> Any:
    return pytest.raises(ClientError, match=rf"\({code}\).*{text}")


def test_a_stack_lives(aws: Any, cloudformation: Any) -> None:
    made = cloudformation.create_stack(
        StackName="s", TemplateBody=TEMPLATE, Tags=[{"Key": "team", "Value": "blue"}]
    )
    wait(cloudformation, "stack_create_complete", "s")
    stack = cloudformation.describe_stacks(StackName="s")["Stacks"][0]
    assert stack["StackId"] == made["StackId"]
    assert stack["Description"] == "Two parameters"
    assert {p["ParameterKey"]: p["ParameterValue"] for p in stack["Parameters"]} == {
        "Value": "first",
        "Secret": "****",
    }
    assert {o["OutputKey"]: o["OutputValue"] for o in stack["Outputs"]} == {
        "One": "/s/one",
        "OnlyFirst": "yes",
    }
    ssm = aws.client("ssm")
    assert ssm.get_parameter(Name="/s/one")["Parameter"]["Value"] == "first"
    parameter = {"ParameterKey": "Value", "ParameterValue": "second"}
    cloudformation.update_stack(StackName="s", UsePreviousTemplate=True, Parameters=[parameter])
    wait(cloudformation, "stack_update_complete", "s")
    assert ssm.get_parameter(Name="/s/one")["Parameter"]["Value"] == "second"
    outputs = cloudformation.describe_stacks(StackName="s")["Stacks"][0]["Outputs"]
    assert [output["OutputKey"] for output in outputs] == ["One"]
    resources = cloudformation.describe_stack_resources(StackName="s")["StackResources"]
    assert [r["LogicalResourceId"] for r in resources] == ["One", "Two"]
    cloudformation.delete_stack(StackName="s")
    wait(cloudformation, "stack_delete_complete", made["StackId"])
    assert ssm.describe_parameters()["Parameters"] == []
    statuses = cloudformation.list_stacks(StackStatusFilter=["DELETE_COMPLETE"])["StackSummaries"]
    assert [summary["StackId"] for summary in statuses] == [made["StackId"]]


def test_names_and_missing_stacks_are_refused_in_awss_words(cloudformation: Any) -> None:
    with fails("ValidationError", "Stack with id none does not exist"):
        cloudformation.describe_stacks(StackName="none")
    with fails("ValidationError", "failed to satisfy constraint"):
        cloudformation.create_stack(StackName="1s", TemplateBody=TEMPLATE)
    with fails("ValidationError", r"Stack \[none\] does not exist"):
        cloudformation.update_stack(StackName="none", TemplateBody=TEMPLATE)
    cloudformation.delete_stack(StackName="none")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("Resources: {A: {Type: AWS::SSM::Parameter, Properties: {Value: !Ref B}}}", r"\[B\]"),
        ("Resources: {}", "At least one Resources member must be defined"),
        ("Resources: {A: {Typo: 1}}", "must contain a Type member"),
        ("{", "JSON not well-formed"),
        ("a: [", "YAML not well-formed"),
        ("Resources: {A: {Type: AWS::SSM::Parameter}}\nMore: 1", r"properties \[More\]"),
        (
            "Resources: {A: {Type: AWS::SSM::Parameter, DependsOn: B}, "
            "B: {Type: AWS::SSM::Parameter, DependsOn: A}}",
            r"Circular dependency between resources: \[A, B\]",
        ),
    ],
)
def test_a_bad_template_is_refused_by_everything_that_takes_one(
    cloudformation: Any, body: str, message: str
) -> None:
    with fails("ValidationError", message):
        cloudformation.create_stack(StackName="s", TemplateBody=body)
    with fails("ValidationError", message):
        cloudformation.validate_template(TemplateBody=body)


def test_a_change_set_shows_what_it_would_do_and_does_it(aws: Any, cloudformation: Any) -> None:
    cloudformation.create_change_set(
        StackName="s", ChangeSetName="first", ChangeSetType="CREATE", TemplateBody=TEMPLATE
    )
    await_change_set(cloudformation, "s", "first")
    stack = cloudformation.describe_stacks(StackName="s")["Stacks"][0]
    assert stack["StackStatus"] == "REVIEW_IN_PROGRESS"
    described = cloudformation.describe_change_set(StackName="s", ChangeSetName="first")
    assert described["ExecutionStatus"] == "AVAILABLE"
    assert [c["ResourceChange"]["Action"] for c in described["Changes"]] == ["Add", "Add"]
    cloudformation.execute_change_set(StackName="s", ChangeSetName="first")
    wait(cloudformation, "stack_create_complete", "s")

    parameter = {"ParameterKey": "Value", "ParameterValue": "second"}
    body = TEMPLATE.replace(
        "      Type: String\n      Value: !Sub",
        "      Type: String\n      Name: new\n      Value: !Sub",
    )
    cloudformation.create_change_set(
        StackName="s", ChangeSetName="second", TemplateBody=body, Parameters=[parameter]
    )
    await_change_set(cloudformation, "s", "second")
    described = cloudformation.describe_change_set(StackName="s", ChangeSetName="second")
    one, two = (change["ResourceChange"] for change in described["Changes"])
    assert (one["Action"], one["Replacement"], one["Scope"]) == ("Modify", "False", ["Properties"])
    assert one["Details"][0]["CausingEntity"] == "Value"
    assert one["Details"][0]["ChangeSource"] == "ParameterReference"
    assert (two["Action"], two["Replacement"]) == ("Modify", "True")
    assert "Path" not in one["Details"][0]["Target"]
    valued = cloudformation.describe_change_set(
        StackName="s", ChangeSetName="second", IncludePropertyValues=True
    )["Changes"][0]["ResourceChange"]
    target = valued["Details"][0]["Target"]
    assert (target["BeforeValue"], target["AfterValue"]) == ("first", "second")
    assert target["Path"] == "/Properties/Value"
    assert json.loads(valued["AfterContext"])["Properties"]["Value"] == "second"
    cloudformation.execute_change_set(StackName="s", ChangeSetName="second")
    wait(cloudformation, "stack_update_complete", "s")
    assert aws.client("ssm").get_parameter(Name="new")["Parameter"]["Value"] == "/s/one:second"
    with fails("InvalidChangeSetStatus", "EXECUTE_COMPLETE"):
        cloudformation.execute_change_set(StackName="s", ChangeSetName="second")


def test_a_change_set_without_changes_fails_as_deploy_tools_expect(cloudformation: Any) -> None:
    """`aws cloudformation deploy` and `sam deploy` look for these words."""
    cloudformation.create_stack(StackName="s", TemplateBody=TEMPLATE)
    wait(cloudformation, "stack_create_complete", "s")
    cloudformation.create_change_set(StackName="s", ChangeSetName="c", TemplateBody=TEMPLATE)
    described = await_change_set(cloudformation, "s", "c")
    assert described["Status"] == "FAILED"
    assert described["StatusReason"].startswith("The submitted information didn't contain changes.")
    cloudformation.delete_change_set(StackName="s", ChangeSetName="c")
    assert cloudformation.list_change_sets(StackName="s")["Summaries"] == []


def await_change_set(client: Any, stack: str, name: str) -> Any:
    while True:
        described = client.describe_change_set(StackName=stack, ChangeSetName=name)
        if described["Status"] in ("CREATE_COMPLETE", "FAILED"):
            return described
        time.sleep(0.005)


def test_iam_resources_need_to_be_acknowledged(cloudformation: Any) -> None:
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {"RoleName": "r", "AssumeRolePolicyDocument": {"Statement": []}},
    }
    body = json.dumps({"Resources": {"Role": role}})
    with fails("InsufficientCapabilitiesException", r"\[CAPABILITY_NAMED_IAM\]"):
        cloudformation.create_stack(
            StackName="s", TemplateBody=body, Capabilities=["CAPABILITY_IAM"]
        )
    summary = cloudformation.get_template_summary(TemplateBody=body)
    assert summary["Capabilities"] == ["CAPABILITY_NAMED_IAM"]
    assert summary["ResourceTypes"] == ["AWS::IAM::Role"]


def test_parameters_come_from_parameter_store_and_resources_from_references(
    aws: Any, cloudformation: Any
) -> None:
    ssm = aws.client("ssm")
    ssm.put_parameter(Name="/in", Type="String", Value="stored")
    body = json.dumps(
        {
            "Parameters": {"In": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/in"}},
            "Resources": {
                "Out": {
                    "Type": "AWS::SSM::Parameter",
                    "Properties": {
                        "Name": "/out",
                        "Type": "String",
                        "Value": {"Fn::Sub": "${In} {{resolve:ssm:/in}}"},
                    },
                }
            },
        }
    )
    cloudformation.create_stack(StackName="s", TemplateBody=body)
    wait(cloudformation, "stack_create_complete", "s")
    assert ssm.get_parameter(Name="/out")["Parameter"]["Value"] == "stored stored"
    parameter = cloudformation.describe_stacks(StackName="s")["Stacks"][0]["Parameters"][0]
    assert (parameter["ParameterValue"], parameter["ResolvedValue"]) == ("/in", "stored")
    missing = [{"ParameterKey": "In", "ParameterValue": "/missing"}]
    with fails("ValidationError", r"Unable to fetch parameters \[/missing\]"):
        cloudformation.create_stack(StackName="t", TemplateBody=body, Parameters=missing)


def test_a_stack_is_made_with_the_rights_of_its_maker(aws: Any) -> None:
    user = aws.as_user("maker", {"Effect": "Allow", "Action": "cloudformation:*", "Resource": "*"})
    client = user.client("cloudformation")
    client.create_stack(StackName="s", TemplateBody=TEMPLATE)
    with pytest.raises(Exception, match="ROLLBACK_COMPLETE"):
        wait(client, "stack_create_complete", "s")
    events = client.describe_stack_events(StackName="s")["StackEvents"]
    assert any("ssm:PutParameter" in event.get("ResourceStatusReason", "") for event in events)
    nobody = aws.as_user("nobody")
    with pytest.raises(ClientError, match="AccessDenied"):
        nobody.client("cloudformation").describe_stacks(StackName="s")


def test_a_stack_may_be_made_by_a_role_that_its_maker_passes(aws: Any) -> None:
    """RoleARN needs iam:PassRole, and the role's own rights make the resources."""
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole"}
    trust["Principal"] = {"Service": "cloudformation.amazonaws.com"}  # type: ignore[assignment]
    iam = aws.client("iam")
    role = iam.create_role(
        RoleName="deployer", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]})
    )["Role"]["Arn"]
    may = {"Effect": "Allow", "Action": "ssm:*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [may]})
    iam.put_role_policy(RoleName="deployer", PolicyName="p", PolicyDocument=document)
    deploy = {"Effect": "Allow", "Action": "cloudformation:*", "Resource": "*"}
    client = aws.as_user("without", deploy).client("cloudformation")
    with pytest.raises(ClientError, match="iam:PassRole"):
        client.create_stack(StackName="s", TemplateBody=TEMPLATE, RoleARN=role)
    passing = {"Effect": "Allow", "Action": "iam:PassRole", "Resource": role}
    client = aws.as_user("with", deploy, passing).client("cloudformation")
    client.create_stack(StackName="s", TemplateBody=TEMPLATE, RoleARN=role)
    wait(client, "stack_create_complete", "s")
    assert aws.client("ssm").get_parameter(Name="/s/one")["Parameter"]["Value"] == "first"
    assert client.describe_stacks(StackName="s")["Stacks"][0]["RoleARN"] == role
    client.delete_stack(StackName="s")
    wait(client, "stack_delete_complete", "s")


def test_loops_come_from_the_language_extensions(aws: Any, cloudformation: Any) -> None:
    body = """
Transform: AWS::LanguageExtensions
Parameters:
  Names: {Type: CommaDelimitedList, Default: "red,green"}
Resources:
  Fn::ForEach::Colours:
    - Colour
    - !Ref Names
    - Parameter${Colour}:
        Type: AWS::SSM::Parameter
        Properties:
          Type: String
          Name: !Sub "/${Colour}"
          Value: !ToJsonString {colour: !Sub "${Colour}", of: !Length [1, 2]}
"""
    cloudformation.create_stack(
        StackName="s", TemplateBody=body, Capabilities=["CAPABILITY_AUTO_EXPAND"]
    )
    wait(cloudformation, "stack_create_complete", "s")
    value = aws.client("ssm").get_parameter(Name="/green")["Parameter"]["Value"]
    assert value == '{"colour":"green","of":2}'


def test_a_serverless_template_goes_through_its_transform(cloudformation: Any) -> None:
    body = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Table:
    Type: AWS::Serverless::SimpleTable
  Broken:
    Type: AWS::Serverless::Function
    Properties: {Runtime: python3.12}
"""
    with fails("InsufficientCapabilitiesException", "CAPABILITY_AUTO_EXPAND"):
        cloudformation.create_stack(StackName="s", TemplateBody=body)
    cloudformation.create_change_set(
        StackName="s", ChangeSetName="c", ChangeSetType="CREATE", TemplateBody=body
    )
    described = await_change_set(cloudformation, "s", "c")
    assert described["Status"] == "FAILED"
    assert described["StatusReason"].startswith(
        "Transform AWS::Serverless-2016-10-31 failed with: Invalid Serverless Application "
        "Specification document. Number of errors found: 1. Resource with id [Broken] is invalid."
    )


def test_events_are_paged_and_the_template_is_kept(cloudformation: Any) -> None:
    resources = {
        f"P{i}": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": str(i)}}
        for i in range(40)
    }
    body = json.dumps({"Resources": resources})
    cloudformation.create_stack(StackName="s", TemplateBody=body)
    wait(cloudformation, "stack_create_complete", "s")
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName="s")
    events = [event for page in pages for event in page["StackEvents"]]
    assert len(events) == 2 + 3 * 40
    assert events[0]["ResourceStatus"] == "CREATE_COMPLETE"
    got = cloudformation.get_template(StackName="s")["TemplateBody"]
    assert got == json.loads(body)
