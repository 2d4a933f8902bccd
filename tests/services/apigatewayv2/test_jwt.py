"""JWT authorizers: tokens as issuers make them, with keys that the test made."""

from __future__ import annotations

import asyncio
import base64
from functools import lru_cache
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from freehold.services.apigatewayv2 import jwt, store
from freehold.services.apigatewayv2.records import IssuerKeys
from tests.services.apis import ACCOUNT, FUNCTION, REGION, URI, Platform, json_body, platform

__all__ = ["platform"]

ISSUER = "https://issuer.example"
NOW = 1_750_000_000.0
CLAIMS = {"iss": ISSUER, "aud": "me", "exp": NOW + 60, "scope": "read write", "groups": ["a", "b"]}


@lru_cache(maxsize=1)
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_key(kid: str = "k1") -> dict[str, Any]:
    numbers = key().public_key().public_numbers()
    return {"kid": kid, "kty": "RSA", "e": _number(numbers.e), "n": _number(numbers.n)}


def token(claims: dict[str, Any], **header: Any) -> str:
    head = {"alg": "RS256", "kid": "k1", **header}
    signed = f"{_part(orjson.dumps(head))}.{_part(orjson.dumps(claims))}"
    signature = key().sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signed}.{_part(signature)}"


def _number(value: int) -> str:
    return _part(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _part(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def test_a_good_token_gives_its_claims() -> None:
    found = jwt.claims("Bearer " + token(CLAIMS), [public_key()], ISSUER, ["you", "me"], NOW)
    assert jwt.scopes(found) == ["read", "write"]
    assert jwt.shown(found, [])["claims"]["groups"] == "[a b]"


@pytest.mark.parametrize(
    ("changes", "header"),
    [
        ({"iss": "https://other.example"}, {}),
        ({"aud": "you"}, {}),
        ({"exp": NOW}, {}),
        ({"exp": None}, {}),
        ({"nbf": NOW + 1}, {}),
        ({"iat": NOW + 1}, {}),
        ({"exp": "soon"}, {}),
        ({}, {"alg": "none"}),
        ({}, {"alg": "HS256"}),
        ({}, {"kid": "k2"}),
        ({}, {"kid": None}),
    ],
)
def test_a_bad_token_gives_nothing(changes: dict[str, Any], header: dict[str, Any]) -> None:
    with pytest.raises(jwt.InvalidToken):
        jwt.claims(token({**CLAIMS, **changes}, **header), [public_key()], ISSUER, ["me"], NOW)


def test_a_changed_token_gives_nothing() -> None:
    head, _, signature = token(CLAIMS).split(".")
    forged = _part(orjson.dumps({**CLAIMS, "sub": "root"}))
    for changed in (f"{head}.{forged}.{signature}", f"{head}.{forged}.", "x", "a.b.c"):
        with pytest.raises(jwt.InvalidToken):
            jwt.claims(changed, [public_key()], ISSUER, ["me"], NOW)


def test_a_route_asks_for_a_token_with_one_of_its_scopes(platform: Platform) -> None:
    """The issuer's keys were fetched before: nothing here reaches out."""
    platform.functions[FUNCTION] = lambda event: event["requestContext"]["authorizer"]
    api_id = platform.do("apigatewayv2", "CreateApi", Name="a", ProtocolType="HTTP")["ApiId"]
    place = {"ApiId": api_id}
    platform.do("apigatewayv2", "CreateStage", **place, StageName="$default", AutoDeploy=True)
    authorizer = platform.do(
        "apigatewayv2",
        "CreateAuthorizer",
        **place,
        Name="jwt",
        AuthorizerType="JWT",
        IdentitySource=["$request.header.Authorization"],
        JwtConfiguration={"Issuer": ISSUER, "Audience": ["me"]},
    )["AuthorizerId"]
    integration = platform.do(
        "apigatewayv2",
        "CreateIntegration",
        **place,
        IntegrationType="AWS_PROXY",
        IntegrationUri=URI,
        PayloadFormatVersion="2.0",
    )["IntegrationId"]
    for path, scope in (("/open", "write"), ("/closed", "admin")):
        platform.do(
            "apigatewayv2",
            "CreateRoute",
            **place,
            RouteKey=f"GET {path}",
            Target=f"integrations/{integration}",
            AuthorizationType="JWT",
            AuthorizerId=authorizer,
            AuthorizationScopes=[scope],
        )
    keys = IssuerKeys(keys=[public_key()], fetched_at=NOW)
    call = platform.node.call("apigatewayv2", "x", ACCOUNT, REGION, platform.root)
    asyncio.run(call.write(lambda inner: store.issuer_keys.save(inner, keys, ISSUER)))

    headers = (("authorization", f"Bearer {token(CLAIMS)}"),)
    said = json_body(platform.request(api_id, "/open", headers=headers))["jwt"]
    assert said["claims"]["aud"] == "me"
    assert said["scopes"] == ["read", "write"]
    refused = platform.request(api_id, "/closed", headers=headers)
    assert (refused.status, json_body(refused)) == (403, {"message": "Forbidden"})
    assert platform.request(api_id, "/open").status == 401
    late = (("authorization", token({**CLAIMS, "exp": NOW - 1})),)
    assert platform.request(api_id, "/open", headers=late).status == 401
