"""Resources: the paths of an API, as a tree."""

from __future__ import annotations

from typing import Any

import msgspec

from freehold.kernel.call import Call
from freehold.services.apigateway import errors, patch, rules, store
from freehold.services.apigateway.access import operation
from freehold.services.apigateway.records import Resource, RestApi, answer

RESOURCE = "/restapis/{restApiId}/resources/{resourceId}"
ID_LENGTH = 6


@operation("CreateResource", "POST /restapis/{restApiId}/resources/{parentId}")
def create_resource(call: Call, params: dict[str, Any]) -> dict[str, Any]:
    api = store.rest_apis.load(call, params["restApiId"])
    parent = store.resources.load(call, api.id, params["parentId"])
    return shown(new_resource(call, api, parent, params["pathPart"]))


@operation("GetResource", f"GET {RESOURCE}", reads=True)
def get_resource(call: Call, params: dict[str, Any]) -> dict[str, Any]:
    store.rest_apis.load(call, params["restApiId"])
    resource = store.resources.load(call, params["restApiId"], params["resourceId"])
    return shown(resource, params.get("embed"))


@operation("GetResources", "GET /restapis/{restApiId}/resources", reads=True)
def get_resources(call: Call, params: dict[str, Any]) -> dict[str, Any]:
    api = store.rest_apis.load(call, params["restApiId"])
    found, position = store.resources.page(call, params, api.id)
    return {
        "items": [shown(resource, params.get("embed")) for resource in found],
        "position": position,
    }


@operation("UpdateResource", f"PATCH {RESOURCE}")
def update_resource(call: Call, params: dict[str, Any]) -> dict[str, Any]:
    """Rename a step or move it below another parent, with all that is below it."""
    api = store.rest_apis.load(call, params["restApiId"])
    found = store.resources.load(call, api.id, params["resourceId"])
    operations = params.get("patchOperations") or []
    if found.parent_id is None and operations:
        raise errors.bad_request("The root resource cannot be changed")
    changed = patch.patched(found, operations, "pathPart", "parentId")
    everything = store.resources.all(call, api.id)
    below = _below(everything, found.id)
    if changed.parent_id is None or changed.parent_id in {each.id for each in (found, *below)}:
        raise errors.bad_request("Resources cannot be moved below themselves")
    parent = store.resources.load(call, api.id, changed.parent_id)
    part = changed.path_part or ""
    siblings = [each for each in everything if each.parent_id == parent.id and each.id != found.id]
    rules.check_path_part(part, siblings, parent)
    changed = msgspec.structs.replace(changed, path=rules.child_path(parent, part))
    for each in (found, *below):
        path = changed.path + each.path[len(found.path) :]
        moved = msgspec.structs.replace(changed if each is found else each, path=path)
        store.resources.save(call, moved, api.id, each.id)
    return shown(changed)


@operation("DeleteResource", f"DELETE {RESOURCE}")
def delete_resource(call: Call, params: dict[str, Any]) -> None:
    """Remove a resource with its methods and everything below it."""
    api = store.rest_apis.load(call, params["restApiId"])
    found = store.resources.load(call, api.id, params["resourceId"])
    if found.parent_id is None:
        raise errors.bad_request("The root resource cannot be deleted")
    for each in (found, *_below(store.resources.all(call, api.id), found.id)):
        store.resources.delete(call, api.id, each.id)


def new_resource(call: Call, api: RestApi, parent: Resource, part: str) -> Resource:
    everything = store.resources.all(call, api.id)
    if len(everything) >= rules.RESOURCES_MAX:
        raise errors.limit_exceeded("Maximum number of resources for this API has been reached.")
    rules.check_path_part(
        part, [each for each in everything if each.parent_id == parent.id], parent
    )
    resource = Resource(
        id=call.new_word(ID_LENGTH),
        parent_id=parent.id,
        path_part=part,
        path=rules.child_path(parent, part),
    )
    store.resources.save(call, resource, api.id, resource.id)
    return resource


def shown(resource: Resource, embed: list[str] | None = None) -> dict[str, Any]:
    """Without `embed=methods`, the methods' names alone."""
    found = answer(resource)
    if resource.resource_methods and not (embed and "methods" in embed):
        found["resourceMethods"] = {name: {} for name in resource.resource_methods}
    elif resource.resource_methods:
        found["resourceMethods"] = {
            name: answer(method) for name, method in resource.resource_methods.items()
        }
    return found


def _below(resources: list[Resource], resource_id: str) -> list[Resource]:
    children: dict[str | None, list[Resource]] = {}
    for resource in resources:
        children.setdefault(resource.parent_id, []).append(resource)
    found: list[Resource] = []
    waiting = [resource_id]
    while waiting:
        for child in children.get(waiting.pop(), ()):
            found.append(child)
            waiting.append(child.id)
    return found
