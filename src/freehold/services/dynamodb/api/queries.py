"""Query and Scan."""

from __future__ import annotations

from typing import Any

from freehold.kernel.call import Call
from freehold.kernel.service import Params
from freehold.kv.keys import Scope
from freehold.services.dynamodb import errors, keys, reading, store
from freehold.services.dynamodb.addressing import item_table, table_access
from freehold.services.dynamodb.api.items import attributes_to_get
from freehold.services.dynamodb.expressions import (
    conditions,
    key_conditions,
    legacy,
    parser,
    projections,
)
from freehold.services.dynamodb.expressions.conditions import Test
from freehold.services.dynamodb.expressions.key_conditions import KeyCondition
from freehold.services.dynamodb.expressions.paths import Tree
from freehold.services.dynamodb.expressions.placeholders import Placeholders
from freehold.services.dynamodb.reading import Reading
from freehold.services.dynamodb.records import Index, Key, Table
from freehold.services.dynamodb.service import service

_FILTER = "FilterExpression"


@service.operation("Query", reads=True, access=table_access("Query"))
def query(call: Call, params: Params) -> dict[str, Any]:
    legacy.check_not_mixed(params)
    placeholders = Placeholders(params, _FILTER, "KeyConditionExpression", "ProjectionExpression")
    scope, table = item_table(call, params["TableName"])
    index = _index(table, params)
    schema = table.key if index is None else index.key
    condition = _key_condition(params, placeholders, schema)
    test = _query_filter(params, placeholders, schema)
    start, end = store.query_range(scope, table, index, condition)
    wanted = _projection(params, placeholders)
    placeholders.finish()
    plan = Reading(scope, table, index, start, end, test=test, wanted=wanted)
    plan.reverse = not params.get("ScanIndexForward", True)
    return _read(call, params, plan)


@service.operation("Scan", reads=True, access=table_access("Scan"))
def scan(call: Call, params: Params) -> dict[str, Any]:
    legacy.check_not_mixed(params)
    placeholders = Placeholders(params, _FILTER, "ProjectionExpression")
    scope, table = item_table(call, params["TableName"])
    index = _index(table, params)
    test = legacy.filtered(params, "ScanFilter")
    if _FILTER in params:
        test = conditions.bind(_FILTER, params[_FILTER], placeholders)
    wanted = _projection(params, placeholders)
    placeholders.finish()
    start, end = _segment(params, scope, table, index)
    return _read(call, params, Reading(scope, table, index, start, end, test=test, wanted=wanted))


def _read(call: Call, params: Params, plan: Reading) -> dict[str, Any]:
    plan.limit = params.get("Limit")
    plan.consistent = params.get("ConsistentRead", False)
    if plan.consistent and plan.index is not None and not plan.index.local:
        raise errors.invalid("Consistent reads are not supported on global secondary indexes")
    _select(params, plan)
    if "ExclusiveStartKey" in params:
        start = keys.start_key(plan.table, plan.index, params["ExclusiveStartKey"])
        if "Segment" in params:
            _check_segment(params, plan, start)
        reading.begin_after(plan, start)
    page = reading.read_page(call.tx, plan)
    return reading.answer(plan, page, params.get("ReturnConsumedCapacity"))


def _index(table: Table, params: Params) -> Index | None:
    name = params.get("IndexName")
    if name is None:
        return None
    index = table.index(name)
    if index is None or index.status == "DELETING":
        raise errors.index_not_found(name)
    if index.status == "CREATING":
        raise errors.invalid(f"Cannot read from backfilling global secondary index: {name}")
    return index


def _key_condition(params: Params, placeholders: Placeholders, schema: Key) -> KeyCondition:
    text = params.get("KeyConditionExpression")
    if text is not None:
        return key_conditions.bind(text, placeholders, schema)
    wanted = params.get("KeyConditions")
    if not wanted:
        raise errors.invalid(
            "Either the KeyConditions or KeyConditionExpression parameter must be specified "
            "in the request."
        )
    return legacy.key_conditions(wanted, schema)


def _query_filter(params: Params, placeholders: Placeholders, schema: Key) -> Test | None:
    """The filter, which may not look at the key: that is what the key condition is for."""
    text = params.get(_FILTER)
    if text is None:
        test = legacy.filtered(params, "QueryFilter")
        names = list(params.get("QueryFilter") or ())
        what = "QueryFilter"
    else:
        test = conditions.bind(_FILTER, text, placeholders)
        node = parser.condition(_FILTER, text)
        names = list(conditions.attribute_names(node, _FILTER, placeholders))
        what = "Filter Expression"
    for name in schema.names:
        if name in names:
            raise errors.invalid(
                f"{what} can only contain non-primary key attributes: Primary key attribute: {name}"
            )
    return test


def _projection(params: Params, placeholders: Placeholders) -> Tree | None:
    text = params.get("ProjectionExpression")
    if text is not None:
        return projections.bind(text, placeholders)
    names = params.get("AttributesToGet")
    return None if names is None else attributes_to_get(names)


def _select(params: Params, plan: Reading) -> None:
    """What Select and a projection together mean for the index."""
    select = params.get("Select")
    index = plan.index
    if plan.wanted is not None and select not in (None, "SPECIFIC_ATTRIBUTES"):
        given = "AttributesToGet" if "AttributesToGet" in params else "ProjectionExpression"
        what = "only the Count" if select == "COUNT" else select
        raise errors.invalid(f"Cannot specify the {given} when choosing to get {what}")
    if plan.wanted is None and select == "SPECIFIC_ATTRIBUTES":
        raise errors.invalid(
            "Must specify the AttributesToGet or ProjectionExpression when choosing to get "
            "SPECIFIC_ATTRIBUTES"
        )
    if select == "ALL_PROJECTED_ATTRIBUTES" and index is None:
        raise errors.invalid(
            "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName"
        )
    plan.counts_only = select == "COUNT"
    if index is None or index.projection == "ALL":
        return
    if select == "ALL_ATTRIBUTES":
        if not index.local:
            raise errors.invalid_values(
                "Select type ALL_ATTRIBUTES is not supported for global secondary index "
                f"{index.name} because its projection type is not ALL"
            )
        plan.fetches = True
    elif plan.wanted is not None:
        _check_projected(plan, index)


def _check_projected(plan: Reading, index: Index) -> None:
    """A local index fetches from the table what it lacks; a global one cannot."""
    held = {*plan.table.key.names, *index.key.names, *index.attributes}
    missing = [str(name) for name in plan.wanted or () if name not in held]
    if not missing:
        return
    if not index.local:
        raise errors.invalid_values(
            f"Global secondary index {index.name} does not project [{', '.join(missing)}]"
        )
    plan.fetches = True


def _segment(
    params: Params, scope: Scope, table: Table, index: Index | None
) -> tuple[bytes, bytes]:
    segment, segments = params.get("Segment"), params.get("TotalSegments")
    if segment is None and segments is None:
        return store.items_range(scope, table, index)
    if segments is None:
        raise errors.invalid(
            "The TotalSegments parameter is required but was not present in the request "
            "when Segment parameter is present"
        )
    if segment is None:
        raise errors.invalid(
            "The Segment parameter is required but was not present in the request "
            "when parameter TotalSegments is present"
        )
    if segment >= segments:
        raise errors.invalid(
            "The Segment parameter is zero-based and must be less than parameter TotalSegments: "
            f"Segment: {segment} is not less than TotalSegments: {segments}"
        )
    return store.segment_range(scope, table, index, segment, segments)


def _check_segment(params: Params, plan: Reading, start: dict[str, Any]) -> None:
    at = store.row_key(plan.scope, plan.table, plan.index, start)
    if not plan.start <= at < plan.end:
        raise errors.invalid(
            "The provided starting key is invalid: Invalid ExclusiveStartKey. "
            "Please use ExclusiveStartKey with correct Segment. "
            f"TotalSegments: {params['TotalSegments']} Segment: {params['Segment']}"
        )
