"""Tables: made, described, changed, listed, deleted."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Aws

from .conftest import Make, index, is_active, is_gone, key_schema, new_name, until
from .refusals import refused

STRING_ID = [{"AttributeName": "id", "AttributeType": "S"}]


def create(client: Any, **changes: Any) -> Any:
    params = {
        "TableName": new_name(),
        "KeySchema": key_schema("id"),
        "AttributeDefinitions": STRING_ID,
        "BillingMode": "PAY_PER_REQUEST",
        **changes,
    }
    params = {name: value for name, value in params.items() if value is not None}
    return client.create_table(**params)["TableDescription"]


def test_a_new_table_is_being_created_and_then_active(client: Any, home: Aws) -> None:
    made = create(client)
    name = made["TableName"]
    assert made["TableStatus"] == "CREATING"
    assert made["TableArn"] == f"arn:aws:dynamodb:us-east-1:{home.account}:table/{name}"
    until(lambda: is_active(client, name))
    table = client.describe_table(TableName=made["TableArn"])["Table"]
    assert table["TableId"] == made["TableId"]
    assert table["KeySchema"] == key_schema("id")
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["ItemCount"] == 0


def test_provisioned_throughput_is_recorded(client: Any) -> None:
    units = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 7}
    made = create(client, BillingMode=None, ProvisionedThroughput=units)
    assert {**made["ProvisionedThroughput"], **units} == made["ProvisionedThroughput"]
    assert "BillingModeSummary" not in made
    name = made["TableName"]
    until(lambda: is_active(client, name))
    more = {"ReadCapacityUnits": 10, "WriteCapacityUnits": 7}
    client.update_table(TableName=name, ProvisionedThroughput=more)
    until(lambda: is_active(client, name))
    throughput = client.describe_table(TableName=name)["Table"]["ProvisionedThroughput"]
    assert throughput["ReadCapacityUnits"] == 10
    with refused("ValidationException", "will not change"):
        client.update_table(TableName=name, ProvisionedThroughput=more)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"TableName": "ab"}, "at least 3 characters"),
        ({"TableName": "a!b"}, "[a-zA-Z0-9_.-]+"),
        ({"BillingMode": None}, "must both be specified when BillingMode is PROVISIONED"),
        (
            {"ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}},
            "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified",
        ),
        ({"KeySchema": key_schema("other")}, "not defined in AttributeDefinitions"),
        ({"KeySchema": key_schema("id", "id")}, "have the same name"),
        (
            {"KeySchema": [{"AttributeName": "id", "KeyType": "RANGE"}]},
            "The first KeySchemaElement is not a HASH key type",
        ),
        (
            {"AttributeDefinitions": [*STRING_ID, {"AttributeName": "x", "AttributeType": "S"}]},
            "Number of attributes in KeySchema does not exactly match",
        ),
        ({"LocalSecondaryIndexes": [index("one", "id")]}, "does not have a range key"),
        ({"GlobalSecondaryIndexes": [index("one", "x")]}, "not defined in AttributeDefinitions"),
        (
            {"GlobalSecondaryIndexes": [index("one", "id"), index("one", "id")]},
            "Duplicate index name: one",
        ),
        (
            {"GlobalSecondaryIndexes": [index("one", "id", projection="INCLUDE")]},
            "NonKeyAttributes is not specified",
        ),
        (
            {"GlobalSecondaryIndexes": [index("one", "id", include=("x",))]},
            "ProjectionType is ALL, but NonKeyAttributes is specified",
        ),
        (
            {"Tags": [{"Key": "aws:x", "Value": "1"}]},
            "reserved for system tags",
        ),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(
    client: Any, changes: dict[str, Any], message: str
) -> None:
    with refused("ValidationException", message):
        create(client, **changes)


def test_what_is_not_there_yet_is_refused_by_name(client: Any) -> None:
    with refused("NotImplemented", "StreamSpecification"):
        create(
            client,
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        )
    with refused("NotImplemented", "SSESpecification"):
        create(client, SSESpecification={"Enabled": True})
    with refused("NotImplemented", "OnDemandThroughput"):
        create(client, OnDemandThroughput={"MaxReadRequestUnits": 1})


def test_a_name_is_taken_once(client: Any, simple: Any) -> None:
    with refused("ResourceInUseException", f"Table already exists: {simple.name}"):
        create(client, TableName=simple.name)


def test_a_deleted_table_is_gone_with_its_items(client: Any, make_table: Make) -> None:
    name = new_name()
    table = make_table("id:S", name=name)
    for number in range(30):
        table.put_item(Item={"id": str(number)})
    answer = client.delete_table(TableName=name)
    assert answer["TableDescription"]["TableStatus"] == "DELETING"
    until(lambda: is_gone(client, name))
    with refused("ResourceNotFoundException", f"Requested resource not found: Table: {name}"):
        client.describe_table(TableName=name)
    with refused("ResourceNotFoundException", "Requested resource not found"):
        table.get_item(Key={"id": "1"})
    assert make_table("id:S", name=name).scan()["Items"] == []


def test_a_protected_table_is_not_deleted(client: Any, make_table: Make) -> None:
    table = make_table("id:S", DeletionProtectionEnabled=True)
    with refused("ValidationException", "protected against deletion"):
        table.delete()
    client.update_table(TableName=table.name, DeletionProtectionEnabled=False)
    until(lambda: is_active(client, table.name))
    table.delete()


def test_tables_are_listed_by_name_in_pages(aws: Aws) -> None:
    client = aws.client("dynamodb")
    for name in ("beta", "alpha", "gamma"):
        create(client, TableName=name)
    first = client.list_tables(Limit=2)
    assert first["TableNames"] == ["alpha", "beta"]
    rest = client.list_tables(ExclusiveStartTableName=first["LastEvaluatedTableName"])
    assert rest["TableNames"] == ["gamma"]
    assert "LastEvaluatedTableName" not in rest


def test_accounts_and_regions_do_not_see_each_others_tables(
    aws: Aws, home: Aws, simple: Any
) -> None:
    assert home.in_region("eu-west-1").client("dynamodb").list_tables()["TableNames"] == []
    assert aws.client("dynamodb").list_tables()["TableNames"] == []


def test_an_index_that_comes_later_has_the_items_that_were_there(
    client: Any, make_table: Make
) -> None:
    table = make_table("id:S")
    with table.batch_writer() as batch:
        for number in range(1200):
            batch.put_item(Item={"id": str(number), "color": f"c{number % 3}"})
        batch.put_item(Item={"id": "without"})
        batch.put_item(Item={"id": "other type", "color": 7})
    client.update_table(
        TableName=table.name,
        AttributeDefinitions=[{"AttributeName": "color", "AttributeType": "S"}],
        GlobalSecondaryIndexUpdates=[{"Create": index("by-color", "color")}],
    )
    until(lambda: is_active(client, table.name))
    found = table.query(
        IndexName="by-color",
        KeyConditionExpression="color = :c",
        ExpressionAttributeValues={":c": "c1"},
    )
    assert found["Count"] == 400
    assert table.scan(IndexName="by-color", Select="COUNT")["Count"] == 1200


def test_an_index_can_be_removed_and_made_anew(client: Any, make_table: Make) -> None:
    table = make_table("id:S", defines=("g:S",), GlobalSecondaryIndexes=[index("late", "g")])
    table.put_item(Item={"id": "1", "g": "x"})
    client.update_table(
        TableName=table.name, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "late"}}]
    )
    until(lambda: is_active(client, table.name))
    with refused("ValidationException", "The table does not have the specified index: late"):
        table.scan(IndexName="late")
    described = client.describe_table(TableName=table.name)["Table"]
    assert described["AttributeDefinitions"] == STRING_ID
    table.delete_item(Key={"id": "1"})
    client.update_table(
        TableName=table.name,
        AttributeDefinitions=[{"AttributeName": "g", "AttributeType": "S"}],
        GlobalSecondaryIndexUpdates=[{"Create": index("late", "g")}],
    )
    until(lambda: is_active(client, table.name))
    assert table.scan(IndexName="late")["Items"] == []


def test_tags(client: Any, make_table: Make) -> None:
    table = make_table("id:S", Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    arn = table.table_arn
    client.tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "changed"}])
    client.untag_resource(ResourceArn=arn, TagKeys=["b"])
    assert client.list_tags_of_resource(ResourceArn=arn)["Tags"] == [
        {"Key": "a", "Value": "changed"}
    ]
    client.tag_resource(ResourceArn=arn, Tags=[{"Key": f"k{n:02}", "Value": ""} for n in range(15)])
    first = client.list_tags_of_resource(ResourceArn=arn)
    rest = client.list_tags_of_resource(ResourceArn=arn, NextToken=first["NextToken"])
    assert (len(first["Tags"]), len(rest["Tags"])) == (10, 6)
    with refused("ResourceNotFoundException"):
        client.list_tags_of_resource(ResourceArn=arn + "x")


def test_limits_endpoints_and_backups_are_described(client: Any, simple: Any, home: Aws) -> None:
    assert client.describe_limits()["TableMaxReadCapacityUnits"] == 40_000
    assert client.describe_endpoints()["Endpoints"][0]["Address"] in home.url
    backups = client.describe_continuous_backups(TableName=simple.name)
    recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert recovery["PointInTimeRecoveryStatus"] == "DISABLED"
    with refused("TableNotFoundException"):
        client.describe_continuous_backups(TableName="none")


def test_billing_can_change(client: Any, make_table: Make) -> None:
    units = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
    table = make_table("id:S", BillingMode="PROVISIONED", ProvisionedThroughput=units)
    client.update_table(TableName=table.name, BillingMode="PAY_PER_REQUEST")
    until(lambda: is_active(client, table.name))
    described = client.describe_table(TableName=table.name)["Table"]
    assert described["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert described["ProvisionedThroughput"]["ReadCapacityUnits"] == 0
    with refused("ValidationException", "ProvisionedThroughput must be specified"):
        client.update_table(TableName=table.name, BillingMode="PROVISIONED")
