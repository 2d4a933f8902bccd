"""The types of policies."""

from __future__ import annotations

import msgspec

from freehold.kernel.call import Call
from freehold.kernel.errors import AwsError
from freehold.kernel.resources import Made, Wanted
from freehold.services.iam import errors, rules
from freehold.services.iam.nouns import GROUP, ROLE, USER, Noun
from freehold.services.iam.resources.changes import (
    Properties,
    as_made,
    attached_arns,
    attachment,
    chosen,
    drop_inline,
    iam,
    json_text,
    put_inline,
)
from freehold.services.iam.service import service


@service.resource_type("AWS::IAM::Policy")
class Policy:
    """An inline policy put into each of its holders. Ref is a generated name."""

    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        properties = wanted.properties
        holders = _holders(properties)
        if not holders:
            raise errors.validation("At least one of [Groups,Roles,Users] must be non-empty.")
        name = properties["PolicyName"]
        put_inline(call, holders, name, properties["PolicyDocument"])
        physical_id = wanted.name(128)
        return Made(
            physical_id=physical_id,
            attributes={"Id": physical_id},
            state=chosen(properties, "PolicyName", "Groups", "Roles", "Users"),
        )

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        again = Policy.create(call, wanted)
        name = wanted.properties["PolicyName"]
        kept = _holders(wanted.properties) if made.state["PolicyName"] == name else ()
        left = [holder for holder in _holders(made.state) if holder not in kept]
        drop_inline(call, left, made.state["PolicyName"])
        return msgspec.structs.replace(made, state=again.state)

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        drop_inline(call, _holders(made.state), made.state["PolicyName"])


class _PolicyOfOne:
    """AWS::IAM::RolePolicy, UserPolicy and GroupPolicy: one inline policy of one holder."""

    noun: Noun

    @classmethod
    def create(cls, call: Call, wanted: Wanted) -> Made:
        holder, name = wanted.properties[cls.noun.parameter], wanted.properties["PolicyName"]
        document = wanted.properties.get("PolicyDocument")
        if document is None:
            raise errors.validation("PolicyDocument is required.")
        put_inline(call, [(cls.noun, holder)], name, document)
        return Made(physical_id=f"{name}|{holder}")

    @classmethod
    def update(cls, call: Call, wanted: Wanted, made: Made) -> Made:
        cls.create(call, wanted)
        return made

    @classmethod
    def delete(cls, call: Call, made: Made) -> None:
        name, _, holder = made.physical_id.partition("|")
        drop_inline(call, [(cls.noun, holder)], name)


@service.resource_type("AWS::IAM::RolePolicy")
class RolePolicy(_PolicyOfOne):
    noun = ROLE


@service.resource_type("AWS::IAM::UserPolicy")
class UserPolicy(_PolicyOfOne):
    noun = USER


@service.resource_type("AWS::IAM::GroupPolicy")
class GroupPolicy(_PolicyOfOne):
    noun = GROUP


@service.resource_type("AWS::IAM::ManagedPolicy")
class ManagedPolicy:
    """Ref is the policy's ARN. A changed document becomes a new version; the oldest makes room for
    it."""

    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        properties = wanted.properties
        params = {
            "PolicyName": properties.get("ManagedPolicyName") or wanted.name(128),
            "PolicyDocument": json_text(properties["PolicyDocument"]),
            **chosen(properties, "Path", "Description"),
        }
        arn = iam(call, "CreatePolicy", params)["Policy"]["Arn"]
        for noun, holder in _holders(properties):
            attachment(call, "Attach", noun, holder, arn)
        return ManagedPolicy.made(call, arn)

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        arn = made.physical_id
        document = json_text(wanted.properties["PolicyDocument"])
        if document != json_text(wanted.previous["PolicyDocument"]):
            _make_room(call, arn)
            params = {"PolicyArn": arn, "PolicyDocument": document, "SetAsDefault": True}
            iam(call, "CreatePolicyVersion", params)
        before, after = _holders(wanted.previous), _holders(wanted.properties)
        for noun, holder in (each for each in before if each not in after):
            if arn in attached_arns(call, noun, holder):
                attachment(call, "Detach", noun, holder, arn)
        for noun, holder in after:
            attachment(call, "Attach", noun, holder, arn)
        return ManagedPolicy.made(call, arn)

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        arn = made.physical_id
        try:
            uses = iam(call, "ListEntitiesForPolicy", {"PolicyArn": arn, "MaxItems": 1000})
        except AwsError as error:
            if error.code != "NoSuchEntityException":
                raise
            return
        for noun in (GROUP, ROLE, USER):
            for use in uses[f"Policy{noun.title}s"]:
                if arn in attached_arns(call, noun, use[noun.parameter]):
                    attachment(call, "Detach", noun, use[noun.parameter], arn)
        for version in iam(call, "ListPolicyVersions", {"PolicyArn": arn})["Versions"]:
            if not version["IsDefaultVersion"]:
                params = {"PolicyArn": arn, "VersionId": version["VersionId"]}
                iam(call, "DeletePolicyVersion", params)
        iam(call, "DeletePolicy", {"PolicyArn": arn})

    @staticmethod
    def made(call: Call, arn: str) -> Made:
        policy = iam(call, "GetPolicy", {"PolicyArn": arn})["Policy"]
        return as_made(
            arn,
            PolicyArn=arn,
            PolicyId=policy["PolicyId"],
            DefaultVersionId=policy["DefaultVersionId"],
            AttachmentCount=policy["AttachmentCount"],
            PermissionsBoundaryUsageCount=policy["PermissionsBoundaryUsageCount"],
            IsAttachable=True,
        )


def _holders(properties: Properties) -> list[tuple[Noun, str]]:
    """The groups, roles and users that a policy resource names."""
    return [
        (noun, name)
        for noun in (GROUP, ROLE, USER)
        for name in properties.get(f"{noun.title}s") or ()
    ]


def _make_room(call: Call, arn: str) -> None:
    """Of as many versions as a policy may have, delete the oldest that is not in force."""
    versions = iam(call, "ListPolicyVersions", {"PolicyArn": arn})["Versions"]
    if len(versions) < rules.VERSIONS_MAX:
        return
    oldest = [version for version in versions if not version["IsDefaultVersion"]][-1]
    params = {"PolicyArn": arn, "VersionId": oldest["VersionId"]}
    iam(call, "DeletePolicyVersion", params)
