"""Tags on parameters."""

from __future__ import annotations

from typing import Any

import msgspec

from freehold.kernel.call import Call
from freehold.kernel.errors import AwsError, not_implemented
from freehold.kernel.service import Params
from freehold.services.ssm import access, errors, find, rules, store
from freehold.services.ssm.records import Parameter
from freehold.services.ssm.service import service


@service.operation("AddTagsToResource", access=access.on_resource)
def add_tags_to_resource(call: Call, params: Params) -> dict[str, Any]:
    found = _tagged(call, params)
    changed = rules.with_tags(found, rules.tags(params["Tags"]))
    store.save_parameter(call.tx, call.scope, changed)
    return {}


@service.operation("RemoveTagsFromResource", access=access.on_resource)
def remove_tags_from_resource(call: Call, params: Params) -> dict[str, Any]:
    found = _tagged(call, params)
    gone = set(params["TagKeys"])
    kept = {key: value for key, value in found.tags.items() if key not in gone}
    store.save_parameter(call.tx, call.scope, msgspec.structs.replace(found, tags=kept))
    return {}


@service.operation("ListTagsForResource", reads=True, access=access.on_resource)
def list_tags_for_resource(call: Call, params: Params) -> dict[str, Any]:
    tags = _tagged(call, params).tags
    return {"TagList": [{"Key": key, "Value": value} for key, value in tags.items()]}


def _tagged(call: Call, params: Params) -> Parameter:
    kind = params["ResourceType"]
    if kind != "Parameter":
        raise not_implemented(f"{call.operation} with the resource type {kind}")
    try:
        return find.parameter(call, params["ResourceId"])[0]
    except AwsError as error:
        raise errors.invalid_resource_id() from error
