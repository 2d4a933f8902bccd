"""What makes a route, an integration or an authorizer valid, beyond what the model says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from freehold.kernel.errors import not_implemented
from freehold.services.apigatewayv2 import errors, parameters
from freehold.services.apigatewayv2.records import Authorizer, Integration, Record, Route

R = TypeVar("R", bound=Record)

HTTP_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "ANY")
_STAGE_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_SEGMENT = re.compile(r"[^{}/]*|\{[A-Za-z0-9._\-]+\}")
_GREEDY = re.compile(r"\{[A-Za-z0-9._\-]+\+\}")
_LAMBDA_PATH = re.compile(
    r"arn:[a-z-]+:apigateway:[a-z0-9-]+:lambda:path/2015-03-31/functions/(.+)/invocations"
)
_STAGE_VARIABLE = re.compile(r"\$\{stageVariables\.([A-Za-z0-9_]+)\}")
_IDENTITY = re.compile(r"\$(request\.(header|querystring)\.|context\.|stageVariables\.)[^\s]+")


def check_route_key(key: str) -> None:
    if key == "$default":
        return
    method, space, path = key.partition(" ")
    if not space or method not in HTTP_METHODS or not path.startswith("/"):
        raise errors.bad_request(
            "The provided route key is not formatted properly for HTTP protocol. "
            "Format should be <http method> /<resource path> or $default"
        )
    *parts, last = path[1:].split("/")
    names = re.findall(r"\{([^}+]+)\+?\}", path)
    whole = all(_SEGMENT.fullmatch(part) for part in parts)
    if not whole or not (_SEGMENT.fullmatch(last) or _GREEDY.fullmatch(last)):
        raise errors.bad_request(f"The path {path} of the route key is not valid")
    if len(set(names)) != len(names):
        raise errors.bad_request(f"The path {path} has two variables of the same name")


def check_route(route: Route) -> None:
    check_route_key(route.route_key)
    if route.api_key_required:
        raise errors.bad_request("apiKeyRequired is not currently supported for HTTP APIs")
    if route.target is not None and not route.target.startswith("integrations/"):
        raise errors.bad_request("Invalid target: must be integrations/<integration-id>")
    if route.authorization_type in ("CUSTOM", "JWT") and not route.authorizer_id:
        raise errors.bad_request("AuthorizerId is required for the authorization type")


def check_integration(integration: Integration) -> None:
    """Refuse what AWS refuses, and by name what Freehold does not run."""
    kind = integration.integration_type
    if kind not in ("AWS_PROXY", "HTTP_PROXY"):
        raise errors.bad_request(
            f"{kind} is not a valid integration type for HTTP APIs: use AWS_PROXY or HTTP_PROXY"
        )
    if integration.integration_subtype:
        raise not_implemented(f"integrations with {integration.integration_subtype}")
    if integration.connection_type == "VPC_LINK":
        raise not_implemented("integrations over a VPC link")
    if kind == "HTTP_PROXY":
        raise not_implemented("HTTP_PROXY integrations")
    parameters.check(integration.request_parameters, integration.response_parameters)
    if integration.payload_format_version not in ("1.0", "2.0"):
        raise errors.bad_request("PayloadFormatVersion must be 1.0 or 2.0")
    if function_arn(integration.integration_uri or "", {}) is None:
        raise errors.bad_request("Integration Uri should be a valid Lambda function ARN")


def check_authorizer(authorizer: Authorizer) -> None:
    if authorizer.authorizer_type == "JWT":
        _check_jwt(authorizer)
        return
    if authorizer.authorizer_type != "REQUEST":
        raise not_implemented(f"authorizers of type {authorizer.authorizer_type}")
    if function_arn(authorizer.authorizer_uri or "", {}) is None:
        raise errors.bad_request(f"Invalid authorizer URI: {authorizer.authorizer_uri or ''}")
    version = authorizer.authorizer_payload_format_version
    if version not in ("1.0", "2.0"):
        raise errors.bad_request(
            "AuthorizerPayloadFormatVersion is a required parameter for REQUEST authorizer"
        )
    if authorizer.enable_simple_responses and version != "2.0":
        raise errors.bad_request("EnableSimpleResponses needs AuthorizerPayloadFormatVersion 2.0")
    if authorizer.authorizer_result_ttl_in_seconds and not authorizer.identity_source:
        raise errors.bad_request("Caching needs at least one identity source")
    for source in authorizer.identity_source:
        if not _IDENTITY.fullmatch(source):
            raise errors.bad_request(f"Invalid identity source: {source}")


def _check_jwt(authorizer: Authorizer) -> None:
    configuration = authorizer.jwt_configuration
    if configuration is None or not configuration.issuer.startswith("https://"):
        raise errors.bad_request("Issuer must be a valid https URL")
    if not configuration.audience:
        raise errors.bad_request("Audience is required for JWT authorizers")
    sources = authorizer.identity_source
    if len(sources) != 1 or not re.fullmatch(r"\$request\.(header|querystring)\..+", sources[0]):
        raise errors.bad_request(
            "JWT authorizers need one identity source in a header or the query"
        )


def check_stage_name(name: str) -> None:
    if name != "$default" and not _STAGE_NAME.fullmatch(name):
        raise errors.bad_request("Stage name only allows a-zA-Z0-9_- or $default")


def function_arn(uri: str, stage_variables: Mapping[str, str]) -> str | None:
    """The function that a URI names, itself or within API Gateway's own form; None if it names
    none.
    """
    resolved = _STAGE_VARIABLE.sub(
        lambda match: stage_variables.get(match.group(1), match.group(0)), uri
    )
    found = _LAMBDA_PATH.fullmatch(resolved)
    if found is not None:
        return found.group(1)
    return resolved if resolved.startswith("arn:") and ":lambda:" in resolved else None


def made(kind: type[R], params: Mapping[str, Any], **members: Any) -> R:
    """A record of the request's members that it has, and of others."""
    names = {field.encode_name for field in msgspec.structs.fields(kind)}
    given = {name: value for name, value in params.items() if name in names and value is not None}
    return msgspec.convert({**given, **members}, kind)


def updated(record: R, params: Mapping[str, Any], *members: str) -> R:
    """The record with those members that the request has. In maps, an empty string removes an
    entry.
    """
    document = msgspec.to_builtins(record)
    for member in members:
        value = params.get(member)
        if isinstance(value, dict) and isinstance(document.get(member), dict):
            merged = {**document[member], **value}
            document[member] = {k: v for k, v in merged.items() if v not in ("", {})}
        elif value is not None:
            document[member] = value
    return msgspec.convert(document, type(record))
