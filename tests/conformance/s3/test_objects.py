"""Objects: put, get, head, delete, and what goes with them."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest

LARGE = bytes(range(256)) * 300


@pytest.mark.parametrize("body", [b"", b"small", b"x" * 16384, b"y" * 16385, LARGE])
def test_an_object_comes_back_as_it_was_put(s3: Any, bucket: str, body: bytes) -> None:
    """In the store or on disk, by size: a caller cannot tell."""
    put = s3.put_object(Bucket=bucket, Key="k", Body=body, Metadata={"Colour": "blue"})
    assert put["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    assert put["ServerSideEncryption"] == "AES256"
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == body
    assert got["ContentLength"] == len(body)
    assert got["ContentType"] == "binary/octet-stream"
    assert got["Metadata"] == {"colour": "blue"}
    assert got["AcceptRanges"] == "bytes"
    assert "VersionId" not in got
    head = s3.head_object(Bucket=bucket, Key="k")
    assert head["ContentLength"] == len(body)
    assert head["ETag"] == put["ETag"]


def test_content_headers_come_back_and_can_be_overridden(s3: Any, bucket: str) -> None:
    s3.put_object(
        Bucket=bucket,
        Key="k",
        Body=b"x",
        ContentType="text/html",
        CacheControl="max-age=5",
        ContentDisposition="inline",
        ContentEncoding="gzip",
        ContentLanguage="en",
        Expires="Wed, 21 Oct 2026 07:28:00 GMT",
    )
    head = s3.head_object(Bucket=bucket, Key="k")
    assert head["ContentType"] == "text/html"
    assert head["CacheControl"] == "max-age=5"
    assert head["ContentDisposition"] == "inline"
    assert head["ContentEncoding"] == "gzip"
    assert head["ContentLanguage"] == "en"
    assert head["ExpiresString"] == "Wed, 21 Oct 2026 07:28:00 GMT"
    got = s3.get_object(
        Bucket=bucket, Key="k", ResponseContentType="text/plain", ResponseCacheControl="no-store"
    )
    assert (got["ContentType"], got["CacheControl"]) == ("text/plain", "no-store")
    assert got["Body"].read() == b"x"


@pytest.mark.parametrize("body", [LARGE, b"0123456789"])
def test_ranges(s3: Any, bucket: str, body: bytes, fails: Any) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=body)
    size = len(body)
    for header, part in [
        ("bytes=0-3", body[:4]),
        ("bytes=5-", body[5:]),
        ("bytes=-3", body[-3:]),
        (f"bytes=2-{size + 10}", body[2:]),
        (f"bytes=-{size + 10}", body),
    ]:
        got = s3.get_object(Bucket=bucket, Key="k", Range=header)
        assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
        assert got["Body"].read() == part
        assert got["ContentRange"].endswith(f"/{size}")
    whole = s3.get_object(Bucket=bucket, Key="k", Range="bytes=0-1,4-5")
    assert whole["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert whole["Body"].read() == body
    error = fails(
        "InvalidRange", 416, s3.get_object, Bucket=bucket, Key="k", Range=f"bytes={size}-"
    )
    assert error["ActualObjectSize"] == str(size)


def test_conditional_reads(s3: Any, bucket: str, fails: Any) -> None:
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    modified = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    s3.head_object(Bucket=bucket, Key="k", IfMatch=etag)
    fails("PreconditionFailed", 412, s3.get_object, Bucket=bucket, Key="k", IfMatch='"other"')
    fails("304", 304, s3.get_object, Bucket=bucket, Key="k", IfNoneMatch=etag)
    fails("304", 304, s3.get_object, Bucket=bucket, Key="k", IfModifiedSince=modified)
    fails("304", 304, s3.head_object, Bucket=bucket, Key="k", IfNoneMatch=etag)
    fails(
        "PreconditionFailed",
        412,
        s3.get_object,
        Bucket=bucket,
        Key="k",
        IfUnmodifiedSince=modified.replace(year=2001),
    )
    fails("412", 412, s3.head_object, Bucket=bucket, Key="k", IfMatch='"other"')


def test_conditional_writes(s3: Any, bucket: str, fails: Any) -> None:
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")["ETag"]
    fails(
        "PreconditionFailed", 412, s3.put_object, Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*"
    )
    fails(
        "PreconditionFailed", 412, s3.put_object, Bucket=bucket, Key="k", Body=b"2", IfMatch='"no"'
    )
    fails("NoSuchKey", 404, s3.put_object, Bucket=bucket, Key="new", Body=b"2", IfMatch=etag)
    s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfMatch=etag)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"2"
    fails("PreconditionFailed", 412, s3.delete_object, Bucket=bucket, Key="k", IfMatch=etag)


def test_a_missing_key(s3: Any, bucket: str, fails: Any) -> None:
    error = fails("NoSuchKey", 404, s3.get_object, Bucket=bucket, Key="none")
    assert error["Key"] == "none"
    fails("404", 404, s3.head_object, Bucket=bucket, Key="none")
    s3.delete_object(Bucket=bucket, Key="none")


def test_keys_may_hold_anything(s3: Any, bucket: str, fails: Any) -> None:
    keys = ["a b", "ä/ö?ü", "per%cent", "plus+", "a//b", "ends/", "q=1&r", "日本語", "tab\tkey"]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    listed = [found["Key"] for found in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert listed == sorted(keys, key=lambda key: key.encode())
    fails("KeyTooLongError", 400, s3.put_object, Bucket=bucket, Key="k" * 1025, Body=b"")


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256", "CRC32C", "CRC64NVME"])
@pytest.mark.parametrize("body", [b"123456789", LARGE])
def test_checksums_are_verified_and_returned(
    s3: Any, bucket: str, algorithm: str, body: bytes, fails: Any
) -> None:
    from freehold.services.s3.rules import checksums

    hasher = checksums.hasher(checksums.ALGORITHMS[algorithm])
    hasher.update(body)
    value = checksums.encode(hasher.digest())
    member = f"Checksum{algorithm}"
    put = s3.put_object(Bucket=bucket, Key="k", Body=body, **{member: value})
    assert put[member] == value
    assert put["ChecksumType"] == "FULL_OBJECT"
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert head[member] == value
    attributes = s3.get_object_attributes(
        Bucket=bucket, Key="k", ObjectAttributes=["Checksum", "ETag", "ObjectSize", "StorageClass"]
    )
    assert attributes["Checksum"][member] == value
    assert attributes["ObjectSize"] == len(body)
    assert attributes["StorageClass"] == "STANDARD"
    wrong = base64.b64encode(b"\0" * checksums.ALGORITHMS[algorithm].size).decode()
    fails("BadDigest", 400, s3.put_object, Bucket=bucket, Key="k2", Body=body, **{member: wrong})
    fails("404", 404, s3.head_object, Bucket=bucket, Key="k2")
    fails(
        "InvalidRequest", 400, s3.put_object, Bucket=bucket, Key="k2", Body=body, **{member: "AA=="}
    )


def test_content_md5_is_verified(s3: Any, bucket: str, fails: Any) -> None:
    digest = base64.b64encode(hashlib.md5(b"x").digest()).decode()
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentMD5=digest)
    fails("BadDigest", 400, s3.put_object, Bucket=bucket, Key="k", Body=b"y", ContentMD5=digest)
    fails("InvalidDigest", 400, s3.put_object, Bucket=bucket, Key="k", Body=b"y", ContentMD5="YQ==")


def test_metadata_is_limited(s3: Any, bucket: str, fails: Any) -> None:
    """2 KB of user metadata ("Working with object metadata", S3 user guide)."""
    fails(
        "MetadataTooLarge",
        400,
        s3.put_object,
        Bucket=bucket,
        Key="k",
        Metadata={"a": "x" * 2048},
    )


def test_many_are_deleted_at_once(s3: Any, bucket: str) -> None:
    for key in ("a", "b"):
        s3.put_object(Bucket=bucket, Key=key, Body=LARGE)
    answer = s3.delete_objects(
        Bucket=bucket, Delete={"Objects": [{"Key": "a"}, {"Key": "b"}, {"Key": "none"}]}
    )
    assert [found["Key"] for found in answer["Deleted"]] == ["a", "b", "none"]
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    quiet = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a"}], "Quiet": True})
    assert "Deleted" not in quiet


def test_object_tags(s3: Any, bucket: str, fails: Any) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="a=1&b=two%20words")
    tags = s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"]
    assert tags == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "two words"}]
    assert s3.head_object(Bucket=bucket, Key="k")["TagCount"] == 2
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": "c", "Value": "3"}]})
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "c", "Value": "3"}]
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []
    many = {"TagSet": [{"Key": str(n), "Value": ""} for n in range(11)]}
    fails("BadRequest", 400, s3.put_object_tagging, Bucket=bucket, Key="k", Tagging=many)
    twice = {"TagSet": [{"Key": "k", "Value": ""}] * 2}
    fails("InvalidTag", 400, s3.put_object_tagging, Bucket=bucket, Key="k", Tagging=twice)


def test_acls_are_what_bucket_owner_enforced_makes_them(s3: Any, bucket: str, fails: Any) -> None:
    """ "Controlling ownership of objects and disabling ACLs", S3 user guide."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="bucket-owner-full-control")
    grants = s3.get_object_acl(Bucket=bucket, Key="k")["Grants"]
    assert [grant["Permission"] for grant in grants] == ["FULL_CONTROL"]
    code = "AccessControlListNotSupported"
    fails(code, 400, s3.put_object, Bucket=bucket, Key="k", Body=b"x", ACL="public-read")
    fails(code, 400, s3.put_object_acl, Bucket=bucket, Key="k", ACL="public-read")
    fails(code, 400, s3.put_bucket_acl, Bucket=bucket, ACL="private")


def test_with_acls_turned_on_they_still_grant_nothing(
    s3: Any, bucket: str, shared_node: Any, fails: Any
) -> None:
    controls = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=controls)
    found = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]
    assert found == controls
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="private")
    for function, options in [
        (s3.put_object, {"Key": "k", "ACL": "public-read"}),
        (s3.put_object, {"Key": "k", "GrantRead": "id=1"}),
        (s3.put_object_acl, {"Key": "k", "ACL": "public-read"}),
        (s3.put_bucket_acl, {"ACL": "log-delivery-write"}),
    ]:
        fails("NotImplemented", 501, function, Bucket=bucket, **options)
    other = shared_node.new_account()
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": other.account},
        "Action": "s3:*",
        "Resource": f"arn:aws:s3:::{bucket}/*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    theirs = other.client("s3")
    fails("NotImplemented", 501, theirs.put_object, Bucket=bucket, Key="k", Body=b"x")
    s3.delete_bucket_ownership_controls(Bucket=bucket)
    fails("OwnershipControlsNotFoundError", 404, s3.get_bucket_ownership_controls, Bucket=bucket)


def test_what_is_not_implemented_is_refused_by_name(s3: Any, bucket: str, fails: Any) -> None:
    for options in (
        {"ServerSideEncryption": "aws:kms"},
        {"StorageClass": "GLACIER"},
        {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32},
    ):
        fails("NotImplemented", 501, s3.put_object, Bucket=bucket, Key="k", Body=b"", **options)
    fails(
        "InvalidStorageClass", 400, s3.put_object, Bucket=bucket, Key="k", StorageClass="OUTPOSTS"
    )
    s3.put_object(Bucket=bucket, Key="k", Body=b"", StorageClass="STANDARD_IA")
    assert s3.head_object(Bucket=bucket, Key="k")["StorageClass"] == "STANDARD_IA"


def test_presigned_urls_put_and_get(aws: Any, bucket: str) -> None:
    import urllib.request

    from botocore.config import Config

    s3 = aws.client("s3", config=Config(signature_version="s3v4"))
    params = {"Bucket": bucket, "Key": "signed"}
    url = s3.generate_presigned_url("put_object", Params=params)
    request = urllib.request.Request(url, data=b"by url", method="PUT")
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
    with urllib.request.urlopen(s3.generate_presigned_url("get_object", Params=params)) as answer:
        assert answer.read() == b"by url"


def test_the_transfer_manager_round_trips_a_large_file(s3: Any, bucket: str, tmp_path: Any) -> None:
    """upload_file cuts at 8 MB and sends parts in parallel, with trailing checksums."""
    from random import Random

    body = Random(4).randbytes(20 * 1024 * 1024 + 17)
    (tmp_path / "up").write_bytes(body)
    s3.upload_file(str(tmp_path / "up"), bucket, "large", ExtraArgs={"ContentType": "a/b"})
    head = s3.head_object(Bucket=bucket, Key="large")
    assert head["ContentLength"] == len(body)
    assert head["ContentType"] == "a/b"
    assert head["ETag"].endswith('-3"')
    s3.download_file(bucket, "large", str(tmp_path / "down"))
    assert (tmp_path / "down").read_bytes() == body
