"""Changes to items: the row, its index entries and all that follows from them, in one transaction.

Every change to an item, whoever makes it, goes through `write`: what else depends on items
(streams, replication) belongs here too.
"""

from __future__ import annotations

from freehold.kv import Transaction
from freehold.kv.keys import Scope
from freehold.services.dynamodb import capacity, errors, keys, store, values
from freehold.services.dynamodb.capacity import Consumed
from freehold.services.dynamodb.records import Index, Table
from freehold.services.dynamodb.values import Item

COLLECTION_BYTES_MAX = 10 * 1024**3
# Times outside of these are no times: TTL takes seconds since 1970, and ignores what is long past.
_TTL_PAST_S = 5 * 365 * 86400


def has_followers(table: Table) -> bool:
    """Whether a change needs the item as it was: otherwise a put need not read before it writes."""
    return bool(table.indexes) or table.ttl_attribute is not None


def write(
    tx: Transaction,
    scope: Scope,
    table: Table,
    row_key: bytes,
    before: bytes | None,
    after: Item | None,
    size: int,
    consumed: Consumed | None,
) -> None:
    """Put (or, where `after` is None, delete) an item of that size.

    `before` is the row as it was; it may be left out where neither followers nor capacity need it.
    """
    value = None
    if after is None:
        if before is not None:
            store.delete_row(tx, row_key)
    else:
        value = store.stored(after, size)
        store.save_row(tx, row_key, value)
    if consumed is not None:
        old_size = 0 if before is None else store.size_of(before)
        consumed.table += capacity.write_units(max(old_size, size))
    if has_followers(table):
        old = None if before is None else store.item_of(before)
        _follow(tx, scope, table, old, before, after, value, consumed)


def entry(
    scope: Scope, table: Table, index: Index, item: Item, value: bytes
) -> tuple[bytes, bytes] | None:
    """The index entry of an item whose row holds `value`: key and value, or None if it has none."""
    if not keys.is_indexed(index, item):
        return None
    key = store.entry_key(scope, table, index, item)
    if index.projection == "ALL":
        return key, value
    names = {*table.key.names, *index.key.names, *index.attributes}
    projected = {name: content for name, content in item.items() if name in names}
    return key, store.stored(projected, values.item_size(projected))


def expiry(table: Table, item: Item) -> int | None:
    """When the item expires, if its TTL attribute says so: whole seconds since 1970."""
    value = item.get(table.ttl_attribute or "")
    if value is None or "N" not in value:
        return None
    seconds = value["N"].partition(".")[0]
    if seconds.startswith("-") or len(seconds) > 13:
        return None
    return int(seconds)


def is_expired(expires_at: int | None, now: float) -> bool:
    """AWS leaves alone what expired more than five years ago: it is taken for a mistake."""
    return expires_at is not None and now - _TTL_PAST_S < expires_at <= now


def _follow(
    tx: Transaction,
    scope: Scope,
    table: Table,
    old: Item | None,
    before: bytes | None,
    new: Item | None,
    value: bytes | None,
    consumed: Consumed | None,
) -> None:
    grown = 0
    for index in table.indexes:
        if index.status == "DELETING":
            continue
        was = now = None
        if old is not None and before is not None:
            was = entry(scope, table, index, old, before)
        if new is not None and value is not None:
            now = entry(scope, table, index, new, value)
        if was == now:
            continue
        if was is not None and (now is None or now[0] != was[0]):
            store.delete_row(tx, was[0])
        if now is not None:
            store.save_row(tx, *now)
        if index.local:
            grown += _size(now) - _size(was)
        if consumed is not None:
            units = _entry_units(was, now)
            consumed.add_index(index.name, units, local=index.local)
    if table.local_indexes:
        grown += (0 if value is None else store.size_of(value)) - (
            0 if before is None else store.size_of(before)
        )
        _grow_collection(tx, scope, table, new or old, grown)
    if table.ttl_attribute is not None:
        _move_expiry(tx, scope, table, old, new)


def _entry_units(was: tuple[bytes, bytes] | None, now: tuple[bytes, bytes] | None) -> float:
    """An entry that moves is deleted and put: two writes ("Provisioned throughput", GSI guide)."""
    if was is not None and now is not None and was[0] == now[0]:
        return capacity.write_units(max(_size(was), _size(now)))
    return sum(capacity.write_units(_size(each)) for each in (was, now) if each is not None)


def _size(found: tuple[bytes, bytes] | None) -> int:
    return 0 if found is None else store.size_of(found[1])


def _grow_collection(
    tx: Transaction, scope: Scope, table: Table, item: Item | None, grown: int
) -> None:
    if item is None or grown == 0:
        return
    partition = item[table.key.hash.name]
    size = store.load_collection(tx, scope, table, partition) + grown
    if grown > 0 and size > COLLECTION_BYTES_MAX:
        raise errors.collection_size()
    store.save_collection(tx, scope, table, partition, size)


def _move_expiry(
    tx: Transaction, scope: Scope, table: Table, old: Item | None, new: Item | None
) -> None:
    was = None if old is None else expiry(table, old)
    now = None if new is None else expiry(table, new)
    if was == now:
        return
    if old is not None and was is not None:
        store.delete_row(tx, store.expiry_key(scope, table, was, old))
    if new is not None and now is not None:
        store.save_row(tx, store.expiry_key(scope, table, now, new), b"")
