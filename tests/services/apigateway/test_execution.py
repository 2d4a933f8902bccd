"""Deployed REST APIs, with functions as stand-ins."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest

from freehold.kernel.http import HttpResponse
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
AUTHORIZER_URI = URI.replace(FUNCTION, AUTHORIZER)


def document(paths: dict[str, Any], **more: Any) -> bytes:
    return orjson.dumps({"swagger": "2.0", "info": {"title": "t"}, "paths": paths, **more})


def proxy(**more: Any) -> dict[str, Any]:
    """A method with a Lambda proxy integration, as SAM writes it."""
    integration = {"type": "aws_proxy", "httpMethod": "POST", "uri": URI}
    return {"x-amazon-apigateway-integration": integration, "responses": {}, **more}


def deploy(platform: Platform, body: bytes, stage: str = "Prod", **more: Any) -> str:
    api = platform.do("apigateway", "ImportRestApi", body=body)
    platform.do("apigateway", "CreateDeployment", restApiId=api["id"], stageName=stage, **more)
    api_id: str = api["id"]
    return api_id


def ok(event: Any) -> Any:
    return {"statusCode": 200, "body": "ok"}


def test_a_proxy_event_has_what_the_documentation_shows(platform: Platform) -> None:
    """ "Input format of a Lambda function for proxy integration", developer guide."""
    platform.functions[FUNCTION] = ok
    api_id = deploy(
        platform, document({"/pets/{id}": {"get": proxy()}}), variables={"color": "red"}
    )
    answer = platform.request(
        api_id,
        "/Prod/pets/a%20b",
        headers=(("accept", "text/html"), ("x-many", "1"), ("x-many", "2")),
        query="q=1&q=two%20words&empty=",
    )
    assert (answer.status, answer.body) == (200, b"ok")
    (invocation,) = platform.invocations
    assert invocation.caller == "apigateway.amazonaws.com"
    arn = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api_id}"
    assert invocation.source_arn == f"{arn}/Prod/GET/pets/{{id}}"
    event = invocation.event
    assert event["resource"] == "/pets/{id}"
    assert event["path"] == "/pets/a%20b"
    assert event["httpMethod"] == "GET"
    assert event["pathParameters"] == {"id": "a b"}
    assert event["queryStringParameters"] == {"q": "two words", "empty": ""}
    assert event["multiValueQueryStringParameters"] == {"q": ["1", "two words"], "empty": [""]}
    assert event["headers"]["x-many"] == "2"
    assert event["multiValueHeaders"]["x-many"] == ["1", "2"]
    assert event["headers"]["Accept"] == "text/html"
    assert event["headers"]["X-Forwarded-For"] == "192.0.2.1"
    assert event["stageVariables"] == {"color": "red"}
    assert (event["body"], event["isBase64Encoded"]) == (None, False)
    context = event["requestContext"]
    assert context["path"] == "/Prod/pets/a%20b"
    assert (context["stage"], context["apiId"]) == ("Prod", api_id)
    assert context["accountId"] == ACCOUNT
    assert context["identity"]["sourceIp"] == "192.0.2.1"
    assert context["requestTimeEpoch"] == 1_750_000_000_000
    assert context["requestTime"] == "15/Jun/2025:15:06:40 +0000"
    assert context["domainName"] == f"{api_id}.execute-api.us-east-1.localhost"
    assert header(answer, "x-amzn-requestid") == context["requestId"]
    assert header(answer, "x-amz-apigw-id") == context["extendedRequestId"]


def test_a_missing_permission_is_an_internal_server_error(platform: Platform) -> None:
    api_id = deploy(platform, document({"/": {"get": proxy()}}))
    answer = platform.request(api_id, "/Prod")
    assert (answer.status, json_body(answer)) == (500, {"message": "Internal server error"})


@pytest.mark.parametrize("answer", ["text", {"message": "no status"}, ["list"], b"not json"])
def test_a_malformed_answer_is_a_bad_gateway(platform: Platform, answer: Any) -> None:
    """ "the API Gateway returns a 502 error response" (output format, developer guide)."""
    platform.functions[FUNCTION] = lambda event: answer
    api_id = deploy(platform, document({"/": {"get": proxy()}}))
    found = platform.request(api_id, "/Prod/")
    assert (found.status, json_body(found)) == (502, {"message": "Internal server error"})


def test_a_function_that_fails_is_a_bad_gateway(platform: Platform) -> None:
    def fail(event: Any) -> Any:
        raise Failed("boom")

    platform.functions[FUNCTION] = fail
    api_id = deploy(platform, document({"/": {"get": proxy()}}))
    assert platform.request(api_id, "/Prod").status == 502


def test_bodies_of_binary_types_travel_as_base64(platform: Platform) -> None:
    def echo(event: Any) -> Any:
        return {
            "statusCode": "201",
            "headers": {"Content-Type": "image/png", "Authorization": "x", "Content-Length": "9"},
            "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"]},
            "body": event["body"],
            "isBase64Encoded": event["isBase64Encoded"],
        }

    platform.functions[FUNCTION] = echo
    binary = {"x-amazon-apigateway-binary-media-types": ["image/*"]}
    api_id = deploy(platform, document({"/{proxy+}": {"post": proxy()}}, **binary))
    raw = b"\x89PNG\x00"
    headers = (("content-type", "image/png"), ("accept", "image/png, */*"))
    answer = platform.request(api_id, "/Prod/a/b", "POST", headers=headers, body=raw)
    assert (answer.status, answer.body) == (201, raw)
    assert platform.invocations[0].event["body"] == base64.b64encode(raw).decode()
    assert platform.invocations[0].event["pathParameters"] == {"proxy": "a/b"}
    assert [value for name, value in answer.headers if name == "Set-Cookie"] == ["a=1", "b=2"]
    assert header(answer, "x-amzn-Remapped-Authorization") == "x"
    assert header(answer, "content-length") is None


def test_a_body_over_ten_megabytes_is_too_long(platform: Platform) -> None:
    api_id = deploy(platform, document({"/": {"post": proxy()}}))
    answer = platform.request(api_id, "/Prod", "POST", body=bytes(10 * 1024 * 1024 + 1))
    assert (answer.status, json_body(answer)) == (413, {"message": "Request Too Long"})


def with_authorizer(kind: str, **more: Any) -> bytes:
    scheme = {
        "type": "apiKey",
        "name": "Authorization",
        "in": "header",
        "x-amazon-apigateway-authtype": "custom",
        "x-amazon-apigateway-authorizer": {
            "type": kind,
            "authorizerUri": AUTHORIZER_URI,
            **more,
        },
    }
    return document(
        {"/{proxy+}": {"get": proxy(security=[{"mine": []}])}}, securityDefinitions={"mine": scheme}
    )


def allow(event: Any) -> Any:
    statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": event["methodArn"]}
    return {
        "principalId": "user|1",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": {"number": 1, "yes": True, "name": "n"},
    }


def test_a_token_authorizer_is_asked_once_for_each_token(platform: Platform) -> None:
    platform.functions.update({FUNCTION: ok, AUTHORIZER: allow})
    api_id = deploy(platform, with_authorizer("token"))
    headers = (("authorization", "secret"),)
    assert platform.request(api_id, "/Prod/a", headers=headers).status == 200
    question, invocation = platform.invocations
    arn = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api_id}"
    assert question.event == {
        "type": "TOKEN",
        "authorizationToken": "secret",
        "methodArn": f"{arn}/Prod/GET/a",
    }
    assert (question.source_arn or "").startswith(f"{arn}/authorizers/")
    assert invocation.event["requestContext"]["authorizer"] == {
        "principalId": "user|1",
        "number": "1",
        "yes": "true",
        "name": "n",
    }
    # The cached policy names /a alone: the famous trap of caching with a policy for one method.
    refused = platform.request(api_id, "/Prod/b", headers=headers)
    assert refused.status == 403
    assert json_body(refused) == {"Message": "User is not authorized to access this resource"}
    assert len(platform.invocations) == 2
    platform.clock.advance(301)
    assert platform.request(api_id, "/Prod/b", headers=headers).status == 200
    assert len(platform.invocations) == 4


def test_without_its_token_a_request_is_unauthorized(platform: Platform) -> None:
    platform.functions.update({FUNCTION: ok, AUTHORIZER: allow})
    api_id = deploy(platform, with_authorizer("token", identityValidationExpression="Bearer .+"))
    assert platform.request(api_id, "/Prod/a").status == 401
    wrong = platform.request(api_id, "/Prod/a", headers=(("authorization", "Basic x"),))
    assert (wrong.status, json_body(wrong)) == (401, {"message": "Unauthorized"})
    assert platform.invocations == []


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        ("Unauthorized", 401, {"message": "Unauthorized"}),
        ("boom", 500, {"message": None}),
    ],
)
def test_an_authorizer_that_fails(
    platform: Platform, answer: str, status: int, body: dict[str, Any]
) -> None:
    def fail(event: Any) -> Any:
        raise Failed(answer)

    platform.functions.update({FUNCTION: ok, AUTHORIZER: fail})
    api_id = deploy(platform, with_authorizer("token"))
    found = platform.request(api_id, "/Prod/a", headers=(("authorization", "t"),))
    assert (found.status, json_body(found)) == (status, body)


def test_a_request_authorizer_sees_the_request(platform: Platform) -> None:
    platform.functions.update({FUNCTION: ok, AUTHORIZER: allow})
    sources = "method.request.header.X-Who, method.request.querystring.q"
    api_id = deploy(platform, with_authorizer("request", identitySource=sources))
    assert platform.request(api_id, "/Prod/a", headers=(("x-who", "me"),)).status == 401
    found = platform.request(api_id, "/Prod/a", headers=(("x-who", "me"),), query="q=1")
    assert found.status == 200
    event = platform.invocations[0].event
    assert event["type"] == "REQUEST"
    assert event["queryStringParameters"] == {"q": "1"}
    assert "body" not in event


def test_a_validator_refuses_bodies_and_missing_parameters(platform: Platform) -> None:
    platform.functions[FUNCTION] = ok
    model = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}
    parameters = [
        {"in": "body", "name": "pet", "schema": {"$ref": "#/definitions/Pet"}},
        {"in": "query", "name": "kind", "required": True, "type": "string"},
    ]
    body = document(
        {"/": {"post": proxy(parameters=parameters)}},
        definitions={"Pet": model},
        **{
            "x-amazon-apigateway-request-validators": {
                "all": {"validateRequestBody": True, "validateRequestParameters": True}
            },
            "x-amazon-apigateway-request-validator": "all",
        },
    )
    api_id = deploy(platform, body)

    def post(text: bytes, query: str = "kind=cat") -> HttpResponse:
        return platform.request(api_id, "/Prod", "POST", query=query, body=text)

    assert post(b'{"name": "x"}').status == 200
    assert json_body(post(b'{"name": 1}')) == {"message": "Invalid request body"}
    assert post(b"{").status == 400
    missing = json_body(post(b'{"name": "x"}', query=""))
    assert missing == {"message": "Missing required request parameters: [kind]"}


def test_a_resource_policy_lets_in_whom_it_names(platform: Platform) -> None:
    platform.functions[FUNCTION] = ok
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "execute-api:Invoke",
        "Resource": "execute-api:/Prod/GET/open",
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    paths = {"/{proxy+}": {"get": proxy()}}
    api_id = deploy(platform, document(paths, **{"x-amazon-apigateway-policy": policy}))
    assert platform.request(api_id, "/Prod/open").status == 200
    refused = platform.request(api_id, "/Prod/closed")
    assert refused.status == 403
    assert (
        "anonymous is not authorized to perform: execute-api:Invoke"
        in json_body(refused)["Message"]
    )


def test_method_throttles_hold(platform: Platform) -> None:
    platform.functions[FUNCTION] = ok
    api_id = deploy(platform, document({"/": {"get": proxy()}}))
    place = {"restApiId": api_id, "stageName": "Prod"}
    limits = {"rateLimit": "1", "burstLimit": "2"}
    patches = [
        {"op": "replace", "path": f"/*/*/throttling/{name}", "value": value}
        for name, value in limits.items()
    ]
    platform.do("apigateway", "UpdateStage", **place, patchOperations=patches)
    assert [platform.request(api_id, "/Prod").status for _ in range(3)] == [200, 200, 429]
    platform.clock.advance(1)
    assert [platform.request(api_id, "/Prod").status for _ in range(2)] == [200, 429]


def test_stage_variables_choose_the_function(platform: Platform) -> None:
    platform.functions[FUNCTION] = ok
    uri = URI.replace(FUNCTION, FUNCTION[:-1] + "${stageVariables.name}")
    method = proxy()
    method["x-amazon-apigateway-integration"]["uri"] = uri
    api_id = deploy(platform, document({"/": {"get": method}}), variables={"name": "f"})
    assert platform.request(api_id, "/Prod").status == 200


def test_regions_and_accounts_in_documents_are_resolved(platform: Platform) -> None:
    """API Gateway resolves ${AWS::Region} and its like itself."""
    platform.functions[FUNCTION] = ok
    body = document({"/": {"get": proxy()}})
    body = body.replace(REGION.encode(), b"${AWS::Region}")
    body = body.replace(ACCOUNT.encode(), b"${AWS::AccountId}")
    assert platform.request(deploy(platform, body), "/Prod").status == 200


def test_large_answers_are_compressed_where_the_api_says_so(platform: Platform) -> None:
    import gzip

    platform.functions[FUNCTION] = lambda event: {"statusCode": 200, "body": "x" * 100}
    paths = {"/": {"get": proxy()}}
    extension = {"x-amazon-apigateway-minimum-compression-size": 100}
    api_id = deploy(platform, document(paths, **extension))
    answer = platform.request(api_id, "/Prod", headers=(("accept-encoding", "gzip, br"),))
    assert header(answer, "content-encoding") == "gzip"
    assert isinstance(answer.body, bytes)
    assert gzip.decompress(answer.body) == b"x" * 100
    assert platform.request(api_id, "/Prod").body == b"x" * 100


def test_a_mapped_integration_speaks_the_functions_language(platform: Platform) -> None:
    """The event is the request's template, the answer the response's; errors choose theirs by
    pattern.
    """

    def greet(event: Any) -> Any:
        if event["name"] == "nobody":
            raise Failed("NotFound: nobody")
        return {"greeting": f"Hello {event['name']}"}

    platform.functions[FUNCTION] = greet
    response = {"statusCode": "200", "responseTemplates": {}}
    response["responseTemplates"] = {"application/json": "{\"said\": $input.json('$.greeting')}"}
    missing = {
        "statusCode": "404",
        "responseTemplates": {"application/json": "$input.path('$.errorMessage')"},
        "responseParameters": {"method.response.header.X-Kind": "'missing'"},
    }
    integration = {
        "type": "aws",
        "httpMethod": "POST",
        "uri": URI,
        "requestTemplates": {"application/json": '{"name": "$input.params(\'name\')"}'},
        "responses": {"default": response, "NotFound.*": missing},
    }
    responses = {"200": {}, "404": {"headers": {"X-Kind": {"type": "string"}}}}
    method = {"x-amazon-apigateway-integration": integration, "responses": responses}
    api_id = deploy(platform, document({"/{name}": {"get": method}}))
    assert json_body(platform.request(api_id, "/Prod/Ada")) == {"said": "Hello Ada"}
    refused = platform.request(api_id, "/Prod/nobody")
    assert (refused.status, refused.body) == (404, b"NotFound: nobody")
    assert header(refused, "x-kind") == "missing"


def test_a_request_costs_the_same_however_many_routes_there_are(platform: Platform) -> None:
    """A deployment is compiled once; after that a request reads its endpoint and its stage."""
    platform.functions[FUNCTION] = ok
    reads = []
    for count in (1, 100):
        paths = {f"/path{index}/{{id}}": {"get": proxy()} for index in range(count)}
        api_id = deploy(platform, document(paths))
        assert platform.request(api_id, "/Prod/path0/1").status == 200
        before = platform.store.gets
        assert platform.request(api_id, "/Prod/path0/1").status == 200
        reads.append(platform.store.gets - before)
    assert reads == [2, 2]
