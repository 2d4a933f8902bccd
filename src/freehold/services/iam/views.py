"""IAM's records as its answers show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from freehold.services.iam import aws_managed, rules
from freehold.services.iam.nouns import GROUP, ROLE, USER, Noun
from freehold.services.iam.records import (
    AccessKey,
    Entity,
    Grants,
    Group,
    InstanceProfile,
    Policy,
    Role,
    User,
    Uses,
    Version,
)

View = dict[str, Any]


def user(account: str, record: User, grants: Grants) -> View:
    view = user_in_list(account, record)
    return {**view, **_boundary(grants), **_tags(record.tags)}


def user_in_list(account: str, record: User) -> View:
    """Lists leave out tags and boundaries."""
    return _entity(account, USER, record)


def group(account: str, record: Group) -> View:
    return _entity(account, GROUP, record)


def role(account: str, record: Role, grants: Grants) -> View:
    view = role_in_list(account, record)
    return {**view, **_boundary(grants), **_tags(record.tags), "RoleLastUsed": {}}


def role_in_list(account: str, record: Role) -> View:
    return {
        **_entity(account, ROLE, record),
        "AssumeRolePolicyDocument": document(record.trust),
        "Description": record.description,
        "MaxSessionDuration": record.session_s_max,
    }


def created_role(account: str, record: Role, grants: Grants) -> View:
    """CreateRole's answer shows no default duration and no description that was not given."""
    view = role(account, record, grants)
    del view["RoleLastUsed"], view["MaxSessionDuration"]
    return view


def document(text: str) -> str:
    """Documents in answers are percent-encoded as RFC 3986 has it."""
    return quote(text, safe="-_.~")


def access_key(record: AccessKey) -> View:
    return {
        "UserName": record.user_name or None,
        "AccessKeyId": record.id,
        "Status": "Active" if record.active else "Inactive",
        "CreateDate": record.created_at,
    }


def policy(account: str, record: Policy, uses: Uses) -> View:
    view = policy_in_list(account, record, uses)
    return {**view, "Description": record.description, **_tags(record.tags)}


def policy_in_list(account: str, record: Policy, uses: Uses) -> View:
    return {
        "PolicyName": record.name,
        "PolicyId": record.id,
        "Arn": rules.policy_arn(account, record),
        "Path": record.path,
        "DefaultVersionId": f"v{record.default_version}",
        **_use_counts(uses),
        "IsAttachable": True,
        "CreateDate": record.created_at,
        "UpdateDate": record.updated_at,
    }


def aws_policy(record: aws_managed.AwsPolicy, uses: Uses) -> View:
    view = aws_policy_in_list(record, uses)
    return {**view, "Description": record.description, "Tags": []}


def aws_policy_in_list(record: aws_managed.AwsPolicy, uses: Uses) -> View:
    return {
        "PolicyName": record.name,
        "PolicyId": record.id,
        "Arn": record.arn,
        "Path": record.path,
        "DefaultVersionId": "v1",
        **_use_counts(uses),
        "IsAttachable": True,
        "CreateDate": aws_managed.CREATED_AT,
        "UpdateDate": aws_managed.CREATED_AT,
    }


def version(record: Version, default_version: int) -> View:
    view = version_in_list(record, default_version)
    return {**view, "Document": document(record.document)}


def version_in_list(record: Version, default_version: int) -> View:
    return {
        "VersionId": f"v{record.number}",
        "IsDefaultVersion": record.number == default_version,
        "CreateDate": record.created_at,
    }


def attached_policy(arn: str) -> View:
    return {"PolicyName": rules.policy_name(arn), "PolicyArn": arn}


def instance_profile(account: str, record: InstanceProfile, record_role: Role | None) -> View:
    return {
        "Path": record.path,
        "InstanceProfileName": record.name,
        "InstanceProfileId": record.id,
        "Arn": rules.instance_profile_arn(account, record),
        "CreateDate": record.created_at,
        "Roles": [] if record_role is None else [role_in_list(account, record_role)],
        **_tags(record.tags),
    }


def tags(pairs: Mapping[str, str]) -> list[View]:
    return [{"Key": key, "Value": value} for key, value in pairs.items()]


def boundary(grants: Grants) -> View | None:
    if grants.boundary is None:
        return None
    return {
        "PermissionsBoundaryType": "Policy",
        "PermissionsBoundaryArn": grants.boundary,
    }


def _entity(account: str, noun: Noun, record: Entity) -> View:
    return {
        "Path": record.path,
        noun.parameter: record.name,
        f"{noun.title}Id": record.id,
        "Arn": rules.entity_arn(account, noun, record),
        "CreateDate": record.created_at,
    }


def _boundary(grants: Grants) -> View:
    return {"PermissionsBoundary": boundary(grants)}


def _tags(pairs: Mapping[str, str]) -> View:
    """Answers have no Tags member where there are no tags."""
    return {"Tags": tags(pairs)} if pairs else {}


def _use_counts(uses: Uses) -> View:
    return {
        "AttachmentCount": uses.attachments,
        "PermissionsBoundaryUsageCount": uses.boundaries,
    }
