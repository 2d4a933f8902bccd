"""The types of roles, users and groups, and of what belongs to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from freehold.kernel.call import Call
from freehold.kernel.errors import not_implemented
from freehold.kernel.resources import Made, Wanted
from freehold.services.iam import store
from freehold.services.iam.nouns import GROUP, ROLE, USER, Noun
from freehold.services.iam.resources.changes import (
    Properties,
    as_made,
    attached_arns,
    attachment,
    chosen,
    drop_inline,
    iam,
    inline_names,
    json_text,
    put_inline,
)
from freehold.services.iam.service import service


@service.resource_type("AWS::IAM::Role")
class Role:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        properties = wanted.properties
        params = {
            "RoleName": properties.get("RoleName") or wanted.name(64),
            "AssumeRolePolicyDocument": json_text(properties["AssumeRolePolicyDocument"]),
            "Tags": _tag_list(wanted),
            **chosen(properties, "Path", "Description", "PermissionsBoundary"),
        }
        if "MaxSessionDuration" in properties:
            params["MaxSessionDuration"] = int(properties["MaxSessionDuration"])
        role = iam(call, "CreateRole", params)["Role"]
        _change_grants(call, ROLE, role["RoleName"], properties, {})
        _mark(call, ROLE, role["RoleName"], wanted)
        return as_made(role["RoleName"], Arn=role["Arn"], RoleId=role["RoleId"])

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        properties, previous = wanted.properties, wanted.previous
        name = {"RoleName": made.physical_id}
        trust = json_text(properties["AssumeRolePolicyDocument"])
        if trust != json_text(previous.get("AssumeRolePolicyDocument", {})):
            iam(call, "UpdateAssumeRolePolicy", {**name, "PolicyDocument": trust})
        if _differ(properties, previous, "Description", "MaxSessionDuration"):
            duration_s = int(properties.get("MaxSessionDuration", 3600))
            description = properties.get("Description", "")
            changed = {"Description": description, "MaxSessionDuration": duration_s}
            iam(call, "UpdateRole", {**name, **changed})
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
            **chosen(properties, "Path", "PermissionsBoundary"),
        }
        user = iam(call, "CreateUser", params)["User"]
        _change_grants(call, USER, user["UserName"], properties, {})
        _change_groups(call, user["UserName"], properties, {})
        _mark(call, USER, user["UserName"], wanted)
        return as_made(user["UserName"], Arn=user["Arn"])

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
            for group in iam(call, "ListGroupsForUser", name)["Groups"]:
                leave = {**name, "GroupName": group["GroupName"]}
                iam(call, "RemoveUserFromGroup", leave)
        _delete_entity(call, USER, made.physical_id)


@service.resource_type("AWS::IAM::Group")
class Group:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        properties = wanted.properties
        params = {
            "GroupName": properties.get("GroupName") or wanted.name(128),
            **chosen(properties, "Path"),
        }
        group = iam(call, "CreateGroup", params)["Group"]
        _change_grants(call, GROUP, group["GroupName"], properties, {})
        return as_made(group["GroupName"], Arn=group["Arn"])

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
        state = chosen(wanted.properties, "GroupName", "Users")
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


@service.resource_type("AWS::IAM::AccessKey")
class AccessKey:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        user = {"UserName": wanted.properties["UserName"]}
        key = iam(call, "CreateAccessKey", user)["AccessKey"]
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
            iam(call, "DeleteAccessKey", params)


@service.resource_type("AWS::IAM::InstanceProfile")
class InstanceProfile:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        properties = wanted.properties
        name = properties.get("InstanceProfileName") or wanted.name(128)
        params = {"InstanceProfileName": name, **chosen(properties, "Path")}
        profile = iam(call, "CreateInstanceProfile", params)["InstanceProfile"]
        for role in properties["Roles"]:
            _profile_role(call, "AddRoleToInstanceProfile", name, role)
        return as_made(name, Arn=profile["Arn"])

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
            iam(call, "DeleteInstanceProfile", {"InstanceProfileName": name})


@service.resource_type("AWS::IAM::ServiceLinkedRole")
class ServiceLinkedRole:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        params = chosen(wanted.properties, "AWSServiceName", "CustomSuffix", "Description")
        role = iam(call, "CreateServiceLinkedRole", params)["Role"]
        return as_made(role["RoleName"], RoleName=role["RoleName"])

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        params = {
            "RoleName": made.physical_id,
            "Description": wanted.properties.get("Description", ""),
        }
        iam(call, "UpdateRoleDescription", params)
        return made

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        if _exists(call, ROLE, made.physical_id):
            iam(call, "DeleteServiceLinkedRole", {"RoleName": made.physical_id})


def _differ(properties: Properties, previous: Properties, *names: str) -> bool:
    return any(properties.get(name) != previous.get(name) for name in names)


def _exists(call: Call, noun: Noun, name: str) -> bool:
    return store.load_entity(call.tx, call.scope, noun.kind, name) is not None


def _inline(properties: Properties) -> dict[str, str]:
    policies = properties.get("Policies") or ()
    return {each["PolicyName"]: json_text(each["PolicyDocument"]) for each in policies}


def _change_grants(
    call: Call, noun: Noun, name: str, properties: Properties, previous: Properties
) -> None:
    """Bring inline and attached policies from what the template said to what it says."""
    inline, old_inline = _inline(properties), _inline(previous)
    for policy in old_inline:
        if policy not in inline:
            drop_inline(call, [(noun, name)], policy)
    for policy, document in inline.items():
        if old_inline.get(policy) != document:
            put_inline(call, [(noun, name)], policy, document)
    attached = properties.get("ManagedPolicyArns") or ()
    for arn in previous.get("ManagedPolicyArns") or ():
        if arn not in attached and arn in attached_arns(call, noun, name):
            attachment(call, "Detach", noun, name, arn)
    for arn in attached:
        attachment(call, "Attach", noun, name, arn)


def _change_boundary(
    call: Call, noun: Noun, name: str, properties: Properties, previous: Properties
) -> None:
    wanted, old = properties.get("PermissionsBoundary"), previous.get("PermissionsBoundary")
    if wanted == old:
        return
    holder = {noun.parameter: name}
    if wanted is None:
        iam(call, f"Delete{noun.title}PermissionsBoundary", holder)
    else:
        params = {**holder, "PermissionsBoundary": wanted}
        iam(call, f"Put{noun.title}PermissionsBoundary", params)


def _change_groups(call: Call, user: str, properties: Properties, previous: Properties) -> None:
    wanted = properties.get("Groups") or ()
    for group in previous.get("Groups") or ():
        if group not in wanted:
            _member(call, "RemoveUserFromGroup", group, user)
    for group in wanted:
        _member(call, "AddUserToGroup", group, user)


def _member(call: Call, operation: str, group: str, user: str) -> None:
    iam(call, operation, {"GroupName": group, "UserName": user})


def _delete_entity(call: Call, noun: Noun, name: str) -> None:
    """Delete it with the policies that it holds, whoever gave them."""
    if not _exists(call, noun, name):
        return
    for policy in inline_names(call, noun, name):
        drop_inline(call, [(noun, name)], policy)
    for arn in attached_arns(call, noun, name):
        attachment(call, "Detach", noun, name, arn)
    iam(call, f"Delete{noun.title}", {noun.parameter: name})


def _own_tags(properties: Properties) -> dict[str, str]:
    return {tag["Key"]: str(tag["Value"]) for tag in properties.get("Tags") or ()}


def _tag_list(wanted: Wanted) -> list[dict[str, str]]:
    tags = {**wanted.stack_tags, **_own_tags(wanted.properties)}
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _change_tags(call: Call, noun: Noun, name: str, wanted: Wanted) -> None:
    tags = {tag["Key"] for tag in _tag_list(wanted)}
    gone = [key for key in _own_tags(wanted.previous) if key not in tags]
    if gone:
        iam(call, f"Untag{noun.title}", {noun.parameter: name, "TagKeys": gone})
    if tags:
        iam(call, f"Tag{noun.title}", {noun.parameter: name, "Tags": _tag_list(wanted)})


def _mark(call: Call, noun: Noun, name: str, wanted: Wanted) -> None:
    """Set the tags that only CloudFormation may set."""
    entity = store.load_entity(call.tx, call.scope, noun.kind, name)
    assert entity is not None, name
    own = {key: value for key, value in wanted.tags().items() if key.startswith("aws:")}
    marked = msgspec.structs.replace(entity, tags={**entity.tags, **own})
    store.save_entity(call.tx, call.scope, noun.kind, marked)


def _set_status(call: Call, user: Mapping[str, Any], key_id: str, wanted: Wanted) -> None:
    status = wanted.properties.get("Status", "Active")
    iam(call, "UpdateAccessKey", {**user, "AccessKeyId": key_id, "Status": status})


def _profile_role(call: Call, operation: str, profile: str, role: str) -> None:
    iam(call, operation, {"InstanceProfileName": profile, "RoleName": role})


def _empty_profile(call: Call, name: str) -> None:
    profile = store.load_instance_profile(call.tx, call.scope, name)
    if profile is not None and profile.role:
        _profile_role(call, "RemoveRoleFromInstanceProfile", name, profile.role)


def _refuse_login(properties: Properties) -> None:
    if properties.get("LoginProfile"):
        raise not_implemented("LoginProfile of AWS::IAM::User")
