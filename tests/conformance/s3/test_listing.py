"""ListObjects and ListObjectsV2."""

from __future__ import annotations

from typing import Any

import pytest

KEYS = ["a", "b/1", "b/2", "b/c/3", "c", "d/4", "e f+g", "z"]


@pytest.fixture
def filled(s3: Any, bucket: str) -> str:
    for key in KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    return bucket


def _keys(page: dict[str, Any]) -> list[str]:
    return [found["Key"] for found in page.get("Contents", [])]


def _prefixes(page: dict[str, Any]) -> list[str]:
    return [found["Prefix"] for found in page.get("CommonPrefixes", [])]


def test_everything_in_order(s3: Any, filled: str) -> None:
    page = s3.list_objects_v2(Bucket=filled)
    assert _keys(page) == KEYS
    assert (page["KeyCount"], page["IsTruncated"], page["MaxKeys"]) == (len(KEYS), False, 1000)
    assert page["Contents"][0]["Size"] == 1
    assert page["Contents"][0]["StorageClass"] == "STANDARD"
    assert "Owner" not in page["Contents"][0]
    assert "Owner" in s3.list_objects_v2(Bucket=filled, FetchOwner=True)["Contents"][0]
    assert "Owner" in s3.list_objects(Bucket=filled)["Contents"][0]


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_pages_with_and_without_delimiter(s3: Any, filled: str, operation: str, size: int) -> None:
    for options, keys, prefixes in [
        ({}, KEYS, []),
        ({"Delimiter": "/"}, ["a", "c", "e f+g", "z"], ["b/", "d/"]),
        ({"Prefix": "b/"}, ["b/1", "b/2", "b/c/3"], []),
        ({"Prefix": "b/", "Delimiter": "/"}, ["b/1", "b/2"], ["b/c/"]),
        ({"Prefix": "b/c", "Delimiter": "/"}, [], ["b/c/"]),
        ({"Prefix": "none"}, [], []),
    ]:
        paginator = s3.get_paginator(operation)
        pages = list(
            paginator.paginate(Bucket=filled, PaginationConfig={"PageSize": size}, **options)
        )
        assert [key for page in pages for key in _keys(page)] == keys
        assert [prefix for page in pages for prefix in _prefixes(page)] == prefixes
        assert all(len(_keys(page)) + len(_prefixes(page)) <= size for page in pages)


def test_listing_starts_after_a_key(s3: Any, filled: str) -> None:
    assert _keys(s3.list_objects_v2(Bucket=filled, StartAfter="c")) == KEYS[5:]
    assert _keys(s3.list_objects_v2(Bucket=filled, StartAfter="b/15")) == KEYS[2:]
    assert _keys(s3.list_objects(Bucket=filled, Marker="d/4")) == KEYS[6:]


def test_a_marker_that_is_a_common_prefix_is_passed(s3: Any, filled: str) -> None:
    """NextMarker may be a common prefix; its keys have been counted already."""
    page = s3.list_objects(Bucket=filled, Delimiter="/", MaxKeys=2)
    assert page["NextMarker"] == "b/"
    page = s3.list_objects(Bucket=filled, Delimiter="/", Marker="b/", MaxKeys=2)
    assert (_keys(page), _prefixes(page)) == (["c"], ["d/"])


def test_no_keys_at_all(s3: Any, filled: str) -> None:
    page = s3.list_objects_v2(Bucket=filled, MaxKeys=0)
    assert (page["KeyCount"], page["IsTruncated"]) == (0, False)


def test_url_encoding(s3: Any, filled: str) -> None:
    """boto3 decodes what it did not ask for itself; asked for explicitly, it is shown raw."""
    page = s3.list_objects_v2(Bucket=filled, Prefix="e", EncodingType="url")
    assert _keys(page) == ["e%20f%2Bg"]


def test_bad_arguments(s3: Any, filled: str, fails: Any) -> None:
    fails("InvalidArgument", 400, s3.list_objects_v2, Bucket=filled, ContinuationToken="x")
    fails("InvalidArgument", 400, s3.list_objects_v2, Bucket=filled, MaxKeys=-1)


def test_many_keys_under_many_prefixes(s3: Any, bucket: str) -> None:
    for folder in range(6):
        for name in range(6):
            s3.put_object(Bucket=bucket, Key=f"{folder:02}/{name:02}", Body=b"")
    page = s3.list_objects_v2(Bucket=bucket, Delimiter="/")
    assert _prefixes(page) == [f"{folder:02}/" for folder in range(6)]
    assert len(_keys(s3.list_objects_v2(Bucket=bucket))) == 36
