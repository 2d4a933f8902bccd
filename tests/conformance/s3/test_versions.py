"""Versions ("How S3 Versioning works", S3 user guide)."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def versioned(s3: Any, bucket: str) -> str:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket


def _listed(s3: Any, bucket: str, **options: Any) -> list[tuple[str, str, bool]]:
    page = s3.list_object_versions(Bucket=bucket, **options)
    entries = page.get("Versions", []) + page.get("DeleteMarkers", [])
    return [(found["Key"], found["VersionId"], found["IsLatest"]) for found in entries]


def test_versioning_is_off_until_it_is_put(s3: Any, bucket: str, fails: Any) -> None:
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Suspended"
    fails(
        "IllegalVersioningConfigurationException",
        400,
        s3.put_bucket_versioning,
        Bucket=bucket,
        VersioningConfiguration={},
    )


@pytest.mark.parametrize("body", [b"small", b"l" * 20000])
def test_each_put_adds_a_version(s3: Any, versioned: str, body: bytes) -> None:
    ids = [
        s3.put_object(Bucket=versioned, Key="k", Body=body + str(n).encode())["VersionId"]
        for n in range(3)
    ]
    assert len(set(ids)) == 3
    got = s3.get_object(Bucket=versioned, Key="k")
    assert (got["VersionId"], got["Body"].read()) == (ids[2], body + b"2")
    for number, version in enumerate(ids):
        got = s3.get_object(Bucket=versioned, Key="k", VersionId=version)
        assert got["Body"].read() == body + str(number).encode()
    assert _listed(s3, versioned) == [
        ("k", ids[2], True),
        ("k", ids[1], False),
        ("k", ids[0], False),
    ]


def test_a_delete_leaves_a_marker_and_undoing_it_brings_the_object_back(
    s3: Any, versioned: str, fails: Any
) -> None:
    version = s3.put_object(Bucket=versioned, Key="k", Body=b"1")["VersionId"]
    marker = s3.delete_object(Bucket=versioned, Key="k")
    assert marker["DeleteMarker"] is True
    fails("NoSuchKey", 404, s3.get_object, Bucket=versioned, Key="k")
    assert "Contents" not in s3.list_objects_v2(Bucket=versioned)
    fails(
        "MethodNotAllowed",
        405,
        s3.get_object,
        Bucket=versioned,
        Key="k",
        VersionId=marker["VersionId"],
    )
    page = s3.list_object_versions(Bucket=versioned)
    assert [found["VersionId"] for found in page["DeleteMarkers"]] == [marker["VersionId"]]
    assert page["DeleteMarkers"][0]["IsLatest"] is True
    assert [found["IsLatest"] for found in page["Versions"]] == [False]
    fails("BucketNotEmpty", 409, s3.delete_bucket, Bucket=versioned)
    undone = s3.delete_object(Bucket=versioned, Key="k", VersionId=marker["VersionId"])
    assert undone["DeleteMarker"] is True
    assert s3.head_object(Bucket=versioned, Key="k")["VersionId"] == version


def test_a_404_names_the_delete_marker(s3: Any, versioned: str) -> None:
    from botocore.exceptions import ClientError

    s3.put_object(Bucket=versioned, Key="k", Body=b"1")
    s3.delete_object(Bucket=versioned, Key="k")
    with pytest.raises(ClientError) as raised:
        s3.get_object(Bucket=versioned, Key="k")
    headers = raised.value.response["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amz-delete-marker"] == "true"


def test_deleting_the_current_version_makes_the_one_before_it_current(
    s3: Any, versioned: str
) -> None:
    first = s3.put_object(Bucket=versioned, Key="k", Body=b"1")["VersionId"]
    second = s3.put_object(Bucket=versioned, Key="k", Body=b"2")["VersionId"]
    s3.delete_object(Bucket=versioned, Key="k", VersionId=second)
    assert s3.head_object(Bucket=versioned, Key="k")["VersionId"] == first
    s3.delete_object(Bucket=versioned, Key="k", VersionId=first)
    s3.delete_bucket(Bucket=versioned)


def test_what_was_there_before_versioning_is_the_null_version(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"old")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert s3.head_object(Bucket=bucket, Key="k")["VersionId"] == "null"
    new = s3.put_object(Bucket=bucket, Key="k", Body=b"new")["VersionId"]
    assert s3.get_object(Bucket=bucket, Key="k", VersionId="null")["Body"].read() == b"old"
    assert _listed(s3, bucket) == [("k", new, True), ("k", "null", False)]
    s3.delete_object(Bucket=bucket, Key="k", VersionId="null")
    assert _listed(s3, bucket) == [("k", new, True)]


def test_a_suspended_bucket_keeps_one_null_version(s3: Any, versioned: str) -> None:
    """ "Adding objects to versioning-suspended buckets", S3 user guide."""
    kept = s3.put_object(Bucket=versioned, Key="k", Body=b"1")["VersionId"]
    s3.put_bucket_versioning(Bucket=versioned, VersioningConfiguration={"Status": "Suspended"})
    assert s3.put_object(Bucket=versioned, Key="k", Body=b"2")["VersionId"] == "null"
    assert s3.put_object(Bucket=versioned, Key="k", Body=b"3")["VersionId"] == "null"
    assert _listed(s3, versioned) == [("k", "null", True), ("k", kept, False)]
    marker = s3.delete_object(Bucket=versioned, Key="k")
    assert (marker["DeleteMarker"], marker["VersionId"]) == (True, "null")
    assert sorted(_listed(s3, versioned)) == sorted([("k", kept, False), ("k", "null", True)])
    s3.put_object(Bucket=versioned, Key="k", Body=b"4")
    assert _listed(s3, versioned) == [("k", "null", True), ("k", kept, False)]


def test_versions_that_are_not_there(s3: Any, versioned: str, fails: Any) -> None:
    version = s3.put_object(Bucket=versioned, Key="k", Body=b"1")["VersionId"]
    s3.put_object(Bucket=versioned, Key="other", Body=b"1")
    fails("NoSuchVersion", 404, s3.get_object, Bucket=versioned, Key="other", VersionId=version)
    fails("InvalidArgument", 400, s3.get_object, Bucket=versioned, Key="k", VersionId="not-one")


def test_versions_are_listed_page_by_page(s3: Any, versioned: str) -> None:
    expected = []
    for key in ("a", "a/x", "b", "c/1", "c/2"):
        made = [s3.put_object(Bucket=versioned, Key=key, Body=b"")["VersionId"] for _ in range(3)]
        expected += [(key, version) for version in reversed(made)]
    expected_latest = [key for key, _ in expected[::3]]
    s3.delete_object(Bucket=versioned, Key="b")
    for size in (1, 2, 3, 7, 100):
        got, latest = [], []
        paginator = s3.get_paginator("list_object_versions")
        for page in paginator.paginate(Bucket=versioned, PaginationConfig={"PageSize": size}):
            got += [(found["Key"], found["VersionId"]) for found in page.get("Versions", [])]
            both = page.get("Versions", []) + page.get("DeleteMarkers", [])
            latest += [found["Key"] for found in both if found["IsLatest"]]
        assert got == expected
        assert sorted(latest) == sorted(expected_latest)
    page = s3.list_object_versions(Bucket=versioned, Delimiter="/", MaxKeys=3)
    assert page["IsTruncated"]
    keys, prefixes = [], []
    for page in s3.get_paginator("list_object_versions").paginate(
        Bucket=versioned, Delimiter="/", PaginationConfig={"PageSize": 2}
    ):
        keys += [found["Key"] for found in page.get("Versions", [])]
        prefixes += [found["Prefix"] for found in page.get("CommonPrefixes", [])]
    assert (keys, prefixes) == (["a"] * 3 + ["b"] * 3, ["a/", "c/"])


def test_an_unversioned_bucket_lists_null_versions(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    assert _listed(s3, bucket) == [("k", "null", True)]


def test_deleting_many_in_a_versioned_bucket_makes_markers(s3: Any, versioned: str) -> None:
    version = s3.put_object(Bucket=versioned, Key="k", Body=b"1")["VersionId"]
    answer = s3.delete_objects(Bucket=versioned, Delete={"Objects": [{"Key": "k"}]})
    (deleted,) = answer["Deleted"]
    assert deleted["DeleteMarker"] is True
    answer = s3.delete_objects(
        Bucket=versioned,
        Delete={
            "Objects": [
                {"Key": "k", "VersionId": version},
                {"Key": "k", "VersionId": deleted["DeleteMarkerVersionId"]},
            ]
        },
    )
    assert len(answer["Deleted"]) == 2
    s3.delete_bucket(Bucket=versioned)
