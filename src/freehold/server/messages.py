"""Requests and responses between the server and who answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec

# Bytes of a body that may wait for their reader before the sender is slowed.
WAITING_BYTES_MAX = 256 * 1024


class BodyTooLarge(ValueError):
    """The body is longer than the reader allows."""


class ClientGone(ConnectionError):
    """The client closed the connection before its request was whole."""


class RequestBody:
    """A request's body as it arrives: `http.Body`. `length` is None for a chunked one."""

    __slots__ = (
        "_arrived",
        "_error",
        "_on_first_read",
        "_pause",
        "_pieces",
        "_resume",
        "_waiting",
        "ended",
        "length",
        "taken",
        "trailers",
    )

    def __init__(
        self,
        length: int | None,
        pause: Callable[[], None],
        resume: Callable[[], None],
        on_first_read: Callable[[], None] | None,
    ) -> None:
        self.length = length
        self.ended = False
        self.taken = 0
        self.trailers: dict[str, str] = {}
        self._pieces: list[bytes] = []
        self._waiting = 0
        self._arrived: asyncio.Future[None] | None = None
        self._error: Exception | None = None
        self._pause = pause
        self._resume = resume
        self._on_first_read = on_first_read

    def feed(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._waiting += len(piece)
        if self._waiting > WAITING_BYTES_MAX:
            self._pause()
        self._wake()

    def end(self) -> None:
        self.ended = True
        self._wake()

    def fail(self, error: Exception) -> None:
        self._error = error
        self._wake()

    def whole(self) -> bytes:
        """All of it, where it has all arrived."""
        assert self.ended
        content = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces = []
        self._waiting = 0
        self.taken += len(content)
        return content

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

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._on_first_read is not None:
            self._on_first_read()
            self._on_first_read = None
        while True:
            while self._pieces:
                pieces, self._pieces = self._pieces, []
                self._waiting = 0
                self._resume()
                for piece in pieces:
                    self.taken += len(piece)
                    yield piece
            if self._error is not None:
                raise self._error
            if self.ended:
                return
            self._arrived = asyncio.get_running_loop().create_future()
            await self._arrived

    def _wake(self) -> None:
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)
            self._arrived = None


class BytesBody:
    """A body that is all there."""

    __slots__ = ("content", "length", "trailers")

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.trailers: dict[str, str] = {}
        self.length: int | None = len(content)

    async def read(self, limit: int) -> bytes:
        if len(self.content) > limit:
            raise BodyTooLarge(f"{len(self.content)} bytes where {limit} are allowed")
        return self.content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self.content:
            yield self.content


class Request:
    """One HTTP request. `content` is the whole body where it arrived before the request was handed
    on, else None and `body` has it. `headers` joins repeated ones with a comma; `header_list` does
    not."""

    __slots__ = (
        "body",
        "content",
        "header_list",
        "headers",
        "host",
        "method",
        "path",
        "protocol",
        "query",
        "secure",
        "sent_names",
        "source_ip",
        "via_sandbox",
    )

    def __init__(self, method: str, target: bytes, header_list: list[tuple[str, str]]) -> None:
        self.method = method
        path, _, query = target.partition(b"?")
        self.path = path.decode("latin-1")
        self.query = query.decode("latin-1")
        self.header_list = header_list
        headers = dict(header_list)
        if len(headers) != len(header_list):
            headers = _join(header_list)
        self.headers = headers
        self.host = headers.get("host", "")
        self.content: bytes | None = None
        self.body: Any = None
        self.protocol = "HTTP/1.1"
        # The headers' names as the client wrote them.
        self.sent_names: list[bytes] = []
        self.secure = False
        self.source_ip = "127.0.0.1"
        # The name of the execution environment whose socket it came through, or None.
        self.via_sandbox: str | None = None


def _join(header_list: list[tuple[str, str]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in header_list:
        # Without a blank: so they are in a signature.
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


class Response(msgspec.Struct):
    """An answer. A body that is an async iterator is streamed: with its Content-Length if the
    headers have one, else chunked. `encode` turns each of its items into bytes, where they are not.
    """

    status: int
    headers: list[tuple[str, str]]
    body: Any = b""
    encode: Callable[[Any], bytes] | None = None


class Pending(msgspec.Struct):
    """An answer to come: `finish` makes it from the future, whatever came of that."""

    future: Any
    finish: Callable[[Any], Response]
