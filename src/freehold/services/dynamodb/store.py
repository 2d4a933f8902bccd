"""Where DynamoDB keeps things. All keys are (dynamodb, account, region, kind, ...):

    table       name                                              Table
    tags        table id                                          Tags
    statistics  table id                                          Statistics
    item        table id, hash, partition key, sort key           size and JSON of the item
    entry       table id, index, hash, index keys, table keys     size and JSON of what is projected
    expiry      table id, expires, hash, partition key, sort key  nothing
    collection  table id, partition key                           Collection
    done        token                                             Done

A table id is 16 bytes. `hash` is 4 bytes derived from the partition key: they spread partitions, so
that a segment of a parallel scan is a range of keys. Strings are str, binaries bytes, numbers bytes
that sort.

An index entry holds what the index projects, not a reference to the item: a page of a Query is then
one range, where references would cost one point read (one round trip, on a cluster) for each item;
it is also what AWS bills. The price is paid by writes that change projected attributes.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import msgspec
import orjson

from freehold.kernel.records import Records
from freehold.kv import Transaction
from freehold.kv.keys import Scope, Space, pack, prefix_range
from freehold.services.dynamodb import numbers, values
from freehold.services.dynamodb.expressions.key_conditions import KeyCondition, Range
from freehold.services.dynamodb.records import (
    Collection,
    Done,
    Index,
    Statistics,
    Table,
    Tags,
)
from freehold.services.dynamodb.values import Item, Value

_SERVICE = "dynamodb"
_HASHES = 1 << 32

_tables = Records(_SERVICE, "table", Table)
_tags = Records(_SERVICE, "tags", Tags)
_statistics = Records(_SERVICE, "statistics", Statistics)
_collections = Records(_SERVICE, "collection", Collection)
_done = Records(_SERVICE, "done", Done)
_item_space = Space(_SERVICE, "item")
_entry_space = Space(_SERVICE, "entry")
_expiry_space = Space(_SERVICE, "expiry")
_table_decoder = msgspec.msgpack.Decoder(Table)


# Tables


def load_table(tx: Transaction, scope: Scope, name: str) -> Table | None:
    raw = tx.get(_table_key(scope, name))
    return None if raw is None else _decode_table(raw)


def save_table(tx: Transaction, scope: Scope, table: Table) -> None:
    _tables.save(tx, scope, table, table.name)


def delete_table(tx: Transaction, scope: Scope, table: Table) -> None:
    _tables.delete(tx, scope, table.name)
    _tags.delete(tx, scope, table.id)
    _statistics.delete(tx, scope, table.id)


def list_table_names(tx: Transaction, scope: Scope, after: str | None, limit: int) -> list[str]:
    start = None if after is None else (after,)
    return [key[0] for key, _ in _tables.list(tx, scope, limit=limit, after=start)]


def load_tags(tx: Transaction, scope: Scope, table: Table) -> dict[str, str]:
    found = _tags.load(tx, scope, table.id)
    return {} if found is None else found.tags


def save_tags(tx: Transaction, scope: Scope, table: Table, tags: dict[str, str]) -> None:
    _tags.save(tx, scope, Tags(tags), table.id)


def load_statistics(tx: Transaction, scope: Scope, table: Table) -> Statistics:
    return _statistics.load(tx, scope, table.id) or Statistics()


def save_statistics(tx: Transaction, scope: Scope, table: Table, statistics: Statistics) -> None:
    _statistics.save(tx, scope, statistics, table.id)


# The key of a table is packed, and its record decoded, for every request: both are kept. They are
# pure functions of what they are given.


@lru_cache(maxsize=1024)
def _table_key(scope: Scope, name: str) -> bytes:
    return _tables.space.key(scope, name)


@lru_cache(maxsize=1024)
def _decode_table(raw: bytes) -> Table:
    return _table_decoder.decode(raw)


# Stored items and entries: 4 bytes of size as AWS counts it, then the JSON.


class Row(NamedTuple):
    """A stored item or entry, with its whole key."""

    key: bytes
    value: bytes

    @property
    def size(self) -> int:
        return size_of(self.value)

    @property
    def json(self) -> bytes:
        return self.value[4:]

    @property
    def item(self) -> Item:
        return item_of(self.value)


def stored(item: Item, size: int) -> bytes:
    return size.to_bytes(4, "big") + orjson.dumps(item)


def size_of(value: bytes) -> int:
    return int.from_bytes(value[:4], "big")


def item_of(value: bytes) -> Item:
    item: Item = orjson.loads(memoryview(value)[4:])
    return item


# Keys of items


def item_key(scope: Scope, table: Table, key: Item) -> bytes:
    """The key of the item with these key attributes, which are known to be right."""
    schema = table.key
    partition = _packed(key[schema.hash.name])
    head = _items_prefix(scope, table.id) + _hashed(partition) + partition
    return head if schema.range is None else head + _packed(key[schema.range.name])


def entry_key(scope: Scope, table: Table, index: Index, item: Item) -> bytes:
    """The key of an item's entry in an index; the item has the index's key attributes."""
    partition = _packed(item[index.key.hash.name])
    rest = [item[name] for name in (*index.key.names[1:], *table.key.names)]
    head = _entries_prefix(scope, table.id, index.number)
    return head + _hashed(partition) + partition + pack(tuple(map(_element, rest)))


def items_range(scope: Scope, table: Table, index: Index | None) -> tuple[bytes, bytes]:
    """All rows of a table or an index."""
    prefix = _rows_prefix(scope, table, index)
    return prefix, prefix + b"\xff"


def segment_range(
    scope: Scope, table: Table, index: Index | None, segment: int, segments: int
) -> tuple[bytes, bytes]:
    """The rows of one segment of a parallel scan: an equal share of the hashes."""
    prefix = _rows_prefix(scope, table, index)
    first, last = segment * _HASHES // segments, (segment + 1) * _HASHES // segments
    start = prefix + _hash_element(first)
    return start, (prefix + b"\xff" if last == _HASHES else prefix + _hash_element(last))


def query_range(
    scope: Scope, table: Table, index: Index | None, condition: KeyCondition
) -> tuple[bytes, bytes]:
    """The rows that a key condition selects."""
    partition = _packed(condition.partition)
    prefix = _rows_prefix(scope, table, index) + _hashed(partition) + partition
    if condition.range is None:
        # An item of a table without a sort key has this very key.
        return prefix, prefix + b"\xff"
    return _sort_range(prefix, condition.range)


def _sort_range(prefix: bytes, wanted: Range) -> tuple[bytes, bytes]:
    # The packed form of a value ends with 0x00; what continues a key after it is below 0xff, and
    # 0xff there is how a longer value with a zero byte goes on. So `at + 0xff` is right behind all
    # of `at`.
    at = prefix + _packed(wanted.operands[0])
    match wanted.operator:
        case "=":
            return at, at + b"\xff"
        case "<":
            return prefix, at
        case "<=":
            return prefix, at + b"\xff"
        case ">":
            return at + b"\xff", prefix + b"\xff"
        case ">=":
            return at, prefix + b"\xff"
        case "BETWEEN":
            return at, prefix + _packed(wanted.operands[1]) + b"\xff"
    assert wanted.operator == "begins_with"
    return prefix_range(at[:-1])


def row_key(scope: Scope, table: Table, index: Index | None, key: Item) -> bytes:
    """Where a row with these key attributes is, or would be."""
    if index is None:
        return item_key(scope, table, key)
    return entry_key(scope, table, index, key)


def _rows_prefix(scope: Scope, table: Table, index: Index | None) -> bytes:
    if index is None:
        return _items_prefix(scope, table.id)
    return _entries_prefix(scope, table.id, index.number)


@lru_cache(maxsize=1024)
def _items_prefix(scope: Scope, table_id: str) -> bytes:
    return _item_space.key(scope, _id_bytes(table_id))


@lru_cache(maxsize=1024)
def _entries_prefix(scope: Scope, table_id: str, number: int) -> bytes:
    return _entry_space.key(scope, _id_bytes(table_id), number)


def _id_bytes(table_id: str) -> bytes:
    return bytes.fromhex(table_id.replace("-", ""))


def _packed(value: Value) -> bytes:
    text = value.get("S")
    return pack((_element(value),) if text is None else (text,))


def _element(value: Value) -> str | bytes:
    ((kind, content),) = value.items()
    if kind == "S":
        text: str = content
        return text
    if kind == "N":
        return numbers.sortable(content)
    assert kind == "B"
    return values.decoded(content)


def _hashed(packed: bytes) -> bytes:
    # Checksums of keys that are alike are alike; the product spreads them (Knuth, TAOCP 6.4).
    return _hash_element(zlib.crc32(packed) * 0x9E3779B1 % _HASHES)


def _hash_element(number: int) -> bytes:
    raw = number.to_bytes(4, "big")
    if 0 in raw:
        raw = raw.replace(b"\x00", b"\x00\xff")
    return b"\x01" + raw + b"\x00"


# Rows


def load_row(tx: Transaction, key: bytes) -> bytes | None:
    return tx.get(key)


def scan_rows(
    tx: Transaction, start: bytes, end: bytes, *, limit: int, reverse: bool
) -> Iterator[Row]:
    return map(Row._make, tx.scan(start, end, limit=limit, reverse=reverse))


def save_row(tx: Transaction, key: bytes, value: bytes) -> None:
    tx.put(key, value)


def delete_row(tx: Transaction, key: bytes) -> None:
    tx.delete(key)


def delete_some_items(tx: Transaction, scope: Scope, table: Table, limit: int) -> int:
    """Delete items, entries and the rest of a table that goes away; return how many there were."""
    table_id = _id_bytes(table.id)
    ranges = [
        _item_space.range(scope, table_id),
        _entry_space.range(scope, table_id),
        _expiry_space.range(scope, table_id),
        _collections.space.range(scope, table.id),
    ]
    return sum(_delete_some(tx, start, end, limit) for start, end in ranges)


def delete_some_entries(
    tx: Transaction, scope: Scope, table: Table, index: Index, limit: int
) -> int:
    return _delete_some(tx, *items_range(scope, table, index), limit)


def _delete_some(tx: Transaction, start: bytes, end: bytes, limit: int) -> int:
    keys = [key for key, _ in tx.scan(start, end, limit=limit)]
    for key in keys:
        tx.delete(key)
    return len(keys)


# When items expire


def expiry_key(scope: Scope, table: Table, expires_at: int, key: Item) -> bytes:
    rest = item_key(scope, table, key)[len(_items_prefix(scope, table.id)) :]
    return _expiry_space.key(scope, _id_bytes(table.id), expires_at) + rest


def expired_item_keys(
    tx: Transaction, scope: Scope, table: Table, now: int, limit: int
) -> list[tuple[bytes, bytes]]:
    """(expiry key, item key) of items whose time has come, the longest expired first."""
    prefix = _expiry_space.key(scope, _id_bytes(table.id))
    start, end = prefix + b"\x00", prefix + pack((now + 1,))
    found = []
    for key, _ in tx.scan(start, end, limit=limit):
        # Skip the time: what follows it is what follows the table in the item's key.
        time_bytes = 1 + abs(key[len(prefix)] - 0x14)
        rest = key[len(prefix) + time_bytes :]
        found.append((key, _items_prefix(scope, table.id) + rest))
    return found


def clear_some_expiries(tx: Transaction, scope: Scope, table: Table, limit: int) -> int:
    return _delete_some(tx, *_expiry_space.range(scope, _id_bytes(table.id)), limit)


# Item collections


def load_collection(tx: Transaction, scope: Scope, table: Table, partition: Value) -> int:
    found = _collections.load(tx, scope, table.id, _element(partition))
    return 0 if found is None else found.bytes


def save_collection(
    tx: Transaction, scope: Scope, table: Table, partition: Value, size: int
) -> None:
    if size > 0:
        _collections.save(tx, scope, Collection(size), table.id, _element(partition))
    else:
        _collections.delete(tx, scope, table.id, _element(partition))


# Client tokens


def load_done(tx: Transaction, scope: Scope, token: str) -> Done | None:
    return _done.load(tx, scope, token)


def save_done(tx: Transaction, scope: Scope, token: str, done: Done) -> None:
    _done.save(tx, scope, done, token)


def delete_done(tx: Transaction, scope: Scope, token: str) -> None:
    _done.delete(tx, scope, token)
