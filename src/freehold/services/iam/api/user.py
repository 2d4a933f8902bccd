"""Users."""

from __future__ import annotations

from typing import Any

import msgspec

from freehold.kernel.call import Call
from freehold.kernel.service import Access, Params
from freehold.services.iam import (
    access,
    credentials,
    errors,
    find,
    granting,
    pages,
    rules,
    store,
    views,
)
from freehold.services.iam.nouns import USER
from freehold.services.iam.records import User
from freehold.services.iam.service import service


@service.operation("CreateUser", access=access.on_new_user)
def create_user(call: Call, params: Params) -> dict[str, Any]:
    user = User(
        name=params["UserName"],
        id=USER.id_prefix + call.new_word(17, rules.ID_ALPHABET),
        path=params.get("Path", "/"),
        created_at=call.now,
        tags=rules.tags(params.get("Tags", ())),
    )
    grants = granting.create_entity(call, USER, user, params.get("PermissionsBoundary"), {})
    return {"User": views.user(call.account, user, grants)}


@service.operation("GetUser", reads=True, access=access.on_user)
def get_user(call: Call, params: Params) -> dict[str, Any]:
    if "UserName" not in params and call.principal.kind == "root":
        return {"User": _root_user(call)}
    user = find.user(call, {"UserName": find.own_user_name(call, params)})
    return {"User": views.user(call.account, user, find.grants(call, user.id))}


@service.operation("ListUsers", reads=True, access=access.on_account)
def list_users(call: Call, params: Params) -> dict[str, Any]:
    prefix = params.get("PathPrefix", "/")
    found = store.list_entities(call.tx, call.scope, "user", pages.after(params))
    rows = ((key, user) for key, user in found if user.path.startswith(prefix))
    users, more = pages.cut(rows, params)
    return {"Users": [views.user_in_list(call.account, user) for user in users], **more}


def _on_both_names(call: Call, params: Params) -> tuple[Access, ...]:
    """Renaming needs permission on the user under his new name and path, too."""
    (old,) = access.on_user(call, params)
    user = store.load_user(call.tx, call.scope, params["UserName"])
    if user is None:
        return (old,)
    renamed = _renamed(user, params)
    new = msgspec.structs.replace(old, resource=rules.entity_arn(call.account, USER, renamed))
    return (old, new)


@service.operation("UpdateUser", access=_on_both_names)
def update_user(call: Call, params: Params) -> None:
    old = find.user(call, params)
    new = _renamed(old, params)
    granting.rename_entity(call, USER, old, new)
    for group_id in find.grants(call, old.id).groups:
        store.delete_member(call.tx, call.scope, group_id, old.name)
        store.save_member(call.tx, call.scope, group_id, new.name)
    credentials.refresh(call, new)


@service.operation("DeleteUser", access=access.on_user)
def delete_user(call: Call, params: Params) -> None:
    user = find.user(call, params)
    if find.grants(call, user.id).groups:
        raise errors.must_first("remove users from group")
    if user.key_ids:
        raise errors.must_first("delete access keys")
    granting.delete_entity(call, USER, user)


@service.operation("ListGroupsForUser", reads=True, access=access.on_user)
def list_groups_for_user(call: Call, params: Params) -> dict[str, Any]:
    user = find.user(call, params)
    rows = []
    for group_id in find.grants(call, user.id).groups:
        name = store.load_group_name(call.tx, call.scope, group_id)
        group = find.group(call, {"GroupName": name})
        rows.append((name, views.group(call.account, group)))
    groups, more = pages.cut_sorted(rows, params)
    return {"Groups": groups, **more}


def _renamed(user: User, params: Params) -> User:
    return msgspec.structs.replace(
        user,
        name=params.get("NewUserName", user.name),
        path=params.get("NewPath", user.path),
    )


def _root_user(call: Call) -> dict[str, Any]:
    account = store.load_account(call.tx, call.account)
    return {
        "Path": "/",
        "UserName": "root",
        "UserId": call.account,
        "Arn": call.principal.arn,
        "CreateDate": call.now if account is None else account.created_at,
    }
