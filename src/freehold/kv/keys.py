"""Keys: tuples in an encoding whose byte order is the order of the tuples.

This is the encoding of FoundationDB's tuple layer (its design document "Tuple"), for None, bytes, str,
int, float, bool and nested tuples. A tuple's encoding is a prefix of the encodings of all longer tuples
that begin with it, so a range of keys is a prefix of elements.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

Element = Any  # None | bytes | str | int | float | bool | tuple[Element, ...]

_NULL, _BYTES, _STRING, _NESTED = 0x00, 0x01, 0x02, 0x05
_INT_ZERO, _DOUBLE, _FALSE, _TRUE = 0x14, 0x21, 0x26, 0x27
_INT_BYTES_MAX = 8
_BIG_NEGATIVE, _BIG_POSITIVE = 0x0B, 0x1D


class Scope(NamedTuple):
    """Where a record lives: an account and a region ("" for what is global in an account)."""

    account: str
    region: str


def pack(elements: tuple[Element, ...]) -> bytes:
    """Return the bytes of a tuple; compare them to compare tuples."""
    parts: list[bytes] = []
    for element in elements:
        if type(element) is str:
            encoded = element.encode()
            if 0 in encoded:
                encoded = encoded.replace(b"\x00", b"\x00\xff")
            parts.append(b"\x02" + encoded + b"\x00")
        else:
            parts.append(_pack_element(element, nested=False))
    return b"".join(parts)


def unpack(key: bytes) -> tuple[Element, ...]:
    """Return the tuple that packs to these bytes; ValueError if none does."""
    elements: list[Element] = []
    position = 0
    while position < len(key):
        element, position = _unpack_element(key, position, nested=False)
        elements.append(element)
    return tuple(elements)


def prefix_range(prefix: bytes) -> tuple[bytes, bytes]:
    """Return (start, end) of all keys that begin with these bytes, for `scan` and `clear`."""
    stripped = prefix.rstrip(b"\xff")
    if not stripped:
        raise ValueError("a range needs a prefix with a byte below 0xff")
    return prefix, stripped[:-1] + bytes([stripped[-1] + 1])


class Space:
    """The keys of one kind of record: (service, account, region, kind, *rest)."""

    __slots__ = ("_prefixes", "kind", "service")

    def __init__(self, service: str, kind: str) -> None:
        self.service = service
        self.kind = kind
        self._prefixes: dict[tuple[str, str], bytes] = {}

    def prefix(self, scope: tuple[str, str]) -> bytes:
        """The bytes that begin every key of this kind in the scope."""
        found = self._prefixes.get(scope)
        if found is None:
            found = pack((self.service, scope[0], scope[1], self.kind))
            if len(self._prefixes) < 1024:
                self._prefixes[scope] = found
        return found

    def key(self, scope: tuple[str, str], *rest: Element) -> bytes:
        return self.prefix(scope) + pack(rest)

    def range(self, scope: tuple[str, str], *rest: Element) -> tuple[bytes, bytes]:
        """(start, end) of all keys that continue these elements by at least one more."""
        prefix = self.prefix(scope) + pack(rest)
        return prefix + b"\x00", prefix + b"\xff"

    def rest(self, scope: tuple[str, str], key: bytes) -> tuple[Element, ...]:
        """What follows the kind in a key of this scope."""
        return unpack(key[len(self.prefix(scope)) :])


def _pack_element(element: Element, *, nested: bool) -> bytes:
    if element is None:
        return b"\x00\xff" if nested else b"\x00"
    if isinstance(element, bool):
        return b"\x27" if element else b"\x26"
    if isinstance(element, bytes):
        return b"\x01" + element.replace(b"\x00", b"\x00\xff") + b"\x00"
    if isinstance(element, str):
        return b"\x02" + element.encode().replace(b"\x00", b"\x00\xff") + b"\x00"
    if isinstance(element, int):
        return _pack_int(element)
    if isinstance(element, float):
        return b"\x21" + _order_double(struct.pack(">d", element))
    if isinstance(element, tuple):
        return b"\x05" + b"".join(_pack_element(e, nested=True) for e in element) + b"\x00"
    raise TypeError(f"a key cannot hold a {type(element).__name__}")


def _pack_int(number: int) -> bytes:
    if number == 0:
        return b"\x14"
    size = (abs(number).bit_length() + 7) // 8
    if number > 0:
        digits = number.to_bytes(size, "big")
        if size <= _INT_BYTES_MAX:
            return bytes([_INT_ZERO + size]) + digits
        return bytes([_BIG_POSITIVE, _size_byte(size)]) + digits
    digits = (number + (1 << (8 * size)) - 1).to_bytes(size, "big")
    if size <= _INT_BYTES_MAX:
        return bytes([_INT_ZERO - size]) + digits
    return bytes([_BIG_NEGATIVE, _size_byte(size) ^ 0xFF]) + digits


def _size_byte(size: int) -> int:
    if size > 255:
        raise ValueError("an integer in a key has at most 255 bytes")
    return size


def _order_double(encoded: bytes) -> bytes:
    # Negative numbers sort backwards as IEEE 754 bits, so all their bits turn; the others' sign does.
    if encoded[0] & 0x80:
        return bytes(byte ^ 0xFF for byte in encoded)
    return bytes([encoded[0] ^ 0x80]) + encoded[1:]


def _unpack_element(key: bytes, position: int, *, nested: bool) -> tuple[Element, int]:
    code = key[position]
    if code == _NULL:
        return None, position + (2 if nested else 1)
    if code in (_BYTES, _STRING):
        raw, position = _unescape(key, position + 1)
        return (raw if code == _BYTES else raw.decode()), position
    if code == _NESTED:
        return _unpack_nested(key, position + 1)
    if code == _DOUBLE:
        return _unpack_double(key[position + 1 : position + 9]), position + 9
    if code in (_FALSE, _TRUE):
        return code == _TRUE, position + 1
    if _INT_ZERO - _INT_BYTES_MAX <= code <= _INT_ZERO + _INT_BYTES_MAX:
        size = abs(code - _INT_ZERO)
        digits = key[position + 1 : position + 1 + size]
        if len(digits) < size:
            raise ValueError("the key ends within an integer")
        return _unpack_int(digits, positive=code >= _INT_ZERO), position + 1 + size
    if code in (_BIG_NEGATIVE, _BIG_POSITIVE):
        positive = code == _BIG_POSITIVE
        size = key[position + 1] ^ (0 if positive else 0xFF)
        digits = key[position + 2 : position + 2 + size]
        return _unpack_int(digits, positive=positive), position + 2 + size
    raise ValueError(f"no element of a key begins with byte {code:#04x}")


def _unescape(key: bytes, start: int) -> tuple[bytes, int]:
    position = start
    while True:
        position = key.find(b"\x00", position)
        if position < 0:
            raise ValueError("the key ends within a string")
        if key[position + 1 : position + 2] != b"\xff":
            return key[start:position].replace(b"\x00\xff", b"\x00"), position + 1
        position += 2


def _unpack_nested(key: bytes, position: int) -> tuple[tuple[Element, ...], int]:
    elements: list[Element] = []
    while position < len(key):
        if key[position] == _NULL and key[position + 1 : position + 2] != b"\xff":
            return tuple(elements), position + 1
        element, position = _unpack_element(key, position, nested=True)
        elements.append(element)
    raise ValueError("the key ends within a nested tuple")


def _unpack_int(digits: bytes, *, positive: bool) -> int:
    number = int.from_bytes(digits, "big")
    return number if positive else number - (1 << (8 * len(digits))) + 1


def _unpack_double(ordered: bytes) -> float:
    if ordered[0] & 0x80:
        encoded = bytes([ordered[0] ^ 0x80]) + ordered[1:]
    else:
        encoded = bytes(byte ^ 0xFF for byte in ordered)
    number: float = struct.unpack(">d", encoded)[0]
    return number
