"""The parameters that came before expressions: Expected, AttributeUpdates, KeyConditions, filters.

They become what expressions become: tests on items, changes, key conditions.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from freehold.services.dynamodb import errors, values
from freehold.services.dynamodb.expressions import conditions, updates
from freehold.services.dynamodb.expressions.conditions import Test
from freehold.services.dynamodb.expressions.key_conditions import (
    KeyCondition,
    Range,
    key_condition,
)
from freehold.services.dynamodb.expressions.updates import Bound, Change
from freehold.services.dynamodb.records import Key
from freehold.services.dynamodb.values import Value

PARAMETERS = (
    "AttributesToGet",
    "AttributeUpdates",
    "ConditionalOperator",
    "Expected",
    "KeyConditions",
    "QueryFilter",
    "ScanFilter",
)
EXPRESSIONS = (
    "ConditionExpression",
    "FilterExpression",
    "KeyConditionExpression",
    "ProjectionExpression",
    "UpdateExpression",
)
_OPERANDS = {
    "EQ": 1,
    "NE": 1,
    "LE": 1,
    "LT": 1,
    "GE": 1,
    "GT": 1,
    "NOT_NULL": 0,
    "NULL": 0,
    "CONTAINS": 1,
    "NOT_CONTAINS": 1,
    "BEGINS_WITH": 1,
    "BETWEEN": 2,
}
_SCALAR = ("S", "N", "B")
_KEY_OPERATORS = {
    "EQ": "=",
    "LT": "<",
    "LE": "<=",
    "GT": ">",
    "GE": ">=",
    "BETWEEN": "BETWEEN",
    "BEGINS_WITH": "begins_with",
}
_ORDERINGS: dict[str, Callable[[Any, Any], bool]] = {
    "LT": operator.lt,
    "LE": operator.le,
    "GT": operator.gt,
    "GE": operator.ge,
}


def check_not_mixed(params: dict[str, Any]) -> None:
    """Expressions and their predecessors cannot be used in one request."""
    old = [name for name in PARAMETERS if name in params]
    new = [name for name in EXPRESSIONS if name in params]
    if old and new:
        raise errors.invalid(
            "Can not use both expression and non-expression parameters in the same request: "
            f"Non-expression parameters: {{{', '.join(old)}}} "
            f"Expression parameters: {{{', '.join(new)}}}"
        )


def expected(params: dict[str, Any]) -> Test | None:
    """The test that Expected and ConditionalOperator ask for."""
    wanted = params.get("Expected")
    _check_operator(params, wanted)
    if not wanted:
        return None
    tests = [_expectation(name, each) for name, each in wanted.items()]
    return _combined(tests, params.get("ConditionalOperator"))


def filtered(params: dict[str, Any], parameter: str) -> Test | None:
    """The test that QueryFilter or ScanFilter asks for."""
    wanted = params.get(parameter)
    _check_operator(params, wanted)
    if not wanted:
        return None
    tests = [
        _comparison(name, each["ComparisonOperator"], each.get("AttributeValueList") or [])
        for name, each in wanted.items()
    ]
    return _combined(tests, params.get("ConditionalOperator"))


def key_conditions(wanted: dict[str, Any], key: Key) -> KeyCondition:
    found = {}
    for name, each in wanted.items():
        operands = each.get("AttributeValueList") or []
        comparison = each["ComparisonOperator"]
        _check_operands(comparison, operands)
        if comparison not in _KEY_OPERATORS:
            raise errors.invalid("Attempted conditional constraint is not an indexable operation")
        found[name] = Range(_KEY_OPERATORS[comparison], tuple(operands))
    return key_condition(found, key)


def attribute_updates(wanted: dict[str, Any], key_names: tuple[str, ...]) -> Bound:
    changes = []
    for name, each in wanted.items():
        if name in key_names:
            raise errors.key_is_fixed(name)
        changes.append(_attribute_update(name, each.get("Action", "PUT"), each.get("Value")))
    return updates.bound(tuple(changes))


def _attribute_update(name: str, action: str, value: Value | None) -> Change:
    steps = (name,)
    if value is None:
        if action != "DELETE":
            raise errors.invalid_values(
                f"Only DELETE action is allowed when no attribute value is specified: {name}"
            )
        return Change("REMOVE", steps)
    values.checked(value)
    kind = values.kind_of(value)
    if action == "PUT":
        return Change("SET", steps, value)
    if action == "DELETE":
        if kind not in ("SS", "NS", "BS"):
            raise errors.invalid_values(
                "DELETE action with value is not supported for the type " + kind
            )
        return Change("DELETE", steps, value)
    if kind not in ("N", "SS", "NS", "BS", "L"):
        raise errors.invalid_values(f"ADD action is not supported for the type {kind}")
    return Change("ADD", steps, value)


def _check_operator(params: dict[str, Any], wanted: dict[str, Any] | None) -> None:
    if "ConditionalOperator" not in params:
        return
    if not wanted:
        raise errors.invalid("ConditionalOperator cannot be used without Filter or Expected")
    if len(wanted) == 1:
        raise errors.invalid(
            "ConditionalOperator can only be used when Filter or Expected has two or more elements"
        )


def _combined(tests: list[Test], how: str | None) -> Test:
    if how == "OR":
        return lambda item: any(test(item) for test in tests)
    return lambda item: all(test(item) for test in tests)


def _expectation(name: str, wanted: dict[str, Any]) -> Test:
    comparison = wanted.get("ComparisonOperator")
    if comparison is not None:
        if "Exists" in wanted:
            raise errors.invalid_values(
                "Exists and ComparisonOperator cannot be used together for Attribute: " + name
            )
        if "Value" in wanted and "AttributeValueList" in wanted:
            raise errors.invalid_values(
                "Value and AttributeValueList cannot be used together for Attribute: " + name
            )
        operands = wanted.get("AttributeValueList") or []
        if "Value" in wanted:
            operands = [wanted["Value"]]
        return _comparison(name, comparison, operands)
    if "AttributeValueList" in wanted:
        raise errors.invalid_values(
            "AttributeValueList can only be used with a ComparisonOperator for Attribute: " + name
        )
    value = wanted.get("Value")
    if wanted.get("Exists", True):
        if value is None:
            raise errors.invalid_values(
                f"Value must be provided when Exists is true for Attribute: {name}"
            )
        return _comparison(name, "EQ", [value])
    if value is not None:
        raise errors.invalid_values(
            f"Value cannot be used when Exists is false for Attribute: {name}"
        )
    return _comparison(name, "NULL", [])


def _check_operands(comparison: str, operands: list[Value]) -> None:
    for operand in operands:
        values.checked(operand)
    count = _OPERANDS.get(comparison)
    if len(operands) != count and (count is not None or not operands):
        raise errors.invalid_values(
            f"Invalid number of argument(s) for the {comparison} ComparisonOperator"
        )
    kinds = [values.kind_of(operand) for operand in operands]
    ordered = comparison in ("LT", "LE", "GT", "GE", "BETWEEN", "IN")
    allowed: tuple[str, ...] = _SCALAR if ordered else values.TYPES
    if comparison == "BEGINS_WITH":
        allowed = ("S", "B")
    elif comparison in ("CONTAINS", "NOT_CONTAINS"):
        allowed = (*_SCALAR, "BOOL", "NULL")
    for kind in kinds:
        if kind not in allowed:
            raise errors.invalid_values(
                f"ComparisonOperator {comparison} is not valid for {kind} AttributeValue type"
            )
    if comparison == "BETWEEN":
        low, high = operands
        if kinds[0] != kinds[1]:
            raise errors.invalid_values(
                "AttributeValues inside AttributeValueList must be of same type"
            )
        if values.order(low) > values.order(high):
            raise errors.invalid(
                "The BETWEEN condition was provided a range where the lower bound is greater than "
                "the upper bound"
            )


def _comparison(name: str, comparison: str, operands: list[Value]) -> Test:
    _check_operands(comparison, operands)
    match comparison:
        case "NULL":
            return lambda item: name not in item
        case "NOT_NULL":
            return lambda item: name in item
        case "NE":
            # Unlike the others, it holds of an attribute that is not there.
            return lambda item: name not in item or not values.equal(item[name], operands[0])
        case "NOT_CONTAINS":
            return lambda item: name in item and not conditions.contains(item[name], operands[0])
    return lambda item: name in item and _holds(comparison, item[name], operands)


def _holds(comparison: str, value: Value, operands: list[Value]) -> bool:
    match comparison:
        case "EQ":
            return values.equal(value, operands[0])
        case "IN":
            return any(values.equal(value, each) for each in operands)
        case "CONTAINS":
            return conditions.contains(value, operands[0])
        case "BEGINS_WITH":
            return conditions.begins_with(value, operands[0])
        case "BETWEEN":
            low, high = operands
            return conditions.compares(operator.ge, value, low) and conditions.compares(
                operator.le, value, high
            )
    return conditions.compares(_ORDERINGS[comparison], value, operands[0])
