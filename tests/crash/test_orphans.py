"""Blobs that no record names go, and no others."""

from __future__ import annotations

import asyncio
import io
import os
import time
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from freehold.kernel import orphans
from freehold.kernel.clock import ManualClock
from tests.conftest import Aws, Node

BODY = os.urandom(5 * 1024 * 1024)


@pytest.fixture
def node(new_node: Callable[..., Node]) -> Node:
    # It begins now: clients sign with their own clocks, and blobs have the file system's times.
    return new_node(clock=ManualClock(time.time()))


def orphan(node: Node) -> str:
    """A blob whose request was cut off before its record was written."""
    blob_id = os.urandom(16).hex()
    node.run(node.running.node.blobs.write(blob_id, b"never named"))
    return blob_id


def is_there(node: Node, blob_id: str) -> bool:
    return node.running.node.blobs.path(blob_id).exists()


def collect_now(node: Node) -> int:
    """Take even the youngest for old."""
    count: int = node.run(orphans.collect(node.running.node, time.time() + 10))
    return count


def archive() -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as opened:
        opened.writestr("index.py", "def handler(event, context): return event")
    return written.getvalue()


def make_function(aws: Aws) -> Any:
    role = aws.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)["Role"]
    aws.client("lambda").create_function(
        FunctionName="f",
        Runtime="python3.11",
        Role=role["Arn"],
        Handler="index.handler",
        Code={"ZipFile": archive()},
    )


TRUST = """{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
    "Principal": {"Service": "lambda.amazonaws.com"}}]}"""


def test_what_nothing_names_goes_and_all_else_stays(node):
    aws = node.new_account()
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="orphans")
    s3.put_object(Bucket="orphans", Key="whole", Body=BODY)
    s3.copy_object(Bucket="orphans", Key="copy", CopySource="orphans/whole")
    s3.delete_object(Bucket="orphans", Key="whole")
    make_function(aws)
    lost = [orphan(node) for _ in range(3)]
    assert collect_now(node) == 3
    assert not any(is_there(node, blob_id) for blob_id in lost)
    assert s3.get_object(Bucket="orphans", Key="copy")["Body"].read() == BODY
    answer = aws.client("lambda").invoke(FunctionName="f", Payload=b'"there"')
    assert answer["Payload"].read() == b'"there"'


def test_parts_of_uploads_in_progress_stay(node):
    """A part's blob is named by the part long before its object is."""
    s3 = node.new_account().client("s3")
    s3.create_bucket(Bucket="in-parts")
    upload = s3.create_multipart_upload(Bucket="in-parts", Key="k")["UploadId"]
    place = {"Bucket": "in-parts", "Key": "k", "UploadId": upload}
    parts = [
        {"PartNumber": n, "ETag": s3.upload_part(**place, PartNumber=n, Body=BODY)["ETag"]}
        for n in (1, 2)
    ]
    assert collect_now(node) == 0
    s3.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})
    assert collect_now(node) == 0
    assert s3.get_object(Bucket="in-parts", Key="k")["Body"].read() == BODY + BODY


def test_a_body_that_is_still_arriving_stays(node):
    """Its file has no blob's name yet."""
    blobs = node.running.node.blobs
    blob_id = os.urandom(16).hex()

    async def arrive() -> None:
        async with blobs.writer(blob_id) as writer:
            await writer.write(b"first half, ")
            await orphans.collect(node.running.node, time.time() + 10)
            await writer.write(b"second half")
            await writer.commit()

    node.run(arrive())
    assert blobs.read_whole(blob_id) == b"first half, second half"


def test_a_node_collects_by_itself_but_leaves_the_young_alone(node):
    """Whoever wrote a blob moments ago may be about to name it."""
    old, young = orphan(node), orphan(node)
    past = time.time() - orphans.ORPHAN_S_MIN
    os.utime(node.running.node.blobs.path(old), (past, past))
    node.advance(orphans.FIRST_AFTER_S)

    async def settled() -> None:
        async with asyncio.timeout(20):
            while is_there(node, old):
                await asyncio.sleep(0.01)

    node.run(settled())
    assert is_there(node, young)


def test_every_service_that_keeps_blobs_says_which(node):
    """A service that forgot to would lose its blobs after an hour."""
    from importlib import resources

    for name in node.running.node.service_names:
        service = node.running.node.service(name)
        sources = [path.read_text() for path in resources.files(service.package).rglob("*.py")]
        keeps = any("node.blobs" in source for source in sources)
        assert keeps == (service.blobs_in_use is not None), name
