"""AWS::ApiGatewayV2:: Api, Stage, Route, Integration, Deployment, Authorizer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from freehold.kernel import endpoints
from freehold.kernel.call import Call
from freehold.kernel.errors import AwsError, not_implemented
from freehold.kernel.resources import Made, Wanted
from freehold.services.apigatewayv2 import store
from freehold.services.apigatewayv2.access import service

Params = dict[str, Any]

# Members that are not strings; templates may write them as strings.
_NUMBERS = {"TimeoutInMillis", "AuthorizerResultTtlInSeconds", "MaxAge", "ThrottlingBurstLimit"}
_FRACTIONS = {"ThrottlingRateLimit"}
_BOOLEANS = {
    "AllowCredentials",
    "ApiKeyRequired",
    "AutoDeploy",
    "DataTraceEnabled",
    "DetailedMetricsEnabled",
    "DisableExecuteApiEndpoint",
    "EnableSimpleResponses",
    "FailOnWarnings",
}


@service.resource_type("AWS::ApiGatewayV2::Api")
class Api:
    """Its body may lie in S3, and reading that waits: so what was made is found again by its
    token.
    """

    @staticmethod
    async def create(call: Call, wanted: Wanted) -> Made:
        body = await _body(call, wanted)
        return await call.write(_create_api, wanted, body)

    @staticmethod
    async def update(call: Call, wanted: Wanted, made: Made) -> Made:
        body = await _body(call, wanted)
        return await call.write(_update_api, wanted, made, body)

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        _undo(call, "DeleteApi", ApiId=made.physical_id)
        store.tokens.delete(call, made.state.get("token", ""))


@service.resource_type("AWS::ApiGatewayV2::Stage")
class Stage:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        params = _stage_params(wanted)
        if not params.get("StageVariables"):
            params.pop("StageVariables", None)
        _do(call, "CreateStage", **params, Tags={**wanted.tags(), **_map(wanted, "Tags")})
        state = {"ApiId": params["ApiId"], "StageName": params["StageName"]}
        return Made(physical_id=params["StageName"], state=state)

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        params = _stage_params(wanted)
        current = _do(call, "GetStage", **made.state)
        gone = dict.fromkeys(current.get("StageVariables") or {}, "")
        params["StageVariables"] = {**gone, **(params.get("StageVariables") or {})}
        if params.get("AutoDeploy"):
            params.pop("DeploymentId", None)
        _do(call, "UpdateStage", **{"AutoDeploy": False, **params})
        path = f"/apis/{made.state['ApiId']}/stages/{made.state['StageName']}"
        _retag(call, path, wanted, current.get("Tags") or {})
        return made

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        _undo(call, "DeleteStage", **made.state)


@service.resource_type("AWS::ApiGatewayV2::Deployment")
class Deployment:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        params = _params(wanted, "ApiId", "Description", "StageName")
        found = _do(call, "CreateDeployment", **params)
        state = {"ApiId": params["ApiId"], "DeploymentId": found["DeploymentId"]}
        attributes = {"DeploymentId": found["DeploymentId"]}
        return Made(physical_id=found["DeploymentId"], attributes=attributes, state=state)

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        description = wanted.properties.get("Description", "")
        _do(call, "UpdateDeployment", **made.state, Description=description)
        return made

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        _undo(call, "DeleteDeployment", **made.state)


@service.resource_type("AWS::ApiGatewayV2::Integration")
class Integration:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        params = _integration_params(wanted)
        found = _do(call, "CreateIntegration", **params)
        state = {"ApiId": params["ApiId"], "IntegrationId": found["IntegrationId"]}
        attributes = {"IntegrationId": found["IntegrationId"]}
        return Made(physical_id=found["IntegrationId"], attributes=attributes, state=state)

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        _do(call, "UpdateIntegration", **{**_integration_params(wanted), **made.state})
        return made

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        _undo(call, "DeleteIntegration", **made.state)


@service.resource_type("AWS::ApiGatewayV2::Route")
class Route:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        params = _route_params(wanted)
        found = _do(call, "CreateRoute", **params)
        state = {"ApiId": params["ApiId"], "RouteId": found["RouteId"]}
        attributes = {"RouteId": found["RouteId"]}
        return Made(physical_id=found["RouteId"], attributes=attributes, state=state)

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        _do(
            call,
            "UpdateRoute",
            **{"AuthorizationType": "NONE", **_route_params(wanted), **made.state},
        )
        return made

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        _undo(call, "DeleteRoute", **made.state)


@service.resource_type("AWS::ApiGatewayV2::Authorizer")
class Authorizer:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        params = _authorizer_params(wanted)
        found = _do(call, "CreateAuthorizer", **params)
        state = {"ApiId": params["ApiId"], "AuthorizerId": found["AuthorizerId"]}
        attributes = {"AuthorizerId": found["AuthorizerId"]}
        return Made(physical_id=found["AuthorizerId"], attributes=attributes, state=state)

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        _do(call, "UpdateAuthorizer", **{**_authorizer_params(wanted), **made.state})
        return made

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        _undo(call, "DeleteAuthorizer", **made.state)


_API_PROPERTIES = (
    "Name",
    "ProtocolType",
    "Description",
    "Version",
    "CorsConfiguration",
    "DisableExecuteApiEndpoint",
    "RouteSelectionExpression",
    "IpAddressType",
)


async def _body(call: Call, wanted: Wanted) -> str | None:
    """The OpenAPI document in the template or in S3, or None."""
    body = wanted.properties.get("Body")
    if body is not None:
        return body if isinstance(body, str) else orjson.dumps(body).decode()
    location = wanted.properties.get("BodyS3Location")
    if location is None:
        return None
    params = {"Bucket": location["Bucket"], "Key": location["Key"]}
    if location.get("Version"):
        params["VersionId"] = location["Version"]
    if location.get("Etag"):
        params["IfMatch"] = location["Etag"]
    content = (await call.invoke("s3", "GetObject", params))["Body"]
    if not isinstance(content, bytes):
        content = b"".join([piece async for piece in content])
    return content.decode(errors="replace")


def _api_params(wanted: Wanted) -> Params:
    others = ("Body", "BodyS3Location", "FailOnWarnings", "Tags", "Target", "RouteKey")
    params = _params(wanted, *_API_PROPERTIES, *others, "CredentialsArn")
    for name in ("Body", "BodyS3Location", "FailOnWarnings", "Tags"):
        params.pop(name, None)
    return params


def _create_api(call: Call, wanted: Wanted, body: str | None) -> Made:
    token = f"{wanted.stack_id}/{wanted.logical_id}/{wanted.token}"
    params = _api_params(wanted)
    api_id = store.tokens.find(call, token) if wanted.retried else None
    if api_id is None and body is not None:
        if params.get("Target"):
            raise not_implemented(f"{wanted.type} with both Body and Target")
        api_id = str(_do(call, "ImportApi", Body=body)["ApiId"])
        changes = {name: value for name, value in params.items() if name != "ProtocolType"}
        if changes:
            _do(call, "UpdateApi", ApiId=api_id, **changes)
    elif api_id is None:
        api_id = str(_do(call, "CreateApi", **{"ProtocolType": "HTTP", **params})["ApiId"])
    store.tokens.save(call, api_id, token)
    current = _do(call, "GetApi", ApiId=api_id).get("Tags") or {}
    _retag(call, f"/apis/{api_id}", wanted, current, keep=body is not None)
    return _made_api(call, api_id, token)


def _update_api(call: Call, wanted: Wanted, made: Made, body: str | None) -> Made:
    params = _api_params(wanted)
    if params.pop("Target", None) != wanted.previous.get("Target"):
        raise not_implemented(f"a change of {wanted.type}.Target")
    for name in ("ProtocolType", "RouteKey", "CredentialsArn", "RouteSelectionExpression"):
        params.pop(name, None)
    place = {"ApiId": made.physical_id}
    if body is not None:
        _do(call, "ReimportApi", **place, Body=body)
    elif "CorsConfiguration" in wanted.previous and "CorsConfiguration" not in params:
        _do(call, "DeleteCorsConfiguration", **place)
    if params:
        _do(call, "UpdateApi", **place, **params)
    current = _do(call, "GetApi", **place).get("Tags") or {}
    _retag(call, f"/apis/{made.physical_id}", wanted, current, keep=body is not None)
    return _made_api(call, made.physical_id, made.state.get("token", ""))


def _made_api(call: Call, api_id: str, token: str) -> Made:
    url = endpoints.url(call, "execute-api", api_id)
    attributes = {"ApiEndpoint": url, "ApiId": api_id}
    return Made(physical_id=api_id, attributes=attributes, state={"token": token})


def _stage_params(wanted: Wanted) -> Params:
    params = _params(
        wanted,
        "ApiId",
        "StageName",
        "AutoDeploy",
        "DeploymentId",
        "Description",
        "DefaultRouteSettings",
        "RouteSettings",
        "StageVariables",
        "AccessLogSettings",
        "Tags",
    )
    params.pop("Tags", None)
    if "StageVariables" in params:
        params["StageVariables"] = {k: str(v) for k, v in params["StageVariables"].items()}
    return params


def _integration_params(wanted: Wanted) -> Params:
    params = _params(
        wanted,
        "ApiId",
        "IntegrationType",
        "IntegrationUri",
        "IntegrationMethod",
        "IntegrationSubtype",
        "ConnectionType",
        "ConnectionId",
        "CredentialsArn",
        "Description",
        "PayloadFormatVersion",
        "RequestParameters",
        "ResponseParameters",
        "TimeoutInMillis",
        "TlsConfig",
    )
    if "PayloadFormatVersion" in params:
        params["PayloadFormatVersion"] = str(params["PayloadFormatVersion"])
    return params


def _route_params(wanted: Wanted) -> Params:
    return _params(
        wanted,
        "ApiId",
        "RouteKey",
        "Target",
        "AuthorizationType",
        "AuthorizerId",
        "AuthorizationScopes",
        "ApiKeyRequired",
        "OperationName",
    )


def _authorizer_params(wanted: Wanted) -> Params:
    params = _params(
        wanted,
        "ApiId",
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
    return {"IdentitySource": [], **params}


def _params(wanted: Wanted, *known: str) -> Params:
    """The properties as parameters; one that is not known is refused by name."""
    for name in wanted.properties:
        if name not in known:
            raise not_implemented(f"{wanted.type}.{name}")
    return {
        name: _typed(name, value) for name, value in wanted.properties.items() if value is not None
    }


def _typed(name: str, value: Any) -> Any:
    """A property as its member's type, inside structures too."""
    if isinstance(value, dict):
        return {inner: _typed(inner, each) for inner, each in value.items()}
    if name in _NUMBERS and isinstance(value, str):
        return int(value)
    if name in _FRACTIONS and isinstance(value, str):
        return float(value)
    if name in _BOOLEANS and isinstance(value, str):
        return value.lower() == "true"
    return value


def _map(wanted: Wanted, name: str) -> dict[str, str]:
    return {key: str(value) for key, value in (wanted.properties.get(name) or {}).items()}


def _retag(
    call: Call, path: str, wanted: Wanted, current: Mapping[str, str], *, keep: bool = False
) -> None:
    """Give the stack's and the template's tags. `keep` leaves others, which the document gave."""
    tags = {**wanted.tags(), **_map(wanted, "Tags")}
    arn = f"arn:aws:apigateway:{call.region}::{path}"
    gone = [] if keep else [name for name in current if name not in tags]
    if gone:
        _do(call, "UntagResource", ResourceArn=arn, TagKeys=gone)
    _do(call, "TagResource", ResourceArn=arn, Tags=tags)


def _do(call: Call, operation: str, **params: Any) -> dict[str, Any]:
    """Run an operation in this transaction, as whoever owns the stack."""
    given = {name: value for name, value in params.items() if value is not None}
    answer: dict[str, Any] = call.invoke_within("apigatewayv2", operation, given)
    return answer


def _undo(call: Call, operation: str, **params: Any) -> None:
    """Run a deletion; what is gone already is as good as deleted."""
    try:
        _do(call, operation, **params)
    except AwsError as error:
        if error.code != "NotFoundException":
            raise
