"""The methods of Java's strings, lists and maps that templates call, and how values are written."""

from __future__ import annotations

import re
from typing import Any

import orjson

from freehold.services.apigateway.velocity.parsing import TemplateError

# Before values are written out; what templates build is bounded by what they may loop over.
TEXT_MAX = 10 * 1024 * 1024


def call(value: Any, name: str, arguments: list[Any]) -> Any:
    """value.name(arguments); TemplateError if the value has no such method."""
    if isinstance(value, str):
        return _string(value, name, arguments)
    if isinstance(value, list):
        return _list(value, name, arguments)
    if isinstance(value, dict):
        return _map(value, name, arguments)
    if name == "toString" and not arguments:
        return text(value)
    if name == "equals" and len(arguments) == 1:
        return bool(value == arguments[0])
    raise TemplateError(f"no method {name}")


def text(value: Any) -> str:
    """A value as it is written: maps as Java writes them, lists as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={text(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return orjson.dumps(value, default=str).decode()
    return str(value)


def _string(value: str, name: str, arguments: list[Any]) -> Any:
    match name, arguments:
        case (("length" | "size"), []):
            return len(value)
        case "isEmpty", []:
            return not value
        case "toString", []:
            return value
        case "trim", []:
            return value.strip()
        case "toLowerCase", []:
            return value.lower()
        case "toUpperCase", []:
            return value.upper()
        case "contains", [str(part)]:
            return part in value
        case "startsWith", [str(part)]:
            return value.startswith(part)
        case "endsWith", [str(part)]:
            return value.endswith(part)
        case "equals", [other]:
            return value == other
        case "equalsIgnoreCase", [str(other)]:
            return value.lower() == other.lower()
        case "indexOf", [str(part)]:
            return value.find(part)
        case "lastIndexOf", [str(part)]:
            return value.rfind(part)
        case "concat", [str(part)]:
            return value + part
        case "charAt", [int(index)]:
            return value[index : index + 1]
        case "substring", [int(first)]:
            return value[first:]
        case "substring", [int(first), int(last)]:
            return value[first:last]
        case "replace", [str(old), str(new)]:
            return value.replace(old, new)
        case "replaceAll", [str(pattern), str(new)]:
            return _pattern(pattern).sub(_replacement(new), value)
        case "replaceFirst", [str(pattern), str(new)]:
            return _pattern(pattern).sub(_replacement(new), value, count=1)
        case "matches", [str(pattern)]:
            return _pattern(pattern).fullmatch(value) is not None
        case "split", [str(pattern)]:
            parts = _pattern(pattern).split(value)
            while len(parts) > 1 and parts[-1] == "":
                parts.pop()
            return parts
    raise TemplateError(f"no method {name} of strings")


def _list(value: list[Any], name: str, arguments: list[Any]) -> Any:
    match name, arguments:
        case (("size" | "length"), []):
            return len(value)
        case "isEmpty", []:
            return not value
        case "get", [int(index)]:
            return value[index] if 0 <= index < len(value) else None
        case "contains", [each]:
            return each in value
        case "indexOf", [each]:
            return value.index(each) if each in value else -1
        case "add", [each]:
            value.append(each)
            return True
        case "addAll", [list(more)]:
            value.extend(more)
            return bool(more)
        case "set", [int(index), each] if 0 <= index < len(value):
            value[index] = each
            return each
        case "remove", [int(index)] if 0 <= index < len(value):
            return value.pop(index)
        case "toString", []:
            return text(value)
    raise TemplateError(f"no method {name} of lists")


def _map(value: dict[str, Any], name: str, arguments: list[Any]) -> Any:
    match name, arguments:
        case "get", [key]:
            return value.get(key)
        case "getOrDefault", [key, default]:
            return value.get(key, default)
        case "put", [key, each]:
            before = value.get(key)
            value[key] = each
            return before
        case "putAll", [dict(more)]:
            value.update(more)
            return None
        case "remove", [key]:
            return value.pop(key, None)
        case "containsKey", [key]:
            return key in value
        case "containsValue", [each]:
            return each in value.values()
        case "keySet", []:
            return list(value)
        case "values", []:
            return list(value.values())
        case "entrySet", []:
            return [{"key": key, "value": each} for key, each in value.items()]
        case "size", []:
            return len(value)
        case "isEmpty", []:
            return not value
        case "toString", []:
            return text(value)
    # $entry.getKey() of an entry set is $entry.key.
    if name.startswith("get") and not arguments and name[3:]:
        return value.get(name[3].lower() + name[4:])
    raise TemplateError(f"no method {name} of maps")


def _pattern(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise TemplateError(f"{pattern!r} is no pattern: {error}") from None


def _replacement(new: str) -> str:
    """Java's $1 is Python's \\1."""
    return re.sub(r"\$(\d)", r"\\\1", new.replace("\\", "\\\\"))
