"""JSON Patch as API Gateway has it: paths name members of a record, values are always strings.

/name                    replace a member
/binaryMediaTypes/a~1b   add, remove, replace an element of a list
/variables/color         add, replace, remove an entry of a map
/throttle/rateLimit      replace a member of a structure
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from freehold.services.apigateway import errors
from freehold.services.apigateway.records import Record

R = TypeVar("R", bound=Record)

Operations = list[dict[str, Any]]


def patched(record: R, operations: Operations, *members: str) -> R:
    """The record after the operations, of which every path must begin with one of the members."""
    document = msgspec.to_builtins(record)
    kinds = _kinds(type(record))
    for operation in operations:
        op, path, value = operation.get("op", ""), operation.get("path", ""), operation.get("value")
        steps = pointer(path)
        if op not in ("add", "replace", "remove") or not steps or steps[0] not in members:
            raise errors.invalid_patch_path(path, op, [f"/{member}" for member in members])
        try:
            _apply(document, kinds, steps, op, value)
        except (ValueError, TypeError, KeyError, IndexError):
            raise errors.invalid_patch_value(path, value) from None
    try:
        return msgspec.convert(document, type(record))
    except msgspec.ValidationError as error:
        raise errors.bad_request(f"Invalid patch value: {error}") from None


def pointer(path: str) -> list[str]:
    """The steps of a JSON pointer: ~1 is a slash, ~0 a tilde."""
    if not path.startswith("/"):
        return []
    return [step.replace("~1", "/").replace("~0", "~") for step in path[1:].split("/")]


def _apply(
    document: dict[str, Any], kinds: Mapping[str, Any], steps: list[str], op: str, value: Any
) -> None:
    name, rest = steps[0], steps[1:]
    kind = kinds[name]
    origin = typing.get_origin(kind)
    if origin is list:
        document[name] = _patched_list(document.get(name) or [], rest, op, value)
    elif origin is dict and rest:
        element = typing.get_args(kind)[1]
        document[name] = _patched_map(document.get(name) or {}, element, rest, op, value)
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct) and rest:
        inner = dict(document.get(name) or {})
        _apply(inner, _kinds(kind), rest, op, value)
        document[name] = inner
    elif rest:
        raise ValueError(name)
    elif op == "remove":
        # A member with a default goes back to it; convert fills it in.
        document.pop(name, None)
    else:
        document[name] = _scalar(kind, value)


def _patched_list(elements: list[Any], rest: list[str], op: str, value: Any) -> list[Any]:
    wanted = "/".join(rest) if rest else value
    if op == "add":
        return elements if wanted in elements else [*elements, wanted]
    if op == "remove":
        return [element for element in elements if element != wanted] if wanted else []
    if not rest:
        return [element for element in (value or "").split(",") if element]
    if wanted not in elements and not (wanted.isdigit() and int(wanted) < len(elements)):
        raise ValueError(wanted)
    if wanted in elements:
        return [value if element == wanted else element for element in elements]
    return [value if index == int(wanted) else element for index, element in enumerate(elements)]


def _patched_map(
    entries: dict[str, Any], element: Any, rest: list[str], op: str, value: Any
) -> dict[str, Any]:
    key = "/".join(rest)
    kept = {name: found for name, found in entries.items() if name != key}
    return kept if op == "remove" else {**entries, key: _scalar(element, value)}


def _scalar(kind: Any, value: Any) -> Any:
    if kind is bool:
        if str(value).lower() not in ("true", "false"):
            raise ValueError(value)
        return str(value).lower() == "true"
    if kind is int:
        return int(value)
    if kind is float:
        return float(value)
    if value is None:
        return None
    return str(value)


def _kinds(record: type[msgspec.Struct]) -> dict[str, Any]:
    return {
        field.encode_name: _without_none(field.type) for field in msgspec.structs.fields(record)
    }


def _without_none(kind: Any) -> Any:
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        return next(part for part in typing.get_args(kind) if part is not type(None))
    return kind
