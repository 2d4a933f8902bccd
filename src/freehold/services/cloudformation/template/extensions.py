"""The AWS::LanguageExtensions transform: loops. (Fn::Length, Fn::ToJsonString, defaults of
Fn::FindInMap and functions in policies are evaluated with the others, in functions.py and
plan.py.)"""

from __future__ import annotations

from typing import Any

from freehold.services.cloudformation import errors
from freehold.services.cloudformation.template.functions import Environment, evaluate, is_pending
from freehold.services.cloudformation.template.parse import Document

_LOOP = "Fn::ForEach::"
EXPANDED_MAX = 10_000


def expand(document: Document, env: Environment) -> Document:
    """The document with every Fn::ForEach unrolled."""
    room = [EXPANDED_MAX]
    expanded = _expand(document, {}, env, room)
    assert isinstance(expanded, dict)
    return expanded


def _expand(value: Any, names: dict[str, str], env: Environment, room: list[int]) -> Any:
    room[0] -= 1
    if room[0] < 0 and names:
        raise errors.template_error("Fn::ForEach expands to too large a template")
    if isinstance(value, str):
        return _substitute(value, names)
    if isinstance(value, list):
        return [_expand(inner, names, env, room) for inner in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and isinstance(value.get("Ref"), str) and value["Ref"] in names:
        return names[value["Ref"]]
    result: dict[str, Any] = {}
    for key, inner in value.items():
        if key.startswith(_LOOP):
            members = _unroll(key, inner, names, env, room)
        else:
            members = {_substitute(key, names): _expand(inner, names, env, room)}
        for name, member in members.items():
            if name in result:
                raise errors.template_format(f"Duplicate key: {name}")
            result[name] = member
    return result


def _unroll(
    key: str, loop: Any, names: dict[str, str], env: Environment, room: list[int]
) -> dict[str, Any]:
    if not (
        isinstance(loop, list)
        and len(loop) == 3
        and isinstance(loop[0], str)
        and isinstance(loop[2], dict)
    ):
        raise errors.template_error(f"{key} layout is incorrect")
    identifier, collection, body = loop
    members = evaluate(_expand(collection, names, env, room), env)
    if is_pending(members) or not isinstance(members, list):
        raise errors.template_error(f"{key} needs a list that depends on no resource")
    result: dict[str, Any] = {}
    for member in members:
        inner = _expand(body, {**names, identifier: str(member)}, env, room)
        for name, value in inner.items():
            if name in result:
                raise errors.template_format(f"Duplicate key: {name}")
            result[name] = value
    return result


def _substitute(text: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        text = text.replace("${" + name + "}", value)
        if "&{" + name + "}" in text:
            plain = "".join(letter for letter in value if letter.isalnum())
            text = text.replace("&{" + name + "}", plain)
    return text
