"""Attribute values as they come over the wire, {"S": "..."}: checked, measured, compared.

Items keep that form everywhere, in memory and in the store, so that a read costs no conversion.
What `checked` has passed is canonical: numbers in one text, binaries in one base64 text, sets
without repeats.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from freehold.services.dynamodb import errors, numbers

Value = dict[str, Any]
Item = dict[str, Value]

TYPES = ("S", "N", "B", "SS", "NS", "BS", "M", "L", "NULL", "BOOL")
_EMPTY = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
NESTING_MAX = 32
ITEM_BYTES_MAX = 400 * 1024
# "Item sizes and formats": a list or map weighs 3 bytes, and 1 for each element.
_CONTAINER_BYTES, _ELEMENT_BYTES = 3, 1


def checked_item(item: Item) -> int:
    """Check every attribute, bring it into canonical form in place, and return the item's size.

    In place, because nearly every value is canonical already; doing it twice changes nothing.
    """
    size = 0
    for name, value in item.items():
        if not name:
            raise errors.invalid_values("Attribute names must not be empty")
        text = value.get("S")
        if text is not None and len(value) == 1:
            size += len(text) if text.isascii() else len(text.encode())
        else:
            size += checked(value)
        size += len(name) if name.isascii() else len(name.encode())
    return size


def checked(value: Value, depth: int = 0) -> int:
    """The same for one value."""
    # JSON's null, in a list, is no value: what it means is {"NULL": true}.
    if value is None or len(value) != 1:
        raise errors.invalid(
            "Supplied AttributeValue has more than one datatypes set, "
            "must contain exactly one of the supported datatypes"
            if value
            else _EMPTY
        )
    ((kind, content),) = value.items()
    check = _CHECKS.get(kind)
    if check is None:
        raise errors.invalid(_EMPTY)
    return check(value, content, depth)


def kind_of(value: Value) -> str:
    return next(iter(value))


def text_bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def decoded(text: str) -> bytes:
    """The bytes of a binary value."""
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise errors.bad_base64(text) from error


def item_size(item: Item) -> int:
    """The size of an item that is canonical already."""
    return sum(text_bytes(name) + value_size(value) for name, value in item.items())


def value_size(value: Value) -> int:
    ((kind, content),) = value.items()
    if kind == "S":
        return text_bytes(content)
    if kind == "N":
        return numbers.size(content)
    if kind == "B":
        return _binary_size(content)
    if kind in ("BOOL", "NULL"):
        return 1
    if kind == "M":
        inner = sum(
            text_bytes(name) + value_size(each) + _ELEMENT_BYTES for name, each in content.items()
        )
        return _CONTAINER_BYTES + inner
    if kind == "L":
        return _CONTAINER_BYTES + sum(value_size(each) + _ELEMENT_BYTES for each in content)
    measure = {"SS": text_bytes, "NS": numbers.size, "BS": _binary_size}[kind]
    return sum(map(measure, content))


def equal(left: Value, right: Value) -> bool:
    """Equality as conditions see it: by type and content, sets without regard to order."""
    ((kind, content),) = left.items()
    if kind not in right:
        return False
    other = right[kind]
    if kind in ("SS", "NS", "BS"):
        return len(content) == len(other) and set(content) == set(other)
    if kind == "L":
        return len(content) == len(other) and all(map(equal, content, other))
    if kind == "M":
        return content.keys() == other.keys() and all(
            equal(content[name], other[name]) for name in content
        )
    return bool(content == other)


def order(value: Value) -> Any:
    """What compares as the value does among those of its type; None for a type without order."""
    ((kind, content),) = value.items()
    if kind == "N":
        return Decimal(content)
    if kind == "S":
        # Code points sort as their UTF-8 bytes do.
        return content
    if kind == "B":
        return base64.b64decode(content)
    return None


def described(value: Value) -> str:
    """As error messages show a value: AttributeValue: {N:5}."""
    ((kind, content),) = value.items()
    return f"AttributeValue: {{{kind}:{content}}}"


def _check_text(value: Value, content: str, depth: int) -> int:
    return len(content) if content.isascii() else len(content.encode())


def _check_number(value: Value, content: str, depth: int) -> int:
    # Small integers are nearly all numbers there are, and canonical as they are.
    if content.isdigit() and len(content) <= 18 and content.isascii() and content[0] != "0":
        return (len(content.rstrip("0")) + 3) // 2
    text = numbers.canonical(content)
    if text != content:
        value["N"] = text
    return numbers.size(text)


def _check_binary(value: Value, content: str, depth: int) -> int:
    raw = decoded(content)
    value["B"] = base64.b64encode(raw).decode()
    return len(raw)


def _check_bool(value: Value, content: bool, depth: int) -> int:
    return 1


def _check_null(value: Value, content: bool, depth: int) -> int:
    if content is not True:
        raise errors.invalid_values("Null attribute value types must have the value of true")
    return 1


def _check_map(value: Value, content: Item, depth: int) -> int:
    if depth >= NESTING_MAX:
        raise errors.nesting()
    size = _CONTAINER_BYTES
    for name, inner in content.items():
        size += text_bytes(name) + checked(inner, depth + 1) + _ELEMENT_BYTES
    return size


def _check_list(value: Value, content: list[Value], depth: int) -> int:
    if depth >= NESTING_MAX:
        raise errors.nesting()
    size = _CONTAINER_BYTES
    for inner in content:
        size += checked(inner, depth + 1) + _ELEMENT_BYTES
    return size


def _check_text_set(value: Value, content: list[str], depth: int) -> int:
    if not content:
        raise errors.invalid_values("An string set  may not be empty")
    if None in content:
        raise errors.invalid_values("An string set may not have a null string as a member")
    if len(set(content)) != len(content):
        shown = ", ".join(content)
        raise errors.invalid_values(f"Input collection [{shown}] contains duplicates.")
    return sum(map(text_bytes, content))


def _check_number_set(value: Value, content: list[str], depth: int) -> int:
    if not content:
        raise errors.invalid_values("An number set  may not be empty")
    if None in content:
        raise errors.invalid_values("An number set may not have a null number as a member")
    texts = [numbers.canonical(each) for each in content]
    if len(set(texts)) != len(texts):
        raise errors.invalid("Input collection contains duplicates")
    value["NS"] = texts
    return sum(map(numbers.size, texts))


def _check_binary_set(value: Value, content: list[str], depth: int) -> int:
    if not content:
        raise errors.invalid_values("Binary sets should not be empty")
    if None in content:
        raise errors.invalid_values("Binary sets may not contain null values")
    raws = [decoded(each) for each in content]
    texts = [base64.b64encode(raw).decode() for raw in raws]
    if len(set(texts)) != len(texts):
        shown = ", ".join(texts)
        raise errors.invalid_values(f"Input collection [{shown}]of type BS contains duplicates.")
    value["BS"] = texts
    return sum(map(len, raws))


def _binary_size(text: str) -> int:
    return len(text) // 4 * 3 - text.count("=", -2) if text else 0


_CHECKS: dict[str, Callable[[Value, Any, int], int]] = {
    "S": _check_text,
    "N": _check_number,
    "B": _check_binary,
    "BOOL": _check_bool,
    "NULL": _check_null,
    "M": _check_map,
    "L": _check_list,
    "SS": _check_text_set,
    "NS": _check_number_set,
    "BS": _check_binary_set,
}
