"""Patterns with * and ?, and variables such as ${aws:username}."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

Context = Mapping[str, "list[str]"]
# A pattern says whether a text matches in a context; a variable without a value matches nothing.
Pattern = Callable[[str, Context], bool]

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_SPECIAL = {"*": "*", "?": "?", "$": "$"}


class MissingVariable(LookupError):
    """A policy variable has no value in this context, and no default."""


def text_pattern(text: str, *, substitutes: bool) -> Pattern:
    """A pattern over a whole text."""
    if substitutes and "${" in text:
        return lambda value, context: _matches_substituted(text, value, context)
    if text == "*":
        return lambda value, context: True
    if "*" not in text and "?" not in text:
        return lambda value, context: value == text
    if text.endswith("*") and "*" not in text[:-1] and "?" not in text:
        prefix = text[:-1]
        return lambda value, context: value.startswith(prefix)
    matcher = re.compile(_regex(text), re.DOTALL)
    return lambda value, context: matcher.fullmatch(value) is not None


def arn_pattern(text: str, *, substitutes: bool) -> Pattern:
    """A pattern over an ARN as the operators of conditions have it: its first five parts are matched
    each by itself, so that no * in one of them reaches into the next."""
    if text == "*":
        return lambda value, context: True
    if substitutes and "${" in text:
        return lambda value, context: _arn_matches_substituted(text, value, context)
    parts = text.split(":", 5)
    if len(parts) < 6:
        whole = text_pattern(text, substitutes=False)
        return whole
    patterns = [text_pattern(part, substitutes=False) for part in parts]

    def matches(value: str, context: Context) -> bool:
        values = value.split(":", 5)
        return len(values) == 6 and all(
            pattern(part, context) for pattern, part in zip(patterns, values, strict=True)
        )

    return matches


def substitute(text: str, context: Context) -> str:
    """The text with its variables' values; MissingVariable if one has none."""
    return _VARIABLE.sub(lambda match: _value(match[1], context), text)


def _matches_substituted(text: str, value: str, context: Context) -> bool:
    try:
        pattern = _substituted_regex(text, context)
    except MissingVariable:
        return False
    return re.fullmatch(pattern, value, re.DOTALL) is not None


def _arn_matches_substituted(text: str, value: str, context: Context) -> bool:
    # Variables may hold colons, so the parts are cut before values are put in.
    parts = _split_outside_variables(text)
    values = value.split(":", len(parts) - 1)
    if len(parts) != len(values):
        return False
    return all(
        _matches_substituted(part, piece, context)
        for part, piece in zip(parts, values, strict=True)
    )


def _split_outside_variables(text: str) -> list[str]:
    parts = [""]
    depth = 0
    for index, character in enumerate(text):
        if text.startswith("${", index):
            depth += 1
        elif character == "}" and depth:
            depth -= 1
        if character == ":" and depth == 0 and len(parts) < 6:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _substituted_regex(text: str, context: Context) -> str:
    """A regular expression in which values of variables stand for themselves, wildcards and all."""
    pieces = [""]
    position = 0
    for match in _VARIABLE.finditer(text):
        _extend(pieces, text[position : match.start()])
        pieces[-1] += re.escape(_value(match[1], context))
        position = match.end()
    _extend(pieces, text[position:])
    return _joined(pieces)


def _value(variable: str, context: Context) -> str:
    if variable in _SPECIAL:
        return _SPECIAL[variable]
    name, _, default = variable.partition(",")
    values = context.get(name.strip().lower())
    if values and len(values) == 1:
        return values[0]
    default = default.strip()
    if len(default) >= 2 and default[0] == default[-1] == "'":
        return default[1:-1]
    raise MissingVariable(variable)


def _regex(text: str) -> str:
    pieces = [""]
    _extend(pieces, text)
    return _joined(pieces)


def _extend(pieces: list[str], text: str) -> None:
    """Add a text to the pieces that lie between the * of a pattern."""
    first, *others = (re.escape(part).replace(r"\?", ".") for part in text.split("*"))
    pieces[-1] += first
    pieces.extend(others)


def _joined(pieces: list[str]) -> str:
    """All but the last piece may be taken where they are first found, and never again elsewhere: so
    says the atomic group, and no pattern takes more than the product of the lengths."""
    first, *others = pieces
    if not others:
        return first
    *middle, last = others
    return first + "".join(f"(?>.*?{piece})" for piece in middle if piece) + ".*" + last
