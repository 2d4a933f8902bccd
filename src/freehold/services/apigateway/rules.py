"""What makes a resource, a method or an integration valid, beyond what the model says."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from typing import Any

import msgspec
import orjson

from freehold.kernel.errors import not_implemented
from freehold.services.apigateway import errors
from freehold.services.apigateway.records import (
    Integration,
    IntegrationResponse,
    Method,
    Record,
    Resource,
)

HTTP_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "ANY")
METHOD_KEYS = (*HTTP_METHODS, "*")
AUTHORIZATION_TYPES = ("NONE", "AWS_IAM", "CUSTOM", "COGNITO_USER_POOLS", "JWT")
TIMEOUT_MS_MIN, TIMEOUT_MS_MAX = 50, 29_000
PASSTHROUGH_BEHAVIORS = ("WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER")
RESOURCES_MAX = 300
# Of a Lambda integration that is no proxy: 'Event' to have the function run later.
INVOCATION_TYPE = "integration.request.header.X-Amz-Invocation-Type"
# Goes without saying: what is sent is JSON.
CONTENT_TYPE = "integration.request.header.Content-Type"
# Services whose operations take and give JSON, by their names in integration URIs.
ACTION_SERVICES = {
    "dynamodb": "dynamodb",
    "events": "events",
    "kinesis": "kinesis",
    "logs": "logs",
    "ssm": "ssm",
    "states": "stepfunctions",
}

_PATH_PART = re.compile(r"[a-zA-Z0-9._\-:,$~!@*&'()+=%]+|\{[a-zA-Z0-9._\-:]+\+?\}")
_STAGE_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_VARIABLE_NAME = re.compile(r"[A-Za-z0-9_]+")
_VARIABLE_VALUE = re.compile(r"[A-Za-z0-9\-._~:/?#&=,@%]*")
_LAMBDA_PATH = re.compile(
    r"arn:[a-z-]+:apigateway:[a-z0-9-]+:lambda:path/(?:/)?2015-03-31/functions/(.+)/"
    r"(invocations|response-streaming-invocations)"
)
_STAGE_VARIABLE = re.compile(r"\$\{stageVariables\.([A-Za-z0-9_]+)\}")


def check_path_part(part: str, siblings: Iterable[Resource], parent: Resource) -> None:
    """A new resource's last step: well formed, and telling it apart from its siblings."""
    if not _PATH_PART.fullmatch(part):
        raise errors.bad_request(
            "Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path variable "
            "and curly braces at the beginning and the end."
        )
    if parent.path_part is not None and parent.path_part.endswith("+}"):
        raise errors.bad_request("Cannot create a child of a resource with a greedy path variable.")
    for sibling in siblings:
        if sibling.path_part == part:
            raise errors.conflict(
                f"Another resource with the same parent already has this name: {part}"
            )
        if part.startswith("{") and (sibling.path_part or "").startswith("{"):
            greedy = part.endswith("+}") == (sibling.path_part or "").endswith("+}")
            if greedy:
                raise errors.bad_request(
                    f"A sibling ({sibling.path_part}) of this resource already has a variable path "
                    "part -- only one is allowed"
                )


def child_path(parent: Resource, part: str) -> str:
    return f"{parent.path.rstrip('/')}/{part}"


def check_http_method(http_method: str) -> None:
    if http_method not in HTTP_METHODS:
        raise errors.bad_request(
            "Invalid HttpMethod specified. Valid options are "
            "GET,PUT,POST,DELETE,PATCH,OPTIONS,HEAD,ANY"
        )


def check_method(method: Method) -> None:
    if method.authorization_type not in AUTHORIZATION_TYPES:
        raise errors.bad_request(
            "Invalid Authorization type specified. Valid options are "
            "NONE, AWS_IAM, CUSTOM, COGNITO_USER_POOLS"
        )
    if method.authorization_type in ("COGNITO_USER_POOLS", "JWT"):
        raise not_implemented(f"authorizationType {method.authorization_type}")
    if method.authorization_type == "CUSTOM" and not method.authorizer_id:
        raise errors.bad_request(
            "Invalid authorizer ID specified. Setting the authorization type "
            "to CUSTOM or COGNITO_USER_POOLS requires a valid authorizer."
        )
    for name in method.request_parameters:
        if not re.fullmatch(
            r"method\.request\.(path|querystring|header|multivaluequerystring|"
            r"multivalueheader)\.[^.\s].*",
            name,
        ):
            raise errors.bad_request(f"Invalid mapping expression specified: {name}")


def check_integration(integration: Integration, services: Container[str]) -> None:
    """Refuse what AWS refuses, and by name what does not run here; `services` are those that do."""
    kind = integration.type
    if not TIMEOUT_MS_MIN <= integration.timeout_in_millis <= TIMEOUT_MS_MAX:
        raise errors.bad_request("Timeout should be between 50 ms and 29000 ms")
    if integration.passthrough_behavior not in PASSTHROUGH_BEHAVIORS:
        raise errors.bad_request(
            "Invalid passthrough behavior specified. Valid options are "
            "WHEN_NO_MATCH, WHEN_NO_TEMPLATES, NEVER"
        )
    if integration.connection_type == "VPC_LINK":
        raise not_implemented("integrations over a VPC link")
    if kind in ("HTTP", "HTTP_PROXY"):
        raise not_implemented(f"{kind} integrations")
    if kind == "MOCK":
        return
    if not integration.http_method:
        raise errors.bad_request("Enumeration value for HttpMethod must be non-empty")
    uri = integration.uri or ""
    if not uri.startswith("arn:") or ":apigateway:" not in uri:
        raise errors.bad_request("Invalid ARN specified in the request")
    parts = uri.split(":", 5)
    if len(parts) < 6 or not parts[5].startswith(("path/", "action/")):
        raise errors.bad_request("AWS ARN for integration must contain path or action")
    if parts[4] != "lambda":
        _check_action(integration, parts[4], parts[5], services)
        return
    if _LAMBDA_PATH.fullmatch(uri) is None:
        raise errors.bad_request("Invalid function ARN or invalid uri")
    others = set(integration.request_parameters) - {INVOCATION_TYPE, CONTENT_TYPE}
    if kind == "AWS" and others:
        raise not_implemented(f"requestParameters {min(others)} of AWS integrations")
    if uri.endswith("/response-streaming-invocations"):
        raise not_implemented("integrations that stream their response")


def action_of(uri: str) -> tuple[str, str]:
    """The service (as botocore names it) and operation of an integration with another service."""
    parts = uri.split(":", 5)
    return ACTION_SERVICES[parts[4]], parts[5].removeprefix("action/")


def _check_action(
    integration: Integration, service: str, target: str, services: Container[str]
) -> None:
    """An integration with another service: one that speaks JSON, is here, and is named by its
    action.
    """
    known = ACTION_SERVICES.get(service)
    if integration.type != "AWS" or known not in services or not target.startswith("action/"):
        kind = target.partition("/")[0]
        raise not_implemented(f"{integration.type} integrations with {service} by {kind}")
    if not integration.credentials:
        raise errors.bad_request("Role ARN must be specified for AWS integrations")
    others = set(integration.request_parameters) - {CONTENT_TYPE}
    if others:
        raise not_implemented(f"requestParameters {min(others)} of AWS integrations")


def function_arn(uri: str, stage_variables: Mapping[str, str]) -> str | None:
    """The function that an integration or authorizer URI names, or None if it names none."""
    found = _LAMBDA_PATH.fullmatch(with_stage_variables(uri, stage_variables))
    return None if found is None else found.group(1)


def with_stage_variables(text: str, stage_variables: Mapping[str, str]) -> str:
    return _STAGE_VARIABLE.sub(lambda match: stage_variables.get(match.group(1), ""), text)


def check_integration_response(answer: IntegrationResponse, method: Method) -> None:
    """Every mapped header must be declared by the method's response of the same status."""
    declared = method.method_responses.get(answer.status_code)
    for target in answer.response_parameters:
        if declared is None or target not in declared.response_parameters:
            raise errors.bad_request(
                f"Invalid mapping expression specified: Validation Result: warnings : [], errors : "
                f"[Invalid mapping expression parameter specified: {target}]"
            )


def check_stage_name(name: str) -> None:
    if not _STAGE_NAME.fullmatch(name):
        raise errors.bad_request("Stage name only allows a-zA-Z0-9_-")


def check_variables(variables: Mapping[str, str]) -> None:
    for name, value in variables.items():
        if not _VARIABLE_NAME.fullmatch(name):
            raise errors.bad_request(
                f"Stage variable name contains invalid characters: {name}. "
                "Please use only alphanumeric characters and underscores."
            )
        if not _VARIABLE_VALUE.fullmatch(value):
            raise errors.bad_request(
                f"Stage variable value contains invalid characters: {value}. "
                "Please use values with alphanumeric characters and the symbols "
                "' ', -', '.', '_', ':', '/', '?', '&', '=', and ','."
            )


def expanded_policy(policy: str, region: str, account: str, api_id: str) -> str:
    """A resource policy, with "execute-api:/..." written out as the ARN that it stands for."""
    try:
        document = orjson.loads(policy)
    except orjson.JSONDecodeError:
        raise errors.bad_request(
            "Invalid policy document. Please check the policy syntax and "
            "ensure that Principals are valid."
        ) from None
    prefix = f"arn:aws:execute-api:{region}:{account}:{api_id}"
    for statement in _listed(document.get("Statement", []) if isinstance(document, dict) else []):
        for key in ("Resource", "NotResource"):
            if isinstance(statement, dict) and key in statement:
                statement[key] = [
                    prefix + resource.removeprefix("execute-api:")
                    if isinstance(resource, str) and resource.startswith("execute-api:")
                    else resource
                    for resource in _listed(statement[key])
                ]
    return orjson.dumps(document).decode()


def check_tags(tags: Mapping[str, str]) -> None:
    for key in tags:
        if key.startswith("aws:") and not key.startswith("aws:cloudformation:"):
            raise errors.bad_request("Invalid tag key: aws: prefixed tag key names are not allowed")


def made(kind: type[Record], params: Mapping[str, Any], **members: Any) -> Any:
    """A record of the request's members that it has, and of others."""
    names = {field.encode_name for field in msgspec.structs.fields(kind)}
    document = {
        name: value for name, value in params.items() if name in names and value is not None
    }
    return msgspec.convert({**document, **members}, kind)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
