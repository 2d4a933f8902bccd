"""Pages of rows: what Query and Scan share. A page costs what it reads, not what there is."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

from freehold.kv import Transaction
from freehold.kv.keys import Scope
from freehold.services.dynamodb import capacity, errors, keys, store
from freehold.services.dynamodb.capacity import Consumed
from freehold.services.dynamodb.expressions import projections
from freehold.services.dynamodb.expressions.conditions import Test
from freehold.services.dynamodb.expressions.paths import Tree
from freehold.services.dynamodb.records import Index, Table
from freehold.services.dynamodb.store import Row
from freehold.services.dynamodb.values import Item

PAGE_BYTES_MAX = 1024 * 1024
# No row is smaller than a key of two bytes, so that no page has more.
PAGE_ROWS_MAX = PAGE_BYTES_MAX // 2
_FIRST_BATCH_ROWS = 32
_BATCH_ROWS_MAX = 1024


class Reading(msgspec.Struct):
    """What to read, and what of it to show. `fetches`: a local index lacks what is wanted."""

    scope: Scope
    table: Table
    index: Index | None
    start: bytes
    end: bytes
    reverse: bool = False
    limit: int | None = None
    test: Test | None = None
    wanted: Tree | None = None
    counts_only: bool = False
    fetches: bool = False
    consistent: bool = False


class Page(msgspec.Struct):
    items: list[Any]
    count: int = 0
    scanned: int = 0
    bytes: int = 0
    fetched_units: float = 0.0
    last: Row | None = None


def begin_after(reading: Reading, start_key: Item) -> None:
    """Go on behind the row with this key, which must lie within what is read."""
    at = store.row_key(reading.scope, reading.table, reading.index, start_key)
    if not reading.start <= at < reading.end:
        raise errors.invalid(
            "The provided starting key is outside query boundaries based on provided conditions"
        )
    if reading.reverse:
        reading.end = at
    else:
        reading.start = at + b"\x00"


def read_page(tx: Transaction, reading: Reading) -> Page:
    """Read up to the limit, or to just over 1 MB: what a filter drops counts too.

    Rows are asked for in batches of about as many as there is room for, because stores read ahead.
    """
    page = Page([])
    limit = reading.limit or PAGE_ROWS_MAX
    start, end = reading.start, reading.end
    batch = min(_FIRST_BATCH_ROWS, limit)
    while True:
        rows = list(store.scan_rows(tx, start, end, limit=batch, reverse=reading.reverse))
        _take(tx, reading, page, rows)
        if page.scanned == limit:
            page.last = rows[-1]
        if page.last is not None or len(rows) < batch:
            return page
        if reading.reverse:
            end = rows[-1].key
        else:
            start = rows[-1].key + b"\x00"
        room = PAGE_BYTES_MAX - page.bytes
        batch = min(room * page.scanned // page.bytes + 1, limit - page.scanned, _BATCH_ROWS_MAX)


def answer(reading: Reading, page: Page, mode: str | None) -> dict[str, Any]:
    result: dict[str, Any] = {"Count": page.count, "ScannedCount": page.scanned}
    if not reading.counts_only:
        result["Items"] = page.items
    if page.last is not None:
        result["LastEvaluatedKey"] = _last_key(reading, page.last.item)
    if mode is not None and mode != "NONE":
        result["ConsumedCapacity"] = _consumed(reading, page).answer(mode)
    return result


def _take(tx: Transaction, reading: Reading, page: Page, rows: list[Row]) -> None:
    """Take rows into the page, until it is full."""
    plain = reading.test is None and reading.wanted is None and not reading.fetches
    shows, items, size = not reading.counts_only, page.items, page.bytes
    taken = 0
    for row in rows:
        taken += 1
        value = row.value
        size += store.size_of(value)
        if not plain:
            _consider(tx, reading, page, row)
        elif shows:
            items.append(orjson.Fragment(value[4:]))
        if size > PAGE_BYTES_MAX:
            page.last = row
            break
    page.bytes = size
    page.scanned += taken
    if plain:
        page.count += taken


def _consider(tx: Transaction, reading: Reading, page: Page, row: Row) -> None:
    item = row.item
    if reading.fetches:
        item = _fetched(tx, reading, page, item)
    if reading.test is not None and not reading.test(item):
        return
    page.count += 1
    if not reading.counts_only:
        page.items.append(
            item if reading.wanted is None else projections.project(item, reading.wanted)
        )


def _fetched(tx: Transaction, reading: Reading, page: Page, entry: Item) -> Item:
    """The whole item of an entry: each fetch counts as a read of its own."""
    found = store.load_row(tx, store.item_key(reading.scope, reading.table, entry))
    assert found is not None, "an index entry has an item"
    page.fetched_units += capacity.read_units(store.size_of(found), consistent=reading.consistent)
    return store.item_of(found)


def _last_key(reading: Reading, item: Item) -> Item:
    key = keys.key_of(reading.table.key, item)
    if reading.index is not None:
        key.update(keys.key_of(reading.index.key, item))
    return key


def _consumed(reading: Reading, page: Page) -> Consumed:
    consumed = Consumed(reading.table.name)
    units = capacity.read_units(page.bytes, consistent=reading.consistent)
    index = reading.index
    if index is None:
        consumed.table = units
    else:
        consumed.add_index(index.name, units, local=index.local)
        consumed.table = page.fetched_units
    return consumed
