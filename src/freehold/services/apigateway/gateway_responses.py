"""What API Gateway answers itself, and how an API may change that."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from freehold.kernel.http import HttpResponse
from freehold.services.apigateway.records import GatewayResponse

TEMPLATE = '{"message":$context.error.messageString}'
_ACCESS_DENIED_TEMPLATE = '{"Message":$context.error.messageString}'


class Default(NamedTuple):
    status: int
    message: str | None
    # x-amzn-ErrorType
    error: str


DEFAULTS = {
    "ACCESS_DENIED": Default(403, "Access Denied", "AccessDeniedException"),
    "API_CONFIGURATION_ERROR": Default(
        500, "Internal server error", "InternalServerErrorException"
    ),
    "AUTHORIZER_CONFIGURATION_ERROR": Default(500, None, "AuthorizerConfigurationException"),
    "AUTHORIZER_FAILURE": Default(500, None, "AuthorizerConfigurationException"),
    "BAD_REQUEST_BODY": Default(400, "Invalid request body", "BadRequestException"),
    "BAD_REQUEST_PARAMETERS": Default(400, "Invalid request parameters", "BadRequestException"),
    "EXPIRED_TOKEN": Default(
        403, "The security token included in the request is expired", "ExpiredTokenException"
    ),
    "INTEGRATION_FAILURE": Default(504, "Internal server error", "InternalServerErrorException"),
    "INTEGRATION_TIMEOUT": Default(
        504, "Endpoint request timed out", "InternalServerErrorException"
    ),
    "INVALID_API_KEY": Default(403, "Forbidden", "ForbiddenException"),
    "INVALID_SIGNATURE": Default(
        403,
        "The request signature we calculated does not match the signature you provided.",
        "InvalidSignatureException",
    ),
    "MISSING_AUTHENTICATION_TOKEN": Default(
        403, "Missing Authentication Token", "MissingAuthenticationTokenException"
    ),
    "QUOTA_EXCEEDED": Default(429, "Limit Exceeded", "LimitExceededException"),
    "REQUEST_TOO_LARGE": Default(413, "Request Too Long", "RequestTooLongException"),
    "RESOURCE_NOT_FOUND": Default(404, "Not Found", "NotFoundException"),
    "THROTTLED": Default(429, "Too Many Requests", "TooManyRequestsException"),
    "UNAUTHORIZED": Default(401, "Unauthorized", "UnauthorizedException"),
    "UNSUPPORTED_MEDIA_TYPE": Default(
        415, "Unsupported Media Type", "UnsupportedMediaTypeException"
    ),
    "WAF_FILTERED": Default(403, "Forbidden", "ForbiddenException"),
}
KINDS = frozenset(DEFAULTS) | {"DEFAULT_4XX", "DEFAULT_5XX"}

_VARIABLE = re.compile(r"\$(context|stageVariables|method\.request)\.([A-Za-z0-9_.\-]+)")
_UNHEARD: Mapping[str, GatewayResponse] = {}


class Refusal(Exception):
    """The gateway answers this request itself. `message` is what $context.error.message gives."""

    def __init__(self, kind: str, message: str | None = None, status: int | None = None) -> None:
        super().__init__(kind, message)
        self.kind = kind
        self.status = status or DEFAULTS[kind].status
        self.message = DEFAULTS[kind].message if message is None else message


def malformed_answer() -> Refusal:
    """A function answered a proxy integration with something else: 502, which no type has by
    default.
    """
    return Refusal("INTEGRATION_FAILURE", status=502)


def described(kind: str) -> GatewayResponse:
    """The response type as GetGatewayResponse shows it where nobody has changed it."""
    default = DEFAULTS.get(kind)
    return GatewayResponse(
        response_type=kind,
        status_code=None if default is None else str(default.status),
        response_templates={"application/json": TEMPLATE},
        default_response=True,
    )


def response(
    refusal: Refusal,
    custom: Mapping[str, GatewayResponse] = _UNHEARD,
    variables: Mapping[str, Any] = _UNHEARD,
    accept: str | None = None,
) -> HttpResponse:
    """The answer to a refused request, as the API's gateway responses have it.

    `variables` holds what templates may name, by whole name: "context.requestId",
    "stageVariables.color", "method.request.header.Origin".
    """
    default = DEFAULTS[refusal.kind]
    family = "DEFAULT_4XX" if default.status < 500 else "DEFAULT_5XX"
    own, wide = custom.get(refusal.kind), custom.get(family)
    found = own or wide
    known = {
        **variables,
        "context.error.message": refusal.message,
        "context.error.messageString": orjson.dumps(refusal.message).decode(),
        "context.error.responseType": refusal.kind,
    }
    status = found.status_code if found is not None else None
    media_type, template = _template(refusal.kind, found, accept)
    headers = [("Content-Type", media_type), ("x-amzn-ErrorType", default.error)]
    for target, value in (found.response_parameters if found is not None else {}).items():
        text = _parameter(value, known)
        if target.startswith("gatewayresponse.header.") and text is not None:
            name = target.removeprefix("gatewayresponse.header.")
            headers = [kept for kept in headers if kept[0].lower() != name.lower()]
            headers.append((name, text))
    return HttpResponse(
        status=int(status) if status else refusal.status,
        headers=tuple(headers),
        body=_render(template, known).encode(),
    )


def _template(kind: str, found: GatewayResponse | None, accept: str | None) -> tuple[str, str]:
    templates = found.response_templates if found is not None else {}
    for wanted in (accept or "").split(","):
        media_type = wanted.partition(";")[0].strip()
        if media_type in templates:
            return media_type, templates[media_type]
    if not templates:
        # Seen from outside, this one type says "Message".
        return "application/json", TEMPLATE if kind != "ACCESS_DENIED" else _ACCESS_DENIED_TEMPLATE
    if "application/json" in templates:
        return "application/json", templates["application/json"]
    return next(iter(templates.items()))


def _parameter(value: str, known: Mapping[str, Any]) -> str | None:
    """A parameter's value: a literal in single quotes, or the name of something."""
    if value.startswith("'") and value.endswith("'") and len(value) > 1:
        return value[1:-1]
    found = known.get(value)
    return None if found is None else str(found)


def _render(template: str, known: Mapping[str, Any]) -> str:
    def replaced(match: re.Match[str]) -> str:
        # A full stop after a name ends a sentence; names do not end in one.
        name = match.group(0)[1:].rstrip(".")
        rest = match.group(0)[1 + len(name) :]
        return str(known.get(name, "")) + rest

    return _VARIABLE.sub(replaced, template)
