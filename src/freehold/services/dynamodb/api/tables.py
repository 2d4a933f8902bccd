"""CreateTable, DescribeTable, UpdateTable, DeleteTable, ListTables."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from freehold.kernel.call import Call
from freehold.kernel.service import Access, Params
from freehold.kv.keys import Scope
from freehold.services.dynamodb import addressing, descriptions, errors, rules, store, tags, tasks
from freehold.services.dynamodb.addressing import managed_table, table_access
from freehold.services.dynamodb.records import Statistics, Table
from freehold.services.dynamodb.service import service

LIST_MAX = 100


def _create_access(call: Call, params: Params) -> list[Access]:
    needed = [addressing.access(call, "CreateTable", params["TableName"])]
    if params.get("Tags"):
        needed.append(addressing.access(call, "TagResource", params["TableName"]))
    return needed


@service.operation("CreateTable", access=_create_access)
def create_table(call: Call, params: Params) -> dict[str, Any]:
    scope, name = addressing.place(call, params["TableName"])
    wanted = {**params, "TableName": name}
    table = rules.new_table(wanted, table_id=call.new_id(), now=call.now)
    found_tags = tags.merged({}, params.get("Tags") or [])
    if store.load_table(call.tx, scope, name) is not None:
        raise errors.table_exists(name)
    store.save_table(call.tx, scope, table)
    if found_tags:
        store.save_tags(call.tx, scope, table, found_tags)
    call.later("activate_table", {"name": name, "id": table.id})
    call.later("measure_table", {"name": name, "id": table.id}, due=call.now + tasks.MEASURE_S)
    return {"TableDescription": descriptions.table(scope, table, Statistics())}


@service.operation("DescribeTable", reads=True, access=table_access("DescribeTable"))
def describe_table(call: Call, params: Params) -> dict[str, Any]:
    scope, table = managed_table(call, params["TableName"])
    return {"Table": _described(call, scope, table)}


@service.operation("UpdateTable", access=table_access("UpdateTable"))
def update_table(call: Call, params: Params) -> dict[str, Any]:
    scope, table = managed_table(call, params["TableName"])
    if table.status != "ACTIVE":
        raise errors.table_busy(table.name, table.status)
    wanted = rules.updated_table(table, params, call.now)
    wanted = replace(wanted, status="UPDATING")
    store.save_table(call.tx, scope, wanted)
    here = {"name": table.name, "id": table.id}
    busy = False
    for index in wanted.global_indexes:
        if index.status == "CREATING":
            call.later("backfill_index", {**here, "index": index.number})
            busy = True
        elif index.status == "DELETING":
            call.later("delete_index", {**here, "index": index.number})
            busy = True
    if not busy:
        call.later("settle_table", here)
    return {"TableDescription": _described(call, scope, wanted)}


@service.operation("DeleteTable", access=table_access("DeleteTable"))
def delete_table(call: Call, params: Params) -> dict[str, Any]:
    scope, table = managed_table(call, params["TableName"])
    if table.deletion_protected:
        raise errors.invalid(
            "Resource cannot be deleted as it is currently protected against deletion. "
            "Disable deletion protection first."
        )
    if table.status == "DELETING" or table.status == "CREATING":
        raise errors.table_busy(table.name, table.status)
    if any(index.status != "ACTIVE" for index in table.indexes):
        raise errors.table_busy(table.name, "UPDATING")
    gone = replace(table, status="DELETING")
    store.save_table(call.tx, scope, gone)
    call.later("delete_table", {"name": table.name, "id": table.id})
    return {"TableDescription": _described(call, scope, gone)}


@service.operation("ListTables", reads=True, resource="*")
def list_tables(call: Call, params: Params) -> dict[str, Any]:
    limit = params.get("Limit", LIST_MAX)
    scope = Scope(call.account, call.region)
    names = store.list_table_names(call.tx, scope, params.get("ExclusiveStartTableName"), limit + 1)
    answer: dict[str, Any] = {"TableNames": names[:limit]}
    if len(names) > limit:
        answer["LastEvaluatedTableName"] = names[limit - 1]
    return answer


def _described(call: Call, scope: Scope, table: Table) -> dict[str, Any]:
    return descriptions.table(scope, table, store.load_statistics(call.tx, scope, table))
