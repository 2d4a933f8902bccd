"""Users, groups and access keys."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.conformance.iam.documents import allow, policy


def test_a_user_is_created_read_listed_and_deleted(aws):
    """The whole life, with the ARN that CreateUser's reference shows."""
    iam = aws.client("iam")
    created = iam.create_user(UserName="ada", Path="/team/", Tags=[{"Key": "a", "Value": "b"}])
    user = created["User"]
    assert user["Arn"] == f"arn:aws:iam::{aws.account}:user/team/ada"
    assert user["UserId"].startswith("AIDA")
    assert iam.get_user(UserName="ada")["User"]["Tags"] == [{"Key": "a", "Value": "b"}]
    assert [each["UserName"] for each in iam.list_users()["Users"]] == ["ada"]
    assert iam.list_users(PathPrefix="/other/")["Users"] == []
    iam.delete_user(UserName="ada")
    with pytest.raises(iam.exceptions.NoSuchEntityException) as error:
        iam.get_user(UserName="ada")
    message = "The user with name ada cannot be found."
    assert error.value.response["Error"] == {
        "Type": "Sender",
        "Code": "NoSuchEntity",
        "Message": message,
    }
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_names_are_taken_whatever_their_case(aws):
    """Names are unique without regard to case (CreateUser reference)."""
    iam = aws.client("iam")
    iam.create_user(UserName="Ada")
    with pytest.raises(iam.exceptions.EntityAlreadyExistsException, match="User with name ada"):
        iam.create_user(UserName="ada")


def test_a_user_without_a_name_is_the_caller(aws):
    """GetUser defaults to the user who signs (GetUser reference)."""
    ada = aws.as_user("ada", allow("iam:GetUser"))
    assert ada.client("iam").get_user()["User"]["UserName"] == "ada"
    assert aws.client("iam").get_user()["User"]["Arn"] == f"arn:aws:iam::{aws.account}:root"


def test_a_user_keeps_keys_groups_and_policies_under_a_new_name(aws):
    """Renaming changes the name, not the user (UpdateUser reference)."""
    iam = aws.client("iam")
    ada = aws.as_user("ada", allow("iam:GetUser", f"arn:aws:iam::{aws.account}:user/x/grace"))
    iam.create_group(GroupName="staff")
    iam.add_user_to_group(GroupName="staff", UserName="ada")
    iam.update_user(UserName="ada", NewUserName="grace", NewPath="/x/")
    assert ada.client("iam").get_user()["User"]["UserName"] == "grace"
    assert [each["UserName"] for each in iam.get_group(GroupName="staff")["Users"]] == ["grace"]
    assert iam.list_access_keys(UserName="grace")["AccessKeyMetadata"][0]["UserName"] == "grace"
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_user(UserName="ada")


@pytest.mark.parametrize("kind", ["key", "group", "inline", "attached"])
def test_a_user_who_holds_something_is_not_deleted(aws, kind):
    """The caller must remove what belongs to a user first (DeleteUser reference)."""
    iam = aws.client("iam")
    iam.create_user(UserName="ada")
    if kind == "key":
        iam.create_access_key(UserName="ada")
    elif kind == "group":
        iam.create_group(GroupName="staff")
        iam.add_user_to_group(GroupName="staff", UserName="ada")
    elif kind == "inline":
        iam.put_user_policy(UserName="ada", PolicyName="p", PolicyDocument=policy(allow("s3:*")))
    else:
        iam.attach_user_policy(UserName="ada", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    with pytest.raises(iam.exceptions.DeleteConflictException, match=r"must .* first"):
        iam.delete_user(UserName="ada")


def test_a_user_has_two_access_keys_at_most(aws):
    """AccessKeysPerUser is 2 (IAM quotas)."""
    iam = aws.client("iam")
    iam.create_user(UserName="ada")
    keys = [iam.create_access_key(UserName="ada")["AccessKey"] for _ in range(2)]
    assert all(key["AccessKeyId"].startswith("AKIA") for key in keys)
    with pytest.raises(iam.exceptions.LimitExceededException, match="AccessKeysPerUser: 2"):
        iam.create_access_key(UserName="ada")
    iam.delete_access_key(UserName="ada", AccessKeyId=keys[0]["AccessKeyId"])
    listed = iam.list_access_keys(UserName="ada")["AccessKeyMetadata"]
    assert [key["AccessKeyId"] for key in listed] == [keys[1]["AccessKeyId"]]


def test_an_inactive_key_proves_nothing(aws):
    """Deactivating a key ends its use at once; activating it gives it back."""
    iam, ada = aws.client("iam"), aws.as_user("ada")
    sts = ada.client("sts")
    status = {"UserName": "ada", "AccessKeyId": ada.access_key_id}
    assert sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{aws.account}:user/ada"
    iam.update_access_key(**status, Status="Inactive")
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        sts.get_caller_identity()
    iam.update_access_key(**status, Status="Active")
    assert sts.get_caller_identity()["Account"] == aws.account
    iam.delete_access_key(**status)
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        sts.get_caller_identity()


def test_the_last_use_of_a_key_names_its_user(aws):
    """It answers N/A for when and where, which is not recorded here."""
    iam, ada = aws.client("iam"), aws.as_user("ada")
    answer = iam.get_access_key_last_used(AccessKeyId=ada.access_key_id)
    assert answer["UserName"] == "ada"
    assert answer["AccessKeyLastUsed"]["ServiceName"] == "N/A"


def test_lists_are_paged(aws):
    """MaxItems and Marker, through boto3's own paginator."""
    iam = aws.client("iam")
    names = [f"user-{number}" for number in range(5)]
    for name in names:
        iam.create_user(UserName=name)
    pages = list(iam.get_paginator("list_users").paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page["Users"]) for page in pages] == [2, 2, 1]
    assert [user["UserName"] for page in pages for user in page["Users"]] == names
    with pytest.raises(ClientError, match="Marker"):
        iam.list_users(Marker="no marker of ours")


def test_a_group_gives_its_policies_to_its_users_until_they_leave(aws):
    """A user's rights include those of his groups (IAM user guide, user groups)."""
    iam, ada = aws.client("iam"), aws.as_user("ada")
    iam.create_group(GroupName="readers")
    iam.put_group_policy(
        GroupName="readers", PolicyName="p", PolicyDocument=policy(allow("iam:ListUsers"))
    )
    with pytest.raises(ClientError, match="AccessDenied"):
        ada.client("iam").list_users()
    iam.add_user_to_group(GroupName="readers", UserName="ada")
    assert ada.client("iam").list_users()["Users"]
    groups = iam.list_groups_for_user(UserName="ada")["Groups"]
    assert [group["GroupName"] for group in groups] == ["readers"]
    with pytest.raises(iam.exceptions.DeleteConflictException):
        iam.delete_group(GroupName="readers")
    iam.remove_user_from_group(GroupName="readers", UserName="ada")
    with pytest.raises(ClientError, match="AccessDenied"):
        ada.client("iam").list_users()
    iam.delete_group_policy(GroupName="readers", PolicyName="p")
    iam.delete_group(GroupName="readers")
    assert iam.list_groups()["Groups"] == []


def test_tags_are_compared_without_case(aws):
    """Tag keys are case insensitive but keep their case (IAM user guide, tags)."""
    iam = aws.client("iam")
    iam.create_user(UserName="ada", Tags=[{"Key": "Team", "Value": "a"}])
    iam.tag_user(UserName="ada", Tags=[{"Key": "team", "Value": "b"}, {"Key": "x", "Value": ""}])
    tags = iam.list_user_tags(UserName="ada")["Tags"]
    assert tags == [{"Key": "Team", "Value": "b"}, {"Key": "x", "Value": ""}]
    iam.untag_user(UserName="ada", TagKeys=["TEAM"])
    assert iam.list_user_tags(UserName="ada")["Tags"] == [{"Key": "x", "Value": ""}]
    with pytest.raises(ClientError, match="Duplicate tag keys"):
        iam.tag_user(UserName="ada", Tags=[{"Key": k, "Value": ""} for k in ("a", "A")])
    with pytest.raises(ClientError, match="aws: prefixed"):
        iam.tag_user(UserName="ada", Tags=[{"Key": "aws:x", "Value": ""}])


def test_what_nobody_can_have_is_listed_as_empty(aws):
    """Tools look for these before they delete a user; making one is refused."""
    iam = aws.client("iam")
    iam.create_user(UserName="ada")
    assert iam.list_mfa_devices(UserName="ada")["MFADevices"] == []
    assert iam.list_ssh_public_keys(UserName="ada")["SSHPublicKeys"] == []
    assert iam.list_service_specific_credentials()["ServiceSpecificCredentials"] == []
    assert iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == []
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_login_profile(UserName="ada")
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.list_signing_certificates(UserName="eve")
    with pytest.raises(ClientError, match="NotImplemented"):
        iam.create_login_profile(UserName="ada", Password="secret")
