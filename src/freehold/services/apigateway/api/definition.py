"""What methods refer to: models, request validators, authorizers; and gateway responses."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

from freehold.kernel.call import Call
from freehold.kernel.errors import not_implemented
from freehold.services.apigateway import errors, patch, rules, store
from freehold.services.apigateway.access import check_role, operation
from freehold.services.apigateway.gateway_responses import KINDS, described
from freehold.services.apigateway.records import (
    Authorizer,
    GatewayResponse,
    Method,
    Model,
    RequestValidator,
    answer,
)

Params = dict[str, Any]

MODEL = "/restapis/{restApiId}/models/{modelName}"
VALIDATOR = "/restapis/{restApiId}/requestvalidators/{requestValidatorId}"
AUTHORIZER = "/restapis/{restApiId}/authorizers/{authorizerId}"
RESPONSE = "/restapis/{restApiId}/gatewayresponses/{responseType}"
TTL_S_MAX = 3600


@operation("CreateModel", "POST /restapis/{restApiId}/models")
def create_model(call: Call, params: Params) -> dict[str, Any]:
    api = store.rest_apis.load(call, params["restApiId"])
    if not params["name"].isalnum():
        raise errors.bad_request("Model name must be alphanumeric: " + params["name"])
    if store.models.find(call, api.id, params["name"]) is not None:
        raise errors.conflict("Model name already exists for this REST API")
    model: Model = rules.made(Model, params, id=call.new_word(6))
    check_schema(model)
    store.models.save(call, model, api.id, model.name)
    return answer(model)


@operation("GetModel", f"GET {MODEL}", reads=True)
def get_model(call: Call, params: Params) -> dict[str, Any]:
    if params.get("flatten"):
        raise not_implemented("GetModel with flatten")
    store.rest_apis.load(call, params["restApiId"])
    return answer(store.models.load(call, params["restApiId"], params["modelName"]))


@operation("GetModels", "GET /restapis/{restApiId}/models", reads=True)
def get_models(call: Call, params: Params) -> dict[str, Any]:
    api = store.rest_apis.load(call, params["restApiId"])
    found, position = store.models.page(call, params, api.id)
    return {"items": [answer(model) for model in found], "position": position}


@operation("UpdateModel", f"PATCH {MODEL}")
def update_model(call: Call, params: Params) -> dict[str, Any]:
    api = store.rest_apis.load(call, params["restApiId"])
    found = store.models.load(call, api.id, params["modelName"])
    model = patch.patched(found, params.get("patchOperations") or [], "description", "schema")
    check_schema(model)
    store.models.save(call, model, api.id, model.name)
    return answer(model)


@operation("DeleteModel", f"DELETE {MODEL}")
def delete_model(call: Call, params: Params) -> None:
    api = store.rest_apis.load(call, params["restApiId"])
    model = store.models.load(call, api.id, params["modelName"])
    for path, method in _methods(call, api.id):
        if model.name in method.request_models.values():
            raise errors.conflict(
                f"Cannot delete model '{model.name}', is referenced in method request: "
                f"{path}/{method.http_method}"
            )
    store.models.delete(call, api.id, model.name)


@operation("CreateRequestValidator", "POST /restapis/{restApiId}/requestvalidators")
def create_request_validator(call: Call, params: Params) -> dict[str, Any]:
    api = store.rest_apis.load(call, params["restApiId"])
    validator: RequestValidator = rules.made(RequestValidator, params, id=call.new_word(6))
    store.validators.save(call, validator, api.id, validator.id)
    return answer(validator)


@operation("GetRequestValidator", f"GET {VALIDATOR}", reads=True)
def get_request_validator(call: Call, params: Params) -> dict[str, Any]:
    store.rest_apis.load(call, params["restApiId"])
    return answer(store.validators.load(call, params["restApiId"], params["requestValidatorId"]))


@operation("GetRequestValidators", "GET /restapis/{restApiId}/requestvalidators", reads=True)
def get_request_validators(call: Call, params: Params) -> dict[str, Any]:
    api = store.rest_apis.load(call, params["restApiId"])
    found, position = store.validators.page(call, params, api.id)
    return {"items": [answer(validator) for validator in found], "position": position}


@operation("UpdateRequestValidator", f"PATCH {VALIDATOR}")
def update_request_validator(call: Call, params: Params) -> dict[str, Any]:
    api = store.rest_apis.load(call, params["restApiId"])
    found = store.validators.load(call, api.id, params["requestValidatorId"])
    members = ("name", "validateRequestBody", "validateRequestParameters")
    validator = patch.patched(found, params.get("patchOperations") or [], *members)
    store.validators.save(call, validator, api.id, validator.id)
    return answer(validator)


@operation("DeleteRequestValidator", f"DELETE {VALIDATOR}")
def delete_request_validator(call: Call, params: Params) -> None:
    api = store.rest_apis.load(call, params["restApiId"])
    validator = store.validators.load(call, api.id, params["requestValidatorId"])
    for _, method in _methods(call, api.id):
        if method.request_validator_id == validator.id:
            raise errors.conflict("Cannot delete request validator, is referenced by a method")
    store.validators.delete(call, api.id, validator.id)


@operation("CreateAuthorizer", "POST /restapis/{restApiId}/authorizers")
def create_authorizer(call: Call, params: Params) -> dict[str, Any]:
    api = store.rest_apis.load(call, params["restApiId"])
    return answer(new_authorizer(call, api.id, params))


@operation("GetAuthorizer", f"GET {AUTHORIZER}", reads=True)
def get_authorizer(call: Call, params: Params) -> dict[str, Any]:
    store.rest_apis.load(call, params["restApiId"])
    return answer(store.authorizers.load(call, params["restApiId"], params["authorizerId"]))


@operation("GetAuthorizers", "GET /restapis/{restApiId}/authorizers", reads=True)
def get_authorizers(call: Call, params: Params) -> dict[str, Any]:
    api = store.rest_apis.load(call, params["restApiId"])
    found, position = store.authorizers.page(call, params, api.id)
    return {"items": [answer(authorizer) for authorizer in found], "position": position}


@operation("UpdateAuthorizer", f"PATCH {AUTHORIZER}")
def update_authorizer(call: Call, params: Params) -> dict[str, Any]:
    api = store.rest_apis.load(call, params["restApiId"])
    found = store.authorizers.load(call, api.id, params["authorizerId"])
    members = (
        "name",
        "type",
        "authorizerUri",
        "authorizerCredentials",
        "identitySource",
        "identityValidationExpression",
        "authorizerResultTtlInSeconds",
        "authType",
    )
    authorizer = patch.patched(found, params.get("patchOperations") or [], *members)
    _check_authorizer(authorizer)
    check_role(call, authorizer.authorizer_credentials)
    store.authorizers.save(call, authorizer, api.id, authorizer.id)
    return answer(authorizer)


@operation("DeleteAuthorizer", f"DELETE {AUTHORIZER}")
def delete_authorizer(call: Call, params: Params) -> None:
    api = store.rest_apis.load(call, params["restApiId"])
    authorizer = store.authorizers.load(call, api.id, params["authorizerId"])
    for _, method in _methods(call, api.id):
        if method.authorizer_id == authorizer.id:
            raise errors.conflict(
                f"Cannot delete authorizer '{authorizer.name}', is referenced by a method"
            )
    store.authorizers.delete(call, api.id, authorizer.id)


@operation("PutGatewayResponse", f"PUT {RESPONSE}")
def put_gateway_response(call: Call, params: Params) -> dict[str, Any]:
    api = store.rest_apis.load(call, params["restApiId"])
    return _save_response(call, api.id, rules.made(GatewayResponse, params))


@operation("GetGatewayResponse", f"GET {RESPONSE}", reads=True)
def get_gateway_response(call: Call, params: Params) -> dict[str, Any]:
    api = store.rest_apis.load(call, params["restApiId"])
    return answer(_response(call, api.id, params["responseType"]))


@operation("GetGatewayResponses", "GET /restapis/{restApiId}/gatewayresponses", reads=True)
def get_gateway_responses(call: Call, params: Params) -> dict[str, Any]:
    """All that there are, changed or not: there are few of them, so one page holds them."""
    api = store.rest_apis.load(call, params["restApiId"])
    return {"items": [answer(_response(call, api.id, kind)) for kind in sorted(KINDS)]}


@operation("UpdateGatewayResponse", f"PATCH {RESPONSE}")
def update_gateway_response(call: Call, params: Params) -> dict[str, Any]:
    api = store.rest_apis.load(call, params["restApiId"])
    found = _response(call, api.id, params["responseType"])
    members = ("statusCode", "responseParameters", "responseTemplates")
    response = patch.patched(found, params.get("patchOperations") or [], *members)
    return _save_response(call, api.id, msgspec.structs.replace(response, default_response=False))


@operation("DeleteGatewayResponse", f"DELETE {RESPONSE}")
def delete_gateway_response(call: Call, params: Params) -> None:
    """Go back to the default."""
    api = store.rest_apis.load(call, params["restApiId"])
    if store.gateway_responses.find(call, api.id, params["responseType"]) is None:
        raise errors.not_found("Gateway response type not defined on api")
    store.gateway_responses.delete(call, api.id, params["responseType"])


def new_authorizer(call: Call, api_id: str, params: Params) -> Authorizer:
    if params.get("type") == "TOKEN" and not params.get("identitySource"):
        params = {**params, "identitySource": "method.request.header.Authorization"}
    members = {"authType": params.get("authType") or "custom"}
    authorizer: Authorizer = rules.made(Authorizer, params, id=call.new_word(6), **members)
    _check_authorizer(authorizer)
    check_role(call, authorizer.authorizer_credentials)
    for other in store.authorizers.all(call, api_id):
        if other.name == authorizer.name:
            raise errors.conflict(
                "Authorizer name must be unique. Authorizer "
                + authorizer.name
                + " already exists in this RestApi."
            )
    store.authorizers.save(call, authorizer, api_id, authorizer.id)
    return authorizer


def check_schema(model: Model) -> None:
    if not model.schema or "json" not in model.content_type:
        return
    try:
        orjson.loads(model.schema)
    except orjson.JSONDecodeError:
        raise errors.bad_request(
            "Invalid model specified: Validation Result: warnings : [], errors : "
            "[Invalid model schema specified. Model schema must be valid JSON]"
        ) from None


def _check_authorizer(authorizer: Authorizer) -> None:
    if authorizer.type not in ("TOKEN", "REQUEST"):
        raise not_implemented(f"authorizers of type {authorizer.type}")
    if not authorizer.authorizer_uri or ":lambda:path/" not in authorizer.authorizer_uri:
        raise errors.bad_request("Invalid Authorizer URI: " + (authorizer.authorizer_uri or ""))
    if not 0 <= authorizer.authorizer_result_ttl_in_seconds <= TTL_S_MAX:
        raise errors.bad_request("Authorizer result TTL must be between 0 and 3600 seconds")
    sources = [each for each in (authorizer.identity_source or "").split(",") if each.strip()]
    if authorizer.type == "REQUEST" and authorizer.authorizer_result_ttl_in_seconds and not sources:
        raise errors.bad_request(
            "Identity source is required when the authorizer's results are cached"
        )
    prefixes = (
        "method.request.header.",
        "method.request.querystring.",
        "stageVariables.",
        "context.",
    )
    for source in sources:
        if not source.strip().startswith(prefixes[:1] if authorizer.type == "TOKEN" else prefixes):
            raise errors.bad_request(f"Invalid identity source specified: {source.strip()}")


def _response(call: Call, api_id: str, kind: str) -> GatewayResponse:
    if kind not in KINDS:
        raise errors.bad_request(f"Invalid response type: {kind}")
    return store.gateway_responses.find(call, api_id, kind) or described(kind)


def _save_response(call: Call, api_id: str, response: GatewayResponse) -> dict[str, Any]:
    if response.response_type not in KINDS:
        raise errors.bad_request(f"Invalid response type: {response.response_type}")
    store.gateway_responses.save(call, response, api_id, response.response_type)
    return answer(response)


def _methods(call: Call, api_id: str) -> list[tuple[str, Method]]:
    return [
        (resource.path, method)
        for resource in store.resources.all(call, api_id)
        for method in resource.resource_methods.values()
    ]
