"""What S3 is asked over HTTP that no operation of its model says: preflights, form posts, digests."""

from __future__ import annotations

import base64
import binascii
import hashlib
from urllib.parse import unquote

from freehold.gateway.routing import Hint, ToEndpoint
from freehold.kernel.errors import AwsError
from freehold.server.messages import Request

_FORM = "multipart/form-data"
_DIGEST_PREFIX = "x-amz-checksum-"


def endpoint_of(request: Request, hint: Hint) -> ToEndpoint | None:
    """The endpoint of the s3 service that answers the request, with the bucket as its name; or None."""
    if request.method == "OPTIONS":
        if (
            "origin" not in request.headers
            or "access-control-request-method" not in request.headers
        ):
            return None
        kind = "s3-cors"
    elif request.method == "POST" and request.headers.get("content-type", "").startswith(_FORM):
        kind = "s3-post"
    else:
        return None
    bucket = bucket_of(request, hint)
    return ToEndpoint(kind, bucket, request.path) if bucket else None


def bucket_of(request: Request, hint: Hint) -> str:
    """The bucket that the host or the path names; "" if neither does."""
    return hint.bucket or unquote(request.path[1:].split("/", 1)[0])


def check_digests(request: Request, body: bytes, *, has_checksum: bool) -> None:
    """Hold a body that is read whole (a document of settings, a list of keys) to what its headers say.

    `has_checksum` says that the operation's x-amz-checksum-* headers are its body's, not an object's.
    """
    given = request.headers.get("content-md5")
    if given is not None:
        try:
            expected = base64.b64decode(given, validate=True)
        except binascii.Error:
            expected = b""
        if len(expected) != 16:
            raise AwsError("InvalidDigest", "The Content-MD5 you specified was invalid.")
        if hashlib.md5(body, usedforsecurity=False).digest() != expected:
            raise AwsError(
                "BadDigest", "The Content-MD5 you specified did not match what we received."
            )
    for name, value in request.headers.items() if has_checksum else ():
        if name.startswith(_DIGEST_PREFIX) and name not in (
            "x-amz-checksum-algorithm",
            "x-amz-checksum-type",
        ):
            _check_checksum(name.removeprefix(_DIGEST_PREFIX).upper(), value, body)


def _check_checksum(algorithm: str, value: str, body: bytes) -> None:
    from freehold.services.s3.rules import checksums

    if algorithm not in checksums.ALGORITHMS:
        return
    hasher = checksums.hasher(checksums.ALGORITHMS[algorithm])
    hasher.update(body)
    if base64.b64encode(hasher.digest()).decode() != value:
        raise AwsError(
            "BadDigest", f"The {algorithm} you specified did not match the calculated checksum."
        )
