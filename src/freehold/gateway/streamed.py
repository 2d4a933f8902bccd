"""Bodies in the aws-chunked encoding, and bodies whose hash was promised: checked while they are read.

A reader gets the decoded bytes; a wrong signature, hash or form raises before the reader sees the end,
so that nothing is committed. `trailers` is filled when the end has been read.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from string import hexdigits

from freehold.gateway import sigv4
from freehold.kernel.errors import AwsError
from freehold.kernel.http import Body, BodyTooLarge

_HEAD_BYTES_MAX = 1024
_CHUNK_BYTES_MAX = 64 * 1024 * 1024
_TRAILERS_BYTES_MAX = 16 * 1024


class ReadableBody:
    """What wrapped bodies share: reading all of it, within a limit."""

    length: int | None = None

    def __init__(self) -> None:
        self.trailers: dict[str, str] = {}

    async def read(self, limit: int) -> bytes:
        if self.length is not None and self.length > limit:
            raise BodyTooLarge(f"{self.length} bytes where {limit} are allowed")
        pieces = []
        size = 0
        async for piece in self:
            size += len(piece)
            if size > limit:
                raise BodyTooLarge(f"more than {limit} bytes")
            pieces.append(piece)
        return b"".join(pieces)

    def __aiter__(self) -> AsyncIterator[bytes]:
        raise NotImplementedError


class HashedBody(ReadableBody):
    """A body whose SHA-256 was in the signature."""

    def __init__(self, body: Body, sha256: str) -> None:
        super().__init__()
        self._body = body
        self._sha256 = sha256
        self.length = body.length

    async def __aiter__(self) -> AsyncIterator[bytes]:
        digest = hashlib.sha256()
        last = b""
        async for piece in self._body:
            digest.update(piece)
            # One piece is held back: whoever counts bytes must not have all before the hash is right.
            if last:
                yield last
            last = piece
        if digest.hexdigest() != self._sha256:
            raise AwsError(
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
                ClientComputedContentSHA256=self._sha256,
                S3ComputedContentSHA256=digest.hexdigest(),
            )
        if last:
            yield last


class ChunkedBody(ReadableBody):
    """An aws-chunked body. With a key, every chunk's signature is checked."""

    def __init__(
        self,
        body: Body,
        decoded_length: int | None,
        *,
        claim: sigv4.Claim | None = None,
        key: bytes | None = None,
        has_trailers: bool = False,
    ) -> None:
        super().__init__()
        self._source = _Source(body)
        self._claim = claim
        self._key = key
        self._has_trailers = has_trailers
        self._previous = claim.signature if claim is not None else ""
        self.length = decoded_length

    async def __aiter__(self) -> AsyncIterator[bytes]:
        total = 0
        while True:
            size, given = _chunk_head(await self._source.line(_HEAD_BYTES_MAX))
            if self._key is None:
                async for piece in self._source.pieces(size):
                    total += len(piece)
                    yield piece
            elif size:
                chunk = await self._source.exactly(size)
                self._check_chunk(chunk, given)
                total += size
                yield chunk
            else:
                self._check_chunk(b"", given)
            if size == 0:
                break
            if await self._source.exactly(2) != b"\r\n":
                raise _incomplete()
        await self._read_trailers()
        if self.length is not None and total != self.length:
            raise _incomplete()

    def _check_chunk(self, chunk: bytes, given: str) -> None:
        assert self._claim is not None
        assert self._key is not None
        expected = sigv4.chunk_signature(self._claim, self._key, self._previous, chunk)
        if not sigv4.equal(expected, given):
            raise _mismatch()
        self._previous = expected

    async def _read_trailers(self) -> None:
        signed = []
        given = None
        size = 0
        while line := await self._source.line(_TRAILERS_BYTES_MAX, at_end=True):
            size += len(line)
            if size > _TRAILERS_BYTES_MAX:
                raise _incomplete()
            name, separator, value = line.decode("latin-1").partition(":")
            if not separator:
                raise _incomplete()
            name, value = name.strip().lower(), value.strip()
            if name == "x-amz-trailer-signature":
                given = value
            else:
                signed.append(f"{name}:{value}\n")
                self.trailers[name] = value
        if self._key is not None and not self._has_trailers and self.trailers:
            # Nothing would have signed them.
            raise _incomplete()
        if self._key is not None and self._has_trailers:
            assert self._claim is not None
            expected = sigv4.trailer_signature(
                self._claim, self._key, self._previous, "".join(signed).encode("latin-1")
            )
            if given is None or not sigv4.equal(expected, given):
                raise _mismatch()
        await self._source.drain()


class _Source:
    """Lines and counted bytes from a body's pieces."""

    def __init__(self, body: Body) -> None:
        self._pieces = aiter(body)
        self._buffer = bytearray()

    async def line(self, limit: int, *, at_end: bool = False) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > limit:
                raise _incomplete()
            if not await self._more():
                if at_end and not self._buffer:
                    return b""
                raise _incomplete()
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    async def exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            if not await self._more():
                raise _incomplete()
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    async def pieces(self, size: int) -> AsyncIterator[bytes]:
        while size:
            if not self._buffer and not await self._more():
                raise _incomplete()
            piece = bytes(self._buffer[:size])
            del self._buffer[:size]
            size -= len(piece)
            yield piece

    async def drain(self) -> None:
        """Nothing but an empty line may follow; read on so that the request is whole."""
        while await self._more():
            if len(self._buffer) > _HEAD_BYTES_MAX:
                raise _incomplete()
        if self._buffer.strip(b"\r\n"):
            raise _incomplete()

    async def _more(self) -> bool:
        piece = await anext(self._pieces, None)
        if piece is None:
            return False
        self._buffer += piece
        return True


def _chunk_head(line: bytes) -> tuple[int, str]:
    size_text, _, extension = line.decode("latin-1").partition(";")
    if not size_text or size_text.strip(hexdigits):
        raise _incomplete()
    size = int(size_text, 16)
    if size > _CHUNK_BYTES_MAX:
        raise _incomplete()
    name, _, given = extension.partition("=")
    return size, given if name == "chunk-signature" else ""


def _incomplete() -> AwsError:
    return AwsError(
        "IncompleteBody",
        "The request body terminated unexpectedly or is not in the aws-chunked form that was announced",
    )


def _mismatch() -> AwsError:
    return AwsError(
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. "
        "Check your key and signing method.",
        status=403,
    )
