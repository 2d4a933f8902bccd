"""Payload format 2.0: what a function URL makes of an HTTP request, and of a function's answer."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import orjson

from freehold.kernel.http import HttpRequest, HttpResponse
from freehold.kernel.principal import Principal

Headers = tuple[tuple[str, str], ...]

_TEXT_TYPES = ("text/", "application/json", "application/javascript", "application/xml")
_TEXT_SUFFIXES = ("+json", "+xml")


def event(
    request: HttpRequest,
    body: bytes,
    *,
    url_id: str,
    caller: Principal | None,
    request_id: str,
    now: float,
) -> bytes:
    """The event, as "Request payload format" in the developer guide describes it. A caller is given
    where the URL asks who it is."""
    headers = _joined(pair for pair in request.headers if pair[0] != "cookie")
    cookies = [value for name, value in request.headers if name == "cookie"]
    moment = datetime.fromtimestamp(now, UTC)
    document: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": request.path or "/",
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": {
            "accountId": "anonymous" if caller is None else caller.account,
            "apiId": url_id,
            "domainName": request.host.partition(":")[0],
            "domainPrefix": url_id,
            "http": {
                "method": request.method,
                "path": request.path or "/",
                "protocol": request.protocol,
                "sourceIp": request.source_ip,
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": request_id,
            "routeKey": "$default",
            "stage": "$default",
            "time": f"{moment:%d/%b/%Y:%H:%M:%S} +0000",
            "timeEpoch": int(now * 1000),
        },
        "isBase64Encoded": False,
    }
    if caller is not None:
        document["requestContext"]["authorizer"] = {"iam": _identity(request, caller)}
    if cookies:
        document["cookies"] = [part.strip() for line in cookies for part in line.split(";")]
    if request.query:
        pairs = parse_qsl(request.query, keep_blank_values=True)
        document["queryStringParameters"] = _joined(pairs)
    if body:
        document["body"], document["isBase64Encoded"] = _text(body, headers)
    return orjson.dumps(document)


def response(payload: bytes) -> HttpResponse:
    """What the function's answer means: an object with a statusCode is a response, all else a
    body."""
    try:
        answer = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return bad_gateway()
    if not isinstance(answer, dict) or "statusCode" not in answer:
        body = answer.encode() if isinstance(answer, str) else payload
        return HttpResponse(headers=(("content-type", "application/json"),), body=body)
    try:
        return _described(answer)
    except (ValueError, TypeError, AttributeError):
        return bad_gateway()


def bad_gateway() -> HttpResponse:
    return HttpResponse(
        status=502, headers=(("content-type", "text/plain"),), body=b"Internal Server Error"
    )


def forbidden() -> HttpResponse:
    body = orjson.dumps({"Message": "Forbidden"})
    return HttpResponse(status=403, headers=(("content-type", "application/json"),), body=body)


def cors_headers(cors: dict[str, Any], request: HttpRequest) -> Headers:
    """The headers for a request from another origin; none if the origin is not allowed."""
    origin = request.header("origin")
    allowed = cors.get("AllowOrigins", [])
    if origin is None or not ("*" in allowed or origin in allowed):
        return ()
    credentials = cors.get("AllowCredentials", False)
    any_origin = "*" in allowed and not credentials
    headers = [("access-control-allow-origin", "*" if any_origin else origin)]
    if not any_origin:
        headers.append(("vary", "Origin"))
    if credentials:
        headers.append(("access-control-allow-credentials", "true"))
    if cors.get("ExposeHeaders"):
        headers.append(("access-control-expose-headers", ",".join(cors["ExposeHeaders"])))
    return tuple(headers)


def preflight(cors: dict[str, Any], request: HttpRequest) -> HttpResponse:
    """The answer to a browser's question beforehand; the function is not asked."""
    headers = list(cors_headers(cors, request))
    if headers:
        for name, member in (("methods", "AllowMethods"), ("headers", "AllowHeaders")):
            if cors.get(member):
                headers.append((f"access-control-allow-{name}", ",".join(cors[member])))
        if "MaxAge" in cors:
            headers.append(("access-control-max-age", str(cors["MaxAge"])))
    return HttpResponse(status=200, headers=tuple(headers))


_ACCESS_KEY = re.compile(r"Credential=([A-Z0-9]+)")


def _identity(request: HttpRequest, caller: Principal) -> dict[str, Any]:
    signed = _ACCESS_KEY.search(request.header("authorization") or "")
    return {
        "accessKey": signed.group(1) if signed else "",
        "accountId": caller.account,
        "callerId": caller.id,
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": caller.arn,
        "userId": caller.id,
    }


def _described(answer: dict[str, Any]) -> HttpResponse:
    status = int(answer["statusCode"])
    if not 100 <= status <= 599:
        raise ValueError(status)
    headers = [(name.lower(), _header_text(v)) for name, v in (answer.get("headers") or {}).items()]
    headers += [("set-cookie", cookie) for cookie in answer.get("cookies") or ()]
    if all(name != "content-type" for name, _ in headers):
        headers.append(("content-type", "application/json"))
    body = answer.get("body")
    text = "" if body is None else body if isinstance(body, str) else orjson.dumps(body).decode()
    content = text.encode()
    if answer.get("isBase64Encoded"):
        try:
            content = base64.b64decode(text, validate=True)
        except binascii.Error as error:
            raise ValueError("body") from error
    return HttpResponse(status=status, headers=tuple(headers), body=content)


def _header_text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Values of the same name together, separated by commas."""
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _text(body: bytes, headers: dict[str, str]) -> tuple[str, bool]:
    """The body as text, or in base64 where it is not text."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind.startswith(_TEXT_TYPES) or kind.endswith(_TEXT_SUFFIXES):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True
