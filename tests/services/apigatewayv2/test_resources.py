"""HTTP APIs as CloudFormation asks for them."""

from __future__ import annotations

from typing import Any

import pytest

from freehold.kernel.errors import AwsError
from freehold.kernel.resources import Made, Wanted
from tests.services.apis import ACCOUNT, FUNCTION, REGION, URI, Platform, json_body, platform

__all__ = ["platform"]

AUTHORIZER = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:authorizer"


def wanted(kind: str, properties: dict[str, Any], **more: Any) -> Wanted:
    return Wanted(
        type=f"AWS::ApiGatewayV2::{kind}",
        logical_id="X",
        properties=properties,
        stack_id="arn:aws:cloudformation:us-east-1:123456789012:stack/s/1",
        stack_name="s",
        **more,
    )


def create(platform: Platform, kind: str, **properties: Any) -> Made:
    request = wanted(kind, properties)
    made = platform.resource(request.type, "create", request)
    assert isinstance(made, Made)
    return made


def update(
    platform: Platform, kind: str, made: Made, old: dict[str, Any], new: dict[str, Any]
) -> None:
    request = wanted(kind, new, previous=old)
    platform.resource(request.type, "update", request, made)


def body(path: str) -> dict[str, Any]:
    integration = {
        "httpMethod": "POST",
        "type": "aws_proxy",
        "uri": URI,
        "payloadFormatVersion": "2.0",
    }
    method = {"x-amazon-apigateway-integration": integration, "responses": {}}
    return {
        "openapi": "3.0.1",
        "info": {"version": "1.0", "title": "s"},
        "paths": {path: {"get": method}},
        "tags": [{"name": "httpapi:createdBy", "x-amazon-apigateway-tag-value": "SAM"}],
    }


def test_what_sam_generates_deploys_changes_and_goes_away(platform: Platform) -> None:
    platform.functions[FUNCTION] = lambda event: event["routeKey"]
    cors = {"AllowOrigins": ["*"], "MaxAge": "60"}
    api = create(platform, "Api", Body=body("/x/{id}"), CorsConfiguration=cors)
    assert api.attributes["ApiId"] == api.physical_id
    assert api.attributes["ApiEndpoint"].endswith(
        f"{api.physical_id}.execute-api.us-east-1.localhost:4566"
    )
    properties = {
        "ApiId": api.physical_id,
        "StageName": "$default",
        "AutoDeploy": "true",
        "Tags": {"httpapi:createdBy": "SAM"},
        "StageVariables": {"a": "1"},
    }
    stage = create(platform, "Stage", **properties)
    assert stage.physical_id == "$default"
    assert platform.request(api.physical_id, "/x/1").body == b"GET /x/{id}"
    update(platform, "Api", api, {"Body": body("/x/{id}")}, {"Body": body("/y")})
    assert platform.request(api.physical_id, "/x/1").status == 404
    assert platform.request(api.physical_id, "/y").body == b"GET /y"
    tags = platform.do("apigatewayv2", "GetApi", ApiId=api.physical_id)["Tags"]
    assert (tags["httpapi:createdBy"], tags["aws:cloudformation:stack-name"]) == ("SAM", "s")
    update(platform, "Stage", stage, properties, {**properties, "StageVariables": {"b": "2"}})
    found = platform.do("apigatewayv2", "GetStage", ApiId=api.physical_id, StageName="$default")
    assert found["StageVariables"] == {"b": "2"}
    for made, kind in ((stage, "Stage"), (api, "Api")):
        for _ in range(2):
            platform.resource(f"AWS::ApiGatewayV2::{kind}", "delete", made)
    assert platform.do("apigatewayv2", "GetApis")["Items"] == []


def test_parts_by_hand(platform: Platform) -> None:
    platform.functions[FUNCTION] = lambda event: event["requestContext"]["authorizer"]
    platform.functions[AUTHORIZER] = lambda event: {"isAuthorized": True, "context": {"a": "b"}}
    api = create(platform, "Api", Name="a", ProtocolType="HTTP")
    place = {"ApiId": api.physical_id}
    integration = create(
        platform,
        "Integration",
        **place,
        IntegrationType="AWS_PROXY",
        IntegrationUri=FUNCTION,
        PayloadFormatVersion="2.0",
        TimeoutInMillis="5000",
    )
    authorizer = create(
        platform,
        "Authorizer",
        **place,
        Name="mine",
        AuthorizerType="REQUEST",
        AuthorizerUri=URI.replace(FUNCTION, AUTHORIZER),
        AuthorizerPayloadFormatVersion="2.0",
        EnableSimpleResponses="true",
    )
    properties = {
        **place,
        "RouteKey": "GET /a",
        "Target": f"integrations/{integration.physical_id}",
        "AuthorizationType": "CUSTOM",
        "AuthorizerId": authorizer.physical_id,
    }
    route = create(platform, "Route", **properties)
    deployment = create(platform, "Deployment", **place)
    create(platform, "Stage", **place, StageName="v1", DeploymentId=deployment.physical_id)
    assert json_body(platform.request(api.physical_id, "/v1/a")) == {"lambda": {"a": "b"}}
    update(platform, "Route", route, properties, {**properties, "RouteKey": "GET /b"})
    assert platform.request(api.physical_id, "/v1/b").status == 404


def test_websockets_are_refused_by_name(platform: Platform) -> None:
    with pytest.raises(AwsError, match="WebSocket APIs"):
        create(platform, "Api", Name="a", ProtocolType="WEBSOCKET")
