"""REST APIs through boto3, and their endpoints through plain HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest
import urllib3
from botocore.exceptions import ClientError

HTTP = urllib3.PoolManager(retries=False)
PREFLIGHT = {
    "swagger": "2.0",
    "info": {"title": "items", "version": "1.0"},
    "paths": {
        "/items/{id}": {
            "options": {
                "consumes": ["application/json"],
                "produces": ["application/json"],
                "responses": {
                    "200": {"headers": {"Access-Control-Allow-Origin": {"type": "string"}}}
                },
                "x-amazon-apigateway-integration": {
                    "type": "mock",
                    "requestTemplates": {"application/json": '{\n  "statusCode" : 200\n}\n'},
                    "responses": {
                        "default": {
                            "statusCode": "200",
                            "responseParameters": {
                                "method.response.header.Access-Control-Allow-Origin": "'*'"
                            },
                            "responseTemplates": {"application/json": "{}\n"},
                        }
                    },
                },
            }
        }
    },
}


def request(aws: Any, api_id: str, path: str, method: str = "GET", **options: Any) -> Any:
    return HTTP.request(method, f"{aws.url}/_aws/execute-api/{api_id}{path}", **options)


def mock(client: Any, api_id: str, resource_id: str, method: str, body: str, **more: Any) -> None:
    """A method that answers 200 with this body."""
    place = {"restApiId": api_id, "resourceId": resource_id, "httpMethod": method}
    client.put_method(**place, authorizationType=more.pop("auth", "NONE"), **more)
    client.put_method_response(**place, statusCode="200")
    templates = {"application/json": '{"statusCode": 200}'}
    client.put_integration(**place, type="MOCK", requestTemplates=templates)
    answers = {"application/json": body}
    client.put_integration_response(**place, statusCode="200", responseTemplates=answers)


@pytest.fixture
def client(aws: Any) -> Any:
    return aws.client("apigateway")


@pytest.fixture
def api(client: Any) -> Any:
    return client.create_rest_api(name="pets", endpointConfiguration={"types": ["REGIONAL"]})


def test_a_new_api_has_a_root_and_nothing_else(client: Any, api: Any) -> None:
    assert client.get_resources(restApiId=api["id"])["items"] == [
        {"id": api["rootResourceId"], "path": "/"}
    ]
    assert client.get_rest_api(restApiId=api["id"])["name"] == "pets"
    assert [each["id"] for each in client.get_rest_apis()["items"]] == [api["id"]]


def test_changes_reach_clients_only_when_they_are_deployed(aws: Any, client: Any, api: Any) -> None:
    """A deployment is a snapshot (developer guide, "Deploy REST APIs")."""
    root = api["rootResourceId"]
    mock(client, api["id"], root, "GET", '{"version": 1}')
    client.create_deployment(restApiId=api["id"], stageName="prod")
    assert request(aws, api["id"], "/prod").data == b'{"version": 1}'
    place = {"restApiId": api["id"], "resourceId": root, "httpMethod": "GET", "statusCode": "200"}
    change = {"op": "replace", "path": "/responseTemplates/application~1json", "value": '{"v": 2}'}
    client.update_integration_response(**place, patchOperations=[change])
    assert request(aws, api["id"], "/prod").data == b'{"version": 1}'
    client.create_deployment(restApiId=api["id"], stageName="prod")
    assert request(aws, api["id"], "/prod/").data == b'{"v": 2}'


def test_unknown_paths_and_stages_are_refused_as_aws_does(aws: Any, client: Any, api: Any) -> None:
    mock(client, api["id"], api["rootResourceId"], "GET", "{}")
    client.create_deployment(restApiId=api["id"], stageName="prod")
    wrong = request(aws, api["id"], "/prod/nothing")
    assert (wrong.status, json.loads(wrong.data)) == (
        403,
        {"message": "Missing Authentication Token"},
    )
    assert wrong.headers["x-amzn-ErrorType"] == "MissingAuthenticationTokenException"
    assert request(aws, api["id"], "/prod", "POST").status == 403
    stage = request(aws, api["id"], "/test")
    assert (stage.status, json.loads(stage.data)) == (403, {"message": "Forbidden"})


def test_sams_preflight_answers_with_its_headers(aws: Any, client: Any) -> None:
    """What SAM's Cors makes: a MOCK integration in the document."""
    api = client.import_rest_api(body=json.dumps(PREFLIGHT))
    assert api["name"] == "items"
    client.create_deployment(restApiId=api["id"], stageName="Prod")
    answer = request(aws, api["id"], "/Prod/items/7", "OPTIONS")
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.data == b"{}\n"


def test_overwriting_with_a_document_removes_what_it_does_not_name(client: Any, api: Any) -> None:
    other = client.create_resource(
        restApiId=api["id"], parentId=api["rootResourceId"], pathPart="other"
    )
    client.put_rest_api(restApiId=api["id"], mode="merge", body=json.dumps(PREFLIGHT))
    found = {each["path"]: each for each in client.get_resources(restApiId=api["id"])["items"]}
    assert set(found) == {"/", "/items", "/items/{id}", "/other"}
    assert found["/other"]["id"] == other["id"]
    client.put_rest_api(restApiId=api["id"], mode="overwrite", body=json.dumps(PREFLIGHT))
    found = {each["path"]: each for each in client.get_resources(restApiId=api["id"])["items"]}
    assert set(found) == {"/", "/items", "/items/{id}"}
    assert found["/items/{id}"]["resourceMethods"] == {"OPTIONS": {}}


def test_two_children_cannot_have_one_name(client: Any, api: Any) -> None:
    place = {"restApiId": api["id"], "parentId": api["rootResourceId"]}
    client.create_resource(**place, pathPart="pets")
    with pytest.raises(client.exceptions.ConflictException, match="already has this name: pets"):
        client.create_resource(**place, pathPart="pets")
    client.create_resource(**place, pathPart="{id}")
    with pytest.raises(client.exceptions.BadRequestException, match="only one is allowed"):
        client.create_resource(**place, pathPart="{name}")


def test_an_api_without_methods_cannot_be_deployed(client: Any, api: Any) -> None:
    with pytest.raises(client.exceptions.BadRequestException, match="doesn't contain any methods"):
        client.create_deployment(restApiId=api["id"])
    place = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "GET"}
    client.put_method(**place, authorizationType="NONE")
    with pytest.raises(client.exceptions.BadRequestException, match="No integration defined"):
        client.create_deployment(restApiId=api["id"])


def test_a_deployment_in_use_cannot_be_deleted(client: Any, api: Any) -> None:
    mock(client, api["id"], api["rootResourceId"], "GET", "{}")
    deployment = client.create_deployment(restApiId=api["id"], stageName="prod")["id"]
    with pytest.raises(client.exceptions.BadRequestException, match="must be moved or deleted"):
        client.delete_deployment(restApiId=api["id"], deploymentId=deployment)
    client.delete_stage(restApiId=api["id"], stageName="prod")
    client.delete_deployment(restApiId=api["id"], deploymentId=deployment)


def test_an_api_key_lets_in_what_it_is_planned_for(aws: Any, client: Any, api: Any) -> None:
    """ApiKeyRequired asks for a key of a usage plan that covers the stage."""
    mock(client, api["id"], api["rootResourceId"], "GET", "{}", apiKeyRequired=True)
    client.create_deployment(restApiId=api["id"], stageName="prod")
    key = client.create_api_key(name="k", enabled=True)
    headers = {"x-api-key": key["value"]}
    assert request(aws, api["id"], "/prod", headers=headers).status == 403
    stages = [{"apiId": api["id"], "stage": "prod"}]
    quota = {"limit": 2, "period": "DAY"}
    plan = client.create_usage_plan(name="p", apiStages=stages, quota=quota)
    client.create_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")
    assert request(aws, api["id"], "/prod", headers=headers).status == 200
    assert request(aws, api["id"], "/prod").data == b'{"message":"Forbidden"}'
    assert request(aws, api["id"], "/prod", headers=headers).status == 200
    third = request(aws, api["id"], "/prod", headers=headers)
    assert (third.status, third.data) == (429, b'{"message":"Limit Exceeded"}')


def test_iam_authorization_asks_for_a_signature(aws: Any, client: Any, api: Any) -> None:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    mock(client, api["id"], api["rootResourceId"], "GET", "{}", auth="AWS_IAM")
    client.create_deployment(restApiId=api["id"], stageName="prod")
    assert request(aws, api["id"], "/prod").status == 403
    url = f"{aws.url}/_aws/execute-api/{api['id']}/prod"

    def signed(who: Any) -> Any:
        unsigned = AWSRequest("GET", url)
        SigV4Auth(Credentials(who.access_key_id, who.secret), "execute-api", "us-east-1").add_auth(
            unsigned
        )
        return HTTP.request("GET", url, headers=dict(unsigned.headers))

    assert signed(aws).status == 200
    allowed = {
        "Effect": "Allow",
        "Action": "execute-api:Invoke",
        "Resource": f"arn:aws:execute-api:us-east-1:{aws.account}:{api['id']}/prod/GET/",
    }
    assert signed(aws.as_user("may", allowed)).status == 200
    refused = signed(aws.as_user("may-not"))
    assert refused.status == 403
    assert b"is not authorized to perform: execute-api:Invoke" in refused.data


def test_what_is_not_implemented_is_refused_by_name(client: Any, api: Any) -> None:
    place = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "GET"}
    client.put_method(**place, authorizationType="NONE")
    with pytest.raises(ClientError, match="HTTP_PROXY integrations"):
        client.put_integration(
            **place, type="HTTP_PROXY", integrationHttpMethod="GET", uri="http://example.com"
        )
    templates = {"application/json": "#macro(x)#end"}
    with pytest.raises(ClientError, match="#macro"):
        client.put_integration(**place, type="MOCK", requestTemplates=templates)


def test_stage_variables_and_method_settings_are_patched(client: Any, api: Any) -> None:
    mock(client, api["id"], api["rootResourceId"], "GET", "{}")
    client.create_deployment(restApiId=api["id"], stageName="prod", variables={"color": "red"})
    place = {"restApiId": api["id"], "stageName": "prod"}
    client.update_stage(
        **place,
        patchOperations=[
            {"op": "replace", "path": "/variables/size", "value": "9"},
            {"op": "remove", "path": "/variables/color"},
            {"op": "replace", "path": "/*/*/logging/loglevel", "value": "INFO"},
            {"op": "replace", "path": "/*/*/throttling/rateLimit", "value": "7.5"},
        ],
    )
    stage = client.get_stage(**place)
    assert stage["variables"] == {"size": "9"}
    assert stage["methodSettings"]["*/*"]["loggingLevel"] == "INFO"
    assert stage["methodSettings"]["*/*"]["throttlingRateLimit"] == 7.5


def test_a_deleted_api_is_gone(aws: Any, client: Any, api: Any) -> None:
    mock(client, api["id"], api["rootResourceId"], "GET", "{}")
    client.create_deployment(restApiId=api["id"], stageName="prod")
    client.delete_rest_api(restApiId=api["id"])
    assert request(aws, api["id"], "/prod").status == 403
    with pytest.raises(client.exceptions.NotFoundException, match="Invalid API identifier"):
        client.get_rest_api(restApiId=api["id"])


def test_a_policy_on_paths_limits_what_a_user_may_do(aws: Any, client: Any, api: Any) -> None:
    """API Gateway's actions are HTTP verbs, its resources are paths (Service Authorization
    Reference).
    """
    arn = f"arn:aws:apigateway:us-east-1::/restapis/{api['id']}*"
    reader = aws.as_user("r", {"Effect": "Allow", "Action": "apigateway:GET", "Resource": arn})
    reader.client("apigateway").get_rest_api(restApiId=api["id"])
    with pytest.raises(ClientError, match="apigateway:DELETE"):
        reader.client("apigateway").delete_rest_api(restApiId=api["id"])


def test_tags_of_apis_and_stages(client: Any, api: Any) -> None:
    mock(client, api["id"], api["rootResourceId"], "GET", "{}")
    client.create_deployment(restApiId=api["id"], stageName="prod")
    arn = f"arn:aws:apigateway:us-east-1::/restapis/{api['id']}/stages/prod"
    client.tag_resource(resourceArn=arn, tags={"a": "1", "b": "2"})
    client.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert client.get_tags(resourceArn=arn)["tags"] == {"b": "2"}


def test_gateway_responses_can_be_changed(aws: Any, client: Any, api: Any) -> None:
    mock(client, api["id"], api["rootResourceId"], "GET", "{}")
    client.put_gateway_response(
        restApiId=api["id"],
        responseType="DEFAULT_4XX",
        responseParameters={"gatewayresponse.header.Access-Control-Allow-Origin": "'*'"},
        responseTemplates={"application/json": '{"error":$context.error.messageString}'},
    )
    client.create_deployment(restApiId=api["id"], stageName="prod")
    answer = request(aws, api["id"], "/prod/none")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.data == b'{"error":"Missing Authentication Token"}'


def test_a_method_may_put_into_a_table_without_a_function(aws: Any, client: Any, api: Any) -> None:
    """An AWS integration: a mapping template makes the request of dynamodb:action/PutItem."""
    key = [{"AttributeName": "id", "KeyType": "HASH"}]
    aws.client("dynamodb").create_table(
        TableName="texts",
        KeySchema=key,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "apigateway.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    iam = aws.client("iam")
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    template = """{
        "TableName": "texts",
        "Item": {"id": {"S": "$context.requestId"}, "text": {"S": "$input.path('$.text')"}}
    }"""
    place = {
        "restApiId": api["id"],
        "resourceId": api["rootResourceId"],
        "httpMethod": "POST",
    }
    client.put_method(**place, authorizationType="NONE")
    client.put_integration(
        **place,
        type="AWS",
        integrationHttpMethod="POST",
        uri="arn:aws:apigateway:us-east-1:dynamodb:action/PutItem",
        credentials=role,
        requestTemplates={"application/json": template},
    )
    for status, pattern in (("200", None), ("400", "4\\d{2}")):
        client.put_method_response(**place, statusCode=status)
        selection = {} if pattern is None else {"selectionPattern": pattern}
        client.put_integration_response(**place, statusCode=status, **selection)
    client.create_deployment(restApiId=api["id"], stageName="prod")
    body = json.dumps({"text": "hello"})
    refused = request(aws, api["id"], "/prod", "POST", body=body)
    assert refused.status == 400
    assert refused.json()["__type"] == "AccessDeniedException"
    allowed = {"Effect": "Allow", "Action": "dynamodb:PutItem", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=document)
    assert request(aws, api["id"], "/prod", "POST", body=body).data == b"{}"
    (item,) = aws.resource("dynamodb").Table("texts").scan()["Items"]
    assert item["text"] == "hello"
