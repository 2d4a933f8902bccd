"""Access keys, of users and of the root user."""

from __future__ import annotations

from typing import Any

import msgspec

from freehold.kernel.call import Call
from freehold.kernel.service import Params
from freehold.services.iam import (
    access,
    accounts,
    credentials,
    errors,
    find,
    pages,
    rules,
    store,
    views,
)
from freehold.services.iam.nouns import USER
from freehold.services.iam.records import AccessKey, Account, User
from freehold.services.iam.service import service


@service.operation("CreateAccessKey", access=access.on_user)
def create_access_key(call: Call, params: Params) -> dict[str, Any]:
    owner = _owner(call, params)
    key_ids = _key_ids(call, owner)
    if len(key_ids) >= rules.KEYS_PER_USER_MAX:
        raise errors.quota("AccessKeysPerUser", rules.KEYS_PER_USER_MAX)
    name = "" if owner is None else owner.name
    key = accounts.new_key(call.node.chance, user_name=name, now=call.now)
    _save_key_ids(call, owner, (*key_ids, key.id))
    credentials.save_key(call.tx, call.account, key, owner)
    return {"AccessKey": {**_view(key), "SecretAccessKey": key.secret}}


@service.operation("ListAccessKeys", reads=True, access=access.on_user)
def list_access_keys(call: Call, params: Params) -> dict[str, Any]:
    keys = [_key(call, key_id) for key_id in _key_ids(call, _owner(call, params))]
    rows = ((key.id, views.access_key(key)) for key in keys)
    listed, more = pages.cut_sorted(rows, params)
    return {"AccessKeyMetadata": listed, **more}


@service.operation("UpdateAccessKey", access=access.on_user)
def update_access_key(call: Call, params: Params) -> None:
    owner = _owner(call, params)
    key = _owned_key(call, owner, params["AccessKeyId"])
    if params["Status"] not in ("Active", "Inactive"):
        raise errors.invalid_input(f"An access key cannot be set to {params['Status']}.")
    changed = msgspec.structs.replace(key, active=params["Status"] == "Active")
    credentials.save_key(call.tx, call.account, changed, owner)


@service.operation("DeleteAccessKey", access=access.on_user)
def delete_access_key(call: Call, params: Params) -> None:
    owner = _owner(call, params)
    key = _owned_key(call, owner, params["AccessKeyId"])
    remaining = tuple(key_id for key_id in _key_ids(call, owner) if key_id != key.id)
    _save_key_ids(call, owner, remaining)
    store.delete_key(call.tx, call.scope, key.id)


@service.operation("GetAccessKeyLastUsed", reads=True, access=access.on_key_owner)
def get_access_key_last_used(call: Call, params: Params) -> dict[str, Any]:
    key = store.load_key(call.tx, call.scope, params["AccessKeyId"])
    if key is None:
        raise errors.key_not_found(params["AccessKeyId"])
    return {
        "UserName": key.user_name or None,
        "AccessKeyLastUsed": {"ServiceName": "N/A", "Region": "N/A"},
    }


def _owner(call: Call, params: Params) -> User | None:
    """The user whose keys the request is about; None means the root user."""
    if "UserName" not in params and call.principal.kind == "root":
        return None
    return find.user(call, {USER.parameter: find.own_user_name(call, params)})


def _key_ids(call: Call, owner: User | None) -> tuple[str, ...]:
    if owner is not None:
        return owner.key_ids
    account = store.load_account(call.tx, call.account)
    return () if account is None else account.root_key_ids


def _save_key_ids(call: Call, owner: User | None, key_ids: tuple[str, ...]) -> None:
    if owner is not None:
        changed = msgspec.structs.replace(owner, key_ids=key_ids)
        store.save_entity(call.tx, call.scope, "user", changed)
        return
    account = store.load_account(call.tx, call.account)
    if account is None:
        # With open authentication, an account need not have been made.
        account = Account(id=call.account, created_at=call.now)
    store.save_account(call.tx, accounts.with_root_keys(account, key_ids))


def _owned_key(call: Call, owner: User | None, key_id: str) -> AccessKey:
    if key_id not in _key_ids(call, owner):
        raise errors.key_not_found(key_id)
    return _key(call, key_id)


def _key(call: Call, key_id: str) -> AccessKey:
    key = store.load_key(call.tx, call.scope, key_id)
    assert key is not None, key_id
    return key


def _view(key: AccessKey) -> dict[str, Any]:
    # UserName is required in this answer; the root user's is empty.
    return {**views.access_key(key), "UserName": key.user_name}
