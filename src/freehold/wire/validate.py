"""Constraints of the model, compiled per shape; breaches in AWS's words.

A validator is a function (value, path, breaches) that appends to the list of breaches; None stands for a
shape with nothing to check. The words are those that AWS's services answer, for instance:

    1 validation error detected: Value 'x' at 'tableName' failed to satisfy constraint: Member must have
    length greater than or equal to 3
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from freehold.wire.shapes import Shape

Validator = Callable[[Any, str, list[str]], None]
# Java's toString of a long value helps nobody; AWS cuts none, but its requests are small.
_SHOWN_CHARACTERS_MAX = 1024


def compile_validator(
    shape: Shape, *, only_required: bool = False, known: dict[str, Any] | None = None
) -> Validator | None:
    """Compile the constraints of a shape and all below it. Recursive shapes are followed as values go."""
    known = {} if known is None else known
    if shape.type not in ("structure", "list", "map"):
        return None if only_required else _compile_scalar(shape)
    key = shape.name
    if key in known:
        holder: list[Validator | None] = known[key]
        if holder and holder[0] is None:
            return None
        return lambda value, path, breaches: (
            holder[0](value, path, breaches) if holder and holder[0] else None
        )
    holder = known[key] = []
    compiled = {
        "structure": _compile_structure,
        "list": _compile_list,
        "map": _compile_map,
    }[shape.type](shape, only_required, known)
    holder.append(compiled)
    return compiled


def _compile_structure(
    shape: Shape, only_required: bool, known: dict[str, Any]
) -> Validator | None:
    required = [(name, _path_name(name)) for name in shape.required]
    members = {}
    for name, member in shape.members.items():
        check = compile_validator(member, only_required=only_required, known=known)
        if check is not None:
            members[name] = (_path_name(name), check)
    if not required and not members:
        return None

    def validate(value: Any, path: str, breaches: list[str]) -> None:
        if not isinstance(value, dict):
            return
        for name, shown in required:
            if value.get(name) is None:
                breaches.append(_breach(None, f"{path}{shown}", "Member must not be null"))
        for name, inner in value.items():
            found = members.get(name)
            if found is not None and inner is not None:
                shown, check = found
                check(inner, f"{path}{shown}.", breaches)

    return validate


def _compile_list(shape: Shape, only_required: bool, known: dict[str, Any]) -> Validator | None:
    size = None if only_required else _compile_length(shape)
    check = compile_validator(shape.member("member"), only_required=only_required, known=known)
    if size is None and check is None:
        return None

    def validate(value: Any, path: str, breaches: list[str]) -> None:
        if not isinstance(value, (list, tuple)):
            return
        if size is not None:
            size(value, path, breaches)
        if check is not None:
            for index, inner in enumerate(value, 1):
                check(inner, f"{path}{index}.member.", breaches)

    return validate


def _compile_map(shape: Shape, only_required: bool, known: dict[str, Any]) -> Validator | None:
    size = None if only_required else _compile_length(shape)
    key_check = compile_validator(shape.member("key"), only_required=only_required, known=known)
    check = compile_validator(shape.member("value"), only_required=only_required, known=known)
    if size is None and check is None and key_check is None:
        return None

    def validate(value: Any, path: str, breaches: list[str]) -> None:
        if not isinstance(value, dict):
            return
        if size is not None:
            size(value, path, breaches)
        for name, inner in value.items():
            if key_check is not None:
                key_check(name, path, breaches)
            if check is not None:
                check(inner, f"{path}{name}.member.", breaches)

    return validate


def _compile_scalar(shape: Shape) -> Validator | None:
    checks: list[Validator] = []
    if shape.type in ("integer", "long", "float", "double"):
        return _compile_range(shape)
    if shape.type in ("string", "blob"):
        length = _compile_length(shape)
        if length is not None:
            checks.append(length)
        if shape.get("enum"):
            checks.append(_compile_enum(shape))
        elif shape.get("pattern"):
            checks.append(_compile_pattern(shape.get("pattern")))
    if not checks:
        return None
    if len(checks) == 1:
        return checks[0]

    def validate(value: Any, path: str, breaches: list[str]) -> None:
        for check in checks:
            check(value, path, breaches)

    return validate


def _compile_length(shape: Shape) -> Validator | None:
    low, high = shape.get("min"), shape.get("max")
    if low is None and high is None:
        return None

    def validate(value: Any, path: str, breaches: list[str]) -> None:
        if not hasattr(value, "__len__"):
            return  # a streaming body
        if low is not None and len(value) < low:
            must = f"Member must have length greater than or equal to {low}"
            breaches.append(_breach(value, path[:-1], must))
        if high is not None and len(value) > high:
            must = f"Member must have length less than or equal to {high}"
            breaches.append(_breach(value, path[:-1], must))

    return validate


def _compile_range(shape: Shape) -> Validator | None:
    low, high = shape.get("min"), shape.get("max")
    if low is None and high is None:
        return None

    def validate(value: Any, path: str, breaches: list[str]) -> None:
        if low is not None and value < low:
            must = f"Member must have value greater than or equal to {low}"
            breaches.append(_breach(value, path[:-1], must))
        if high is not None and value > high:
            must = f"Member must have value less than or equal to {high}"
            breaches.append(_breach(value, path[:-1], must))

    return validate


def _compile_enum(shape: Shape) -> Validator:
    allowed = frozenset(shape.get("enum"))
    must = f"Member must satisfy enum value set: [{', '.join(shape.get('enum'))}]"

    def validate(value: Any, path: str, breaches: list[str]) -> None:
        if value not in allowed:
            breaches.append(_breach(value, path[:-1], must))

    return validate


def _compile_pattern(pattern: str) -> Validator:
    matcher = _java_pattern(pattern)
    must = f"Member must satisfy regular expression pattern: {pattern}"

    def validate(value: Any, path: str, breaches: list[str]) -> None:
        if isinstance(value, str) and matcher is not None and not matcher.fullmatch(value):
            breaches.append(_breach(value, path[:-1], must))

    return validate


def _java_pattern(pattern: str) -> Any:
    r"""Compile a pattern of the models (Java's dialect: \p{L} and the like, possessive quantifiers)."""
    try:
        return re.compile(pattern)
    except re.error:
        import regex

        try:
            return regex.compile(pattern, regex.V1 if "&&" in pattern else regex.V0)
        except regex.error:
            return None


def _path_name(member: str) -> str:
    return member[:1].lower() + member[1:]


def _breach(value: Any, path: str, must: str) -> str:
    shown = "null" if value is None else f"'{_java_text(value)[:_SHOWN_CHARACTERS_MAX]}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: {must}"


def _java_text(value: Any) -> str:
    if isinstance(value, dict):
        inner = ", ".join(f"{key}={_java_text(element)}" for key, element in value.items())
        return f"{{{inner}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_java_text(element) for element in value)}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (bytes, bytearray)):
        return f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
    return str(value)
