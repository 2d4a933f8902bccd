"""What Parameter Store's operations ask permission for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from freehold.kernel.service import Access, Params
from freehold.services.ssm import rules, store

if TYPE_CHECKING:
    from freehold.kernel.call import Call


def on_parameter(call: Call, params: Params) -> tuple[Access, ...]:
    return (_on_name(call, params["Name"], _asked(params)),)


def on_new_parameter(call: Call, params: Params) -> tuple[Access, ...]:
    """Creating one with tags needs permission to tag it, too."""
    (access,) = on_parameter(call, params)
    if not params.get("Tags"):
        return (access,)
    return (access, msgspec.structs.replace(access, action="ssm:AddTagsToResource"))


def on_parameters(call: Call, params: Params) -> tuple[Access, ...]:
    return tuple(_on_name(call, name, {}) for name in params["Names"])


def on_path(call: Call, params: Params) -> tuple[Access, ...]:
    """Permission on a path covers all that is below it, as AWS's documentation warns."""
    recursive = "true" if params.get("Recursive") else "false"
    arn = call.arn(rules.arn_name(params["Path"]))
    action = f"ssm:{call.operation}"
    return (Access(action=action, resource=arn, context={"ssm:recursive": [recursive]}),)


def on_resource(call: Call, params: Params) -> tuple[Access, ...]:
    return (_on_name(call, params["ResourceId"], _asked(params)),)


def on_account(call: Call, params: Params) -> tuple[Access, ...]:
    return (Access(action=f"ssm:{call.operation}", resource=call.arn("*")),)


def _on_name(call: Call, text: str, asked: dict[str, list[str]]) -> Access:
    action = f"ssm:{call.operation}"
    arn, names, _ = rules.resolve(text, call.arn("parameter"))
    context = dict(asked)
    for name in names:
        found = store.load_parameter(call.tx, call.scope, name)
        for key, value in (found.tags if found is not None else {}).items():
            context[f"ssm:resourcetag/{key.lower()}"] = [value]
            context[f"aws:resourcetag/{key.lower()}"] = [value]
    return Access(action=action, resource=arn, context=context)


def _asked(params: Params) -> dict[str, list[str]]:
    context: dict[str, list[str]] = {}
    if "Overwrite" in params:
        context["ssm:overwrite"] = ["true" if params["Overwrite"] else "false"]
    if "Tags" in params:
        context["aws:tagkeys"] = [tag["Key"] for tag in params["Tags"]]
        for tag in params["Tags"]:
            context[f"aws:requesttag/{tag['Key'].lower()}"] = [tag["Value"]]
    if "TagKeys" in params:
        context["aws:tagkeys"] = list(params["TagKeys"])
    return context
