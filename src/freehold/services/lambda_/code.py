"""Code packages: where they come from, where they are kept, and links that download them.

A link is signed with a secret of the account and region, and names the blob and its end; whoever
has it may read that one blob for ten minutes, as with the presigned links of AWS.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs

from freehold.kernel import endpoints
from freehold.kernel.call import Call
from freehold.kernel.endpoints import Endpoint
from freehold.kernel.errors import AwsError
from freehold.kernel.http import HttpRequest, HttpResponse
from freehold.runtime.contract import CodeRefused
from freehold.runtime.engine import Runtime
from freehold.services.lambda_ import errors, rules, store
from freehold.services.lambda_.records import Code, DownloadKey
from freehold.services.lambda_.service import service

Params = dict[str, Any]

service.blobs_in_use = store.used_codes

ENDPOINT = "lambda-code"
LINK_S = 600
PIECE_BYTES = 1024 * 1024


async def take(call: Call, source: Params) -> Code:
    """Store the code that a request brings or names as a blob; it is an orphan until a record names
    it."""
    blob = call.new_word(32, "0123456789abcdef")
    digest = hashlib.sha256()
    async with call.node.blobs.writer(blob) as writer:
        async for chunk in _chunks(call, source):
            digest.update(chunk)
            await writer.write(chunk)
            if writer.size > rules.UNZIPPED_BYTES_MAX:
                raise errors.invalid(
                    f"Unzipped size must be smaller than {rules.UNZIPPED_BYTES_MAX} bytes"
                )
        await writer.commit()
        size = writer.size
    try:
        unzipped_size = await _inspect(call, blob)
    except CodeRefused as error:
        call.node.blobs.delete(blob)
        raise errors.bad_zip() from error
    sha256 = base64.b64encode(digest.digest()).decode()
    return Code(blob=blob, sha256=sha256, size=size, unzipped_size=unzipped_size)


@contextmanager
def kept_if_recorded(call: Call, code: Code) -> Iterator[None]:
    """Remove the blob again where the request that brought it is refused."""
    try:
        yield
    except AwsError:
        call.node.blobs.delete(code.blob)
        raise


def drop(call: Call, code: Code, of: str) -> None:
    """Take back a reference to code; the blob goes when it was the last."""
    store.drop_code(call.tx, call.scope, code.blob, of)
    call.later("drop_code", {"blob": code.blob})


@service.task("drop_code")
async def drop_code(call: Call, payload: Params) -> None:
    used = await call.read(lambda inner: store.is_code_used(inner.tx, payload["blob"]))
    if not used:
        call.node.blobs.delete(payload["blob"])


def link(call: Call, code: Code) -> str:
    """A URL from which the archive can be downloaded for a while. Needs `tx`."""
    key = store.load_download_key(call.tx, call.scope)
    assert key is not None, "code is stored only after ensure_key"
    ends = int(call.now) + LINK_S
    signature = _signature(key, code.blob, ends)
    return (
        f"{call.endpoint_url}/_aws/{ENDPOINT}/{key.endpoint}/{code.blob}"
        f"?expires={ends}&signature={signature}"
    )


def ensure_key(call: Call) -> None:
    """Make the account's key for links, and claim its endpoint, unless there is one."""
    if store.load_download_key(call.tx, call.scope) is not None:
        return
    key = DownloadKey(endpoint=call.new_word(24), secret=call.node.chance.bytes(32))
    assert endpoints.claim(call, ENDPOINT, key.endpoint)
    store.save_download_key(call.tx, call.scope, key)


@service.endpoint(ENDPOINT)
async def download(call: Call, request: HttpRequest, endpoint: Endpoint) -> HttpResponse:
    key = await call.read(lambda inner: store.load_download_key(inner.tx, inner.scope))
    blob = request.path.strip("/")
    query = {name: values[0] for name, values in parse_qs(request.query).items()}
    ends = query.get("expires", "")
    if key is None or not (ends.isdecimal() and blob.isalnum()):
        return HttpResponse(status=403, body=b"Forbidden")
    expected = _signature(key, blob, int(ends))
    if not hmac.compare_digest(expected, query.get("signature", "")) or int(ends) < call.now:
        return HttpResponse(status=403, body=b"Forbidden")
    path = call.node.blobs.path(blob)
    if not path.exists():
        return HttpResponse(status=404, body=b"Not Found")
    length = path.stat().st_size
    return HttpResponse(
        headers=(("content-type", "application/zip"), ("content-length", str(length))),
        body=call.node.blobs.read(blob, 0, length),
    )


async def _chunks(call: Call, source: Params) -> AsyncIterator[bytes]:
    if "ZipFile" in source:
        # In pieces, so that others get their turn while it is hashed and written.
        content = memoryview(source["ZipFile"])
        for start in range(0, len(content), PIECE_BYTES):
            yield bytes(content[start : start + PIECE_BYTES])
        return
    params = {"Bucket": source["S3Bucket"], "Key": source["S3Key"]}
    if "S3ObjectVersion" in source:
        params["VersionId"] = source["S3ObjectVersion"]
    try:
        body = (await call.invoke("s3", "GetObject", params))["Body"]
    except AwsError as error:
        if error.code in ("NoSuchKey", "NoSuchBucket", "NoSuchVersion", "AccessDenied"):
            raise errors.invalid(
                f"Error occurred while GetObject. S3 Error Code: {error.code}. "
                f"S3 Error Message: {error.message}"
            ) from error
        raise
    if isinstance(body, bytes):
        yield body
        return
    async for chunk in body:
        yield chunk


async def _inspect(call: Call, blob: str) -> int:
    runtime = call.node.part(Runtime)
    return await asyncio.to_thread(runtime.inspect, call.node.blobs.path(blob))


def _signature(key: DownloadKey, blob: str, ends: int) -> str:
    return hmac.new(key.secret, f"{blob} {ends}".encode(), hashlib.sha256).hexdigest()
