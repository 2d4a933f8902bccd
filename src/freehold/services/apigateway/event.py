"""The Lambda proxy event of a request (format 1.0), and the HTTP response of a function's
answer.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import orjson

from freehold.kernel.http import HttpRequest, HttpResponse
from freehold.services.apigateway.records import Resource

Headers = tuple[tuple[str, str], ...]

# "Amazon API Gateway important notes": what a backend may not say under its own name ...
REMAPPED_HEADERS = frozenset(
    {
        "authorization",
        "connection",
        "content-md5",
        "date",
        "max-forwards",
        "server",
        "user-agent",
        "www-authenticate",
    }
)
# ... and what it may not say at all.
DROPPED_HEADERS = frozenset(
    {
        "content-length",
        "expect",
        "host",
        "proxy-authenticate",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
    }
)
# Request headers as the clients that API Gateway's documentation shows write them. Names arrive
# here in
# lower case; functions look for "Authorization", so the well-known ones get their usual form back.
_USUAL_NAMES = {
    name.lower(): name
    for name in (
        "Accept",
        "Accept-Charset",
        "Accept-Encoding",
        "Accept-Language",
        "Access-Control-Request-Headers",
        "Access-Control-Request-Method",
        "Authorization",
        "Cache-Control",
        "Content-Encoding",
        "Content-Length",
        "Content-Type",
        "Cookie",
        "Date",
        "Forwarded",
        "Host",
        "If-Match",
        "If-Modified-Since",
        "If-None-Match",
        "If-Unmodified-Since",
        "Origin",
        "Pragma",
        "Range",
        "Referer",
        "Upgrade-Insecure-Requests",
        "User-Agent",
        "Via",
        "X-Amz-Date",
        "X-Amz-Security-Token",
        "X-Amzn-Trace-Id",
        "X-Forwarded-For",
        "X-Forwarded-Port",
        "X-Forwarded-Proto",
        "X-Requested-With",
    )
}
# A function never sees these of the client's.
_WITHHELD_HEADERS = frozenset(
    {"connection", "expect", "te", "trailer", "transfer-encoding", "upgrade"}
)


class MalformedAnswer(ValueError):
    """The function's answer is not what a proxy integration has to return."""


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What API Gateway adds of its own to a request: the material of requestContext and
    $context.
    """

    account: str
    api_id: str
    stage: str
    stage_variables: Mapping[str, str]
    request_id: str
    extended_request_id: str
    domain_name: str
    trace_id: str
    # "https" or "http": what the client really spoke.
    scheme: str
    now: float
    # Members of requestContext.identity that an authorization has found out.
    identity: Mapping[str, Any] = {}
    authorizer: Mapping[str, Any] | None = None


def proxy_event(
    request: HttpRequest,
    resource: Resource,
    path: str,
    path_parameters: Mapping[str, str],
    body: bytes,
    context: Context,
    binary_media_types: Iterable[str],
) -> dict[str, Any]:
    """The event of a Lambda proxy integration; `path` is without the stage."""
    headers = multi_headers(request, context)
    query = multi_query(request.query)
    text, encoded = encoded_body(body, request.header("content-type"), binary_media_types)
    return {
        "resource": resource.path,
        "path": path,
        "httpMethod": request.method,
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": dict(path_parameters) or None,
        "stageVariables": dict(context.stage_variables) or None,
        "requestContext": request_context(request, resource, context),
        "body": text,
        "isBase64Encoded": encoded,
    }


def request_context(request: HttpRequest, resource: Resource, context: Context) -> dict[str, Any]:
    moment = datetime.fromtimestamp(context.now, UTC)
    found: dict[str, Any] = {
        "resourceId": resource.id,
        "resourcePath": resource.path,
        "httpMethod": request.method,
        "extendedRequestId": context.extended_request_id,
        "requestTime": f"{moment:%d/%b/%Y:%H:%M:%S} +0000",
        "path": request.path,
        "accountId": context.account,
        "protocol": request.protocol,
        "stage": context.stage,
        "domainPrefix": context.domain_name.partition(".")[0],
        "requestTimeEpoch": int(context.now * 1000),
        "requestId": context.request_id,
        "identity": {
            "cognitoIdentityPoolId": None,
            "accountId": None,
            "cognitoIdentityId": None,
            "caller": None,
            "sourceIp": request.source_ip,
            "principalOrgId": None,
            "accessKey": None,
            "cognitoAuthenticationType": None,
            "cognitoAuthenticationProvider": None,
            "userArn": None,
            "userAgent": request.header("user-agent"),
            "user": None,
            **context.identity,
        },
        "domainName": context.domain_name,
        "apiId": context.api_id,
    }
    if context.authorizer is not None:
        found["authorizer"] = dict(context.authorizer)
    return found


def multi_headers(request: HttpRequest, context: Context) -> dict[str, list[str]]:
    """The request's headers, and those that API Gateway adds."""
    added = {
        "x-amzn-trace-id": context.trace_id,
        "x-forwarded-port": _port(request.host, context.scheme),
        "x-forwarded-proto": context.scheme,
    }
    headers: dict[str, list[str]] = {}
    forwarded = [value for name, value in request.headers if name == "x-forwarded-for"]
    withheld = {*_WITHHELD_HEADERS, *added, "x-forwarded-for"}
    kept = [
        pair for pair in request.sent_headers or request.headers if pair[0].lower() not in withheld
    ]
    for name, value in (*kept, *added.items()):
        headers.setdefault(usual_name(name), []).append(value)
    headers["X-Forwarded-For"] = [", ".join([*forwarded, request.source_ip])]
    return headers


def usual_name(name: str) -> str:
    """A header's name as clients usually write it."""
    return _USUAL_NAMES.get(name, name)


def multi_query(query: str) -> dict[str, list[str]]:
    """Every parameter's values in order, decoded."""
    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        found.setdefault(name, []).append(value)
    return found


def encoded_body(
    body: bytes, content_type: str | None, binary_media_types: Iterable[str]
) -> tuple[str | None, bool]:
    """The body as a JSON string can hold it, and whether that is base64."""
    if not body:
        return None, False
    if is_binary(content_type, binary_media_types):
        return base64.b64encode(body).decode(), True
    return body.decode(errors="replace"), False


def is_binary(media_type: str | None, binary_media_types: Iterable[str]) -> bool:
    """Whether the API declares the type binary: "*/*", "image/*" or the type itself."""
    types = set(binary_media_types)
    if not types:
        return False
    plain = (media_type or "application/json").partition(";")[0].strip().lower()
    return bool(types & {"*/*", plain, f"{plain.partition('/')[0]}/*"})


def proxy_response(
    payload: bytes, accept: str | None, binary_media_types: Iterable[str]
) -> HttpResponse:
    """The response of a function's answer; MalformedAnswer if it has not the form of one."""
    answer = _parsed(payload)
    headers = _answer_headers(answer)
    names = {name.lower() for name, _ in headers}
    content_type = next((value for name, value in headers if name.lower() == "content-type"), None)
    if "content-type" not in names:
        headers.append(("Content-Type", "application/json"))
    body = answer.get("body")
    text = "" if body is None else body if isinstance(body, str) else _as_json(body)
    content = text.encode()
    if answer.get("isBase64Encoded") is True and _wants_binary(
        accept, content_type, binary_media_types
    ):
        try:
            content = base64.b64decode(text, validate=True)
        except binascii.Error as error:
            raise MalformedAnswer("body is not base64") from error
    return HttpResponse(status=_status(answer), headers=remapped(headers), body=content)


def remapped(headers: Iterable[tuple[str, str]]) -> Headers:
    """A backend's headers under the names that API Gateway passes them on with."""
    return tuple(
        (f"x-amzn-Remapped-{name}" if name.lower() in REMAPPED_HEADERS else name, value)
        for name, value in headers
        if name.lower() not in DROPPED_HEADERS
    )


def _parsed(payload: bytes) -> dict[str, Any]:
    try:
        answer = orjson.loads(payload or b"null")
    except orjson.JSONDecodeError as error:
        raise MalformedAnswer("not JSON") from error
    if answer is None:
        answer = {}
    known = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}
    if not isinstance(answer, dict) or (answer and not known & answer.keys()):
        raise MalformedAnswer("not an object with a statusCode")
    return answer


def _status(answer: dict[str, Any]) -> int:
    # An answer without a status code counts as 200 only where there is an answer at all.
    status = answer.get("statusCode", 200)
    if isinstance(status, str) and status.isdigit():
        status = int(status)
    if not isinstance(status, int) or isinstance(status, bool) or not 100 <= status <= 599:
        raise MalformedAnswer("statusCode")
    return status


def _answer_headers(answer: dict[str, Any]) -> list[tuple[str, str]]:
    """Single headers and multi-value headers merged; the latter win for the same name."""
    single, multiple = _or_empty(answer.get("headers")), _or_empty(answer.get("multiValueHeaders"))
    if not isinstance(single, dict) or not isinstance(multiple, dict):
        raise MalformedAnswer("headers")
    found: list[tuple[str, str]] = []
    taken = {str(name).lower() for name in multiple}
    for name, value in single.items():
        if isinstance(value, dict | list):
            raise MalformedAnswer(f"header {name}")
        if name.lower() not in taken and value is not None:
            found.append((name, _header_text(value)))
    for name, values in multiple.items():
        if not isinstance(values, list):
            raise MalformedAnswer(f"header {name}")
        found.extend((name, _header_text(value)) for value in values if value is not None)
    return found


def _or_empty(value: Any) -> Any:
    return {} if value is None else value


def _header_text(value: Any) -> str:
    text = value if isinstance(value, str) else _as_json(value)
    if "\r" in text or "\n" in text:
        raise MalformedAnswer("a header holds a line break")
    return text


def _as_json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _wants_binary(
    accept: str | None, content_type: str | None, binary_media_types: Iterable[str]
) -> bool:
    """API Gateway looks at the first media type of Accept, or else at the answer's Content-Type."""
    types = list(binary_media_types)
    first = (accept or "").partition(",")[0].strip()
    if first and is_binary(first, types):
        return True
    return bool(content_type) and is_binary(content_type, types)


def _port(host: str, scheme: str) -> str:
    _, _, port = host.rpartition(":")
    return port if port.isdigit() else "443" if scheme == "https" else "80"
