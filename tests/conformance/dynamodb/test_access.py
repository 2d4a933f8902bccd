"""What IAM allows: actions on tables and indexes (Service Authorization Reference, DynamoDB)."""

from __future__ import annotations

from typing import Any

from tests.conftest import Aws

from .conftest import Make, index
from .refusals import refused


def allowing(home: Aws, name: str, *statements: tuple[str, str]) -> Any:
    documents = [
        {"Effect": "Allow", "Action": action, "Resource": resource}
        for action, resource in statements
    ]
    return home.as_user(name, *documents).client("dynamodb")


def test_access_is_by_action_and_table(home: Aws, make_table: Make) -> None:
    one, two = make_table("id:S"), make_table("id:S")
    reader = allowing(home, "reader", ("dynamodb:GetItem", one.table_arn))
    reader.get_item(TableName=one.name, Key={"id": {"S": "a"}})
    with refused("AccessDeniedException", "is not authorized to perform: dynamodb:GetItem"):
        reader.get_item(TableName=two.name, Key={"id": {"S": "a"}})
    with refused("AccessDeniedException", "dynamodb:PutItem"):
        reader.put_item(TableName=one.name, Item={"id": {"S": "a"}})


def test_an_index_is_a_resource_of_its_own(home: Aws, make_table: Make) -> None:
    table = make_table("id:S", GlobalSecondaryIndexes=[index("idx", "id")])
    scanner = allowing(home, "scanner", ("dynamodb:Scan", f"{table.table_arn}/index/*"))
    scanner.scan(TableName=table.name, IndexName="idx")
    with refused("AccessDeniedException"):
        scanner.scan(TableName=table.name)


def test_a_batch_needs_access_to_every_table(home: Aws, make_table: Make) -> None:
    one, two = make_table("id:S"), make_table("id:S")
    user = allowing(home, "batcher", ("dynamodb:BatchGetItem", one.table_arn))
    keys = {"Keys": [{"id": {"S": "a"}}]}
    user.batch_get_item(RequestItems={one.name: keys})
    with refused("AccessDeniedException"):
        user.batch_get_item(RequestItems={one.name: keys, two.name: keys})


def test_a_transaction_needs_the_actions_of_its_items(home: Aws, make_table: Make) -> None:
    table = make_table("id:S")
    user = allowing(
        home,
        "mover",
        ("dynamodb:PutItem", table.table_arn),
        ("dynamodb:ConditionCheckItem", table.table_arn),
    )
    put = {"Put": {"TableName": table.name, "Item": {"id": {"S": "a"}}}}
    key = {"TableName": table.name, "Key": {"id": {"S": "b"}}}
    check = {"ConditionCheck": {**key, "ConditionExpression": "attribute_not_exists(id)"}}
    user.transact_write_items(TransactItems=[put, check])
    with refused("AccessDeniedException", "dynamodb:DeleteItem"):
        user.transact_write_items(TransactItems=[put, {"Delete": key}])
    with refused("AccessDeniedException", "dynamodb:GetItem"):
        user.transact_get_items(TransactItems=[{"Get": key}])


def test_another_accounts_table_is_out_of_reach(home: Aws, simple: Any) -> None:
    stranger = home.node.new_account().client("dynamodb")
    with refused("AccessDeniedException"):
        stranger.get_item(TableName=simple.table_arn, Key={"id": {"S": "a"}})
