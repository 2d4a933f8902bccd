"""The CloudFormation types of IAM, each over the public operations, with the rights of the stack's
caller."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from freehold.kernel.call import Call
from freehold.kernel.errors import AwsError, not_implemented
from freehold.kernel.resources import Made, Wanted
from freehold.services.iam import errors, rules, store
from freehold.services.iam.nouns import GROUP, ROLE, USER, Noun
from freehold.services.iam.service import service

Properties = Mapping[str, Any]


@service.resource_type("AWS::IAM::Role")
class Role:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        properties = wanted.properties
        params = {
            "RoleName": properties.get("RoleName") or wanted.name(64),
            "AssumeRolePolicyDocument": _document(properties["AssumeRolePolicyDocument"]),
            "Tags": _tag_list(wanted),
            **_chosen(properties, "Path", "Description", "PermissionsBoundary"),
        }
        if "MaxSessionDuration" in properties:
            params["MaxSessionDuration"] = int(properties["MaxSessionDuration"])
        role = _iam(call, "CreateRole", params)["Role"]
        _change_grants(call, ROLE, role["RoleName"], properties, {})
        _mark(call, ROLE, role["RoleName"], wanted)
        return _made(role["RoleName"], Arn=role["Arn"], RoleId=role["RoleId"])

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        properties, previous = wanted.properties, wanted.previous
        name = {"RoleName": made.physical_id}
        trust = _document(properties["AssumeRolePolicyDocument"])
        if trust != _document(previous.get("AssumeRolePolicyDocument", {})):
            _iam(call, "UpdateAssumeRolePolicy", {**name, "PolicyDocument": trust})
        if _differ(properties, previous, "Description", "MaxSessionDuration"):
            duration_s = int(properties.get("MaxSessionDuration", 3600))
            description = properties.get("Description", "")
            changed = {"Description": description, "MaxSessionDuration": duration_s}
            _iam(call, "UpdateRole", {**name, **changed})
        _change_grants(call, ROLE, made.physical_id, properties, previous)
        _change_boundary(call, ROLE, made.physical_id, properties, previous)
        _change_tags(call, ROLE, made.physical_id, wanted)
        return made

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        _delete_entity(call, ROLE, made.physical_id)


@service.resource_type("AWS::IAM::User")
class User:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        properties = wanted.properties
        _refuse_login(properties)
        params = {
            "UserName": properties.get("UserName") or wanted.name(64),
            "Tags": _tag_list(wanted),
            **_chosen(properties, "Path", "PermissionsBoundary"),
        }
        user = _iam(call, "CreateUser", params)["User"]
        _change_grants(call, USER, user["UserName"], properties, {})
        _change_groups(call, user["UserName"], properties, {})
        _mark(call, USER, user["UserName"], wanted)
        return _made(user["UserName"], Arn=user["Arn"])

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        properties, previous = wanted.properties, wanted.previous
        _refuse_login(properties)
        _change_grants(call, USER, made.physical_id, properties, previous)
        _change_boundary(call, USER, made.physical_id, properties, previous)
        _change_groups(call, made.physical_id, properties, previous)
        _change_tags(call, USER, made.physical_id, wanted)
        return made

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        if _exists(call, USER, made.physical_id):
            name = {"UserName": made.physical_id}
            for group in _iam(call, "ListGroupsForUser", name)["Groups"]:
                leave = {**name, "GroupName": group["GroupName"]}
                _iam(call, "RemoveUserFromGroup", leave)
        _delete_entity(call, USER, made.physical_id)


@service.resource_type("AWS::IAM::Group")
class Group:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        properties = wanted.properties
        params = {
            "GroupName": properties.get("GroupName") or wanted.name(128),
            **_chosen(properties, "Path"),
        }
        group = _iam(call, "CreateGroup", params)["Group"]
        _change_grants(call, GROUP, group["GroupName"], properties, {})
        return _made(group["GroupName"], Arn=group["Arn"])

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        _change_grants(call, GROUP, made.physical_id, wanted.properties, wanted.previous)
        return made

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        _delete_entity(call, GROUP, made.physical_id)


@service.resource_type("AWS::IAM::UserToGroupAddition")
class UserToGroupAddition:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        for user in wanted.properties["Users"]:
            _member(call, "AddUserToGroup", wanted.properties["GroupName"], user)
        state = _chosen(wanted.properties, "GroupName", "Users")
        return Made(physical_id=wanted.name(128), state=state)

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        UserToGroupAddition.delete(call, made)
        again = UserToGroupAddition.create(call, wanted)
        return msgspec.structs.replace(made, state=again.state)

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        group = made.state["GroupName"]
        if not _exists(call, GROUP, group):
            return
        for user in made.state["Users"]:
            if _exists(call, USER, user):
                _member(call, "RemoveUserFromGroup", group, user)


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
        _put_inline(call, holders, name, properties["PolicyDocument"])
        physical_id = wanted.name(128)
        return Made(
            physical_id=physical_id,
            attributes={"Id": physical_id},
            state=_chosen(properties, "PolicyName", "Groups", "Roles", "Users"),
        )

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        again = Policy.create(call, wanted)
        name = wanted.properties["PolicyName"]
        kept = _holders(wanted.properties) if made.state["PolicyName"] == name else ()
        left = [holder for holder in _holders(made.state) if holder not in kept]
        _drop_inline(call, left, made.state["PolicyName"])
        return msgspec.structs.replace(made, state=again.state)

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        _drop_inline(call, _holders(made.state), made.state["PolicyName"])


class _PolicyOfOne:
    """AWS::IAM::RolePolicy, UserPolicy and GroupPolicy: one inline policy of one holder."""

    noun: Noun

    @classmethod
    def create(cls, call: Call, wanted: Wanted) -> Made:
        holder, name = wanted.properties[cls.noun.parameter], wanted.properties["PolicyName"]
        document = wanted.properties.get("PolicyDocument")
        if document is None:
            raise errors.validation("PolicyDocument is required.")
        _put_inline(call, [(cls.noun, holder)], name, document)
        return Made(physical_id=f"{name}|{holder}")

    @classmethod
    def update(cls, call: Call, wanted: Wanted, made: Made) -> Made:
        cls.create(call, wanted)
        return made

    @classmethod
    def delete(cls, call: Call, made: Made) -> None:
        name, _, holder = made.physical_id.partition("|")
        _drop_inline(call, [(cls.noun, holder)], name)


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
            "PolicyDocument": _document(properties["PolicyDocument"]),
            **_chosen(properties, "Path", "Description"),
        }
        arn = _iam(call, "CreatePolicy", params)["Policy"]["Arn"]
        for noun, holder in _holders(properties):
            _attachment(call, "Attach", noun, holder, arn)
        return ManagedPolicy._made(call, arn)

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        arn = made.physical_id
        document = _document(wanted.properties["PolicyDocument"])
        if document != _document(wanted.previous["PolicyDocument"]):
            _make_room(call, arn)
            params = {"PolicyArn": arn, "PolicyDocument": document, "SetAsDefault": True}
            _iam(call, "CreatePolicyVersion", params)
        before, after = _holders(wanted.previous), _holders(wanted.properties)
        for noun, holder in (each for each in before if each not in after):
            if arn in _attached_arns(call, noun, holder):
                _attachment(call, "Detach", noun, holder, arn)
        for noun, holder in after:
            _attachment(call, "Attach", noun, holder, arn)
        return ManagedPolicy._made(call, arn)

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        arn = made.physical_id
        try:
            uses = _iam(call, "ListEntitiesForPolicy", {"PolicyArn": arn, "MaxItems": 1000})
        except AwsError as error:
            if error.code != "NoSuchEntityException":
                raise
            return
        for noun in (GROUP, ROLE, USER):
            for use in uses[f"Policy{noun.title}s"]:
                if arn in _attached_arns(call, noun, use[noun.parameter]):
                    _attachment(call, "Detach", noun, use[noun.parameter], arn)
        for version in _iam(call, "ListPolicyVersions", {"PolicyArn": arn})["Versions"]:
            if not version["IsDefaultVersion"]:
                params = {"PolicyArn": arn, "VersionId": version["VersionId"]}
                _iam(call, "DeletePolicyVersion", params)
        _iam(call, "DeletePolicy", {"PolicyArn": arn})

    @staticmethod
    def _made(call: Call, arn: str) -> Made:
        policy = _iam(call, "GetPolicy", {"PolicyArn": arn})["Policy"]
        return _made(
            arn,
            PolicyArn=arn,
            PolicyId=policy["PolicyId"],
            DefaultVersionId=policy["DefaultVersionId"],
            AttachmentCount=policy["AttachmentCount"],
            PermissionsBoundaryUsageCount=policy["PermissionsBoundaryUsageCount"],
            IsAttachable=True,
        )


@service.resource_type("AWS::IAM::AccessKey")
class AccessKey:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        user = {"UserName": wanted.properties["UserName"]}
        key = _iam(call, "CreateAccessKey", user)["AccessKey"]
        if wanted.properties.get("Status", "Active") != "Active":
            _set_status(call, user, key["AccessKeyId"], wanted)
        attributes = {"SecretAccessKey": key["SecretAccessKey"]}
        return Made(physical_id=key["AccessKeyId"], attributes=attributes, state=user)

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        _set_status(call, made.state, made.physical_id, wanted)
        return made

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        if store.load_key(call.tx, call.scope, made.physical_id) is not None:
            params = {**made.state, "AccessKeyId": made.physical_id}
            _iam(call, "DeleteAccessKey", params)


@service.resource_type("AWS::IAM::InstanceProfile")
class InstanceProfile:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        properties = wanted.properties
        name = properties.get("InstanceProfileName") or wanted.name(128)
        params = {"InstanceProfileName": name, **_chosen(properties, "Path")}
        profile = _iam(call, "CreateInstanceProfile", params)["InstanceProfile"]
        for role in properties["Roles"]:
            _profile_role(call, "AddRoleToInstanceProfile", name, role)
        return _made(name, Arn=profile["Arn"])

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        _empty_profile(call, made.physical_id)
        for role in wanted.properties["Roles"]:
            _profile_role(call, "AddRoleToInstanceProfile", made.physical_id, role)
        return made

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        name = made.physical_id
        if store.load_instance_profile(call.tx, call.scope, name) is not None:
            _empty_profile(call, name)
            _iam(call, "DeleteInstanceProfile", {"InstanceProfileName": name})


@service.resource_type("AWS::IAM::ServiceLinkedRole")
class ServiceLinkedRole:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        params = _chosen(wanted.properties, "AWSServiceName", "CustomSuffix", "Description")
        role = _iam(call, "CreateServiceLinkedRole", params)["Role"]
        return _made(role["RoleName"], RoleName=role["RoleName"])

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        params = {
            "RoleName": made.physical_id,
            "Description": wanted.properties.get("Description", ""),
        }
        _iam(call, "UpdateRoleDescription", params)
        return made

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        if _exists(call, ROLE, made.physical_id):
            _iam(call, "DeleteServiceLinkedRole", {"RoleName": made.physical_id})


# What the types share


def _iam(call: Call, operation: str, params: dict[str, Any]) -> Any:
    return call.invoke_within("iam", operation, params)


def _made(physical_id: str, **attributes: Any) -> Made:
    return Made(physical_id=physical_id, attributes=attributes)


def _document(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _chosen(properties: Properties, *names: str) -> dict[str, Any]:
    return {name: properties[name] for name in names if properties.get(name) is not None}


def _differ(properties: Properties, previous: Properties, *names: str) -> bool:
    return any(properties.get(name) != previous.get(name) for name in names)


def _exists(call: Call, noun: Noun, name: str) -> bool:
    return store.load_entity(call.tx, call.scope, noun.kind, name) is not None


def _holders(properties: Properties) -> list[tuple[Noun, str]]:
    """The groups, roles and users that a policy resource names."""
    return [
        (noun, name)
        for noun in (GROUP, ROLE, USER)
        for name in properties.get(f"{noun.title}s") or ()
    ]


def _inline(properties: Properties) -> dict[str, str]:
    policies = properties.get("Policies") or ()
    return {each["PolicyName"]: _document(each["PolicyDocument"]) for each in policies}


def _change_grants(
    call: Call, noun: Noun, name: str, properties: Properties, previous: Properties
) -> None:
    """Bring inline and attached policies from what the template said to what it says."""
    inline, old_inline = _inline(properties), _inline(previous)
    for policy in old_inline:
        if policy not in inline:
            _drop_inline(call, [(noun, name)], policy)
    for policy, document in inline.items():
        if old_inline.get(policy) != document:
            _put_inline(call, [(noun, name)], policy, document)
    attached = properties.get("ManagedPolicyArns") or ()
    for arn in previous.get("ManagedPolicyArns") or ():
        if arn not in attached and arn in _attached_arns(call, noun, name):
            _attachment(call, "Detach", noun, name, arn)
    for arn in attached:
        _attachment(call, "Attach", noun, name, arn)


def _put_inline(call: Call, holders: Iterable[tuple[Noun, str]], name: str, document: Any) -> None:
    for noun, holder in holders:
        params = {"PolicyName": name, "PolicyDocument": _document(document)}
        _iam(call, f"Put{noun.title}Policy", {noun.parameter: holder, **params})


def _drop_inline(call: Call, holders: Iterable[tuple[Noun, str]], name: str) -> None:
    for noun, holder in holders:
        if name in _inline_names(call, noun, holder):
            params = {noun.parameter: holder, "PolicyName": name}
            _iam(call, f"Delete{noun.title}Policy", params)


def _attachment(call: Call, verb: str, noun: Noun, name: str, arn: str) -> None:
    _iam(call, f"{verb}{noun.title}Policy", {noun.parameter: name, "PolicyArn": arn})


def _attached_arns(call: Call, noun: Noun, name: str) -> tuple[str, ...]:
    entity = store.load_entity(call.tx, call.scope, noun.kind, name)
    grants = store.load_grants(call.tx, call.scope, entity.id) if entity is not None else None
    return () if grants is None else grants.attached


def _inline_names(call: Call, noun: Noun, name: str) -> tuple[str, ...]:
    entity = store.load_entity(call.tx, call.scope, noun.kind, name)
    grants = store.load_grants(call.tx, call.scope, entity.id) if entity is not None else None
    return () if grants is None else tuple(grants.inline)


def _change_boundary(
    call: Call, noun: Noun, name: str, properties: Properties, previous: Properties
) -> None:
    wanted, old = properties.get("PermissionsBoundary"), previous.get("PermissionsBoundary")
    if wanted == old:
        return
    holder = {noun.parameter: name}
    if wanted is None:
        _iam(call, f"Delete{noun.title}PermissionsBoundary", holder)
    else:
        params = {**holder, "PermissionsBoundary": wanted}
        _iam(call, f"Put{noun.title}PermissionsBoundary", params)


def _change_groups(call: Call, user: str, properties: Properties, previous: Properties) -> None:
    wanted = properties.get("Groups") or ()
    for group in previous.get("Groups") or ():
        if group not in wanted:
            _member(call, "RemoveUserFromGroup", group, user)
    for group in wanted:
        _member(call, "AddUserToGroup", group, user)


def _member(call: Call, operation: str, group: str, user: str) -> None:
    _iam(call, operation, {"GroupName": group, "UserName": user})


def _delete_entity(call: Call, noun: Noun, name: str) -> None:
    """Delete it with the policies that it holds, whoever gave them."""
    if not _exists(call, noun, name):
        return
    for policy in _inline_names(call, noun, name):
        _drop_inline(call, [(noun, name)], policy)
    for arn in _attached_arns(call, noun, name):
        _attachment(call, "Detach", noun, name, arn)
    _iam(call, f"Delete{noun.title}", {noun.parameter: name})


def _own_tags(properties: Properties) -> dict[str, str]:
    return {tag["Key"]: str(tag["Value"]) for tag in properties.get("Tags") or ()}


def _tag_list(wanted: Wanted) -> list[dict[str, str]]:
    tags = {**wanted.stack_tags, **_own_tags(wanted.properties)}
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _change_tags(call: Call, noun: Noun, name: str, wanted: Wanted) -> None:
    tags = {tag["Key"] for tag in _tag_list(wanted)}
    gone = [key for key in _own_tags(wanted.previous) if key not in tags]
    if gone:
        _iam(call, f"Untag{noun.title}", {noun.parameter: name, "TagKeys": gone})
    if tags:
        _iam(call, f"Tag{noun.title}", {noun.parameter: name, "Tags": _tag_list(wanted)})


def _mark(call: Call, noun: Noun, name: str, wanted: Wanted) -> None:
    """Set the tags that only CloudFormation may set."""
    entity = store.load_entity(call.tx, call.scope, noun.kind, name)
    assert entity is not None, name
    own = {key: value for key, value in wanted.tags().items() if key.startswith("aws:")}
    marked = msgspec.structs.replace(entity, tags={**entity.tags, **own})
    store.save_entity(call.tx, call.scope, noun.kind, marked)


def _make_room(call: Call, arn: str) -> None:
    """Of as many versions as a policy may have, delete the oldest that is not in force."""
    versions = _iam(call, "ListPolicyVersions", {"PolicyArn": arn})["Versions"]
    if len(versions) < rules.VERSIONS_MAX:
        return
    oldest = [version for version in versions if not version["IsDefaultVersion"]][-1]
    params = {"PolicyArn": arn, "VersionId": oldest["VersionId"]}
    _iam(call, "DeletePolicyVersion", params)


def _set_status(call: Call, user: Mapping[str, Any], key_id: str, wanted: Wanted) -> None:
    status = wanted.properties.get("Status", "Active")
    _iam(call, "UpdateAccessKey", {**user, "AccessKeyId": key_id, "Status": status})


def _profile_role(call: Call, operation: str, profile: str, role: str) -> None:
    _iam(call, operation, {"InstanceProfileName": profile, "RoleName": role})


def _empty_profile(call: Call, name: str) -> None:
    profile = store.load_instance_profile(call.tx, call.scope, name)
    if profile is not None and profile.role:
        _profile_role(call, "RemoveRoleFromInstanceProfile", name, profile.role)


def _refuse_login(properties: Properties) -> None:
    if properties.get("LoginProfile"):
        raise not_implemented("LoginProfile of AWS::IAM::User")
