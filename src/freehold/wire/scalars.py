"""Scalars as text: in XML, in form parameters, in headers, in the query and the path."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any

import orjson

from freehold.wire import timestamps
from freehold.wire.messages import WireError
from freehold.wire.shapes import Shape

_INTEGERS = {"integer": (-(2**31), 2**31 - 1), "long": (-(2**63), 2**63 - 1)}
# Python reads more than these: underscores, other scripts' digits, "nan" in any case.
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")
_FLOAT = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|NaN|-?Infinity", re.ASCII)


def text_reader(shape: Shape, *, timestamp_form: str, malformed: str) -> Callable[[str], Any]:
    """A function from text to the value of a scalar shape; WireError(malformed) if it is none."""
    kind = shape.type
    form = shape.get("timestampFormat", timestamp_form)

    def read(text: str) -> Any:
        try:
            return _read(kind, form, text)
        except (ValueError, binascii.Error, OverflowError) as error:
            raise WireError(malformed, f"'{text[:256]}' is not a valid {kind}") from error

    if kind == "string":
        return _json_value if shape.get("jsonvalue") else str
    return read


def text_writer(shape: Shape, *, timestamp_form: str) -> Callable[[Any], str]:
    """A function from the value of a scalar shape to text."""
    kind = shape.type
    if kind == "boolean":
        return lambda value: "true" if value else "false"
    if kind == "timestamp":
        form = shape.get("timestampFormat", timestamp_form)
        return lambda value: str(timestamps.form(value, form))
    if kind == "blob":
        return lambda value: base64.b64encode(
            value.encode() if isinstance(value, str) else bytes(value)
        ).decode()
    if kind in ("float", "double"):
        return _float_text
    if kind == "string" and shape.get("jsonvalue"):
        return lambda value: base64.b64encode(orjson.dumps(value)).decode()
    return str


def _read(kind: str, form: str, text: str) -> Any:
    text = text.strip()
    if kind in _INTEGERS:
        low, high = _INTEGERS[kind]
        if _INTEGER.fullmatch(text) is None or not low <= int(text) <= high:
            raise ValueError("not an integer of this size")
        return int(text)
    if kind in ("float", "double"):
        if _FLOAT.fullmatch(text) is None:
            raise ValueError("not a number")
        return float(text)
    if kind == "boolean":
        lowered = text.lower()
        if lowered not in ("true", "false"):
            raise ValueError("neither true nor false")
        return lowered == "true"
    if kind == "timestamp":
        return timestamps.parse(text, form)
    assert kind == "blob", kind
    return base64.b64decode(text, validate=True)


def _json_value(text: str) -> Any:
    try:
        return orjson.loads(base64.b64decode(text, validate=True))
    except (ValueError, binascii.Error) as error:
        raise WireError("SerializationException", "A JSON value does not parse") from error


def _float_text(value: Any) -> str:
    number = float(value)
    if number != number:
        return "NaN"
    if number in (float("inf"), float("-inf")):
        return "Infinity" if number > 0 else "-Infinity"
    return str(value)
