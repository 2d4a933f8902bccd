"""Inline, attached and boundary policies, and tags, of users, groups and roles.

These operations differ only in the noun in their names: PutUserPolicy, PutGroupPolicy,
PutRolePolicy.
"""

from __future__ import annotations

from typing import Any

import msgspec

from freehold.kernel.call import Call
from freehold.kernel.service import Params
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
from freehold.services.iam.nouns import GROUP, ROLE, USER, Noun
from freehold.services.iam.records import User
from freehold.services.iam.service import service


def put_inline_policy(call: Call, params: Params, noun: Noun) -> None:
    entity = find.changeable_entity(call, params, noun)
    granting.put_inline(call, noun, entity, params["PolicyName"], params["PolicyDocument"])


def get_inline_policy(call: Call, params: Params, noun: Noun) -> dict[str, Any]:
    entity = find.entity(call, params, noun)
    name = params["PolicyName"]
    document = find.grants(call, entity.id).inline.get(name)
    if document is None:
        raise errors.inline_policy_not_found(noun.title, name)
    return {
        noun.parameter: entity.name,
        "PolicyName": name,
        "PolicyDocument": views.document(document),
    }


def delete_inline_policy(call: Call, params: Params, noun: Noun) -> None:
    entity = find.changeable_entity(call, params, noun)
    granting.delete_inline(call, noun, entity, params["PolicyName"])


def list_inline_policies(call: Call, params: Params, noun: Noun) -> dict[str, Any]:
    entity = find.entity(call, params, noun)
    names = find.grants(call, entity.id).inline
    listed, more = pages.cut_sorted(((name, name) for name in names), params)
    return {"PolicyNames": listed, **more}


def attach_policy(call: Call, params: Params, noun: Noun) -> None:
    entity = find.changeable_entity(call, params, noun)
    granting.attach(call, noun, entity, params["PolicyArn"])


def detach_policy(call: Call, params: Params, noun: Noun) -> None:
    entity = find.changeable_entity(call, params, noun)
    granting.detach(call, noun, entity, params["PolicyArn"])


def list_attached_policies(call: Call, params: Params, noun: Noun) -> dict[str, Any]:
    entity = find.entity(call, params, noun)
    prefix = params.get("PathPrefix", "/")
    attached = find.grants(call, entity.id).attached
    # By name, then whose it is: whole ARNs would make markers longer than the model lets them be.
    rows = (
        (f"{rules.policy_name(arn)} {rules.is_aws_policy(arn)}", views.attached_policy(arn))
        for arn in attached
        if _path(arn).startswith(prefix)
    )
    listed, more = pages.cut_sorted(rows, params)
    return {"AttachedPolicies": listed, **more}


def put_boundary(call: Call, params: Params, noun: Noun) -> None:
    entity = find.changeable_entity(call, params, noun)
    granting.set_boundary(call, noun, entity, params["PermissionsBoundary"])


def delete_boundary(call: Call, params: Params, noun: Noun) -> None:
    entity = find.changeable_entity(call, params, noun)
    granting.drop_boundary(call, noun, entity)


def tag(call: Call, params: Params, noun: Noun) -> None:
    entity = find.changeable_entity(call, params, noun)
    tags = rules.with_tags(entity.tags, rules.tags(params["Tags"]))
    _save_tags(call, noun, entity, tags)


def untag(call: Call, params: Params, noun: Noun) -> None:
    entity = find.changeable_entity(call, params, noun)
    _save_tags(call, noun, entity, rules.without_tags(entity.tags, params["TagKeys"]))


def list_tags(call: Call, params: Params, noun: Noun) -> dict[str, Any]:
    tags = find.entity(call, params, noun).tags
    rows = ((key, {"Key": key, "Value": value}) for key, value in tags.items())
    listed, more = pages.cut_sorted(rows, params)
    return {"Tags": listed, **more}


def _save_tags(call: Call, noun: Noun, entity: Any, tags: dict[str, str]) -> None:
    changed = msgspec.structs.replace(entity, tags=tags)
    store.save_entity(call.tx, call.scope, noun.kind, changed)
    if isinstance(changed, User):
        credentials.refresh(call, changed)


def _path(arn: str) -> str:
    resource = arn.split(":", 5)[5]
    return resource.removeprefix("policy").rpartition("/")[0] + "/"


def _register(noun: Noun) -> None:
    title = noun.title
    writes: dict[str, Any] = {
        f"Put{title}Policy": put_inline_policy,
        f"Delete{title}Policy": delete_inline_policy,
        f"Attach{title}Policy": attach_policy,
        f"Detach{title}Policy": detach_policy,
    }
    reads: dict[str, Any] = {
        f"Get{title}Policy": get_inline_policy,
        f"List{title}Policies": list_inline_policies,
        f"ListAttached{title}Policies": list_attached_policies,
    }
    if noun is not GROUP:
        writes[f"Put{title}PermissionsBoundary"] = put_boundary
        writes[f"Delete{title}PermissionsBoundary"] = delete_boundary
        writes[f"Tag{title}"] = tag
        writes[f"Untag{title}"] = untag
        reads[f"List{title}Tags"] = list_tags
    for name, function in writes.items():
        _register_one(name, function, noun, reads=False)
    for name, function in reads.items():
        _register_one(name, function, noun, reads=True)


def _register_one(name: str, function: Any, noun: Noun, *, reads: bool) -> None:
    def handler(call: Call, params: Params) -> Any:
        return function(call, params, noun)

    def rule(call: Call, params: Params) -> Any:
        return access.on_entity(call, params, noun)

    service.operation(name, reads=reads, access=rule)(handler)


for _noun in (USER, GROUP, ROLE):
    _register(_noun)
