"""What goes in and out of the codec, and how it says no."""

from __future__ import annotations

from typing import Any

import msgspec


class WireRequest(msgspec.Struct, kw_only=True):
    """A request as the codec sees it. Header names are in lower case; the query is decoded; `labels` are
    the parts of the path that the operation's URI names. A streaming body is passed on untouched."""

    method: str = "POST"
    query: list[tuple[str, str]] = []
    headers: dict[str, str] = {}
    labels: dict[str, str] = {}
    body: Any = b""


class WireResponse(msgspec.Struct, kw_only=True):
    """An answer. `body` is bytes, or what the operation gave for a streaming member; `events` turns
    each event of an event stream into bytes."""

    status: int = 200
    headers: list[tuple[str, str]] = []
    body: Any = b""
    events: Any = None


class WireError(Exception):
    """The request cannot be read: `code` and `message` in AWS's words."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.status = status


class InvalidParams(ValueError):
    """Parameters break the model's constraints; the text lists every breach, as AWS does."""

    def __init__(self, breaches: list[str]) -> None:
        count = len(breaches)
        noun = "validation error" if count == 1 else "validation errors"
        self.message = f"{count} {noun} detected: {'; '.join(breaches)}"
        super().__init__(self.message)
