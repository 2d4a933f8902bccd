"""Buckets: create, delete, head, list."""

from __future__ import annotations

from typing import Any

import pytest


def test_a_bucket_is_listed_headed_and_deleted(s3: Any, aws: Any, fails: Any) -> None:
    name = f"life-{aws.account}"
    made = s3.create_bucket(Bucket=name)
    assert made["Location"] == f"/{name}"
    listed = s3.list_buckets()
    assert [found["Name"] for found in listed["Buckets"]] == [name]
    assert listed["Owner"]["ID"]
    head = s3.head_bucket(Bucket=name)
    assert head["BucketRegion"] == "us-east-1"
    s3.delete_bucket(Bucket=name)
    fails("404", 404, s3.head_bucket, Bucket=name)
    fails("NoSuchBucket", 404, s3.list_objects_v2, Bucket=name)
    assert s3.list_buckets()["Buckets"] == []


@pytest.mark.parametrize(
    "name", ["UPPER", "a..b", "192.168.5.4", "ab.-", "xn--nope", "ends-s3alias", "end-"]
)
def test_bucket_names_keep_the_rules(s3: Any, fails: Any, name: str) -> None:
    """General purpose buckets naming rules, S3 user guide."""
    fails("InvalidBucketName", 400, s3.create_bucket, Bucket=name)


def test_names_are_one_space_over_all_accounts(
    s3: Any, bucket: str, shared_node: Any, fails: Any
) -> None:
    other = shared_node.new_account().client("s3")
    fails("BucketAlreadyExists", 409, other.create_bucket, Bucket=bucket)
    fails("403", 403, other.head_bucket, Bucket=bucket)
    fails("AccessDenied", 403, other.list_objects_v2, Bucket=bucket)
    assert s3.head_bucket(Bucket=bucket)


def test_creating_ones_own_bucket_again_is_no_error_in_us_east_1_only(
    s3: Any, bucket: str, aws: Any, fails: Any
) -> None:
    """CreateBucket, API reference: BucketAlreadyOwnedByYou everywhere but in us-east-1."""
    s3.create_bucket(Bucket=bucket)
    west = aws.in_region("us-west-2").client("s3")
    options = {"CreateBucketConfiguration": {"LocationConstraint": "us-west-2"}}
    west.create_bucket(Bucket=f"{bucket}-west", **options)
    fails("BucketAlreadyOwnedByYou", 409, west.create_bucket, Bucket=f"{bucket}-west", **options)


def test_the_location_must_be_that_of_the_endpoint(aws: Any, fails: Any) -> None:
    west = aws.in_region("us-west-2").client("s3")
    name = f"west-{aws.account}"
    fails("IllegalLocationConstraintException", 400, west.create_bucket, Bucket=name)
    fails(
        "IllegalLocationConstraintException",
        400,
        west.create_bucket,
        Bucket=name,
        CreateBucketConfiguration={"LocationConstraint": "eu-west-1"},
    )
    west.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    assert west.get_bucket_location(Bucket=name)["LocationConstraint"] == "us-west-2"


def test_us_east_1_has_no_location_constraint(s3: Any, bucket: str) -> None:
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None


def test_only_an_empty_bucket_is_deleted(s3: Any, bucket: str, fails: Any) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    fails("BucketNotEmpty", 409, s3.delete_bucket, Bucket=bucket)
    s3.delete_object(Bucket=bucket, Key="a")
    s3.delete_bucket(Bucket=bucket)


def test_a_new_bucket_of_an_old_name_knows_nothing_of_it(s3: Any, bucket: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="left")
    s3.upload_part(
        Bucket=bucket, Key="left", UploadId=upload["UploadId"], PartNumber=1, Body=b"part"
    )
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "k", "Value": "v"}]})
    s3.delete_bucket(Bucket=bucket)
    s3.create_bucket(Bucket=bucket)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_buckets_are_listed_in_pages_by_prefix_and_region(s3: Any, aws: Any) -> None:
    names = [f"page{number}-{aws.account}" for number in range(5)]
    for name in names:
        s3.create_bucket(Bucket=name)
    s3.create_bucket(
        Bucket=f"other-{aws.account}",
        CreateBucketConfiguration={"LocationConstraint": "eu-west-1"},
    )
    first = s3.list_buckets(MaxBuckets=2, Prefix="page")
    assert [found["Name"] for found in first["Buckets"]] == names[:2]
    pages = s3.get_paginator("list_buckets").paginate(
        Prefix="page", PaginationConfig={"PageSize": 2}
    )
    assert [found["Name"] for page in pages for found in page["Buckets"]] == names
    there = s3.list_buckets(BucketRegion="eu-west-1")["Buckets"]
    assert [found["BucketRegion"] for found in there] == ["eu-west-1"]


def test_the_expected_owner_is_compared(s3: Any, bucket: str, aws: Any, fails: Any) -> None:
    s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=aws.account)
    fails(
        "AccessDenied", 403, s3.list_objects_v2, Bucket=bucket, ExpectedBucketOwner="111122223333"
    )


def test_what_is_not_implemented_is_refused_by_name(s3: Any, aws: Any, fails: Any) -> None:
    error = fails(
        "NotImplemented",
        501,
        s3.create_bucket,
        Bucket=f"lock-{aws.account}",
        ObjectLockEnabledForBucket=True,
    )
    assert "ObjectLockEnabledForBucket" in error["Message"]
