"""HTTP APIs' control plane through boto3."""

from __future__ import annotations

from typing import Any

import pytest
import urllib3
from botocore.exceptions import ClientError

HTTP = urllib3.PoolManager(retries=False)
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"


@pytest.fixture
def client(aws: Any) -> Any:
    return aws.client("apigatewayv2")


@pytest.fixture
def api(client: Any) -> Any:
    return client.create_api(Name="a", ProtocolType="HTTP")


def test_an_api_says_where_it_is(client: Any, api: Any) -> None:
    assert f"//{api['ApiId']}.execute-api.us-east-1." in api["ApiEndpoint"]
    assert api["RouteSelectionExpression"] == "$request.method $request.path"
    assert client.get_api(ApiId=api["ApiId"])["Name"] == "a"
    assert [each["ApiId"] for each in client.get_apis()["Items"]] == [api["ApiId"]]


def test_quick_create_makes_all_that_is_needed(client: Any) -> None:
    """ "Quick create" (CreateApi): an integration, a $default route, a stage that deploys by
    itself.
    """
    api_id = client.create_api(Name="q", ProtocolType="HTTP", Target=FUNCTION)["ApiId"]
    (route,) = client.get_routes(ApiId=api_id)["Items"]
    (integration,) = client.get_integrations(ApiId=api_id)["Items"]
    (stage,) = client.get_stages(ApiId=api_id)["Items"]
    assert route["RouteKey"] == "$default"
    assert route["Target"] == f"integrations/{integration['IntegrationId']}"
    assert integration["PayloadFormatVersion"] == "2.0"
    assert (stage["StageName"], stage["AutoDeploy"]) == ("$default", True)
    assert stage["DeploymentId"]


def test_parts_are_made_changed_and_deleted(client: Any, api: Any) -> None:
    place = {"ApiId": api["ApiId"]}
    integration = client.create_integration(
        **place,
        IntegrationType="AWS_PROXY",
        IntegrationUri=FUNCTION,
        PayloadFormatVersion="2.0",
    )["IntegrationId"]
    target = f"integrations/{integration}"
    route = client.create_route(**place, RouteKey="GET /a", Target=target)["RouteId"]
    with pytest.raises(client.exceptions.ConflictException, match="already exists"):
        client.create_route(**place, RouteKey="GET /a", Target=target)
    with pytest.raises(client.exceptions.ConflictException, match="referenced"):
        client.delete_integration(**place, IntegrationId=integration)
    client.update_route(**place, RouteId=route, RouteKey="GET /b")
    client.create_route(**place, RouteKey="GET /a", Target=target)
    client.create_stage(**place, StageName="prod", StageVariables={"a": "1", "b": "2"})
    changed = client.update_stage(**place, StageName="prod", StageVariables={"a": "", "c": "3"})
    assert changed["StageVariables"] == {"b": "2", "c": "3"}
    deployment = client.create_deployment(**place, StageName="prod")
    assert deployment["DeploymentStatus"] == "DEPLOYED"
    client.delete_route(**place, RouteId=route)
    client.delete_stage(**place, StageName="prod")
    client.delete_deployment(**place, DeploymentId=deployment["DeploymentId"])
    client.delete_api(**place)
    with pytest.raises(client.exceptions.NotFoundException):
        client.get_api(**place)


def test_the_gateway_answers_what_no_function_needs_to(aws: Any, client: Any) -> None:
    cors = {"AllowOrigins": ["*"], "AllowMethods": ["GET"]}
    api_id = client.create_api(
        Name="q", ProtocolType="HTTP", Target=FUNCTION, RouteKey="GET /a", CorsConfiguration=cors
    )["ApiId"]
    url = f"{aws.url}/_aws/execute-api/{api_id}"
    answer = HTTP.request("GET", f"{url}/nothing")
    assert (answer.status, answer.json()) == (404, {"message": "Not Found"})
    headers = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
    preflight = HTTP.request("OPTIONS", f"{url}/a", headers=headers)
    assert preflight.status == 204
    assert preflight.headers["access-control-allow-origin"] == "*"


def test_tags(client: Any, api: Any) -> None:
    arn = f"arn:aws:apigateway:us-east-1::/apis/{api['ApiId']}"
    client.tag_resource(ResourceArn=arn, Tags={"a": "1", "b": "2"})
    client.untag_resource(ResourceArn=arn, TagKeys=["b"])
    assert client.get_tags(ResourceArn=arn)["Tags"] == {"a": "1"}


def test_the_two_kinds_of_api_share_a_signing_name(aws: Any, client: Any, api: Any) -> None:
    """Both are signed as "apigateway"; the path says which is meant."""
    rest = aws.client("apigateway")
    assert rest.get_rest_apis()["items"] == []
    with pytest.raises(ClientError, match="Invalid API identifier"):
        rest.get_rest_api(restApiId=api["ApiId"])


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({"IntegrationType": "HTTP_PROXY", "IntegrationUri": "https://example.com"}, "HTTP_PROXY"),
        (
            {"IntegrationType": "AWS_PROXY", "IntegrationSubtype": "SQS-SendMessage"},
            "SQS-SendMessage",
        ),
    ],
)
def test_what_is_not_implemented_is_refused_by_name(
    client: Any, api: Any, params: dict[str, Any], name: str
) -> None:
    with pytest.raises(ClientError, match=name):
        client.create_integration(ApiId=api["ApiId"], **params)
