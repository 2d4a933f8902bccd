"""Single-item writes in three steps, which transactions take apart: plan, decide, carry out.

A plan is the request, checked and bound; deciding holds it against the item as it is; carrying out
writes.
"""

from __future__ import annotations

from typing import Any

import msgspec

from freehold.kernel.call import Call
from freehold.kernel.service import Params
from freehold.kv import Transaction
from freehold.kv.keys import Scope
from freehold.services.dynamodb import errors, keys, store, values, writing
from freehold.services.dynamodb.addressing import item_table
from freehold.services.dynamodb.capacity import Consumed
from freehold.services.dynamodb.expressions import conditions, legacy, updates
from freehold.services.dynamodb.expressions.conditions import Test
from freehold.services.dynamodb.expressions.placeholders import Placeholders
from freehold.services.dynamodb.expressions.updates import Bound
from freehold.services.dynamodb.records import Table
from freehold.services.dynamodb.values import Item

_BARE = 2  # TableName and the item or key: nothing else to look at.


class Plan(msgspec.Struct):
    """`item` is what a put stores, `update` what an update does; `checks` only looks."""

    scope: Scope
    table: Table
    key: Item
    row_key: bytes
    test: Test | None = None
    item: Item | None = None
    item_size: int = 0
    update: Bound | None = None
    checks: bool = False
    shows_failed: bool = False


class Outcome(msgspec.Struct):
    """The row and item before (None: there was none), the item after, and its size."""

    row: bytes | None
    before: Item | None
    after: Item | None
    size: int = 0


def plan_put(call: Call, params: Params) -> Plan:
    item = params["Item"]
    size = values.checked_item(item)
    test = None if len(params) == _BARE else _test_alone(params)
    scope, table = item_table(call, params["TableName"])
    keys.check_item_key(table.key, item)
    if table.indexes:
        keys.check_index_keys(table, item)
    if size > values.ITEM_BYTES_MAX:
        raise errors.item_size()
    row_key = store.item_key(scope, table, item)
    plan = Plan(scope, table, item, row_key, test, item, size)
    plan.shows_failed = params.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
    return plan


def plan_delete(call: Call, params: Params) -> Plan:
    test = None if len(params) == _BARE else _test_alone(params)
    scope, table = item_table(call, params["TableName"])
    return _plan_on_key(scope, table, params, test)


def plan_check(call: Call, params: Params) -> Plan:
    plan = plan_delete(call, params)
    plan.checks = True
    return plan


def plan_update(call: Call, params: Params) -> Plan:
    legacy.check_not_mixed(params)
    placeholders = Placeholders(params, "UpdateExpression", "ConditionExpression")
    scope, table = item_table(call, params["TableName"])
    update = _update_of(params, placeholders, table)
    test = _test_of(params, placeholders)
    placeholders.finish()
    plan = _plan_on_key(scope, table, params, test)
    plan.update = update
    return plan


def decide(tx: Transaction, plan: Plan, *, reads: bool) -> Outcome:
    """What the plan comes to. Unless it `reads`, a put or delete that need not know the item does
    not.
    """
    row = before = None
    if reads or plan.test is not None or plan.update is not None:
        row = store.load_row(tx, plan.row_key)
        if row is not None and (plan.test is not None or plan.update is not None):
            before = store.item_of(row)
    if plan.test is not None and not plan.test(before or {}):
        raise errors.condition_failed(before if plan.shows_failed else None)
    if plan.update is not None:
        return _updated(plan, plan.update, row, before)
    return Outcome(row, before, plan.item, plan.item_size)


def carry_out(tx: Transaction, plan: Plan, outcome: Outcome, consumed: Consumed | None) -> None:
    row, after = outcome.row, outcome.after
    writing.write(tx, plan.scope, plan.table, plan.row_key, row, after, outcome.size, consumed)


def collection_metrics(tx: Transaction, plan: Plan, params: Params) -> dict[str, Any] | None:
    """The ItemCollectionMetrics member: only for tables with local indexes, and when asked for."""
    if params.get("ReturnItemCollectionMetrics") != "SIZE" or not plan.table.local_indexes:
        return None
    name = plan.table.key.hash.name
    size = store.load_collection(tx, plan.scope, plan.table, plan.key[name])
    low = float(size // 1024**3)
    return {"ItemCollectionKey": {name: plan.key[name]}, "SizeEstimateRangeGB": [low, low + 1.0]}


def _plan_on_key(scope: Scope, table: Table, params: Params, test: Test | None) -> Plan:
    key = keys.checked_key(table.key, params["Key"])
    plan = Plan(scope, table, key, store.item_key(scope, table, key), test)
    plan.shows_failed = params.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
    return plan


def _test_alone(params: Params) -> Test | None:
    legacy.check_not_mixed(params)
    placeholders = Placeholders(params, "ConditionExpression")
    test = _test_of(params, placeholders)
    placeholders.finish()
    return test


def _test_of(params: Params, placeholders: Placeholders) -> Test | None:
    text = params.get("ConditionExpression")
    if text is not None:
        return conditions.bind("ConditionExpression", text, placeholders)
    return legacy.expected(params)


def _update_of(params: Params, placeholders: Placeholders, table: Table) -> Bound:
    text = params.get("UpdateExpression")
    if text is not None:
        return updates.bind(text, placeholders, table.key.names)
    return legacy.attribute_updates(params.get("AttributeUpdates") or {}, table.key.names)


def _updated(plan: Plan, update: Bound, row: bytes | None, before: Item | None) -> Outcome:
    if before is None and not update.creates:
        return Outcome(None, None, None)
    after = updates.apply(update, before or {})
    after.update(plan.key)
    if row is None or before is None:
        size = values.checked_item(after)
    else:
        size = store.size_of(row) + _grown(update, before, after)
    if size > values.ITEM_BYTES_MAX:
        raise errors.updated_item_size()
    if plan.table.indexes:
        keys.check_index_keys(plan.table, after)
    return Outcome(row, before, after, size)


def _grown(update: Bound, before: Item, after: Item) -> int:
    """How much larger the item is: only what the update names is checked and measured again."""
    grown = 0
    for step in update.tree:
        name = str(step)
        old, new = before.get(name), after.get(name)
        if old is not None:
            grown -= values.text_bytes(name) + values.value_size(old)
        if new is not None:
            grown += values.text_bytes(name) + values.checked(new)
    return grown
