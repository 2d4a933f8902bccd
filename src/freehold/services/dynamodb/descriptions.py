"""Tables as answers show them."""

from __future__ import annotations

from typing import Any

from freehold.kv.keys import Scope
from freehold.services.dynamodb.addressing import table_arn
from freehold.services.dynamodb.records import Index, Key, Statistics, Table, Throughput


def table(scope: Scope, of: Table, statistics: Statistics) -> dict[str, Any]:
    arn = table_arn(scope, of.name)
    local = [_index(arn, index, statistics) for index in of.local_indexes]
    others = [_global_index(arn, of, index, statistics) for index in of.global_indexes]
    return {
        "TableName": of.name,
        "TableArn": arn,
        "TableId": of.id,
        "TableStatus": of.status,
        "CreationDateTime": of.created_at,
        "AttributeDefinitions": [
            {"AttributeName": each.name, "AttributeType": each.type} for each in of.definitions
        ],
        "KeySchema": _key_schema(of.key),
        "ProvisionedThroughput": _throughput(of.throughput),
        "BillingModeSummary": _billing(of),
        "ItemCount": statistics.items,
        "TableSizeBytes": statistics.bytes,
        "LocalSecondaryIndexes": local or None,
        "GlobalSecondaryIndexes": others or None,
        "DeletionProtectionEnabled": of.deletion_protected,
        "TableClassSummary": {"TableClass": of.table_class} if of.table_class else None,
    }


def index_arn(arn: str, index: Index) -> str:
    return f"{arn}/index/{index.name}"


def _billing(of: Table) -> dict[str, Any] | None:
    """Only a table that is, or once was, on demand has a summary."""
    if of.on_demand_since is None:
        return None
    return {
        "BillingMode": "PAY_PER_REQUEST" if of.on_demand else "PROVISIONED",
        "LastUpdateToPayPerRequestDateTime": of.on_demand_since,
    }


def _global_index(arn: str, of: Table, index: Index, statistics: Statistics) -> dict[str, Any]:
    return {
        **_index(arn, index, statistics),
        "IndexStatus": "CREATING" if of.status == "CREATING" else index.status,
        "Backfilling": True if index.status == "CREATING" else None,
        "ProvisionedThroughput": _throughput(index.throughput),
    }


def _index(arn: str, index: Index, statistics: Statistics) -> dict[str, Any]:
    projection: dict[str, Any] = {"ProjectionType": index.projection}
    if index.attributes:
        projection["NonKeyAttributes"] = list(index.attributes)
    return {
        "IndexName": index.name,
        "IndexArn": index_arn(arn, index),
        "KeySchema": _key_schema(index.key),
        "Projection": projection,
        "ItemCount": statistics.index_items.get(index.number, 0),
        "IndexSizeBytes": statistics.index_bytes.get(index.number, 0),
    }


def _key_schema(key: Key) -> list[dict[str, str]]:
    schema = [{"AttributeName": key.hash.name, "KeyType": "HASH"}]
    if key.range is not None:
        schema.append({"AttributeName": key.range.name, "KeyType": "RANGE"})
    return schema


def _throughput(throughput: Throughput) -> dict[str, Any]:
    return {
        "ReadCapacityUnits": throughput.read_units,
        "WriteCapacityUnits": throughput.write_units,
        "NumberOfDecreasesToday": 0,
        "LastIncreaseDateTime": throughput.increased_at,
        "LastDecreaseDateTime": throughput.decreased_at,
    }
