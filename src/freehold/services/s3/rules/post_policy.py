"""Browser-based uploads: what a form may send ("POST policy", S3 API reference)."""

from __future__ import annotations

import base64
import binascii
import datetime
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import orjson

from freehold.kernel.errors import AwsError
from freehold.services.s3 import errors
from freehold.services.s3.rules import checksums

_UNCHECKED = {
    "x-amz-signature",
    "signature",
    "awsaccesskeyid",
    "file",
    "policy",
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-security-token",
}
_PARAMS = {
    "acl": "ACL",
    "cache-control": "CacheControl",
    "content-disposition": "ContentDisposition",
    "content-encoding": "ContentEncoding",
    "content-type": "ContentType",
    "expires": "Expires",
    "x-amz-server-side-encryption": "ServerSideEncryption",
    "x-amz-storage-class": "StorageClass",
    "x-amz-website-redirect-location": "WebsiteRedirectLocation",
    "content-md5": "ContentMD5",
    **{algorithm.header: algorithm.member for algorithm in checksums.ALGORITHMS.values()},
}
# What the form says to S3 rather than of the object.
_ASIDE = {
    "key",
    "bucket",
    "success_action_redirect",
    "redirect",
    "success_action_status",
    "x-amz-checksum-algorithm",
}


def access_key_of(fields: Mapping[str, str]) -> str | None:
    """Whose signature the form carries; None if it carries none."""
    credential = fields.get("x-amz-credential")
    if credential is not None:
        return credential.partition("/")[0]
    return fields.get("awsaccesskeyid")


def is_signed_by(fields: Mapping[str, str], secret: str) -> bool:
    """Whether the policy is signed with this secret, by version 4 or, as older clients do, 2."""
    policy = fields.get("policy", "").encode()
    credential = fields.get("x-amz-credential")
    if credential is None:
        digest = hmac.new(secret.encode(), policy, hashlib.sha1).digest()
        return hmac.compare_digest(checksums.encode(digest), fields.get("signature", ""))
    scope = credential.split("/")[1:]
    if len(scope) != 4 or scope[2:] != ["s3", "aws4_request"]:
        return False
    key = f"AWS4{secret}".encode()
    for part in scope:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    expected = hmac.new(key, policy, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, fields.get("x-amz-signature", ""))


def check(fields: Mapping[str, str], bucket: str, now: float) -> tuple[int, int] | None:
    """Hold the form to its policy; the bounds of the file's size that the policy sets, if any."""
    document = _decoded(fields.get("policy", ""))
    if now >= _expiration(document):
        raise _denied("Policy expired.")
    given = {**fields, "bucket": bucket}
    covered: set[str] = set()
    bounds: tuple[int, int] | None = None
    for condition in document["conditions"]:
        operator, name, value = _condition(condition)
        if operator == "content-length-range":
            bounds = (int(name), int(value))
            continue
        covered.add(name)
        held = given.get(name)
        if operator == "starts-with":
            holds = held is not None and all(
                part.startswith(value)
                for part in (held.split(",") if name == "content-type" else [held])
            )
        else:
            holds = held == value
        if not holds:
            shown = orjson.dumps([operator, f"${name}", value]).decode()
            raise _denied(f"Policy Condition failed: {shown}")
    for name in fields:
        if name not in covered and name not in _UNCHECKED and not name.startswith("x-ignore-"):
            raise _denied(f"Extra input fields: {name}")
    return bounds


def put_params(fields: Mapping[str, str], bucket: str, filename: str) -> dict[str, Any]:
    """The form as params of PutObject, without the body."""
    key = fields.get("key")
    if not key:
        raise errors.invalid_argument(
            "Bucket POST must contain a field named 'key'.  If it is specified, please check the "
            "order of the fields.",
            "key",
            "",
        )
    params: dict[str, Any] = {
        "Bucket": bucket,
        "Key": key.replace("${filename}", filename.replace("\\", "/").rpartition("/")[2]),
    }
    metadata = {}
    for name, value in fields.items():
        if name in _PARAMS:
            params[_PARAMS[name]] = value
        elif name.startswith("x-amz-meta-"):
            metadata[name.removeprefix("x-amz-meta-")] = value
        elif not (name in _ASIDE or name in _UNCHECKED or name.startswith("x-ignore-")):
            raise AwsError(
                "NotImplemented",
                f"Freehold does not implement the form field {name} yet.",
                status=501,
            )
    if metadata:
        params["Metadata"] = metadata
    return params


def _decoded(policy: str) -> dict[str, Any]:
    try:
        document = orjson.loads(base64.b64decode(policy, validate=True))
    except (binascii.Error, ValueError):
        document = None
    if (
        not isinstance(document, dict)
        or not isinstance(document.get("conditions"), list)
        or not isinstance(document.get("expiration"), str)
    ):
        raise AwsError("InvalidPolicyDocument", "Invalid Policy: Invalid JSON.")
    return document


def _expiration(document: dict[str, Any]) -> float:
    try:
        moment = datetime.datetime.fromisoformat(document["expiration"].replace("Z", "+00:00"))
    except ValueError:
        raise AwsError(
            "InvalidPolicyDocument",
            f"Invalid Policy: Invalid 'expiration' value: '{document['expiration']}'",
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp()


def _condition(condition: Any) -> tuple[str, str, str]:
    """(operator, field in lower case, value); of a range (operator, least, most)."""
    if isinstance(condition, dict) and len(condition) == 1:
        ((name, value),) = condition.items()
        return "eq", str(name).lower(), str(value)
    if isinstance(condition, list) and len(condition) == 3:
        operator, name, value = str(condition[0]).lower(), str(condition[1]), str(condition[2])
        if operator == "content-length-range" and name.isdigit() and value.isdigit():
            return operator, name, value
        if operator in ("eq", "starts-with") and name.startswith("$"):
            return operator, name[1:].lower(), value
    raise AwsError("InvalidPolicyDocument", "Invalid Policy: Invalid Simple-Condition.")


def _denied(reason: str) -> AwsError:
    return AwsError("AccessDenied", f"Invalid according to Policy: {reason}", status=403)
