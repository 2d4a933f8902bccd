"""PutItem, GetItem, UpdateItem, DeleteItem: items, keys, conditions, return values."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.conditions import Attr

from .refusals import refused

ALL_TYPES: dict[str, Any] = {
    "pk": "a",
    "sk": Decimal("1.5"),
    "s": "text é \U0001f600",
    "empty": "",
    "b": b"\x00\x01\xff",
    "nb": b"",
    "big": Decimal("12345678901234567890123456789012345678"),
    "tiny": Decimal("1E-130"),
    "neg": Decimal("-0.5"),
    "yes": True,
    "none": None,
    "list": [1, "two", [b"3"], {"four": None}],
    "map": {"a": {"b": [True]}, "": "empty name"},
    "ss": {"x", "y"},
    "ns": {Decimal(1), Decimal("2.5")},
    "bs": {b"1", b""},
}


def test_every_type_comes_back_as_it_went(table: Any) -> None:
    table.put_item(Item=ALL_TYPES)
    item = table.get_item(Key={"pk": "a", "sk": Decimal("1.50")})["Item"]
    for name in ("b", "nb"):
        item[name] = item[name].value
    item["bs"] = {each.value for each in item["bs"]}
    item["list"][2] = [item["list"][2][0].value]
    assert item == ALL_TYPES


def test_an_item_that_is_not_there_is_no_item(table: Any) -> None:
    assert "Item" not in table.get_item(Key={"pk": "a", "sk": 1})


def test_put_replaces_the_whole_item(table: Any) -> None:
    table.put_item(Item={"pk": "a", "sk": 1, "old": 1})
    answer = table.put_item(Item={"pk": "a", "sk": 1, "new": 2}, ReturnValues="ALL_OLD")
    assert answer["Attributes"] == {"pk": "a", "sk": 1, "old": 1}
    assert table.get_item(Key={"pk": "a", "sk": 1})["Item"] == {"pk": "a", "sk": 1, "new": 2}


def test_projections_show_parts(table: Any) -> None:
    table.put_item(Item={"pk": "a", "sk": 1, "m": {"x": 1, "y": {"z": 2}}, "l": [1, 2, 3]})

    def get(expression: str, **names: str) -> Any:
        options = {"ExpressionAttributeNames": names} if names else {}
        key = {"pk": "a", "sk": 1}
        return table.get_item(Key=key, ProjectionExpression=expression, **options)["Item"]

    assert get("pk, m.y.z, l[2], l[0]") == {"pk": "a", "m": {"y": {"z": 2}}, "l": [1, 3]}
    assert get("#m.x", **{"#m": "m"}) == {"m": {"x": 1}}
    assert get("absent, m.absent") == {}
    with refused("ValidationException", "Two document paths overlap"):
        get("m, m.x")


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"pk": "a"}, "Missing the key sk in the item"),
        ({"pk": "a", "sk": "text"}, "Type mismatch for key sk expected: N actual: S"),
        ({"pk": "", "sk": 1}, "cannot contain an empty string value. Key: pk"),
        ({"pk": "x" * 2049, "sk": 1}, "exceeded the maximum size limit of2048 bytes"),
        ({"pk": "é" * 1025, "sk": 1}, "exceeded the maximum size limit of2048 bytes"),
        ({"pk": "a", "sk": 1, "x": "x" * 409_600}, "Item size has exceeded the maximum"),
    ],
)
def test_items_that_are_refused(table: Any, item: dict[str, Any], message: str) -> None:
    with refused("ValidationException", message):
        table.put_item(Item=item)


def test_an_item_of_exactly_400_kb_is_accepted(simple: Any) -> None:
    simple.put_item(Item={"id": "a", "x": "x" * (409_600 - 4)})
    with refused("ValidationException", "Item size has exceeded"):
        simple.put_item(Item={"id": "a", "x": "x" * (409_600 - 3)})
    with refused("ValidationException", "Item size to update has exceeded"):
        simple.update_item(
            Key={"id": "a"}, UpdateExpression="SET y = :y", ExpressionAttributeValues={":y": 1}
        )


def test_keys_of_the_full_length_are_accepted(make_table: Any) -> None:
    table = make_table("pk:S", "sk:B")
    key = {"pk": "\x00" * 2048, "sk": b"\x00" * 1024}
    table.put_item(Item={**key, "x": 1})
    assert table.get_item(Key=key)["Item"]["x"] == 1
    assert table.scan()["Count"] == 1
    table.delete_item(Key=key)
    assert table.scan()["Count"] == 0


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ({"pk": "a"}, "The number of conditions on the keys is invalid"),
        ({"pk": "a", "sk": 1, "x": 1}, "The number of conditions on the keys is invalid"),
        ({"pk": "a", "x": 1}, "The provided key element does not match the schema"),
        ({"pk": "a", "sk": "1"}, "The provided key element does not match the schema"),
        ({"pk": "", "sk": 1}, "cannot contain an empty string value. Key: pk"),
    ],
)
def test_keys_that_are_none_are_refused(table: Any, key: dict[str, Any], message: str) -> None:
    with refused("ValidationException", message):
        table.get_item(Key=key)
    with refused("ValidationException", message):
        table.delete_item(Key=key)
    with refused("ValidationException", message):
        table.update_item(Key=key)


def test_a_condition_that_fails_changes_nothing_and_can_show_the_item(table: Any) -> None:
    item = {"pk": "a", "sk": 1, "x": 1}
    table.put_item(Item=item, ConditionExpression=Attr("pk").not_exists())
    with refused("ConditionalCheckFailedException", "The conditional request failed") as failed:
        table.put_item(Item={"pk": "a", "sk": 1}, ConditionExpression=Attr("pk").not_exists())
    assert "Item" not in failed.value.response
    with refused("ConditionalCheckFailedException") as failed:
        table.delete_item(
            Key={"pk": "a", "sk": 1},
            ConditionExpression=Attr("x").gt(1),
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    assert failed.value.response["Item"]["x"] == {"N": "1"}
    assert table.get_item(Key={"pk": "a", "sk": 1})["Item"] == item


def test_delete_says_what_was_there(table: Any) -> None:
    table.put_item(Item={"pk": "a", "sk": 1, "x": 1})
    key = {"pk": "a", "sk": 1}
    assert table.delete_item(Key=key, ReturnValues="ALL_OLD")["Attributes"]["x"] == 1
    assert "Attributes" not in table.delete_item(Key=key, ReturnValues="ALL_OLD")
    with refused("ValidationException", "ReturnValues can only be ALL_OLD or NONE"):
        table.delete_item(Key=key, ReturnValues="ALL_NEW")


@pytest.mark.parametrize(
    ("what", "shown"),
    [
        ("NONE", None),
        ("ALL_OLD", {"id": "a", "n": 1, "m": {"x": 1, "y": 2}, "gone": 1}),
        ("ALL_NEW", {"id": "a", "n": 2, "m": {"x": 5, "y": 2}, "new": 1}),
        ("UPDATED_OLD", {"n": 1, "m": {"x": 1}, "gone": 1}),
        ("UPDATED_NEW", {"n": 2, "m": {"x": 5}, "new": 1}),
    ],
)
def test_update_says_what_was_or_is(simple: Any, what: str, shown: Any) -> None:
    simple.put_item(Item={"id": "a", "n": 1, "m": {"x": 1, "y": 2}, "gone": 1})
    answer = simple.update_item(
        Key={"id": "a"},
        UpdateExpression="SET n = n + :one, m.x = :five, #new = :one REMOVE gone",
        ExpressionAttributeNames={"#new": "new"},
        ExpressionAttributeValues={":one": 1, ":five": 5},
        ReturnValues=what,
    )
    assert answer.get("Attributes") == shown


def test_an_update_makes_an_item_unless_it_only_removes(simple: Any) -> None:
    simple.update_item(Key={"id": "bare"})
    assert simple.get_item(Key={"id": "bare"})["Item"] == {"id": "bare"}
    simple.update_item(Key={"id": "none"}, UpdateExpression="REMOVE x")
    assert "Item" not in simple.get_item(Key={"id": "none"})


def test_an_update_can_be_conditional(simple: Any) -> None:
    def increment(seen: int) -> Any:
        return simple.update_item(
            Key={"id": "a"},
            UpdateExpression="ADD n :one",
            ConditionExpression="attribute_not_exists(n) OR n = :seen",
            ExpressionAttributeValues={":one": 1, ":seen": seen},
            ReturnValues="UPDATED_NEW",
        )["Attributes"]["n"]

    assert [increment(0), increment(1)] == [1, 2]
    with refused("ConditionalCheckFailedException"):
        increment(1)


def test_consumed_capacity_is_counted_by_size(simple: Any) -> None:
    """Reads: 4 KB a unit, half of it if eventually consistent. Writes: 1 KB, of the larger item."""
    answer = simple.put_item(Item={"id": "a", "x": "x" * 3000}, ReturnConsumedCapacity="TOTAL")
    assert answer["ConsumedCapacity"] == {"TableName": simple.name, "CapacityUnits": 3.0}
    answer = simple.put_item(Item={"id": "a"}, ReturnConsumedCapacity="INDEXES")
    assert answer["ConsumedCapacity"]["Table"] == {"CapacityUnits": 3.0}
    simple.put_item(Item={"id": "a", "x": "x" * 5000})
    for consistent, units in ((False, 1.0), (True, 2.0)):
        answer = simple.get_item(
            Key={"id": "a"}, ConsistentRead=consistent, ReturnConsumedCapacity="TOTAL"
        )
        assert answer["ConsumedCapacity"]["CapacityUnits"] == units
    answer = simple.get_item(Key={"id": "none"}, ReturnConsumedCapacity="TOTAL")
    assert answer["ConsumedCapacity"]["CapacityUnits"] == 0.5


def test_a_table_can_be_named_by_its_arn(client: Any, simple: Any) -> None:
    client.put_item(TableName=simple.table_arn, Item={"id": {"S": "a"}})
    assert simple.get_item(Key={"id": "a"})["Item"] == {"id": "a"}
    elsewhere = simple.table_arn.replace("us-east-1", "eu-west-1")
    with refused("ValidationException"):
        client.get_item(TableName=elsewhere, Key={"id": {"S": "a"}})
