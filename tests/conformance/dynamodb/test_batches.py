"""BatchGetItem, BatchWriteItem, TransactGetItems, TransactWriteItems."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from freehold.kernel.clock import ManualClock

from .conftest import Make, is_active, key_schema, until
from .refusals import refused


def key(name: str) -> dict[str, Any]:
    return {"id": {"S": name}}


def write(client: Any, *items: dict[str, Any], **options: Any) -> Any:
    return client.transact_write_items(TransactItems=list(items), **options)


def put(table: Any, name: str, **changes: Any) -> dict[str, Any]:
    return {"Put": {"TableName": table.name, "Item": key(name), **changes}}


def test_a_batch_reads_and_writes_over_tables(client: Any, make_table: Make) -> None:
    one, two = make_table("id:S"), make_table("id:S")
    one.put_item(Item={"id": "old"})
    answer = client.batch_write_item(
        RequestItems={
            one.name: [
                {"PutRequest": {"Item": {**key("a"), "x": {"N": "1.0"}}}},
                {"DeleteRequest": {"Key": key("old")}},
            ],
            two.name: [{"PutRequest": {"Item": key("b")}}],
        },
        ReturnConsumedCapacity="TOTAL",
    )
    assert answer["UnprocessedItems"] == {}
    units = {each["TableName"]: each["CapacityUnits"] for each in answer["ConsumedCapacity"]}
    assert units == {one.name: 2.0, two.name: 1.0}
    found = client.batch_get_item(
        RequestItems={
            one.name: {"Keys": [key("a"), key("old")], "ProjectionExpression": "x"},
            two.name: {"Keys": [key("b")], "ConsistentRead": True},
        }
    )
    assert found["Responses"] == {one.name: [{"x": {"N": "1"}}], two.name: [key("b")]}
    assert found["UnprocessedKeys"] == {}


def test_a_batch_answers_at_most_16_mb(client: Any, simple: Any) -> None:
    for number in range(45):
        simple.put_item(Item={"id": str(number), "x": "x" * 400_000})
    keys = [key(str(number)) for number in range(45)]
    answer = client.batch_get_item(RequestItems={simple.name: {"Keys": keys}})
    rest = answer["UnprocessedKeys"][simple.name]["Keys"]
    assert len(answer["Responses"][simple.name]) == 42
    assert len(rest) == 3


@pytest.mark.parametrize(
    ("requests", "message"),
    [
        ([{"PutRequest": {"Item": key("a")}}] * 2, "item keys contains duplicates"),
        ([{}], "exactly one of PutRequest and DeleteRequest"),
        ([{"PutRequest": {"Item": {"x": {"S": "a"}}}}], "Missing the key id in the item"),
        ([{"DeleteRequest": {"Key": {"x": {"S": "a"}}}}], "does not match the schema"),
    ],
)
def test_batches_that_are_refused(
    client: Any, simple: Any, requests: list[Any], message: str
) -> None:
    with refused("ValidationException", message):
        client.batch_write_item(RequestItems={simple.name: requests})


def test_a_batch_writes_25_items_and_reads_100(client: Any, make_table: Make) -> None:
    one, two = make_table("id:S"), make_table("id:S")
    puts = [{"PutRequest": {"Item": key(str(number))}} for number in range(13)]
    with refused("ValidationException", "Too many items requested for the BatchWriteItem call"):
        client.batch_write_item(RequestItems={one.name: puts, two.name: puts})
    keys = [key(str(number)) for number in range(51)]
    with refused("ValidationException", "Too many items requested for the BatchGetItem call"):
        client.batch_get_item(RequestItems={one.name: {"Keys": keys}, two.name: {"Keys": keys}})
    with refused("ValidationException", "item keys contains duplicates"):
        client.batch_get_item(RequestItems={one.name: {"Keys": [key("a"), key("a")]}})
    with refused("ResourceNotFoundException", "Requested resource not found"):
        client.batch_get_item(RequestItems={"none": {"Keys": [key("a")]}})


def test_a_transaction_writes_all_or_nothing(client: Any, simple: Any) -> None:
    simple.put_item(Item={"id": "from", "n": 10})
    simple.put_item(Item={"id": "to", "n": 0})
    simple.put_item(Item={"id": "gone"})

    def move(amount: int) -> Any:
        value = {":n": {"N": str(amount)}}
        take = {
            "TableName": simple.name,
            "Key": key("from"),
            "UpdateExpression": "SET n = n - :n",
            "ConditionExpression": "n >= :n",
            "ExpressionAttributeValues": value,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        give = {
            "TableName": simple.name,
            "Key": key("to"),
            "UpdateExpression": "ADD n :n",
            "ExpressionAttributeValues": value,
        }
        check = {
            "TableName": simple.name,
            "Key": key("gone"),
            "ConditionExpression": "attribute_exists(id)",
        }
        return write(client, {"Update": take}, {"Update": give}, {"ConditionCheck": check})

    move(7)
    with refused("TransactionCanceledException", "[ConditionalCheckFailed, None, None]") as failed:
        move(7)
    reason = failed.value.response["CancellationReasons"][0]
    assert reason["Code"] == "ConditionalCheckFailed"
    assert reason["Message"] == "The conditional request failed"
    assert reason["Item"] == {**key("from"), "n": {"N": "3"}}
    write(client, {"Delete": {"TableName": simple.name, "Key": key("gone")}}, put(simple, "new"))
    items = {item["id"]: item.get("n") for item in simple.scan()["Items"]}
    assert items == {"from": 3, "to": 7, "new": None}


def test_transactions_at_the_same_time_lose_and_invent_nothing(client: Any, simple: Any) -> None:
    for number in range(4):
        simple.put_item(Item={"id": str(number), "n": 10})

    def move(seed: int) -> None:
        for step in range(12):
            source, target = (seed + step) % 4, (seed + 2 * step + 1) % 4
            if source == target:
                continue
            take, give = (
                {
                    "TableName": simple.name,
                    "Key": key(str(number)),
                    "UpdateExpression": f"SET n = n {sign} :n",
                    "ExpressionAttributeValues": {":n": {"N": "3"}},
                }
                for number, sign in ((source, "-"), (target, "+"))
            )
            take["ConditionExpression"] = "n >= :n"
            with suppress(client.exceptions.TransactionCanceledException):
                write(client, {"Update": take}, {"Update": give})

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(move, range(6)))
    amounts = [int(item["n"]) for item in simple.scan()["Items"]]
    assert sum(amounts) == 40
    assert min(amounts) >= 0


def test_a_transaction_tells_what_is_wrong_with_each_item(client: Any, simple: Any) -> None:
    simple.put_item(Item={"id": "text", "n": "no number"})
    update = {
        "TableName": simple.name,
        "Key": key("text"),
        "UpdateExpression": "ADD n :n",
        "ExpressionAttributeValues": {":n": {"N": "1"}},
    }
    bad_key = {"TableName": simple.name, "Key": {"id": {"N": "1"}}}
    with refused("TransactionCanceledException", "[None, ValidationError, ValidationError]") as e:
        write(client, put(simple, "a"), {"Update": update}, {"Delete": bad_key})
    messages = [reason.get("Message") for reason in e.value.response["CancellationReasons"]]
    assert messages == [
        None,
        "An operand in the update expression has an incorrect data type",
        "The provided key element does not match the schema",
    ]
    assert simple.scan()["Count"] == 1


def test_transactions_that_are_refused_as_a_whole(client: Any, simple: Any) -> None:
    with refused("ValidationException", "cannot include multiple operations on one item"):
        write(client, put(simple, "a"), put(simple, "a"))
    with refused("ValidationException", "Invalid ConditionExpression: Syntax error"):
        write(client, put(simple, "a", ConditionExpression="a ="))
    with refused("ValidationException", "can only contain one of"):
        write(client, {})
    with refused("ResourceNotFoundException"):
        write(client, {"Put": {"TableName": "none", "Item": key("a")}})


def test_a_client_token_makes_a_transaction_happen_once(new_node: Any) -> None:
    """Idempotency: ten minutes long; a token with another request is refused."""
    clock = ManualClock()
    node = new_node(clock=clock, auth="open")
    client = node.new_account().client("dynamodb")
    client.create_table(
        TableName="table",
        KeySchema=key_schema("id"),
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    until(lambda: is_active(client, "table"))

    def add(amount: str, token: str) -> Any:
        update = {
            "TableName": "table",
            "Key": key("a"),
            "UpdateExpression": "ADD n :n",
            "ExpressionAttributeValues": {":n": {"N": amount}},
        }
        return write(
            client, {"Update": update}, ClientRequestToken=token, ReturnConsumedCapacity="TOTAL"
        )["ConsumedCapacity"][0]

    assert add("1.0", "token")["WriteCapacityUnits"] == 2.0
    assert add("1.0", "token")["ReadCapacityUnits"] == 2.0
    with refused("IdempotentParameterMismatchException"):
        add("2", "token")
    add("1", "another")
    node.advance(601)
    add("2", "token")
    found = client.get_item(TableName="table", Key=key("a"))["Item"]
    assert found["n"] == {"N": "4"}


def test_a_transaction_reads_one_moment(client: Any, simple: Any) -> None:
    simple.put_item(Item={"id": "a", "x": 1, "y": 2})

    def get(name: str, **options: Any) -> dict[str, Any]:
        return {"Get": {"TableName": simple.name, "Key": key(name), **options}}

    answer = client.transact_get_items(
        TransactItems=[get("a", ProjectionExpression="x"), get("none")],
        ReturnConsumedCapacity="TOTAL",
    )
    assert answer["Responses"] == [{"Item": {"x": {"N": "1"}}}, {}]
    assert answer["ConsumedCapacity"][0]["CapacityUnits"] == 4.0
    bad = {"Get": {"TableName": simple.name, "Key": {"id": {"N": "1"}}}}
    with refused("TransactionCanceledException", "[None, ValidationError]"):
        client.transact_get_items(TransactItems=[get("a"), bad])
