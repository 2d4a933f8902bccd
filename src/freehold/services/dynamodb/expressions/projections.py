"""Projections: the parts of an item that some paths name."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from freehold.services.dynamodb.expressions import parser, paths
from freehold.services.dynamodb.expressions.paths import Tree
from freehold.services.dynamodb.expressions.placeholders import Placeholders
from freehold.services.dynamodb.values import Item, Value

KIND = "ProjectionExpression"


def bind(text: str, placeholders: Placeholders) -> Tree:
    if "#" not in text:
        return _without_aliases(text)
    return paths.tree(KIND, [placeholders.steps(KIND, path) for path in parser.projection(text)])


@lru_cache(maxsize=1024)
def _without_aliases(text: str) -> Tree:
    return paths.tree(KIND, [path.steps for path in parser.projection(text)])


def attributes(names: list[str]) -> Tree:
    """A projection on whole attributes."""
    return {name: {} for name in names}


def project(item: Item, wanted: Tree) -> Item:
    """What of the item the tree wants; what is not there is left out, and so are parents of
    nothing.
    """
    result: Item = {}
    for step, below in wanted.items():
        name = str(step)
        value = item.get(name)
        if value is None:
            continue
        part = value if not below else _part(value, below)
        if part is not None:
            result[name] = part
    return result


def _part(value: Value, wanted: Tree) -> Value | None:
    if type(next(iter(wanted))) is int:
        return _elements(value.get("L"), wanted)
    members = value.get("M")
    if members is None:
        return None
    found = project(members, wanted)
    return {"M": found} if found else None


def _elements(elements: list[Value] | None, wanted: dict[Any, Tree]) -> Value | None:
    if elements is None:
        return None
    found = []
    for index in sorted(wanted):
        if index < len(elements):
            below = wanted[index]
            part = elements[index] if not below else _part(elements[index], below)
            if part is not None:
                found.append(part)
    return {"L": found} if found else None
