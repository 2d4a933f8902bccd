"""The attacker's side: who has few rights does not get more."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from freehold.kernel.errors import AwsError
from freehold.kernel.principal import Principal
from freehold.services.iam import service as iam_service
from freehold.services.ssm import service as ssm_service
from freehold.services.sts import service as sts_service
from tests.conformance.iam.documents import LAMBDA_TRUST, allow, policy

ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
FREE_OF_POLICY = {"GetCallerIdentity", "GetSessionToken"}
OPERATIONS = [
    (each.name, name)
    for each in (iam_service, ssm_service, sts_service)
    for name in sorted(each.operations)
    if name not in FREE_OF_POLICY
]


VALUES: dict[str, Any] = {
    "AWSServiceName": "ops.apigateway.amazonaws.com",
    "AccessKeyId": "AKIAIOSFODNN7EXAMPLE",
    "AccountAlias": "alias",
    "ActionNames": ["s3:GetObject"],
    "AssumeRolePolicyDocument": LAMBDA_TRUST,
    "DeletionTaskId": "task/aws-service-role/x.amazonaws.com/role/1",
    "Description": "text",
    "GroupName": "g",
    "InstanceProfileName": "i",
    "Labels": ["label"],
    "Name": "parameter",
    "Names": ["/p"],
    "ParameterVersion": 1,
    "Path": "/",
    "PermissionsBoundary": ADMIN,
    "PolicyArn": "arn:aws:iam::777777777777:policy/p",
    "PolicyDocument": policy(allow("*")),
    "PolicyInputList": [policy(allow("*"))],
    "PolicyName": "p",
    "PolicySourceArn": "arn:aws:iam::777777777777:role/r",
    "ResourceId": "/p",
    "ResourceType": "Parameter",
    "RoleArn": "arn:aws:iam::777777777777:role/r",
    "RoleName": "r",
    "RoleSessionName": "session",
    "Status": "Active",
    "TagKeys": ["a"],
    "Tags": [{"Key": "a", "Value": "b"}],
    "UserName": "u",
    "Value": "v",
    "VersionId": "v1",
}


def denied(match="AccessDenied"):
    return pytest.raises(ClientError, match=match)


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_no_operation_is_open_to_a_user_without_rights(shared_node, service, operation):
    """Every operation, asked of things that do not exist: denied before it says so."""
    node = shared_node.running.node
    account = "777777777777"
    nobody = Principal(
        kind="user", account=account, arn=f"arn:aws:iam::{account}:user/x", id="AIDAX", name="x"
    )
    model = node.model(service)
    reference = model.documents[operation].get("input")
    shape = {} if reference is None else model.shapes[reference["shape"]]
    params = {name: VALUES[name] for name in shape.get("required", ())}

    async def invoke():
        call = node.call(service, operation, account, "us-east-1", nobody)
        return await call.invoke(service, operation, params)

    with pytest.raises(AwsError) as error:
        shared_node.run(invoke())
    assert error.value.code in ("AccessDenied", "AccessDeniedException"), error.value


def test_a_user_gives_himself_nothing(aws):
    """Rights on one's own keys are not rights on policies, nor on others' keys."""
    own = f"arn:aws:iam::{aws.account}:user/eve"
    eve = aws.as_user("eve", allow("iam:*AccessKey*", own)).client("iam")
    aws.as_user("ada", allow("*"))
    assert eve.list_access_keys()["AccessKeyMetadata"]
    for attempt in (
        lambda: eve.attach_user_policy(UserName="eve", PolicyArn=ADMIN),
        lambda: eve.put_user_policy(
            UserName="eve", PolicyName="p", PolicyDocument=policy(allow("*"))
        ),
        lambda: eve.create_access_key(UserName="ada"),
        lambda: eve.list_access_keys(UserName="ada"),
        lambda: eve.add_user_to_group(GroupName="admins", UserName="eve"),
        lambda: eve.update_user(UserName="eve", NewUserName="ada2"),
    ):
        with denied():
            attempt()


def test_rights_on_one_group_or_policy_are_not_rights_on_another(aws):
    """iam:PolicyARN limits what may be attached (IAM user guide, controlling access)."""
    condition = {"ArnEquals": {"iam:PolicyARN": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"}}
    eve = aws.as_user("eve", allow("iam:AttachUserPolicy", Condition=condition)).client("iam")
    with denied():
        eve.attach_user_policy(UserName="eve", PolicyArn=ADMIN)
    eve.attach_user_policy(
        UserName="eve", PolicyArn="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
    )


def test_who_may_only_create_bounded_roles_creates_no_others(aws):
    """The delegation of IAM's user guide: iam:PermissionsBoundary on every step."""
    iam = aws.client("iam")
    bound = iam.create_policy(PolicyName="b", PolicyDocument=policy(allow("s3:*")))["Policy"]["Arn"]
    condition = {"StringEquals": {"iam:PermissionsBoundary": bound}}
    actions = ["iam:CreateRole", "iam:PutRolePolicy", "iam:AttachRolePolicy"]
    boundaries = "iam:PutRolePermissionsBoundary"
    eve = aws.as_user("eve", allow([*actions, boundaries], Condition=condition)).client("iam")
    iam.create_role(RoleName="free", AssumeRolePolicyDocument=LAMBDA_TRUST)
    eve.create_role(
        RoleName="bounded", AssumeRolePolicyDocument=LAMBDA_TRUST, PermissionsBoundary=bound
    )
    eve.attach_role_policy(RoleName="bounded", PolicyArn=ADMIN)
    for attempt in (
        lambda: eve.create_role(RoleName="r", AssumeRolePolicyDocument=LAMBDA_TRUST),
        lambda: eve.create_role(
            RoleName="r", AssumeRolePolicyDocument=LAMBDA_TRUST, PermissionsBoundary=ADMIN
        ),
        lambda: eve.attach_role_policy(RoleName="free", PolicyArn=ADMIN),
        lambda: eve.put_role_permissions_boundary(RoleName="bounded", PermissionsBoundary=ADMIN),
        lambda: eve.delete_role_permissions_boundary(RoleName="bounded"),
    ):
        with denied():
            attempt()


def test_another_spelling_of_a_name_is_no_way_around_a_policy(aws):
    """Names are found without regard to case or path; policies see the stored ARN."""
    iam = aws.client("iam")
    iam.create_role(RoleName="Admin", Path="/safe/", AssumeRolePolicyDocument=LAMBDA_TRUST)
    protected = f"arn:aws:iam::{aws.account}:role/safe/*"
    deny = {"Effect": "Deny", "Action": "iam:*", "Resource": protected}
    eve = aws.as_user("eve", allow("*"), deny).client("iam")
    trust = policy({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}})
    for name in ("Admin", "admin", "ADMIN"):
        with denied("explicit deny"):
            eve.update_assume_role_policy(RoleName=name, PolicyDocument=trust)
        with denied("explicit deny"):
            eve.get_role(RoleName=name)


def test_a_role_must_be_his_who_puts_it_into_an_instance_profile(aws):
    """iam:PassRole (AddRoleToInstanceProfile reference)."""
    iam = aws.client("iam")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=LAMBDA_TRUST)
    iam.create_instance_profile(InstanceProfileName="i")
    eve = aws.as_user("eve", allow("iam:AddRoleToInstanceProfile")).client("iam")
    with denied("iam:PassRole"):
        eve.add_role_to_instance_profile(InstanceProfileName="i", RoleName="r")


def test_creating_with_tags_needs_leave_to_tag(aws):
    """Or tags that policies trust could be had by being created with them."""
    eve = aws.as_user("eve", allow(["iam:CreateUser", "iam:CreateRole"])).client("iam")
    admin = [{"Key": "team", "Value": "admins"}]
    with denied("iam:TagUser"):
        eve.create_user(UserName="x", Tags=admin)
    with denied("iam:TagRole"):
        eve.create_role(RoleName="x", AssumeRolePolicyDocument=LAMBDA_TRUST, Tags=admin)
    eve.create_user(UserName="x")


def test_a_new_user_of_an_old_name_gets_none_of_its_rights(aws):
    """Rights hang on the unique id (IAM identifiers)."""
    iam = aws.client("iam")
    arn = iam.create_policy(PolicyName="p", PolicyDocument=policy(allow("*")))["Policy"]["Arn"]
    iam.create_user(UserName="ada", PermissionsBoundary=arn)
    iam.attach_user_policy(UserName="ada", PolicyArn=arn)
    iam.detach_user_policy(UserName="ada", PolicyArn=arn)
    iam.delete_user(UserName="ada")
    assert iam.get_policy(PolicyArn=arn)["Policy"]["PermissionsBoundaryUsageCount"] == 0
    ada = aws.as_user("ada").client("iam")
    with denied():
        ada.list_users()


def test_another_account_is_out_of_reach(aws, shared_node):
    """IAM's names are looked up in the caller's own account, whoever is root elsewhere."""
    iam = aws.client("iam")
    arn = iam.create_policy(PolicyName="p", PolicyDocument=policy(allow("*")))["Policy"]["Arn"]
    iam.create_user(UserName="ada")
    other = shared_node.new_account().client("iam")
    with denied("NoSuchEntity"):
        other.get_user(UserName="ada")
    with denied("NoSuchEntity"):
        other.get_policy(PolicyArn=arn)
    with denied("NoSuchEntity"):
        other.create_policy_version(PolicyArn=arn, PolicyDocument=policy(allow("s3:*")))
    other.create_user(UserName="eve")
    with denied("NoSuchEntity"):
        other.attach_user_policy(UserName="eve", PolicyArn=arn)
