"""Plain HTTP, for services that serve it themselves: deployed APIs, function URLs, websites."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

import msgspec

from freehold.server.messages import BodyTooLarge

__all__ = ["Body", "BodyTooLarge", "HttpRequest", "HttpResponse"]


class Body(Protocol):
    """A request's body, of a known or unknown length, read once."""

    length: int | None

    async def read(self, limit: int) -> bytes:
        """All of it; BodyTooLarge if it is more than `limit` bytes."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Its pieces as they arrive. Reading slowly slows the sender."""


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request to an endpoint. `path` is as it was sent, still percent-encoded, without the stage or
    base path if the gateway took it off (then `base_path` has it). Header names are in lower case."""

    method: str
    host: str
    path: str
    base_path: str = ""
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    # The same with the names as the client wrote them.
    sent_headers: tuple[tuple[str, str], ...] = ()
    body: Body
    source_ip: str = "127.0.0.1"
    secure: bool = False
    protocol: str = "HTTP/1.1"

    def header(self, name: str) -> str | None:
        """The first header of this name (in lower case), or None."""
        for found, value in self.headers:
            if found == name:
                return value
        return None


class HttpResponse(msgspec.Struct, frozen=True, kw_only=True):
    """An answer. A body that is an iterator is streamed."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | AsyncIterator[bytes] = b""
