"""Names inside a sandbox: AWS's own resolve to the platform, which listens on the sandbox's loopback.

A resolver for one UDP socket: it answers A for names below the suffixes it serves, an empty answer for
their other types, and NXDOMAIN for all else (there is no way out of the sandbox's network).
"""

from __future__ import annotations

import asyncio
import struct

SUFFIXES = ("amazonaws.com", "on.aws", "amazoncognito.com", "cloudfront.net", "localhost")
_LOOPBACK = bytes([127, 0, 0, 1])
_TYPE_A, _CLASS_IN = 1, 1
_NXDOMAIN, _FORMAT_ERROR = 3, 1
_QUERY_BYTES_MAX = 512


class Resolver(asyncio.DatagramProtocol):
    """The answers of one sandbox's name server."""

    def __init__(self, suffixes: tuple[str, ...] = SUFFIXES) -> None:
        self._suffixes = suffixes
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport) or hasattr(transport, "sendto")
        self._transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        reply = answer(data, self._suffixes)
        if reply is not None and self._transport is not None:
            self._transport.sendto(reply, address)


def answer(query: bytes, suffixes: tuple[str, ...]) -> bytes | None:
    """The reply to a query, or None to one that is not even a query."""
    if not 12 <= len(query) <= _QUERY_BYTES_MAX or query[2] & 0x80:
        return None
    identifier, flags, questions = struct.unpack_from(">HHH", query)
    recursion = flags & 0x0100
    parsed = _question(query) if questions == 1 else None
    if parsed is None:
        return struct.pack(">HHHHHH", identifier, 0x8000 | recursion | _FORMAT_ERROR, 0, 0, 0, 0)
    name, kind, family, end = parsed
    question = query[12:end]
    served = any(name == suffix or name.endswith(f".{suffix}") for suffix in suffixes)
    if not served:
        return (
            struct.pack(">HHHHHH", identifier, 0x8180 | recursion | _NXDOMAIN, 1, 0, 0, 0)
            + question
        )
    records = b""
    if kind == _TYPE_A and family == _CLASS_IN:
        records = struct.pack(">HHHIH", 0xC00C, _TYPE_A, _CLASS_IN, 60, 4) + _LOOPBACK
    head = struct.pack(">HHHHHH", identifier, 0x8580 | recursion, 1, 1 if records else 0, 0, 0)
    return head + question + records


def _question(query: bytes) -> tuple[str, int, int, int] | None:
    """(name in lower case, type, class, where it ends), or None if it is broken."""
    labels = []
    position = 12
    while position < len(query) and query[position]:
        size = query[position]
        label = query[position + 1 : position + 1 + size]
        if size > 63 or len(label) < size:
            return None
        labels.append(label.decode("latin-1").lower())
        position += 1 + size
    if position + 5 > len(query):
        return None
    kind, family = struct.unpack_from(">HH", query, position + 1)
    return ".".join(labels), kind, family, position + 5
