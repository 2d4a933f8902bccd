"""CORS, which an HTTP API answers itself where it is configured."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from freehold.kernel.http import HttpResponse
from freehold.services.apigatewayv2.records import Cors

Headers = tuple[tuple[str, str], ...]


def is_preflight(method: str, headers: Mapping[str, str]) -> bool:
    return (
        method == "OPTIONS" and "origin" in headers and "access-control-request-method" in headers
    )


def preflight(cors: Cors, origin: str) -> HttpResponse:
    """The answer to a preflight: 204, with nothing of CORS in it if the origin is not allowed."""
    allowed = allowed_origin(cors, origin)
    if allowed is None:
        return HttpResponse(status=204)
    headers = [("access-control-allow-origin", allowed)]
    for name, values in (
        ("access-control-allow-methods", cors.allow_methods),
        ("access-control-allow-headers", cors.allow_headers),
    ):
        if values:
            headers.append((name, ",".join(values)))
    if cors.max_age is not None:
        headers.append(("access-control-max-age", str(cors.max_age)))
    if cors.allow_credentials:
        headers.append(("access-control-allow-credentials", "true"))
    return HttpResponse(status=204, headers=tuple(headers))


def applied(cors: Cors, origin: str | None, answer: HttpResponse) -> HttpResponse:
    """An integration's answer with the API's CORS headers in the place of its own."""
    headers = [each for each in answer.headers if not each[0].lower().startswith("access-control-")]
    allowed = None if origin is None else allowed_origin(cors, origin)
    if allowed is not None:
        headers.append(("access-control-allow-origin", allowed))
        if cors.expose_headers:
            headers.append(("access-control-expose-headers", ",".join(cors.expose_headers)))
        if cors.allow_credentials:
            headers.append(("access-control-allow-credentials", "true"))
    return msgspec.structs.replace(answer, headers=tuple(headers))


def allowed_origin(cors: Cors, origin: str) -> str | None:
    """What Access-Control-Allow-Origin says to this origin, or None."""
    for pattern in cors.allow_origins:
        if pattern == "*":
            return "*"
        if pattern.lower() == origin.lower():
            return origin
        scheme = pattern.removesuffix("*")
        if pattern in ("http://*", "https://*") and origin.lower().startswith(scheme):
            return origin
    return None
