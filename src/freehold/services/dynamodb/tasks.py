"""What happens to tables later: their states, filling and emptying of indexes, expiry, measuring.

Each task names its table by name and id, and does nothing if that table is no longer there. Long
work is done in batches: each is one transaction, which also asks for the next.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from freehold.kernel.call import Call
from freehold.kv.keys import Scope
from freehold.services.dynamodb import rules, store, writing
from freehold.services.dynamodb.records import Index, Statistics, Table
from freehold.services.dynamodb.service import service
from freehold.services.dynamodb.store import Row

BATCH_ROWS = 500
MEASURE_S = 6 * 3600.0
SWEEP_S = 60.0

Payload = dict[str, Any]


@service.task("activate_table")
def activate_table(call: Call, payload: Payload) -> None:
    table = _table(call, payload)
    if table is not None and table.status == "CREATING":
        store.save_table(call.tx, _scope(call), replace(table, status="ACTIVE"))


@service.task("settle_table")
def settle_table(call: Call, payload: Payload) -> None:
    table = _table(call, payload)
    if table is not None:
        store.save_table(call.tx, _scope(call), rules.settled(table))


@service.task("delete_table")
def delete_table(call: Call, payload: Payload) -> None:
    table = _table(call, payload)
    if table is None:
        return
    if store.delete_some_items(call.tx, _scope(call), table, BATCH_ROWS):
        call.later("delete_table", payload)
    else:
        store.delete_table(call.tx, _scope(call), table)


@service.task("backfill_index")
def backfill_index(call: Call, payload: Payload) -> None:
    """Make the entries of items that were there before the index; later ones make their own."""
    table, index = _table_and_index(call, payload)
    if table is None or index is None or index.status != "CREATING":
        return
    scope = _scope(call)
    rows = _batch(call, table, payload)
    for row in rows:
        entry = writing.entry(scope, table, index, row.item, row.value)
        if entry is not None:
            store.save_row(call.tx, *entry)
    if len(rows) == BATCH_ROWS:
        call.later("backfill_index", {**payload, "after": rows[-1].key})
        return
    ready = rules.with_index_status(table, index.name, "ACTIVE")
    store.save_table(call.tx, scope, rules.settled(ready))


@service.task("delete_index")
def delete_index(call: Call, payload: Payload) -> None:
    table, index = _table_and_index(call, payload)
    if table is None or index is None or index.status != "DELETING":
        return
    scope = _scope(call)
    if store.delete_some_entries(call.tx, scope, table, index, BATCH_ROWS):
        call.later("delete_index", payload)
        return
    rest = rules.without_index(table, index.name)
    store.save_table(call.tx, scope, rules.settled(rest))


@service.task("find_expiries")
def find_expiries(call: Call, payload: Payload) -> None:
    """Note when the items expire that were there before TTL was enabled; later ones are noted as
    put.
    """
    table = _table(call, payload)
    if table is None or table.ttl_attribute != payload["attribute"]:
        return
    scope = _scope(call)
    rows = _batch(call, table, payload)
    for row in rows:
        item = row.item
        expires_at = writing.expiry(table, item)
        if expires_at is not None:
            store.save_row(call.tx, store.expiry_key(scope, table, expires_at, item), b"")
    if len(rows) == BATCH_ROWS:
        call.later("find_expiries", {**payload, "after": rows[-1].key})


@service.task("sweep_expired")
def sweep_expired(call: Call, payload: Payload) -> None:
    """Delete items that have expired, as long as the table has this TTL attribute."""
    table = _table(call, payload)
    if table is None or table.ttl_attribute != payload["attribute"]:
        return
    scope = _scope(call)
    due = store.expired_item_keys(call.tx, scope, table, int(call.now), BATCH_ROWS)
    for expiry_key, row_key in due:
        row = store.load_row(call.tx, row_key)
        if row is not None and writing.is_expired(
            writing.expiry(table, store.item_of(row)), call.now
        ):
            writing.write(call.tx, scope, table, row_key, row, None, 0, None)
        # Also where the item stays: it expired so long ago that it never will.
        store.delete_row(call.tx, expiry_key)
    wait_s = 0.0 if len(due) == BATCH_ROWS else SWEEP_S
    call.later("sweep_expired", payload, due=call.now + wait_s)


@service.task("clear_expiries")
def clear_expiries(call: Call, payload: Payload) -> None:
    table = _table(call, payload)
    if table is None or table.ttl_attribute is not None:
        return
    if store.clear_some_expiries(call.tx, _scope(call), table, BATCH_ROWS):
        call.later("clear_expiries", payload)


@service.task("forget_token")
def forget_token(call: Call, payload: Payload) -> None:
    done = store.load_done(call.tx, _scope(call), payload["token"])
    if done is not None and done.expires_at <= call.now:
        store.delete_done(call.tx, _scope(call), payload["token"])


@service.task("measure_table")
def measure_table(call: Call, payload: Payload) -> None:
    """Ask for a measurement now, and for the next: DynamoDB updates its counts about every six
    hours.
    """
    if _table(call, payload) is not None:
        call.later("count_items", payload)
        call.later("measure_table", payload, due=call.now + MEASURE_S)


@service.task("count_items")
async def count_items(call: Call, payload: Payload) -> None:
    table = await call.read(_table, payload)
    if table is None:
        return
    items, size = await _count(call, table, None)
    index_items, index_bytes = {}, {}
    for index in table.indexes:
        counts = await _count(call, table, index)
        index_items[index.number], index_bytes[index.number] = counts
    statistics = Statistics(items, size, index_items, index_bytes)
    await call.write(_save_statistics, payload, statistics)


async def _count(call: Call, table: Table, index: Index | None) -> tuple[int, int]:
    """Items and bytes, read in batches: a measurement is no snapshot."""
    start, end = store.items_range(_scope(call), table, index)
    items = size = 0
    while True:
        rows = await call.read(_sizes, start, end)
        items += len(rows)
        size += sum(bytes_ for _, bytes_ in rows)
        if len(rows) < BATCH_ROWS:
            return items, size
        start = rows[-1][0] + b"\x00"


def _sizes(call: Call, start: bytes, end: bytes) -> list[tuple[bytes, int]]:
    rows = store.scan_rows(call.tx, start, end, limit=BATCH_ROWS, reverse=False)
    return [(row.key, row.size) for row in rows]


def _save_statistics(call: Call, payload: Payload, statistics: Statistics) -> None:
    table = _table(call, payload)
    if table is not None:
        store.save_statistics(call.tx, _scope(call), table, statistics)


def _scope(call: Call) -> Scope:
    return Scope(call.account, call.region)


def _table(call: Call, payload: Payload) -> Table | None:
    table = store.load_table(call.tx, _scope(call), payload["name"])
    return table if table is not None and table.id == payload["id"] else None


def _table_and_index(call: Call, payload: Payload) -> tuple[Table | None, Index | None]:
    table = _table(call, payload)
    if table is None:
        return None, None
    for index in table.indexes:
        if index.number == payload["index"]:
            return table, index
    return table, None


def _batch(call: Call, table: Table, payload: Payload) -> list[Row]:
    """The next items, after the key where the batch before ended."""
    start, end = store.items_range(_scope(call), table, None)
    if "after" in payload:
        start = payload["after"] + b"\x00"
    return list(store.scan_rows(call.tx, start, end, limit=BATCH_ROWS, reverse=False))
