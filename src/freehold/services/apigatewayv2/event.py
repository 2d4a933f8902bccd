"""The Lambda events of HTTP APIs, formats 1.0 and 2.0, and the responses of what functions
answer.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import orjson

from freehold.kernel.http import HttpRequest, HttpResponse

Headers = list[tuple[str, str]]

# A function never sees these of the client's, nor the client these of the function's.
_HOP_BY_HOP = frozenset(
    {
        "connection",
        "expect",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_WITHHELD_ANSWERS = _HOP_BY_HOP | {"content-length", "date", "server"}
# Bodies of these types are passed as text; all others as base64.
_TEXT_TYPES = frozenset(
    {
        "application/graphql",
        "application/javascript",
        "application/json",
        "application/xml",
    }
)
# Names arrive in lower case. Format 1.0 shows them as clients usually write them.
_USUAL_NAMES = {
    name.lower(): name
    for name in (
        "Accept",
        "Accept-Encoding",
        "Accept-Language",
        "Authorization",
        "Cache-Control",
        "Content-Length",
        "Content-Type",
        "Cookie",
        "Host",
        "If-Match",
        "If-None-Match",
        "Origin",
        "Range",
        "Referer",
        "User-Agent",
        "X-Amzn-Trace-Id",
        "X-Forwarded-For",
        "X-Forwarded-Port",
        "X-Forwarded-Proto",
    )
}


class MalformedAnswer(ValueError):
    """The function's answer is not what its format allows."""


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What API Gateway adds of its own: the material of requestContext."""

    account: str
    api_id: str
    stage: str
    stage_variables: Mapping[str, str]
    request_id: str
    domain_name: str
    trace_id: str
    # "https" or "http": what the client really spoke.
    scheme: str
    now: float
    route_key: str = "$default"
    # What the authorization found out: {"lambda": {...}}, {"iam": {...}}.
    authorizer: Mapping[str, Any] | None = None
    identity: Mapping[str, Any] = {}


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a request as events show them. `path` is decoded and begins with the stage,
    unless that is $default."""

    method: str
    path: str
    query: str
    headers: Mapping[str, list[str]]
    cookies: list[str]
    path_parameters: Mapping[str, str]
    body: bytes
    source_ip: str
    protocol: str

    def header(self, name: str) -> str | None:
        found = self.headers.get(name)
        return None if found is None else ",".join(found)


def given(
    request: HttpRequest,
    path: str,
    path_parameters: Mapping[str, str],
    body: bytes,
    context: Context,
) -> Given:
    """A request's parts, with the headers that API Gateway adds."""
    headers: dict[str, list[str]] = {}
    cookies: list[str] = []
    for name, value in request.headers:
        if name == "cookie":
            cookies.extend(part.strip() for part in value.split(";") if part.strip())
        if name not in _HOP_BY_HOP:
            headers.setdefault(name, []).append(value)
    _, _, port = request.host.rpartition(":")
    headers["x-amzn-trace-id"] = [context.trace_id]
    forwarded = headers.get("x-forwarded-for", [])
    headers["x-forwarded-for"] = [", ".join([*forwarded, request.source_ip])]
    headers["x-forwarded-port"] = [
        port if port.isdigit() else "443" if context.scheme == "https" else "80"
    ]
    headers["x-forwarded-proto"] = [context.scheme]
    return Given(
        method=request.method,
        path=path,
        query=request.query,
        headers=headers,
        cookies=cookies,
        path_parameters=path_parameters,
        body=body,
        source_ip=request.source_ip,
        protocol=request.protocol,
    )


def event_2(found: Given, context: Context) -> dict[str, Any]:
    """Format 2.0: single values, joined by commas; what is empty is left out."""
    query: dict[str, list[str]] = multi_query(found.query)
    text, encoded = encoded_body(found)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": context.route_key,
        "rawPath": found.path,
        "rawQueryString": found.query,
        "cookies": found.cookies or None,
        "headers": {n: ",".join(v) for n, v in found.headers.items() if n != "cookie"},
        "queryStringParameters": {name: ",".join(v) for name, v in query.items()} or None,
        "requestContext": _context_2(found, context),
        "pathParameters": dict(found.path_parameters) or None,
        "stageVariables": dict(context.stage_variables) or None,
        "body": text,
    }
    kept = {name: value for name, value in event.items() if value is not None}
    return {**kept, "isBase64Encoded": encoded}


def event_1(found: Given, resource: str, context: Context) -> dict[str, Any]:
    """Format 1.0: that of REST APIs, with the version said. What is empty is null."""
    query = multi_query(found.query)
    headers = {_USUAL_NAMES.get(name, name): values for name, values in found.headers.items()}
    text, encoded = encoded_body(found)
    return {
        "version": "1.0",
        "resource": resource,
        "path": found.path,
        "httpMethod": found.method,
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "requestContext": _context_1(found, resource, context),
        "pathParameters": dict(found.path_parameters) or None,
        "stageVariables": dict(context.stage_variables) or None,
        "body": text,
        "isBase64Encoded": encoded,
    }


def multi_query(query: str) -> dict[str, list[str]]:
    """Every parameter's values in order, decoded."""
    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        found.setdefault(name, []).append(value)
    return found


def encoded_body(found: Given) -> tuple[str | None, bool]:
    """The body as a JSON string can hold it, and whether that is base64."""
    if not found.body:
        return None, False
    media_type = (found.header("content-type") or "text/plain").partition(";")[0].strip().lower()
    textual = (
        media_type.startswith("text/")
        or media_type in _TEXT_TYPES
        or media_type.endswith(("+json", "+xml"))
    )
    if textual and found.header("content-encoding") is None:
        return found.body.decode(errors="replace"), False
    return base64.b64encode(found.body).decode(), True


def response_2(payload: bytes) -> HttpResponse:
    """The response of a function's answer in format 2.0; without a statusCode it is the body
    itself.
    """
    answer = _parsed(payload)
    if not isinstance(answer, dict) or "statusCode" not in answer:
        body = answer.encode() if isinstance(answer, str) else payload
        return HttpResponse(status=200, headers=(("content-type", "application/json"),), body=body)
    headers = _single_headers(answer)
    cookies = answer.get("cookies") or []
    if not isinstance(cookies, list):
        raise MalformedAnswer("cookies")
    headers += [("set-cookie", _text(cookie)) for cookie in cookies]
    return _response(answer, headers)


def response_1(payload: bytes) -> HttpResponse:
    """The response of a function's answer in format 1.0, which needs a statusCode."""
    answer = _parsed(payload)
    if not isinstance(answer, dict) or "statusCode" not in answer:
        raise MalformedAnswer("not an object with a statusCode")
    multiple = answer.get("multiValueHeaders") or {}
    if not isinstance(multiple, dict) or not all(isinstance(v, list) for v in multiple.values()):
        raise MalformedAnswer("multiValueHeaders")
    taken = {name.lower() for name in multiple}
    headers = [each for each in _single_headers(answer) if each[0] not in taken]
    for name, values in multiple.items():
        headers.extend((name.lower(), _text(value)) for value in values)
    return _response(answer, headers)


def _context_2(found: Given, context: Context) -> dict[str, Any]:
    members = {
        "accountId": context.account,
        "apiId": context.api_id,
        "authorizer": None if context.authorizer is None else dict(context.authorizer),
        "domainName": context.domain_name,
        "domainPrefix": context.domain_name.partition(".")[0],
        "http": {
            "method": found.method,
            "path": found.path,
            "protocol": found.protocol,
            "sourceIp": found.source_ip,
            "userAgent": found.header("user-agent") or "",
        },
        "requestId": context.request_id,
        "routeKey": context.route_key,
        "stage": context.stage,
        "time": _time(context.now),
        "timeEpoch": int(context.now * 1000),
    }
    return {name: value for name, value in members.items() if value is not None}


def _context_1(found: Given, resource: str, context: Context) -> dict[str, Any]:
    members: dict[str, Any] = {
        "accountId": context.account,
        "apiId": context.api_id,
        "domainName": context.domain_name,
        "domainPrefix": context.domain_name.partition(".")[0],
        "extendedRequestId": context.request_id,
        "httpMethod": found.method,
        "identity": {
            "accessKey": None,
            "accountId": None,
            "caller": None,
            "cognitoAmr": None,
            "cognitoAuthenticationProvider": None,
            "cognitoAuthenticationType": None,
            "cognitoIdentityId": None,
            "cognitoIdentityPoolId": None,
            "principalOrgId": None,
            "sourceIp": found.source_ip,
            "user": None,
            "userAgent": found.header("user-agent") or "",
            "userArn": None,
            **context.identity,
        },
        "path": found.path,
        "protocol": found.protocol,
        "requestId": context.request_id,
        "requestTime": _time(context.now),
        "requestTimeEpoch": int(context.now * 1000),
        "resourceId": context.route_key,
        "resourcePath": resource,
        "stage": context.stage,
    }
    if context.authorizer is not None:
        found_out = context.authorizer
        members["authorizer"] = found_out.get("lambda") or found_out.get("jwt") or dict(found_out)
    return members


def _time(now: float) -> str:
    return f"{datetime.fromtimestamp(now, UTC):%d/%b/%Y:%H:%M:%S} +0000"


def _parsed(payload: bytes) -> Any:
    try:
        return orjson.loads(payload or b"null")
    except orjson.JSONDecodeError as error:
        raise MalformedAnswer("not JSON") from error


def _single_headers(answer: dict[str, Any]) -> Headers:
    headers = answer.get("headers") or {}
    if not isinstance(headers, dict):
        raise MalformedAnswer("headers")
    return [(name.lower(), _text(value)) for name, value in headers.items() if value is not None]


def _response(answer: dict[str, Any], headers: Headers) -> HttpResponse:
    status = answer["statusCode"]
    if isinstance(status, str) and status.isdigit():
        status = int(status)
    if not isinstance(status, int) or isinstance(status, bool) or not 100 <= status <= 599:
        raise MalformedAnswer("statusCode")
    body = answer.get("body")
    if body is None:
        body = ""
    if not isinstance(body, str):
        raise MalformedAnswer("body is not a string")
    content = body.encode()
    if answer.get("isBase64Encoded") is True:
        try:
            content = base64.b64decode(body, validate=True)
        except binascii.Error as error:
            raise MalformedAnswer("body is not base64") from error
    kept = [each for each in headers if each[0] not in _WITHHELD_ANSWERS]
    if content and not any(name == "content-type" for name, _ in kept):
        kept.append(("content-type", "text/plain;charset=UTF-8"))
    return HttpResponse(status=status, headers=tuple(kept), body=content)


def _text(value: Any) -> str:
    if isinstance(value, dict | list):
        raise MalformedAnswer("a header is no text")
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    if "\r" in text or "\n" in text:
        raise MalformedAnswer("a header holds a line break")
    return text
