"""REST APIs themselves: made by hand or from an OpenAPI document."""

from __future__ import annotations

from typing import Any

import msgspec

from freehold.kernel import endpoints
from freehold.kernel.call import Call
from freehold.kernel.chance import LOWER_ALPHANUMERIC
from freehold.kernel.errors import not_implemented
from freehold.services.apigateway import errors, openapi, patch, rules, store
from freehold.services.apigateway.access import operation
from freehold.services.apigateway.records import Resource, RestApi, answer

ID_LENGTH = 10
PATCHABLE = (
    "name",
    "description",
    "version",
    "binaryMediaTypes",
    "minimumCompressionSize",
    "apiKeySource",
    "endpointConfiguration",
    "policy",
    "disableExecuteApiEndpoint",
)


@operation("CreateRestApi", "POST /restapis")
def create_rest_api(call: Call, params: dict[str, Any]) -> dict[str, Any]:
    if params.get("cloneFrom"):
        raise not_implemented("CreateRestApi with cloneFrom")
    if not params.get("name"):
        raise errors.bad_request("Name cannot be blank")
    return answer(new_rest_api(call, params))


@operation("ImportRestApi", "POST /restapis")
def import_rest_api(call: Call, params: dict[str, Any]) -> dict[str, Any]:
    """The name is the document's title; its definitions are laid onto an empty API."""
    definition = openapi.parse(params["body"], call.region, call.account)
    parameters = params.get("parameters") or {}
    types = parameters.get("endpointConfigurationTypes")
    configuration = {"endpointConfiguration": {"types": types.split(",")}} if types else {}
    api = new_rest_api(call, {"name": definition.name, **configuration})
    return _defined(call, openapi.install(call, api, definition, merge=False), definition)


@operation("PutRestApi", "PUT /restapis/{restApiId}")
def put_rest_api(call: Call, params: dict[str, Any]) -> dict[str, Any]:
    """Lay a document over the API, in its place ("overwrite") or beside what is there ("merge")."""
    api = store.rest_apis.load(call, params["restApiId"])
    definition = openapi.parse(params["body"], call.region, call.account)
    if params.get("failOnWarnings") and definition.warnings:
        raise errors.bad_request("Warnings found during import: " + "; ".join(definition.warnings))
    merge = params.get("mode", "merge") == "merge"
    return _defined(call, openapi.install(call, api, definition, merge=merge), definition)


@operation("GetRestApi", "GET /restapis/{restApiId}", reads=True)
def get_rest_api(call: Call, params: dict[str, Any]) -> dict[str, Any]:
    return answer(store.rest_apis.load(call, params["restApiId"]))


@operation("GetRestApis", "GET /restapis", reads=True)
def get_rest_apis(call: Call, params: dict[str, Any]) -> dict[str, Any]:
    found, position = store.rest_apis.page(call, params)
    return {"items": [answer(api) for api in found], "position": position}


@operation("UpdateRestApi", "PATCH /restapis/{restApiId}")
def update_rest_api(call: Call, params: dict[str, Any]) -> dict[str, Any]:
    api = store.rest_apis.load(call, params["restApiId"])
    operations = [_endpoint_type(patch) for patch in params.get("patchOperations") or []]
    if any(each.get("path", "").startswith("/policy") for each in operations):
        path = f"arn:aws:apigateway:{call.region}::/restapis/{api.id}"
        call.require("apigateway:UpdateRestApiPolicy", path)
    changed = patch.patched(api, operations, *PATCHABLE)
    if not changed.name:
        raise errors.bad_request("Name cannot be blank")
    changed = _checked(call, changed)
    store.rest_apis.save(call, changed, changed.id)
    return answer(changed)


@operation("DeleteRestApi", "DELETE /restapis/{restApiId}")
def delete_rest_api(call: Call, params: dict[str, Any]) -> None:
    api = store.rest_apis.load(call, params["restApiId"])
    store.delete_rest_api(call, api.id)
    endpoints.release(call, "execute-api", api.id)


def new_rest_api(call: Call, params: dict[str, Any]) -> RestApi:
    """An API with nothing but its root."""
    rules.check_tags(params.get("tags") or {})
    api_id = call.new_word(ID_LENGTH, LOWER_ALPHANUMERIC)
    while not endpoints.claim(call, "execute-api", api_id):
        api_id = call.new_word(ID_LENGTH, LOWER_ALPHANUMERIC)
    root = Resource(id=call.new_word(ID_LENGTH, LOWER_ALPHANUMERIC), path="/")
    api: RestApi = rules.made(
        RestApi,
        params,
        id=api_id,
        createdDate=call.now,
        rootResourceId=root.id,
    )
    api = _checked(call, api)
    store.rest_apis.save(call, api, api.id)
    store.resources.save(call, root, api.id, root.id)
    return api


def _checked(call: Call, api: RestApi) -> RestApi:
    types = api.endpoint_configuration.types
    if len(types) != 1 or types[0] not in ("EDGE", "REGIONAL", "PRIVATE"):
        raise errors.bad_request(
            "Endpoint configuration types must be one of EDGE, REGIONAL, PRIVATE"
        )
    if types[0] == "PRIVATE":
        raise not_implemented("PRIVATE endpoints")
    if api.policy:
        policy = rules.expanded_policy(api.policy, call.region, call.account, api.id)
        return msgspec.structs.replace(api, policy=policy)
    return api


def _endpoint_type(operation: dict[str, Any]) -> dict[str, Any]:
    # /endpointConfiguration/types/EDGE names the element that the value takes the place of.
    steps = patch.pointer(operation.get("path", ""))
    if steps[:2] == ["endpointConfiguration", "types"]:
        return {**operation, "op": "replace", "path": "/endpointConfiguration/types"}
    return operation


def _defined(call: Call, api: RestApi, definition: openapi.Definition) -> dict[str, Any]:
    api = _checked(call, api)
    store.rest_apis.save(call, api, api.id)
    return {**answer(api), "warnings": definition.warnings or None}
