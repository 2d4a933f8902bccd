"""Condition expressions: what they mean, and what is refused ("Comparison operator and function
reference", developer guide; messages as DynamoDB gives them)."""

from __future__ import annotations

from typing import Any

import pytest

from freehold.kernel.errors import AwsError
from freehold.services.dynamodb.expressions import conditions
from freehold.services.dynamodb.expressions.placeholders import Placeholders

KIND = "ConditionExpression"
ITEM: dict[str, Any] = {
    "a": {"N": "5"},
    "b": {"S": "hello"},
    "bin": {"B": "AAEC"},
    "lst": {"L": [{"N": "1"}, {"M": {"x": {"S": "deep"}}}, {"S": "hello"}]},
    "doc": {"M": {"k": {"N": "7"}, "with.dot": {"S": "dot"}}},
    "strings": {"SS": ["x", "y"]},
    "ns": {"NS": ["1", "2"]},
    "nothing": {"NULL": True},
    "yes": {"BOOL": True},
}
VALUES: dict[str, Any] = {
    ":five": {"N": "5.0"},
    ":six": {"N": "6"},
    ":hello": {"S": "hello"},
    ":he": {"S": "he"},
    ":x": {"S": "x"},
    ":one": {"N": "1"},
    ":deep": {"S": "deep"},
    ":true": {"BOOL": True},
    ":null": {"NULL": True},
    ":bytes": {"B": "AAE="},
    ":N": {"S": "N"},
    ":L": {"S": "L"},
    ":set": {"SS": ["y", "x"]},
}
NAMES = {"#a": "a", "#m": "doc", "#dot": "with.dot", "#none": "none"}


def evaluate(text: str, item: dict[str, Any] | None = None) -> bool:
    names = {alias: name for alias, name in NAMES.items() if alias in text}
    bound = {name: dict(v) for name, v in VALUES.items() if _has(text, name)}
    params: dict[str, Any] = {KIND: text}
    if names:
        params["ExpressionAttributeNames"] = names
    if bound:
        params["ExpressionAttributeValues"] = bound
    placeholders = Placeholders(params, KIND)
    test = conditions.bind(KIND, text, placeholders)
    placeholders.finish()
    return test(ITEM if item is None else item)


def _has(text: str, name: str) -> bool:
    return any(
        word == name for word in text.replace("(", " ").replace(")", " ").replace(",", " ").split()
    )


@pytest.mark.parametrize(
    "text",
    [
        "a = :five",
        "a <> :six",
        "a <> :hello",
        "absent <> :six AND a = :five OR NOT a = :six",
        "a < :six",
        "a <= :five",
        ":six > a",
        "a BETWEEN :one AND :six",
        "a between :one and :six AND b = :hello",
        "a IN (:one, :five)",
        "a in (:five)",
        "b = lst[2]",
        "lst[1].x = :deep",
        "doc.k > a",
        "#m.#dot <> :x",
        "#a = :five",
        "NOT a = :six",
        "NOT (a = :six OR b = :x)",
        "a = :six OR a = :five AND b = :hello",
        "(a = :six OR a = :five) AND b = :hello",
        "NOT a = :six AND b = :hello",
        "attribute_exists(a)",
        "attribute_exists(lst[1].x)",
        "attribute_not_exists(lst[9])",
        "attribute_not_exists(doc.absent)",
        "attribute_not_exists(a.b)",
        "attribute_type(a, :N)",
        "attribute_type(lst, :L)",
        "begins_with(b, :he)",
        "begins_with(bin, :bytes)",
        "contains(b, :he)",
        "contains(strings, :x)",
        "contains(ns, :one)",
        "contains(lst, :hello)",
        "contains(bin, :bytes)",
        "size(b) = :five",
        "size(lst) < :five",
        "size(bin) > :one",
        "size(ns) < :five",
        "size(doc) > :one",
        "yes = :true",
        "nothing = :null",
        "strings = :set",
        "(((a = :five) AND b = :hello) OR a = :six)",
    ],
)
def test_holds(text: str) -> None:
    assert evaluate(text) is True


@pytest.mark.parametrize(
    "text",
    [
        "a = :hello",
        "absent = :five",
        "absent < :five",
        "b < :five",
        "a BETWEEN :six AND :six",
        "a IN (:one, :six)",
        "attribute_exists(absent)",
        "attribute_exists(b.c)",
        "attribute_type(absent, :N)",
        "begins_with(a, :he)",
        "begins_with(absent, :he)",
        "contains(a, :he)",
        "contains(strings, :hello)",
        "contains(absent, :x)",
        "size(a) = :five",
        "size(absent) = :five",
        "NOT a = :five",
        "a = :five AND b = :x",
        "absent BETWEEN :one AND :six",
    ],
)
def test_does_not_hold(text: str) -> None:
    assert evaluate(text) is False


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Invalid ConditionExpression: The expression can not be empty;"),
        ("a", 'Syntax error; token: "<EOF>", near: "a"'),
        ("a =", 'Syntax error; token: "<EOF>", near: "="'),
        ("a = :five b", 'Syntax error; token: "b", near: ":five b"'),
        ("a == :five", 'Syntax error; token: "=", near: "== :five"'),
        ("a ? :five", 'Syntax error; token: "?", near: "a ?"'),
        ("a = 5", 'Syntax error; token: "5", near: "= 5"'),
        ("a[x] = :five", 'Syntax error; token: "x", near: "[x]"'),
        ("a = :five AND", 'Syntax error; token: "<EOF>"'),
        ("AND a = :five", 'Syntax error; token: "AND"'),
        ("a = b = :five", 'Syntax error; token: "="'),
        ("a BETWEEN :one OR :six", 'Syntax error; token: "OR"'),
        ("a IN ()", 'Syntax error; token: ")"'),
        ("a IN :five", 'Syntax error; token: ":five"'),
        ("((a = :five))", "The expression has redundant parentheses;"),
        ("name = :five", "Attribute name is a reserved keyword; reserved keyword: name"),
        ("a.Status = :five", "Attribute name is a reserved keyword; reserved keyword: Status"),
        (
            "#zz = :five",
            "attribute name used in the document path is not defined; attribute name: #zz",
        ),
        ("a = :zz", "attribute value used in expression is not defined; attribute value: :zz"),
        ("foo(a)", "Invalid function name; function: foo"),
        ("Size(a) = :five", "Invalid function name; function: Size"),
        ("if_not_exists(a, b)", "The function is not allowed in a condition expression"),
        ("size(a)", "not allowed to be used this way in an expression; function: size"),
        ("a = attribute_exists(b)", "used this way in an expression; function: attribute_exists"),
        ("attribute_exists(a, b)", "operator or function: attribute_exists, number of operands: 2"),
        ("begins_with(a)", "operator or function: begins_with, number of operands: 1"),
        (
            "attribute_exists(:five)",
            "requires a document path; operator or function: attribute_exists",
        ),
        ("begins_with(b, :five)", "operator or function: begins_with, operand type: N"),
        ("attribute_type(a, :hello)", "Invalid attribute type name found; type: hello"),
        ("attribute_type(a, :five)", "operator or function: attribute_type, operand type: N"),
        ("a < :true", "operator or function: <, operand type: BOOL"),
        ("a BETWEEN :six AND :one", "upper bound to be greater than or equal to lower bound"),
        ("a BETWEEN :six AND :x", "requires same data type for lower and upper bounds"),
        ("a = a", "operator: =, first operand: [a]"),
        ("contains(a, #a)", "operator: contains, first operand: [a]"),
        ("a IN (b, a)", "operator: IN, first operand: [a]"),
        ("a" + ".b" * 40 + " = :five", "too many nesting elements; nesting levels: 41"),
        ("x" * 4097 + " = :five", "exceeded the maximum allowed size; expression size: 4105"),
        (" OR ".join(["a = b"] * 151), "too many operators; operator count: 301"),
        (
            "a IN (" + ",".join(["b"] * 101) + ")",
            "operator or function: IN, number of operands: 102",
        ),
        ("(" * 1000 + "a = b" + ")" * 1000, "nested levels"),
        ("NOT " * 290 + "a = b", "nested levels"),
    ],
)
def test_is_refused(text: str, message: str) -> None:
    with pytest.raises(AwsError) as refused:
        evaluate(text)
    assert message in refused.value.message
    assert refused.value.code == "ValidationException"


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {KIND: "attribute_exists(a)", "ExpressionAttributeNames": {"#x": "a"}},
            "Value provided in ExpressionAttributeNames unused in expressions: keys: {#x}",
        ),
        (
            {KIND: "attribute_exists(a)", "ExpressionAttributeValues": {":x": {"S": "a"}}},
            "Value provided in ExpressionAttributeValues unused in expressions: keys: {:x}",
        ),
        (
            {KIND: "a = x", "ExpressionAttributeNames": {}},
            "ExpressionAttributeNames must not be empty",
        ),
        (
            {KIND: "a = x", "ExpressionAttributeValues": {}},
            "ExpressionAttributeValues must not be empty",
        ),
        (
            {KIND: "a = x", "ExpressionAttributeNames": {"x": "a"}},
            'ExpressionAttributeNames contains invalid key: Syntax error; key: "x"',
        ),
        (
            {KIND: "a = x", "ExpressionAttributeValues": {"x": {"S": "a"}}},
            'ExpressionAttributeValues contains invalid key: Syntax error; key: "x"',
        ),
        (
            {KIND: "a = :x", "ExpressionAttributeValues": {":x": {}}},
            "ExpressionAttributeValues contains invalid value: Supplied AttributeValue is empty, "
            "must contain exactly one of the supported datatypes for key :x",
        ),
        (
            {"ExpressionAttributeNames": {"#x": "a"}},
            "ExpressionAttributeNames can only be specified when using expressions",
        ),
        (
            {"ExpressionAttributeValues": {":x": {"S": "a"}}},
            "ExpressionAttributeValues can only be specified when using expressions: "
            "ConditionExpression is null",
        ),
    ],
)
def test_placeholders_that_are_wrong_or_unused_are_refused(
    params: dict[str, Any], message: str
) -> None:
    with pytest.raises(AwsError) as refused:
        placeholders = Placeholders(params, KIND)
        conditions.bind(KIND, params[KIND], placeholders)
        placeholders.finish()
    assert refused.value.message == message
