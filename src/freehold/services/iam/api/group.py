"""Groups, and who is in them."""

from __future__ import annotations

from typing import Any

import msgspec

from freehold.kernel.call import Call
from freehold.kernel.service import Access, Params
from freehold.services.iam import access, errors, find, granting, pages, rules, store, views
from freehold.services.iam.nouns import GROUP
from freehold.services.iam.records import Group
from freehold.services.iam.service import service


@service.operation("CreateGroup", access=access.on_new_group)
def create_group(call: Call, params: Params) -> dict[str, Any]:
    group = Group(
        name=params["GroupName"],
        id=GROUP.id_prefix + call.new_word(17, rules.ID_ALPHABET),
        path=params.get("Path", "/"),
        created_at=call.now,
    )
    granting.create_entity(call, GROUP, group, None, {})
    return {"Group": views.group(call.account, group)}


@service.operation("GetGroup", reads=True, access=access.on_group)
def get_group(call: Call, params: Params) -> dict[str, Any]:
    group = find.group(call, params)
    members = store.list_members(call.tx, call.scope, group.id, pages.after(params))
    names, more = pages.cut(members, params)
    users = [find.user(call, {"UserName": name}) for name in names]
    return {
        "Group": views.group(call.account, group),
        "Users": [views.user_in_list(call.account, user) for user in users],
        **more,
    }


@service.operation("ListGroups", reads=True, access=access.on_account)
def list_groups(call: Call, params: Params) -> dict[str, Any]:
    prefix = params.get("PathPrefix", "/")
    found = store.list_entities(call.tx, call.scope, "group", pages.after(params))
    rows = ((key, group) for key, group in found if group.path.startswith(prefix))
    groups, more = pages.cut(rows, params)
    return {"Groups": [views.group(call.account, group) for group in groups], **more}


def _on_both_names(call: Call, params: Params) -> tuple[Access, ...]:
    """Renaming needs permission on the group under its new name and path, too."""
    (old,) = access.on_group(call, params)
    group = store.load_group(call.tx, call.scope, params["GroupName"])
    if group is None:
        return (old,)
    arn = rules.entity_arn(call.account, GROUP, _renamed(group, params))
    return (old, msgspec.structs.replace(old, resource=arn))


@service.operation("UpdateGroup", access=_on_both_names)
def update_group(call: Call, params: Params) -> None:
    group = find.group(call, params)
    granting.rename_entity(call, GROUP, group, _renamed(group, params))


@service.operation("DeleteGroup", access=access.on_group)
def delete_group(call: Call, params: Params) -> None:
    group = find.group(call, params)
    if next(store.list_members(call.tx, call.scope, group.id), None) is not None:
        raise errors.must_first("remove users from group")
    granting.delete_entity(call, GROUP, group)


@service.operation("AddUserToGroup", access=access.on_group)
def add_user_to_group(call: Call, params: Params) -> None:
    """Adding a user who is in the group already is not an error."""
    group, user = find.group(call, params), find.user(call, params)
    grants = find.grants(call, user.id)
    if group.id in grants.groups:
        return
    if len(grants.groups) >= rules.GROUPS_PER_USER_MAX:
        raise errors.quota("GroupsPerUser", rules.GROUPS_PER_USER_MAX)
    changed = msgspec.structs.replace(grants, groups=(*grants.groups, group.id))
    store.save_grants(call.tx, call.scope, user.id, changed)
    store.save_member(call.tx, call.scope, group.id, user.name)


@service.operation("RemoveUserFromGroup", access=access.on_group)
def remove_user_from_group(call: Call, params: Params) -> None:
    group, user = find.group(call, params), find.user(call, params)
    grants = find.grants(call, user.id)
    remaining = tuple(group_id for group_id in grants.groups if group_id != group.id)
    changed = msgspec.structs.replace(grants, groups=remaining)
    store.save_grants(call.tx, call.scope, user.id, changed)
    store.delete_member(call.tx, call.scope, group.id, user.name)


def _renamed(group: Group, params: Params) -> Group:
    return msgspec.structs.replace(
        group,
        name=params.get("NewGroupName", group.name),
        path=params.get("NewPath", group.path),
    )
