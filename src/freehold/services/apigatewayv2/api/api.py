"""HTTP APIs themselves: made by hand, in one go with a target, or from an OpenAPI document."""

from __future__ import annotations

from typing import Any

import msgspec

from freehold.kernel import endpoints
from freehold.kernel.call import Call
from freehold.kernel.errors import not_implemented
from freehold.services.apigatewayv2 import deploying, errors, openapi, rules, store
from freehold.services.apigatewayv2.access import check_role, operation
from freehold.services.apigatewayv2.records import (
    Api,
    Cors,
    Integration,
    Route,
    Stage,
    answer,
)

Params = dict[str, Any]

ID_LENGTH = 10
PART_ID_LENGTH = 7


@operation("CreateApi", "POST /apis")
def create_api(call: Call, params: Params) -> dict[str, Any]:
    """With a target, the API gets a route to it and a stage that deploys by itself ("quick
    create").
    """
    if params["ProtocolType"] == "WEBSOCKET":
        raise not_implemented("WebSocket APIs")
    api = _new_api(call, params)
    if params.get("Target"):
        _add_target(call, api, params)
    elif params.get("RouteKey") or params.get("CredentialsArn"):
        raise errors.bad_request("RouteKey and CredentialsArn need a Target")
    return shown(call, api)


@operation("ImportApi", "PUT /apis")
def import_api(call: Call, params: Params) -> dict[str, Any]:
    definition = openapi.parse(params["Body"].encode(), call.region, call.account)
    api = _new_api(call, {"Name": definition.name, "ProtocolType": "HTTP"})
    return shown(call, openapi.install(call, api, definition))


@operation("ReimportApi", "PUT /apis/{ApiId}")
def reimport_api(call: Call, params: Params) -> dict[str, Any]:
    """Put what the document says in the place of all that there was."""
    api = store.apis.load(call, params["ApiId"])
    definition = openapi.parse(params["Body"].encode(), call.region, call.account)
    api = openapi.install(call, api, definition)
    deploying.redeploy(call, api.api_id)
    return shown(call, api)


@operation("GetApi", "GET /apis/{ApiId}", reads=True)
def get_api(call: Call, params: Params) -> dict[str, Any]:
    return shown(call, store.apis.load(call, params["ApiId"]))


@operation("GetApis", "GET /apis", reads=True)
def get_apis(call: Call, params: Params) -> dict[str, Any]:
    found, token = store.apis.page(call, params)
    return {"Items": [shown(call, api) for api in found], "NextToken": token}


@operation("UpdateApi", "PATCH /apis/{ApiId}")
def update_api(call: Call, params: Params) -> dict[str, Any]:
    api = store.apis.load(call, params["ApiId"])
    members = ("Name", "Description", "Version", "DisableExecuteApiEndpoint", "IpAddressType")
    api = rules.updated(api, params, *members)
    if params.get("CorsConfiguration") is not None:
        cors = msgspec.convert(params["CorsConfiguration"], Cors)
        api = msgspec.structs.replace(api, cors_configuration=cors)
    _check(params)
    store.apis.save(call, api, api.api_id)
    deploying.redeploy(call, api.api_id)
    return shown(call, api)


@operation("DeleteApi", "DELETE /apis/{ApiId}")
def delete_api(call: Call, params: Params) -> None:
    api = store.apis.load(call, params["ApiId"])
    store.delete_api(call, api.api_id)
    endpoints.release(call, "execute-api", api.api_id)


@operation("DeleteCorsConfiguration", "DELETE /apis/{ApiId}/cors")
def delete_cors_configuration(call: Call, params: Params) -> None:
    api = store.apis.load(call, params["ApiId"])
    store.apis.save(call, msgspec.structs.replace(api, cors_configuration=None), api.api_id)
    deploying.redeploy(call, api.api_id)


@operation("TagResource", "POST /tags/{ResourceArn}")
def tag_resource(call: Call, params: Params) -> None:
    table, key, record = _tagged(call, params["ResourceArn"])
    tags = {**record.tags, **(params.get("Tags") or {})}
    table.save(call, msgspec.structs.replace(record, tags=tags), *key)


@operation("UntagResource", "DELETE /tags/{ResourceArn}")
def untag_resource(call: Call, params: Params) -> None:
    table, key, record = _tagged(call, params["ResourceArn"])
    tags = {name: value for name, value in record.tags.items() if name not in params["TagKeys"]}
    table.save(call, msgspec.structs.replace(record, tags=tags), *key)


@operation("GetTags", "GET /tags/{ResourceArn}", reads=True)
def get_tags(call: Call, params: Params) -> dict[str, Any]:
    return {"Tags": _tagged(call, params["ResourceArn"])[2].tags}


def shown(call: Call, api: Api) -> dict[str, Any]:
    url = endpoints.url(call, "execute-api", api.api_id)
    return {**answer(api), "ApiEndpoint": url}


def _new_api(call: Call, params: Params) -> Api:
    _check(params)
    api_id = call.new_word(ID_LENGTH)
    while not endpoints.claim(call, "execute-api", api_id):
        api_id = call.new_word(ID_LENGTH)
    api = rules.made(Api, params, ApiId=api_id, CreatedDate=call.now)
    if api.route_selection_expression not in (
        "$request.method $request.path",
        "${request.method} ${request.path}",
    ):
        raise errors.bad_request("The route selection expression of an HTTP API cannot be changed")
    store.apis.save(call, api, api_id)
    return api


def _check(params: Params) -> None:
    cors = params.get("CorsConfiguration") or {}
    if cors.get("AllowCredentials") and "*" in (cors.get("AllowOrigins") or []):
        raise errors.bad_request("allowCredentials cannot be true when allowOrigins is *")


def _add_target(call: Call, api: Api, params: Params) -> None:
    integration = Integration(
        integration_id=call.new_word(PART_ID_LENGTH),
        integration_type="AWS_PROXY" if params["Target"].startswith("arn:") else "HTTP_PROXY",
        integration_uri=params["Target"],
        integration_method="POST" if params["Target"].startswith("arn:") else "ANY",
        payload_format_version="2.0",
        credentials_arn=params.get("CredentialsArn"),
        api_gateway_managed=True,
    )
    rules.check_integration(integration)
    check_role(call, integration.credentials_arn)
    store.integrations.save(call, integration, api.api_id, integration.integration_id)
    route = Route(
        route_id=call.new_word(PART_ID_LENGTH),
        route_key=params.get("RouteKey") or "$default",
        target=f"integrations/{integration.integration_id}",
        api_gateway_managed=True,
    )
    rules.check_route(route)
    store.save_route(call, api.api_id, route)
    stage = Stage(
        stage_name="$default",
        auto_deploy=True,
        created_date=call.now,
        last_updated_date=call.now,
        api_gateway_managed=True,
    )
    store.stages.save(call, stage, api.api_id, stage.stage_name)
    deploying.redeploy(call, api.api_id)


def _tagged(call: Call, arn: str) -> tuple[store.Table[Any], tuple[str, ...], Any]:
    """The table, key and record of what the ARN names."""
    steps = arn.partition("::/")[2].split("/")
    table: store.Table[Any]
    key: tuple[str, ...]
    match steps:
        case ["apis", api_id]:
            table, key = store.apis, (api_id,)
        case ["apis", api_id, "stages", name]:
            table, key = store.stages, (api_id, name)
        case _:
            raise errors.bad_request(f"Invalid resource ARN specified: {arn}")
    return table, key, table.load(call, *key)
