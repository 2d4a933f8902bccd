"""Roles, instance profiles and roles of services."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from tests.conformance.iam.documents import LAMBDA_TRUST, allow, policy


def test_a_role_is_created_read_updated_and_deleted(aws):
    """The whole life; documents come back as they were put (boto3 decodes them)."""
    iam = aws.client("iam")
    created = iam.create_role(
        RoleName="worker", AssumeRolePolicyDocument=LAMBDA_TRUST, Path="/svc/"
    )["Role"]
    assert created["Arn"] == f"arn:aws:iam::{aws.account}:role/svc/worker"
    assert created["RoleId"].startswith("AROA")
    assert created["AssumeRolePolicyDocument"] == json.loads(LAMBDA_TRUST)
    assert iam.get_role(RoleName="worker")["Role"]["MaxSessionDuration"] == 3600
    iam.update_role(RoleName="worker", Description="does it", MaxSessionDuration=7200)
    role = iam.get_role(RoleName="worker")["Role"]
    assert (role["Description"], role["MaxSessionDuration"]) == ("does it", 7200)
    iam.put_role_policy(RoleName="worker", PolicyName="p", PolicyDocument=policy(allow("s3:*")))
    assert iam.list_role_policies(RoleName="worker")["PolicyNames"] == ["p"]
    found = iam.get_role_policy(RoleName="worker", PolicyName="p")
    assert found["PolicyDocument"]["Statement"][0]["Action"] == "s3:*"
    with pytest.raises(iam.exceptions.DeleteConflictException, match="must delete policies first"):
        iam.delete_role(RoleName="worker")
    iam.delete_role_policy(RoleName="worker", PolicyName="p")
    with pytest.raises(iam.exceptions.NoSuchEntityException, match="role policy with name p"):
        iam.get_role_policy(RoleName="worker", PolicyName="p")
    iam.delete_role(RoleName="worker")
    assert iam.list_roles()["Roles"] == []


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", "JSON|Json|Syntax"),
        (policy({**allow("sts:AssumeRole"), "Principal": "*"}), "prohibited field Resource"),
        (
            policy({"Effect": "Allow", "Action": "sts:AssumeRole"}),
            "Missing required field Principal",
        ),
        (
            policy({"Effect": "Allow", "Action": "s3:GetObject", "Principal": "*"}),
            "may only specify STS AssumeRole actions",
        ),
        (
            policy({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "ada"}}),
            'Invalid principal in policy: "AWS":"ada"',
        ),
    ],
)
def test_a_trust_policy_says_who_may_assume_and_nothing_else(aws, document, message):
    """MalformedPolicyDocument, in IAM's words as its users report them."""
    iam = aws.client("iam")
    with pytest.raises(iam.exceptions.MalformedPolicyDocumentException, match=message):
        iam.create_role(RoleName="worker", AssumeRolePolicyDocument=document)


def test_a_trust_policy_names_only_users_and_roles_that_exist(aws):
    """A principal that does not exist is invalid (IAM user guide, AWS JSON policy elements)."""
    iam = aws.client("iam")
    arn = f"arn:aws:iam::{aws.account}:user/ada"
    trust = policy({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": arn}})
    with pytest.raises(iam.exceptions.MalformedPolicyDocumentException, match="Invalid principal"):
        iam.create_role(RoleName="worker", AssumeRolePolicyDocument=trust)
    iam.create_user(UserName="ada")
    iam.create_role(RoleName="worker", AssumeRolePolicyDocument=trust)


def test_sizes_and_numbers_are_limited(aws):
    """Ten managed policies a role, 10,240 characters of inline policies (IAM quotas)."""
    iam = aws.client("iam")
    iam.create_role(RoleName="worker", AssumeRolePolicyDocument=LAMBDA_TRUST)
    known = [each["Arn"] for each in iam.list_policies(Scope="AWS", MaxItems=11)["Policies"]]
    for arn in known[:10]:
        iam.attach_role_policy(RoleName="worker", PolicyArn=arn)
    with pytest.raises(iam.exceptions.LimitExceededException, match="PoliciesPerRole: 10"):
        iam.attach_role_policy(RoleName="worker", PolicyArn=known[10])
    large = policy(allow([f"s3:Get{'x' * 90}{n}" for n in range(60)]))
    iam.put_role_policy(RoleName="worker", PolicyName="a", PolicyDocument=large)
    with pytest.raises(iam.exceptions.LimitExceededException, match="10240 bytes exceeded"):
        iam.put_role_policy(RoleName="worker", PolicyName="b", PolicyDocument=large)
    with pytest.raises(iam.exceptions.LimitExceededException, match="ACLSizePerRole: 2048"):
        trusted = [f"arn:aws:iam::{10**11 + n}:root" for n in range(80)]
        statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": trusted}}
        iam.update_assume_role_policy(RoleName="worker", PolicyDocument=policy(statement))


def test_an_instance_profile_carries_one_role(aws):
    """InstanceSessionsPerInstanceProfile is 1; a role in a profile is not deleted."""
    iam = aws.client("iam")
    for name in ("one", "two"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=LAMBDA_TRUST)
    profile = iam.create_instance_profile(InstanceProfileName="box")["InstanceProfile"]
    assert profile["Roles"] == []
    iam.add_role_to_instance_profile(InstanceProfileName="box", RoleName="one")
    with pytest.raises(iam.exceptions.LimitExceededException):
        iam.add_role_to_instance_profile(InstanceProfileName="box", RoleName="two")
    found = iam.list_instance_profiles_for_role(RoleName="one")["InstanceProfiles"]
    assert [each["InstanceProfileName"] for each in found] == ["box"]
    with pytest.raises(iam.exceptions.DeleteConflictException):
        iam.delete_role(RoleName="one")
    with pytest.raises(iam.exceptions.DeleteConflictException):
        iam.delete_instance_profile(InstanceProfileName="box")
    iam.remove_role_from_instance_profile(InstanceProfileName="box", RoleName="one")
    iam.delete_instance_profile(InstanceProfileName="box")
    iam.delete_role(RoleName="one")


def test_a_role_of_a_service_is_the_services_to_change(aws):
    """UnmodifiableEntity protects service-linked roles (IAM user guide)."""
    iam = aws.client("iam")
    role = iam.create_service_linked_role(AWSServiceName="ops.apigateway.amazonaws.com")["Role"]
    assert role["RoleName"] == "AWSServiceRoleForAPIGateway"
    assert role["Path"] == "/aws-service-role/ops.apigateway.amazonaws.com/"
    with pytest.raises(iam.exceptions.UnmodifiableEntityException):
        iam.delete_role(RoleName=role["RoleName"])
    with pytest.raises(iam.exceptions.UnmodifiableEntityException):
        iam.put_role_policy(
            RoleName=role["RoleName"], PolicyName="p", PolicyDocument=policy(allow("*"))
        )
    with pytest.raises(ClientError, match="has been taken in this account"):
        iam.create_service_linked_role(AWSServiceName="ops.apigateway.amazonaws.com")
    task = iam.delete_service_linked_role(RoleName=role["RoleName"])["DeletionTaskId"]
    status = iam.get_service_linked_role_deletion_status(DeletionTaskId=task)["Status"]
    assert status == "SUCCEEDED"
