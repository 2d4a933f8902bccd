"""Update expressions ("Update expressions", developer guide): what they do to an item."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from freehold.kernel.errors import AwsError
from freehold.services.dynamodb.expressions import updates
from freehold.services.dynamodb.expressions.placeholders import Placeholders

KIND = "UpdateExpression"
ITEM: dict[str, Any] = {
    "pk": {"S": "key"},
    "n": {"N": "5"},
    "s": {"S": "text"},
    "l": {"L": [{"N": "0"}, {"N": "1"}, {"N": "2"}]},
    "m": {"M": {"a": {"N": "1"}, "b": {"M": {"c": {"S": "deep"}}}}},
    "ss": {"SS": ["x", "y"]},
    "ns": {"NS": ["1", "2"]},
}
VALUES: dict[str, Any] = {
    ":one": {"N": "1"},
    ":half": {"N": "0.5"},
    ":text": {"S": "new"},
    ":list": {"L": [{"S": "end"}]},
    ":xs": {"SS": ["x", "z"]},
    ":xy": {"SS": ["x", "y"]},
    ":ns": {"NS": ["2", "3"]},
    ":map": {"M": {}},
}


def update(text: str, item: dict[str, Any] | None = None) -> dict[str, Any]:
    words = text.replace(",", " ").replace("(", " ").replace(")", " ").split()
    bound = {name: copy.deepcopy(value) for name, value in VALUES.items() if name in words}
    params: dict[str, Any] = {KIND: text}
    if bound:
        params["ExpressionAttributeValues"] = bound
    placeholders = Placeholders(params, KIND)
    wanted = updates.bind(text, placeholders, ("pk",))
    placeholders.finish()
    return updates.apply(wanted, ITEM if item is None else item)


def ints(*numbers: int) -> dict[str, Any]:
    return {"L": [{"N": str(number)} for number in numbers]}


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("SET n = :one", {"n": {"N": "1"}}),
        ("set n = n + :half", {"n": {"N": "5.5"}}),
        ("SET n = n - :one", {"n": {"N": "4"}}),
        ("SET n = :one - n", {"n": {"N": "-4"}}),
        ("SET fresh = :text, n = :one", {"fresh": {"S": "new"}, "n": {"N": "1"}}),
        ("SET n = s, s = n", {"n": {"S": "text"}, "s": {"N": "5"}}),
        ("SET fresh = if_not_exists(fresh, :one)", {"fresh": {"N": "1"}}),
        ("SET n = if_not_exists(n, :text)", {"n": {"N": "5"}}),
        ("SET fresh = if_not_exists(fresh, :one) + :one", {"fresh": {"N": "2"}}),
        ("SET l = list_append(l, :list)", {"l": {"L": [*ints(0, 1, 2)["L"], {"S": "end"}]}}),
        ("SET l = list_append(:list, l)", {"l": {"L": [{"S": "end"}, *ints(0, 1, 2)["L"]]}}),
        (
            "SET fresh = list_append(if_not_exists(fresh, :list), :list)",
            {"fresh": {"L": [{"S": "end"}, {"S": "end"}]}},
        ),
        ("SET l[1] = n", {"l": ints(0, 5, 2)}),
        ("SET l[9] = n", {"l": ints(0, 1, 2, 5)}),
        ("SET l[7] = n, l[5] = :one", {"l": ints(0, 1, 2, 1, 5)}),
        ("SET m.a = n", {"m": {"M": {"a": {"N": "5"}, "b": ITEM["m"]["M"]["b"]}}}),
        (
            "SET m.b.d = l[2]",
            {"m": {"M": {"a": {"N": "1"}, "b": {"M": {"c": {"S": "deep"}, "d": {"N": "2"}}}}}},
        ),
        ("REMOVE n", {"n": None}),
        ("REMOVE absent", {}),
        ("REMOVE l[0], l[2]", {"l": ints(1)}),
        ("REMOVE l[9]", {}),
        ("REMOVE m.b.c", {"m": {"M": {"a": {"N": "1"}, "b": {"M": {}}}}}),
        ("REMOVE m.absent", {}),
        ("SET l[0] = n REMOVE l[1]", {"l": ints(5, 2)}),
        ("ADD n :half", {"n": {"N": "5.5"}}),
        ("ADD fresh :half", {"fresh": {"N": "0.5"}}),
        ("ADD ss :xs", {"ss": {"SS": ["x", "y", "z"]}}),
        ("ADD ns :ns", {"ns": {"NS": ["1", "2", "3"]}}),
        ("ADD fresh :xs", {"fresh": {"SS": ["x", "z"]}}),
        ("ADD m.a :one", {"m": {"M": {"a": {"N": "2"}, "b": ITEM["m"]["M"]["b"]}}}),
        ("DELETE ss :xs", {"ss": {"SS": ["y"]}}),
        ("DELETE ss :xy", {"ss": None}),
        ("DELETE absent :xy", {}),
        (
            "REMOVE s SET n = :one ADD ns :ns DELETE ss :xs",
            {
                "s": None,
                "n": {"N": "1"},
                "ns": {"NS": ["1", "2", "3"]},
                "ss": {"SS": ["y"]},
            },
        ),
    ],
)
def test_an_update_changes_what_it_names_and_nothing_else(
    text: str, changed: dict[str, Any]
) -> None:
    before = copy.deepcopy(ITEM)
    wanted = {**before, **changed}
    assert update(text) == {name: value for name, value in wanted.items() if value is not None}
    assert before == ITEM, "the item as it was stays as it was"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "The expression can not be empty;"),
        ("n = :one", 'Syntax error; token: "n"'),
        ("SET", 'Syntax error; token: "<EOF>"'),
        ("SET n", 'Syntax error; token: "<EOF>"'),
        ("SET n = :one,", 'Syntax error; token: "<EOF>"'),
        ("SET n = n + :one + :half", 'Syntax error; token: "+"'),
        ("REMOVE n = :one", 'Syntax error; token: "="'),
        ("ADD n n", 'Syntax error; token: "n"'),
        ("SET n = :one SET s = :text", 'The "SET" section can only be used once'),
        ("SET n = size(l)", "The function is not allowed in an update expression; function: size"),
        ("SET n = foo(l)", "Invalid function name; function: foo"),
        ("SET n = list_append(l)", "operator or function: list_append, number of operands: 1"),
        ("SET n = if_not_exists(:one, :half)", "requires a document path"),
        ("SET count = :one", "reserved keyword: count"),
        ("SET n = :one, n = :half", "path one: [n], path two: [n]"),
        ("SET m.a = :one REMOVE m", "overlap with each other; must remove or rewrite one of these"),
        ("SET m.a = :one, m[0] = :half", "conflict with each other"),
        ("SET pk = :text", "Cannot update attribute pk. This attribute is part of the key"),
        ("SET pk.a = :text", "Cannot update attribute pk. This attribute is part of the key"),
        ("ADD n :text", "operator: ADD, operand type: STRING, typeset: ALLOWED_FOR_ADD_OPERAND"),
        ("DELETE ss :one", "operator: DELETE, operand type: NUMBER"),
        ("SET n = n + :text", "operator or function: +, operand type: S"),
        ("SET l = list_append(l, :one)", "operator or function: list_append, operand type: N"),
        ("SET n = s + :one", "An operand in the update expression has an incorrect data type"),
        ("SET n = list_append(n, :list)", "incorrect data type"),
        ("ADD s :one", "An operand in the update expression has an incorrect data type"),
        ("ADD ns :xs", "An operand in the update expression has an incorrect data type"),
        ("DELETE ns :xs", "An operand in the update expression has an incorrect data type"),
        ("SET n = absent", "refers to an attribute that does not exist in the item"),
        ("SET n = absent + :one", "refers to an attribute that does not exist in the item"),
        ("SET absent.a = :one", "document path provided in the update expression is invalid"),
        ("SET n.a = :one", "document path provided in the update expression is invalid"),
        ("SET m[0] = :one", "document path provided in the update expression is invalid"),
        ("REMOVE absent.a", "document path provided in the update expression is invalid"),
    ],
)
def test_is_refused(text: str, message: str) -> None:
    with pytest.raises(AwsError) as refused:
        update(text)
    assert message in refused.value.message
    assert refused.value.code == "ValidationException"


def test_removing_from_nothing_creates_nothing() -> None:
    for text, creates in (("REMOVE a", False), ("SET a = :one", True), ("ADD a :one", True)):
        params = {KIND: text, "ExpressionAttributeValues": {":one": {"N": "1"}}}
        assert updates.bind(text, Placeholders(params, KIND), ("pk",)).creates is creates
