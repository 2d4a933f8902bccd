"""Which operation a REST request means, on the real models of S3 and Lambda."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from freehold.wire.messages import WireError
from freehold.wire.model import load_model

from .samples import boto_model, request_of, sample

# Operations whose requests mean another one.
MEANS = {
    # Only the host (s3express-control) tells directory buckets.
    "ListDirectoryBuckets": "ListBuckets",
    # A newer operation took the older one's request over.
    "GetBucketLifecycle": "GetBucketLifecycleConfiguration",
    "PutBucketLifecycle": "PutBucketLifecycleConfiguration",
    "GetBucketNotification": "GetBucketNotificationConfiguration",
    "PutBucketNotification": "PutBucketNotificationConfiguration",
}

OPERATIONS = [
    pytest.param(service, operation, id=f"{service}-{operation}")
    for service in ("s3", "lambda", "apigateway", "s3control")
    for operation in load_model(service).documents
]


@pytest.mark.parametrize(("service", "name"), OPERATIONS)
def test_every_request_that_botocore_makes_means_its_operation(service, name):
    operation = boto_model(service).operation_model(name)
    for whole in (False, True):
        shape = operation.input_shape
        params = sample(shape, whole=whole) if shape is not None else {}
        path, request = request_of(operation, params)
        found = load_model(service).router(request.method, path, request.query, request.headers)
        assert found is not None
        assert found[0] == MEANS.get(name, name)


KEYS = {
    "/b/k": "k",
    "/b/a/b": "a/b",
    "/b/a%2Fb": "a/b",
    "/b//k": "/k",
    "/b/a//b": "a//b",
    "/b//": "/",
    "/b/k/": "k/",
    "/b/k//": "k//",
    "/b/.": ".",
    "/b/..": "..",
    "/b/../c/./d": "../c/./d",
    "/b/%2E%2E/c": "../c",
    "/b/a+b": "a+b",
    "/b/a%20b": "a b",
    "/b/%25": "%",
    "/b/%F0%9F%98%B9": "😹",
    "/b/a%00b": "a\0b",
    "/b/policy": "policy",
}


@pytest.mark.parametrize("path", KEYS)
def test_the_whole_rest_of_a_path_is_the_key(path):
    """S3 neither joins slashes nor resolves dots: every byte of a key is the user's."""
    router = load_model("s3").router
    assert router("GET", path, [], {}) == ("GetObject", {"Bucket": "b", "Key": KEYS[path]})


S3_REQUESTS = [
    ("GET", "/", "", {}, "ListBuckets"),
    ("GET", "/b", "", {}, "ListObjects"),
    ("GET", "/b/", "", {}, "ListObjects"),
    ("GET", "/b/", "list-type=2", {}, "ListObjectsV2"),
    ("GET", "/b", "list-type=1", {}, "ListObjects"),
    ("GET", "/b", "prefix=acl", {}, "ListObjects"),
    ("GET", "/b", "acl", {}, "GetBucketAcl"),
    ("GET", "/b/k", "acl", {}, "GetObjectAcl"),
    ("GET", "/b", "versions", {}, "ListObjectVersions"),
    ("GET", "/b", "uploads", {}, "ListMultipartUploads"),
    ("GET", "/b/k", "uploadId=u", {}, "ListParts"),
    ("GET", "/b/k", "versionId=v", {}, "GetObject"),
    ("GET", "/b/k", "x-id=GetObject", {}, "GetObject"),
    ("GET", "/b/k", "unknown=1", {}, "GetObject"),
    ("HEAD", "/b", "", {}, "HeadBucket"),
    ("HEAD", "/b/k", "", {}, "HeadObject"),
    ("PUT", "/b", "", {}, "CreateBucket"),
    ("PUT", "/b/", "", {}, "CreateBucket"),
    ("PUT", "/b/k", "", {}, "PutObject"),
    ("PUT", "/b/k", "", {"x-amz-copy-source": "b/c"}, "CopyObject"),
    ("PUT", "/b/k", "partNumber=1&uploadId=u", {}, "UploadPart"),
    ("PUT", "/b/k", "partNumber=1&uploadId=u", {"x-amz-copy-source": "b/c"}, "UploadPartCopy"),
    ("POST", "/b/k", "uploads", {}, "CreateMultipartUpload"),
    ("POST", "/b/k", "uploadId=u", {}, "CompleteMultipartUpload"),
    ("POST", "/b", "delete", {}, "DeleteObjects"),
    ("DELETE", "/b/k", "uploadId=u", {}, "AbortMultipartUpload"),
    ("DELETE", "/b/k", "tagging", {}, "DeleteObjectTagging"),
    # What names a subresource never reaches the bucket itself, whatever else is missing.
    ("DELETE", "/b", "analytics", {}, "DeleteBucketAnalyticsConfiguration"),
    ("DELETE", "/b", "inventory", {}, "DeleteBucketInventoryConfiguration"),
    ("PUT", "/b", "metrics", {}, "PutBucketMetricsConfiguration"),
    ("GET", "/b", "analytics", {}, "ListBucketAnalyticsConfigurations"),
    ("GET", "/b", "analytics&id=1", {}, "GetBucketAnalyticsConfiguration"),
]


@pytest.mark.parametrize(("method", "path", "query", "headers", "name"), S3_REQUESTS)
def test_the_query_and_headers_tell_operations_of_one_path(method, path, query, headers, name):
    pairs = parse_qsl(query, keep_blank_values=True)
    found = load_model("s3").router(method, path, pairs, headers)
    assert found is not None
    assert found[0] == name


LAMBDA_REQUESTS = [
    ("GET", "/2015-03-31/functions", "ListFunctions", {}),
    ("GET", "/2015-03-31/functions/", "ListFunctions", {}),
    ("GET", "/2015-03-31/functions/f", "GetFunction", {"FunctionName": "f"}),
    (
        "GET",
        "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A1%3Afunction%3Af",
        "GetFunction",
        {"FunctionName": "arn:aws:lambda:eu-west-1:1:function:f"},
    ),
    ("POST", "/2015-03-31/functions/f/invocations", "Invoke", {"FunctionName": "f"}),
    (
        "GET",
        "/2017-03-31/tags/arn%3Aaws%3Alambda%3A1%3Af",
        "ListTags",
        {"Resource": "arn:aws:lambda:1:f"},
    ),
]


@pytest.mark.parametrize(("method", "path", "name", "labels"), LAMBDA_REQUESTS)
def test_labels_take_one_segment(method, path, name, labels):
    assert load_model("lambda").router(method, path, [], {}) == (name, labels)


@pytest.mark.parametrize(
    ("service", "method", "path"),
    [
        ("lambda", "GET", "/"),
        ("lambda", "GET", "/2015-03-31/functions/f/nothing"),
        ("lambda", "GET", "/2015-03-31/functions/a/b/invocations"),
        ("lambda", "PATCH", "/2015-03-31/functions"),
        ("s3", "PATCH", "/b/k"),
        ("s3", "POST", "/"),
    ],
)
def test_a_path_that_the_model_does_not_have_means_nothing(service, method, path):
    assert load_model(service).router(method, path, [], {}) is None


def test_what_follows_a_greedy_label_is_not_part_of_it():
    """workspaces-web puts ARNs with slashes before a last literal segment."""
    router = load_model("workspaces-web").router
    path = "/portals/arn:aws:workspaces-web:portal/1/browserSettings"
    assert router("PUT", path, [("browserSettingsArn", "a")], {}) == (
        "AssociateBrowserSettings",
        {"portalArn": "arn:aws:workspaces-web:portal/1"},
    )


@pytest.mark.parametrize("path", ["/%ff/k", "/b/%ff", "/b/a/%C3%28"])
def test_a_path_that_is_not_utf_8_is_refused(path):
    """Replacing what does not decode would give two keys one name."""
    with pytest.raises(WireError) as refusal:
        load_model("s3").router("GET", path, [], {})
    assert refusal.value.code == "InvalidURI"
