"""Template text to a document of dicts, lists and scalars: YAML with its short forms, or JSON.

YAML is read from libyaml's events with a stack of our own, so that neither depth, nor duplicate
keys, nor aliases (which CloudFormation does not take) can hurt. Numbers that would not print as
they were written (0123, 1.10, 1e3) stay text, as do dates: properties and parameters are text in
the end.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import yaml

from freehold.services.cloudformation import errors

BODY_BYTES_MAX = 51_200
URL_BYTES_MAX = 1_000_000
DEPTH_MAX = 200

Document = dict[str, Any]

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TRUE = frozenset(("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"))
_FALSE = frozenset(("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"))
_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\.[0-9]+\Z")
_JSON_INTEGER_DIGITS_MAX = 400


def parse(text: str) -> Document:
    """The document of a template. Errors are ValidationErrors in CloudFormation's words."""
    document = _parse_json(text) if text.lstrip()[:1] == "{" else _parse_yaml(text)
    if not isinstance(document, dict):
        raise errors.template_format("unsupported structure.")
    path = _null_path(document)
    if path is not None:
        raise errors.template_format(f"[{path}] 'null' values are not allowed in templates")
    return document


def parse_fragment(text: str) -> Any:
    """What an included snippet holds: any value."""
    return _parse_json(text) if text.lstrip()[:1] in ("{", "[") else _parse_yaml(text)


def check_body_size(text: str) -> None:
    if len(text.encode()) > BODY_BYTES_MAX:
        raise errors.validation(
            "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: "
            f"Member must have length less than or equal to {BODY_BYTES_MAX}"
        )


def check_url_size(size: int) -> None:
    if size > URL_BYTES_MAX:
        raise errors.validation(f"Template may not exceed {URL_BYTES_MAX} bytes in size.")


def _parse_json(text: str) -> Any:
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_float=_json_number,
            parse_int=_json_number,
            parse_constant=_no_constant,
        )
    except json.JSONDecodeError as error:
        raise errors.template_format(
            f"JSON not well-formed. (line {error.lineno}, column {error.colno})"
        ) from error
    except (ValueError, RecursionError) as error:
        raise errors.template_format("JSON not well-formed.") from error
    if _depth_exceeded(value):
        raise errors.template_format("JSON not well-formed.")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise errors.template_format(f"Duplicate key: {twice}")
    return document


def _json_number(text: str) -> Any:
    return text if len(text) > _JSON_INTEGER_DIGITS_MAX else _number(text)


def _no_constant(text: str) -> Any:
    raise ValueError(text)


def _depth_exceeded(value: Any) -> bool:
    level = [value]
    for _ in range(DEPTH_MAX):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True


class _Open:
    """A mapping or sequence whose end has not come yet."""

    __slots__ = ("key", "tag", "value")

    def __init__(self, value: dict[str, Any] | list[Any], tag: str | None) -> None:
        self.value = value
        self.tag = tag
        self.key: str | None = None


def _parse_yaml(text: str) -> Any:
    try:
        return _build(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise errors.template_format(f"YAML not well-formed.{where}") from error
    except yaml.YAMLError as error:
        raise errors.template_format("YAML not well-formed.") from error


def _build(events: Any) -> Any:
    stack: list[_Open] = []
    root: list[Any] = []
    for event in events:
        if isinstance(event, yaml.AliasEvent):
            raise errors.template_error("YAML aliases are not allowed in CloudFormation templates")
        if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            if len(stack) >= DEPTH_MAX or (stack and _awaits_key(stack[-1])):
                raise _malformed(event)
            mapping = isinstance(event, yaml.MappingStartEvent)
            stack.append(_Open({} if mapping else [], _own_tag(event)))
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            done = stack.pop()
            _place(stack, root, _tagged(done.tag, done.value, event), event)
        elif isinstance(event, yaml.ScalarEvent):
            if stack and _awaits_key(stack[-1]):
                _take_key(stack[-1], event)
            else:
                _place(stack, root, _scalar(event), event)
        elif isinstance(event, yaml.DocumentStartEvent) and root:
            raise _malformed(event)
    return root[0] if root else None


def _awaits_key(top: _Open) -> bool:
    return isinstance(top.value, dict) and top.key is None


def _take_key(top: _Open, event: Any) -> None:
    if event.value in top.value:
        mark = event.start_mark
        raise errors.template_format(
            f"Duplicate key: {event.value} (line {mark.line + 1}, column {mark.column + 1})"
        )
    if event.value == "<<" and not event.style:
        raise _malformed(event)
    top.key = event.value


def _place(stack: list[_Open], root: list[Any], value: Any, event: Any) -> None:
    if not stack:
        root.append(value)
        return
    top = stack[-1]
    if isinstance(top.value, list):
        top.value.append(value)
    else:
        assert top.key is not None
        top.value[top.key] = value
        top.key = None


def _own_tag(event: Any) -> str | None:
    tag: str | None = event.tag
    if tag is None or tag == "!" or tag.startswith("tag:yaml.org,2002:"):
        return None
    return tag


def _scalar(event: Any) -> Any:
    tag = _own_tag(event)
    if tag is not None:
        return _tagged(tag, event.value, event)
    if event.style or event.tag == "tag:yaml.org,2002:str":
        return event.value
    return _plain(event.value)


def _plain(text: str) -> Any:
    if text in _NULL:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    return _number(text)


def _number(text: str) -> Any:
    """The number, if it prints as it was written; else the text."""
    if _INTEGER.match(text) and len(text) < 18:
        number: int | float = int(text)
    elif _FLOAT.match(text) and len(text) < 16:
        number = float(text)
    else:
        return text
    return number if str(number) == text else text


def _malformed(event: Any) -> Exception:
    mark = event.start_mark
    return errors.template_format(
        f"YAML not well-formed. (line {mark.line + 1}, column {mark.column + 1})"
    )


def _tagged(tag: str | None, value: Any, event: Any) -> Any:
    if tag is None:
        return value
    if tag in ("!Ref", "!Condition"):
        return {tag[1:]: value}
    if tag == "!GetAtt":
        return {"Fn::GetAtt": value.split(".", 1) if isinstance(value, str) else value}
    if tag[1:] in SHORT_FORMS:
        return {f"Fn::{tag[1:]}": value}
    raise _malformed(event)


SHORT_FORMS = frozenset(
    (
        "And", "Base64", "Cidr", "Contains", "EachMemberEquals", "EachMemberIn", "Equals",
        "FindInMap", "GetAZs", "If", "ImportValue", "Join", "Length", "Not", "Or", "RefAll",
        "Select", "Split", "Sub", "ToJsonString", "Transform", "ValueOf", "ValueOfAll",
    )
)  # fmt: skip


def walk(value: Any, visit: Callable[[str, Any], None], path: str = "") -> None:
    """Call visit(path, node) for every node, parents first."""
    visit(path, value)
    if isinstance(value, dict):
        for key, inner in value.items():
            walk(inner, visit, f"{path}/{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            walk(inner, visit, f"{path}/{index}")


def _null_path(document: Document) -> str | None:
    found: list[str] = []

    def visit(path: str, value: Any) -> None:
        if value is None:
            found.append(path)

    walk(document, visit)
    return found[0] if found else None
