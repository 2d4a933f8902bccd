"""Time to live ("How it works: TTL")."""

from __future__ import annotations

from typing import Any

import pytest

from freehold.kernel.clock import ManualClock

from .conftest import index, is_active, key_schema, until
from .refusals import refused


class World:
    """A node whose clock is turned by hand, and a table on it."""

    def __init__(self, node: Any) -> None:
        self.node = node
        self.client = node.new_account().client("dynamodb")
        self.client.create_table(
            TableName="table",
            KeySchema=key_schema("id"),
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"} for name in ("id", "g")
            ],
            BillingMode="PAY_PER_REQUEST",
            GlobalSecondaryIndexes=[index("by-g", "g")],
        )
        until(lambda: is_active(self.client, "table"))

    @property
    def now(self) -> int:
        return int(self.node.clock.now())

    def put(self, name: str, **attributes: Any) -> None:
        item = {"id": {"S": name}, "g": {"S": "g"}, **attributes}
        self.client.put_item(TableName="table", Item=item)

    def names(self, **options: Any) -> list[str]:
        items = self.client.scan(TableName="table", **options)["Items"]
        return sorted(item["id"]["S"] for item in items)

    def set_ttl(self, *, enabled: bool, attribute: str = "expires") -> Any:
        specification = {"Enabled": enabled, "AttributeName": attribute}
        return self.client.update_time_to_live(
            TableName="table", TimeToLiveSpecification=specification
        )


@pytest.fixture
def world(new_node: Any) -> World:
    return World(new_node(clock=ManualClock(), auth="open"))


def seconds(number: int) -> dict[str, str]:
    return {"N": str(number)}


def test_items_are_deleted_after_they_expire(world: World) -> None:
    """Items from before TTL was enabled count too; what is no time, or long past, stays."""
    world.put("before", expires=seconds(world.now + 100))
    world.set_ttl(enabled=True)
    world.put("soon", expires=seconds(world.now + 100))
    world.put("later", expires=seconds(world.now + 100_000))
    world.put("never")
    world.put("text", expires={"S": str(world.now)})
    world.put("ancient", expires=seconds(world.now - 6 * 365 * 86400))
    world.put("moved", expires=seconds(world.now + 100))
    world.put("moved", expires=seconds(world.now + 100_000))
    stays = ["ancient", "later", "moved", "never", "text"]
    world.node.advance(60)
    assert len(world.names()) == 7
    for _ in range(3):
        world.node.advance(60)
        world.names()
    until(lambda: world.names() == stays)
    assert world.names(IndexName="by-g") == stays


def test_ttl_is_described_and_changes_once_an_hour(world: World) -> None:
    assert _status(world) == {"TimeToLiveStatus": "DISABLED"}
    assert world.set_ttl(enabled=True)["TimeToLiveSpecification"]["Enabled"] is True
    assert _status(world) == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}
    with refused("ValidationException", "TimeToLive is already enabled"):
        world.set_ttl(enabled=True)
    with refused("ValidationException", "active on a different AttributeName"):
        world.set_ttl(enabled=True, attribute="other")
    with refused("ValidationException", "modified multiple times within a fixed interval"):
        world.set_ttl(enabled=False)
    world.node.advance(3601)
    world.set_ttl(enabled=False)
    assert _status(world) == {"TimeToLiveStatus": "DISABLED"}


def test_items_are_counted_every_six_hours(world: World) -> None:
    world.put("a")
    world.put("b")
    world.node.advance(6 * 3600 + 1)

    def counted() -> bool:
        table = world.client.describe_table(TableName="table")["Table"]
        sizes = table["TableSizeBytes"], table["GlobalSecondaryIndexes"][0]["ItemCount"]
        return table["ItemCount"] == 2 and sizes == (10, 2)

    until(counted)


def _status(world: World) -> Any:
    return world.client.describe_time_to_live(TableName="table")["TimeToLiveDescription"]
