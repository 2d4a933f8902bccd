"""IAM's and Parameter Store's CloudFormation types, made, changed and deleted as a stack does."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from freehold.kernel import principal
from freehold.kernel.errors import AwsError
from freehold.kernel.resources import Wanted
from freehold.services.iam import service as iam_service
from freehold.services.ssm import service as ssm_service
from tests.conformance.iam.documents import LAMBDA_TRUST, allow, policy

TRUST = json.loads(LAMBDA_TRUST)
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"


class Stack:
    """One stack's resources, made by the account's root user."""

    def __init__(self, aws: Any) -> None:
        self.aws = aws
        self.tags: dict[str, str] = {}

    def wanted(self, kind: str, properties: dict[str, Any], logical_id: str) -> Wanted:
        return Wanted(
            type=kind,
            logical_id=logical_id,
            properties=properties,
            stack_id=f"arn:aws:cloudformation:us-east-1:{self.aws.account}:stack/s/1",
            stack_name="s",
            stack_tags=self.tags,
        )

    def create(self, kind: str, properties: dict[str, Any], logical_id: str = "Thing") -> Any:
        return self._run(kind, "create", self.wanted(kind, properties, logical_id))

    def update(self, kind: str, made: Any, properties: dict[str, Any], before: Any) -> Any:
        wanted = self.wanted(kind, properties, "Thing")
        return self._run(kind, "update", msgspec.structs.replace(wanted, previous=before), made)

    def delete(self, kind: str, made: Any) -> None:
        self._run(kind, "delete", made)

    def _run(self, kind: str, step: str, *arguments: Any) -> Any:
        service = ssm_service if "SSM" in kind else iam_service
        function = getattr(service.resource_types[kind], step)
        node = self.aws.node.running.node

        async def run() -> Any:
            who = principal.root(self.aws.account)
            call = node.call(service.name, "test", self.aws.account, "us-east-1", who)
            return await call.write(function, *arguments)

        return self.aws.node.run(run())


@pytest.fixture
def stack(aws):
    return Stack(aws)


def test_a_role_lives_with_its_policies(aws, stack):
    """AWS::IAM::Role: Ref is the name, Arn and RoleId are its attributes."""
    iam = aws.client("iam")
    stack.tags = {"team": "blue"}
    before = {
        "AssumeRolePolicyDocument": TRUST,
        "ManagedPolicyArns": [READ_ONLY],
        "Policies": [{"PolicyName": "p", "PolicyDocument": json.loads(policy(allow("s3:*")))}],
        "MaxSessionDuration": "7200",
        "Tags": [{"Key": "a", "Value": "b"}],
    }
    role = stack.create("AWS::IAM::Role", before)
    assert role.physical_id.startswith("s-Thing-")
    found = iam.get_role(RoleName=role.physical_id)["Role"]
    assert role.attributes == {"Arn": found["Arn"], "RoleId": found["RoleId"]}
    assert found["MaxSessionDuration"] == 7200
    tags = {tag["Key"]: tag["Value"] for tag in found["Tags"]}
    assert tags["aws:cloudformation:logical-id"] == "Thing"
    assert (tags["team"], tags["a"]) == ("blue", "b")
    after = {
        "AssumeRolePolicyDocument": {**TRUST, "Id": "changed"},
        "Policies": [{"PolicyName": "q", "PolicyDocument": json.loads(policy(allow("sqs:*")))}],
        "PermissionsBoundary": READ_ONLY,
    }
    assert stack.update("AWS::IAM::Role", role, after, before).physical_id == role.physical_id
    found = iam.get_role(RoleName=role.physical_id)["Role"]
    assert found["AssumeRolePolicyDocument"]["Id"] == "changed"
    assert found["MaxSessionDuration"] == 3600
    assert found["PermissionsBoundary"]["PermissionsBoundaryArn"] == READ_ONLY
    assert iam.list_role_policies(RoleName=role.physical_id)["PolicyNames"] == ["q"]
    assert iam.list_attached_role_policies(RoleName=role.physical_id)["AttachedPolicies"] == []
    assert "a" not in {tag["Key"] for tag in found["Tags"]}
    for _ in range(2):
        stack.delete("AWS::IAM::Role", role)
    assert iam.list_roles()["Roles"] == []


def test_a_policy_is_put_into_all_that_it_names(aws, stack):
    """AWS::IAM::Policy: inline, in users, groups and roles."""
    iam = aws.client("iam")
    for name in ("one", "two"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=LAMBDA_TRUST)
    before = {
        "PolicyName": "p",
        "PolicyDocument": json.loads(policy(allow("s3:*"))),
        "Roles": ["one"],
    }
    made = stack.create("AWS::IAM::Policy", before)
    assert made.attributes["Id"] == made.physical_id
    made = stack.update("AWS::IAM::Policy", made, {**before, "Roles": ["two"]}, before)
    assert iam.list_role_policies(RoleName="one")["PolicyNames"] == []
    assert iam.list_role_policies(RoleName="two")["PolicyNames"] == ["p"]
    stack.delete("AWS::IAM::Policy", made)
    assert iam.list_role_policies(RoleName="two")["PolicyNames"] == []
    with pytest.raises(AwsError, match="must be non-empty"):
        stack.create("AWS::IAM::Policy", {**before, "Roles": []})
    one = stack.create("AWS::IAM::RolePolicy", {**before, "RoleName": "one"})
    assert iam.list_role_policies(RoleName="one")["PolicyNames"] == ["p"]
    stack.delete("AWS::IAM::RolePolicy", one)
    assert iam.list_role_policies(RoleName="one")["PolicyNames"] == []


def test_a_managed_policys_document_changes_by_versions(aws, stack):
    """AWS::IAM::ManagedPolicy: Ref is the ARN; there is always room for one more version."""
    iam = aws.client("iam")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=LAMBDA_TRUST)
    before = {"PolicyDocument": json.loads(policy(allow("s3:*"))), "Roles": ["r"]}
    made = stack.create("AWS::IAM::ManagedPolicy", before)
    assert made.attributes["PolicyArn"] == made.physical_id
    for number in range(7):
        after = {"PolicyDocument": json.loads(policy(allow(f"s3:Get{number}")))}
        made = stack.update("AWS::IAM::ManagedPolicy", made, after, before)
        before = after
    assert made.attributes["DefaultVersionId"] == "v8"
    assert len(iam.list_policy_versions(PolicyArn=made.physical_id)["Versions"]) == 5
    iam.attach_role_policy(RoleName="r", PolicyArn=made.physical_id)
    for _ in range(2):
        stack.delete("AWS::IAM::ManagedPolicy", made)
    assert iam.list_policies(Scope="Local")["Policies"] == []


def test_users_groups_and_keys_are_made_and_deleted(aws, stack):
    """AWS::IAM::User, Group, AccessKey and UserToGroupAddition."""
    iam = aws.client("iam")
    group = stack.create("AWS::IAM::Group", {"ManagedPolicyArns": [READ_ONLY]}, "G")
    before = {"UserName": "ada", "Groups": [group.physical_id]}
    user = stack.create("AWS::IAM::User", before)
    assert user.attributes["Arn"].endswith("user/ada")
    key = stack.create("AWS::IAM::AccessKey", {"UserName": "ada"})
    credentials = {"AccessKeyId": key.physical_id, **key.attributes}
    assert aws.with_keys(credentials).client("iam").list_users()["Users"]
    key = stack.update("AWS::IAM::AccessKey", key, {"UserName": "ada", "Status": "Inactive"}, {})
    assert iam.list_access_keys(UserName="ada")["AccessKeyMetadata"][0]["Status"] == "Inactive"
    stack.update("AWS::IAM::User", user, {"UserName": "ada"}, before)
    assert iam.get_group(GroupName=group.physical_id)["Users"] == []
    addition = stack.create(
        "AWS::IAM::UserToGroupAddition", {"GroupName": group.physical_id, "Users": ["ada"]}
    )
    assert len(iam.get_group(GroupName=group.physical_id)["Users"]) == 1
    for kind, made in (
        ("UserToGroupAddition", addition),
        ("AccessKey", key),
        ("User", user),
        ("Group", group),
    ):
        stack.delete(f"AWS::IAM::{kind}", made)
        stack.delete(f"AWS::IAM::{kind}", made)
    assert (iam.list_users()["Users"], iam.list_groups()["Groups"]) == ([], [])
    with pytest.raises(AwsError, match="LoginProfile"):
        stack.create("AWS::IAM::User", {"LoginProfile": {"Password": "x"}})


def test_instance_profiles_and_service_roles_are_made_and_deleted(aws, stack):
    """AWS::IAM::InstanceProfile and ServiceLinkedRole."""
    iam = aws.client("iam")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=LAMBDA_TRUST)
    profile = stack.create("AWS::IAM::InstanceProfile", {"Roles": ["r"]})
    assert profile.attributes["Arn"].endswith(f"instance-profile/{profile.physical_id}")
    linked = stack.create(
        "AWS::IAM::ServiceLinkedRole", {"AWSServiceName": "ops.apigateway.amazonaws.com"}
    )
    assert linked.attributes == {"RoleName": "AWSServiceRoleForAPIGateway"}
    stack.delete("AWS::IAM::InstanceProfile", profile)
    stack.delete("AWS::IAM::ServiceLinkedRole", linked)
    assert iam.list_instance_profiles()["InstanceProfiles"] == []
    assert [role["RoleName"] for role in iam.list_roles()["Roles"]] == ["r"]


def test_a_parameter_follows_its_template(aws, stack):
    """AWS::SSM::Parameter: Ref is the name; Type and Value are its attributes."""
    ssm = aws.client("ssm")
    before = {"Type": "String", "Value": 5, "Tags": {"a": "b"}}
    made = stack.create("AWS::SSM::Parameter", before)
    assert made.physical_id.startswith("CFN-s-Thing-")
    assert made.attributes == {"Type": "String", "Value": "5"}
    made = stack.update("AWS::SSM::Parameter", made, {"Type": "String", "Value": "6"}, before)
    assert ssm.get_parameter(Name=made.physical_id)["Parameter"]["Value"] == "6"
    tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=made.physical_id)
    keys = {tag["Key"] for tag in tags["TagList"]}
    assert "a" not in keys
    assert "aws:cloudformation:stack-name" in keys
    for _ in range(2):
        stack.delete("AWS::SSM::Parameter", made)
    assert ssm.describe_parameters()["Parameters"] == []
    with pytest.raises(AwsError, match="SecureString"):
        stack.create("AWS::SSM::Parameter", {"Type": "SecureString", "Value": "x"})
