"""Signature Version 4: what a signature covers, and what it must be.

Pure functions, from "Signing AWS API requests" (IAM user guide) and "Authenticating requests" (S3 API
reference): header and query signatures, and the chunk signatures of streamed bodies.
"""

from __future__ import annotations

import hashlib
import hmac
from calendar import timegm
from functools import lru_cache
from time import strptime
from urllib.parse import quote, unquote_to_bytes

import msgspec

ALGORITHM = "AWS4-HMAC-SHA256"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
STREAMING_SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
STREAMING_SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
STREAMING_UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
STREAMING = frozenset({STREAMING_SIGNED, STREAMING_SIGNED_TRAILER, STREAMING_UNSIGNED_TRAILER})
PRESIGNED_S_MAX = 7 * 24 * 3600
SKEW_S_MAX = 15 * 60

Pairs = list[tuple[str, str]]


class Claim(msgspec.Struct, frozen=True):
    """What a request says of its signature. `expires_s` is set for a presigned URL."""

    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    timestamp: str
    session_token: str | None = None
    expires_s: int | None = None

    @property
    def scope(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


class Malformed(ValueError):
    """The signature's own text is broken; says how, in AWS's words."""


def claim_of_header(authorization: str, headers: dict[str, str]) -> Claim:
    """The claim of an Authorization header."""
    fields = _authorization_fields(authorization)
    try:
        credential = fields["Credential"]
        signed_headers = fields["SignedHeaders"]
        signature = fields["Signature"]
    except KeyError as error:
        raise Malformed(
            f"Authorization header requires '{error.args[0]}' parameter. Authorization={authorization}"
        ) from None
    timestamp = headers.get("x-amz-date") or headers.get("date", "")
    return _claim(
        credential,
        signed_headers,
        signature,
        timestamp,
        headers.get("x-amz-security-token"),
        None,
    )


def claim_of_query(query: Pairs) -> Claim:
    """The claim of a presigned URL."""
    fields = {key.lower(): value for key, value in query if key.lower().startswith("x-amz-")}
    try:
        if fields["x-amz-algorithm"] != ALGORITHM:
            raise Malformed('X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"')
        expires = fields.get("x-amz-expires", "3600")
        if not is_number(expires):
            raise Malformed("X-Amz-Expires should be a number")
        expires_s = int(expires)
        if expires_s > PRESIGNED_S_MAX:
            raise Malformed(
                "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires "
                "must be less than 604800 seconds"
            )
        return _claim(
            fields["x-amz-credential"],
            fields["x-amz-signedheaders"],
            fields["x-amz-signature"],
            fields["x-amz-date"],
            fields.get("x-amz-security-token"),
            expires_s,
        )
    except KeyError:
        raise Malformed(
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "
            "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
        ) from None


def signature(
    secret: str,
    claim: Claim,
    method: str,
    path: str,
    query: Pairs,
    headers: dict[str, str],
    payload_hash: str,
    *,
    encodes_twice: bool,
) -> str:
    """The signature that the request should have. `path` is as it was sent; `query` decoded.

    `encodes_twice` is true for every service but S3: they sign the encoded path encoded again.
    """
    canonical = "\n".join(
        (
            method,
            canonical_path(path, encodes_twice=encodes_twice),
            canonical_query(query),
            *[f"{name}:{_folded(headers.get(name, ''))}" for name in claim.signed_headers],
            "",
            ";".join(claim.signed_headers),
            payload_hash,
        )
    )
    # Headers came as bytes and were decoded as Latin-1: so they go back to what they were.
    digest = hashlib.sha256(canonical.encode("latin-1", "replace")).hexdigest()
    to_sign = f"{ALGORITHM}\n{claim.timestamp}\n{claim.scope}\n{digest}"
    key = signing_key(secret, claim.date, claim.region, claim.service)
    return hmac.digest(key, to_sign.encode(), "sha256").hex()


def _folded(value: str) -> str:
    """A header's value as it is signed: runs of blanks are one; all other whitespace is text."""
    if "  " in value or "\t" in value:
        return " ".join(part for part in value.replace("\t", " ").split(" ") if part)
    return value


@lru_cache(maxsize=4096)
def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """Derived from the secret alone, so that keeping it is no state."""
    key = hmac.digest(f"AWS4{secret}".encode(), date.encode(), "sha256")
    for part in (region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


@lru_cache(maxsize=1024)
def canonical_path(path: str, *, encodes_twice: bool) -> str:
    if encodes_twice:
        return quote(_normalised(path), safe="/-_.~")
    return quote(unquote_to_bytes(path), safe="/-_.~") or "/"


def canonical_query(query: Pairs) -> str:
    if not query:
        return ""
    encoded = sorted(
        (quote(key, safe="-_.~"), quote(value, safe="-_.~"))
        for key, value in query
        if key != "X-Amz-Signature"
    )
    return "&".join(f"{key}={value}" for key, value in encoded)


def chunk_signature(claim: Claim, key: bytes, previous: str, chunk: bytes) -> str:
    """The signature of one chunk of a body streamed in signed chunks."""
    to_sign = (
        f"{ALGORITHM}-PAYLOAD\n{claim.timestamp}\n{claim.scope}\n{previous}\n{EMPTY_SHA256}\n"
        f"{hashlib.sha256(chunk).hexdigest()}"
    )
    return hmac.digest(key, to_sign.encode(), "sha256").hex()


def trailer_signature(claim: Claim, key: bytes, previous: str, trailers: bytes) -> str:
    """The signature of the trailing headers, written `name:value\\n` each."""
    to_sign = (
        f"{ALGORITHM}-TRAILER\n{claim.timestamp}\n{claim.scope}\n{previous}\n"
        f"{hashlib.sha256(trailers).hexdigest()}"
    )
    return hmac.digest(key, to_sign.encode(), "sha256").hex()


@lru_cache(maxsize=4096)
def seconds_of(timestamp: str) -> float:
    """The time of `20261121T100900Z`; Malformed if it is none."""
    try:
        return float(timegm(strptime(timestamp, "%Y%m%dT%H%M%SZ")))
    except ValueError:
        raise Malformed(
            f"Date must be in ISO-8601 'basic format'. Got '{timestamp}'. "
            "See http://en.wikipedia.org/wiki/ISO_8601"
        ) from None


def is_number(text: str) -> bool:
    """Whether it is a whole number that `int` takes, whatever its author had in mind."""
    return text.isascii() and text.isdigit() and len(text) <= 19


def equal(one: str, other: str) -> bool:
    """Compare without telling by the time it takes."""
    return hmac.compare_digest(one.encode(), other.encode())


def _authorization_fields(authorization: str) -> dict[str, str]:
    _, _, rest = authorization.partition(" ")
    fields = {}
    for part in rest.split(","):
        name, _, value = part.strip().partition("=")
        fields[name] = value
    return fields


def _claim(
    credential: str,
    signed_headers: str,
    given: str,
    timestamp: str,
    session_token: str | None,
    expires_s: int | None,
) -> Claim:
    parts = credential.rsplit("/", 4)
    if len(parts) != 5 or parts[4] != "aws4_request":
        raise Malformed(
            "Credential must have exactly 5 slash-delimited elements, e.g. "
            f"keyid/date/region/service/term, got '{credential}'"
        )
    access_key_id, date, region, service, _ = parts
    names = tuple(signed_headers.lower().split(";"))
    if "host" not in names:
        raise Malformed("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    seconds_of(timestamp)
    if date != timestamp[:8]:
        raise Malformed(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{date}' != '{timestamp[:8]}', from '{timestamp}'."
        )
    return Claim(
        access_key_id, date, region, service, names, given, timestamp, session_token, expires_s
    )


def _normalised(path: str) -> str:
    """The path without empty, "." and ".." segments, as signers of all services but S3 have it."""
    if "//" not in path and "/." not in path:
        return path or "/"
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if kept:
                kept.pop()
        elif segment not in ("", "."):
            kept.append(segment)
    end = "/" if path.endswith("/") and kept else ""
    return "/" + "/".join(kept) + end
