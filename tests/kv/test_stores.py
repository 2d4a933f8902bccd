"""The contract of kv, on every backend."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freehold.kv import ReadOnly
from freehold.kv.keys import pack

from .stores import open_store

END = b"\xfd"


@pytest.fixture
def run(backend, tmp_path, postgres):
    """Run an async test body with a store of the backend."""

    def runner(body):
        with open_store(backend, tmp_path, postgres) as store:

            async def main():
                return await body(store)

            return asyncio.run(main())

    return runner


def put_all(tx, pairs):
    for key, value in pairs.items():
        tx.put(key, value)


def test_a_body_sees_its_own_writes(run):
    async def body(store):
        def write(tx):
            tx.put(b"a", b"1")
            tx.put(b"b", b"2")
            tx.delete(b"a")
            tx.put(b"c", b"3")
            return tx.get(b"a"), tx.get(b"b"), list(tx.scan(b"", END, limit=9))

        assert await store.write(write) == (None, b"2", [(b"b", b"2"), (b"c", b"3")])

    run(body)


def test_a_body_that_raises_leaves_no_trace_and_does_not_hurt_its_neighbours(run):
    async def body(store):
        def fails(tx):
            tx.put(b"x", b"1")
            raise ValueError("no")

        writes = [store.write(lambda tx, n=n: tx.put(b"k%d" % n, b"v")) for n in range(20)]
        writes.insert(10, store.write(fails))
        results = await asyncio.gather(*writes, return_exceptions=True)
        assert [type(r) for r in results if r is not None] == [ValueError]
        keys = await store.read(lambda tx: [k for k, _ in tx.scan(b"", END, limit=99)])
        assert keys == sorted(b"k%d" % n for n in range(20))

    run(body)


def test_a_read_may_not_write(run):
    async def body(store):
        for write in (lambda tx: tx.put(b"a", b""), lambda tx: tx.delete(b"a")):
            with pytest.raises(ReadOnly):
                await store.read(write)

    run(body)


def test_scans_are_ordered_limited_and_reversible(run):
    async def body(store):
        keys = [pack((n, "x")) for n in range(-50, 50)]
        await store.write(lambda tx: put_all(tx, dict.fromkeys(keys, b"v")))

        def scans(tx):
            return (
                [k for k, _ in tx.scan(keys[10], keys[20], limit=100)],
                [k for k, _ in tx.scan(keys[10], keys[90], limit=7)],
                [k for k, _ in tx.scan(keys[10], keys[90], limit=7, reverse=True)],
                list(tx.scan(keys[5], keys[5], limit=7)),
                list(tx.scan(keys[5], keys[4], limit=7)),
                list(tx.scan(keys[5], keys[9], limit=0)),
            )

        assert await store.read(scans) == (
            keys[10:20],
            keys[10:17],
            keys[83:90][::-1],
            [],
            [],
            [],
        )

    run(body)


def test_clear_removes_a_range_and_no_more(run):
    async def body(store):
        keys = [b"k%04d" % n for n in range(2500)]
        await store.write(lambda tx: put_all(tx, dict.fromkeys(keys, b"v")))
        await store.write(lambda tx: tx.clear(keys[100], keys[2400]))
        left = await store.read(lambda tx: [k for k, _ in tx.scan(b"", END, limit=9999)])
        assert left == keys[:100] + keys[2400:]

    run(body)


def test_keys_of_any_length_keep_their_order(run):
    """LMDB takes 511 bytes of key and PostgreSQL's index 2,700; DynamoDB's keys have over 3,000."""

    async def body(store):
        stems = [b"a" * n for n in (1, 479, 480, 481, 960, 1999, 2000, 2001, 4000, 7000)]
        keys = {stem + end for stem in stems for end in (b"", b"\x00", b"a", b"b", b"\xff")}
        await store.write(lambda tx: put_all(tx, {key: key[-3:] for key in keys}))
        ordered = sorted(keys)
        scanned = await store.read(lambda tx: list(tx.scan(b"", END, limit=999)))
        assert scanned == [(key, key[-3:]) for key in ordered]
        for low, high in ((3, 30), (17, 18), (0, len(ordered) - 1), (25, 41)):
            got = await store.read(
                lambda tx, a=low, b=high: [
                    k for k, _ in tx.scan(ordered[a], ordered[b], limit=999, reverse=True)
                ]
            )
            assert got == ordered[low:high][::-1]
        await store.write(lambda tx: [tx.delete(key) for key in keys])
        assert await store.read(lambda tx: list(tx.scan(b"", b"\xff", limit=9))) == []

    run(body)


def test_concurrent_increments_are_not_lost(run):
    async def body(store):
        def increment(tx):
            tx.put(b"n", b"%d" % (int(tx.get(b"n") or b"0") + 1))

        await asyncio.gather(*(store.write(increment) for _ in range(100)))
        assert await store.read(lambda tx: tx.get(b"n")) == b"100"

    run(body)


def test_write_skew_does_not_happen(run):
    """Two bodies that each check what the other changes cannot both succeed: serialisable, not snapshot."""

    async def body(store):
        await store.write(lambda tx: put_all(tx, {b"a": b"1", b"b": b"1"}))

        def leave(me, other):
            def write(tx):
                if tx.get(other) == b"1":
                    tx.put(me, b"0")

            return write

        await asyncio.gather(store.write(leave(b"a", b"b")), store.write(leave(b"b", b"a")))
        found = await store.read(lambda tx: (tx.get(b"a"), tx.get(b"b")))
        assert sorted(found) == [b"0", b"1"]

    run(body)


def test_a_bell_rings_for_its_prefix_alone(run):
    async def body(store):
        with store.bell(b"q1") as one, store.bell(b"q2") as two:
            await store.write(lambda tx: tx.put(b"q1-x", b""))
            await asyncio.wait_for(one.wait(), 5)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(two.wait(), 0.05)
            await store.write(lambda tx: tx.delete(b"q2"))
            await asyncio.wait_for(two.wait(), 5)

    run(body)


STEP = st.one_of(
    st.tuples(st.just("put"), st.integers(0, 60), st.binary(max_size=4)),
    st.tuples(st.just("delete"), st.integers(0, 60)),
    st.tuples(st.just("clear"), st.integers(0, 60), st.integers(0, 60)),
    st.tuples(
        st.just("scan"), st.integers(0, 60), st.integers(0, 60), st.integers(0, 9), st.booleans()
    ),
    st.tuples(st.just("abort"), st.integers(0, 60)),
)
# Keys that share long heads, so that every piece of a long key is cut and followed.
LENGTHS = (1, 3, 478, 479, 480, 481, 959, 961, 2001, 4002)
POOL = sorted(
    {b"k" * length + bytes([end]) for length in LENGTHS for end in (0, 1, 65, 66, 107, 255)}
)


@given(programs=st.lists(st.lists(STEP, max_size=6), max_size=12))
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_programs_of_transactions_agree_with_a_sorted_dict(run, programs):
    async def body(store):
        await store.write(lambda tx: tx.clear(b"", END))
        model: dict[bytes, bytes] = {}
        for program in programs:
            expected = dict(model)
            answers, aborts = apply_to_dict(program, expected)
            try:
                found = await store.write(lambda tx, p=program: apply_to_store(p, tx))
                assert not aborts
                assert found == answers
                model = expected
            except Abort:
                assert aborts
        rows = await store.read(lambda tx: list(tx.scan(b"", END, limit=9999)))
        assert rows == sorted(model.items())

    run(body)


class Abort(Exception):
    pass


def apply_to_store(program, tx):
    answers = []
    for step in program:
        match step:
            case ("put", key, value):
                tx.put(POOL[key % len(POOL)], value)
            case ("delete", key):
                tx.delete(POOL[key % len(POOL)])
            case ("clear", low, high):
                tx.clear(POOL[low % len(POOL)], POOL[high % len(POOL)])
            case ("scan", low, high, limit, reverse):
                start, end = POOL[low % len(POOL)], POOL[high % len(POOL)]
                answers.append(list(tx.scan(start, end, limit=limit, reverse=reverse)))
            case ("abort", _):
                raise Abort
    return answers


def apply_to_dict(program, model):
    answers = []
    for step in program:
        match step:
            case ("put", key, value):
                model[POOL[key % len(POOL)]] = value
            case ("delete", key):
                model.pop(POOL[key % len(POOL)], None)
            case ("clear", low, high):
                start, end = POOL[low % len(POOL)], POOL[high % len(POOL)]
                for key in [k for k in model if start <= k < end]:
                    del model[key]
            case ("scan", low, high, limit, reverse):
                start, end = POOL[low % len(POOL)], POOL[high % len(POOL)]
                rows = sorted((p for p in model.items() if start <= p[0] < end), reverse=reverse)
                answers.append(rows[:limit])
            case ("abort", _):
                return answers, True
    return answers, False


def test_one_stream_leaves_two_backends_alike(tmp_path, postgres):
    """The same seeded stream of transactions on LMDB and on every other backend ends in the same rows."""
    dumps = {}
    for backend in ("memory", "embedded", *(("cluster",) if postgres else ())):
        chance = random.Random(20261121)
        with open_store(backend, tmp_path, postgres) as store:

            async def stream(store=store, chance=chance):
                for _ in range(150):
                    steps = [
                        (chance.choice(POOL), chance.randbytes(5), chance.random() < 0.3)
                        for _ in range(chance.randrange(1, 6))
                    ]

                    def body(tx, steps=steps):
                        for key, value, delete in steps:
                            tx.delete(key) if delete else tx.put(key, value)

                    await store.write(body)
                return await store.read(lambda tx: list(tx.scan(b"", END, limit=9999)))

            dumps[backend] = asyncio.run(stream())
    assert len({repr(rows) for rows in dumps.values()}) == 1
