"""A disk that is full, a body that raises in a group, a process that dies in between."""

from __future__ import annotations

import asyncio
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from freehold.kv import StoreUnavailable, Transaction
from freehold.kv.embedded import EmbeddedStore
from tests.crash.load import list_objects, make_table, scan
from tests.crash.process import NodeProcess
from tests.crash.writer import halves

END = b"\xfd"
MB = 1024 * 1024


@pytest.fixture
def process(tmp_path: Path) -> Iterator[NodeProcess]:
    process = NodeProcess(tmp_path / "node")
    yield process
    process.stop()


def contents(directory: Path) -> dict[bytes, bytes]:
    store = EmbeddedStore(directory)
    try:
        return store.read_inline(lambda tx: dict(tx.scan(b"", END, limit=1_000_000)))
    finally:
        store.close()


def test_a_killed_group_commit_keeps_what_it_acknowledged_and_nothing_by_halves(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Bodies share one commit; some of them raise, and leave their neighbours alone."""
    seed = request.config.getoption("--crash-seed")
    if seed is None:
        seed = random.SystemRandom().randrange(1 << 32)
    print(f"replay with --crash-seed {seed}")
    chance = random.Random(seed)
    acknowledged: set[int] = set()
    last = 0
    for _ in range(request.config.getoption("--crash-rounds")):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.writer", str(tmp_path / "kv"), str(last)],
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(chance.uniform(0, 0.2))
        process.kill()
        # A line that the kill cut off was an acknowledgement too, but of whom is not known.
        whole = (first + process.stdout.read()).split(b"\n")[:-1]
        process.stdout.close()
        process.wait()
        acknowledged |= {int(line) for line in whole}
        found = contents(tmp_path / "kv")
        for number in acknowledged:
            assert all(key in found for key in halves(number)), number
        written = {int(key.partition(b"/")[2]) for key in found}
        assert not any(number % 3 == 0 for number in written), "a body that raised left a trace"
        for number in written:
            assert all(len(found[key]) == number % 5000 for key in halves(number)), number
        last = max(written)
    assert len(acknowledged) > 100


def test_a_store_without_room_refuses_and_keeps_what_it_has(tmp_path: Path) -> None:
    """Every write is acknowledged and there, or refused and not there; room makes it write again."""
    directory = tmp_path / "kv"

    async def fill() -> tuple[set[bytes], set[bytes]]:
        store = EmbeddedStore(directory, map_bytes=2 * MB)
        taken: set[bytes] = set()
        refused: set[bytes] = set()
        for number in range(100):
            keys = [b"%d/%d" % (number, n) for n in range(20)]
            writes = [store.write(lambda tx, key=key: tx.put(key, b"x" * 3000)) for key in keys]
            for key, result in zip(
                keys, await asyncio.gather(*writes, return_exceptions=True), strict=True
            ):
                assert result is None or isinstance(result, StoreUnavailable)
                (taken if result is None else refused).add(key)
        gone = set(sorted(taken)[:50])

        def make_room(tx: Transaction) -> None:
            for key in gone:
                tx.delete(key)

        await store.write(make_room)
        await store.write(lambda tx: tx.put(b"again", b"there is room"))
        store.close()
        return taken - gone | {b"again"}, refused

    kept, refused = asyncio.run(fill())
    assert refused
    assert contents(directory).keys() == kept


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux's")
def test_a_node_on_a_full_disk_refuses_and_keeps_what_it_acknowledged(process: NodeProcess) -> None:
    """Callers get an error of the server's side; with room again, the same process goes on."""
    process.start()
    aws = process.root()
    dynamodb, s3 = aws.client("dynamodb"), aws.client("s3")
    make_table(dynamodb, "items")
    s3.create_bucket(Bucket="full")
    s3.put_object(Bucket="full", Key="before", Body=b"b" * MB)
    used = (process.data / "kv/data.mdb").stat().st_size
    process.limit_files(used + 300_000)
    kept = fill_table(dynamodb)
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket="full", Key="too-large", Body=b"l" * 8 * MB)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] >= 500
    assert list(list_objects(s3, "full")) == ["before"]
    assert len(s3.get_object(Bucket="full", Key="before")["Body"].read()) == MB
    assert not any((process.data / "blobs/incoming").iterdir())
    assert {item["id"]["S"] for item in scan(dynamodb, "items")} == kept

    process.limit_files(resource.RLIM_INFINITY)
    put(dynamodb, "with-room")
    s3.put_object(Bucket="full", Key="after", Body=b"l" * 8 * MB)
    process.kill()
    process.start()
    assert {item["id"]["S"] for item in scan(dynamodb, "items")} == kept | {"with-room"}
    assert list(list_objects(s3, "full")) == ["after", "before"]


def fill_table(dynamodb: Any) -> set[str]:
    """Put items until ten are refused; the names of the others."""
    kept: set[str] = set()
    refusals = 0
    for number in range(1000):
        try:
            put(dynamodb, f"item-{number}")
        except ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500
            refusals += 1
            if refusals == 10:
                return kept
        else:
            kept.add(f"item-{number}")
    raise AssertionError("nothing was refused")


def put(dynamodb: Any, name: str) -> None:
    item = {"id": {"S": name}, "bytes": {"B": os.urandom(20_000)}}
    dynamodb.put_item(TableName="items", Item=item)
