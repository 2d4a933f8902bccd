"""Query and Scan."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.conditions import Attr, Key

from .conftest import Make, index
from .refusals import refused


@pytest.fixture
def numbered(table: Any) -> Any:
    """Twenty items under one key, and some under others."""
    with table.batch_writer() as batch:
        for number in range(20):
            batch.put_item(Item={"pk": "p", "sk": number, "even": number % 2 == 0})
        for partition in ("o", "p2", "q"):
            batch.put_item(Item={"pk": partition, "sk": 1, "even": False})
    return table


def sort_keys(answer: Any) -> list[int]:
    return [int(item["sk"]) for item in answer["Items"]]


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        (Key("sk").eq(3), [3]),
        (Key("sk").lt(3), [0, 1, 2]),
        (Key("sk").lte(2), [0, 1, 2]),
        (Key("sk").gt(17), [18, 19]),
        (Key("sk").gte(18), [18, 19]),
        (Key("sk").between(Decimal("2.5"), 5), [3, 4, 5]),
        (Key("sk").gt(99), []),
    ],
)
def test_a_query_reads_a_range_in_order(numbered: Any, condition: Any, found: list[int]) -> None:
    both = Key("pk").eq("p") & condition
    answer = numbered.query(KeyConditionExpression=both)
    assert sort_keys(answer) == found
    assert answer["Count"] == answer["ScannedCount"] == len(found)
    backward = numbered.query(KeyConditionExpression=both, ScanIndexForward=False)
    assert sort_keys(backward) == found[::-1]


def test_begins_with(make_table: Make) -> None:
    table = make_table("pk:S", "sk:S")
    for sort in ("a", "ab", "abc", "ac", "b"):
        table.put_item(Item={"pk": "p", "sk": sort})
    condition = Key("pk").eq("p") & Key("sk").begins_with("ab")
    answer = table.query(KeyConditionExpression=condition)
    assert [item["sk"] for item in answer["Items"]] == ["ab", "abc"]


@pytest.mark.parametrize("forward", [True, False])
def test_pages_of_a_query_fit_together(numbered: Any, forward: bool) -> None:
    pages = []
    options: dict[str, Any] = {}
    while True:
        page = numbered.query(
            KeyConditionExpression=Key("pk").eq("p"),
            Limit=7,
            ScanIndexForward=forward,
            **options,
        )
        pages.append(sort_keys(page))
        if "LastEvaluatedKey" not in page:
            break
        options["ExclusiveStartKey"] = page["LastEvaluatedKey"]
    assert [len(page) for page in pages] == [7, 7, 6]
    found = [number for page in pages for number in page]
    assert found == (list(range(20)) if forward else list(range(20))[::-1])


@pytest.mark.parametrize("forward", [True, False])
def test_a_page_of_many_small_items_is_whole(table: Any, forward: bool) -> None:
    with table.batch_writer() as batch:
        for number in range(150):
            batch.put_item(Item={"pk": "p", "sk": number})
    options = {"KeyConditionExpression": Key("pk").eq("p"), "ScanIndexForward": forward}
    wanted = list(range(150)) if forward else list(range(150))[::-1]
    whole = table.query(**options)
    assert sort_keys(whole) == wanted
    assert "LastEvaluatedKey" not in whole
    page = table.query(**options, Limit=100)
    assert sort_keys(page) == wanted[:100]
    rest = table.query(**options, ExclusiveStartKey=page["LastEvaluatedKey"])
    assert sort_keys(rest) == wanted[100:]


def test_a_page_that_ends_at_the_limit_has_a_last_key_even_if_nothing_follows(
    numbered: Any,
) -> None:
    condition = Key("pk").eq("q")
    page = numbered.query(KeyConditionExpression=condition, Limit=1)
    assert page["LastEvaluatedKey"] == {"pk": "q", "sk": 1}
    rest = numbered.query(
        KeyConditionExpression=condition, ExclusiveStartKey=page["LastEvaluatedKey"]
    )
    assert rest["Items"] == []
    assert "LastEvaluatedKey" not in rest


def test_a_page_ends_after_1_mb(table: Any) -> None:
    for number in range(8):
        table.put_item(Item={"pk": "p", "sk": number, "x": "x" * 300_000})
    pages = [table.query(KeyConditionExpression=Key("pk").eq("p"), ReturnConsumedCapacity="TOTAL")]
    assert sort_keys(pages[0]) == [0, 1, 2, 3]
    assert pages[0]["ConsumedCapacity"]["CapacityUnits"] == 146.5
    rest = table.scan(ExclusiveStartKey=pages[0]["LastEvaluatedKey"], Select="COUNT")
    assert rest["Count"] == 4
    assert "Items" not in rest


def test_the_limit_counts_what_the_filter_drops(numbered: Any) -> None:
    page = numbered.query(
        KeyConditionExpression=Key("pk").eq("p"), FilterExpression=Attr("even").eq(True), Limit=5
    )
    assert (page["Count"], page["ScannedCount"]) == (3, 5)
    assert page["LastEvaluatedKey"] == {"pk": "p", "sk": 4}


def test_a_filter_may_not_look_at_the_key(numbered: Any) -> None:
    with refused("ValidationException", "Primary key attribute: sk"):
        numbered.query(KeyConditionExpression=Key("pk").eq("p"), FilterExpression=Attr("sk").gt(1))
    assert numbered.scan(FilterExpression=Attr("sk").gt(17))["Count"] == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "Either the KeyConditions or KeyConditionExpression parameter must be specified"),
        (
            {"KeyConditionExpression": Key("sk").eq(1)},
            "Query condition missed key schema element: pk",
        ),
        (
            {"KeyConditionExpression": Key("pk").eq("p"), "IndexName": "none"},
            "The table does not have the specified index: none",
        ),
        (
            {
                "KeyConditionExpression": Key("pk").eq("p"),
                "ExclusiveStartKey": {"pk": "q", "sk": 1},
            },
            "The provided starting key is outside query boundaries",
        ),
        (
            {"KeyConditionExpression": Key("pk").eq("p"), "ExclusiveStartKey": {"pk": "q"}},
            "The provided starting key is invalid",
        ),
        (
            {"KeyConditionExpression": Key("pk").eq("p"), "Select": "SPECIFIC_ATTRIBUTES"},
            "Must specify the AttributesToGet or ProjectionExpression",
        ),
        (
            {
                "KeyConditionExpression": Key("pk").eq("p"),
                "Select": "COUNT",
                "ProjectionExpression": "pk",
            },
            "Cannot specify the ProjectionExpression when choosing to get only the Count",
        ),
        (
            {"KeyConditionExpression": Key("pk").eq("p"), "Select": "ALL_PROJECTED_ATTRIBUTES"},
            "can be used only when Querying using an IndexName",
        ),
    ],
)
def test_queries_that_are_refused(table: Any, options: dict[str, Any], message: str) -> None:
    with refused("ValidationException", message):
        table.query(**options)


def test_a_parallel_scan_sees_each_item_once(make_table: Make) -> None:
    table = make_table("id:S")
    with table.batch_writer() as batch:
        for number in range(300):
            batch.put_item(Item={"id": f"item-{number}"})
    found: list[str] = []
    for segment in range(4):
        options: dict[str, Any] = {"Segment": segment, "TotalSegments": 4, "Limit": 50}
        count = 0
        while True:
            page = table.scan(**options)
            count += page["Count"]
            found += [item["id"] for item in page["Items"]]
            if "LastEvaluatedKey" not in page:
                break
            options["ExclusiveStartKey"] = page["LastEvaluatedKey"]
        assert count > 30, "segments share the items"
    assert sorted(found) == sorted(f"item-{number}" for number in range(300))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"Segment": 0}, "The TotalSegments parameter is required"),
        ({"TotalSegments": 2}, "The Segment parameter is required"),
        ({"Segment": 2, "TotalSegments": 2}, "Segment: 2 is not less than TotalSegments: 2"),
    ],
)
def test_segments_that_are_refused(simple: Any, options: Any, message: str) -> None:
    with refused("ValidationException", message):
        simple.scan(**options)


@pytest.fixture
def indexed(make_table: Make) -> Any:
    """Global indexes of each projection, and a local one."""
    return make_table(
        "pk:S",
        "sk:N",
        defines=("g:S", "h:N"),
        GlobalSecondaryIndexes=[
            index("all", "g", "h"),
            index("keys", "g", projection="KEYS_ONLY"),
            index("some", "g", projection="INCLUDE", include=("x",)),
        ],
        LocalSecondaryIndexes=[index("local", "pk", "h", projection="KEYS_ONLY")],
    )


def test_an_index_shows_what_it_projects(indexed: Any) -> None:
    item = {"pk": "a", "sk": 1, "g": "G", "h": 7, "x": 1, "y": 2}
    indexed.put_item(Item=item)

    def items(name: str, **options: Any) -> Any:
        condition = Key("g").eq("G")
        return indexed.query(IndexName=name, KeyConditionExpression=condition, **options)["Items"]

    assert items("all") == [item]
    assert items("keys") == [{"pk": "a", "sk": 1, "g": "G"}]
    assert items("some") == [{"pk": "a", "sk": 1, "g": "G", "x": 1}]
    assert items("some", ProjectionExpression="x") == [{"x": 1}]
    with refused("ValidationException", "Global secondary index some does not project [y]"):
        items("some", ProjectionExpression="y")
    with refused("ValidationException", "Select type ALL_ATTRIBUTES is not supported"):
        items("some", Select="ALL_ATTRIBUTES")
    with refused("ValidationException", "Consistent reads are not supported on global"):
        items("all", ConsistentRead=True)


def test_an_index_follows_its_items(indexed: Any) -> None:
    def keys(name: str) -> list[int]:
        return sort_keys(indexed.scan(IndexName=name))

    indexed.put_item(Item={"pk": "a", "sk": 1})
    assert keys("all") == keys("local") == []
    update = {
        "Key": {"pk": "a", "sk": 1},
        "UpdateExpression": "SET g = :g, h = :h",
        "ExpressionAttributeValues": {":g": "G", ":h": 1},
    }
    indexed.update_item(**update)
    assert keys("all") == keys("keys") == keys("local") == [1]
    update["ExpressionAttributeValues"] = {":g": "H", ":h": 2}
    indexed.update_item(**update)
    assert keys("all") == keys("local") == [1]
    indexed.update_item(Key={"pk": "a", "sk": 1}, UpdateExpression="REMOVE h")
    assert (keys("all"), keys("keys"), keys("local")) == ([], [1], [])
    indexed.delete_item(Key={"pk": "a", "sk": 1})
    assert keys("keys") == []


def test_the_items_of_an_index_key_come_in_pages(indexed: Any) -> None:
    for number in range(6):
        indexed.put_item(Item={"pk": f"p{number}", "sk": 1, "g": "G", "h": number // 2})
    found, options = [], {}
    while True:
        page = indexed.query(
            IndexName="all", KeyConditionExpression=Key("g").eq("G"), Limit=2, **options
        )
        found += [(int(item["h"]), item["pk"]) for item in page["Items"]]
        if "LastEvaluatedKey" not in page:
            break
        assert set(page["LastEvaluatedKey"]) == {"pk", "sk", "g", "h"}
        options["ExclusiveStartKey"] = page["LastEvaluatedKey"]
    assert found == [(n // 2, f"p{n}") for n in range(6)]


def test_a_local_index_fetches_what_it_lacks(indexed: Any) -> None:
    indexed.put_item(Item={"pk": "a", "sk": 1, "h": 9, "y": 2})
    options = {
        "IndexName": "local",
        "KeyConditionExpression": Key("pk").eq("a") & Key("h").gt(1),
        "ConsistentRead": True,
    }
    assert indexed.query(**options)["Items"] == [{"pk": "a", "sk": 1, "h": 9}]
    whole = indexed.query(**options, Select="ALL_ATTRIBUTES", ReturnConsumedCapacity="INDEXES")
    assert whole["Items"] == [{"pk": "a", "sk": 1, "h": 9, "y": 2}]
    consumed = whole["ConsumedCapacity"]
    assert consumed["LocalSecondaryIndexes"] == {"local": {"CapacityUnits": 1.0}}
    assert consumed["Table"] == {"CapacityUnits": 1.0}
    assert indexed.query(**options, ProjectionExpression="y")["Items"] == [{"y": 2}]


def test_index_keys_of_another_type_are_refused(indexed: Any) -> None:
    with refused("ValidationException", "Type mismatch for Index Key g Expected: S Actual: N"):
        indexed.put_item(Item={"pk": "a", "sk": 1, "g": 5})
    with refused("ValidationException", "cannot contain an empty string value. IndexName: all"):
        indexed.put_item(Item={"pk": "a", "sk": 1, "g": ""})


def test_writes_to_indexes_are_counted(indexed: Any) -> None:
    """One write for an entry that is new or changed, two for one that moves, none otherwise."""

    def put(**attributes: Any) -> Any:
        consumed = indexed.put_item(
            Item={"pk": "a", "sk": 1, **attributes}, ReturnConsumedCapacity="INDEXES"
        )["ConsumedCapacity"]
        units = consumed.get("GlobalSecondaryIndexes", {})
        return {name: each["CapacityUnits"] for name, each in units.items()}

    assert put() == {}
    assert put(g="G", h=1) == {"all": 1.0, "keys": 1.0, "some": 1.0}
    assert put(g="G", h=1, y=1) == {"all": 1.0}
    assert put(g="H", h=1, y=1) == {"all": 2.0, "keys": 2.0, "some": 2.0}


def test_item_collections_are_measured(indexed: Any, simple: Any) -> None:
    answer = indexed.put_item(Item={"pk": "a", "sk": 1, "h": 1}, ReturnItemCollectionMetrics="SIZE")
    assert answer["ItemCollectionMetrics"] == {
        "ItemCollectionKey": {"pk": "a"},
        "SizeEstimateRangeGB": [0.0, 1.0],
    }
    answer = simple.put_item(Item={"id": "a"}, ReturnItemCollectionMetrics="SIZE")
    assert "ItemCollectionMetrics" not in answer
