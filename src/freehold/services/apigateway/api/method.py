"""Methods of resources, their responses, their integrations and the responses of those."""

from __future__ import annotations

from typing import Any

import msgspec

from freehold.kernel.call import Call
from freehold.services.apigateway import errors, mapping, patch, rules, store
from freehold.services.apigateway.access import check_role, operation
from freehold.services.apigateway.records import (
    Integration,
    IntegrationResponse,
    Method,
    MethodResponse,
    Resource,
    answer,
)

METHOD = "/restapis/{restApiId}/resources/{resourceId}/methods/{httpMethod}"
METHOD_RESPONSE = METHOD + "/responses/{statusCode}"
INTEGRATION = METHOD + "/integration"
INTEGRATION_RESPONSE = INTEGRATION + "/responses/{statusCode}"

Params = dict[str, Any]


@operation("PutMethod", f"PUT {METHOD}")
def put_method(call: Call, params: Params) -> dict[str, Any]:
    resource = _resource(call, params)
    name = params["httpMethod"]
    rules.check_http_method(name)
    if name in resource.resource_methods:
        raise errors.conflict("Method already exists for this resource")
    return answer(_save(call, params, resource, rules.made(Method, params)))


@operation("GetMethod", f"GET {METHOD}", reads=True)
def get_method(call: Call, params: Params) -> dict[str, Any]:
    return answer(_method(_resource(call, params), params))


@operation("UpdateMethod", f"PATCH {METHOD}")
def update_method(call: Call, params: Params) -> dict[str, Any]:
    resource = _resource(call, params)
    members = (
        "authorizationType",
        "authorizerId",
        "apiKeyRequired",
        "requestValidatorId",
        "operationName",
        "requestParameters",
        "requestModels",
        "authorizationScopes",
    )
    operations = params.get("patchOperations") or []
    method = patch.patched(_method(resource, params), operations, *members)
    return answer(_save(call, params, resource, method))


@operation("DeleteMethod", f"DELETE {METHOD}")
def delete_method(call: Call, params: Params) -> None:
    resource = _resource(call, params)
    method = _method(resource, params)
    kept = {k: v for k, v in resource.resource_methods.items() if k != method.http_method}
    changed = msgspec.structs.replace(resource, resource_methods=kept)
    store.resources.save(call, changed, params["restApiId"], resource.id)


@operation("PutMethodResponse", f"PUT {METHOD_RESPONSE}")
def put_method_response(call: Call, params: Params) -> dict[str, Any]:
    resource = _resource(call, params)
    method = _method(resource, params)
    if params["statusCode"] in method.method_responses:
        raise errors.conflict("Response already exists for this resource")
    response: MethodResponse = rules.made(MethodResponse, params)
    return answer(_save_response(call, params, resource, method, response))


@operation("GetMethodResponse", f"GET {METHOD_RESPONSE}", reads=True)
def get_method_response(call: Call, params: Params) -> dict[str, Any]:
    return answer(_response(_method(_resource(call, params), params), params))


@operation("UpdateMethodResponse", f"PATCH {METHOD_RESPONSE}")
def update_method_response(call: Call, params: Params) -> dict[str, Any]:
    resource = _resource(call, params)
    method = _method(resource, params)
    operations = params.get("patchOperations") or []
    response = patch.patched(
        _response(method, params), operations, "responseParameters", "responseModels"
    )
    return answer(_save_response(call, params, resource, method, response))


@operation("DeleteMethodResponse", f"DELETE {METHOD_RESPONSE}")
def delete_method_response(call: Call, params: Params) -> None:
    resource = _resource(call, params)
    method = _method(resource, params)
    gone = _response(method, params).status_code
    kept = {k: v for k, v in method.method_responses.items() if k != gone}
    _save(call, params, resource, msgspec.structs.replace(method, method_responses=kept))


@operation("PutIntegration", f"PUT {INTEGRATION}")
def put_integration(call: Call, params: Params) -> dict[str, Any]:
    """Put an integration in the place of the one there was; its responses go with that."""
    resource = _resource(call, params)
    method = _method(resource, params)
    renamed = {**params, "httpMethod": params.get("integrationHttpMethod")}
    defaults = {} if params.get("cacheNamespace") else {"cacheNamespace": resource.id}
    integration: Integration = rules.made(Integration, renamed, **defaults)
    return answer(_save_integration(call, params, resource, method, integration))


@operation("GetIntegration", f"GET {INTEGRATION}", reads=True)
def get_integration(call: Call, params: Params) -> dict[str, Any]:
    return answer(_integration(_method(_resource(call, params), params)))


@operation("UpdateIntegration", f"PATCH {INTEGRATION}")
def update_integration(call: Call, params: Params) -> dict[str, Any]:
    resource = _resource(call, params)
    method = _method(resource, params)
    members = (
        "type",
        "httpMethod",
        "uri",
        "credentials",
        "requestParameters",
        "requestTemplates",
        "passthroughBehavior",
        "contentHandling",
        "timeoutInMillis",
        "cacheNamespace",
        "cacheKeyParameters",
        "connectionType",
    )
    operations = params.get("patchOperations") or []
    integration = patch.patched(_integration(method), operations, *members)
    return answer(_save_integration(call, params, resource, method, integration))


@operation("DeleteIntegration", f"DELETE {INTEGRATION}")
def delete_integration(call: Call, params: Params) -> None:
    resource = _resource(call, params)
    method = _method(resource, params)
    _integration(method)
    _save(call, params, resource, msgspec.structs.replace(method, method_integration=None))


@operation("PutIntegrationResponse", f"PUT {INTEGRATION_RESPONSE}")
def put_integration_response(call: Call, params: Params) -> dict[str, Any]:
    resource = _resource(call, params)
    method = _method(resource, params)
    response: IntegrationResponse = rules.made(IntegrationResponse, params)
    return answer(_save_integration_response(call, params, resource, method, response))


@operation("GetIntegrationResponse", f"GET {INTEGRATION_RESPONSE}", reads=True)
def get_integration_response(call: Call, params: Params) -> dict[str, Any]:
    integration = _integration(_method(_resource(call, params), params))
    return answer(_integration_response(integration, params))


@operation("UpdateIntegrationResponse", f"PATCH {INTEGRATION_RESPONSE}")
def update_integration_response(call: Call, params: Params) -> dict[str, Any]:
    resource = _resource(call, params)
    method = _method(resource, params)
    members = ("selectionPattern", "responseParameters", "responseTemplates", "contentHandling")
    found = _integration_response(_integration(method), params)
    response = patch.patched(found, params.get("patchOperations") or [], *members)
    return answer(_save_integration_response(call, params, resource, method, response))


@operation("DeleteIntegrationResponse", f"DELETE {INTEGRATION_RESPONSE}")
def delete_integration_response(call: Call, params: Params) -> None:
    resource = _resource(call, params)
    method = _method(resource, params)
    integration = _integration(method)
    gone = _integration_response(integration, params).status_code
    kept = {k: v for k, v in integration.integration_responses.items() if k != gone}
    integration = msgspec.structs.replace(integration, integration_responses=kept)
    _save(call, params, resource, msgspec.structs.replace(method, method_integration=integration))


def _resource(call: Call, params: Params) -> Resource:
    store.rest_apis.load(call, params["restApiId"])
    return store.resources.load(call, params["restApiId"], params["resourceId"])


def _method(resource: Resource, params: Params) -> Method:
    found = resource.resource_methods.get(params["httpMethod"])
    if found is None:
        raise errors.not_found("Invalid Method identifier specified")
    return found


def _response(method: Method, params: Params) -> MethodResponse:
    found = method.method_responses.get(params["statusCode"])
    if found is None:
        raise errors.not_found("Invalid Response status code specified")
    return found


def _integration(method: Method) -> Integration:
    if method.method_integration is None:
        raise errors.not_found("No integration defined for method")
    return method.method_integration


def _integration_response(integration: Integration, params: Params) -> IntegrationResponse:
    found = integration.integration_responses.get(params["statusCode"])
    if found is None:
        raise errors.not_found("Invalid Response status code specified")
    return found


def _save(call: Call, params: Params, resource: Resource, method: Method) -> Method:
    rules.check_method(method)
    if method.authorizer_id:
        store.authorizers.load(call, params["restApiId"], method.authorizer_id)
    if method.request_validator_id:
        store.validators.load(call, params["restApiId"], method.request_validator_id)
    methods = {**resource.resource_methods, method.http_method: method}
    changed = msgspec.structs.replace(resource, resource_methods=methods)
    store.resources.save(call, changed, params["restApiId"], resource.id)
    return method


def _save_response(
    call: Call, params: Params, resource: Resource, method: Method, response: MethodResponse
) -> MethodResponse:
    responses = {**method.method_responses, response.status_code: response}
    method = msgspec.structs.replace(method, method_responses=responses)
    _save(call, params, resource, method)
    return response


def _save_integration(
    call: Call, params: Params, resource: Resource, method: Method, integration: Integration
) -> Integration:
    rules.check_integration(integration, call.node.service_names)
    mapping.check_templates(integration.request_templates)
    check_role(call, integration.credentials)
    _save(call, params, resource, msgspec.structs.replace(method, method_integration=integration))
    return integration


def _save_integration_response(
    call: Call, params: Params, resource: Resource, method: Method, response: IntegrationResponse
) -> IntegrationResponse:
    rules.check_integration_response(response, method)
    mapping.check_templates(response.response_templates)
    integration = _integration(method)
    responses = {**integration.integration_responses, response.status_code: response}
    integration = msgspec.structs.replace(integration, integration_responses=responses)
    _save(call, params, resource, msgspec.structs.replace(method, method_integration=integration))
    return response
