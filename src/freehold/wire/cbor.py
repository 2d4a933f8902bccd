"""CBOR (RFC 8949), as far as the smithy-rpc-v2-cbor protocol uses it: strict, with limits.

Times are tag 1 and become `float` on the way in; on the way out a value wrapped in a float subclass that
`is_timestamp` knows is tagged. Big numbers (tags 2, 3) and decimals (tag 4) are read where they fit.
"""

from __future__ import annotations

import struct
from typing import Any

DEPTH_MAX = 64
_BREAK = object()


class CborError(ValueError):
    """The bytes are not a CBOR document that the protocol allows."""


def loads(document: bytes) -> Any:
    value, position = _read(document, 0, 0)
    if value is _BREAK:
        raise CborError("a break without a beginning")
    if position != len(document):
        raise CborError("bytes follow the document")
    return value


def dumps(value: Any, is_timestamp: type[float]) -> bytes:
    parts: list[bytes] = []
    _write(value, is_timestamp, parts)
    return b"".join(parts)


def _read(document: bytes, position: int, depth: int) -> tuple[Any, int]:
    if depth > DEPTH_MAX:
        raise CborError("nested too deeply")
    try:
        first = document[position]
    except IndexError:
        raise CborError("the document ends early") from None
    major, low = first >> 5, first & 31
    if major == 7:
        return _read_simple(document, position + 1, low)
    if low == 31:
        return _read_indefinite(document, position + 1, major, depth)
    argument, position = _argument(document, position + 1, low)
    if major == 0:
        return argument, position
    if major == 1:
        return -1 - argument, position
    if major in (2, 3):
        raw = _take(document, position, argument)
        return (_text(raw) if major == 3 else raw), position + argument
    if major == 4:
        items: list[Any] = []
        for _ in range(_count(argument, document, position)):
            item, position = _read_item(document, position, depth + 1)
            items.append(item)
        return items, position
    if major == 5:
        pairs: dict[str, Any] = {}
        for _ in range(_count(argument, document, position)):
            key, position = _read_item(document, position, depth + 1)
            if type(key) is not str:
                raise CborError("a key of a map is text")
            pairs[key], position = _read_item(document, position, depth + 1)
        return pairs, position
    return _read_tag(document, position, argument, depth)


def _read_item(document: bytes, position: int, depth: int) -> tuple[Any, int]:
    value, position = _read(document, position, depth)
    if value is _BREAK:
        raise CborError("a break where a value is due")
    return value, position


def _read_indefinite(document: bytes, position: int, major: int, depth: int) -> tuple[Any, int]:
    if major in (2, 3):
        pieces = []
        while document[position : position + 1] != b"\xff":
            if document[position : position + 1] == b"" or document[position] >> 5 != major:
                raise CborError("a string's pieces are strings of its kind")
            if document[position] & 31 == 31:
                raise CborError("a string's pieces have lengths")
            piece, position = _read_item(document, position, depth + 1)
            pieces.append(piece)
        return (b"" if major == 2 else "").join(pieces), position + 1
    if major == 4:
        items: list[Any] = []
        while True:
            value, position = _read(document, position, depth + 1)
            if value is _BREAK:
                return items, position
            items.append(value)
    if major == 5:
        pairs: dict[str, Any] = {}
        while True:
            key, position = _read(document, position, depth + 1)
            if key is _BREAK:
                return pairs, position
            if type(key) is not str:
                raise CborError("a key of a map is text")
            pairs[key], position = _read_item(document, position, depth + 1)
    raise CborError("this kind of value has a length")


def _read_tag(document: bytes, position: int, tag: int, depth: int) -> tuple[Any, int]:
    if b"\xc0" <= document[position : position + 1] <= b"\xdf":
        raise CborError("a tag of a tag")
    value, position = _read_item(document, position, depth + 1)
    if tag == 1 and type(value) in (int, float):
        return value, position
    if tag in (2, 3) and type(value) is bytes and len(value) <= 64:
        number = int.from_bytes(value, "big")
        return (number if tag == 2 else -1 - number), position
    raise CborError(f"tag {tag} is not allowed here")


def _read_simple(document: bytes, position: int, low: int) -> tuple[Any, int]:
    if low in (20, 21):
        return low == 21, position
    if low in (22, 23):
        return None, position
    if low == 31:
        return _BREAK, position
    formats = {25: (">e", 2), 26: (">f", 4), 27: (">d", 8)}
    if low not in formats:
        raise CborError("a simple value that has no meaning here")
    form, size = formats[low]
    return struct.unpack(form, _take(document, position, size))[0], position + size


def _argument(document: bytes, position: int, low: int) -> tuple[int, int]:
    if low < 24:
        return low, position
    if low > 27:
        raise CborError("a reserved length")
    size = 1 << (low - 24)
    return int.from_bytes(_take(document, position, size), "big"), position + size


def _count(argument: int, document: bytes, position: int) -> int:
    # Every element has a byte at least, so a larger count is a lie that would cost memory.
    if argument > len(document) - position:
        raise CborError("the document ends early")
    return argument


def _take(document: bytes, position: int, size: int) -> bytes:
    raw = document[position : position + size]
    if len(raw) < size:
        raise CborError("the document ends early")
    return raw


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise CborError("text that is not UTF-8") from error


def _write(value: Any, is_timestamp: type[float], parts: list[bytes]) -> None:
    if value is None:
        parts.append(b"\xf6")
    elif isinstance(value, bool):
        parts.append(b"\xf5" if value else b"\xf4")
    elif isinstance(value, is_timestamp):
        parts.append(b"\xc1" + _float(float(value)))
    elif isinstance(value, int):
        parts.append(_head(0, value) if value >= 0 else _head(1, -1 - value))
    elif isinstance(value, float):
        parts.append(_float(value))
    elif isinstance(value, (bytes, bytearray)):
        parts.append(_head(2, len(value)) + bytes(value))
    elif isinstance(value, str):
        raw = value.encode()
        parts.append(_head(3, len(raw)) + raw)
    elif isinstance(value, (list, tuple)):
        parts.append(_head(4, len(value)))
        for item in value:
            _write(item, is_timestamp, parts)
    elif isinstance(value, dict):
        parts.append(_head(5, len(value)))
        for key, item in value.items():
            _write(key, is_timestamp, parts)
            _write(item, is_timestamp, parts)
    else:
        raise TypeError(f"CBOR cannot hold a {type(value).__name__}")


def _float(value: float) -> bytes:
    return b"\xfb" + struct.pack(">d", value)


def _head(major: int, argument: int) -> bytes:
    if argument < 24:
        return bytes([major << 5 | argument])
    for low, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if argument < 1 << (8 * size):
            return bytes([major << 5 | low]) + argument.to_bytes(size, "big")
    raise OverflowError("CBOR integers have at most 64 bits")
