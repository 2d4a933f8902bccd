"""TransactWriteItems and TransactGetItems: all or nothing.

The store's transactions are serialisable, so that nothing is ever in conflict here: what others do
comes before or after. Every condition is evaluated before anything is written, so that all reasons
are told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from freehold.kernel.call import Call
from freehold.kernel.errors import AwsError
from freehold.kernel.service import Access, Params
from freehold.kv.keys import Scope
from freehold.services.dynamodb import addressing, capacity, errors, keys, mutations, store, values
from freehold.services.dynamodb.api.items import projection_of
from freehold.services.dynamodb.capacity import Consumed
from freehold.services.dynamodb.expressions import projections
from freehold.services.dynamodb.mutations import Outcome, Plan
from freehold.services.dynamodb.records import Done
from freehold.services.dynamodb.service import service

BYTES_MAX = 4 * 1024 * 1024
# "Idempotency: a client token is valid for 10 minutes."
TOKEN_S = 600.0
_PLANNERS: dict[str, tuple[str, Callable[[Call, Params], Plan]]] = {
    "Put": ("PutItem", mutations.plan_put),
    "Update": ("UpdateItem", mutations.plan_update),
    "Delete": ("DeleteItem", mutations.plan_delete),
    "ConditionCheck": ("ConditionCheckItem", mutations.plan_check),
}
_NO_REASON = {"Code": "None"}


def _write_access(call: Call, params: Params) -> Iterator[Access]:
    asked = set()
    for element in params["TransactItems"]:
        for kind, request in element.items():
            needed = (_PLANNERS[kind][0], request["TableName"])
            if needed not in asked:
                asked.add(needed)
                yield addressing.access(call, *needed)


def _get_access(call: Call, params: Params) -> Iterator[Access]:
    for name in {element["Get"]["TableName"]: None for element in params["TransactItems"]}:
        yield addressing.access(call, "GetItem", name)


@service.operation("TransactWriteItems", access=_write_access)
def transact_write_items(call: Call, params: Params) -> dict[str, Any]:
    scope = Scope(call.account, call.region)
    token = params.get("ClientRequestToken")
    mode = params.get("ReturnConsumedCapacity", "NONE")
    if token is None:
        return _carry_out(call, params, _decide_all(call, params))
    digest = _digest(params)
    done = store.load_done(call.tx, scope, token)
    if done is not None and done.expires_at > call.now:
        if done.digest != digest:
            raise errors.token_mismatch()
        return _repeated(mode, orjson.loads(done.answer))
    decided = _decide_all(call, params)
    answer = _carry_out(call, params, decided)
    record = Done(digest, orjson.dumps(_units_to_read(decided)), call.now + TOKEN_S)
    store.save_done(call.tx, scope, token, record)
    call.later("forget_token", {"token": token}, due=record.expires_at)
    return answer


@service.operation("TransactGetItems", reads=True, access=_get_access)
def transact_get_items(call: Call, params: Params) -> dict[str, Any]:
    responses: list[dict[str, Any]] = []
    reasons: list[dict[str, Any]] = []
    consumed: dict[str, Consumed] = {}
    total = 0
    for element in params["TransactItems"]:
        try:
            response, table_name, size = _get(call, element["Get"])
        except errors.ItemError as error:
            reasons.append({"Code": "ValidationError", "Message": error.message})
            continue
        reasons.append(_NO_REASON)
        responses.append(response)
        total += size
        units = consumed.setdefault(table_name, Consumed(table_name))
        units.table += 2 * capacity.read_units(size, consistent=True)
    _cancel_for(reasons)
    if total > BYTES_MAX:
        raise errors.invalid("Transaction cancelled: the aggregate size of the items exceeds 4 MB")
    mode = params.get("ReturnConsumedCapacity", "NONE")
    answer: dict[str, Any] = {"Responses": responses}
    if mode != "NONE":
        answer["ConsumedCapacity"] = [each.answer(mode, "Read") for each in consumed.values()]
    return answer


def _get(call: Call, request: Params) -> tuple[dict[str, Any], str, int]:
    wanted = projection_of(request)
    scope, table = addressing.item_table(call, request["TableName"])
    key = keys.checked_key(table.key, request["Key"])
    row = store.load_row(call.tx, store.item_key(scope, table, key))
    if row is None:
        return {}, table.name, 0
    size = store.size_of(row)
    if wanted is None:
        return {"Item": orjson.Fragment(row[4:])}, table.name, size
    return {"Item": projections.project(store.item_of(row), wanted)}, table.name, size


def _decide_all(call: Call, params: Params) -> list[tuple[Plan, Outcome]]:
    """Decide every element, or cancel with the reasons of each."""
    decided: list[tuple[Plan, Outcome]] = []
    reasons: list[dict[str, Any]] = []
    seen: set[bytes] = set()
    for element in params["TransactItems"]:
        plan, outcome, reason = _decide(call, element)
        reasons.append(reason)
        if plan is None:
            continue
        if plan.row_key in seen:
            raise errors.invalid(
                "Transaction request cannot include multiple operations on one item"
            )
        seen.add(plan.row_key)
        if outcome is not None:
            decided.append((plan, outcome))
    _cancel_for(reasons)
    if sum(outcome.size for _, outcome in decided) > BYTES_MAX:
        raise errors.invalid("Transaction cancelled: the aggregate size of the items exceeds 4 MB")
    return decided


def _decide(call: Call, element: Params) -> tuple[Plan | None, Outcome | None, dict[str, Any]]:
    if len(element) != 1:
        raise errors.invalid("TransactItems can only contain one of Check, Put, Update or Delete")
    ((kind, request),) = element.items()
    plan = None
    try:
        plan = _PLANNERS[kind][1](call, request)
        outcome = mutations.decide(call.tx, plan, reads=True)
    except errors.ItemError as error:
        return plan, None, {"Code": "ValidationError", "Message": error.message}
    except AwsError as error:
        if error.code != "ConditionalCheckFailedException":
            raise
        reason = {"Code": "ConditionalCheckFailed", "Message": error.message, **error.members}
        return plan, None, reason
    return plan, outcome, _NO_REASON


def _cancel_for(reasons: list[dict[str, Any]]) -> None:
    if any(reason is not _NO_REASON for reason in reasons):
        raise errors.transaction_canceled(reasons)


def _carry_out(call: Call, params: Params, decided: list[tuple[Plan, Outcome]]) -> dict[str, Any]:
    mode = params.get("ReturnConsumedCapacity", "NONE")
    consumed: dict[str, Consumed] = {}
    metrics: dict[str, list[Any]] = {}
    for plan, outcome in decided:
        name = plan.table.name
        # Two writes for each: one prepares, one commits.
        units = Consumed(name)
        if plan.checks:
            units.table = capacity.write_units(_row_size(outcome))
        else:
            mutations.carry_out(call.tx, plan, outcome, units)
        consumed.setdefault(name, Consumed(name)).add_twice(units)
        collection = mutations.collection_metrics(call.tx, plan, params)
        if collection is not None:
            metrics.setdefault(name, []).append(collection)
    answer: dict[str, Any] = {}
    if mode != "NONE":
        answer["ConsumedCapacity"] = [each.answer(mode, "Write") for each in consumed.values()]
    if metrics:
        answer["ItemCollectionMetrics"] = metrics
    return answer


def _row_size(outcome: Outcome) -> int:
    return 0 if outcome.row is None else store.size_of(outcome.row)


def _units_to_read(decided: list[tuple[Plan, Outcome]]) -> dict[str, float]:
    """What it will cost, by table, to find that the transaction is done already."""
    units: dict[str, float] = {}
    for plan, outcome in decided:
        cost = 2 * capacity.read_units(outcome.size, consistent=True)
        units[plan.table.name] = units.get(plan.table.name, 0.0) + cost
    return units


def _repeated(mode: str, units_by_table: dict[str, float]) -> dict[str, Any]:
    """What the second request with a token gets: success, and the cost of reading the items."""
    if mode == "NONE":
        return {}
    consumed = []
    for name, units in units_by_table.items():
        table = Consumed(name)
        table.table = units
        consumed.append(table.answer(mode, "Read"))
    return {"ConsumedCapacity": consumed}


def _digest(params: Params) -> bytes:
    """Of what the transaction does: how its capacity is told may differ. Values are brought into
    canonical form first, for this body may run again and then finds them so."""
    for element in params["TransactItems"]:
        for request in element.values():
            for member in ("Item", "Key", "ExpressionAttributeValues"):
                values.checked_item(request.get(member) or {})
    text = orjson.dumps(params["TransactItems"], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(text).digest()
