"""BatchGetItem and BatchWriteItem: many operations in one request, none of them conditional."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from freehold.kernel.call import Call
from freehold.kernel.service import Access, Params
from freehold.kv.keys import Scope
from freehold.services.dynamodb import (
    addressing,
    capacity,
    errors,
    keys,
    mutations,
    store,
    writing,
)
from freehold.services.dynamodb.api.items import projection_of
from freehold.services.dynamodb.capacity import Consumed
from freehold.services.dynamodb.expressions import projections
from freehold.services.dynamodb.mutations import Plan
from freehold.services.dynamodb.records import Table
from freehold.services.dynamodb.service import service

GET_ITEMS_MAX = 100
WRITE_ITEMS_MAX = 25
ANSWER_BYTES_MAX = 16 * 1024 * 1024


def _access(action: str) -> Any:
    def rule(call: Call, params: Params) -> list[Access]:
        return [addressing.access(call, action, name) for name in params["RequestItems"]]

    return rule


@service.operation("BatchGetItem", reads=True, access=_access("BatchGetItem"))
def batch_get_item(call: Call, params: Params) -> dict[str, Any]:
    wanted = params["RequestItems"]
    if sum(len(each["Keys"]) for each in wanted.values()) > GET_ITEMS_MAX:
        raise errors.invalid("Too many items requested for the BatchGetItem call")
    mode = params.get("ReturnConsumedCapacity")
    room = ANSWER_BYTES_MAX
    responses, unprocessed, consumed = {}, {}, []
    for name, each in wanted.items():
        batch = _Batch(call, name, each)
        room = batch.read(room)
        responses[name] = batch.items
        if batch.rest:
            unprocessed[name] = {**each, "Keys": batch.rest}
        consumed.append(batch.consumed.answer(mode))
    answer: dict[str, Any] = {"Responses": responses, "UnprocessedKeys": unprocessed}
    if mode is not None and mode != "NONE":
        answer["ConsumedCapacity"] = consumed
    return answer


@service.operation("BatchWriteItem", access=_access("BatchWriteItem"))
def batch_write_item(call: Call, params: Params) -> dict[str, Any]:
    wanted = params["RequestItems"]
    if sum(map(len, wanted.values())) > WRITE_ITEMS_MAX:
        raise errors.invalid("Too many items requested for the BatchWriteItem call")
    mode = params.get("ReturnConsumedCapacity")
    metrics: dict[str, list[Any]] = {}
    consumed = []
    for name, plans in _plans(call, wanted):
        table_consumed = Consumed(plans[0].table.name)
        for plan in plans:
            reads = mode in ("TOTAL", "INDEXES") or writing.has_followers(plan.table)
            outcome = mutations.decide(call.tx, plan, reads=reads or plan.item is None)
            mutations.carry_out(call.tx, plan, outcome, table_consumed if reads else None)
            collection = mutations.collection_metrics(call.tx, plan, params)
            if collection is not None:
                metrics.setdefault(name, []).append(collection)
        consumed.append(table_consumed.answer(mode))
    answer: dict[str, Any] = {"UnprocessedItems": {}}
    if metrics:
        answer["ItemCollectionMetrics"] = metrics
    if mode is not None and mode != "NONE":
        answer["ConsumedCapacity"] = consumed
    return answer


class _Batch:
    """The keys of one table in a BatchGetItem."""

    def __init__(self, call: Call, name: str, params: Params) -> None:
        self.tx = call.tx
        self.projection = None if len(params) == 1 else projection_of(params)
        self.scope, self.table = addressing.item_table(call, name)
        self.keys = [keys.checked_key(self.table.key, key) for key in params["Keys"]]
        self.row_keys = _distinct_row_keys(self.scope, self.table, self.keys)
        self.consistent = params.get("ConsistentRead", False)
        self.consumed = Consumed(self.table.name)
        self.items: list[Any] = []
        self.rest: list[Any] = []

    def read(self, room: int) -> int:
        """Read while there is room for bytes in the answer; return the room that is left."""
        for number, row_key in enumerate(self.row_keys):
            if room <= 0:
                self.rest = self.keys[number:]
                break
            row = store.load_row(self.tx, row_key)
            size = 0 if row is None else store.size_of(row)
            room -= size
            self.consumed.table += capacity.read_units(size, consistent=self.consistent)
            if row is None:
                continue
            if self.projection is None:
                self.items.append(orjson.Fragment(row[4:]))
            else:
                self.items.append(projections.project(store.item_of(row), self.projection))
        return room


def _distinct_row_keys(scope: Scope, table: Table, wanted: list[Any]) -> list[bytes]:
    row_keys = [store.item_key(scope, table, key) for key in wanted]
    if len(set(row_keys)) != len(row_keys):
        raise errors.invalid("Provided list of item keys contains duplicates")
    return row_keys


def _plans(call: Call, wanted: Params) -> Iterator[tuple[str, list[Plan]]]:
    for name, requests in wanted.items():
        plans = [_plan(call, name, request) for request in requests]
        if len({plan.row_key for plan in plans}) != len(plans):
            raise errors.invalid("Provided list of item keys contains duplicates")
        yield name, plans


def _plan(call: Call, name: str, request: Params) -> Plan:
    if len(request) != 1:
        raise errors.invalid(
            "Supplied WriteRequest must contain exactly one of PutRequest and DeleteRequest"
        )
    put = request.get("PutRequest")
    if put is not None:
        return mutations.plan_put(call, {"TableName": name, "Item": put["Item"]})
    return mutations.plan_delete(call, {"TableName": name, "Key": request["DeleteRequest"]["Key"]})
