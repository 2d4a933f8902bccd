"""Everything DynamoDB stores, but for items, which stay the JSON they arrived in."""

from __future__ import annotations

import msgspec


class KeyAttribute(msgspec.Struct, frozen=True):
    name: str
    type: str


class Key(msgspec.Struct, frozen=True):
    """The key schema of a table or an index."""

    hash: KeyAttribute
    range: KeyAttribute | None = None

    @property
    def attributes(self) -> tuple[KeyAttribute, ...]:
        return (self.hash,) if self.range is None else (self.hash, self.range)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(attribute.name for attribute in self.attributes)


class Throughput(msgspec.Struct, frozen=True):
    """Provisioned capacity units; zeros in on-demand mode."""

    read_units: int = 0
    write_units: int = 0
    increased_at: float | None = None
    decreased_at: float | None = None


class Index(msgspec.Struct, frozen=True, kw_only=True):
    """A secondary index. `number` is never used again in its table, so that an index that is made
    anew does not find the entries of the one before.
    """

    name: str
    number: int
    key: Key
    # ALL, KEYS_ONLY or INCLUDE.
    projection: str
    attributes: tuple[str, ...] = ()
    local: bool = False
    # CREATING (entries of old items are being made), ACTIVE or DELETING.
    status: str = "ACTIVE"
    throughput: Throughput = Throughput()


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table. `id` is new for each table, also of the same name: its items are stored under it."""

    name: str
    id: str
    status: str
    created_at: float
    key: Key
    definitions: tuple[KeyAttribute, ...]
    on_demand: bool = False
    on_demand_since: float | None = None
    throughput: Throughput = Throughput()
    indexes: tuple[Index, ...] = ()
    indexes_made: int = 0
    deletion_protected: bool = False
    table_class: str = ""
    # The attribute that says when an item expires, and since when that is so.
    ttl_attribute: str | None = None
    ttl_changed_at: float | None = None

    def index(self, name: str) -> Index | None:
        for index in self.indexes:
            if index.name == name:
                return index
        return None

    @property
    def local_indexes(self) -> tuple[Index, ...]:
        return tuple(index for index in self.indexes if index.local)

    @property
    def global_indexes(self) -> tuple[Index, ...]:
        return tuple(index for index in self.indexes if not index.local)


class Tags(msgspec.Struct, frozen=True):
    """Apart from the table, whose record every request reads."""

    tags: dict[str, str] = {}


class Statistics(msgspec.Struct, frozen=True):
    """Counts of a table's items, as of the last measurement: table, and indexes by number."""

    items: int = 0
    bytes: int = 0
    index_items: dict[int, int] = {}
    index_bytes: dict[int, int] = {}


class Done(msgspec.Struct, frozen=True):
    """A transaction that was done under a client token: a digest of it, and its answer."""

    digest: bytes
    answer: bytes
    expires_at: float


class Collection(msgspec.Struct, frozen=True):
    """The size of an item collection, in a table with local secondary indexes."""

    bytes: int
