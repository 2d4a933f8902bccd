"""Parameter mapping of HTTP APIs: what an integration changes of requests and responses.

    append:header.NAME, overwrite:querystring.NAME, remove:header.NAME, overwrite:path   of requests
    append:header.NAME, overwrite:statuscode                                              of
    responses

A value is text with references in it: $request.header.NAME, ${request.path.id}, $context.stage,
$stageVariables.color, $response.header.NAME.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec
import orjson

from freehold.kernel.http import HttpResponse
from freehold.services.apigatewayv2 import errors, event
from freehold.services.apigatewayv2.event import Context, Given

_KEY = re.compile(r"(append|overwrite|remove):(header|querystring)\.([^\s]+)|overwrite:(path)")
_ANSWER_KEY = re.compile(r"(append|overwrite|remove):(header)\.([^\s]+)|overwrite:(statuscode)")
_REFERENCE = re.compile(
    r"\$(?:\{((?:request|response|context|stageVariables)\.[^}]+)\}"
    r"|((?:request|response|context|stageVariables)(?:\.[A-Za-z0-9_\-\[\]]*[A-Za-z0-9_\]])+))"
)
_RESERVED = re.compile(
    r"access-control-.*|apigw-.*|authorization|connection|content-encoding|content-length"
    r"|content-location|forwarded|keep-alive|origin|proxy-authenticate|proxy-authorization|te"
    r"|trailers|transfer-encoding|upgrade|x-amz-.*|x-amzn-.*|x-forwarded-(for|host|proto)|via"
)


def check(request: Mapping[str, str], response: Mapping[str, Mapping[str, str]]) -> None:
    for status, changes in response.items():
        if not re.fullmatch(r"[2-5]\d\d", status):
            raise errors.bad_request(f"Invalid status code of response parameters: {status}")
        _check_keys(changes, _ANSWER_KEY)
    _check_keys(request, _KEY)


def mapped(found: Given, changes: Mapping[str, str], context: Context) -> Given:
    """The request as the integration is to see it."""
    known = _request_values(found, context)
    headers = {name: list(values) for name, values in found.headers.items()}
    query = event.multi_query(found.query)
    path = found.path
    for key, expression in changes.items():
        match = _KEY.fullmatch(key)
        assert match is not None, key
        value = _written(expression, known)
        if match[4]:
            path = value
        elif match[2] == "header":
            _change(headers, match[1], match[3].lower(), value)
        else:
            _change(query, match[1], match[3], value)
    text = found.query
    if any(":querystring." in key for key in changes):
        text = urlencode(query, doseq=True)
    return msgspec.structs.replace(found, headers=headers, query=text, path=path)


def answered(
    answer: HttpResponse,
    changes: Mapping[str, Mapping[str, str]],
    found: Given,
    context: Context,
) -> HttpResponse:
    """The integration's answer as the client is to see it."""
    wanted = changes.get(str(answer.status))
    if not wanted:
        return answer
    headers: dict[str, list[str]] = {}
    for name, value in answer.headers:
        headers.setdefault(name.lower(), []).append(value)
    known = _context_values(found, context)
    for name, values in headers.items():
        known[f"response.header.{name}"] = ",".join(values)
    if isinstance(answer.body, bytes):
        known.update(_body_values("response", answer.body))
    status = answer.status
    for key, expression in wanted.items():
        match = _ANSWER_KEY.fullmatch(key)
        assert match is not None, key
        value = _written(expression, known)
        if not match[4]:
            _change(headers, match[1], match[3].lower(), value)
        elif value.isdigit() and 200 <= int(value) <= 599:
            status = int(value)
    flat = tuple((name, value) for name, values in headers.items() for value in values)
    return msgspec.structs.replace(answer, status=status, headers=flat)


def _check_keys(changes: Mapping[str, str], pattern: re.Pattern[str]) -> None:
    for key in changes:
        match = pattern.fullmatch(key)
        if match is None:
            raise errors.bad_request(f"Invalid mapping expression specified: {key}")
        if match[2] == "header" and _RESERVED.fullmatch(match[3].lower()):
            raise errors.bad_request(f"Operations on header {match[3]} are restricted")


def _change(values: dict[str, list[str]], act: str, name: str, value: str) -> None:
    if act == "remove":
        values.pop(name, None)
    elif act == "append":
        values.setdefault(name, []).append(value)
    else:
        values[name] = [value]


def _written(expression: str, known: Mapping[str, str]) -> str:
    """Text with its references replaced; what there is not is written as nothing."""

    def replaced(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name.startswith(("request.header.", "response.header.")):
            name = name.lower()
        return known.get(name, "")

    return _REFERENCE.sub(replaced, expression)


def _request_values(found: Given, context: Context) -> dict[str, str]:
    known = _context_values(found, context)
    known["request.path"] = found.path
    for name, value in found.path_parameters.items():
        known[f"request.path.{name}"] = value
    for name, values in found.headers.items():
        known[f"request.header.{name}"] = ",".join(values)
    for name, values in event.multi_query(found.query).items():
        known[f"request.querystring.{name}"] = ",".join(values)
    known.update(_body_values("request", found.body))
    return known


def _context_values(found: Given, context: Context) -> dict[str, str]:
    known = {
        "context.accountId": context.account,
        "context.apiId": context.api_id,
        "context.domainName": context.domain_name,
        "context.httpMethod": found.method,
        "context.identity.sourceIp": found.source_ip,
        "context.identity.userAgent": found.header("user-agent") or "",
        "context.path": found.path,
        "context.protocol": found.protocol,
        "context.requestId": context.request_id,
        "context.requestTimeEpoch": str(int(context.now)),
        "context.routeKey": context.route_key,
        "context.stage": context.stage,
    }
    for name, value in (context.authorizer or {}).get("lambda", {}).items():
        known[f"context.authorizer.{name}"] = str(value)
    for name, value in context.stage_variables.items():
        known[f"stageVariables.{name}"] = value
    return known


def _body_values(side: str, body: bytes) -> dict[str, str]:
    """A JSON body's scalars by their paths: request.body.a.b, request.body.list[0]."""
    known = {f"{side}.body": body.decode(errors="replace")}
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return known
    waiting: list[tuple[str, Any]] = [(f"{side}.body", document)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend((f"{path}.{name}", inner) for name, inner in value.items())
        elif isinstance(value, list):
            waiting.extend((f"{path}[{index}]", inner) for index, inner in enumerate(value))
        else:
            known[path] = value if isinstance(value, str) else orjson.dumps(value).decode()
    return known
