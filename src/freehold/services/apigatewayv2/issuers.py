"""The keys of token issuers: fetched from them, kept in the store for two hours."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from typing import Any

import orjson

from freehold.kernel.call import Call
from freehold.services.apigatewayv2 import jwt, store
from freehold.services.apigatewayv2.records import Authorizer, IssuerKeys

# "API Gateway can cache the public key for two hours" (developer guide, JWT authorizers).
KEPT_S = 7200.0
# A token of an unknown key makes us look again, but not more often than this.
LOOK_AGAIN_S = 60.0
FETCH_S_MAX = 5.0
DOCUMENT_BYTES_MAX = 512 * 1024


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """An issuer may not send us elsewhere: to this machine's own network, say."""

    def redirect_request(self, *arguments: object) -> None:
        return None


class Unreachable(Exception):
    """The issuer does not answer with its keys."""


async def claims(call: Call, authorizer: Authorizer, token: str) -> dict[str, Any]:
    """The claims of a token that the authorizer accepts; jwt.InvalidToken or Unreachable."""
    configuration = authorizer.jwt_configuration
    assert configuration is not None, "a JWT authorizer has an issuer"
    issuer, audience = configuration.issuer, configuration.audience
    kept = await call.read(lambda inner: store.issuer_keys.find(inner, issuer))
    age_s = KEPT_S if kept is None else call.now - kept.fetched_at
    if kept is not None and age_s < KEPT_S:
        try:
            return jwt.claims(token, kept.keys, issuer, audience, call.now)
        except jwt.UnknownKey:
            if age_s < LOOK_AGAIN_S:
                raise
    keys = await asyncio.to_thread(_fetch, issuer)
    fresh = IssuerKeys(keys=keys, fetched_at=call.now)
    await call.write(lambda inner: store.issuer_keys.save(inner, fresh, issuer))
    return jwt.claims(token, keys, issuer, audience, call.now)


def _fetch(issuer: str) -> list[dict[str, Any]]:
    """The keys, from where the issuer's OpenID configuration says that they are."""
    configuration = _document(issuer.rstrip("/") + "/.well-known/openid-configuration")
    keys = _document(str(configuration.get("jwks_uri", ""))).get("keys")
    if not isinstance(keys, list):
        raise Unreachable(f"{issuer} has no keys")
    return [key for key in keys if isinstance(key, dict)]


def _document(url: str) -> dict[str, Any]:
    if not url.startswith("https://"):
        raise Unreachable(f"{url} is not https")
    try:
        opener = urllib.request.build_opener(_NoRedirects())
        with opener.open(url, timeout=FETCH_S_MAX) as answer:
            found = orjson.loads(answer.read(DOCUMENT_BYTES_MAX))
    except (OSError, urllib.error.URLError, orjson.JSONDecodeError) as error:
        raise Unreachable(f"{url}: {error}") from None
    if not isinstance(found, dict):
        raise Unreachable(f"{url} holds no object")
    return found
