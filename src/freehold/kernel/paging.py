"""Paging: opaque tokens, and a page of records from a limit and a token."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec


class InvalidToken(ValueError):
    """The token is none of ours; a service answers with its own error for that."""


def encode(position: Any) -> str:
    """An opaque token for a position: a tuple or dict of strings, numbers and bytes."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(position)).decode().rstrip("=")


def decode(token: str, position: type[Any] = tuple) -> Any:
    """The position of a token. Check what it holds: the caller may have made the token up."""
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        return msgspec.msgpack.decode(raw, type=position)
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise InvalidToken(token) from error
