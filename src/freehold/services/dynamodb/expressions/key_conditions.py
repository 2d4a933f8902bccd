"""Key conditions: which partition a Query reads, and which range of sort keys in it."""

from __future__ import annotations

import msgspec

from freehold.kernel.errors import AwsError
from freehold.services.dynamodb import errors, values
from freehold.services.dynamodb.expressions import parser
from freehold.services.dynamodb.expressions.conditions import check_bounds
from freehold.services.dynamodb.expressions.nodes import (
    And,
    Between,
    Call,
    Compare,
    In,
    Node,
    Not,
    Or,
    Path,
    Placeholder,
)
from freehold.services.dynamodb.expressions.placeholders import Placeholders
from freehold.services.dynamodb.records import Key
from freehold.services.dynamodb.values import Value

KIND = "KeyConditionExpression"
_RANGE_OPERATORS = frozenset(("=", "<", "<=", ">", ">=", "BETWEEN", "begins_with"))
_MIRRORED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


class Range(msgspec.Struct, frozen=True):
    """Sort keys: an operator (=, <, <=, >, >=, BETWEEN, begins_with) and its one or two values."""

    operator: str
    operands: tuple[Value, ...]


class KeyCondition(msgspec.Struct, frozen=True):
    partition: Value
    range: Range | None


def bind(text: str, placeholders: Placeholders, key: Key) -> KeyCondition:
    return bind_node(parser.condition(KIND, text), placeholders, key)


def bind_node(node: Node, placeholders: Placeholders, key: Key) -> KeyCondition:
    found: dict[str, Range] = {}
    for term in _terms(node):
        name, condition = _bind_term(term, placeholders)
        if name in found:
            raise errors.invalid("KeyConditionExpressions must only contain one condition per key")
        found[name] = condition
    return key_condition(found, key)


def key_condition(found: dict[str, Range], key: Key) -> KeyCondition:
    """The conditions on attributes, held against the key schema."""
    partition = found.pop(key.hash.name, None)
    if partition is None:
        raise errors.invalid(f"Query condition missed key schema element: {key.hash.name}")
    if partition.operator != "=":
        raise errors.invalid("Query key condition not supported")
    sort = None
    if found:
        sort = found.pop(key.range.name, None) if key.range is not None else None
        if sort is None and key.range is not None:
            raise errors.invalid(f"Query condition missed key schema element: {key.range.name}")
        if sort is None or found:
            raise errors.invalid("Query key condition not supported")
    _check_type(key.hash.name, key.hash.type, partition)
    if sort is not None and key.range is not None:
        _check_type(key.range.name, key.range.type, sort)
    return KeyCondition(partition.operands[0], sort)


def _terms(node: Node) -> tuple[Node, ...]:
    if not isinstance(node, And):
        return (node,)
    return tuple(inner for term in node.terms for inner in _terms(term))


def _bind_term(node: Node, placeholders: Placeholders) -> tuple[str, Range]:
    match node:
        case Compare("<>", _, _):
            raise _operator("<>")
        case Compare(name, Path() as path, Placeholder() as value):
            operands: tuple[Node, ...] = (value,)
        case Compare(name, Placeholder() as value, Path() as path):
            name, operands = _MIRRORED[name], (value,)
        case Between(Path() as path, Placeholder() as low, Placeholder() as high):
            name, operands = "BETWEEN", (low, high)
        case Call("begins_with", (Path() as path, Placeholder() as value)):
            name, operands = "begins_with", (value,)
        case Or():
            raise _operator("OR")
        case Not():
            raise _operator("NOT")
        case In():
            raise _operator("IN")
        case Call(function, _) if function != "begins_with":
            raise _operator(function)
        case _:
            raise errors.invalid_expression(
                KIND, "Conditions can be of length 1 or 2 only, on attributes and values"
            )
    steps = placeholders.steps(KIND, path)
    if len(steps) > 1:
        raise errors.invalid_expression(
            KIND, "KeyConditionExpressions cannot have conditions on nested attributes"
        )
    bound = tuple(placeholders.value(KIND, each) for each in operands)  # type: ignore[arg-type]
    _check_literals(name, bound)
    return str(steps[0]), Range(name, bound)


def _check_literals(name: str, operands: tuple[Value, ...]) -> None:
    allowed = ("S", "B") if name == "begins_with" else ("S", "N", "B")
    for operand in operands:
        if name != "=" and values.kind_of(operand) not in allowed:
            raise errors.invalid_expression(
                KIND,
                "Incorrect operand type for operator or function; "
                f"operator or function: {name}, operand type: {values.kind_of(operand)}",
            )
    if name == "BETWEEN":
        check_bounds(KIND, *operands)


def _check_type(name: str, wanted: str, condition: Range) -> None:
    for operand in condition.operands:
        if wanted not in operand:
            raise errors.invalid_values("Condition parameter type does not match schema type")
        if not operand[wanted] and condition.operator == "=":
            raise errors.empty_key(name, "binary" if wanted == "B" else "string")


def _operator(name: str) -> AwsError:
    return errors.invalid_expression(
        KIND, f"Invalid operator used in KeyConditionExpression: {name}"
    )
