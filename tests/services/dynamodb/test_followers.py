"""What follows an item (index entries, sizes of collections, expiries), after any writes."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from freehold.kv.keys import Scope
from freehold.kv.memory import MemoryStore
from freehold.services.dynamodb import keys, mutations, rules, store, values, writing
from freehold.services.dynamodb.records import Table

SCOPE = Scope("000000000000", "us-east-1")
NAMES = ("g", "h", "x", "expires")


def schema(*names: str) -> list[dict[str, str]]:
    kinds = ("HASH", "RANGE")
    return [{"AttributeName": n, "KeyType": k} for n, k in zip(names, kinds, strict=False)]


def new_table() -> Table:
    table = rules.new_table(
        {
            "TableName": "table",
            "KeySchema": schema("pk", "sk"),
            "AttributeDefinitions": [
                {"AttributeName": name, "AttributeType": kind}
                for name, kind in (("pk", "S"), ("sk", "N"), ("g", "S"), ("h", "N"))
            ],
            "BillingMode": "PAY_PER_REQUEST",
            "GlobalSecondaryIndexes": [
                {
                    "IndexName": f"global-{kind}",
                    "KeySchema": schema("g", "h"),
                    "Projection": {"ProjectionType": kind, **more},
                }
                for kind, more in (
                    ("ALL", {}),
                    ("KEYS_ONLY", {}),
                    ("INCLUDE", {"NonKeyAttributes": ["x"]}),
                )
            ],
            "LocalSecondaryIndexes": [
                {
                    "IndexName": "local",
                    "KeySchema": schema("pk", "h"),
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
            ],
        },
        table_id="f2615df9-53ec-43a1-9d94-e8a5aded6dca",
        now=0.0,
    )
    return replace(table, status="ACTIVE", ttl_attribute="expires")


class FakeCall:
    """What the plans need of a call."""

    def __init__(self, tx: Any) -> None:
        self.tx = tx
        self.account, self.region = SCOPE


attributes = st.fixed_dictionaries(
    {},
    optional={
        "g": st.sampled_from([{"S": "a"}, {"S": "b"}]),
        "h": st.sampled_from([{"N": "1"}, {"N": "-2.5"}]),
        "x": st.sampled_from([{"S": "x"}, {"L": [{"N": "1"}]}]),
        "expires": st.sampled_from([{"N": "100"}, {"N": "200"}, {"S": "never"}]),
    },
)
item_keys = st.builds(
    lambda pk, sk: {"pk": {"S": pk}, "sk": {"N": sk}},
    st.sampled_from("pq"),
    st.sampled_from(["1", "2"]),
)
puts = st.builds(lambda key, more: ("put", {"Item": {**key, **more}}), item_keys, attributes)
deletes = st.builds(lambda key: ("delete", {"Key": key}), item_keys)


def update_of(key: Any, name: str, more: Any) -> Any:
    if name not in more:
        return "update", {"Key": key, "UpdateExpression": f"REMOVE {name}"}
    bound = {":v": more[name]}
    text = f"SET {name} = :v"
    return "update", {"Key": key, "UpdateExpression": text, "ExpressionAttributeValues": bound}


update_steps = st.builds(update_of, item_keys, st.sampled_from(NAMES), attributes)
PLANS = {
    "put": mutations.plan_put,
    "delete": mutations.plan_delete,
    "update": mutations.plan_update,
}


@given(st.lists(puts | deletes | update_steps, max_size=12))
def test_what_follows_items_is_always_what_the_items_say(program: list[Any]) -> None:
    tx = MemoryStore().begin()
    table = new_table()
    store.save_table(tx, SCOPE, table)
    call: Any = FakeCall(tx)
    for what, params in program:
        plan = PLANS[what](call, {"TableName": "table", **params})
        mutations.carry_out(tx, plan, mutations.decide(tx, plan, reads=True), None)
    rows = all_rows(tx, table, None)
    assert all(row.size == values.item_size(row.item) for row in rows)
    for index in table.indexes:
        entries = [writing.entry(SCOPE, table, index, row.item, row.value) for row in rows]
        wanted = sorted(entry for entry in entries if entry is not None)
        assert [tuple(row) for row in all_rows(tx, table, index)] == wanted
    check_collections(tx, table)
    expired = store.expired_item_keys(tx, SCOPE, table, 150, 100)
    assert sorted(key for _, key in expired) == [
        row.key for row in rows if row.item.get("expires") == {"N": "100"}
    ]


def check_collections(tx: Any, table: Table) -> None:
    local = table.local_indexes[0]
    for partition in "pq":
        rows = [*all_rows(tx, table, None), *all_rows(tx, table, local)]
        size = sum(row.size for row in rows if row.item["pk"] == {"S": partition})
        assert store.load_collection(tx, SCOPE, table, {"S": partition}) == size


def all_rows(tx: Any, table: Table, index: Any) -> list[store.Row]:
    start, end = store.items_range(SCOPE, table, index)
    return list(store.scan_rows(tx, start, end, limit=1000, reverse=False))


def test_the_key_of_a_row_is_found_from_what_the_row_holds() -> None:
    """LastEvaluatedKey is made from the item, and must lead back to the row."""
    table = new_table()
    item = {"pk": {"S": "p"}, "sk": {"N": "1"}, "g": {"S": "a"}, "h": {"N": "3"}}
    for index in table.indexes:
        entry = writing.entry(SCOPE, table, index, item, store.stored(item, 0))
        assert entry is not None
        held = store.item_of(entry[1])
        names = keys.key_of(table.key, held) | keys.key_of(index.key, held)
        assert store.row_key(SCOPE, table, index, names) == entry[0]
