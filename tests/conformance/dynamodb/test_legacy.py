"""The parameters that came before expressions ("Legacy conditional parameters")."""

from __future__ import annotations

from typing import Any

import pytest

from .refusals import refused

ITEM = {"id": "a", "n": 5, "s": "hello", "set": {"x", "y"}, "l": [1, 2]}


def condition(operator: str, *values: Any) -> dict[str, Any]:
    return {"ComparisonOperator": operator, "AttributeValueList": list(values)}


@pytest.mark.parametrize(
    ("expected", "holds"),
    [
        ({"n": {"Value": 5}}, True),
        ({"n": {"Value": 5, "Exists": True}}, True),
        ({"n": {"Value": 6}}, False),
        ({"n": {"Exists": False}}, False),
        ({"none": {"Exists": False}}, True),
        ({"n": condition("EQ", 5)}, True),
        ({"n": condition("NE", 6)}, True),
        ({"none": condition("NE", 6)}, True),
        ({"n": condition("LT", 6)}, True),
        ({"n": condition("LE", 4)}, False),
        ({"n": condition("GT", 4)}, True),
        ({"n": condition("GE", "4")}, False),
        ({"n": condition("BETWEEN", 1, 5)}, True),
        ({"n": condition("IN", 1, 5)}, True),
        ({"s": condition("BEGINS_WITH", "he")}, True),
        ({"s": condition("CONTAINS", "ell")}, True),
        ({"set": condition("CONTAINS", "x")}, True),
        ({"set": condition("NOT_CONTAINS", "z")}, True),
        ({"none": condition("NOT_CONTAINS", "z")}, False),
        ({"n": {"ComparisonOperator": "NOT_NULL"}}, True),
        ({"n": {"ComparisonOperator": "NULL"}}, False),
        ({"n": condition("EQ", 5), "s": condition("EQ", "x")}, False),
    ],
)
def test_expected(simple: Any, expected: dict[str, Any], holds: bool) -> None:
    simple.put_item(Item=ITEM)
    if holds:
        simple.delete_item(Key={"id": "a"}, Expected=expected)
        return
    with refused("ConditionalCheckFailedException"):
        simple.delete_item(Key={"id": "a"}, Expected=expected)


def test_conditions_are_joined_by_or_when_asked(simple: Any) -> None:
    simple.put_item(Item=ITEM)
    either = {"n": condition("EQ", 5), "s": condition("EQ", "x")}
    simple.put_item(Item=ITEM, Expected=either, ConditionalOperator="OR")
    assert simple.scan(ScanFilter=either)["Count"] == 0
    assert simple.scan(ScanFilter=either, ConditionalOperator="OR")["Count"] == 1


def test_attribute_updates(simple: Any) -> None:
    simple.put_item(Item=ITEM)
    answer = simple.update_item(
        Key={"id": "a"},
        AttributeUpdates={
            "n": {"Action": "ADD", "Value": 2},
            "s": {"Value": "put"},
            "set": {"Action": "DELETE", "Value": {"x"}},
            "l": {"Action": "ADD", "Value": [3]},
            "gone": {"Action": "DELETE"},
            "fresh": {"Action": "ADD", "Value": 1},
        },
        ReturnValues="ALL_NEW",
    )
    assert answer["Attributes"] == {
        "id": "a",
        "n": 7,
        "s": "put",
        "set": {"y"},
        "l": [1, 2, 3],
        "fresh": 1,
    }
    with refused("ValidationException", "Cannot update attribute id"):
        simple.update_item(Key={"id": "a"}, AttributeUpdates={"id": {"Value": "b"}})


def test_deleting_from_an_item_that_is_not_there_does_not_make_it(simple: Any) -> None:
    simple.update_item(Key={"id": "none"}, AttributeUpdates={"x": {"Action": "DELETE"}})
    assert "Item" not in simple.get_item(Key={"id": "none"})


def test_key_conditions_and_filters(table: Any) -> None:
    for number in range(6):
        table.put_item(Item={"pk": "p", "sk": number, "even": number % 2 == 0})
    answer = table.query(
        KeyConditions={"pk": condition("EQ", "p"), "sk": condition("BETWEEN", 1, 4)},
        QueryFilter={"even": condition("EQ", True)},
        AttributesToGet=["sk"],
    )
    assert answer["Items"] == [{"sk": 2}, {"sk": 4}]
    assert answer["ScannedCount"] == 4
    with refused("ValidationException", "not an indexable operation"):
        table.query(KeyConditions={"pk": condition("EQ", "p"), "sk": condition("NE", 1)})


def test_attributes_to_get(client: Any, simple: Any) -> None:
    simple.put_item(Item=ITEM)
    item = simple.get_item(Key={"id": "a"}, AttributesToGet=["n", "none"])["Item"]
    assert item == {"n": 5}
    found = client.batch_get_item(
        RequestItems={simple.name: {"Keys": [{"id": {"S": "a"}}], "AttributesToGet": ["n"]}}
    )
    assert found["Responses"][simple.name] == [{"n": {"N": "5"}}]


def test_old_and_new_parameters_do_not_mix(simple: Any) -> None:
    with refused("ValidationException", "Non-expression parameters: {Expected} Expression"):
        simple.put_item(
            Item=ITEM,
            Expected={"id": {"Exists": False}},
            ConditionExpression="attribute_exists(id)",
        )


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        ({"n": condition("EQ")}, "Invalid number of argument(s) for the EQ ComparisonOperator"),
        ({"n": condition("BETWEEN", 1)}, "Invalid number of argument(s) for the BETWEEN"),
        ({"n": condition("LT", {1})}, "ComparisonOperator LT is not valid for NS"),
        ({"n": {"Exists": True}}, "Value must be provided when Exists is true"),
        ({"n": {"Exists": False, "Value": 1}}, "Value cannot be used when Exists is false"),
        ({"n": {"Exists": True, "ComparisonOperator": "NULL"}}, "cannot be used together"),
    ],
)
def test_expectations_that_are_refused(simple: Any, expected: Any, message: str) -> None:
    with refused("ValidationException", message):
        simple.put_item(Item=ITEM, Expected=expected)
