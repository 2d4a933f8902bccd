"""Scalars as text: in XML, in form parameters, in headers, in the query and the path."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any

import orjson

from freehold.wire import timestamps
from freehold.wire.messages import WireError
from freehold.wire.shapes import Shape

_INTEGERS = {"integer": 32, "long": 64}


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
    if kind in _INTEGERS:
        number = int(text)
        if number.bit_length() >= _INTEGERS[kind] and number != -(2 ** (_INTEGERS[kind] - 1)):
            raise ValueError("out of range")
        return number
    if kind in ("float", "double"):
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
