"""Constraints of the model, compiled per shape; breaches in AWS's words.

A validator is a function (value, path, breaches) that appends to the list of breaches; None stands for a
shape with nothing to check. The words are those that AWS's services answer, for instance:

    1 validation error detected: Value 'x' at 'tableName' failed to satisfy constraint: Member must have
    length greater than or equal to 3
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from freehold.wire.shapes import Shape

Validator = Callable[[Any, str, list[str]], None]
# Whether a value keeps a constraint, and what the constraint says.
Rule = tuple[Callable[[Any], bool], str]
# Java's toString of a long value helps nobody; AWS cuts none, but its requests are small.
_SHOWN_CHARACTERS_MAX = 1024
_NOT_NULL = "Member must not be null"


def compile_validator(
    shape: Shape, *, only_required: bool = False, known: dict[str, Any] | None = None
) -> Validator | None:
    """Compile the constraints of a shape and all below it; recursion is followed as values go."""
    inside = _compile_inside(shape, only_required, {} if known is None else known)
    rules = [] if only_required else _rules(shape)
    if not rules:
        return inside

    def validate(value: Any, path: str, breaches: list[str]) -> None:
        for holds, must in rules:
            if not holds(value):
                breaches.append(_breach(value, path[:-1], must))
        if inside is not None:
            inside(value, path, breaches)

    return validate


def _compile_inside(shape: Shape, only_required: bool, known: dict[str, Any]) -> Validator | None:
    """The constraints of what a structure, list or map holds."""
    if not _constrains_inside(shape, only_required, set()):
        return None
    if shape.name in known:
        holder: list[Validator] = known[shape.name]
        return (
            holder[0] if holder else lambda value, path, breaches: holder[0](value, path, breaches)
        )
    holder = known[shape.name] = []
    compiled = {
        "structure": _compile_structure,
        "list": _compile_list,
        "map": _compile_map,
    }[shape.type](shape, only_required, known)
    holder.append(compiled)
    return compiled


def _constrains_inside(shape: Shape, only_required: bool, seen: set[str]) -> bool:
    """Whether anything below a shape has a constraint: most recursive shapes have none."""
    if shape.name in seen or shape.type not in ("structure", "list", "map"):
        return False
    seen.add(shape.name)
    if shape.required:
        return True
    if shape.type == "structure":
        parts = list(shape.members.values())
    elif shape.type == "list":
        parts = [shape.member("member")]
    else:
        parts = [shape.member("key"), shape.member("value")]
    return any(
        (not only_required and _rules(part)) or _constrains_inside(part, only_required, seen)
        for part in parts
    )


def _compile_structure(shape: Shape, only_required: bool, known: dict[str, Any]) -> Validator:
    required = [(name, _path_name(name)) for name in shape.required]
    members = {}
    for name, member in shape.members.items():
        check = compile_validator(member, only_required=only_required, known=known)
        if check is not None:
            members[name] = (f"{_path_name(name)}.", check)

    def validate(value: Any, path: str, breaches: list[str]) -> None:
        for name, shown in required:
            if value.get(name) is None:
                breaches.append(_breach(None, f"{path}{shown}", _NOT_NULL))
        for name, inner in value.items():
            found = members.get(name)
            if found is not None and inner is not None:
                shown, check = found
                check(inner, f"{path}{shown}", breaches)

    return validate


def _compile_list(shape: Shape, only_required: bool, known: dict[str, Any]) -> Validator:
    member = shape.member("member")
    inside = _compile_inside(member, only_required, known)
    rules = [] if only_required else _rules(member)
    # AWS names a list whose elements break a rule once, with all rules of its elements.
    must = f"Member must satisfy constraint: [{', '.join(text for _, text in rules)}]"

    def validate(value: Any, path: str, breaches: list[str]) -> None:
        if None in value:
            shown = f"{path}{value.index(None) + 1}.member"
            breaches.append(_breach(None, shown, _NOT_NULL))
            return
        if rules and not _all_hold(rules, value):
            breaches.append(_breach(value, path[:-1], must))
        if inside is not None:
            for index, inner in enumerate(value, 1):
                inside(inner, f"{path}{index}.member.", breaches)

    return validate


def _compile_map(shape: Shape, only_required: bool, known: dict[str, Any]) -> Validator:
    value_shape = shape.member("value")
    inside = _compile_inside(value_shape, only_required, known)
    key_rules = [] if only_required else _rules(shape.member("key"))
    rules = [] if only_required else _rules(value_shape)
    key_must = f"Map keys must satisfy constraint: [{', '.join(text for _, text in key_rules)}]"
    must = f"Map value must satisfy constraint: [{', '.join(text for _, text in rules)}]"

    def validate(value: Any, path: str, breaches: list[str]) -> None:
        if key_rules and not _all_hold(key_rules, value):
            breaches.append(_breach(value, path[:-1], key_must))
        if rules and not _all_hold(rules, value.values()):
            breaches.append(_breach(value, path[:-1], must))
        if inside is not None:
            for name, inner in value.items():
                inside(inner, f"{path}{name}.member.", breaches)

    return validate


def _all_hold(rules: list[Rule], values: Iterable[Any]) -> bool:
    for holds, _ in rules:
        for value in values:
            if not holds(value):
                return False
    return True


def _rules(shape: Shape) -> list[Rule]:
    """A shape's own constraints, in the order in which AWS lists them."""
    low, high = shape.get("min"), shape.get("max")
    if shape.type in ("integer", "long", "float", "double"):
        return _range_rules(low, high)
    if shape.type == "blob":
        return [(_of_known_length(holds), must) for holds, must in _length_rules(low, high)]
    if shape.type not in ("string", "list", "map"):
        return []
    rules = _length_rules(low, high)
    if shape.type == "string" and shape.get("enum"):
        allowed = frozenset(shape.get("enum"))
        shown = ", ".join(shape.get("enum"))
        rules.append((allowed.__contains__, f"Member must satisfy enum value set: [{shown}]"))
    elif shape.type == "string" and shape.get("pattern"):
        rules += _pattern_rules(shape.get("pattern"))
    return rules


def _length_rules(low: int | None, high: int | None) -> list[Rule]:
    rules: list[Rule] = []
    if high is not None:
        must = f"Member must have length less than or equal to {high}"
        rules.append((lambda value: len(value) <= high, must))
    if low is not None:
        must = f"Member must have length greater than or equal to {low}"
        rules.append((lambda value: len(value) >= low, must))
    return rules


def _of_known_length(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """A body that streams in has a length only when it has ended."""
    return lambda value: not hasattr(value, "__len__") or holds(value)


def _range_rules(low: float | None, high: float | None) -> list[Rule]:
    rules: list[Rule] = []
    if high is not None:
        must = f"Member must have value less than or equal to {high}"
        rules.append((lambda value: value <= high, must))
    if low is not None:
        must = f"Member must have value greater than or equal to {low}"
        rules.append((lambda value: value >= low, must))
    return rules


def _pattern_rules(pattern: str) -> list[Rule]:
    matcher = _java_pattern(pattern)
    if matcher is None:
        return []
    must = f"Member must satisfy regular expression pattern: {pattern}"
    return [(lambda value: matcher.fullmatch(value) is not None, must)]


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
