"""What each of IAM's operations asks permission for.

Operations on something that exists ask for it by its stored ARN: names are found whatever their
case and do not tell the path, but policies compare ARNs exactly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from freehold.kernel.service import Access, Params
from freehold.services.iam import errors, rules, store
from freehold.services.iam.nouns import GROUP, ROLE, USER, Noun

if TYPE_CHECKING:
    from freehold.kernel.call import Call


def on_account(call: Call, params: Params) -> tuple[Access]:
    return _access(call, "*", {})


def on_user(call: Call, params: Params) -> tuple[Access]:
    return on_entity(call, params, USER)


def on_group(call: Call, params: Params) -> tuple[Access]:
    return on_entity(call, params, GROUP)


def on_role(call: Call, params: Params) -> tuple[Access]:
    return on_entity(call, params, ROLE)


def on_entity(call: Call, params: Params, noun: Noun) -> tuple[Access]:
    """An existing user, group or role; or the caller himself, where no user is named."""
    name = params.get(noun.parameter)
    if name is None and call.principal.kind == "user":
        name = call.principal.name
    if name is None:
        return _access(call, call.principal.arn, {})
    entity = store.load_entity(call.tx, call.scope, noun.kind, name)
    if entity is None:
        return _access(call, rules.named_arn(call.account, noun.kind, "/", name), _asked(params))
    context = {**_owned_tags(entity.tags), **_asked(params)}
    grants = store.load_grants(call.tx, call.scope, entity.id)
    # Of the boundary that a request sets, or else of the one that its target has.
    if grants is not None and grants.boundary and "PermissionsBoundary" not in params:
        context["iam:permissionsboundary"] = [grants.boundary]
    return _access(call, rules.entity_arn(call.account, noun, entity), context)


def on_new_user(call: Call, params: Params) -> tuple[Access, ...]:
    return _on_new(call, params, USER.kind, params["UserName"])


def on_new_group(call: Call, params: Params) -> tuple[Access, ...]:
    return _on_new(call, params, GROUP.kind, params["GroupName"])


def on_new_role(call: Call, params: Params) -> tuple[Access, ...]:
    return _on_new(call, params, ROLE.kind, params["RoleName"])


def on_new_policy(call: Call, params: Params) -> tuple[Access, ...]:
    return _on_new(call, params, "policy", params["PolicyName"])


def on_new_instance_profile(call: Call, params: Params) -> tuple[Access, ...]:
    return _on_new(call, params, "instance-profile", params["InstanceProfileName"])


def on_new_linked_role(call: Call, params: Params) -> tuple[Access]:
    service_name = params["AWSServiceName"]
    path, name = rules.service_linked_role(service_name, params.get("CustomSuffix"))
    arn = rules.named_arn(call.account, ROLE.kind, path, name)
    return _access(call, arn, {"iam:awsservicename": [service_name]})


def on_policy(call: Call, params: Params) -> tuple[Access]:
    arn = params["PolicyArn"]
    if rules.is_aws_policy(arn):
        return _access(call, arn, _asked(params))
    policy = store.load_policy(call.tx, call.scope, rules.policy_name(arn))
    tags = policy.tags if policy is not None else {}
    context = {**_owned_tags(tags), **_asked(params)}
    context.pop("iam:policyarn", None)
    return _access(call, arn, context)


def on_key_owner(call: Call, params: Params) -> tuple[Access]:
    key = store.load_key(call.tx, call.scope, params["AccessKeyId"])
    user = store.load_user(call.tx, call.scope, key.user_name) if key is not None else None
    if user is None:
        return _access(call, "*", {})
    return _access(call, rules.entity_arn(call.account, USER, user), _owned_tags(user.tags))


def on_instance_profile(call: Call, params: Params) -> tuple[Access]:
    name = params["InstanceProfileName"]
    profile = store.load_instance_profile(call.tx, call.scope, name)
    if profile is None:
        arn = rules.named_arn(call.account, "instance-profile", "/", name)
        return _access(call, arn, _asked(params))
    context = {**_owned_tags(profile.tags), **_asked(params)}
    return _access(call, rules.instance_profile_arn(call.account, profile), context)


def _on_new(call: Call, params: Params, kind: str, name: str) -> tuple[Access, ...]:
    """Creating something with tags needs permission to tag it, too."""
    arn = rules.named_arn(call.account, kind, params.get("Path", "/"), name)
    (access,) = _access(call, arn, _asked(params))
    if not params.get("Tags"):
        return (access,)
    return (access, msgspec.structs.replace(access, action=f"iam:{_TAG_OPERATIONS[kind]}"))


_TAG_OPERATIONS = {
    "user": "TagUser",
    "role": "TagRole",
    "policy": "TagPolicy",
    "instance-profile": "TagInstanceProfile",
}


def _asked(params: Params) -> dict[str, list[str]]:
    """Condition keys from the request."""
    context: dict[str, list[str]] = {}
    if "PermissionsBoundary" in params:
        context["iam:permissionsboundary"] = [params["PermissionsBoundary"]]
    if "PolicyArn" in params:
        context["iam:policyarn"] = [params["PolicyArn"]]
    if "Tags" in params:
        context["aws:tagkeys"] = [tag["Key"] for tag in params["Tags"]]
        for tag in params["Tags"]:
            context[f"aws:requesttag/{tag['Key'].lower()}"] = [tag["Value"]]
    if "TagKeys" in params:
        context["aws:tagkeys"] = list(params["TagKeys"])
    return context


def _owned_tags(tags: dict[str, str]) -> dict[str, list[str]]:
    context = {}
    for key, value in tags.items():
        context[f"iam:resourcetag/{key.lower()}"] = [value]
        context[f"aws:resourcetag/{key.lower()}"] = [value]
    return context


def _access(call: Call, arn: str, context: dict[str, list[str]]) -> tuple[Access]:
    principal = call.principal
    if principal.token_issued_at is not None and principal.kind != "role":
        raise errors.session_refused()
    return (Access(action=f"iam:{call.operation}", resource=arn, context=context),)
