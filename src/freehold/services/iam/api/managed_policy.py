"""Managed policies and their versions: the customer's, and AWS's own, which only read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from freehold.kernel import paging
from freehold.kernel.call import Call
from freehold.kernel.service import Params
from freehold.services.iam import access, aws_managed, errors, find, pages, rules, store, views
from freehold.services.iam.records import Policy, Use, Version
from freehold.services.iam.service import service


@service.operation("CreatePolicy", access=access.on_new_policy)
def create_policy(call: Call, params: Params) -> dict[str, Any]:
    name, document = params["PolicyName"], params["PolicyDocument"]
    rules.check_managed_policy(document)
    if store.load_policy(call.tx, call.scope, name) is not None:
        raise errors.policy_exists(name)
    if store.load_counts(call.tx, call.scope).policies >= rules.POLICIES_MAX:
        raise errors.quota("PoliciesPerAccount", rules.POLICIES_MAX)
    policy = Policy(
        name=name,
        id="ANPA" + call.new_word(17, rules.ID_ALPHABET),
        path=params.get("Path", "/"),
        created_at=call.now,
        updated_at=call.now,
        description=params.get("Description"),
        tags=rules.tags(params.get("Tags", ())),
    )
    arn = rules.policy_arn(call.account, policy)
    store.add_count(call.tx, call.scope, "policies", 1)
    store.save_policy(call.tx, call.scope, policy)
    version = Version(number=1, document=document, created_at=call.now)
    store.save_version(call.tx, call.scope, name, version)
    store.save_document(call.tx, call.scope, arn, document)
    uses = store.load_uses(call.tx, call.scope, arn)
    view = views.policy(call.account, policy, uses)
    del view["Description"]
    return {"Policy": view}


@service.operation("GetPolicy", reads=True, access=access.on_policy)
def get_policy(call: Call, params: Params) -> dict[str, Any]:
    arn = params["PolicyArn"]
    if rules.is_aws_policy(arn):
        known = _aws_policy(arn)
        uses = store.load_uses(call.tx, call.scope, arn)
        return {"Policy": views.aws_policy(known, uses)}
    policy = find.policy(call, arn)
    uses = store.load_uses(call.tx, call.scope, arn)
    return {"Policy": views.policy(call.account, policy, uses)}


@service.operation("ListPolicies", reads=True, access=access.on_account)
def list_policies(call: Call, params: Params) -> dict[str, Any]:
    """AWS's policies come after the customer's; a marker says in which of the two a page ended."""
    scope = params.get("Scope", "All")
    start = pages.after(params) or ""
    rows = _policy_rows(call, scope, start)
    chosen = (row for row in rows if _is_listed(row[1], params))
    policies, more = pages.cut(chosen, params)
    return {"Policies": policies, **more}


def _policy_rows(call: Call, scope: str, start: str) -> Iterator[tuple[str, dict[str, Any]]]:
    part, _, after = start.partition("/")
    if scope in ("All", "Local") and part != "aws":
        for name, policy in store.list_policies(call.tx, call.scope, after or None):
            arn = rules.policy_arn(call.account, policy)
            uses = store.load_uses(call.tx, call.scope, arn)
            yield f"own/{name}", views.policy_in_list(call.account, policy, uses)
    if scope in ("All", "AWS"):
        passed = after if part == "aws" else ""
        for known in aws_managed.table().values():
            if known.name > passed:
                uses = store.load_uses(call.tx, call.scope, known.arn)
                yield f"aws/{known.name}", views.aws_policy_in_list(known, uses)


def _is_listed(view: dict[str, Any], params: Params) -> bool:
    if not view["Path"].startswith(params.get("PathPrefix", "/")):
        return False
    usage = params.get("PolicyUsageFilter")
    if usage == "PermissionsBoundary":
        return bool(view["PermissionsBoundaryUsageCount"])
    if usage == "PermissionsPolicy" or params.get("OnlyAttached"):
        return bool(view["AttachmentCount"])
    return True


@service.operation("DeletePolicy", access=access.on_policy)
def delete_policy(call: Call, params: Params) -> None:
    policy = _own_policy(call, params)
    arn = params["PolicyArn"]
    uses = store.load_uses(call.tx, call.scope, arn)
    if uses.attachments or uses.boundaries:
        raise errors.delete_conflict("Cannot delete a policy attached to entities.")
    if len(policy.versions) > 1:
        raise errors.delete_conflict(
            "This policy has more than one version. Before you delete a policy, you must delete "
            "the policy's versions. The default version is deleted with the policy."
        )
    store.delete_policy(call.tx, call.scope, policy, arn)
    store.add_count(call.tx, call.scope, "policies", -1)


@service.operation("CreatePolicyVersion", access=access.on_policy)
def create_policy_version(call: Call, params: Params) -> dict[str, Any]:
    policy = _own_policy(call, params)
    rules.check_managed_policy(params["PolicyDocument"])
    if len(policy.versions) >= rules.VERSIONS_MAX:
        raise errors.too_many_versions()
    number = policy.newest_version + 1
    version = Version(number=number, document=params["PolicyDocument"], created_at=call.now)
    store.save_version(call.tx, call.scope, policy.name, version)
    changed = msgspec.structs.replace(
        policy,
        newest_version=number,
        versions=(*policy.versions, number),
        updated_at=call.now,
    )
    if params.get("SetAsDefault"):
        changed = msgspec.structs.replace(changed, default_version=number)
        store.save_document(call.tx, call.scope, params["PolicyArn"], version.document)
    store.save_policy(call.tx, call.scope, changed)
    return {"PolicyVersion": views.version_in_list(version, changed.default_version)}


@service.operation("GetPolicyVersion", reads=True, access=access.on_policy)
def get_policy_version(call: Call, params: Params) -> dict[str, Any]:
    arn = params["PolicyArn"]
    if rules.is_aws_policy(arn):
        known = _aws_policy(arn)
        if params["VersionId"] != "v1":
            raise errors.version_not_found(arn, params["VersionId"])
        return {"PolicyVersion": views.version(_aws_version(known), 1)}
    policy = find.policy(call, arn)
    version = _version(call, policy, params)
    return {"PolicyVersion": views.version(version, policy.default_version)}


@service.operation("ListPolicyVersions", reads=True, access=access.on_policy)
def list_policy_versions(call: Call, params: Params) -> dict[str, Any]:
    arn = params["PolicyArn"]
    if rules.is_aws_policy(arn):
        versions, default = [_aws_version(_aws_policy(arn))], 1
    else:
        policy = find.policy(call, arn)
        numbers, default = reversed(policy.versions), policy.default_version
        versions = [_version(call, policy, {**params, "VersionId": f"v{n}"}) for n in numbers]
    # Newest first: the key that a marker holds grows as numbers fall.
    rows = ((f"{10**9 - v.number}", views.version_in_list(v, default)) for v in versions)
    listed, more = pages.cut_sorted(rows, params)
    return {"Versions": listed, **more}


@service.operation("SetDefaultPolicyVersion", access=access.on_policy)
def set_default_policy_version(call: Call, params: Params) -> None:
    policy = _own_policy(call, params)
    version = _version(call, policy, params)
    changed = msgspec.structs.replace(policy, default_version=version.number, updated_at=call.now)
    store.save_policy(call.tx, call.scope, changed)
    store.save_document(call.tx, call.scope, params["PolicyArn"], version.document)


@service.operation("DeletePolicyVersion", access=access.on_policy)
def delete_policy_version(call: Call, params: Params) -> None:
    policy = _own_policy(call, params)
    version = _version(call, policy, params)
    if version.number == policy.default_version:
        raise errors.delete_conflict("Cannot delete the default version of a policy.")
    remaining = tuple(number for number in policy.versions if number != version.number)
    store.save_policy(call.tx, call.scope, msgspec.structs.replace(policy, versions=remaining))
    store.delete_version(call.tx, call.scope, policy.name, version.number)


@service.operation("ListEntitiesForPolicy", reads=True, access=access.on_policy)
def list_entities_for_policy(call: Call, params: Params) -> dict[str, Any]:
    find.attachable_policy(call, params["PolicyArn"])
    start = _use_position(params)
    uses = store.list_uses(call.tx, call.scope, params["PolicyArn"], start)
    rows = ((paging.encode(key), use) for key, use in uses if _is_shown(use, params))
    found, more = pages.cut(rows, params)
    by_kind: dict[str, list[dict[str, str]]] = {"group": [], "user": [], "role": []}
    for use in found:
        title = use.kind.capitalize()
        by_kind[use.kind].append({f"{title}Name": use.name, f"{title}Id": use.id})
    return {
        "PolicyGroups": by_kind["group"],
        "PolicyUsers": by_kind["user"],
        "PolicyRoles": by_kind["role"],
        **more,
    }


def _use_position(params: Params) -> tuple[Any, ...] | None:
    position = pages.after(params)
    if position is None:
        return None
    try:
        key: tuple[bool, str, str] = paging.decode(position, tuple[bool, str, str])
    except paging.InvalidToken as error:
        raise errors.validation("Invalid Marker.") from error
    return key


def _is_shown(use: Use, params: Params) -> bool:
    wanted = params.get("EntityFilter")
    usage = params.get("PolicyUsageFilter")
    if usage is not None and (usage == "PermissionsBoundary") != use.as_boundary:
        return False
    if wanted is not None and wanted != use.kind.capitalize():
        return False
    return use.path.startswith(params.get("PathPrefix", "/"))


@service.operation("TagPolicy", access=access.on_policy)
def tag_policy(call: Call, params: Params) -> None:
    policy = _own_policy(call, params)
    tags = rules.with_tags(policy.tags, rules.tags(params["Tags"]))
    store.save_policy(call.tx, call.scope, msgspec.structs.replace(policy, tags=tags))


@service.operation("UntagPolicy", access=access.on_policy)
def untag_policy(call: Call, params: Params) -> None:
    policy = _own_policy(call, params)
    tags = rules.without_tags(policy.tags, params["TagKeys"])
    store.save_policy(call.tx, call.scope, msgspec.structs.replace(policy, tags=tags))


@service.operation("ListPolicyTags", reads=True, access=access.on_policy)
def list_policy_tags(call: Call, params: Params) -> dict[str, Any]:
    tags = _own_policy(call, params).tags
    rows = ((key, {"Key": key, "Value": value}) for key, value in tags.items())
    listed, more = pages.cut_sorted(rows, params)
    return {"Tags": listed, **more}


def _own_policy(call: Call, params: Params) -> Policy:
    """A policy that the customer may change: one of his own."""
    if rules.is_aws_policy(params["PolicyArn"]):
        raise errors.aws_policy_not_yours(params["PolicyArn"])
    return find.policy(call, params["PolicyArn"])


def _aws_policy(arn: str) -> aws_managed.AwsPolicy:
    known = aws_managed.find(arn)
    if known is None:
        raise errors.policy_not_found(arn)
    return known


def _aws_version(known: aws_managed.AwsPolicy) -> Version:
    return Version(number=1, document=known.document, created_at=aws_managed.CREATED_AT)


def _version(call: Call, policy: Policy, params: Params) -> Version:
    version_id = params["VersionId"]
    number = version_id.removeprefix("v").partition(".")[0]
    found = store.load_version(call.tx, call.scope, policy.name, int(number))
    if found is None or f"v{found.number}" != version_id:
        raise errors.version_not_found(params["PolicyArn"], version_id)
    return found
