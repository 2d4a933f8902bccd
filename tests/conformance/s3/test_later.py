"""What happens later: lifecycle, erasing, events."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from freehold.kernel.clock import ManualClock
from freehold.kernel.tasks import _NOWHERE, _due

DAY_S = 86_400.0


def _node(new_node: Any) -> tuple[Any, Any, str]:
    node = new_node(clock=ManualClock(time.time()))
    aws = node.new_account()
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="later")
    return node, s3, "later"


def _pass(node: Any, seconds: float, until: Callable[[], bool]) -> None:
    """Turn the clock in steps that tasks can follow, until something has come about."""
    node.advance(seconds)
    deadline = time.monotonic() + 20
    while not until():
        assert time.monotonic() < deadline, "it did not come about"
        node.advance(0.5)


def _blobs(node: Any) -> list[Path]:
    root = node.config.data / "blobs"
    return [path for path in root.rglob("*") if path.is_file() and "incoming" not in path.parts]


def test_a_body_that_nothing_names_is_erased_after_its_readers(new_node: Any) -> None:
    node, s3, bucket = _node(new_node)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x" * 50_000)
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k")
    s3.put_object(Bucket=bucket, Key="k", Body=b"y" * 50_000)
    assert len(_blobs(node)) == 2
    s3.delete_object(Bucket=bucket, Key="copy")
    assert len(_blobs(node)) == 2
    _pass(node, 901, lambda: len(_blobs(node)) == 1)


def test_the_parts_of_an_aborted_upload_are_erased(new_node: Any) -> None:
    node, s3, bucket = _node(new_node)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    for number in (1, 2, 3):
        s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=number, Body=b"x")
    s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=upload)
    assert len(_blobs(node)) == 3
    _pass(node, 1, lambda: _tasks(node) == ["EraseContent"] * 3)
    _pass(node, 901, lambda: not _blobs(node))


def test_the_pieces_of_a_deleted_object_are_erased(new_node: Any) -> None:
    node, s3, bucket = _node(new_node)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    where = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    part = s3.upload_part(**where, PartNumber=1, Body=b"x" * 10)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(**where, MultipartUpload=parts)
    s3.delete_object(Bucket=bucket, Key="k")
    _pass(node, 901, lambda: not _blobs(node))


def test_objects_expire_at_midnight(new_node: Any) -> None:
    node, s3, bucket = _node(new_node)
    rule = {"Status": "Enabled", "Filter": {"Prefix": "old/"}, "Expiration": {"Days": 1}}
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    s3.put_object(Bucket=bucket, Key="old/1", Body=b"x")
    s3.put_object(Bucket=bucket, Key="kept", Body=b"x")
    assert _keys(node, bucket) == ["kept", "old/1"]
    _pass(node, 3 * DAY_S, lambda: _keys(node, bucket) == ["kept"])


def test_noncurrent_versions_markers_and_uploads_expire(new_node: Any) -> None:
    node, s3, bucket = _node(new_node)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    s3.put_object(Bucket=bucket, Key="k", Body=b"2")
    s3.put_object(Bucket=bucket, Key="gone", Body=b"1")
    s3.delete_object(Bucket=bucket, Key="gone")
    s3.create_multipart_upload(Bucket=bucket, Key="u")
    rule = {
        "Status": "Enabled",
        "Filter": {},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
        "Expiration": {"ExpiredObjectDeleteMarker": True},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    }
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})

    def is_clean() -> bool:
        return _count(node, bucket, "version") == 0 and _count(node, bucket, "upload") == 0

    _pass(node, 3 * DAY_S, lambda: _count(node, bucket, "upload") == 0)
    _pass(node, DAY_S, is_clean)
    assert _keys(node, bucket) == ["k"]


def _read(node: Any, body: Callable[[Any], Any]) -> Any:
    return node.write(body)


def _keys(node: Any, bucket: str) -> list[str]:
    from freehold.services.s3 import store

    def body(tx: Any) -> list[str]:
        listing = store.Listing(tx, store.load_bucket(tx, bucket), "object", "")
        return [names[0] for names, _ in listing.read(100)]

    found: list[str] = _read(node, body)
    return found


def _count(node: Any, bucket: str, kind: str) -> int:
    from freehold.services.s3 import store

    def body(tx: Any) -> int:
        listing = store.Listing(tx, store.load_bucket(tx, bucket), kind, "")
        return len(list(listing.read(100)))

    found: int = _read(node, body)
    return found


def _tasks(node: Any) -> list[str]:
    found: list[str] = _read(
        node, lambda tx: [task.kind for _, task in _due.list(tx, _NOWHERE, limit=100)]
    )
    return found
