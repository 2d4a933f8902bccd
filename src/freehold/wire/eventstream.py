"""Event streams: messages of headers and a payload, with two checksums (application/vnd.amazon.eventstream).

A message: total length (4 bytes), headers' length (4), CRC-32 of those eight (4), headers, payload,
CRC-32 of all before it (4). A header: length of its name (1), name, type (1), value.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

import msgspec

MESSAGE_BYTES_MAX = 24 * 1024 * 1024
HEADERS_BYTES_MAX = 128 * 1024
_PRELUDE = struct.Struct(">III")
_FIXED = {2: ">b", 3: ">h", 4: ">i", 5: ">q", 8: ">q"}


class Message(msgspec.Struct, frozen=True):
    headers: dict[str, Any]
    payload: bytes = b""


class EventStreamError(ValueError):
    """The bytes are not a message."""


def encode(message: Message) -> bytes:
    headers = b"".join(_encode_header(name, value) for name, value in message.headers.items())
    total = 16 + len(headers) + len(message.payload)
    prelude = struct.pack(">II", total, len(headers))
    whole = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + message.payload
    return whole + struct.pack(">I", zlib.crc32(whole))


def decode(buffer: bytes) -> tuple[Message | None, int]:
    """Return (the first message, how many bytes it took), or (None, 0) if it is not all there yet."""
    if len(buffer) < 12:
        return None, 0
    total, headers_size, checksum = _PRELUDE.unpack_from(buffer)
    if zlib.crc32(buffer[:8]) != checksum:
        raise EventStreamError("the prelude's checksum is wrong")
    if total > MESSAGE_BYTES_MAX or headers_size > HEADERS_BYTES_MAX or total < headers_size + 16:
        raise EventStreamError("a message of impossible length")
    if len(buffer) < total:
        return None, 0
    (expected,) = struct.unpack_from(">I", buffer, total - 4)
    if zlib.crc32(buffer[: total - 4]) != expected:
        raise EventStreamError("the message's checksum is wrong")
    headers = _decode_headers(buffer[12 : 12 + headers_size])
    return Message(headers, bytes(buffer[12 + headers_size : total - 4])), total


def _encode_header(name: str, value: Any) -> bytes:
    raw_name = name.encode()
    head = bytes([len(raw_name)]) + raw_name
    if isinstance(value, bool):
        return head + (b"\x00" if value else b"\x01")
    if isinstance(value, str):
        raw = value.encode()
        return head + b"\x07" + struct.pack(">H", len(raw)) + raw
    if isinstance(value, bytes):
        return head + b"\x06" + struct.pack(">H", len(value)) + value
    if isinstance(value, int):
        return head + (
            b"\x04" + struct.pack(">i", value)
            if -(2**31) <= value < 2**31
            else b"\x05" + struct.pack(">q", value)
        )
    if isinstance(value, float):
        return head + b"\x08" + struct.pack(">q", round(value * 1000))
    raise TypeError(f"an event's header cannot hold a {type(value).__name__}")


def _decode_headers(raw: bytes) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    position = 0
    try:
        while position < len(raw):
            size = raw[position]
            name = raw[position + 1 : position + 1 + size].decode()
            kind = raw[position + 1 + size]
            headers[name], position = _decode_value(raw, position + 2 + size, kind)
    except (IndexError, struct.error, UnicodeDecodeError) as error:
        raise EventStreamError("the headers are broken") from error
    return headers


def _decode_value(raw: bytes, position: int, kind: int) -> tuple[Any, int]:
    if kind in (0, 1):
        return kind == 0, position
    if kind in _FIXED:
        form = _FIXED[kind]
        (value,) = struct.unpack_from(form, raw, position)
        return (value / 1000 if kind == 8 else value), position + struct.calcsize(form)
    if kind in (6, 7):
        (size,) = struct.unpack_from(">H", raw, position)
        value = raw[position + 2 : position + 2 + size]
        if len(value) < size:
            raise EventStreamError("a header's value ends early")
        return (value if kind == 6 else value.decode()), position + 2 + size
    if kind == 9:
        if len(raw) < position + 16:
            raise EventStreamError("a header's value ends early")
        return raw[position : position + 16], position + 16
    raise EventStreamError(f"a header of unknown type {kind}")
