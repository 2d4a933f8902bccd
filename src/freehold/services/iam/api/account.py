"""The account as a whole: its alias, its counts, everything that is in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from freehold.kernel.call import Call
from freehold.kernel.service import Params
from freehold.services.iam import (
    access,
    aws_managed,
    errors,
    find,
    nouns,
    pages,
    rules,
    store,
    views,
)
from freehold.services.iam.records import Account, Entity, Group, Kind, Policy, Role, User
from freehold.services.iam.service import service


@service.operation("CreateAccountAlias", access=access.on_account)
def create_account_alias(call: Call, params: Params) -> None:
    """An account has one alias; another one takes its place."""
    alias = params["AccountAlias"]
    rules.check_alias(alias)
    for account in store.list_accounts(call.tx):
        if alias in account.aliases and account.id != call.account:
            raise errors.alias_exists(alias)
    _save_aliases(call, (alias,))


@service.operation("DeleteAccountAlias", access=access.on_account)
def delete_account_alias(call: Call, params: Params) -> None:
    if params["AccountAlias"] not in _account(call).aliases:
        raise errors.alias_not_found(params["AccountAlias"])
    _save_aliases(call, ())


@service.operation("ListAccountAliases", reads=True, access=access.on_account)
def list_account_aliases(call: Call, params: Params) -> dict[str, Any]:
    aliases, more = pages.cut_sorted(((alias, alias) for alias in _account(call).aliases), params)
    return {"AccountAliases": aliases, **more}


@service.operation("GetAccountSummary", reads=True, access=access.on_account)
def get_account_summary(call: Call, params: Params) -> dict[str, Any]:
    counts = store.load_counts(call.tx, call.scope)
    summary = {
        "Users": counts.users,
        "Groups": counts.groups,
        "Roles": counts.roles,
        "Policies": counts.policies,
        "InstanceProfiles": counts.instance_profiles,
        "AccountAccessKeysPresent": int(bool(_account(call).root_key_ids)),
        "AccountMFAEnabled": 0,
        "AccountPasswordPresent": 0,
        "MFADevices": 0,
        "MFADevicesInUse": 0,
        "Providers": 0,
        "ServerCertificates": 0,
        "AccessKeysPerUserQuota": rules.KEYS_PER_USER_MAX,
        "GroupsPerUserQuota": rules.GROUPS_PER_USER_MAX,
        "GroupsQuota": nouns.GROUP.per_account_max,
        "UsersQuota": nouns.USER.per_account_max,
        "RolesQuota": nouns.ROLE.per_account_max,
        "PoliciesQuota": rules.POLICIES_MAX,
        "InstanceProfilesQuota": rules.INSTANCE_PROFILES_MAX,
        "VersionsPerPolicyQuota": rules.VERSIONS_MAX,
        "PolicySizeQuota": rules.POLICY_CHARS_MAX,
        "AssumeRolePolicySizeQuota": rules.TRUST_CHARS_MAX,
        "UserPolicySizeQuota": nouns.USER.inline_chars_max,
        "GroupPolicySizeQuota": nouns.GROUP.inline_chars_max,
        "RolePolicySizeQuota": nouns.ROLE.inline_chars_max,
        "AttachedPoliciesPerUserQuota": nouns.USER.attached_max,
        "AttachedPoliciesPerGroupQuota": nouns.GROUP.attached_max,
        "AttachedPoliciesPerRoleQuota": nouns.ROLE.attached_max,
    }
    return {"SummaryMap": summary}


@service.operation("GetAccountAuthorizationDetails", reads=True, access=access.on_account)
def get_account_authorization_details(call: Call, params: Params) -> dict[str, Any]:
    """Users, groups, roles and policies in turn; a marker says how far the pages have come."""
    wanted = set(
        params.get("Filter", ("User", "Group", "Role", "LocalManagedPolicy", "AWSManagedPolicy"))
    )
    start = pages.after(params) or ""
    rows, more = pages.cut(_details(call, wanted, start), params)
    answer: dict[str, list[dict[str, Any]]] = {
        "UserDetailList": [],
        "GroupDetailList": [],
        "RoleDetailList": [],
        "Policies": [],
    }
    for member, detail in rows:
        answer[member].append(detail)
    return {**answer, **more}


def _details(
    call: Call, wanted: set[str], start: str
) -> Iterator[tuple[str, tuple[str, dict[str, Any]]]]:
    reached, _, after = start.partition("/")
    kinds: tuple[tuple[str, Kind], ...] = (("User", "user"), ("Group", "group"), ("Role", "role"))
    for number, (title, kind) in enumerate(kinds):
        if title in wanted and str(number) >= reached:
            passed = after if str(number) == reached else None
            for name, entity in store.list_entities(call.tx, call.scope, kind, passed):
                yield f"{number}/{name}", (f"{title}DetailList", _entity_detail(call, entity))
    if "LocalManagedPolicy" in wanted and reached <= "3":
        passed = after if reached == "3" else None
        for name, policy in store.list_policies(call.tx, call.scope, passed):
            yield f"3/{name}", ("Policies", _policy_detail(call, policy))
    if "AWSManagedPolicy" in wanted:
        passed = after if reached == "4" else None
        for arn in store.list_used_policies(call.tx, call.scope, passed):
            known = aws_managed.find(arn)
            if known is not None:
                yield f"4/{arn}", ("Policies", _aws_policy_detail(call, known))


def _entity_detail(call: Call, entity: Entity) -> dict[str, Any]:
    grants = find.grants(call, entity.id)
    inline = [
        {"PolicyName": name, "PolicyDocument": views.document(document)}
        for name, document in grants.inline.items()
    ]
    attached = [views.attached_policy(arn) for arn in grants.attached]
    if isinstance(entity, Group):
        view = views.group(call.account, entity)
        return {**view, "GroupPolicyList": inline, "AttachedManagedPolicies": attached}
    if isinstance(entity, User):
        groups = [store.load_group_name(call.tx, call.scope, gid) for gid in grants.groups]
        view = views.user(call.account, entity, grants)
        own = {"UserPolicyList": inline, "GroupList": groups}
        return {**view, **own, "AttachedManagedPolicies": attached, "Tags": views.tags(entity.tags)}
    assert isinstance(entity, Role)
    view = views.role(call.account, entity, grants)
    del view["Description"], view["MaxSessionDuration"]
    return {
        **view,
        "RolePolicyList": inline,
        "AttachedManagedPolicies": attached,
        "InstanceProfileList": _profiles(call, entity),
        "Tags": views.tags(entity.tags),
    }


def _profiles(call: Call, role: Role) -> list[dict[str, Any]]:
    profiles = []
    for _, name in store.list_role_profiles(call.tx, call.scope, role.name):
        profile = find.instance_profile(call, {"InstanceProfileName": name})
        profiles.append(views.instance_profile(call.account, profile, role))
    return profiles


def _policy_detail(call: Call, policy: Policy) -> dict[str, Any]:
    arn = rules.policy_arn(call.account, policy)
    uses = store.load_uses(call.tx, call.scope, arn)
    versions = []
    for number in reversed(policy.versions):
        version = store.load_version(call.tx, call.scope, policy.name, number)
        assert version is not None
        versions.append(views.version(version, policy.default_version))
    view = views.policy_in_list(call.account, policy, uses)
    return {**view, "Description": policy.description, "PolicyVersionList": versions}


def _aws_policy_detail(call: Call, known: aws_managed.AwsPolicy) -> dict[str, Any]:
    uses = store.load_uses(call.tx, call.scope, known.arn)
    version = {
        "Document": views.document(known.document),
        "VersionId": "v1",
        "IsDefaultVersion": True,
        "CreateDate": aws_managed.CREATED_AT,
    }
    view = views.aws_policy_in_list(known, uses)
    return {**view, "Description": known.description, "PolicyVersionList": [version]}


def _account(call: Call) -> Account:
    """With open authentication, an account need not have been made."""
    found = store.load_account(call.tx, call.account)
    return found or Account(id=call.account, created_at=call.now)


def _save_aliases(call: Call, aliases: tuple[str, ...]) -> None:
    store.save_account(call.tx, msgspec.structs.replace(_account(call), aliases=aliases))
