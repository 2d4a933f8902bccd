"""Condition operators ("IAM JSON policy elements: Condition operators", and those with set operators)."""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from freehold.kernel.policy.patterns import (
    Context,
    MissingVariable,
    arn_pattern,
    substitute,
    text_pattern,
)

# A test says whether one value of the request fits one value of the policy.
Test = Callable[[str, str, Context], bool]


class InvalidCondition(ValueError):
    """There is no such operator, or a value is not of its kind."""


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """One operator on one key, with the policy's values."""

    key: str
    values: tuple[str, ...]
    test: Test
    negated: bool
    if_exists: bool
    # "": single value; "all": ForAllValues; "any": ForAnyValue.
    quantifier: str
    is_null_check: bool = False


def compile_condition(
    operator: str, key: str, values: list[str], *, substitutes: bool
) -> Condition:
    quantifier, name = _quantifier(operator)
    lowered = name.lower()
    if_exists = lowered.endswith("ifexists")
    if if_exists:
        lowered = lowered[: -len("ifexists")]
    if lowered == "null" and not if_exists:
        return Condition(
            key=key.lower(),
            values=tuple(values),
            test=_never,
            negated=False,
            if_exists=False,
            quantifier=quantifier,
            is_null_check=True,
        )
    if lowered not in _OPERATORS:
        raise InvalidCondition(f"Invalid Condition type : {operator}.")
    test, negated = _OPERATORS[lowered]
    return Condition(
        key=key.lower(),
        values=tuple(values),
        test=test if substitutes else _without_variables(test),
        negated=negated,
        if_exists=if_exists,
        quantifier=quantifier,
    )


def holds(condition: Condition, context: Context) -> bool:
    """Whether a condition is met in a context (keys in lower case)."""
    found = context.get(condition.key)
    if condition.is_null_check:
        return any((not found) == (wanted.lower() == "true") for wanted in condition.values)
    if not found:
        if condition.quantifier:
            return condition.quantifier == "all" or condition.if_exists
        return condition.if_exists or condition.negated
    fits = [_fits(condition, value, context) for value in found]
    if condition.quantifier == "all":
        return all(fits)
    return any(fits) if condition.quantifier == "any" or not condition.negated else all(fits)


def _fits(condition: Condition, value: str, context: Context) -> bool:
    """One value of the request against the policy's: any of them, or for a negated operator none."""
    matched = any(_matches(condition.test, value, wanted, context) for wanted in condition.values)
    return matched != condition.negated


def _matches(test: Test, value: str, wanted: str, context: Context) -> bool:
    try:
        return test(value, wanted, context)
    except MissingVariable:
        # "Policy variables with no value": nothing is equal to it, or like it.
        return False


def _quantifier(operator: str) -> tuple[str, str]:
    prefix, separator, name = operator.partition(":")
    if not separator:
        return "", operator
    quantifiers = {"forallvalues": "all", "foranyvalue": "any"}
    if prefix.lower() not in quantifiers:
        raise InvalidCondition(f"Invalid Condition type : {operator}.")
    return quantifiers[prefix.lower()], name


def _without_variables(test: Test) -> Test:
    # Before 2012-10-17, ${ was only text: the dollar's escape keeps it so.
    return lambda value, wanted, context: test(value, wanted.replace("${", "${$}{"), context)


def _never(value: str, wanted: str, context: Context) -> bool:
    return False


def _string_equals(value: str, wanted: str, context: Context) -> bool:
    return value == substitute(wanted, context)


def _string_equals_ignoring_case(value: str, wanted: str, context: Context) -> bool:
    return value.lower() == substitute(wanted, context).lower()


def _string_like(value: str, wanted: str, context: Context) -> bool:
    return text_pattern(wanted, substitutes=True)(value, context)


def _arn_like(value: str, wanted: str, context: Context) -> bool:
    return arn_pattern(wanted, substitutes=True)(value, context)


def _bool(value: str, wanted: str, context: Context) -> bool:
    return value.lower() == substitute(wanted, context).lower()


def _binary_equals(value: str, wanted: str, context: Context) -> bool:
    try:
        return base64.b64decode(value, validate=True) == base64.b64decode(wanted, validate=True)
    except (binascii.Error, ValueError):
        return False


def _ip_address(value: str, wanted: str, context: Context) -> bool:
    try:
        return ipaddress.ip_address(value) in ipaddress.ip_network(wanted, strict=False)
    except ValueError:
        return False


def _numeric(compare: Callable[[Any, Any], bool]) -> Test:
    def test(value: str, wanted: str, context: Context) -> bool:
        try:
            return compare(Decimal(value), Decimal(substitute(wanted, context)))
        except InvalidOperation:
            return False

    return test


def _date(compare: Callable[[Any, Any], bool]) -> Test:
    def test(value: str, wanted: str, context: Context) -> bool:
        try:
            return compare(_seconds(value), _seconds(substitute(wanted, context)))
        except ValueError:
            return False

    return test


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        if moment.tzinfo is None:
            moment = datetime.fromisoformat(f"{moment.isoformat()}+00:00")
        return moment.timestamp()


_OPERATORS: dict[str, tuple[Test, bool]] = {
    "stringequals": (_string_equals, False),
    "stringnotequals": (_string_equals, True),
    "stringequalsignorecase": (_string_equals_ignoring_case, False),
    "stringnotequalsignorecase": (_string_equals_ignoring_case, True),
    "stringlike": (_string_like, False),
    "stringnotlike": (_string_like, True),
    "numericequals": (_numeric(lambda a, b: a == b), False),
    "numericnotequals": (_numeric(lambda a, b: a == b), True),
    "numericlessthan": (_numeric(lambda a, b: a < b), False),
    "numericlessthanequals": (_numeric(lambda a, b: a <= b), False),
    "numericgreaterthan": (_numeric(lambda a, b: a > b), False),
    "numericgreaterthanequals": (_numeric(lambda a, b: a >= b), False),
    "dateequals": (_date(lambda a, b: a == b), False),
    "datenotequals": (_date(lambda a, b: a == b), True),
    "datelessthan": (_date(lambda a, b: a < b), False),
    "datelessthanequals": (_date(lambda a, b: a <= b), False),
    "dategreaterthan": (_date(lambda a, b: a > b), False),
    "dategreaterthanequals": (_date(lambda a, b: a >= b), False),
    "bool": (_bool, False),
    "binaryequals": (_binary_equals, False),
    "ipaddress": (_ip_address, False),
    "notipaddress": (_ip_address, True),
    "arnequals": (_arn_like, False),
    "arnlike": (_arn_like, False),
    "arnnotequals": (_arn_like, True),
    "arnnotlike": (_arn_like, True),
}
