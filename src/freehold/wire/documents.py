"""Documents of maps, lists and scalars: the bodies of the JSON protocols and of CBOR.

A reader turns a decoded document into values of the model's types and refuses what does not fit; a
writer does the reverse. Where reading or writing would change nothing below a shape, the compiled
function is None, and the value passes as it is.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any

import orjson

from freehold.wire import timestamps
from freehold.wire.messages import WireError
from freehold.wire.shapes import Shape

Convert = Callable[[Any], Any]

_INTEGERS = {"integer": (-(2**31), 2**31 - 1), "long": (-(2**63), 2**63 - 1)}
_JSON_TYPES = {
    type(None): "VALUE_NULL",
    str: "STRING_VALUE",
    bool: "TRUE_VALUE",
    int: "NUMBER_VALUE",
    float: "DECIMAL_VALUE",
    list: "START_ARRAY",
    dict: "START_OBJECT",
}
_JAVA_TYPES = {
    "string": "String",
    "integer": "Integer",
    "long": "Long",
    "float": "Float",
    "double": "Double",
    "boolean": "Boolean",
    "blob": "ByteBuffer",
    "timestamp": "Date",
}


class Documents:
    """A kind of document: JSON, JSON with blobs left as text, or CBOR."""

    def __init__(self, *, binary: bool = False, keeps_json: bool = False) -> None:
        self._binary = binary
        self._keeps_json = keeps_json
        self._readers: dict[tuple[str, str], list[Convert]] = {}
        self._writers: dict[tuple[str, str], list[Convert | None]] = {}

    def reader(self, shape: Shape) -> Convert:
        """A function from a decoded document to a value; WireError SerializationException if it cannot."""
        if shape.get("document"):
            return _as_it_is
        if shape.type not in ("structure", "list", "map"):
            return self._scalar_reader(shape)
        key = (shape.name, str(shape.get("jsonvalue")))
        if key in self._readers:
            holder = self._readers[key]
            return holder[0] if holder else lambda value: holder[0](value)
        holder = self._readers[key] = []
        compiled = {
            "structure": self._structure_reader,
            "list": self._list_reader,
            "map": self._map_reader,
        }[shape.type](shape)
        holder.append(compiled)
        return compiled

    def body_reader(self, shape: Shape, names: frozenset[str] | None) -> Convert:
        """Like `reader`, of the members of these names: a body cannot give what is read elsewhere."""
        return self.reader(shape) if names is None else self._structure_reader(shape, names)

    def writer(self, shape: Shape) -> Convert | None:
        """A function from a value to what the encoder takes, or None where that is the value itself."""
        if shape.get("document") or self._keeps_json:
            return None
        if shape.type not in ("structure", "list", "map"):
            return self._scalar_writer(shape)
        key = (shape.name, "")
        if key in self._writers:
            holder = self._writers[key]
            if holder:
                return holder[0]
            return lambda value: holder[0](value) if holder[0] else value
        holder = self._writers[key] = []
        compiled = {
            "structure": self._structure_writer,
            "list": self._list_writer,
            "map": self._map_writer,
        }[shape.type](shape)
        holder.append(compiled)
        return compiled

    def _structure_reader(self, shape: Shape, names: frozenset[str] | None = None) -> Convert:
        members = {
            member.wire_name(name): (name, self.reader(member))
            for name, member in shape.members.items()
            if names is None or name in names
        }
        is_union = bool(shape.get("union"))

        def read(value: Any) -> Any:
            if type(value) is not dict:
                raise _unfit(value, shape)
            result = {}
            for key, inner in value.items():
                found = members.get(key)
                if found is not None and inner is not None:
                    name, convert = found
                    result[name] = convert(inner)
            if is_union and len(result) > 1:
                raise WireError(
                    "SerializationException",
                    f"Unexpected fields: a {shape.name} has exactly one member",
                )
            return result

        return read

    def _list_reader(self, shape: Shape) -> Convert:
        member = shape.member("member")
        convert = self.reader(member)
        # Some lists of scalars are sparse, which the models do not say; none of structures are.
        is_dense = member.type in ("structure", "list", "map")

        def read(value: Any) -> Any:
            if type(value) is not list:
                raise _unfit(value, shape)
            if is_dense:
                return [convert(inner) for inner in value]
            return [None if inner is None else convert(inner) for inner in value]

        return read

    def _map_reader(self, shape: Shape) -> Convert:
        convert = self.reader(shape.member("value"))

        def read(value: Any) -> Any:
            if type(value) is not dict:
                raise _unfit(value, shape)
            return {key: convert(inner) for key, inner in value.items() if inner is not None}

        return read

    def _scalar_reader(self, shape: Shape) -> Convert:
        kind = shape.type
        if kind == "string":
            return _json_value_reader if shape.get("jsonvalue") else _string_reader(shape)
        if kind in _INTEGERS:
            return _integer_reader(shape)
        if kind in ("float", "double"):
            return _float_reader(shape)
        if kind == "boolean":
            return _boolean_reader(shape)
        if kind == "timestamp":
            return self._timestamp_reader(shape)
        assert kind == "blob", kind
        if self._binary:
            return _bytes_reader(shape)
        return _text_blob_reader(shape) if self._keeps_json else _base64_reader(shape)

    def _timestamp_reader(self, shape: Shape) -> Convert:
        form = "unixTimestamp" if self._binary else shape.get("timestampFormat", "unixTimestamp")

        def read(value: Any) -> float:
            if isinstance(value, bool):
                raise _unfit(value, shape)
            try:
                if isinstance(value, str) and form == "unixTimestamp" and not self._binary:
                    return timestamps.parse(value, "iso8601")
                return timestamps.parse(value, form)
            except (ValueError, TypeError, OverflowError) as error:
                raise _unfit(value, shape) from error

        return read

    def _structure_writer(self, shape: Shape) -> Convert | None:
        members = {
            name: (member.wire_name(name), self.writer(member))
            for name, member in shape.members.items()
        }

        def write(value: Any) -> Any:
            result = {}
            for key, inner in value.items():
                if inner is None:
                    continue
                wire_name, convert = members[key]
                result[wire_name] = inner if convert is None else convert(inner)
            return result

        return write

    def _list_writer(self, shape: Shape) -> Convert | None:
        convert = self.writer(shape.member("member"))
        if convert is None:
            return None
        return lambda value: [None if inner is None else convert(inner) for inner in value]

    def _map_writer(self, shape: Shape) -> Convert | None:
        convert = self.writer(shape.member("value"))
        if convert is None:
            return None
        return lambda value: {
            key: None if inner is None else convert(inner) for key, inner in value.items()
        }

    def _scalar_writer(self, shape: Shape) -> Convert | None:
        if shape.type == "timestamp":
            if self._binary:
                return _Timestamp
            form = shape.get("timestampFormat", "unixTimestamp")
            return lambda value: timestamps.form(value, form)
        if shape.type == "blob" and not self._binary:
            return lambda value: base64.b64encode(_bytes(value)).decode()
        if shape.type == "string" and shape.get("jsonvalue"):
            return lambda value: orjson.dumps(value).decode()
        if shape.type in ("float", "double") and not self._binary:
            return _float_writer
        if shape.type in ("float", "double"):
            return float
        return None


class _Timestamp(float):
    """A time among CBOR values, where it needs a tag of its own."""


def _as_it_is(value: Any) -> Any:
    return value


def _json_value_reader(value: Any) -> Any:
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise WireError("SerializationException", "A JSON value does not parse") from error


def _string_reader(shape: Shape) -> Convert:
    def read(value: Any) -> str:
        if type(value) is not str:
            raise _unfit(value, shape)
        return value

    return read


def _integer_reader(shape: Shape) -> Convert:
    low, high = _INTEGERS[shape.type]

    def read(value: Any) -> int:
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is not int or not low <= value <= high:
            raise _unfit(value, shape)
        return value

    return read


def _float_reader(shape: Shape) -> Convert:
    def read(value: Any) -> float:
        if isinstance(value, str) and value in ("NaN", "Infinity", "-Infinity"):
            return float(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise _unfit(value, shape)
        return float(value)

    return read


def _boolean_reader(shape: Shape) -> Convert:
    def read(value: Any) -> bool:
        if type(value) is not bool:
            raise _unfit(value, shape)
        return value

    return read


def _bytes_reader(shape: Shape) -> Convert:
    def read(value: Any) -> bytes:
        if type(value) is not bytes:
            raise _unfit(value, shape)
        return value

    return read


def _base64_reader(shape: Shape) -> Convert:
    def read(value: Any) -> bytes:
        if type(value) is not str:
            raise _unfit(value, shape)
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError) as error:
            raise _bad_base64() from error

    return read


def _text_blob_reader(shape: Shape) -> Convert:
    decode = _base64_reader(shape)

    def read(value: Any) -> str:
        decode(value)
        text: str = value
        return text

    return read


def _float_writer(value: Any) -> Any:
    number = float(value)
    if number != number:
        return "NaN"
    if number in (float("inf"), float("-inf")):
        return "Infinity" if number > 0 else "-Infinity"
    return value


def _bytes(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)


def _bad_base64() -> WireError:
    return WireError("SerializationException", "Invalid base64-encoded binary value")


def _unfit(value: Any, shape: Shape) -> WireError:
    found = "FALSE_VALUE" if value is False else _JSON_TYPES.get(type(value), type(value).__name__)
    if shape.type in _JAVA_TYPES:
        message = f"{found} can not be converted to {_JAVA_TYPES[shape.type]}"
    else:
        message = f"Unexpected value type in payload: {found} where a {shape.type} is expected"
    return WireError("SerializationException", message)
