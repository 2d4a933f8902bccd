"""What SAM makes of an Api event, as CloudFormation asks for it: created, changed, deleted."""

from __future__ import annotations

from typing import Any

import pytest

from freehold.kernel.errors import AwsError
from freehold.kernel.resources import Made, Wanted
from tests.services.apis import FUNCTION, URI, Platform, header, platform

__all__ = ["platform"]

STACK = "arn:aws:cloudformation:us-east-1:123456789012:stack/s/1"


def wanted(kind: str, logical_id: str, properties: dict[str, Any], **more: Any) -> Wanted:
    return Wanted(
        type=f"AWS::ApiGateway::{kind}",
        logical_id=logical_id,
        properties=properties,
        stack_id=STACK,
        stack_name="s",
        **more,
    )


def create(platform: Platform, kind: str, logical_id: str = "X", **properties: Any) -> Made:
    request = wanted(kind, logical_id, properties)
    made = platform.resource(request.type, "create", request)
    assert isinstance(made, Made)
    return made


def update(
    platform: Platform, kind: str, made: Made, old: dict[str, Any], new: dict[str, Any]
) -> Made:
    request = wanted(kind, "X", new, previous=old)
    changed = platform.resource(request.type, "update", request, made)
    assert isinstance(changed, Made)
    return changed


def delete(platform: Platform, kind: str, made: Made) -> None:
    platform.resource(f"AWS::ApiGateway::{kind}", "delete", made)


def sam_body(path: str = "/items/{id}") -> dict[str, Any]:
    integration = {"httpMethod": "POST", "type": "aws_proxy", "uri": URI}
    preflight = {
        "type": "mock",
        "requestTemplates": {"application/json": '{\n  "statusCode" : 200\n}\n'},
        "responses": {
            "default": {
                "statusCode": "200",
                "responseTemplates": {"application/json": "{}\n"},
                "responseParameters": {
                    "method.response.header.Access-Control-Allow-Origin": "'*'",
                },
            }
        },
    }
    headers = {"Access-Control-Allow-Origin": {"type": "string"}}
    return {
        "swagger": "2.0",
        "info": {"version": "1.0", "title": "s"},
        "paths": {
            path: {
                "get": {
                    "x-amazon-apigateway-integration": integration,
                    "security": [{"api_key": []}],
                    "responses": {},
                },
                "options": {
                    "x-amazon-apigateway-integration": preflight,
                    "responses": {"200": {"headers": headers}},
                },
            }
        },
        "securityDefinitions": {"api_key": {"type": "apiKey", "name": "x-api-key", "in": "header"}},
        "x-amazon-apigateway-gateway-responses": {
            "DEFAULT_4XX": {
                "responseParameters": {"gatewayresponse.header.Access-Control-Allow-Origin": "'*'"},
                "responseTemplates": {},
            }
        },
        "x-amazon-apigateway-binary-media-types": ["image/png"],
    }


def test_what_sam_generates_deploys_answers_and_goes_away(platform: Platform) -> None:
    platform.functions[FUNCTION] = lambda event: {"statusCode": 200, "body": event["path"]}
    api = create(platform, "RestApi", "Api", Body=sam_body(), BinaryMediaTypes=["image~1png"])
    api_id = api.physical_id
    assert set(api.attributes) == {"RootResourceId", "RestApiId"}
    shown = platform.do("apigateway", "GetRestApi", restApiId=api_id)
    assert shown["binaryMediaTypes"] == ["image/png"]
    assert shown["tags"]["aws:cloudformation:logical-id"] == "Api"
    place = {"RestApiId": api_id}
    deployment = create(platform, "Deployment", "D", **place, Description="d", StageName="Stage")
    stage = create(
        platform,
        "Stage",
        "ApiProdStage",
        **place,
        StageName="Prod",
        DeploymentId=deployment.physical_id,
        TracingEnabled="true",
        MethodSettings=[
            {
                "ResourcePath": "/*",
                "HttpMethod": "*",
                "ThrottlingRateLimit": "50",
                "LoggingLevel": "INFO",
            }
        ],
    )
    assert stage.physical_id == "Prod"
    stages = [{"ApiId": api_id, "Stage": "Prod"}]
    plan = create(platform, "UsagePlan", "ApiUsagePlan", ApiStages=stages)
    keys = [{"RestApiId": api_id, "StageName": "Prod"}]
    key = create(platform, "ApiKey", "ApiApiKey", Enabled=True, StageKeys=keys)
    both = {"KeyId": key.physical_id, "UsagePlanId": plan.physical_id, "KeyType": "API_KEY"}
    plan_key = create(platform, "UsagePlanKey", "ApiUsagePlanKey", **both)
    refused = platform.request(api_id, "/Prod/items/1")
    assert refused.status == 403
    assert header(refused, "Access-Control-Allow-Origin") == "*"
    found = platform.do("apigateway", "GetApiKey", apiKey=key.physical_id, includeValue=True)
    headers = (("x-api-key", found["value"]),)
    assert platform.request(api_id, "/Prod/items/1", headers=headers).body == b"/items/1"
    assert platform.request(api_id, "/Prod/items/1", "OPTIONS").status == 200

    for kind, made in (
        ("UsagePlanKey", plan_key),
        ("ApiKey", key),
        ("UsagePlan", plan),
        ("Stage", stage),
        ("Deployment", deployment),
        ("RestApi", api),
    ):
        delete(platform, kind, made)
        delete(platform, kind, made)
    assert platform.do("apigateway", "GetRestApis")["items"] == []
    assert platform.do("apigateway", "GetUsagePlans")["items"] == []


def test_a_new_body_is_served_by_the_next_deployment(platform: Platform) -> None:
    platform.functions[FUNCTION] = lambda event: {"statusCode": 200, "body": event["resource"]}
    old, new = sam_body(), sam_body("/things/{id}")
    for body in (old, new):
        del body["securityDefinitions"]
    api = create(platform, "RestApi", Body=old)
    place = {"RestApiId": api.physical_id}
    first = create(platform, "Deployment", "D1", **place, StageName="Stage")
    properties = {**place, "StageName": "Prod", "DeploymentId": first.physical_id}
    stage = create(platform, "Stage", **properties)
    update(platform, "RestApi", api, {"Body": old}, {"Body": new, "Description": "two"})
    assert platform.request(api.physical_id, "/Prod/items/1").status == 200
    second = create(platform, "Deployment", "D2", **place, StageName="Stage")
    changed = {**properties, "DeploymentId": second.physical_id, "Variables": {"a": 1}}
    update(platform, "Stage", stage, properties, changed)
    delete(platform, "Deployment", first)
    assert platform.request(api.physical_id, "/Prod/items/1").status == 403
    assert platform.request(api.physical_id, "/Prod/things/1").body == b"/things/{id}"
    assert platform.request(api.physical_id, "/Stage/things/1").status == 200


def test_a_creation_that_runs_again_finds_what_it_made(platform: Platform) -> None:
    """An async creation may be repeated after a crash; the token of the resource says what it
    made.
    """
    first = create(platform, "RestApi", Body=sam_body())
    request = wanted("RestApi", "X", {"Body": sam_body()}, retried=True)
    again = platform.resource(request.type, "create", request)
    assert again.physical_id == first.physical_id
    assert len(platform.do("apigateway", "GetRestApis")["items"]) == 1


def test_resources_and_methods_by_hand(platform: Platform) -> None:
    platform.functions[FUNCTION] = lambda event: {"statusCode": 200, "body": "x"}
    api = create(platform, "RestApi", Name="a", EndpointConfiguration={"Types": ["REGIONAL"]})
    place = {"RestApiId": api.physical_id}
    parent = {"ParentId": api.attributes["RootResourceId"], "PathPart": "pets"}
    resource = create(platform, "Resource", **place, **parent)
    model = create(
        platform, "Model", **place, ContentType="application/json", Schema={"type": "object"}
    )
    validator = create(platform, "RequestValidator", **place, Name="v", ValidateRequestBody="true")
    properties = {
        **place,
        "ResourceId": resource.physical_id,
        "HttpMethod": "POST",
        "AuthorizationType": "NONE",
        "RequestModels": {"application/json": model.physical_id},
        "RequestValidatorId": validator.physical_id,
        "Integration": {"Type": "AWS_PROXY", "IntegrationHttpMethod": "POST", "Uri": URI},
    }
    method = create(platform, "Method", **properties)
    mock = {"Type": "MOCK", "RequestTemplates": {"application/json": '{"statusCode": 204}'}}
    mock["IntegrationResponses"] = [{"StatusCode": 204}]
    answers = [{"StatusCode": "204", "ResponseParameters": {"method.response.header.X": "true"}}]
    create(
        platform,
        "Method",
        "Options",
        **place,
        ResourceId=resource.physical_id,
        HttpMethod="OPTIONS",
        AuthorizationType="NONE",
        MethodResponses=answers,
        Integration=mock,
    )
    create(platform, "Deployment", **place, StageName="v1")
    assert platform.request(api.physical_id, "/v1/pets", "POST", body=b"{}").body == b"x"
    assert platform.request(api.physical_id, "/v1/pets", "POST", body=b"[]").status == 400
    assert platform.request(api.physical_id, "/v1/pets", "OPTIONS").status == 204
    update(platform, "Method", method, properties, {**properties, "ApiKeyRequired": "true"})
    delete(platform, "Method", method)
    delete(platform, "Resource", resource)


def test_cdks_preflight_is_no_json_and_works(platform: Platform) -> None:
    """CDK's addCorsPreflight writes { statusCode: 204 } as the mock's request template."""
    api = create(platform, "RestApi", Name="a")
    place = {"RestApiId": api.physical_id, "ResourceId": api.attributes["RootResourceId"]}
    allow = "method.response.header.Access-Control-Allow-Origin"
    create(
        platform,
        "Method",
        **place,
        HttpMethod="OPTIONS",
        AuthorizationType="NONE",
        ApiKeyRequired=False,
        Integration={
            "Type": "MOCK",
            "RequestTemplates": {"application/json": "{ statusCode: 204 }"},
            "IntegrationResponses": [{"StatusCode": "204", "ResponseParameters": {allow: "'*'"}}],
        },
        MethodResponses=[{"StatusCode": "204", "ResponseParameters": {allow: True}}],
    )
    create(platform, "Deployment", RestApiId=api.physical_id, StageName="prod")
    answer = platform.request(api.physical_id, "/prod", "OPTIONS")
    assert answer.status == 204
    assert header(answer, "access-control-allow-origin") == "*"


def test_what_is_not_known_is_refused_by_name(platform: Platform) -> None:
    with pytest.raises(AwsError, match=r"RestApi\.CloneFrom"):
        create(platform, "RestApi", Name="a", CloneFrom="b")
