"""Instance profiles: a role in an envelope, which templates carry along. No machine here takes
one."""

from __future__ import annotations

from typing import Any

import msgspec

from freehold.kernel.call import Call
from freehold.kernel.service import Access, Params
from freehold.services.iam import access, errors, find, pages, rules, store, views
from freehold.services.iam.nouns import ROLE
from freehold.services.iam.records import InstanceProfile
from freehold.services.iam.service import service


@service.operation("CreateInstanceProfile", access=access.on_new_instance_profile)
def create_instance_profile(call: Call, params: Params) -> dict[str, Any]:
    name = params["InstanceProfileName"]
    if store.load_instance_profile(call.tx, call.scope, name) is not None:
        raise errors.instance_profile_exists(name)
    counts = store.load_counts(call.tx, call.scope)
    if counts.instance_profiles >= rules.INSTANCE_PROFILES_MAX:
        raise errors.quota("InstanceProfilesPerAccount", rules.INSTANCE_PROFILES_MAX)
    profile = InstanceProfile(
        name=name,
        id="AIPA" + call.new_word(17, rules.ID_ALPHABET),
        path=params.get("Path", "/"),
        created_at=call.now,
        tags=rules.tags(params.get("Tags", ())),
    )
    store.add_count(call.tx, call.scope, "instance_profiles", 1)
    store.save_instance_profile(call.tx, call.scope, profile)
    return {"InstanceProfile": _view(call, profile)}


@service.operation("GetInstanceProfile", reads=True, access=access.on_instance_profile)
def get_instance_profile(call: Call, params: Params) -> dict[str, Any]:
    return {"InstanceProfile": _view(call, find.instance_profile(call, params))}


@service.operation("ListInstanceProfiles", reads=True, access=access.on_account)
def list_instance_profiles(call: Call, params: Params) -> dict[str, Any]:
    prefix = params.get("PathPrefix", "/")
    found = store.list_instance_profiles(call.tx, call.scope, pages.after(params))
    rows = ((key, profile) for key, profile in found if profile.path.startswith(prefix))
    profiles, more = pages.cut(rows, params)
    return {"InstanceProfiles": [_view(call, profile) for profile in profiles], **more}


@service.operation("ListInstanceProfilesForRole", reads=True, access=access.on_role)
def list_instance_profiles_for_role(call: Call, params: Params) -> dict[str, Any]:
    role = find.role(call, params)
    after = pages.after(params)
    rows = store.list_role_profiles(call.tx, call.scope, role.name, after)
    names, more = pages.cut(rows, params)
    profiles = [find.instance_profile(call, {"InstanceProfileName": name}) for name in names]
    return {"InstanceProfiles": [_view(call, profile) for profile in profiles], **more}


@service.operation("DeleteInstanceProfile", access=access.on_instance_profile)
def delete_instance_profile(call: Call, params: Params) -> None:
    profile = find.instance_profile(call, params)
    if profile.role:
        raise errors.must_first("remove roles from instance profile")
    store.delete_instance_profile(call.tx, call.scope, profile)
    store.add_count(call.tx, call.scope, "instance_profiles", -1)


def _passing_role(call: Call, params: Params) -> tuple[Access, ...]:
    """Whoever can start a machine with the profile acts as the role, so the role must be his to
    pass."""
    (profile,) = access.on_instance_profile(call, params)
    role = store.load_role(call.tx, call.scope, params["RoleName"])
    if role is None:
        return (profile,)
    arn = rules.entity_arn(call.account, ROLE, role)
    context = {"iam:passedtoservice": ["ec2.amazonaws.com"]}
    return (profile, Access(action="iam:PassRole", resource=arn, context=context))


@service.operation("AddRoleToInstanceProfile", access=_passing_role)
def add_role_to_instance_profile(call: Call, params: Params) -> None:
    profile = find.instance_profile(call, params)
    role = find.role(call, params)
    if profile.role:
        raise errors.quota("InstanceSessionsPerInstanceProfile", 1)
    changed = msgspec.structs.replace(profile, role=role.name)
    store.save_instance_profile(call.tx, call.scope, changed)
    store.save_role_profile(call.tx, call.scope, role.name, profile.name)


@service.operation("RemoveRoleFromInstanceProfile", access=access.on_instance_profile)
def remove_role_from_instance_profile(call: Call, params: Params) -> None:
    profile = find.instance_profile(call, params)
    if profile.role.lower() != params["RoleName"].lower():
        raise errors.entity_not_found("Role", params["RoleName"])
    store.save_instance_profile(call.tx, call.scope, msgspec.structs.replace(profile, role=""))
    store.delete_role_profile(call.tx, call.scope, profile.role, profile.name)


@service.operation("TagInstanceProfile", access=access.on_instance_profile)
def tag_instance_profile(call: Call, params: Params) -> None:
    profile = find.instance_profile(call, params)
    tags = rules.with_tags(profile.tags, rules.tags(params["Tags"]))
    store.save_instance_profile(call.tx, call.scope, msgspec.structs.replace(profile, tags=tags))


@service.operation("UntagInstanceProfile", access=access.on_instance_profile)
def untag_instance_profile(call: Call, params: Params) -> None:
    profile = find.instance_profile(call, params)
    tags = rules.without_tags(profile.tags, params["TagKeys"])
    store.save_instance_profile(call.tx, call.scope, msgspec.structs.replace(profile, tags=tags))


@service.operation("ListInstanceProfileTags", reads=True, access=access.on_instance_profile)
def list_instance_profile_tags(call: Call, params: Params) -> dict[str, Any]:
    tags = find.instance_profile(call, params).tags
    rows = ((key, {"Key": key, "Value": value}) for key, value in tags.items())
    listed, more = pages.cut_sorted(rows, params)
    return {"Tags": listed, **more}


def _view(call: Call, profile: InstanceProfile) -> dict[str, Any]:
    role = store.load_role(call.tx, call.scope, profile.role) if profile.role else None
    return views.instance_profile(call.account, profile, role)
