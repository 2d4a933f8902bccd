"""Updates: actions on an item, all of which see the item as it was before."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

from freehold.services.dynamodb import errors, numbers, values
from freehold.services.dynamodb.expressions import parser, paths
from freehold.services.dynamodb.expressions.nodes import (
    Action,
    Arithmetic,
    Call,
    Node,
    Path,
    Placeholder,
)
from freehold.services.dynamodb.expressions.paths import Tree
from freehold.services.dynamodb.expressions.placeholders import Placeholders, Steps
from freehold.services.dynamodb.values import Item, Value

KIND = "UpdateExpression"
_TYPE_NAMES = {
    "S": "STRING",
    "N": "NUMBER",
    "B": "BINARY",
    "SS": "STRING_SET",
    "NS": "NUMBER_SET",
    "BS": "BINARY_SET",
    "M": "MAP",
    "L": "LIST",
    "NULL": "NULL",
    "BOOL": "BOOLEAN",
}
_SETS = ("SS", "NS", "BS")


class Change(msgspec.Struct, frozen=True):
    """An action whose path is resolved; `operand` is still a tree, whose values are bound."""

    section: str
    steps: Steps
    operand: Any = None


class Bound(msgspec.Struct, frozen=True):
    """An update ready for an item."""

    changes: tuple[Change, ...]
    # The same paths as a projection, for ReturnValues.
    tree: Tree

    @property
    def creates(self) -> bool:
        """Whether an item that is not there comes to be: removing things from nothing leaves
        nothing.
        """
        return not self.changes or any(c.section in ("SET", "ADD") for c in self.changes)


def bind(text: str, placeholders: Placeholders, key_names: tuple[str, ...]) -> Bound:
    actions = parser.update(text)
    update = bound(tuple(_bind_action(action, placeholders) for action in actions))
    for change in update.changes:
        if change.steps[0] in key_names:
            raise errors.key_is_fixed(str(change.steps[0]))
    return update


def bound(changes: tuple[Change, ...]) -> Bound:
    """The changes as one update; their paths must not overlap."""
    return Bound(changes, paths.tree(KIND, [change.steps for change in changes]))


def apply(update: Bound, item: Item) -> Item:
    """The item after the update; the one that is given stays as it is."""
    planned = [(change, _planned(change, item)) for change in update.changes]
    result = dict(item)
    if all(len(change.steps) == 1 for change in update.changes):
        for change, value in planned:
            if value is None:
                result.pop(str(change.steps[0]), None)
            else:
                result[str(change.steps[0])] = value
        return result
    for change in update.changes:
        name = change.steps[0]
        if len(change.steps) > 1 and name in item and result.get(name) is item[name]:
            result[name] = _copy(item[name])
    # In the order of paths, so that values put beyond the end of a list come in the order of
    # indexes; removals last and from the back, so that every index means the list as it was.
    for change, value in sorted(planned, key=lambda pair: _in_order(pair[0].steps)):
        if value is not None:
            _put(result, change.steps, value)
    for change, value in sorted(planned, key=lambda pair: _in_order(pair[0].steps), reverse=True):
        if value is None:
            _remove(result, change.steps)
    return result


# Binding


def _bind_action(action: Action, placeholders: Placeholders) -> Change:
    steps = placeholders.steps(KIND, action.path)
    if action.operand is None:
        return Change(action.section, steps)
    operand = _bind_operand(action.operand, placeholders)
    if action.section == "ADD":
        _require_literal("ADD", operand, ("N", *_SETS), "ALLOWED_FOR_ADD_OPERAND")
    elif action.section == "DELETE":
        _require_literal("DELETE", operand, _SETS, "ALLOWED_FOR_DELETE_OPERAND")
    return Change(action.section, steps, operand)


def _require_literal(name: str, value: Any, allowed: tuple[str, ...], type_set: str) -> None:
    kind = values.kind_of(value)
    if kind not in allowed:
        raise errors.invalid_expression(
            KIND,
            "Incorrect operand type for operator or function; "
            f"operator: {name}, operand type: {_TYPE_NAMES[kind]}, typeset: {type_set}",
        )


def _bind_operand(node: Node, placeholders: Placeholders) -> Any:
    """A value as a dict, a path as a tuple of steps, an operation as (name, left, right)."""
    match node:
        case Placeholder():
            return placeholders.value(KIND, node)
        case Path():
            return _Found(placeholders.steps(KIND, node))
        case Arithmetic(sign, left, right):
            return _bind_operation(sign, left, right, "N", placeholders)
        case Call("list_append", (left, right)):
            return _bind_operation("list_append", left, right, "L", placeholders)
        case Call("if_not_exists", (path, otherwise)):
            if not isinstance(path, Path):
                raise errors.invalid_expression(
                    KIND,
                    "Operator or function requires a document path; "
                    "operator or function: if_not_exists",
                )
            return _Operation(
                "if_not_exists",
                _bind_operand(path, placeholders),
                _bind_operand(otherwise, placeholders),
            )
    raise AssertionError(f"not an operand: {node}")


def _bind_operation(
    name: str, left: Node, right: Node, kind: str, placeholders: Placeholders
) -> _Operation:
    operands = [_bind_operand(left, placeholders), _bind_operand(right, placeholders)]
    for operand in operands:
        if type(operand) is dict and kind not in operand:
            raise errors.invalid_expression(
                KIND,
                "Incorrect operand type for operator or function; "
                f"operator or function: {name}, operand type: {values.kind_of(operand)}",
            )
    return _Operation(name, operands[0], operands[1])


class _Found(msgspec.Struct, frozen=True):
    steps: Steps


class _Operation(msgspec.Struct, frozen=True):
    name: str
    left: Any
    right: Any


# Evaluation


def _planned(change: Change, item: Item) -> Value | None:
    """The value that the path will have; None where it will have none."""
    if change.section == "REMOVE":
        return None
    if change.section == "SET":
        return _evaluate(change.operand, item)
    present = paths.find(item, change.steps)
    if change.section == "ADD":
        return change.operand if present is None else _added(present, change.operand)
    return None if present is None else _subtracted(present, change.operand)


def _evaluate(operand: Any, item: Item) -> Value:
    if type(operand) is dict:
        return operand
    if isinstance(operand, _Found):
        found = paths.find(item, operand.steps)
        if found is None:
            raise errors.operand_missing()
        return found
    assert isinstance(operand, _Operation)
    if operand.name == "if_not_exists":
        found = paths.find(item, operand.left.steps)
        return _evaluate(operand.right, item) if found is None else found
    left, right = _evaluate(operand.left, item), _evaluate(operand.right, item)
    if operand.name == "list_append":
        if "L" not in left or "L" not in right:
            raise errors.operand_type()
        return {"L": left["L"] + right["L"]}
    if "N" not in left or "N" not in right:
        raise errors.operand_type()
    compute = numbers.add if operand.name == "+" else numbers.subtract
    return {"N": compute(left["N"], right["N"])}


def _added(present: Value, operand: Value) -> Value:
    kind = values.kind_of(operand)
    if kind not in present:
        raise errors.operand_type()
    if kind == "L":
        # Only AttributeUpdates can add to a list.
        return {"L": present["L"] + operand["L"]}
    if kind == "N":
        return {"N": numbers.add(present["N"], operand["N"])}
    known = set(present[kind])
    return {kind: present[kind] + [each for each in operand[kind] if each not in known]}


def _subtracted(present: Value, operand: Value) -> Value | None:
    kind = values.kind_of(operand)
    if kind not in present:
        raise errors.operand_type()
    gone = set(operand[kind])
    rest = [each for each in present[kind] if each not in gone]
    # A set that is empty is no attribute.
    return {kind: rest} if rest else None


# Changing items


def _parent(item: Item, steps: Steps) -> Any:
    """The map or list that holds the last step."""
    if len(steps) == 1:
        return item
    found = paths.find(item, steps[:-1])
    inner = None if found is None else found.get("L" if type(steps[-1]) is int else "M")
    if inner is None:
        raise errors.update_path()
    return inner


def _put(item: Item, steps: Steps, value: Value) -> None:
    parent, last = _parent(item, steps), steps[-1]
    if type(last) is int and last >= len(parent):
        parent.append(value)
    else:
        parent[last] = value


def _remove(item: Item, steps: Steps) -> None:
    parent, last = _parent(item, steps), steps[-1]
    if type(last) is not int:
        parent.pop(last, None)
    elif last < len(parent):
        del parent[last]


def _in_order(steps: Steps) -> list[tuple[int, int, str]]:
    return [(0, s, "") if type(s) is int else (1, 0, str(s)) for s in steps]


def _copy(value: Value) -> Value:
    copied: Value = orjson.loads(orjson.dumps(value))
    return copied
