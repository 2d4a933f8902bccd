"""JSON web tokens: whether one is signed by its issuer, valid now, and meant for this API."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import Any

import orjson

# "Currently, only RSA-based algorithms are supported" (developer guide, JWT authorizers).
ALGORITHMS = {"RS256": "SHA256", "RS384": "SHA384", "RS512": "SHA512"}


class InvalidToken(ValueError):
    """The token proves nothing; the text says why."""


class UnknownKey(InvalidToken):
    """The token names a key that is not among the issuer's: they may have changed."""


def claims(
    token: str, keys: list[dict[str, Any]], issuer: str, audience: list[str], now: float
) -> dict[str, Any]:
    """The claims of a token whose signature, issuer, audience and times hold."""
    parts = token.removeprefix("Bearer ").strip().split(".")
    if len(parts) != 3:
        raise InvalidToken("the token is not of three parts")
    header, found = _object(parts[0]), _object(parts[1])
    algorithm = ALGORITHMS.get(str(header.get("alg")))
    if algorithm is None:
        raise InvalidToken("the algorithm is none that is supported")
    key = next((each for each in keys if each.get("kid") == header.get("kid")), None)
    if key is None or key.get("kty") != "RSA" or not header.get("kid"):
        raise UnknownKey("the key is none of the issuer's")
    _check_signature(key, algorithm, f"{parts[0]}.{parts[1]}".encode(), _decoded(parts[2]))
    if found.get("iss") != issuer:
        raise InvalidToken("the issuer is another")
    named = found.get("aud", found.get("client_id"))
    if not set(named if isinstance(named, list) else [named]) & set(audience):
        raise InvalidToken("the audience is another")
    _check_times(found, now)
    return found


def scopes(found: dict[str, Any]) -> list[str]:
    """What `scope` (a text) or `scp` (a text or list) grants."""
    granted = found.get("scope", found.get("scp", ""))
    return [str(each) for each in granted] if isinstance(granted, list) else str(granted).split()


def shown(found: dict[str, Any], wanted: Iterable[str]) -> dict[str, Any]:
    """The claims as events show them: every value is text."""
    texts = {name: _text(value) for name, value in found.items()}
    return {"claims": texts, "scopes": list(wanted) or None}


def _check_signature(key: dict[str, Any], algorithm: str, signed: bytes, signature: bytes) -> None:
    # Takes a while to import, and few APIs check tokens.
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    numbers = [int.from_bytes(_decoded(str(key.get(name, ""))), "big") for name in ("e", "n")]
    digest: hashes.HashAlgorithm = getattr(hashes, algorithm)()
    try:
        public = rsa.RSAPublicNumbers(numbers[0], numbers[1]).public_key()
        public.verify(signature, signed, padding.PKCS1v15(), digest)
    except (InvalidSignature, ValueError):
        raise InvalidToken("the signature does not hold") from None


def _check_times(found: dict[str, Any], now: float) -> None:
    times = {name: found.get(name) for name in ("exp", "nbf", "iat")}
    if any(not isinstance(each, int | float) for each in times.values() if each is not None):
        raise InvalidToken("a time is none")
    if times["exp"] is None or times["exp"] <= now:
        raise InvalidToken("the token has expired")
    if max(times["nbf"] or now, times["iat"] or now) > now:
        raise InvalidToken("the token is not valid yet")


def _object(part: str) -> dict[str, Any]:
    try:
        found = orjson.loads(_decoded(part))
    except orjson.JSONDecodeError:
        raise InvalidToken("a part is not JSON") from None
    if not isinstance(found, dict):
        raise InvalidToken("a part is no object")
    return found


def _decoded(part: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError):
        raise InvalidToken("a part is not base64") from None


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "[" + " ".join(_text(each) for each in value) + "]"
    return orjson.dumps(value).decode()
