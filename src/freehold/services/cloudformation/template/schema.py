"""The public resource schemas, read as data, one type at a time, when the type is first met."""

from __future__ import annotations

import json
import re
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

TYPES_CACHED_MAX = 64


class Schema:
    """What a type's schema says of its properties. Paths are dotted, `*` for any member of a
    list."""

    __slots__ = (
        "additional",
        "conditional",
        "create_only",
        "definitions",
        "identifier",
        "properties",
        "read_only",
        "required",
        "tag_property",
        "tags_change",
    )

    def __init__(self, document: dict[str, Any]) -> None:
        self.properties: dict[str, Any] = document.get("properties", {})
        self.definitions: dict[str, Any] = document.get("definitions", {})
        self.required: list[str] = document.get("required", [])
        self.additional = document.get("additionalProperties", True) is not False
        self.identifier = [_path(pointer) for pointer in document.get("primaryIdentifier", ())]
        self.create_only = _paths(document, "createOnlyProperties")
        self.conditional = _paths(document, "conditionalCreateOnlyProperties")
        self.read_only = _paths(document, "readOnlyProperties")
        tagging = document.get("tagging", {})
        taggable = tagging.get("taggable", "Tags" in self.properties)
        self.tag_property = (
            _path(tagging.get("tagProperty", "/properties/Tags")) if taggable else ""
        )
        self.tags_change = bool(taggable and tagging.get("tagUpdatable", True))

    def replaces(self, path: str) -> str:
        """Whether a change at this top-level property recreates: "Always", "Conditionally" or
        "Never"."""
        if path in self.create_only:
            return "Always"
        if path in self.conditional:
            return "Conditionally"
        if any(other.startswith(path + ".") for other in self.create_only):
            return "Conditionally"
        return "Never"

    def needs_replacement(self, before: dict[str, Any], after: dict[str, Any]) -> bool:
        """Whether any createOnly property differs between two sets of properties.

        Those that are so conditionally count: a replacement is right where an update might not be.
        """
        return any(
            _at(before, path.split(".")) != _at(after, path.split("."))
            for path in self.create_only | self.conditional
        )

    def has_attribute(self, attribute: str) -> bool:
        """Whether Fn::GetAtt may name this: read-only properties, and those that can be read
        back."""
        root = attribute.split(".", 1)[0]
        return any(path.split(".", 1)[0] == root for path in self.read_only) or (
            root in self.properties
        )


def schema(type_name: str) -> Schema | None:
    """The schema of a type, or None if AWS has no such type."""
    digest = _index().get(type_name)
    return None if digest is None else _load(digest)


def exists(type_name: str) -> bool:
    return type_name in _index()


@cache
def _index() -> dict[str, str]:
    document: dict[str, str] = json.loads((_directory() / "providers/us-east-1.json").read_text())
    return document


@lru_cache(maxsize=TYPES_CACHED_MAX)
def _load(digest: str) -> Schema:
    return Schema(json.loads((_directory() / f"resources/{digest}.json").read_text()))


@cache
def _directory() -> Path:
    # find_spec does not run the package, which would import half of cfn-lint.
    spec = find_spec("cfnlint")
    assert spec is not None, "cfn-lint's schemas are not installed"
    assert spec.origin is not None
    return Path(spec.origin).parent / "data/schemas"


def _paths(document: dict[str, Any], member: str) -> frozenset[str]:
    return frozenset(_path(pointer) for pointer in document.get(member, ()))


def _path(pointer: str) -> str:
    return re.sub(r"/properties/|/", ".", pointer.removeprefix("/properties/"))


def _at(value: Any, path: list[str]) -> Any:
    for index, part in enumerate(path):
        if part == "*":
            if not isinstance(value, list):
                return None
            return [_at(member, path[index + 1 :]) for member in value]
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    # Templates type numbers and booleans as they like: "5" and 5 are the same value.
    return comparable(value)


def comparable(value: Any) -> Any:
    """The value with its scalars as text, so that values which mean the same are equal."""
    if isinstance(value, dict):
        return {key: comparable(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [comparable(inner) for inner in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


PROBLEMS_MAX = 10
_DEPTH_MAX = 12


def property_problems(type_name: str, properties: dict[str, Any]) -> list[str]:
    """What the schema holds against these properties: unknown and missing names, wrong kinds."""
    found = schema(type_name)
    if found is None:
        return []
    problems: list[str] = []
    document = {
        "type": "object",
        "properties": found.properties,
        "required": found.required,
        "additionalProperties": found.additional,
    }
    _check(document, properties, "#", found.definitions, problems, 0)
    return problems[:PROBLEMS_MAX]


def _check(
    rule: Any,
    value: Any,
    path: str,
    definitions: dict[str, Any],
    problems: list[str],
    depth: int,
) -> None:
    rule = _dereference(rule, definitions)
    if depth > _DEPTH_MAX or not isinstance(rule, dict):
        return
    kinds = rule.get("type", ())
    kinds = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    if kinds and not any(_is_kind(kind, value) for kind in kinds):
        wanted = " or ".join("JSONObject" if k == "object" else k.capitalize() for k in kinds)
        problems.append(f"{path}: expected type: {wanted}, found: {_kind(value)}")
        return
    if isinstance(value, dict) and "properties" in rule:
        missing = [name for name in rule.get("required", ()) if name not in value]
        problems.extend(f"{path}: required key [{name}] not found" for name in missing)
        for name, inner in value.items():
            if name in rule["properties"]:
                inner_path = f"{path}/{name}"
                _check(
                    rule["properties"][name], inner, inner_path, definitions, problems, depth + 1
                )
            elif rule.get("additionalProperties") is False and not rule.get("patternProperties"):
                problems.append(f"{path}: extraneous key [{name}] is not permitted")
    elif isinstance(value, list) and isinstance(rule.get("items"), dict):
        for index, inner in enumerate(value):
            _check(rule["items"], inner, f"{path}/{index}", definitions, problems, depth + 1)
    elif isinstance(rule.get("enum"), list) and not isinstance(value, dict | list):
        allowed = [comparable(member) for member in rule["enum"]]
        if comparable(value) not in allowed:
            problems.append(f"{path}: {value} is not a valid enum value")


def _dereference(rule: Any, definitions: dict[str, Any]) -> Any:
    for _ in range(_DEPTH_MAX):
        if not isinstance(rule, dict) or "$ref" not in rule:
            return rule
        rule = definitions.get(rule["$ref"].removeprefix("#/definitions/"), {})
    return {}


def _is_kind(kind: str, value: Any) -> bool:
    if kind == "object":
        # Policies and the like may come as JSON text.
        return isinstance(value, dict | str)
    if kind == "array":
        return isinstance(value, list)
    if kind == "boolean":
        return isinstance(value, bool) or value in ("true", "false", "True", "False")
    if kind in ("integer", "number"):
        return not isinstance(value, bool) and _is_number(value)
    if kind == "null":
        return value is None
    # A number or boolean where text is wanted becomes text.
    return not isinstance(value, dict | list)


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return "JSONObject"
    if isinstance(value, list):
        return "JSONArray"
    return "Boolean" if isinstance(value, bool) else type(value).__name__.replace("str", "String")
