"""S3's rules as tables of cases."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freehold.kernel.errors import AwsError
from freehold.services.s3.records import Bucket, Checksum, Object, Part, PublicAccessBlock, Upload
from freehold.services.s3.rules import (
    checksums,
    conditions,
    cors,
    drafts,
    expiry,
    multipart,
    names,
    notifications,
    policies,
    ranges,
    stamps,
    tags,
    website,
)

DAY = expiry.DAY_S


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("abc", True),
        ("a.b-c", True),
        ("1bucket", True),
        ("ab", False),
        ("a" * 63, True),
        ("a" * 64, False),
        ("Abc", False),
        ("a_b", False),
        ("-ab", False),
        ("ab-", False),
        (".ab", False),
        ("a..b", False),
        ("192.168.0.1", False),
        ("192.168.0.1x", True),
        ("xn--a", False),
        ("sthree-a", False),
        ("a-s3alias", False),
        ("a--x-s3", False),
    ],
)
def test_bucket_names(name: str, good: bool) -> None:
    """General purpose buckets naming rules, S3 user guide."""
    assert names.is_bucket_name(name) is good


@pytest.mark.parametrize(
    ("header", "size", "expected"),
    [
        ("bytes=0-0", 10, (0, 1)),
        ("bytes=0-", 10, (0, 10)),
        ("bytes=9-", 10, (9, 1)),
        ("bytes=-1", 10, (9, 1)),
        ("bytes=-20", 10, (0, 10)),
        ("bytes=3-100", 10, (3, 7)),
        ("bytes=5-3", 10, None),
        ("bytes=0-1,3-4", 10, None),
        ("lines=0-1", 10, None),
        ("bytes=-", 10, None),
        ("", 10, None),
        ("bytes=10-", 10, "InvalidRange"),
        ("bytes=-0", 10, "InvalidRange"),
        ("bytes=0-", 0, "InvalidRange"),
        ("bytes=-5", 0, "InvalidRange"),
    ],
)
def test_ranges(header: str, size: int, expected: Any) -> None:
    """RFC 9110, section 14.1.2; several ranges are answered with the whole by S3."""
    if isinstance(expected, str):
        with pytest.raises(AwsError) as raised:
            ranges.parse(header, size)
        assert (raised.value.code, raised.value.status) == (expected, 416)
    else:
        assert ranges.parse(header, size) == expected


FOUND = Object(stamp="", version="null", modified_at=1000, etag="abc")


@pytest.mark.parametrize(
    ("given_headers", "expected"),
    [
        ({}, "serve"),
        ({"IfMatch": '"abc"'}, "serve"),
        ({"IfMatch": "abc"}, "serve"),
        ({"IfMatch": "*"}, "serve"),
        ({"IfMatch": '"x", "abc"'}, "serve"),
        ({"IfMatch": '"x"'}, "If-Match"),
        ({"IfUnmodifiedSince": 1000.0}, "serve"),
        ({"IfUnmodifiedSince": 999.0}, "If-Unmodified-Since"),
        ({"IfMatch": '"abc"', "IfUnmodifiedSince": 999.0}, "serve"),
        ({"IfNoneMatch": '"abc"'}, "not-modified"),
        ({"IfNoneMatch": 'W/"abc"'}, "not-modified"),
        ({"IfNoneMatch": '"x"'}, "serve"),
        ({"IfModifiedSince": 1000.0}, "not-modified"),
        ({"IfModifiedSince": 999.0}, "serve"),
        ({"IfNoneMatch": '"x"', "IfModifiedSince": 1000.0}, "serve"),
        ({"IfNoneMatch": '"abc"', "IfModifiedSince": 999.0}, "not-modified"),
    ],
)
def test_conditions_of_reads(given_headers: dict[str, Any], expected: str) -> None:
    """GetObject, API reference: how conditions weigh against each other."""
    if expected.startswith("If-"):
        with pytest.raises(AwsError) as raised:
            conditions.check_read(given_headers, FOUND)
        assert raised.value.members["Condition"] == expected
    else:
        assert conditions.check_read(given_headers, FOUND) == expected


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("CRC32", "cbf43926"),
        ("CRC32C", "e3069283"),
        ("CRC64NVME", "ae8b14860a799888"),
    ],
)
def test_crcs_have_their_check_values(algorithm: str, expected: str) -> None:
    """The CRC catalogue gives for each CRC its value of the bytes 123456789."""
    for cut in range(10):
        hasher = checksums.hasher(checksums.ALGORITHMS[algorithm])
        hasher.update(b"123456789"[:cut])
        hasher.update(b"123456789"[cut:])
        assert hasher.digest().hex() == expected


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.binary(max_size=300), min_size=1, max_size=5))
def test_crcs_of_parts_combine_to_that_of_the_whole(parts: list[bytes]) -> None:
    for name in ("CRC32", "CRC32C", "CRC64NVME"):
        algorithm = checksums.ALGORITHMS[name]

        def value(data: bytes, algorithm: Any = algorithm) -> str:
            hasher = checksums.hasher(algorithm)
            hasher.update(data)
            return checksums.encode(hasher.digest())

        known = [(value(part), len(part)) for part in parts]
        assert checksums.combined(algorithm, known).value == value(b"".join(parts))


def test_stamps_sort_newest_first_even_when_the_clock_stands() -> None:
    stamp: str | None = None
    made = []
    for now in (5.0, 5.0, 4.0, 6.0):
        stamp = stamps.after(stamp, now, "x" * stamps.RANDOM_LETTERS)
        made.append(stamp)
    assert made == sorted(made, reverse=True)
    assert all(stamps.is_version(stamp) for stamp in made)
    assert stamps.moment(made[3]) == 6.0


@pytest.mark.parametrize(
    ("statement", "public"),
    [
        ({"Principal": "*"}, True),
        ({"Principal": {"AWS": "*"}}, True),
        ({"Principal": {"AWS": ["arn:aws:iam::111122223333:root", "*"]}}, True),
        ({"Principal": {"AWS": "arn:aws:iam::111122223333:root"}}, False),
        ({"Principal": {"Service": "cloudfront.amazonaws.com"}}, False),
        ({"Effect": "Deny", "Principal": "*"}, False),
        ({"Principal": "*", "Condition": {"StringEquals": {"aws:SourceVpc": "vpc-1"}}}, False),
        ({"Principal": "*", "Condition": {"StringLike": {"aws:SourceVpc": "vpc-*"}}}, True),
        ({"Principal": "*", "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}, False),
        ({"Principal": "*", "Condition": {"IpAddress": {"aws:SourceIp": "0.0.0.0/1"}}}, True),
        ({"Principal": "*", "Condition": {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}}, True),
        ({"Principal": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}, True),
        (
            {
                "Principal": "*",
                "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:sns:us-east-1:1234:*"}},
            },
            False,
        ),
        ({"NotPrincipal": {"AWS": "arn:aws:iam::111122223333:root"}}, True),
    ],
)
def test_which_policies_are_public(statement: dict[str, Any], public: bool) -> None:
    """ "The meaning of public", S3 user guide."""
    whole = {
        "Effect": "Allow",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::bucket/*",
        **statement,
    }
    text = json.dumps({"Version": "2012-10-17", "Statement": whole})
    assert policies.is_public(policies.check(text, "bucket")) is public


def test_a_restricted_public_policy_holds_in_the_account_only() -> None:
    bucket = Bucket(
        name="b",
        id="1",
        account="1",
        region="r",
        created_at=0,
        policy="{}",
        policy_is_public=True,
        public_access_block=PublicAccessBlock(block_public_policy=False),
    )
    assert policies.in_force(bucket, "1", is_service=False) == "{}"
    assert policies.in_force(bucket, "2", is_service=False) is None
    assert policies.in_force(bucket, "", is_service=True) == "{}"


def test_tags_in_a_header_are_a_query_string() -> None:
    assert tags.of_header("a=1&b=x%20y&c=") == {"a": "1", "b": "x y", "c": ""}
    with pytest.raises(AwsError):
        tags.of_header("a=1&a=2")


def test_aws_chunked_is_no_coding_of_the_object() -> None:
    assert "ContentEncoding" not in drafts.headers({"ContentEncoding": "aws-chunked"})
    found = drafts.headers({"ContentEncoding": "gzip, aws-chunked"})
    assert found["ContentEncoding"] == "gzip"


CORS = {
    "CORSRules": [
        {
            "AllowedMethods": ["PUT"],
            "AllowedOrigins": ["http://www.example1.com"],
            "AllowedHeaders": ["*"],
        },
        {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "MaxAgeSeconds": 3000},
    ]
}


@pytest.mark.parametrize(
    ("origin", "method", "headers", "allowed"),
    [
        ("http://www.example1.com", "PUT", ["x-amz-meta-a"], "http://www.example1.com"),
        ("http://www.example2.com", "PUT", [], None),
        ("http://www.example2.com", "GET", [], "*"),
        ("http://www.example2.com", "GET", ["x-a"], None),
        ("http://www.example1.com", "DELETE", [], None),
    ],
)
def test_cors(origin: str, method: str, headers: list[str], allowed: str | None) -> None:
    found = cors.preflight_headers(CORS, origin, method, headers)
    assert (None if found is None else dict(found)["access-control-allow-origin"]) == allowed


def _rule(**action: Any) -> dict[str, Any]:
    rule = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}, **action}
    return {"Rules": [rule], "TransitionDefaultMinimumObjectSize": "all_storage_classes_128K"}


@pytest.mark.parametrize(
    ("now", "expired"),
    [(0, False), (10 * DAY, False), (11 * DAY - 1, False), (11 * DAY, True)],
)
def test_days_are_rounded_up_to_the_next_midnight(now: int, expired: bool) -> None:
    """ "Lifecycle rules: based on an object's age", S3 user guide."""
    made = Object(stamp="", version="null", modified_at=10 * 3600, size=1)
    document = _rule(Expiration={"Days": 10})
    assert expiry.of_current(document, "k", made, now).expire is expired


def test_lifecycle_filters() -> None:
    made = Object(stamp="", version="null", modified_at=0, size=100, tags={"a": "1", "b": "2"})
    for criteria, covers in [
        ({}, True),
        ({"Prefix": "log"}, True),
        ({"Prefix": "x"}, False),
        ({"Tag": {"Key": "a", "Value": "1"}}, True),
        ({"Tag": {"Key": "a", "Value": "2"}}, False),
        ({"ObjectSizeGreaterThan": 100}, False),
        ({"ObjectSizeLessThan": 101}, True),
        ({"And": {"Prefix": "logs/", "Tags": [{"Key": "b", "Value": "2"}]}}, True),
        ({"And": {"Prefix": "logs/", "ObjectSizeLessThan": 100}}, False),
    ]:
        document = _rule(Expiration={"Days": 1}, Filter=criteria)
        assert expiry.of_current(document, "logs/1", made, 5 * DAY).expire is covers, criteria


def test_transitions_go_downhill_only_and_leave_small_objects() -> None:
    steps = [{"Days": 1, "StorageClass": "STANDARD_IA"}, {"Days": 3, "StorageClass": "GLACIER_IR"}]
    document = _rule(Transitions=steps)
    large = Object(stamp="", version="null", modified_at=0, size=1 << 20)
    assert expiry.of_current(document, "k", large, 2 * DAY).storage_class == "STANDARD_IA"
    assert expiry.of_current(document, "k", large, 9 * DAY).storage_class == "GLACIER_IR"
    small = Object(stamp="", version="null", modified_at=0, size=10)
    assert expiry.of_current(document, "k", small, 9 * DAY) == expiry.Outcome()


def test_newer_noncurrent_versions_are_kept() -> None:
    document = _rule(
        NoncurrentVersionExpiration={"NoncurrentDays": 1, "NewerNoncurrentVersions": 2}
    )
    old = Object(stamp="", version="v", modified_at=0, size=1)
    assert not expiry.of_noncurrent(document, "k", old, 0, 1, 9 * DAY).expire
    assert expiry.of_noncurrent(document, "k", old, 0, 2, 9 * DAY).expire


@pytest.mark.parametrize(
    ("event", "key", "wanted"),
    [
        ("ObjectCreated:Put", "images/a.jpg", True),
        ("ObjectCreated:CompleteMultipartUpload", "images/a.jpg", True),
        ("ObjectRemoved:Delete", "images/a.jpg", False),
        ("ObjectCreated:Put", "images/a.png", False),
        ("ObjectCreated:Put", "other/a.jpg", False),
    ],
)
def test_events_are_filtered(event: str, key: str, wanted: bool) -> None:
    arn = "arn:aws:lambda:us-east-1:111122223333:function:f"
    rules = [{"Name": "Prefix", "Value": "images/"}, {"Name": "suffix", "Value": ".jpg"}]
    entry = {
        "Id": "1",
        "LambdaFunctionArn": arn,
        "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": rules}},
    }
    document = {"LambdaFunctionConfigurations": [entry]}
    notifications.check(document)
    assert bool(list(notifications.targets(document, event, key))) is wanted


def test_the_event_record() -> None:
    """ "Event message structure", S3 user guide."""
    bucket = Bucket(name="b", id="1", account="1", region="eu-west-1", created_at=0)
    stamp = stamps.after(None, 10.0, "x" * 19)
    made = Object(stamp=stamp, version="null", modified_at=10, etag="e", size=3)
    found = notifications.record(
        bucket,
        "ObjectCreated:Put",
        "a b/ü",
        made,
        configuration_id="c",
        now=10.25,
        principal_id="AWS:1",
        source_ip="127.0.0.1",
        request_id="r",
    )
    assert found["eventTime"] == "1970-01-01T00:00:10.250Z"
    assert found["s3"]["object"] == {
        "key": "a+b/%C3%BC",
        "sequencer": f"{10_000_000:016X}",
        "eTag": "e",
        "size": 3,
    }


def test_parts_of_a_full_object_upload_need_no_checksums_in_the_completion() -> None:
    upload = Upload(
        key="k",
        initiated_at=0,
        initiator="",
        checksum_algorithm="CRC32",
        checksum_type="FULL_OBJECT",
    )
    part = Part(
        content="c",
        size=1,
        etag="e",
        modified_at=0,
        checksum=Checksum(algorithm="CRC32", value="AAAAAA=="),
    )
    found = multipart.chosen("u", upload, [{"PartNumber": 1, "ETag": '"e"'}], {1: part})
    assert found == [(1, part)]


@pytest.mark.parametrize(
    ("algorithm", "kind", "expected"),
    [
        (None, None, (None, None)),
        ("CRC32", None, ("CRC32", "COMPOSITE")),
        ("CRC64NVME", None, ("CRC64NVME", "FULL_OBJECT")),
        ("CRC32", "FULL_OBJECT", ("CRC32", "FULL_OBJECT")),
        ("SHA256", "FULL_OBJECT", "InvalidRequest"),
        ("CRC64NVME", "COMPOSITE", "InvalidRequest"),
        (None, "COMPOSITE", "InvalidRequest"),
        ("XXHASH64", None, "NotImplemented"),
    ],
)
def test_checksum_types_of_uploads(algorithm: str | None, kind: str | None, expected: Any) -> None:
    """ "Checking object integrity for data uploads", S3 user guide, the table of types."""
    if isinstance(expected, str):
        with pytest.raises(AwsError) as raised:
            multipart.checksum_type(algorithm, kind)
        assert raised.value.code == expected
    else:
        assert multipart.checksum_type(algorithm, kind) == expected


@pytest.mark.parametrize(
    ("redirect", "location"),
    [
        ({"ReplaceKeyPrefixWith": "documents/"}, "/site/documents/a b.html"),
        ({"ReplaceKeyWith": "error.html"}, "/site/error.html"),
        ({"HostName": "x.org"}, "//x.org/docs/a b.html"),
        ({"HostName": "x.org", "Protocol": "https"}, "https://x.org/docs/a b.html"),
        ({"Protocol": "https"}, "https://host/site/docs/a b.html"),
    ],
)
def test_routing_rules(redirect: dict[str, str], location: str) -> None:
    document = {
        "IndexDocument": {"Suffix": "index.html"},
        "RoutingRules": [{"Condition": {"KeyPrefixEquals": "docs/"}, "Redirect": redirect}],
    }
    website.check(document)
    found = website.routed(document, "docs/a b.html", None, "host", "/site")
    assert found == (301, location.replace(" ", "%20"))
    assert website.routed(document, "other", None, "host", "/site") is None
    assert website.routed(document, "docs/a", 404, "host", "/site") is None
