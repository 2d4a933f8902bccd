"""Managed policies, boundaries and the simulator."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from tests.conformance.iam.documents import LAMBDA_TRUST, allow, policy

BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"


def test_a_policy_has_versions_of_which_one_is_in_force(aws):
    """Five versions at most; the default one grants (IAM user guide, versioning policies)."""
    iam = aws.client("iam")
    ada = aws.as_user("ada")
    document = policy(allow("iam:ListUsers"))
    arn = iam.create_policy(PolicyName="p", PolicyDocument=document)["Policy"]["Arn"]
    iam.attach_user_policy(UserName="ada", PolicyArn=arn)
    assert ada.client("iam").list_users()
    nothing = policy(allow("s3:ListBucket"))
    made = iam.create_policy_version(PolicyArn=arn, PolicyDocument=nothing)["PolicyVersion"]
    assert (made["VersionId"], made["IsDefaultVersion"]) == ("v2", False)
    assert ada.client("iam").list_users()
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v2")
    with pytest.raises(ClientError, match="AccessDenied"):
        ada.client("iam").list_users()
    with pytest.raises(iam.exceptions.DeleteConflictException, match="default version"):
        iam.delete_policy_version(PolicyArn=arn, VersionId="v2")
    for _ in range(3):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=nothing)
    with pytest.raises(iam.exceptions.LimitExceededException, match="up to 5 versions"):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=nothing)
    versions = iam.list_policy_versions(PolicyArn=arn)["Versions"]
    assert [each["VersionId"] for each in versions] == ["v5", "v4", "v3", "v2", "v1"]
    found = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]
    assert found["Document"] == json.loads(document)


def test_a_policy_in_use_is_not_deleted(aws):
    """DeleteConflict while it is attached or has several versions (DeletePolicy reference)."""
    iam = aws.client("iam")
    arn = iam.create_policy(PolicyName="p", PolicyDocument=policy(allow("s3:*")))["Policy"]["Arn"]
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=LAMBDA_TRUST, PermissionsBoundary=arn)
    iam.attach_role_policy(RoleName="r", PolicyArn=arn)
    counted = iam.get_policy(PolicyArn=arn)["Policy"]
    assert (counted["AttachmentCount"], counted["PermissionsBoundaryUsageCount"]) == (1, 1)
    users = iam.list_entities_for_policy(PolicyArn=arn, PolicyUsageFilter="PermissionsPolicy")
    assert [each["RoleName"] for each in users["PolicyRoles"]] == ["r"]
    with pytest.raises(iam.exceptions.DeleteConflictException, match="attached to entities"):
        iam.delete_policy(PolicyArn=arn)
    iam.detach_role_policy(RoleName="r", PolicyArn=arn)
    with pytest.raises(iam.exceptions.DeleteConflictException):
        iam.delete_policy(PolicyArn=arn)
    iam.delete_role_permissions_boundary(RoleName="r")
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(allow("s3:*")))
    with pytest.raises(iam.exceptions.DeleteConflictException, match="more than one version"):
        iam.delete_policy(PolicyArn=arn)
    iam.delete_policy_version(PolicyArn=arn, VersionId="v2")
    iam.delete_policy(PolicyArn=arn)
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_policy(PolicyArn=arn)


def test_aws_policies_are_there_to_attach_and_not_to_change(aws):
    """AWS managed policies belong to AWS (IAM user guide)."""
    iam = aws.client("iam")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=LAMBDA_TRUST)
    iam.attach_role_policy(RoleName="r", PolicyArn=BASIC)
    iam.attach_role_policy(RoleName="r", PolicyArn=BASIC)
    attached = iam.list_attached_role_policies(RoleName="r")["AttachedPolicies"]
    assert attached == [{"PolicyName": "AWSLambdaBasicExecutionRole", "PolicyArn": BASIC}]
    assert iam.get_policy(PolicyArn=BASIC)["Policy"]["AttachmentCount"] == 1
    document = iam.get_policy_version(PolicyArn=BASIC, VersionId="v1")["PolicyVersion"]["Document"]
    assert "logs:PutLogEvents" in document["Statement"][0]["Action"]
    with pytest.raises(ClientError, match="AccessDenied"):
        iam.delete_policy(PolicyArn=BASIC)
    unknown = "arn:aws:iam::aws:policy/NobodyHasHeardOfIt"
    with pytest.raises(iam.exceptions.NoSuchEntityException, match="not attachable"):
        iam.attach_role_policy(RoleName="r", PolicyArn=unknown)
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.detach_role_policy(RoleName="r", PolicyArn=unknown)


def test_long_paths_and_names_are_paged_too(aws):
    """A marker has 320 characters at most, which a whole ARN would exceed."""
    iam = aws.client("iam")
    iam.create_role(RoleName="r" * 64, AssumeRolePolicyDocument=LAMBDA_TRUST)
    arns = []
    for number in range(3):
        made = iam.create_policy(
            Path=f"/{'p' * 500}/",
            PolicyName=f"{number}" + "n" * 127,
            PolicyDocument=policy(allow("s3:*")),
        )
        arns.append(made["Policy"]["Arn"])
        iam.attach_role_policy(RoleName="r" * 64, PolicyArn=arns[-1])
        iam.create_user(UserName=f"{number}" + "u" * 63)
        iam.attach_user_policy(UserName=f"{number}" + "u" * 63, PolicyArn=arns[0])
    for operation, params, member in (
        ("list_attached_role_policies", {"RoleName": "r" * 64}, "AttachedPolicies"),
        ("list_entities_for_policy", {"PolicyArn": arns[0], "EntityFilter": "User"}, "PolicyUsers"),
        ("list_policies", {"Scope": "Local"}, "Policies"),
        ("get_account_authorization_details", {"Filter": ["LocalManagedPolicy"]}, "Policies"),
    ):
        pages = iam.get_paginator(operation).paginate(PaginationConfig={"PageSize": 1}, **params)
        assert [len(page[member]) for page in pages] == [1, 1, 1]


def test_policies_are_listed_by_scope_and_in_pages(aws):
    """Scope chooses between AWS's and one's own; OnlyAttached leaves out the rest."""
    iam = aws.client("iam")
    for name in ("one", "two"):
        iam.create_policy(PolicyName=name, PolicyDocument=policy(allow("s3:*")))
    local = iam.list_policies(Scope="Local")["Policies"]
    assert [each["PolicyName"] for each in local] == ["one", "two"]
    pages = iam.get_paginator("list_policies").paginate(PaginationConfig={"PageSize": 7})
    names = [each["PolicyName"] for page in pages for each in page["Policies"]]
    assert names[:2] == ["one", "two"]
    assert len(names) == len(set(names))
    assert "AdministratorAccess" in names
    assert iam.list_policies(OnlyAttached=True)["Policies"] == []


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("not json", "(?i)json"),
        (policy({"Effect": "Allow", "Action": "s3:*"}), "must contain resources"),
        (policy(allow("s3:*", Principal="*")), "should not specify a principal"),
        (policy(allow("GetObject")), "prefaced by a vendor"),
        (policy(allow("s3:*", "bucket")), "ARN format"),
        (policy({**allow("s3:*"), "Effect": "Maybe"}), "Syntax errors in policy"),
    ],
)
def test_a_document_that_is_no_policy_is_refused(aws, document, message):
    """MalformedPolicyDocument, in IAM's words."""
    iam = aws.client("iam")
    with pytest.raises(iam.exceptions.MalformedPolicyDocumentException, match=message):
        iam.create_policy(PolicyName="p", PolicyDocument=document)
    iam.create_user(UserName="ada")
    with pytest.raises(iam.exceptions.MalformedPolicyDocumentException, match=message):
        iam.put_user_policy(UserName="ada", PolicyName="p", PolicyDocument=document)


def test_a_managed_policy_is_6144_characters_at_most(aws):
    """White space does not count (IAM quotas)."""
    iam = aws.client("iam")
    resources = [f"arn:aws:s3:::bucket-{n:04}/*" for n in range(250)]
    with pytest.raises(iam.exceptions.LimitExceededException, match="PolicySize: 6144"):
        iam.create_policy(PolicyName="p", PolicyDocument=policy(allow("s3:*", resources)))
    padded = policy(allow("s3:*", resources[:100])) + " " * 6144
    iam.create_policy(PolicyName="p", PolicyDocument=padded)


def test_a_boundary_bounds_what_policies_grant(aws):
    """Both must allow (IAM user guide, permissions boundaries)."""
    iam = aws.client("iam")
    ada = aws.as_user("ada", allow("iam:*"))
    arn = iam.create_policy(PolicyName="b", PolicyDocument=policy(allow("iam:List*")))["Policy"][
        "Arn"
    ]
    iam.put_user_permissions_boundary(UserName="ada", PermissionsBoundary=arn)
    bounded = ada.client("iam")
    assert bounded.list_users()
    with pytest.raises(ClientError, match="permissions boundary"):
        bounded.create_user(UserName="eve")
    shown = iam.get_user(UserName="ada")["User"]["PermissionsBoundary"]
    assert shown["PermissionsBoundaryArn"] == arn
    iam.delete_user_permissions_boundary(UserName="ada")
    bounded.create_user(UserName="eve")
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.delete_user_permissions_boundary(UserName="ada")


def test_the_simulator_says_what_the_policies_would(aws):
    """SimulatePrincipalPolicy on what a user has, SimulateCustomPolicy on what is given."""
    iam = aws.client("iam")
    aws.as_user("ada", allow("s3:GetObject", "arn:aws:s3:::a/*"))
    results = iam.simulate_principal_policy(
        PolicySourceArn=f"arn:aws:iam::{aws.account}:user/ada",
        ActionNames=["s3:GetObject", "s3:PutObject"],
        ResourceArns=["arn:aws:s3:::a/x"],
    )["EvaluationResults"]
    assert [each["EvalDecision"] for each in results] == ["allowed", "implicitDeny"]
    deny = {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}
    results = iam.simulate_custom_policy(
        PolicyInputList=[policy(allow("*")), policy(deny)], ActionNames=["s3:GetObject"]
    )["EvaluationResults"]
    assert results[0]["EvalDecision"] == "explicitDeny"


def test_the_account_shows_all_that_it_has(aws):
    """GetAccountAuthorizationDetails and GetAccountSummary over everything at once."""
    iam = aws.client("iam")
    aws.as_user("ada", allow("s3:*"))
    iam.create_group(GroupName="g")
    iam.add_user_to_group(GroupName="g", UserName="ada")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=LAMBDA_TRUST)
    iam.attach_role_policy(RoleName="r", PolicyArn=BASIC)
    iam.create_policy(PolicyName="p", PolicyDocument=policy(allow("s3:*")))
    pages = list(
        iam.get_paginator("get_account_authorization_details").paginate(
            PaginationConfig={"PageSize": 1}
        )
    )
    assert len(pages) == 5
    whole = iam.get_account_authorization_details()
    assert whole["UserDetailList"][0]["GroupList"] == ["g"]
    assert whole["UserDetailList"][0]["UserPolicyList"][0]["PolicyName"] == "inline"
    assert whole["RoleDetailList"][0]["AttachedManagedPolicies"][0]["PolicyArn"] == BASIC
    assert [each["PolicyName"] for each in whole["Policies"]] == [
        "p",
        "AWSLambdaBasicExecutionRole",
    ]
    summary = iam.get_account_summary()["SummaryMap"]
    assert (summary["Users"], summary["Groups"], summary["Roles"], summary["Policies"]) == (
        1,
        1,
        1,
        1,
    )
    iam.create_account_alias(AccountAlias=f"my-{aws.account}")
    assert iam.list_account_aliases()["AccountAliases"] == [f"my-{aws.account}"]
    iam.delete_account_alias(AccountAlias=f"my-{aws.account}")
    assert iam.list_account_aliases()["AccountAliases"] == []
