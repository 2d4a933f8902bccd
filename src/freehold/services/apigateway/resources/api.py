"""AWS::ApiGateway:: RestApi, Resource, Method, Model, RequestValidator, Authorizer,
GatewayResponse.
"""

from __future__ import annotations

from typing import Any

from freehold.kernel.call import Call
from freehold.kernel.resources import Made, Wanted
from freehold.services.apigateway import store
from freehold.services.apigateway.access import service
from freehold.services.apigateway.resources.properties import (
    boolean,
    booleans,
    camel,
    do,
    element_changes,
    json_text,
    known_only,
    replacements,
    retag,
    strings,
    tags,
    taken,
    text,
    undo,
)


@service.resource_type("AWS::ApiGateway::RestApi")
class RestApi:
    """Its body may lie in S3, and reading that waits: so what was made is found again by its
    token.
    """

    @staticmethod
    async def create(call: Call, wanted: Wanted) -> Made:
        body = await _body(call, wanted)
        return await call.write(_create_rest_api, wanted, body)

    @staticmethod
    async def update(call: Call, wanted: Wanted, made: Made) -> Made:
        body = await _body(call, wanted)
        return await call.write(_update_rest_api, wanted, made, body)

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        undo(call, "DeleteRestApi", restApiId=made.physical_id)
        store.tokens.delete(call, made.state.get("token", ""))


@service.resource_type("AWS::ApiGateway::Resource")
class Resource:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        properties = taken(wanted, "RestApiId", "ParentId", "PathPart")
        found = do(call, "CreateResource", **{camel(name): v for name, v in properties.items()})
        state = {"restApiId": properties["RestApiId"], "resourceId": found["id"]}
        return Made(physical_id=found["id"], attributes={"ResourceId": found["id"]}, state=state)

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        return made

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        undo(call, "DeleteResource", **made.state)


@service.resource_type("AWS::ApiGateway::Method")
class Method:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        return Made(physical_id=wanted.name(64), state=_put_method(call, wanted))

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        """Put a new one in its place: nobody sees the moment between, in one transaction."""
        undo(call, "DeleteMethod", **made.state)
        return Made(physical_id=made.physical_id, state=_put_method(call, wanted))

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        undo(call, "DeleteMethod", **made.state)


@service.resource_type("AWS::ApiGateway::Model")
class Model:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        properties = taken(wanted, "RestApiId", "Name", "ContentType", "Description", "Schema")
        name = properties.get("Name") or wanted.name(128, separator="")
        schema = properties.get("Schema")
        do(
            call,
            "CreateModel",
            restApiId=properties["RestApiId"],
            name=name,
            contentType=properties.get("ContentType", "application/json"),
            description=properties.get("Description"),
            schema=json_text(schema if schema is not None else {}),
        )
        state = {"restApiId": properties["RestApiId"], "modelName": name}
        return Made(physical_id=name, state=state)

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        schema = json_text(wanted.properties.get("Schema") or {})
        patches = replacements(wanted, {"Description": "/description"})
        patches.append({"op": "replace", "path": "/schema", "value": schema})
        do(call, "UpdateModel", **made.state, patchOperations=patches)
        return made

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        undo(call, "DeleteModel", **made.state)


@service.resource_type("AWS::ApiGateway::RequestValidator")
class RequestValidator:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        properties = taken(
            wanted, "RestApiId", "Name", "ValidateRequestBody", "ValidateRequestParameters"
        )
        found = do(
            call,
            "CreateRequestValidator",
            restApiId=properties["RestApiId"],
            name=properties.get("Name"),
            validateRequestBody=boolean(properties.get("ValidateRequestBody", False)),
            validateRequestParameters=boolean(properties.get("ValidateRequestParameters", False)),
        )
        state = {"restApiId": properties["RestApiId"], "requestValidatorId": found["id"]}
        attributes = {"RequestValidatorId": found["id"]}
        return Made(physical_id=found["id"], attributes=attributes, state=state)

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        paths = {
            "ValidateRequestBody": "/validateRequestBody",
            "ValidateRequestParameters": "/validateRequestParameters",
        }
        patches = [
            {
                "op": "replace",
                "path": path,
                "value": text(boolean(wanted.properties.get(name, False))),
            }
            for name, path in paths.items()
        ]
        do(call, "UpdateRequestValidator", **made.state, patchOperations=patches)
        return made

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        undo(call, "DeleteRequestValidator", **made.state)


@service.resource_type("AWS::ApiGateway::Authorizer")
class Authorizer:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        properties = taken(
            wanted,
            "RestApiId",
            "Name",
            "Type",
            "ProviderARNs",
            "AuthType",
            "AuthorizerUri",
            "AuthorizerCredentials",
            "IdentitySource",
            "IdentityValidationExpression",
            "AuthorizerResultTtlInSeconds",
        )
        given = {camel(name): value for name, value in properties.items()}
        if "authorizerResultTtlInSeconds" in given:
            given["authorizerResultTtlInSeconds"] = int(given["authorizerResultTtlInSeconds"])
        found = do(call, "CreateAuthorizer", **given)
        state = {"restApiId": properties["RestApiId"], "authorizerId": found["id"]}
        return Made(physical_id=found["id"], attributes={"AuthorizerId": found["id"]}, state=state)

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        names = (
            "Name",
            "Type",
            "AuthorizerUri",
            "AuthorizerCredentials",
            "IdentitySource",
            "IdentityValidationExpression",
            "AuthorizerResultTtlInSeconds",
            "AuthType",
        )
        patches = replacements(wanted, {name: f"/{camel(name)}" for name in names})
        do(call, "UpdateAuthorizer", **made.state, patchOperations=patches)
        return made

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        undo(call, "DeleteAuthorizer", **made.state)


@service.resource_type("AWS::ApiGateway::GatewayResponse")
class GatewayResponse:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        state = _put_gateway_response(call, wanted)
        name = wanted.name(64)
        return Made(physical_id=name, attributes={"Id": name}, state=state)

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        _put_gateway_response(call, wanted)
        return made

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        undo(call, "DeleteGatewayResponse", **made.state)


async def _body(call: Call, wanted: Wanted) -> bytes | None:
    """The OpenAPI document in the template or in S3, or None."""
    if wanted.properties.get("Body") is not None:
        return json_text(wanted.properties["Body"]).encode()
    location = wanted.properties.get("BodyS3Location")
    if location is None:
        return None
    place = known_only(
        f"{wanted.type}.BodyS3Location", location, "Bucket", "Key", "Version", "ETag"
    )
    params = {"Bucket": place["Bucket"], "Key": place["Key"]}
    if "Version" in place:
        params["VersionId"] = place["Version"]
    if "ETag" in place:
        params["IfMatch"] = place["ETag"]
    answer = await call.invoke("s3", "GetObject", params)
    body = answer["Body"]
    if isinstance(body, bytes):
        return body
    return b"".join([piece async for piece in body])


_REST_API_PROPERTIES = (
    "ApiKeySourceType",
    "BinaryMediaTypes",
    "Body",
    "BodyS3Location",
    "Description",
    "DisableExecuteApiEndpoint",
    "EndpointConfiguration",
    "FailOnWarnings",
    "MinimumCompressionSize",
    "Mode",
    "Name",
    "Parameters",
    "Policy",
    "Tags",
)


def _create_rest_api(call: Call, wanted: Wanted, body: bytes | None) -> Made:
    token = f"{wanted.stack_id}/{wanted.logical_id}/{wanted.token}"
    properties = taken(wanted, *_REST_API_PROPERTIES)
    api_id = store.tokens.find(call, token) if wanted.retried else None
    if api_id is None:
        name = properties.get("Name") or (wanted.name(128) if body is not None else "")
        found = do(call, "CreateRestApi", name=name, tags=tags(wanted))
        api_id = str(found["id"])
        store.tokens.save(call, api_id, token)
    return _apply(call, wanted, api_id, token, body)


def _update_rest_api(call: Call, wanted: Wanted, made: Made, body: bytes | None) -> Made:
    taken(wanted, *_REST_API_PROPERTIES)
    old = do(call, "GetRestApi", restApiId=made.physical_id).get("tags") or {}
    arn = f"arn:aws:apigateway:{call.region}::/restapis/{made.physical_id}"
    retag(call, arn, tags(wanted), old)
    return _apply(call, wanted, made.physical_id, made.state.get("token", ""), body)


def _apply(call: Call, wanted: Wanted, api_id: str, token: str, body: bytes | None) -> Made:
    """Lay the body over the API, then the properties, which win."""
    properties = wanted.properties
    if body is not None:
        do(
            call,
            "PutRestApi",
            restApiId=api_id,
            mode=properties.get("Mode", "overwrite"),
            failOnWarnings=boolean(properties.get("FailOnWarnings", False)),
            parameters=strings(properties.get("Parameters")) or None,
            body=body,
        )
    current = do(call, "GetRestApi", restApiId=api_id)
    paths = {
        "Name": "/name",
        "Description": "/description",
        "ApiKeySourceType": "/apiKeySource",
        "DisableExecuteApiEndpoint": "/disableExecuteApiEndpoint",
        "MinimumCompressionSize": "/minimumCompressionSize",
    }
    patches = [
        {"op": "replace", "path": path, "value": text(properties[name])}
        for name, path in paths.items()
        if properties.get(name) is not None
    ]
    patches += [
        {"op": "remove", "path": path}
        for name, path in paths.items()
        if name != "Name" and name in wanted.previous and properties.get(name) is None
    ]
    if properties.get("Policy") is not None:
        policy = json_text(properties["Policy"])
        patches.append({"op": "replace", "path": "/policy", "value": policy})
    elif wanted.previous.get("Policy") is not None:
        patches.append({"op": "remove", "path": "/policy"})
    configuration = properties.get("EndpointConfiguration") or {}
    known_only(f"{wanted.type}.EndpointConfiguration", configuration, "Types", "IpAddressType")
    if configuration.get("Types"):
        path = f"/endpointConfiguration/types/{current['endpointConfiguration']['types'][0]}"
        patches.append({"op": "replace", "path": path, "value": configuration["Types"][0]})
    if "BinaryMediaTypes" in properties or "BinaryMediaTypes" in wanted.previous:
        types = [each.replace("~1", "/") for each in properties.get("BinaryMediaTypes") or []]
        had = current.get("binaryMediaTypes") or []
        patches += element_changes("/binaryMediaTypes", types, had)
    if patches:
        do(call, "UpdateRestApi", restApiId=api_id, patchOperations=patches)
    return Made(
        physical_id=api_id,
        attributes={"RootResourceId": current["rootResourceId"], "RestApiId": api_id},
        state={"token": token},
    )


def _put_method(call: Call, wanted: Wanted) -> dict[str, str]:
    properties = taken(
        wanted,
        "RestApiId",
        "ResourceId",
        "HttpMethod",
        "AuthorizationType",
        "AuthorizerId",
        "AuthorizationScopes",
        "ApiKeyRequired",
        "RequestValidatorId",
        "OperationName",
        "RequestParameters",
        "RequestModels",
        "MethodResponses",
        "Integration",
    )
    place = {
        "restApiId": properties["RestApiId"],
        "resourceId": properties["ResourceId"],
        "httpMethod": properties["HttpMethod"],
    }
    do(
        call,
        "PutMethod",
        **place,
        authorizationType=properties.get("AuthorizationType", "NONE"),
        authorizerId=properties.get("AuthorizerId"),
        authorizationScopes=properties.get("AuthorizationScopes"),
        apiKeyRequired=boolean(properties.get("ApiKeyRequired", False)),
        requestValidatorId=properties.get("RequestValidatorId"),
        operationName=properties.get("OperationName"),
        requestParameters=booleans(properties.get("RequestParameters")),
        requestModels=strings(properties.get("RequestModels")),
    )
    for each in properties.get("MethodResponses") or []:
        do(
            call,
            "PutMethodResponse",
            **place,
            statusCode=text(each["StatusCode"]),
            responseParameters=booleans(each.get("ResponseParameters")),
            responseModels=strings(each.get("ResponseModels")),
        )
    if properties.get("Integration"):
        _put_integration(call, wanted.type, place, properties["Integration"])
    return place


def _put_integration(
    call: Call, what: str, place: dict[str, str], properties: dict[str, Any]
) -> None:
    integration = known_only(
        f"{what}.Integration",
        properties,
        "Type",
        "IntegrationHttpMethod",
        "Uri",
        "Credentials",
        "ConnectionType",
        "ConnectionId",
        "RequestParameters",
        "RequestTemplates",
        "PassthroughBehavior",
        "ContentHandling",
        "TimeoutInMillis",
        "CacheNamespace",
        "CacheKeyParameters",
        "IntegrationResponses",
    )
    given = {
        camel(name): value for name, value in integration.items() if name != "IntegrationResponses"
    }
    for name in ("requestParameters", "requestTemplates"):
        if name in given:
            given[name] = strings(given[name])
    if "timeoutInMillis" in given:
        given["timeoutInMillis"] = int(given["timeoutInMillis"])
    do(call, "PutIntegration", **place, **given)
    for each in integration.get("IntegrationResponses") or []:
        do(
            call,
            "PutIntegrationResponse",
            **place,
            statusCode=text(each["StatusCode"]),
            selectionPattern=each.get("SelectionPattern"),
            responseParameters=strings(each.get("ResponseParameters")),
            responseTemplates=strings(each.get("ResponseTemplates")),
            contentHandling=each.get("ContentHandling"),
        )


def _put_gateway_response(call: Call, wanted: Wanted) -> dict[str, str]:
    properties = taken(
        wanted, "RestApiId", "ResponseType", "StatusCode", "ResponseParameters", "ResponseTemplates"
    )
    place = {"restApiId": properties["RestApiId"], "responseType": properties["ResponseType"]}
    status = properties.get("StatusCode")
    do(
        call,
        "PutGatewayResponse",
        **place,
        statusCode=None if status is None else text(status),
        responseParameters=strings(properties.get("ResponseParameters")),
        responseTemplates=strings(properties.get("ResponseTemplates")),
    )
    return place
