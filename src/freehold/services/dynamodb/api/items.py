"""GetItem, PutItem, UpdateItem, DeleteItem."""

from __future__ import annotations

from typing import Any

import orjson

from freehold.kernel.call import Call
from freehold.kernel.service import Params
from freehold.services.dynamodb import capacity, errors, keys, mutations, store, writing
from freehold.services.dynamodb.addressing import item_table, table_access
from freehold.services.dynamodb.capacity import Consumed
from freehold.services.dynamodb.expressions import legacy, projections
from freehold.services.dynamodb.expressions.paths import Tree
from freehold.services.dynamodb.expressions.placeholders import Placeholders
from freehold.services.dynamodb.mutations import Outcome, Plan
from freehold.services.dynamodb.service import service

_BARE = 2


@service.operation("GetItem", reads=True, access=table_access("GetItem"))
def get_item(call: Call, params: Params) -> dict[str, Any]:
    wanted = None if len(params) == _BARE else projection_of(params)
    scope, table = item_table(call, params["TableName"])
    key = keys.checked_key(table.key, params["Key"])
    row = store.load_row(call.tx, store.item_key(scope, table, key))
    answer: dict[str, Any] = {}
    if row is not None:
        if wanted is None:
            answer["Item"] = orjson.Fragment(row[4:])
        else:
            answer["Item"] = projections.project(store.item_of(row), wanted)
    if "ReturnConsumedCapacity" in params:
        consumed = Consumed(table.name)
        consistent = params.get("ConsistentRead", False)
        consumed.table = capacity.read_units(
            0 if row is None else store.size_of(row), consistent=consistent
        )
        answer["ConsumedCapacity"] = consumed.answer(params["ReturnConsumedCapacity"])
    return answer


@service.operation("PutItem", access=table_access("PutItem"))
def put_item(call: Call, params: Params) -> dict[str, Any]:
    plan = mutations.plan_put(call, params)
    if len(params) == _BARE and not writing.has_followers(plan.table):
        outcome = mutations.decide(call.tx, plan, reads=False)
        mutations.carry_out(call.tx, plan, outcome, None)
        return {}
    _check_return_values(params)
    return _write(call, params, plan)


@service.operation("DeleteItem", access=table_access("DeleteItem"))
def delete_item(call: Call, params: Params) -> dict[str, Any]:
    _check_return_values(params)
    plan = mutations.plan_delete(call, params)
    return _write(call, params, plan)


@service.operation("UpdateItem", access=table_access("UpdateItem"))
def update_item(call: Call, params: Params) -> dict[str, Any]:
    plan = mutations.plan_update(call, params)
    return _write(call, params, plan)


def projection_of(params: Params) -> Tree | None:
    """What of an item a read wants: all, or the paths of an expression or AttributesToGet."""
    legacy.check_not_mixed(params)
    placeholders = Placeholders(params, "ProjectionExpression")
    text = params.get("ProjectionExpression")
    if text is not None:
        tree = projections.bind(text, placeholders)
        placeholders.finish()
        return tree
    names = params.get("AttributesToGet")
    return None if names is None else attributes_to_get(names)


def attributes_to_get(names: list[str]) -> Tree:
    if len(set(names)) != len(names):
        repeated = next(name for name in names if names.count(name) > 1)
        raise errors.invalid_values(f"Duplicate value in attribute name: {repeated}")
    return projections.attributes(names)


def _check_return_values(params: Params) -> None:
    if params.get("ReturnValues", "NONE") not in ("NONE", "ALL_OLD"):
        raise errors.invalid("ReturnValues can only be ALL_OLD or NONE")


def _write(call: Call, params: Params, plan: Plan) -> dict[str, Any]:
    mode = params.get("ReturnConsumedCapacity", "NONE")
    consumed = None if mode == "NONE" else Consumed(plan.table.name)
    outcome = mutations.decide(call.tx, plan, reads=True)
    mutations.carry_out(call.tx, plan, outcome, consumed)
    answer: dict[str, Any] = {}
    returned = _returned(params.get("ReturnValues", "NONE"), plan, outcome)
    if returned:
        answer["Attributes"] = returned
    if consumed is not None:
        answer["ConsumedCapacity"] = consumed.answer(mode)
    metrics = mutations.collection_metrics(call.tx, plan, params)
    if metrics is not None:
        answer["ItemCollectionMetrics"] = metrics
    return answer


def _returned(what: str, plan: Plan, outcome: Outcome) -> Any:
    match what:
        case "ALL_OLD":
            return None if outcome.row is None else orjson.Fragment(outcome.row[4:])
        case "ALL_NEW":
            return outcome.after
        case "UPDATED_OLD" if plan.update is not None and outcome.before is not None:
            return projections.project(outcome.before, plan.update.tree)
        case "UPDATED_NEW" if plan.update is not None and outcome.after is not None:
            return projections.project(outcome.after, plan.update.tree)
    return None
