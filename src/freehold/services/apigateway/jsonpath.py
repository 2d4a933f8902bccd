"""JSONPath, as far as mapping templates use it: members, indexes, wildcards and descent; no
filters.
"""

from __future__ import annotations

import re
from typing import Any

_STEP = re.compile(
    r"\.\.(?P<deep>[A-Za-z0-9_\-$@]+|\*)"
    r"|\.(?P<name>[A-Za-z0-9_\-$@]+|\*)"
    r"|\[(?P<quote>['\"])(?P<key>.*?)(?P=quote)\]"
    r"|\[(?P<index>-?\d+|\*)\]"
)
NOT_FOUND = object()
FOUND_MAX = 10_000


class InvalidPath(ValueError):
    """The expression is none that is understood here."""


def find(document: Any, path: str) -> Any:
    """What the path leads to, or NOT_FOUND. With a wildcard or descent, the list of all there
    is.
    """
    if not path.startswith("$"):
        raise InvalidPath(path)
    found, several, at = [document], False, 1
    while at < len(path):
        step = _STEP.match(path, at)
        if step is None:
            raise InvalidPath(path)
        at = step.end()
        several = several or step["deep"] is not None or "*" in (step["name"], step["index"])
        found = [each for value in found for each in _next(value, step)][:FOUND_MAX]
    if several:
        return found
    return found[0] if found else NOT_FOUND


def _next(value: Any, step: re.Match[str]) -> list[Any]:
    if step["deep"] is not None:
        return _deep(value, step["deep"], 0)
    name = step["key"] if step["key"] is not None else step["name"]
    if name is not None and not (name == "*" and step["key"] is None):
        return [value[name]] if isinstance(value, dict) and name in value else []
    if name == "*" or step["index"] == "*":
        if isinstance(value, dict):
            return list(value.values())
        return value if isinstance(value, list) else []
    index = int(step["index"])
    if isinstance(value, list) and -len(value) <= index < len(value):
        return [value[index]]
    return []


def _deep(value: Any, name: str, depth: int) -> list[Any]:
    if depth > 100:
        return []
    found: list[Any] = []
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if isinstance(value, dict) and name in value:
        found.append(value[name])
    for each in inner:
        if name == "*":
            found.append(each)
        found.extend(_deep(each, name, depth + 1))
    return found
