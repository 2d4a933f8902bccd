"""Multipart uploads and copies."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

FIVE = 5 * 1024 * 1024


def _start(s3: Any, bucket: str, key: str = "k", **options: Any) -> dict[str, Any]:
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key, **options)
    return {"Bucket": bucket, "Key": key, "UploadId": upload["UploadId"]}


def _part(s3: Any, where: dict[str, Any], number: int, body: bytes) -> dict[str, Any]:
    made = s3.upload_part(**where, PartNumber=number, Body=body)
    return {"PartNumber": number, "ETag": made["ETag"]}


def test_parts_make_an_object(s3: Any, bucket: str) -> None:
    where = _start(s3, bucket, ContentType="a/b", Metadata={"m": "1"})
    bodies = {1: b"a" * FIVE, 3: b"b" * FIVE, 7: b"tail"}
    parts = [_part(s3, where, number, bodies[number]) for number in (7, 1, 3)]
    listed = s3.list_parts(**where)
    assert [(p["PartNumber"], p["Size"]) for p in listed["Parts"]] == [
        (1, FIVE),
        (3, FIVE),
        (7, 4),
    ]
    ordered = sorted(parts, key=lambda part: part["PartNumber"])
    done = s3.complete_multipart_upload(**where, MultipartUpload={"Parts": ordered})
    digests = b"".join(hashlib.md5(bodies[n]).digest() for n in (1, 3, 7))
    assert done["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-3"'
    got = s3.get_object(Bucket=bucket, Key="k")
    whole = b"".join(bodies.values())
    assert got["Body"].read() == whole
    assert (got["ContentType"], got["Metadata"]) == ("a/b", {"m": "1"})
    middle = f"bytes={FIVE - 2}-{FIVE + 1}"
    assert s3.get_object(Bucket=bucket, Key="k", Range=middle)["Body"].read() == b"aabb"
    part = s3.get_object(Bucket=bucket, Key="k", PartNumber=3)
    assert part["PartsCount"] == 3
    assert part["Body"].read() == b"tail"
    attributes = s3.get_object_attributes(
        Bucket=bucket, Key="k", ObjectAttributes=["ObjectParts", "ObjectSize"]
    )
    assert attributes["ObjectParts"]["TotalPartsCount"] == 3
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_completing_again_gives_the_same_answer(s3: Any, bucket: str) -> None:
    """A client whose connection broke asks again (CompleteMultipartUpload, API reference)."""
    where = _start(s3, bucket)
    parts = {"Parts": [_part(s3, where, 1, b"only")]}
    first = s3.complete_multipart_upload(**where, MultipartUpload=parts)
    again = s3.complete_multipart_upload(**where, MultipartUpload=parts)
    assert first["ETag"] == again["ETag"]


def test_what_a_completion_must_say(s3: Any, bucket: str, fails: Any) -> None:
    where = _start(s3, bucket)
    one, two = _part(s3, where, 1, b"small"), _part(s3, where, 2, b"last")
    complete = s3.complete_multipart_upload
    fails("InvalidPartOrder", 400, complete, **where, MultipartUpload={"Parts": [two, one]})
    fails("EntityTooSmall", 400, complete, **where, MultipartUpload={"Parts": [one, two]})
    wrong = {"PartNumber": 1, "ETag": two["ETag"]}
    fails("InvalidPart", 400, complete, **where, MultipartUpload={"Parts": [wrong]})
    missing = {"PartNumber": 5, "ETag": one["ETag"]}
    fails("InvalidPart", 400, complete, **where, MultipartUpload={"Parts": [missing]})
    fails("MalformedXML", 400, complete, **where, MultipartUpload={"Parts": []})
    fails(
        "InvalidRequest",
        400,
        complete,
        **where,
        MultipartUpload={"Parts": [one]},
        MpuObjectSize=99,
    )
    complete(**where, MultipartUpload={"Parts": [one]})
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"small"


def test_an_aborted_upload_is_gone(s3: Any, bucket: str, fails: Any) -> None:
    where = _start(s3, bucket)
    part = _part(s3, where, 1, b"x")
    s3.abort_multipart_upload(**where)
    fails("NoSuchUpload", 404, s3.upload_part, **where, PartNumber=2, Body=b"y")
    fails("NoSuchUpload", 404, s3.list_parts, **where)
    fails("NoSuchUpload", 404, s3.abort_multipart_upload, **where)
    fails(
        "NoSuchUpload",
        404,
        s3.complete_multipart_upload,
        **where,
        MultipartUpload={"Parts": [part]},
    )


def test_uploads_are_listed(s3: Any, bucket: str) -> None:
    started = [_start(s3, bucket, key)["UploadId"] for key in ("a", "a", "b/1", "b/2", "c")]
    listed = s3.list_multipart_uploads(Bucket=bucket)["Uploads"]
    assert [found["UploadId"] for found in listed] == started
    page = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert [found["Prefix"] for found in page["CommonPrefixes"]] == ["b/"]
    pages = s3.get_paginator("list_multipart_uploads").paginate(
        Bucket=bucket, PaginationConfig={"PageSize": 1}
    )
    assert [found["UploadId"] for page in pages for found in page["Uploads"]] == started


def test_part_numbers_have_bounds(s3: Any, bucket: str, fails: Any) -> None:
    where = _start(s3, bucket)
    for number in (0, 10001):
        fails("InvalidArgument", 400, s3.upload_part, **where, PartNumber=number, Body=b"")


def test_composite_checksums(s3: Any, bucket: str, fails: Any) -> None:
    where = _start(s3, bucket, ChecksumAlgorithm="SHA256")
    parts = []
    for number, body in ((1, b"a" * FIVE), (2, b"tail")):
        made = s3.upload_part(**where, PartNumber=number, Body=body, ChecksumAlgorithm="SHA256")
        parts.append(
            {
                "PartNumber": number,
                "ETag": made["ETag"],
                "ChecksumSHA256": made["ChecksumSHA256"],
            }
        )
    bare = [{name: part[name] for name in ("PartNumber", "ETag")} for part in parts]
    fails(
        "InvalidRequest",
        400,
        s3.complete_multipart_upload,
        **where,
        MultipartUpload={"Parts": bare},
    )
    done = s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
    assert done["ChecksumSHA256"].endswith("-2")
    assert done["ChecksumType"] == "COMPOSITE"
    shown = s3.get_object_attributes(
        Bucket=bucket, Key="k", ObjectAttributes=["ObjectParts", "Checksum"]
    )
    assert [part["Size"] for part in shown["ObjectParts"]["Parts"]] == [FIVE, 4]
    s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")["Body"].read()


def test_full_object_crcs_combine(s3: Any, bucket: str, fails: Any) -> None:
    """The whole's CRC is that of its bytes, though they came in parts."""
    import base64
    import zlib

    where = _start(s3, bucket, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    bodies = (b"a" * FIVE, b"tail")
    parts = [_part(s3, where, number + 1, body) for number, body in enumerate(bodies)]
    value = base64.b64encode(zlib.crc32(b"".join(bodies)).to_bytes(4, "big")).decode()
    fails(
        "BadDigest",
        400,
        s3.complete_multipart_upload,
        **where,
        MultipartUpload={"Parts": parts},
        ChecksumCRC32="AAAAAA==",
    )
    done = s3.complete_multipart_upload(
        **where, MultipartUpload={"Parts": parts}, ChecksumCRC32=value
    )
    assert (done["ChecksumCRC32"], done["ChecksumType"]) == (value, "FULL_OBJECT")


@pytest.mark.parametrize("size", [100, 50_000])
def test_a_copy_keeps_or_replaces_what_the_directives_say(
    s3: Any, bucket: str, size: int, fails: Any
) -> None:
    body = b"c" * size
    s3.put_object(
        Bucket=bucket, Key="a b", Body=body, ContentType="x/y", Metadata={"m": "1"}, Tagging="t=1"
    )
    source = {"Bucket": bucket, "Key": "a b"}
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=source)
    got = s3.get_object(Bucket=bucket, Key="copy")
    assert got["Body"].read() == body
    assert (got["ContentType"], got["Metadata"], got["TagCount"]) == ("x/y", {"m": "1"}, 1)
    s3.copy_object(
        Bucket=bucket,
        Key="copy2",
        CopySource=source,
        MetadataDirective="REPLACE",
        Metadata={"n": "2"},
        TaggingDirective="REPLACE",
        Tagging="",
    )
    got = s3.head_object(Bucket=bucket, Key="copy2")
    assert (got["ContentType"], got["Metadata"]) == ("binary/octet-stream", {"n": "2"})
    assert "TagCount" not in got
    fails("InvalidRequest", 400, s3.copy_object, Bucket=bucket, Key="a b", CopySource=source)
    s3.copy_object(
        Bucket=bucket, Key="a b", CopySource=source, MetadataDirective="REPLACE", Metadata={}
    )
    s3.delete_object(Bucket=bucket, Key="a b")
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == body


def test_copy_conditions(s3: Any, bucket: str, fails: Any) -> None:
    etag = s3.put_object(Bucket=bucket, Key="a", Body=b"1")["ETag"]
    where = {"Bucket": bucket, "Key": "b", "CopySource": f"{bucket}/a"}
    s3.copy_object(**where, CopySourceIfMatch=etag)
    fails("PreconditionFailed", 412, s3.copy_object, **where, CopySourceIfMatch='"x"')
    fails("PreconditionFailed", 412, s3.copy_object, **where, CopySourceIfNoneMatch=etag)
    fails("PreconditionFailed", 412, s3.copy_object, **where, IfNoneMatch="*")
    fails("NoSuchKey", 404, s3.copy_object, Bucket=bucket, Key="b", CopySource=f"{bucket}/no")


def test_an_older_version_is_copied_back(s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    old = s3.put_object(Bucket=bucket, Key="k", Body=b"old")["VersionId"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"new")
    copied = s3.copy_object(
        Bucket=bucket, Key="k", CopySource={"Bucket": bucket, "Key": "k", "VersionId": old}
    )
    assert copied["CopySourceVersionId"] == old
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"old"


def test_parts_are_copied_from_objects(s3: Any, bucket: str, fails: Any) -> None:
    s3.put_object(Bucket=bucket, Key="src", Body=bytes(range(256)) * 100)
    s3.put_object(Bucket=bucket, Key="little", Body=b"0123456789")
    where = _start(s3, bucket)
    made = s3.upload_part_copy(
        **where,
        PartNumber=1,
        CopySource={"Bucket": bucket, "Key": "src"},
        CopySourceRange="bytes=256-511",
    )
    part = {"PartNumber": 1, "ETag": made["CopyPartResult"]["ETag"]}
    fails(
        "InvalidArgument",
        400,
        s3.upload_part_copy,
        **where,
        PartNumber=2,
        CopySource=f"{bucket}/little",
        CopySourceRange="bytes=5-10",
    )
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": [part]})
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == bytes(range(256))
