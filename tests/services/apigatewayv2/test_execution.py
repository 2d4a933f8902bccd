"""Deployed HTTP APIs, with functions as stand-ins."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from freehold.kernel.errors import AwsError
from tests.services.apis import (
    ACCOUNT,
    FUNCTION,
    REGION,
    URI,
    Failed,
    Platform,
    header,
    json_body,
    platform,
)

__all__ = ["platform"]

AUTHORIZER = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:authorizer"


def do(platform: Platform, operation: str, **params: Any) -> Any:
    return platform.do("apigatewayv2", operation, **params)


def quick(platform: Platform, **more: Any) -> str:
    """An API that sends everything to the function."""
    params = {"Name": "a", "ProtocolType": "HTTP", "Target": FUNCTION, **more}
    api_id: str = do(platform, "CreateApi", **params)["ApiId"]
    return api_id


def empty(platform: Platform, stage: str = "$default", **more: Any) -> str:
    """An API without routes, with a stage that deploys by itself."""
    api_id: str = do(platform, "CreateApi", Name="a", ProtocolType="HTTP", **more)["ApiId"]
    do(platform, "CreateStage", ApiId=api_id, StageName=stage, AutoDeploy=True)
    return api_id


def route(platform: Platform, api_id: str, key: str, version: str = "2.0", **more: Any) -> str:
    integration = do(
        platform,
        "CreateIntegration",
        ApiId=api_id,
        IntegrationType="AWS_PROXY",
        IntegrationUri=URI,
        PayloadFormatVersion=version,
    )["IntegrationId"]
    target = f"integrations/{integration}"
    found: str = do(platform, "CreateRoute", ApiId=api_id, RouteKey=key, Target=target, **more)[
        "RouteId"
    ]
    return found


def test_format_2_has_what_the_documentation_shows(platform: Platform) -> None:
    """ "Payload format version", developer guide: single values, cookies apart, empty ones left
    out.
    """
    platform.functions[FUNCTION] = lambda event: {"ok": True}
    api_id = empty(platform, "dev")
    route(platform, api_id, "POST /my/{name}")
    answer = platform.request(
        api_id,
        "/dev/my/a%20path",
        "POST",
        headers=(
            ("cookie", "cookie1=a; cookie2=b"),
            ("header2", "value1"),
            ("header2", "value2"),
            ("content-type", "application/json"),
            ("user-agent", "agent"),
        ),
        query="parameter1=value1&parameter1=value2&parameter2=value",
        body=b'{"a": 1}',
    )
    assert (answer.status, json_body(answer)) == (200, {"ok": True})
    (invocation,) = platform.invocations
    arn = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api_id}"
    assert invocation.source_arn == f"{arn}/dev/POST/my/{{name}}"
    event = invocation.event
    headers = event.pop("headers")
    assert headers["header2"] == "value1,value2"
    assert "cookie" not in headers
    assert event == {
        "version": "2.0",
        "routeKey": "POST /my/{name}",
        "rawPath": "/dev/my/a path",
        "rawQueryString": "parameter1=value1&parameter1=value2&parameter2=value",
        "cookies": ["cookie1=a", "cookie2=b"],
        "queryStringParameters": {"parameter1": "value1,value2", "parameter2": "value"},
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": api_id,
            "domainName": f"{api_id}.execute-api.us-east-1.localhost",
            "domainPrefix": api_id,
            "http": {
                "method": "POST",
                "path": "/dev/my/a path",
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "agent",
            },
            "requestId": header(answer, "apigw-requestid"),
            "routeKey": "POST /my/{name}",
            "stage": "dev",
            "time": "15/Jun/2025:15:06:40 +0000",
            "timeEpoch": 1_750_000_000_000,
        },
        "pathParameters": {"name": "a path"},
        "body": '{"a": 1}',
        "isBase64Encoded": False,
    }


@pytest.mark.parametrize(
    ("returned", "status", "body", "content_type"),
    [
        ("Hello from Lambda!", 200, b"Hello from Lambda!", "application/json"),
        ({"message": "hi"}, 200, b'{"message":"hi"}', "application/json"),
        ({"statusCode": 201, "body": "made"}, 201, b"made", "text/plain;charset=UTF-8"),
        ({"statusCode": 200, "body": "aGk=", "isBase64Encoded": True}, 200, b"hi", None),
        ({"statusCode": "x"}, 500, b'{"message":"Internal Server Error"}', "application/json"),
        (b"not json", 500, b'{"message":"Internal Server Error"}', "application/json"),
    ],
)
def test_answers_of_format_2_are_inferred(
    platform: Platform, returned: Any, status: int, body: bytes, content_type: str | None
) -> None:
    """ "API Gateway can infer the response format" (developer guide)."""
    platform.functions[FUNCTION] = lambda event: returned
    answer = platform.request(quick(platform), "/any")
    assert (answer.status, answer.body) == (status, body)
    if content_type is not None:
        assert header(answer, "content-type") == content_type


def test_cookies_of_format_2_become_headers(platform: Platform) -> None:
    platform.functions[FUNCTION] = lambda event: {"statusCode": 200, "cookies": ["a=1", "b=2"]}
    answer = platform.request(quick(platform), "/")
    assert [v for name, v in answer.headers if name == "set-cookie"] == ["a=1", "b=2"]


def test_format_1_is_that_of_rest_apis(platform: Platform) -> None:
    platform.functions[FUNCTION] = lambda event: {"statusCode": 200, "body": "x"}
    api_id = empty(platform)
    route(platform, api_id, "ANY /{proxy+}", "1.0")
    assert platform.request(api_id, "/a/b", headers=(("accept", "*/*"),)).body == b"x"
    event = platform.invocations[0].event
    assert (event["version"], event["resource"], event["path"]) == ("1.0", "/{proxy+}", "/a/b")
    assert event["pathParameters"] == {"proxy": "a/b"}
    assert event["multiValueHeaders"]["Accept"] == ["*/*"]
    assert event["queryStringParameters"] is None
    assert event["requestContext"]["stage"] == "$default"


def test_changes_hold_at_once_where_the_stage_deploys_by_itself(platform: Platform) -> None:
    platform.functions[FUNCTION] = lambda event: event["routeKey"]
    api_id = empty(platform)
    assert platform.request(api_id, "/a").status == 404
    route_id = route(platform, api_id, "GET /a")
    assert platform.request(api_id, "/a").body == b"GET /a"
    do(platform, "DeleteRoute", ApiId=api_id, RouteId=route_id)
    answer = platform.request(api_id, "/a")
    assert (answer.status, json_body(answer)) == (404, {"message": "Not Found"})
    # Each replaced the one before: they do not pile up.
    assert len(do(platform, "GetDeployments", ApiId=api_id)["Items"]) == 1


def test_a_stage_without_automatic_deployment_waits_for_one(platform: Platform) -> None:
    platform.functions[FUNCTION] = lambda event: "x"
    api_id = do(platform, "CreateApi", Name="a", ProtocolType="HTTP")["ApiId"]
    do(platform, "CreateStage", ApiId=api_id, StageName="prod")
    route(platform, api_id, "GET /a")
    assert platform.request(api_id, "/prod/a").status == 404
    do(platform, "CreateDeployment", ApiId=api_id, StageName="prod")
    assert platform.request(api_id, "/prod/a").status == 200


def test_the_gateway_answers_preflights_and_overrides_the_functions_headers(
    platform: Platform,
) -> None:
    """ "API Gateway ignores CORS headers returned from your backend integration" (developer
    guide).
    """
    platform.functions[FUNCTION] = lambda event: {
        "statusCode": 200,
        "headers": {"Access-Control-Allow-Origin": "https://evil.example"},
    }
    cors = {
        "AllowOrigins": ["https://a.example"],
        "AllowMethods": ["GET", "POST"],
        "AllowHeaders": ["x-a"],
        "MaxAge": 60,
    }
    api_id = quick(platform, CorsConfiguration=cors)
    asked = (("origin", "https://a.example"), ("access-control-request-method", "POST"))
    preflight = platform.request(api_id, "/", "OPTIONS", headers=asked)
    assert preflight.status == 204
    assert header(preflight, "access-control-allow-origin") == "https://a.example"
    assert header(preflight, "access-control-allow-methods") == "GET,POST"
    assert header(preflight, "access-control-max-age") == "60"
    assert platform.invocations == []
    answer = platform.request(api_id, "/", headers=(("origin", "https://a.example"),))
    assert header(answer, "access-control-allow-origin") == "https://a.example"
    other = platform.request(api_id, "/", headers=(("origin", "https://b.example"),))
    assert header(other, "access-control-allow-origin") is None


def with_authorizer(platform: Platform, **more: Any) -> str:
    api_id = empty(platform)
    authorizer = do(
        platform,
        "CreateAuthorizer",
        ApiId=api_id,
        Name="mine",
        AuthorizerType="REQUEST",
        AuthorizerUri=URI.replace(FUNCTION, AUTHORIZER),
        AuthorizerPayloadFormatVersion="2.0",
        IdentitySource=["$request.header.Authorization"],
        **more,
    )["AuthorizerId"]
    kind = {"AuthorizationType": "CUSTOM", "AuthorizerId": authorizer}
    route(platform, api_id, "GET /{proxy+}", **kind)
    return api_id


def test_a_simple_authorizer_says_yes_or_no(platform: Platform) -> None:
    platform.functions[FUNCTION] = lambda event: event["requestContext"]["authorizer"]
    platform.functions[AUTHORIZER] = lambda event: {
        "isAuthorized": event["headers"]["authorization"] == "yes",
        "context": {"list": [1, 2]},
    }
    api_id = with_authorizer(platform, EnableSimpleResponses=True)
    assert platform.request(api_id, "/a").status == 401
    yes = platform.request(api_id, "/a", headers=(("authorization", "yes"),))
    assert json_body(yes) == {"lambda": {"list": [1, 2]}}
    no = platform.request(api_id, "/a", headers=(("authorization", "no"),))
    assert (no.status, json_body(no)) == (403, {"message": "Forbidden"})
    question = platform.invocations[0].event
    assert question["identitySource"] == ["yes"]
    assert question["routeArn"].endswith("/$default/GET/a")


def test_an_authorizer_is_asked_again_when_its_answer_expires(platform: Platform) -> None:
    asked: list[str] = []

    def allow(event: Any) -> Any:
        asked.append(event["rawPath"])
        return {"isAuthorized": True}

    platform.functions.update({FUNCTION: lambda event: "x", AUTHORIZER: allow})
    api_id = with_authorizer(platform, EnableSimpleResponses=True, AuthorizerResultTtlInSeconds=60)
    headers = (("authorization", "t"),)
    for path in ("/a", "/b"):
        assert platform.request(api_id, path, headers=headers).status == 200
    assert asked == ["/a"]
    platform.clock.advance(61)
    assert platform.request(api_id, "/b", headers=headers).status == 200
    assert asked == ["/a", "/b"]


def test_a_function_that_fails_or_may_not_be_called(platform: Platform) -> None:
    api_id = quick(platform)
    assert platform.request(api_id, "/").status == 500

    def fail(event: Any) -> Any:
        raise Failed("boom")

    platform.functions[FUNCTION] = fail
    answer = platform.request(api_id, "/")
    assert (answer.status, json_body(answer)) == (500, {"message": "Internal Server Error"})


def test_throttles_hold(platform: Platform) -> None:
    platform.functions[FUNCTION] = lambda event: "x"
    api_id = quick(platform)
    settings = {"ThrottlingRateLimit": 1.0, "ThrottlingBurstLimit": 1}
    place = {"ApiId": api_id, "StageName": "$default"}
    do(platform, "UpdateStage", **place, DefaultRouteSettings=settings)
    assert [platform.request(api_id, "/").status for _ in range(2)] == [200, 429]
    platform.clock.advance(1)
    assert platform.request(api_id, "/").status == 200


def test_sams_document_becomes_routes(platform: Platform) -> None:
    """What SAM's HttpApi makes of two events, one of them without a path."""
    platform.functions[FUNCTION] = lambda event: event["routeKey"]
    integration = {
        "httpMethod": "POST",
        "type": "aws_proxy",
        "uri": URI,
        "payloadFormatVersion": "2.0",
    }
    method = {"x-amazon-apigateway-integration": integration, "responses": {}}
    document = {
        "openapi": "3.0.1",
        "info": {"version": "1.0", "title": "stack"},
        "paths": {
            "$default": {"x-amazon-apigateway-any-method": {**method, "isDefaultRoute": True}},
            "/x/{id}": {"get": {**method, "parameters": [{"name": "id", "in": "path"}]}},
        },
        "tags": [{"name": "httpapi:createdBy", "x-amazon-apigateway-tag-value": "SAM"}],
    }
    api = do(platform, "ImportApi", Body=orjson.dumps(document).decode())
    assert (api["Name"], api["Tags"]) == ("stack", {"httpapi:createdBy": "SAM"})
    api_id = api["ApiId"]
    assert api["ApiEndpoint"] == f"http://{api_id}.execute-api.us-east-1.localhost:4566"
    do(platform, "CreateStage", ApiId=api_id, StageName="$default", AutoDeploy=True)
    assert platform.request(api_id, "/x/1").body == b"GET /x/{id}"
    assert platform.request(api_id, "/y", "PUT").body == b"$default"
    ids = {
        each["RouteKey"]: each["RouteId"]
        for each in do(platform, "GetRoutes", ApiId=api_id)["Items"]
    }
    do(platform, "ReimportApi", ApiId=api_id, Body=orjson.dumps(document).decode())
    again = do(platform, "GetRoutes", ApiId=api_id)["Items"]
    assert {each["RouteKey"]: each["RouteId"] for each in again} == ids


def test_parameters_are_mapped_on_the_way_there_and_back(platform: Platform) -> None:
    """ "Transforming API requests and responses" (developer guide)."""
    platform.functions[FUNCTION] = lambda event: {"statusCode": 404, "body": '{"why": "no"}'}
    api_id = empty(platform)
    integration = do(
        platform,
        "CreateIntegration",
        ApiId=api_id,
        IntegrationType="AWS_PROXY",
        IntegrationUri=URI,
        PayloadFormatVersion="2.0",
        RequestParameters={
            "append:header.x-id": "$request.path.id-${context.stage}",
            "remove:querystring.secret": "''",
            "overwrite:querystring.kind": "$request.body.pet.kind",
            "overwrite:path": "/other/$request.path.id",
        },
        ResponseParameters={
            "404": {
                "overwrite:statuscode": "403",
                "append:header.x-why": "$response.body.why",
                "append:header.x-stage": "$context.stage",
            }
        },
    )["IntegrationId"]
    target = f"integrations/{integration}"
    do(platform, "CreateRoute", ApiId=api_id, RouteKey="POST /a/{id}", Target=target)
    answer = platform.request(
        api_id, "/a/7", "POST", query="secret=1&b=2", body=b'{"pet": {"kind": "cat"}}'
    )
    event = platform.invocations[0].event
    assert event["headers"]["x-id"] == "7-$default"
    assert event["queryStringParameters"] == {"b": "2", "kind": "cat"}
    assert (event["rawPath"], event["rawQueryString"]) == ("/other/7", "b=2&kind=cat")
    assert answer.status == 403
    assert (header(answer, "x-why"), header(answer, "x-stage")) == ("no", "$default")
    with pytest.raises(AwsError, match="restricted"):
        changes = {"overwrite:header.Authorization": "x"}
        place = {"ApiId": api_id, "IntegrationId": integration}
        do(platform, "UpdateIntegration", **place, RequestParameters=changes)


def test_a_request_costs_the_same_however_many_routes_there_are(platform: Platform) -> None:
    """A deployment is compiled once; after that a request reads its endpoint and its stage."""
    platform.functions[FUNCTION] = lambda event: "x"
    reads = []
    for count in (1, 50):
        api_id = empty(platform)
        for index in range(count):
            route(platform, api_id, f"GET /path{index}")
        assert platform.request(api_id, "/path0").status == 200
        before = platform.store.gets
        assert platform.request(api_id, "/path0").status == 200
        reads.append(platform.store.gets - before)
    # The endpoint, a stage named like the first step of the path, and $default.
    assert reads == [3, 3]
