"""Where requests go: by host, path, signature and target; and what is refused on the way."""

from __future__ import annotations

import gzip
import json
import socket
import zlib
from urllib.parse import urlsplit

import pytest
from botocore.loaders import Loader

from freehold.app import SERVICES
from freehold.gateway.routing import (
    SIGNING_NAMES,
    TARGET_PREFIXES,
    UNSIGNED_ACTIONS,
    Hint,
    ToEndpoint,
    endpoint_of,
    hint_of,
)
from freehold.server.messages import Request
from tests.gateway.signer import Sent, signed

JSON = {
    "X-Amz-Target": "DynamoDB_20120810.ListTables",
    "Content-Type": "application/x-amz-json-1.0",
}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


# -- hosts and paths --


@pytest.mark.parametrize(
    ("host", "path", "kind", "name", "rest"),
    [
        ("abc.execute-api.us-east-1.localhost:4566", "/s/x", "execute-api", "abc", "/s/x"),
        ("ABC.Execute-API.us-east-1.LOCALHOST", "/", "execute-api", "abc", "/"),
        ("abc.execute-api.us-east-1.amazonaws.com", "/s", "execute-api", "abc", "/s"),
        ("abc.execute-api.localhost", "/", "execute-api", "abc", "/"),
        ("abc.lambda-url.us-east-1.on.aws", "/", "lambda-url", "abc", "/"),
        ("abc.lambda-url.us-east-1.localhost", "/", "lambda-url", "abc", "/"),
        ("b.s3-website-us-east-1.amazonaws.com", "/i", "s3-website", "b", "/i"),
        ("b.s3-website.eu-central-1.amazonaws.com", "/", "s3-website", "b", "/"),
        ("www.b.com.s3-website.us-east-1.localhost:1", "/", "s3-website", "www.b.com", "/"),
        ("b.s3-website.localhost", "/", "s3-website", "b", "/"),
        ("127.0.0.1:4566", "/_aws/execute-api/abc/s/x", "execute-api", "abc", "/s/x"),
        ("127.0.0.1:4566", "/_aws/lambda-url/abc", "lambda-url", "abc", "/"),
        ("127.0.0.1:4566", "/_aws/lambda-url/abc/", "lambda-url", "abc", "/"),
        ("127.0.0.1:4566", "/_aws/lambda-url/abc//x", "lambda-url", "abc", "//x"),
        ("127.0.0.1:4566", "/_aws/s3-website/a%2Eb/%2F", "s3-website", "a.b", "/%2F"),
        ("b.s3.localhost", "/_aws/execute-api/abc/", "execute-api", "abc", "/"),
    ],
)
def test_endpoints_answer_by_host_and_by_path(host, path, kind, name, rest):
    found = endpoint_of(_request(host, path), "localhost")
    assert found is not None
    assert (found.kind, found.name, found.path) == (kind, name, rest)
    assert found.base_path + found.path in (path, path + "/")


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("127.0.0.1:4566", "/"),
        ("localhost:4566", "/abc.execute-api"),
        ("execute-api.us-east-1.localhost", "/"),
        ("b.s3.us-east-1.localhost", "/"),
        ("s3-website.us-east-1.amazonaws.com", "/"),
        ("s3-website-us-east-1.amazonaws.com", "/"),
        ("abc.execute-api.us-east-1.example.com", "/"),
        ("abc.execute-api.us-east-1.notlocalhost", "/"),
        ("127.0.0.1", "/_aws/"),
        ("127.0.0.1", "/_aws/execute-api"),
        ("127.0.0.1", "/_aws/execute-api/"),
        ("127.0.0.1", "/_aws//x"),
        ("", "/"),
    ],
)
def test_other_hosts_and_paths_are_no_endpoints(host, path):
    found = endpoint_of(_request(host, path), "localhost")
    assert found is None or found.kind == ""


@pytest.mark.parametrize(
    ("host", "hint"),
    [
        ("127.0.0.1:4566", Hint()),
        ("[::1]:4566", Hint()),
        ("localhost", Hint()),
        ("localhost:4566", Hint()),
        ("example.com", Hint()),
        ("s3.localhost", Hint("s3")),
        ("s3.us-east-1.localhost:4566", Hint("s3", "us-east-1")),
        ("b.s3.localhost", Hint("s3", None, "b")),
        ("b.s3.us-east-1.localhost", Hint("s3", "us-east-1", "b")),
        ("b.localhost:4566", Hint("s3", None, "b")),
        ("a.b.c.localhost", Hint("s3", None, "a.b.c")),
        ("s3-uploads.localhost", Hint("s3", None, "s3-uploads")),
        ("s3-uploads.s3.us-east-1.localhost", Hint("s3", "us-east-1", "s3-uploads")),
        ("s3.amazonaws.com", Hint("s3")),
        ("b.s3.amazonaws.com", Hint("s3", None, "b")),
        ("B.S3.Amazonaws.Com", Hint("s3", None, "b")),
        ("b.s3.eu-west-1.amazonaws.com", Hint("s3", "eu-west-1", "b")),
        ("a.b.s3.eu-west-1.amazonaws.com", Hint("s3", "eu-west-1", "a.b")),
        ("s3.s3.amazonaws.com", Hint("s3", None, "s3")),
        ("b.s3.dualstack.eu-west-1.amazonaws.com", Hint("s3", "eu-west-1", "b")),
        ("b.s3-eu-west-1.amazonaws.com", Hint("s3", None, "b")),
        ("b.s3-accelerate.amazonaws.com", Hint("s3", None, "b")),
        ("dynamodb.us-east-1.amazonaws.com", Hint("dynamodb", "us-east-1")),
        ("iam.amazonaws.com", Hint("iam")),
        ("sts.us-east-1.localhost", Hint("sts", "us-east-1")),
    ],
)
def test_a_host_hints_at_service_region_and_bucket(host, hint):
    """ "Virtual hosting of general purpose buckets" (S3 user guide), and AWS's own names."""
    assert hint_of(host, "localhost") == hint


def _request(host, path):
    return Request("GET", path.encode(), [("host", host)])


# -- names, held against the models --


def _metadata(service):
    return Loader().load_service_model(service, "service-2")["metadata"]


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_every_service_is_found_by_its_signing_name(service):
    """What its clients put into the scope: signingName, else endpointPrefix."""
    metadata = _metadata(service)
    name = metadata.get("signingName", metadata["endpointPrefix"])
    assert service in SIGNING_NAMES.get(name, (name,))


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_every_target_without_a_signature_is_found(service):
    prefix = _metadata(service).get("targetPrefix")
    assert prefix is None or TARGET_PREFIXES[prefix] == service


def test_names_for_services_to_come_are_those_of_the_models():
    for name, services in SIGNING_NAMES.items():
        for service in services:
            metadata = _metadata(service)
            known = {metadata.get("signingName"), metadata["endpointPrefix"], "s3express"}
            assert name in known, (name, service)
    for prefix, service in TARGET_PREFIXES.items():
        assert _metadata(service)["targetPrefix"] == prefix
    for action, service in UNSIGNED_ACTIONS.items():
        model = Loader().load_service_model(service, "service-2")
        assert model["operations"][action].get("authtype") == "none"


# -- over the wire --


@pytest.mark.parametrize(
    "host",
    [
        "{bucket}.s3.us-east-1.localhost:1234",
        "{bucket}.s3.localhost",
        "{bucket}.localhost",
        "{bucket}.s3.amazonaws.com",
        "{bucket}.s3.us-east-1.amazonaws.com",
        "{bucket}.S3-us-east-1.amazonaws.com",
    ],
)
def test_a_bucket_answers_by_its_host(aws, host):
    bucket = f"hosted.{aws.account}"
    aws.client("s3").create_bucket(Bucket=bucket)
    aws.client("s3").put_object(Bucket=bucket, Key="a/b", Body=b"x")
    headers = {"Host": host.format(bucket=bucket)}
    got = signed(aws, "s3", "GET", "/a/b", headers=dict(headers)).send()
    assert (got.status, got.body) == (200, b"x")
    listed = signed(aws, "s3", "GET", "/?list-type=2", headers=dict(headers)).send()
    assert b"<Key>a/b</Key>" in listed.body


def test_health_needs_no_signature(aws):
    got = Sent(aws.url, "GET", "/_freehold/health", {"Host": "x"}, b"").send()
    assert got.status == 200
    assert set(json.loads(got.body)["services"]) == set(SERVICES)
    assert Sent(aws.url, "GET", "/_freehold/else", {"Host": "x"}, b"").send().status == 404


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("abc.execute-api.us-east-1.localhost", "/"),
        ("abc.lambda-url.us-east-1.on.aws", "/"),
        ("x", "/_aws/execute-api/abc/stage"),
        ("x", "/_aws/nothing/abc/"),
        ("x", "/_aws/%00/%00/"),
    ],
)
def test_an_endpoint_that_is_not_there_is_forbidden(aws, host, path):
    """As API Gateway answers: whether there was one is nobody's business."""
    got = Sent(aws.url, "GET", path, {"Host": host}, b"").send()
    assert (got.status, json.loads(got.body)) == (403, {"message": "Forbidden"})


@pytest.mark.parametrize("service", ["sqs", "ec2", "nonsense", "s3-outposts"])
@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({**JSON, "X-Amz-Target": "AmazonSQS.CreateQueue"}, b"{}"),
        (FORM, b"Action=DescribeInstances&Version=2016-11-15"),
        ({}, b""),
    ],
    ids=["target", "form", "path"],
)  # fmt: skip
def test_a_service_that_is_not_served_is_refused_by_name(aws, service, headers, body):
    """501 NotImplemented, in a form that the client can read."""
    got = signed(aws, service, "POST", "/", headers=dict(headers), body=body).send()
    assert got.outcome == ("NotImplemented", 501)
    assert service.encode() in got.body
    expected = b"{" if "X-Amz-Target" in headers else b"<"
    assert got.body.startswith(expected)


@pytest.mark.parametrize(
    ("service", "method", "path", "headers", "body", "outcome"),
    [
        ("dynamodb", "POST", "/", {**JSON, "X-Amz-Target": "DynamoDB_20120810.Nothing"}, b"{}",
         ("UnknownOperationException", 400)),
        ("dynamodb", "POST", "/", {**JSON, "X-Amz-Target": "Logs_20140328.PutLogEvents"}, b"{}",
         ("UnknownOperationException", 400)),
        ("dynamodb", "POST", "/", {**JSON, "X-Amz-Target": ""}, b"{}",
         ("UnknownOperationException", 400)),
        ("dynamodb", "GET", "/", {}, b"", ("UnknownOperationException", 400)),
        ("sts", "POST", "/", FORM, b"Action=Nothing&Version=2011-06-15", ("InvalidAction", 400)),
        ("sts", "POST", "/", FORM, b"", ("InvalidAction", 400)),
        ("sts", "GET", "/?Action=Nothing", {}, b"", ("InvalidAction", 400)),
        ("iam", "POST", "/", FORM, b"Action=GetCallerIdentity", ("InvalidAction", 400)),
        ("lambda", "GET", "/2015-03-31/nothing", {}, b"", ("UnknownOperationException", 404)),
        ("lambda", "PATCH", "/2015-03-31/functions", {}, b"", ("UnknownOperationException", 404)),
        ("s3", "PATCH", "/b", {}, b"", ("MethodNotAllowed", 405)),
    ],
)  # fmt: skip
def test_an_unknown_operation_is_refused_in_the_services_form(
    aws, service, method, path, headers, body, outcome
):
    got = signed(aws, service, method, path, headers=dict(headers), body=body).send()
    assert got.outcome == outcome
    assert "x-amzn-requestid" in got.headers or "x-amz-request-id" in got.headers


# -- bodies --


def _dynamodb(aws, body, **headers):
    return signed(aws, "dynamodb", "POST", "/", headers={**JSON, **headers}, body=body)


def test_a_zipped_body_is_read(aws):
    """SDKs zip what is large, by the model's requestcompression trait; several members are one."""
    for body in (
        gzip.compress(b'{"Limit": 1}'),
        gzip.compress(b'{"Lim') + gzip.compress(b'it":1}'),
    ):
        got = _dynamodb(aws, body, **{"Content-Encoding": "gzip"}).send()
        assert (got.status, json.loads(got.body)) == (200, {"TableNames": []})


def test_a_zip_bomb_is_refused(aws):
    """A hundred kilobytes that would be a hundred megabytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    body = b"".join(packer.compress(bytes(1_000_000)) for _ in range(100)) + packer.flush()
    assert len(body) < 200_000
    got = _dynamodb(aws, body, **{"Content-Encoding": "gzip"}).send()
    assert got.outcome == ("RequestEntityTooLarge", 413)


@pytest.mark.parametrize(
    "body", [b"{}", b"", gzip.compress(b"{}")[:-4], gzip.compress(b"{}" * 500)[:-12] + b"x" * 12]
)
def test_what_only_says_that_it_is_zipped_is_refused(aws, body):
    got = _dynamodb(aws, body, **{"Content-Encoding": "gzip"}).send()
    assert got.status == 400 or body == b""


def _raw(sent, *, length=None, first=b"", chunked=False):
    """Send a head and the beginning of a body; return what comes back without the rest."""
    host, _, port = urlsplit(f"//{sent.address}").netloc.partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        framing = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(length)}
        kept = {k: v for k, v in sent.headers.items() if k != "Content-Length"}
        lines = "".join(f"{k}: {v}\r\n" for k, v in {**kept, **framing}.items())
        head = f"{sent.method} {sent.path} HTTP/1.1\r\n{lines}\r\n".encode()
        connection.sendall(head + first)
        got = b""
        while data := connection.recv(65536):
            got += data
    return got


def test_a_body_too_large_is_refused_before_it_comes(aws):
    """413 by its length alone; Lambda's zip may be larger than others' documents."""
    got = _raw(_dynamodb(aws, b"{}"), length=17 * 1024 * 1024, first=b"{" * 1000)
    assert got.startswith(b"HTTP/1.1 413 ")
    assert b"RequestEntityTooLarge" in got
    sent = signed(aws, "lambda", "POST", "/2015-03-31/functions", body=b"{}")
    assert _raw(sent, length=73 * 1024 * 1024).startswith(b"HTTP/1.1 413 ")


def test_a_chunked_body_too_large_is_refused_on_the_way(aws):
    """It says no length: it is read to the limit, and no further."""
    chunk = b"100000\r\n" + bytes(0x100000) + b"\r\n"
    got = _raw(_dynamodb(aws, b"{}"), chunked=True, first=chunk * 17)
    assert got.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("service", "headers", "code"),
    [
        ("dynamodb", JSON, b"UnrecognizedClientException"),
        ("sts", FORM, b"InvalidClientTokenId"),
        ("lambda", {}, b"UnrecognizedClientException"),
    ],
)
def test_an_unknown_key_is_refused_before_its_body_comes(aws, service, headers, code):
    """Nobody unknown has megabytes taken in for him."""
    path = "/2015-03-31/functions" if service == "lambda" else "/"
    sent = signed(aws, service, "POST", path, headers=dict(headers), key="AKIAUNKNOWN", body=b"x")
    got = _raw(sent, length=10 * 1024 * 1024, first=b"x" * 1000)
    assert got.startswith((b"HTTP/1.1 403 ", b"HTTP/1.1 400 "))
    assert code in got


def test_an_object_of_an_unknown_key_is_refused_before_its_body_comes(aws):
    sent = signed(aws, "s3", "PUT", "/b/k", key="AKIAUNKNOWN", body=b"x")
    got = _raw(sent, length=10 * 1024 * 1024 * 1024)
    assert got.startswith(b"HTTP/1.1 403 ")
    assert b"InvalidAccessKeyId" in got


def test_a_signed_call_in_a_chunked_body_is_the_same(aws):
    """Small bodies that stream: what the signature covers is the content."""
    sent = _dynamodb(aws, b'{"Limit": 1}')
    sent.headers["Connection"] = "close"
    got = _raw(sent, chunked=True, first=b'5\r\n{"Lim\r\n7\r\nit": 1}\r\n0\r\n\r\n')
    assert got.startswith(b"HTTP/1.1 200 ")
    got = _raw(sent, chunked=True, first=b'5\r\n{"Lim\r\n7\r\nit": 2}\r\n0\r\n\r\n')
    assert got.startswith(b"HTTP/1.1 400 ")
    assert b"InvalidSignatureException" in got


def test_the_path_of_an_endpoint_is_kept():
    assert endpoint_of(_request("x", "/_aws/execute-api/a/b%2Fc/?"), "localhost") == ToEndpoint(
        "execute-api", "a", "/b%2Fc/", "/_aws/execute-api/a"
    )
