"""Where IAM's records are.

    (iam, "", "", account, account id)                      Account
    (iam, "", "", credential, access key id)                Credential: what checks a request
    (iam, "", "", expiry, expires_at, access key id)        "": the temporary ones, as they end
    (iam, account, "", counts)                              Counts
    (iam, account, "", user | group | role, name)           User, Group, Role; names in lower case
    (iam, account, "", group name, group id)                Text: the group's name
    (iam, account, "", member, group id, name)              Text: the user's name
    (iam, account, "", grants, entity id)                   Grants
    (iam, account, "", key, access key id)                  AccessKey
    (iam, account, "", policy, name)                        Policy; names in lower case
    (iam, account, "", version, name, number)               Version
    (iam, account, "", document, arn)                       Text: the document in force
    (iam, account, "", uses, arn)                           Uses
    (iam, account, "", use, arn, boundary?, kind, name)     Use
    (iam, account, "", instance profile, name)              InstanceProfile
    (iam, account, "", role profile, role name, name)       Text: the instance profile's name

An access key names no account, so credentials are global; they hold the principal whole, because
every request reads one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from freehold.kernel.principal import Credential
from freehold.kernel.records import Records
from freehold.kv import Transaction
from freehold.kv.keys import Scope
from freehold.services.iam.records import (
    AccessKey,
    Account,
    Counts,
    Entity,
    Grants,
    Group,
    InstanceProfile,
    Kind,
    Policy,
    Role,
    Text,
    Use,
    User,
    Uses,
    Version,
)

# Above every quota on what one list can hold.
LIST_RECORDS_MAX = 10_000
ACCOUNTS_MAX = 10_000
# A new temporary credential sweeps out a few that ended, so that there are never many of those.
SWEPT_PER_ISSUE = 4
# Until then one that ended is known as expired rather than as unknown.
EXPIRED_KEPT_S = 24 * 3600.0

_GLOBAL = Scope("", "")

_accounts = Records("iam", "account", Account)
_credentials = Records("iam", "credential", Credential)
_expiries = Records("iam", "expiry", Text)
_counts = Records("iam", "counts", Counts)
_users = Records("iam", "user", User)
_groups = Records("iam", "group", Group)
_roles = Records("iam", "role", Role)
_group_names = Records("iam", "group name", Text)
_members = Records("iam", "member", Text)
_grants = Records("iam", "grants", Grants)
_keys = Records("iam", "key", AccessKey)
_policies = Records("iam", "policy", Policy)
_versions = Records("iam", "version", Version)
_documents = Records("iam", "document", Text)
_uses = Records("iam", "uses", Uses)
_use = Records("iam", "use", Use)
_instance_profiles = Records("iam", "instance profile", InstanceProfile)
_role_profiles = Records("iam", "role profile", Text)

_ENTITIES: dict[str, Records[Any]] = {"user": _users, "group": _groups, "role": _roles}


def home(account: str) -> Scope:
    return Scope(account, "")


# Accounts and credentials


def load_account(tx: Transaction, account_id: str) -> Account | None:
    return _accounts.load(tx, _GLOBAL, account_id)


def save_account(tx: Transaction, account: Account) -> None:
    _accounts.save(tx, _GLOBAL, account, account.id)


def list_accounts(tx: Transaction) -> Iterator[Account]:
    for _, account in _accounts.list(tx, _GLOBAL, limit=ACCOUNTS_MAX):
        yield account


def load_credential(tx: Transaction, access_key_id: str) -> Credential | None:
    return _credentials.load(tx, _GLOBAL, access_key_id)


def save_credential(tx: Transaction, credential: Credential) -> None:
    _credentials.save(tx, _GLOBAL, credential, credential.access_key_id)


def delete_credential(tx: Transaction, access_key_id: str) -> None:
    _credentials.delete(tx, _GLOBAL, access_key_id)


def issue_credential(tx: Transaction, credential: Credential, now: float) -> None:
    """Save a temporary credential, and drop a few of those that ended long enough ago."""
    assert credential.expires_at is not None
    save_credential(tx, credential)
    _expiries.save(tx, _GLOBAL, Text(""), credential.expires_at, credential.access_key_id)
    for (expires_at, key_id), _ in list(_expiries.list(tx, _GLOBAL, limit=SWEPT_PER_ISSUE)):
        if expires_at + EXPIRED_KEPT_S < now:
            _expiries.delete(tx, _GLOBAL, expires_at, key_id)
            delete_credential(tx, key_id)


def load_key(tx: Transaction, scope: Scope, key_id: str) -> AccessKey | None:
    return _keys.load(tx, scope, key_id)


def save_key(tx: Transaction, scope: Scope, key: AccessKey) -> None:
    _keys.save(tx, scope, key, key.id)


def delete_key(tx: Transaction, scope: Scope, key_id: str) -> None:
    _keys.delete(tx, scope, key_id)
    delete_credential(tx, key_id)


# Counts


def load_counts(tx: Transaction, scope: Scope) -> Counts:
    return _counts.load(tx, scope) or Counts()


def add_count(tx: Transaction, scope: Scope, what: str, change: int) -> None:
    counts = load_counts(tx, scope)
    changed = getattr(counts, what) + change
    assert changed >= 0
    _counts.save(tx, scope, msgspec.structs.replace(counts, **{what: changed}))


# Users, groups, roles and what they are granted


def load_entity(tx: Transaction, scope: Scope, kind: Kind, name: str) -> Entity | None:
    found: Entity | None = _ENTITIES[kind].load(tx, scope, name.lower())
    return found


def load_user(tx: Transaction, scope: Scope, name: str) -> User | None:
    return _users.load(tx, scope, name.lower())


def load_group(tx: Transaction, scope: Scope, name: str) -> Group | None:
    return _groups.load(tx, scope, name.lower())


def load_role(tx: Transaction, scope: Scope, name: str) -> Role | None:
    return _roles.load(tx, scope, name.lower())


def save_entity(tx: Transaction, scope: Scope, kind: Kind, entity: Entity) -> None:
    _ENTITIES[kind].save(tx, scope, entity, entity.name.lower())
    if kind == "group":
        _group_names.save(tx, scope, Text(entity.name), entity.id)


def forget_name(tx: Transaction, scope: Scope, kind: Kind, name: str) -> None:
    """Delete the record under a name, of an entity that gets another."""
    _ENTITIES[kind].delete(tx, scope, name.lower())


def delete_entity(tx: Transaction, scope: Scope, kind: Kind, entity: Entity) -> None:
    forget_name(tx, scope, kind, entity.name)
    _grants.delete(tx, scope, entity.id)
    if kind == "group":
        _group_names.delete(tx, scope, entity.id)


def list_entities(
    tx: Transaction, scope: Scope, kind: Kind, after: str | None = None
) -> Iterator[tuple[str, Any]]:
    """(lower-case name, entity), after a name."""
    yield from _by_name(_ENTITIES[kind], tx, scope, after=after)


def load_grants(tx: Transaction, scope: Scope, entity_id: str) -> Grants | None:
    return _grants.load(tx, scope, entity_id)


def save_grants(tx: Transaction, scope: Scope, entity_id: str, grants: Grants) -> None:
    _grants.save(tx, scope, grants, entity_id)


def load_group_name(tx: Transaction, scope: Scope, group_id: str) -> str:
    found = _group_names.load(tx, scope, group_id)
    assert found is not None, group_id
    return found.text


def save_member(tx: Transaction, scope: Scope, group_id: str, user_name: str) -> None:
    _members.save(tx, scope, Text(user_name), group_id, user_name.lower())


def delete_member(tx: Transaction, scope: Scope, group_id: str, user_name: str) -> None:
    _members.delete(tx, scope, group_id, user_name.lower())


def list_members(
    tx: Transaction, scope: Scope, group_id: str, after: str | None = None
) -> Iterator[tuple[str, str]]:
    """(lower-case name, name) of a group's users, after a name."""
    for name, member in _by_name(_members, tx, scope, group_id, after=after):
        yield name, member.text


# Managed policies


def load_policy(tx: Transaction, scope: Scope, name: str) -> Policy | None:
    return _policies.load(tx, scope, name.lower())


def save_policy(tx: Transaction, scope: Scope, policy: Policy) -> None:
    _policies.save(tx, scope, policy, policy.name.lower())


def delete_policy(tx: Transaction, scope: Scope, policy: Policy, arn: str) -> None:
    _policies.delete(tx, scope, policy.name.lower())
    _versions.clear(tx, scope, policy.name.lower())
    _documents.delete(tx, scope, arn)
    _uses.delete(tx, scope, arn)


def list_policies(
    tx: Transaction, scope: Scope, after: str | None = None
) -> Iterator[tuple[str, Policy]]:
    yield from _by_name(_policies, tx, scope, after=after)


def load_version(tx: Transaction, scope: Scope, name: str, number: int) -> Version | None:
    return _versions.load(tx, scope, name.lower(), number)


def save_version(tx: Transaction, scope: Scope, name: str, version: Version) -> None:
    _versions.save(tx, scope, version, name.lower(), version.number)


def delete_version(tx: Transaction, scope: Scope, name: str, number: int) -> None:
    _versions.delete(tx, scope, name.lower(), number)


def load_document(tx: Transaction, scope: Scope, arn: str) -> str | None:
    found = _documents.load(tx, scope, arn)
    return None if found is None else found.text


def save_document(tx: Transaction, scope: Scope, arn: str, document: str) -> None:
    _documents.save(tx, scope, Text(document), arn)


def load_uses(tx: Transaction, scope: Scope, arn: str) -> Uses:
    return _uses.load(tx, scope, arn) or Uses()


def save_use(tx: Transaction, scope: Scope, arn: str, use: Use) -> None:
    key = (arn, use.as_boundary, use.kind, use.name.lower())
    assert _use.load(tx, scope, *key) is None
    _use.save(tx, scope, use, *key)
    _count_use(tx, scope, arn, use, 1)


def delete_use(tx: Transaction, scope: Scope, arn: str, use: Use) -> None:
    key = (arn, use.as_boundary, use.kind, use.name.lower())
    assert _use.load(tx, scope, *key) is not None
    _use.delete(tx, scope, *key)
    _count_use(tx, scope, arn, use, -1)


def _count_use(tx: Transaction, scope: Scope, arn: str, use: Use, change: int) -> None:
    uses = load_uses(tx, scope, arn)
    if use.as_boundary:
        uses = msgspec.structs.replace(uses, boundaries=uses.boundaries + change)
    else:
        uses = msgspec.structs.replace(uses, attachments=uses.attachments + change)
    _uses.save(tx, scope, uses, arn)


def list_uses(
    tx: Transaction, scope: Scope, arn: str, after: tuple[Any, ...] | None = None
) -> Iterator[tuple[tuple[Any, ...], Use]]:
    """((boundary?, kind, lower-case name), use), after such a key."""
    start = None if after is None else (arn, *after)
    for key, use in _use.list(tx, scope, arn, limit=LIST_RECORDS_MAX, after=start):
        yield key[1:], use


def list_used_policies(tx: Transaction, scope: Scope, after: str | None) -> Iterator[str]:
    """ARNs of the managed policies that are in use or were."""
    start = None if after is None else (after,)
    for key, uses in _uses.list(tx, scope, limit=LIST_RECORDS_MAX, after=start):
        if uses.attachments or uses.boundaries:
            yield key[0]


# Instance profiles


def load_instance_profile(tx: Transaction, scope: Scope, name: str) -> InstanceProfile | None:
    return _instance_profiles.load(tx, scope, name.lower())


def save_instance_profile(tx: Transaction, scope: Scope, profile: InstanceProfile) -> None:
    _instance_profiles.save(tx, scope, profile, profile.name.lower())


def delete_instance_profile(tx: Transaction, scope: Scope, profile: InstanceProfile) -> None:
    _instance_profiles.delete(tx, scope, profile.name.lower())


def list_instance_profiles(
    tx: Transaction, scope: Scope, after: str | None = None
) -> Iterator[tuple[str, InstanceProfile]]:
    yield from _by_name(_instance_profiles, tx, scope, after=after)


def save_role_profile(tx: Transaction, scope: Scope, role_name: str, profile_name: str) -> None:
    _role_profiles.save(tx, scope, Text(profile_name), role_name.lower(), profile_name.lower())


def delete_role_profile(tx: Transaction, scope: Scope, role_name: str, profile_name: str) -> None:
    _role_profiles.delete(tx, scope, role_name.lower(), profile_name.lower())


def list_role_profiles(
    tx: Transaction, scope: Scope, role_name: str, after: str | None = None
) -> Iterator[tuple[str, str]]:
    for name, profile in _by_name(_role_profiles, tx, scope, role_name.lower(), after=after):
        yield name, profile.text


def _by_name(
    records: Records[Any], tx: Transaction, scope: Scope, *prefix: str, after: str | None
) -> Iterator[tuple[str, Any]]:
    start = None if after is None else (*prefix, after)
    for key, record in records.list(tx, scope, *prefix, limit=LIST_RECORDS_MAX, after=start):
        yield key[-1], record
