"""Bodies: received into the store or onto disk, given out again, shared, and released.

A body of at most SMALL_BYTES_MAX is kept in the store with its object, so that many small puts
share one sync. A larger one is a blob, whole and synced before any record names it. An upload that
fails in between leaves a blob without a Content, which `store.contents_in_use` tells to whoever
collects orphans.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from freehold.blobs import BlobWriter
from freehold.kernel.call import Call
from freehold.services.s3 import errors, store
from freehold.services.s3.records import Bucket, Checksum, Content, Object
from freehold.services.s3.rules import checksums
from freehold.services.s3.rules.checksums import Algorithm, Hasher

SMALL_BYTES_MAX = 16 * 1024
PUT_BYTES_MAX = 5 * 1024**3
# A body that nothing names any more stays for those who have begun to read it.
READERS_S = 900.0
_HEX = "0123456789abcdef"
_THREAD_BYTES_MIN = 4096


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """A body that has arrived whole and unharmed: `small`, or on disk under `content`."""

    size: int
    md5: bytes
    checksum: Checksum | None
    small: bytes = b""
    content: str = ""

    @property
    def etag(self) -> str:
        return self.md5.hex()


async def receive(
    call: Call,
    body: Any,
    params: Mapping[str, Any],
    *,
    default_algorithm: str | None = None,
    small_bytes_max: int = SMALL_BYTES_MAX,
) -> Received:
    """Take a body in and verify it against the request's Content-MD5 and checksum.

    With small_bytes_max=-1 it goes to disk even if it is empty.

    The caller must name `content` in a record, or call `discard`.
    """
    expected = checksums.given(params)
    name = expected[0].name if expected else params.get("ChecksumAlgorithm") or default_algorithm
    algorithm = None if name is None else checksums.named(name)
    verifier = _Verifier(params, expected, algorithm, is_default=name == default_algorithm)
    stream = _stream(body)
    head = bytearray()
    async for chunk in stream:
        head += chunk
        if len(head) > small_bytes_max:
            return await _receive_large(call, body, bytes(head), stream, verifier)
    if small_bytes_max < 0:
        return await _receive_large(call, body, b"", stream, verifier)
    small = bytes(head)
    hasher = verifier.hasher()
    hasher.update(small)
    md5 = hashlib.md5(small, usedforsecurity=False).digest()
    late, checksum = verifier.verify(md5, hasher, _trailers(body))
    if late is not None:
        checksum = _verified(late, _digest(late[0], small))
    return Received(size=len(small), md5=md5, checksum=checksum, small=small)


def discard(call: Call, received: Received) -> None:
    """Throw away a body that no record will name after all."""
    if received.content:
        call.node.blobs.delete(received.content)


def adopt(call: Call, received: Received) -> None:
    """Say that a record of this transaction names the body."""
    if received.content:
        store.save_content(call.tx, received.content, Content())


def share(call: Call, content_id: str) -> None:
    """One more record names this content."""
    if content_id:
        content = _content(call, content_id)
        store.save_content(call.tx, content_id, replace(content, references=content.references + 1))


def release(call: Call, content_id: str) -> None:
    """One record fewer names this content; without any it is erased, after its last readers."""
    content = _content(call, content_id)
    assert content.references > 0
    store.save_content(call.tx, content_id, replace(content, references=content.references - 1))
    if content.references == 1:
        call.later("EraseContent", {"Content": content_id}, due=call.now + READERS_S)


def release_body(call: Call, bucket: Bucket, version: Object) -> None:
    if version.content:
        release(call, version.content)
    elif version.size:
        store.delete_small(call.tx, bucket, version.stamp)


def open_body(
    call: Call, bucket: Bucket, found: Object, start: int, length: int
) -> bytes | AsyncIterator[bytes]:
    """The bytes of a version, from `start`, `length` of them; needs the transaction only now."""
    if not found.content:
        return store.load_small(call.tx, bucket, found.stamp)[start : start + length]
    if length == 0:
        return b""
    if not found.parts:
        return call.node.blobs.read(found.content, start, length)
    return _read_pieces(call, _content(call, found.content), start, length)


async def whole(body: bytes | AsyncIterator[bytes], size_max: int) -> bytes:
    """A body in memory, for what is known to be small."""
    if isinstance(body, bytes):
        return body
    collected = bytearray()
    async for chunk in body:
        collected += chunk
        assert len(collected) <= size_max
    return bytes(collected)


async def _read_pieces(
    call: Call, content: Content, start: int, length: int
) -> AsyncIterator[bytes]:
    for piece in content.pieces:
        if start >= piece.size:
            start -= piece.size
            continue
        taken = min(piece.size - start, length)
        if taken == 0:
            return
        async for chunk in call.node.blobs.read(piece.blob_id, start, taken):
            yield chunk
        start = 0
        length -= taken


async def _receive_large(
    call: Call, body: Any, head: bytes, rest: AsyncIterator[bytes], verifier: _Verifier
) -> Received:
    content_id = call.new_word(32, _HEX)
    hasher = verifier.hasher()
    async with call.node.blobs.writer(content_id) as writer:
        await _take(writer, hasher, verifier.slow, head)
        async for chunk in rest:
            await _take(writer, hasher, verifier.slow, chunk)
        md5 = writer.md5.digest()
        late, checksum = verifier.verify(md5, hasher, _trailers(body))
        await writer.commit()
    received = Received(size=writer.size, md5=md5, checksum=checksum, content=content_id)
    if late is None:
        return received
    # The trailer brought an algorithm that the headers did not announce: read the bytes once more.
    try:
        digest = await _digest_blob(call, late[0], received)
        return msgspec.structs.replace(received, checksum=_verified(late, digest))
    except BaseException:
        discard(call, received)
        raise


async def _take(writer: BlobWriter, hasher: Hasher, slow: bool, chunk: bytes) -> None:
    if writer.size + len(chunk) > PUT_BYTES_MAX:
        raise errors.entity_too_large(writer.size + len(chunk), PUT_BYTES_MAX)
    if slow and len(chunk) >= _THREAD_BYTES_MIN:
        await asyncio.to_thread(hasher.update, chunk)
    else:
        hasher.update(chunk)
    await writer.write(chunk)


class _Verifier:
    """What a request promised about its body."""

    def __init__(
        self,
        params: Mapping[str, Any],
        expected: tuple[Algorithm, str] | None,
        algorithm: Algorithm | None,
        *,
        is_default: bool,
    ) -> None:
        self._content_md5 = params.get("ContentMD5")
        self._expected = expected
        self._algorithm = algorithm
        self._is_announced = algorithm is not None and not is_default
        self.slow = algorithm is not None and algorithm.slow

    def hasher(self) -> Hasher:
        return _NoHasher() if self._algorithm is None else checksums.hasher(self._algorithm)

    def verify(
        self, md5: bytes, hasher: Hasher, trailers: Mapping[str, str]
    ) -> tuple[tuple[Algorithm, str] | None, Checksum | None]:
        """(a promise whose algorithm was not computed, the body's checksum), or BadDigest."""
        checksums.check_md5(self._content_md5, md5)
        promised = self._expected or checksums.in_trailers(trailers)
        if promised is not None and promised[0] != self._algorithm:
            return promised, None
        if promised is not None:
            return None, _verified(promised, hasher.digest())
        if self._algorithm is None:
            return None, None
        if self._is_announced:
            raise errors.invalid_request(
                "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or "
                "x-amz-trailer headers were found."
            )
        value = checksums.encode(hasher.digest())
        return None, Checksum(algorithm=self._algorithm.name, value=value)


class _NoHasher:
    def update(self, data: bytes, /) -> None:
        """Nothing was asked for."""

    def digest(self) -> bytes:
        return b""


def _verified(promised: tuple[Algorithm, str], digest: bytes) -> Checksum:
    algorithm, value = promised
    if checksums.encode(digest) != value:
        raise errors.bad_digest(algorithm.name)
    return Checksum(algorithm=algorithm.name, value=value)


def _digest(algorithm: Algorithm, data: bytes) -> bytes:
    hasher = checksums.hasher(algorithm)
    hasher.update(data)
    return hasher.digest()


async def _digest_blob(call: Call, algorithm: Algorithm, received: Received) -> bytes:
    hasher = checksums.hasher(algorithm)
    async for chunk in call.node.blobs.read(received.content, 0, received.size):
        await asyncio.to_thread(hasher.update, chunk)
    return hasher.digest()


def _content(call: Call, content_id: str) -> Content:
    content = store.load_content(call.tx, content_id)
    assert content is not None, f"content {content_id} is named and missing"
    return content


async def _stream(body: Any) -> AsyncIterator[bytes]:
    """The pieces of a body: http.Body, an iterator of bytes, bytes (in process), or none."""
    if body is None:
        return
    if isinstance(body, (bytes, bytearray, memoryview)):
        yield bytes(body)
        return
    async for chunk in body:
        yield chunk


def _trailers(body: Any) -> Mapping[str, str]:
    """The headers that came after the body, in lower case."""
    trailers: Mapping[str, str] = getattr(body, "trailers", None) or {}
    return trailers
