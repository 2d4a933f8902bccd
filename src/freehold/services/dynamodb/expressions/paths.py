"""Document paths: found in items, and a set of them as a tree without overlaps."""

from __future__ import annotations

from typing import Any

from freehold.kernel.errors import AwsError
from freehold.services.dynamodb import errors
from freehold.services.dynamodb.expressions.placeholders import Steps
from freehold.services.dynamodb.values import Item, Value

# Step -> what is wanted below it; an empty tree wants everything.
Tree = dict[str | int, Any]


def find(item: Item, steps: Steps) -> Value | None:
    """The value at the path, or None."""
    value = item.get(str(steps[0]))
    for step in steps[1:]:
        if value is None:
            return None
        if type(step) is int:
            elements = value.get("L")
            value = elements[step] if elements is not None and step < len(elements) else None
        else:
            members = value.get("M")
            value = None if members is None else members.get(step)
    return value


def tree(kind: str, paths: list[Steps]) -> Tree:
    """All paths as one tree; none may lie within another, nor take one thing for list and map."""
    root: Tree = {}
    if all(len(steps) == 1 for steps in paths):
        root = {steps[0]: {} for steps in paths}
        if len(root) == len(paths):
            return root
        root = {}
    for number, steps in enumerate(paths):
        node = root
        for depth, step in enumerate(steps):
            clash = next((key for key in node if type(key) is not type(step)), None)
            if clash is not None:
                other = _other(paths[:number], steps[:depth])
                raise _two_paths(kind, "conflict", other, steps)
            last = depth == len(steps) - 1
            below = node.get(step)
            if below is not None and (last or not below):
                other = _other(paths[:number], steps[: depth + 1])
                raise _two_paths(kind, "overlap", other, steps)
            if below is None:
                below = node[step] = {}
            node = below
    return root


def shown(steps: Steps) -> str:
    """As error messages show a path: [a, [0], b]."""
    return "[" + ", ".join(f"[{s}]" if type(s) is int else str(s) for s in steps) + "]"


def _other(paths: list[Steps], start: Steps) -> Steps:
    """The path among these that is in the way."""
    return next(path for path in paths if path[: len(start)] == start[: len(path)])


def _two_paths(kind: str, how: str, one: Steps, two: Steps) -> AwsError:
    return errors.invalid_expression(
        kind,
        f"Two document paths {how} with each other; must remove or rewrite one of these paths; "
        f"path one: {shown(one)}, path two: {shown(two)}",
    )
