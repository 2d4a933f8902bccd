"""Routes, the integrations that they lead to, and the authorizers that stand before them."""

from __future__ import annotations

from typing import Any

from freehold.kernel.call import Call
from freehold.services.apigatewayv2 import deploying, errors, rules, store
from freehold.services.apigatewayv2.access import check_role, operation
from freehold.services.apigatewayv2.records import Authorizer, Integration, Route, answer

Params = dict[str, Any]

INTEGRATION = "/apis/{ApiId}/integrations/{IntegrationId}"
ROUTE = "/apis/{ApiId}/routes/{RouteId}"
AUTHORIZER = "/apis/{ApiId}/authorizers/{AuthorizerId}"
ID_LENGTH = 7


@operation("CreateIntegration", "POST /apis/{ApiId}/integrations")
def create_integration(call: Call, params: Params) -> dict[str, Any]:
    api = store.apis.load(call, params["ApiId"])
    integration = rules.made(Integration, params, IntegrationId=call.new_word(ID_LENGTH))
    return _save_integration(call, api.api_id, integration)


@operation("GetIntegration", f"GET {INTEGRATION}", reads=True)
def get_integration(call: Call, params: Params) -> dict[str, Any]:
    store.apis.load(call, params["ApiId"])
    return answer(store.integrations.load(call, params["ApiId"], params["IntegrationId"]))


@operation("GetIntegrations", "GET /apis/{ApiId}/integrations", reads=True)
def get_integrations(call: Call, params: Params) -> dict[str, Any]:
    api = store.apis.load(call, params["ApiId"])
    found, token = store.integrations.page(call, params, api.api_id)
    return {"Items": [answer(each) for each in found], "NextToken": token}


@operation("UpdateIntegration", f"PATCH {INTEGRATION}")
def update_integration(call: Call, params: Params) -> dict[str, Any]:
    api = store.apis.load(call, params["ApiId"])
    found = store.integrations.load(call, api.api_id, params["IntegrationId"])
    members = (
        "IntegrationType",
        "IntegrationUri",
        "IntegrationMethod",
        "IntegrationSubtype",
        "ConnectionType",
        "CredentialsArn",
        "Description",
        "PayloadFormatVersion",
        "RequestParameters",
        "ResponseParameters",
        "TimeoutInMillis",
    )
    return _save_integration(call, api.api_id, rules.updated(found, params, *members))


@operation("DeleteIntegration", f"DELETE {INTEGRATION}")
def delete_integration(call: Call, params: Params) -> None:
    api = store.apis.load(call, params["ApiId"])
    found = store.integrations.load(call, api.api_id, params["IntegrationId"])
    for route in store.routes.all(call, api.api_id):
        if route.target == f"integrations/{found.integration_id}":
            raise errors.conflict(
                f"Cannot delete Integration '{found.integration_id}', "
                f"is referenced in route: {route.route_key}"
            )
    store.integrations.delete(call, api.api_id, found.integration_id)
    deploying.redeploy(call, api.api_id)


@operation("CreateRoute", "POST /apis/{ApiId}/routes")
def create_route(call: Call, params: Params) -> dict[str, Any]:
    api = store.apis.load(call, params["ApiId"])
    return _save_route(
        call, api.api_id, rules.made(Route, params, RouteId=call.new_word(ID_LENGTH))
    )


@operation("GetRoute", f"GET {ROUTE}", reads=True)
def get_route(call: Call, params: Params) -> dict[str, Any]:
    store.apis.load(call, params["ApiId"])
    return answer(store.routes.load(call, params["ApiId"], params["RouteId"]))


@operation("GetRoutes", "GET /apis/{ApiId}/routes", reads=True)
def get_routes(call: Call, params: Params) -> dict[str, Any]:
    api = store.apis.load(call, params["ApiId"])
    found, token = store.routes.page(call, params, api.api_id)
    return {"Items": [answer(each) for each in found], "NextToken": token}


@operation("UpdateRoute", f"PATCH {ROUTE}")
def update_route(call: Call, params: Params) -> dict[str, Any]:
    api = store.apis.load(call, params["ApiId"])
    found = store.routes.load(call, api.api_id, params["RouteId"])
    members = (
        "RouteKey",
        "Target",
        "AuthorizationType",
        "AuthorizerId",
        "AuthorizationScopes",
        "ApiKeyRequired",
        "OperationName",
    )
    return _save_route(call, api.api_id, rules.updated(found, params, *members))


@operation("DeleteRoute", f"DELETE {ROUTE}")
def delete_route(call: Call, params: Params) -> None:
    api = store.apis.load(call, params["ApiId"])
    route = store.routes.load(call, api.api_id, params["RouteId"])
    store.delete_route(call, api.api_id, route)
    deploying.redeploy(call, api.api_id)


@operation("CreateAuthorizer", "POST /apis/{ApiId}/authorizers")
def create_authorizer(call: Call, params: Params) -> dict[str, Any]:
    api = store.apis.load(call, params["ApiId"])
    authorizer = rules.made(Authorizer, params, AuthorizerId=call.new_word(ID_LENGTH))
    return _save_authorizer(call, api.api_id, authorizer)


@operation("GetAuthorizer", f"GET {AUTHORIZER}", reads=True)
def get_authorizer(call: Call, params: Params) -> dict[str, Any]:
    store.apis.load(call, params["ApiId"])
    return answer(store.authorizers.load(call, params["ApiId"], params["AuthorizerId"]))


@operation("GetAuthorizers", "GET /apis/{ApiId}/authorizers", reads=True)
def get_authorizers(call: Call, params: Params) -> dict[str, Any]:
    api = store.apis.load(call, params["ApiId"])
    found, token = store.authorizers.page(call, params, api.api_id)
    return {"Items": [answer(each) for each in found], "NextToken": token}


@operation("UpdateAuthorizer", f"PATCH {AUTHORIZER}")
def update_authorizer(call: Call, params: Params) -> dict[str, Any]:
    api = store.apis.load(call, params["ApiId"])
    found = store.authorizers.load(call, api.api_id, params["AuthorizerId"])
    members = (
        "Name",
        "AuthorizerType",
        "AuthorizerUri",
        "AuthorizerCredentialsArn",
        "AuthorizerPayloadFormatVersion",
        "AuthorizerResultTtlInSeconds",
        "EnableSimpleResponses",
        "IdentitySource",
        "JwtConfiguration",
    )
    return _save_authorizer(call, api.api_id, rules.updated(found, params, *members))


@operation("DeleteAuthorizer", f"DELETE {AUTHORIZER}")
def delete_authorizer(call: Call, params: Params) -> None:
    api = store.apis.load(call, params["ApiId"])
    found = store.authorizers.load(call, api.api_id, params["AuthorizerId"])
    for route in store.routes.all(call, api.api_id):
        if route.authorizer_id == found.authorizer_id:
            raise errors.conflict(
                f"Cannot delete authorizer '{found.authorizer_id}', "
                f"is referenced by route: {route.route_key}"
            )
    store.authorizers.delete(call, api.api_id, found.authorizer_id)
    deploying.redeploy(call, api.api_id)


def _save_integration(call: Call, api_id: str, integration: Integration) -> dict[str, Any]:
    rules.check_integration(integration)
    check_role(call, integration.credentials_arn)
    store.integrations.save(call, integration, api_id, integration.integration_id)
    deploying.redeploy(call, api_id)
    return answer(integration)


def _save_route(call: Call, api_id: str, route: Route) -> dict[str, Any]:
    rules.check_route(route)
    if route.target is not None:
        integration_id = route.target.removeprefix("integrations/")
        if store.integrations.find(call, api_id, integration_id) is None:
            raise errors.bad_request(f"Invalid target: no integration {integration_id}")
    if route.authorizer_id is not None:
        store.authorizers.load(call, api_id, route.authorizer_id)
    store.save_route(call, api_id, route)
    deploying.redeploy(call, api_id)
    return answer(route)


def _save_authorizer(call: Call, api_id: str, authorizer: Authorizer) -> dict[str, Any]:
    rules.check_authorizer(authorizer)
    check_role(call, authorizer.authorizer_credentials_arn)
    store.authorizers.save(call, authorizer, api_id, authorizer.authorizer_id)
    store.forget_verdicts(call, api_id)
    deploying.redeploy(call, api_id)
    return answer(authorizer)
