"""Signatures, from both sides: what AWS's clients sign is understood, and nothing else gets in."""

from __future__ import annotations

import base64
import time
import zlib
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from botocore.config import Config
from botocore.loaders import Loader

from freehold.gateway import sigv2
from freehold.kernel.clock import ManualClock
from tests.gateway.signer import Sent, Signer, signed

JSON = {
    "X-Amz-Target": "DynamoDB_20120810.ListTables",
    "Content-Type": "application/x-amz-json-1.0",
}
FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
WHOAMI = b"Action=GetCallerIdentity&Version=2011-06-15"

# One harmless request of each protocol.
CALLS = {
    "dynamodb": ("POST", "/", JSON, b"{}"),
    "sts": ("POST", "/", FORM, WHOAMI),
    "lambda": ("GET", "/2015-03-31/functions/", {}, b""),
    "s3": ("GET", "/", {}, b""),
}
SERVICES = pytest.mark.parametrize("service", CALLS)


def call(aws, service, **options) -> Sent:
    method, path, headers, body = CALLS[service]
    return signed(aws, service, method, path, headers=dict(headers), body=body, **options)


def presigned(aws, service="s3", path="/", expires_s=60, method="GET", **options) -> Sent:
    return signed(aws, service, method, path, expires_s=expires_s, **options)


@pytest.fixture
def s3(aws):
    return aws.client("s3")


@pytest.fixture
def bucket(s3, aws):
    name = f"signed-{aws.account}"
    s3.create_bucket(Bucket=name)
    return name


# -- what clients sign --


@SERVICES
def test_a_signed_request_is_let_in(aws, service):
    assert call(aws, service).send().status == 200


@SERVICES
def test_a_signature_in_the_url_is_as_good(aws, service):
    """SigV4QueryAuth, and S3's, whose payload is not signed."""
    if service == "dynamodb":
        pytest.skip("botocore signs no JSON this way")
    method, path, headers, body = CALLS[service]
    if service == "sts":
        method, path, headers, body = "GET", "/?" + WHOAMI.decode(), {}, b""
    sent = signed(aws, service, method, path, headers=dict(headers), body=body, expires_s=60)
    assert sent.send().status == 200


KEYS = [
    "plain",
    "with space",
    "plus+and%percent",
    "a/b//c/",
    "tilde~star*quote'paren()",
    "semi;colon:at@and&equals=dollar$comma,",
    "question?hash#",
    "\u00e9\u4e2d\U0001f600",
    "./../dots/.",
    "%2F",
    " leading and trailing ",
    "back\\slash|pipe^caret`",
    "a" * 900,
]


@pytest.mark.parametrize("key", KEYS)
def test_any_key_can_be_signed(aws, s3, bucket, key):
    """S3 signs the path encoded once, and unnormalised; in the header and in the URL."""
    s3.put_object(Bucket=bucket, Key=key, Body=b"x", Metadata={"note": "a  b   c"})
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"x"
    version_4 = aws.client("s3", config=Config(signature_version="s3v4"))
    url = version_4.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key})
    path = url[len(s3.meta.endpoint_url) :]
    got = Sent(url, "GET", path, {"Host": url.split("/")[2]}, b"").send()
    assert (got.status, got.body) == (200, b"x")
    assert s3.list_objects_v2(Bucket=bucket, Prefix=key, StartAfter="")["KeyCount"] == 1


@pytest.mark.parametrize(
    "query",
    [
        "list-type=2&prefix=a%20b",
        "list-type=2&prefix=a%2Bb&delimiter=%2F",
        "list-type=2&x=2&x=1&x=",
        "list-type=2&x&y=",
        "list-type=2&prefix=a%3Bb",
        "list-type=2&X=1&x=1&%C3%A9=%C3%A9",
        "list-type=2&prefix=",
        "list-type=2&a-b=1&a%20=2&a=3",
        "list-type=2&prefix=~%2A%27%28%29",
    ],
)
def test_any_query_can_be_signed(aws, bucket, query):
    """Sorted by encoded names, then values; a name without = has an empty value."""
    assert signed(aws, "s3", "GET", f"/{bucket}?{query}").send().status == 200
    assert presigned(aws, path=f"/{bucket}?{query}").send().status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/2015-03-31/functions/a",
        "/2015-03-31/functions/a%20b",
        "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Af",
        "/2015-03-31/functions/%C3%A9",
        "/2015-03-31/functions/a%2Fb",
        "/2015-03-31//functions/./x/../a",
        "/2015-03-31/functions/a~b*c'd",
    ],
)
def test_other_services_sign_paths_encoded_twice_and_normalised(aws, path):
    """Whatever the answer is, it is not about the signature."""
    got = signed(aws, "lambda", "GET", path).send()
    assert got.code in (
        "ResourceNotFoundException",
        "ValidationException",
        "AccessDeniedException",
        "UnknownOperationException",
    )


@pytest.mark.parametrize("value", ["a  b   c", "a \t b", "  a  "])
def test_blanks_in_signed_headers_are_one(aws, bucket, value):
    sent = signed(aws, "s3", "PUT", f"/{bucket}/k", headers={"x-amz-meta-note": value}, body=b"x")
    assert sent.send().status == 200


def test_signed_headers_are_bytes(aws, bucket):
    """Other SDKs put UTF-8 into metadata; its bytes are what they sign, no-break space and all."""
    value = "voil\u00e0 caf\u00e9".encode()
    signer = Signer(aws)
    payload = "UNSIGNED-PAYLOAD"
    sent = signer.request("PUT", f"/{bucket}/k", {"x-amz-meta-note": value}, payload, b"x")
    assert sent.send().status == 200


def test_repeated_headers_are_signed_with_a_comma(aws, bucket):
    """ "name:value1,value2" of the canonical request; http.client cannot send them as one."""
    import http.client

    signer = Signer(aws)
    sent = signer.request(
        "PUT", f"/{bucket}/k", {"x-amz-meta-note": "one,two"}, "UNSIGNED-PAYLOAD", b""
    )
    connection = http.client.HTTPConnection(sent.address, timeout=20)
    connection.putrequest("PUT", sent.path, skip_host=True, skip_accept_encoding=True)
    for name, value in sent.headers.items():
        for each in value.split(",") if name == "x-amz-meta-note" else (value,):
            connection.putheader(name, each)
    connection.putheader("Content-Length", "0")
    connection.endheaders()
    assert connection.getresponse().status == 200
    connection.close()


@pytest.mark.parametrize("size", [0, 1, 1000, 3_000_000])
def test_boto3_streams_with_a_trailing_checksum(s3, bucket, size):
    """STREAMING-UNSIGNED-PAYLOAD-TRAILER, which boto3 sends over TLS; by hand here."""
    body = bytes(range(256)) * (size // 256) + bytes(size % 256)
    signer = Signer(_of(s3))
    checksum = base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
    parts = [body[i : i + 65536] for i in range(0, size, 65536)]
    encoded = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    encoded += f"0\r\nx-amz-checksum-crc32:{checksum}\r\n\r\n".encode()
    headers = {
        "X-Amz-Decoded-Content-Length": str(size),
        "X-Amz-Trailer": "x-amz-checksum-crc32",
        "Content-Encoding": "aws-chunked",
    }
    kind = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    assert signer.request("PUT", f"/{bucket}/k", headers, kind, encoded).send().status == 200
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == body


def test_boto3_uploads_with_every_way_of_signing_payloads(aws, bucket):
    for config in (
        Config(s3={"payload_signing_enabled": True}),
        Config(s3={"payload_signing_enabled": False}),
        Config(request_checksum_calculation="when_required"),
    ):
        client = aws.client("s3", config=config)
        client.put_object(Bucket=bucket, Key="k", Body=b"hello")
        assert client.get_object(Bucket=bucket, Key="k")["Body"].read() == b"hello"


class _of:
    """What Signer needs of an account, from a client's own credentials."""

    def __init__(self, client) -> None:
        credentials = client._request_signer._credentials
        self.access_key_id, self.secret = credentials.access_key, credentials.secret_key
        self.url = client.meta.endpoint_url


SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
PARTS = [b"a" * 65536, b"b" * 65536, b"c" * 1000]
WHOLE = b"".join(PARTS)


def stream(aws, bucket, change=lambda made: made, *, decoded=None, trailers=None):
    """PUT of three signed chunks, after `change`."""
    signer = Signer(aws)
    length = str(len(WHOLE) if decoded is None else decoded)
    headers = {"X-Amz-Decoded-Content-Length": length, "Content-Encoding": "aws-chunked"}
    if trailers is not None:
        headers["X-Amz-Trailer"] = ",".join(trailers)
    kind = SIGNED if trailers is None else SIGNED + "-TRAILER"
    sent = signer.request("PUT", f"/{bucket}/k", headers, kind, b"")
    sent.body = b"".join(change(signer.chunks(PARTS, trailers)))
    return sent.send()


def test_chunks_signed_one_after_the_other_are_let_in(aws, bucket, s3):
    assert stream(aws, bucket).status == 200
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == WHOLE


def test_signed_trailers_are_let_in(aws, bucket, s3):
    checksum = base64.b64encode(zlib.crc32(WHOLE).to_bytes(4, "big")).decode()
    got = stream(aws, bucket, trailers={"x-amz-checksum-crc32": checksum})
    assert got.status == 200, got.body
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == WHOLE


# -- the attacker's side --


def _tamper(at, old, new):
    def change(made):
        made = list(made)
        made[at] = made[at].replace(old, new, 1)
        return made

    return change


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        (lambda made: [made[1], made[0], *made[2:]], {"SignatureDoesNotMatch"}),
        (lambda made: [made[0], made[0], *made[2:]], {"SignatureDoesNotMatch"}),
        (lambda made: [made[0], *made[2:]], {"SignatureDoesNotMatch"}),
        (lambda made: [made[0], made[-1]], {"SignatureDoesNotMatch"}),
        (_tamper(0, b"aaaa", b"aaab"), {"SignatureDoesNotMatch"}),
        (_tamper(2, b"ccc\r\n", b"ccd\r\n"), {"SignatureDoesNotMatch"}),
        (_tamper(0, b"chunk-signature=", b"chunk-signature=0"), {"SignatureDoesNotMatch"}),
        (_tamper(0, b";chunk-signature=", b";nothing="), {"SignatureDoesNotMatch"}),
        (_tamper(3, b"0;", b"00;"), {""}),
        (lambda made: made[:-1], {"IncompleteBody"}),
        (lambda made: made[:2], {"IncompleteBody"}),
        (lambda made: [made[0][:-100]], {"IncompleteBody"}),
        (lambda made: [b"0x10000" + made[0][5:], *made[1:]], {"IncompleteBody"}),
        (lambda made: [b"+10000" + made[0][5:], *made[1:]], {"IncompleteBody"}),
        (lambda made: [b"-10000" + made[0][5:], *made[1:]], {"IncompleteBody"}),
        (lambda made: [b"1_0000" + made[0][5:], *made[1:]], {"IncompleteBody"}),
        (lambda made: [b"ffffffffffff" + made[0][5:], *made[1:]], {"IncompleteBody"}),
        (lambda made: [*made[:-1], made[-1][:-2] + b"x-amz-meta-a:b\r\n\r\n"], {"IncompleteBody"}),
        (lambda made: [*made, b"5\r\nhello\r\n"], {"IncompleteBody"}),
    ],
)  # fmt: skip
def test_changed_chunks_are_refused_and_store_nothing(aws, bucket, s3, change, codes):
    s3.put_object(Bucket=bucket, Key="k", Body=b"before")
    got = stream(aws, bucket, change)
    assert got.code in codes
    kept = s3.get_object(Bucket=bucket, Key="k")["Body"].read()
    assert kept == (WHOLE if got.status == 200 else b"before")


@pytest.mark.parametrize("decoded", [len(WHOLE) - 1, len(WHOLE) + 1, 0])
def test_a_wrong_decoded_length_is_refused(aws, bucket, s3, decoded):
    got = stream(aws, bucket, decoded=decoded)
    assert got.status == 400
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


@pytest.mark.parametrize("decoded", ["-1", "1e3", "9" * 5000, "x"])
def test_a_decoded_length_that_is_no_number_is_refused(aws, bucket, decoded):
    assert stream(aws, bucket, decoded=decoded).outcome == ("InvalidArgument", 400)


@pytest.mark.parametrize(
    "change",
    [
        _tamper(4, b"x-amz-meta:a", b"x-amz-meta:b"),
        _tamper(4, b"x-amz-trailer-signature:", b"x-amz-trailer-signature:0"),
        lambda made: [*made[:-1], b"x-amz-meta:a\r\n\r\n"],
        lambda made: [*made[:-1], b"\r\n"],
        _tamper(4, b"x-amz-meta:a", b"x-amz-meta:a\r\nmore:b"),
    ],
)
def test_changed_trailers_are_refused(aws, bucket, s3, change):
    got = stream(aws, bucket, change, trailers={"x-amz-meta": "a"})
    assert got.outcome == ("SignatureDoesNotMatch", 403)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


MISMATCH = {
    "dynamodb": ("InvalidSignatureException", 400),
    "sts": ("SignatureDoesNotMatch", 403),
    "lambda": ("InvalidSignatureException", 403),
    "s3": ("SignatureDoesNotMatch", 403),
}
UNKNOWN = {
    "dynamodb": ("UnrecognizedClientException", 400),
    "sts": ("InvalidClientTokenId", 403),
    "lambda": ("UnrecognizedClientException", 403),
    "s3": ("InvalidAccessKeyId", 403),
}


@SERVICES
def test_a_wrong_secret_is_refused(aws, service):
    assert call(aws, service, secret="x" * 40).send().outcome == MISMATCH[service]


@SERVICES
def test_an_unknown_key_is_refused(aws, service):
    assert call(aws, service, key="AKIAUNKNOWNUNKNOWN00").send().outcome == UNKNOWN[service]


@SERVICES
def test_a_key_with_another_accounts_secret_is_refused(aws, shared_node, service):
    other = shared_node.new_account()
    assert call(aws, service, key=other.access_key_id).send().outcome == MISMATCH[service]


@SERVICES
def test_a_changed_request_is_refused(aws, service):
    """Whoever sees one request can make no other of it."""

    def changed(change):
        sent = call(aws, service)
        change(sent)
        got = sent.send()
        return got.outcome

    def path(sent):
        sent.path += "x" if service == "lambda" else "%20"

    def query(sent):
        sent.path += "?a=b"

    def body(sent):
        sent.body = sent.body.replace(b"}", b" }").replace(b"Version", b"version") or b"x"

    def date(sent):
        sent.headers["X-Amz-Date"] = sent.headers["X-Amz-Date"][:-2] + "Z"

    assert changed(query) == MISMATCH[service]
    assert changed(path)[1] in (400, 403, 404)
    if service != "s3":
        assert changed(body) in (MISMATCH[service], ("XAmzContentSHA256Mismatch", 400))
    else:
        assert changed(body) == ("XAmzContentSHA256Mismatch", 400)
    sent = call(aws, service)
    sent.headers["Host"] = "127.0.0.1:1"
    assert sent.send().outcome == MISMATCH[service]
    assert changed(date)[1] in (400, 403)


def test_a_changed_method_is_refused(aws, bucket, s3):
    """The worst change of one word."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    sent = signed(aws, "s3", "GET", f"/{bucket}/k")
    sent.method = "DELETE"
    assert sent.send().outcome == MISMATCH["s3"]
    sent = presigned(aws, path=f"/{bucket}/k")
    sent.method = "DELETE"
    assert sent.send().outcome == MISMATCH["s3"]
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


@SERVICES
def test_a_header_for_aws_must_be_signed(aws, service):
    """Else x-amz-acl or x-amz-copy-source could be put into somebody else's request."""
    sent = call(aws, service)
    sent.headers["x-amz-meta-added"] = "1"
    code, status = sent.send().outcome
    assert status == 403
    assert code.startswith("AccessDenied")


def test_a_signed_header_that_is_changed_or_gone_is_refused(aws, bucket):
    for change in ({"x-amz-meta-a": "2"}, {"x-amz-meta-a": None}):
        sent = signed(aws, "s3", "PUT", f"/{bucket}/k", headers={"x-amz-meta-a": "1"}, body=b"x")
        for name, value in change.items():
            if value is None:
                del sent.headers[name]
            else:
                sent.headers[name] = value
        assert sent.send().outcome == MISMATCH["s3"]


def test_a_body_that_is_not_what_was_signed_stores_nothing(aws, bucket, s3):
    """Whole, and streamed past the size up to which bodies are taken in."""
    for size in (10, 3_000_000):
        sent = signed(aws, "s3", "PUT", f"/{bucket}/k", body=bytes(size))
        sent.body = bytes(size - 1) + b"x"
        assert sent.send().outcome == ("XAmzContentSHA256Mismatch", 400)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


@pytest.mark.parametrize(
    "authorization",
    [
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 ",
        "AWS4-HMAC-SHA256 Credential=a",
        "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=c",
        "AWS4-HMAC-SHA256 Credential=/////, SignedHeaders=host, Signature=c",
        "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws5_request, SignedHeaders=host, "
        "Signature=c",
        "AWS4-HMAC-SHA256 Credential=a//us-east-1/s3/aws4_request, SignedHeaders=host, Signature=c",
        "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request, SignedHeaders=date, "
        "Signature=c",
        "AWS4-HMAC-SHA256 ,,,=,=",
    ],
)
@SERVICES
def test_a_broken_authorization_is_said_to_be(aws, service, authorization):
    sent = call(aws, service)
    sent.headers["Authorization"] = authorization
    code, status = sent.send().outcome
    assert status in (400, 403)
    assert code in (
        "IncompleteSignature",
        "IncompleteSignatureException",
        "AuthorizationHeaderMalformed",
    )


MISSING = {
    "dynamodb": ("MissingAuthenticationTokenException", 400),
    "sts": ("MissingAuthenticationToken", 403),
    "lambda": ("MissingAuthenticationTokenException", 403),
    "s3": ("AccessDenied", 403),
}


@SERVICES
@pytest.mark.parametrize("authorization", [None, "Bearer x", "Basic eDp5"])
def test_no_signature_at_all(aws, service, authorization):
    """What else is in Authorization proves nothing."""
    sent = call(aws, service)
    del sent.headers["Authorization"]
    if authorization is not None:
        sent.headers["Authorization"] = authorization
    sent.headers["Host"] = f"{service}.us-east-1.localhost"
    assert sent.send().outcome == MISSING[service]


# -- the version before, in URLs for S3 --


def version_2(aws, bucket, key="k", operation="get_object", seconds=60, **params):
    """boto3 presigns so in us-east-1 unless told otherwise."""
    s3 = aws.client("s3")
    url = s3.generate_presigned_url(
        operation, Params={"Bucket": bucket, "Key": key, **params}, ExpiresIn=seconds
    )
    assert "AWSAccessKeyId=" in url
    method = "PUT" if operation == "put_object" else "GET"
    return Sent(aws.url, method, url[len(aws.url) :], {"Host": url.split("/")[2]}, b"")


@pytest.mark.parametrize("key", KEYS)
def test_a_url_of_version_2_is_let_in(aws, bucket, s3, key):
    s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    got = version_2(aws, bucket, key, ResponseContentType="text/x").send()
    assert (got.status, got.body, got.headers["content-type"]) == (200, b"x", "text/x")


def test_a_url_of_version_2_is_for_what_it_says(aws, bucket, s3):
    """Nor may it be widened to what Version 2 does not know."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.put_object(Bucket=bucket, Key="k2", Body=b"x")
    assert version_2(aws, bucket).send().status == 200
    for old, new in (
        ("/k?", "/k2?"),
        (f"/{bucket}/", "/other/"),
        ("Expires=", "Expires=9"),
        ("Signature=", "Signature=A"),
        ("?", "?acl&"),
        ("?", "?attributes&"),
        ("?", "?tagging&"),
        ("?", "?versionId=null&"),
        ("?", "?response-content-type=text/html&"),
        ("?", "?x-amz-security-token=a&"),
        (aws.access_key_id, "AKIAUNKNOWN"),
    ):
        sent = version_2(aws, bucket)
        sent.path = sent.path.replace(old, new, 1)
        got = sent.send()
        assert got.status in (400, 403), (old, new, got.status, got.body)
        assert got.body != b"x"
    for change in ({"method": "DELETE"}, {"headers": "x-amz-meta-a"}, {"headers": "Content-Type"}):
        sent = version_2(aws, bucket)
        sent.method = change.get("method", "GET")
        if "headers" in change:
            sent.headers[change["headers"]] = "text/x"
        assert sent.send().outcome == MISMATCH["s3"]
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_version_2_signs_every_word_that_chooses_an_operation():
    """Held against the model; a listing of either kind needs the same permission."""
    model = Loader().load_service_model("s3", "service-2")
    queries = [
        each["http"]["requestUri"].partition("?")[2] for each in model["operations"].values()
    ]
    words = {part.partition("=")[0] for query in queries for part in query.split("&") if part}
    assert words - sigv2._SIGNED == {"list-type"}


@pytest.mark.parametrize("expires", ["x", "-1", "9" * 5000, "\u0661", ""])
def test_a_time_of_version_2_that_is_no_number_is_refused(aws, bucket, expires):
    sent = version_2(aws, bucket)
    sent.path = sent.path.partition("&Expires=")[0] + f"&Expires={quote(expires)}"
    assert sent.send().status in (400, 403)


def test_a_url_of_version_2_ends(new_node):
    node = new_node(clock=ManualClock(time.time()))
    aws = node.new_account()
    aws.client("s3").create_bucket(Bucket="ends")
    aws.client("s3").put_object(Bucket="ends", Key="k", Body=b"x")
    sent = version_2(aws, "ends")
    assert sent.send().status == 200
    node.advance(70)
    assert sent.send().outcome == ("AccessDenied", 403)


def test_version_2_in_a_header_is_refused_by_name(aws):
    sent = call(aws, "s3")
    sent.headers["Authorization"] = f"AWS {aws.access_key_id}:c2lnbmF0dXJl"
    assert sent.send().outcome == ("InvalidRequest", 400)


SKEWED = {**MISMATCH, "s3": ("RequestTimeTooSkewed", 403)}


def test_a_request_is_good_for_a_quarter_of_an_hour(new_node):
    """Before its time and after."""
    node = new_node(clock=ManualClock(time.time()))
    aws = node.new_account()
    sent = {service: call(aws, service) for service in CALLS}
    for seconds, good in ((0, True), (890, True), (20, False), (-910 - 890, True), (-20, False)):
        node.advance(seconds)
        for service in CALLS:
            got = sent[service].send()
            assert (got.status == 200) == good
            assert good or got.outcome == SKEWED[service]


def test_a_presigned_url_is_good_until_it_expires(new_node):
    node = new_node(clock=ManualClock(time.time()))
    aws = node.new_account()
    day = presigned(aws, expires_s=86400)
    minute = presigned(aws, expires_s=60)
    assert minute.send().status == 200
    node.advance(70)
    assert minute.send().outcome == ("AccessDenied", 403)
    node.advance(86000)
    assert day.send().status == 200
    node.advance(400)
    assert day.send().outcome == ("AccessDenied", 403)
    node.advance(-86400 - 2000)
    assert day.send().outcome == ("RequestTimeTooSkewed", 403)


@pytest.mark.parametrize("expires", ["0", "604801", "-1", "abc", "9" * 5000, "1.5", ""])
def test_a_presigned_url_lasts_no_longer_than_a_week(aws, expires):
    sent = presigned(aws)
    sent.path = sent.path.replace("X-Amz-Expires=60", f"X-Amz-Expires={expires}")
    assert sent.send().status in (400, 403)


def test_a_presigned_url_is_for_what_it_says(aws, bucket, s3):
    """Another key, another bucket, another time, another method, another word."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.put_object(Bucket=bucket, Key="k2", Body=b"x")
    path = f"/{bucket}/k"
    assert presigned(aws, path=path).send().status == 200
    for old, new in (
        ("/k?", "/k2?"),
        (f"/{bucket}/", "/other/"),
        ("X-Amz-Expires=60", "X-Amz-Expires=61"),
        ("X-Amz-Expires=60", "X-Amz-Expires=60&X-Amz-Expires=604800"),
        ("X-Amz-Expires=60", "x-amz-expires=60"),
        ("X-Amz-Expires=60", "X-Amz-Expires=60&response-content-type=text/html"),
        ("us-east-1", "us-east-2"),
        ("%2Fs3%2F", "%2Fsts%2F"),
        ("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=host%3Brange"),
        ("X-Amz-Signature=", "X-Amz-Signature=0"),
    ):
        sent = presigned(aws, path=path)
        assert old in sent.path
        sent.path = sent.path.replace(old, new)
        got = sent.send()
        assert got.status in (400, 403, 404), (old, new, got.body)
        assert got.body != b"x"


def test_half_a_presigned_url_is_malformed(aws):
    for name in ("Algorithm", "Credential", "Date", "SignedHeaders"):
        sent = presigned(aws)
        path, _, query = sent.path.partition("?")
        kept = [part for part in query.split("&") if not part.startswith(f"X-Amz-{name}=")]
        sent.path = f"{path}?{'&'.join(kept)}"
        assert sent.send().status in (400, 403)


def test_a_signature_is_for_one_service_day_and_region(aws):
    """The scope is part of what is signed, and decides where the request goes."""
    for service in ("sts", "lambda", "s3"):
        sent = call(aws, "dynamodb")
        sent.headers["Authorization"] = sent.headers["Authorization"].replace(
            "/dynamodb/", f"/{service}/"
        )
        assert sent.send().status in (400, 403, 404, 405)
    sent = call(aws, "dynamodb", region="eu-west-1")
    assert sent.send().status == 200
    sent.headers["Authorization"] = sent.headers["Authorization"].replace("eu-west-1", "eu-west-2")
    assert sent.send().outcome == MISMATCH["dynamodb"]
    sent = call(aws, "dynamodb")
    day = sent.headers["X-Amz-Date"][:8]
    for other in (day[:-1], "19990101", ""):
        changed = sent.headers["Authorization"].replace(f"/{day}/", f"/{other}/")
        got = Sent(aws.url, "POST", "/", {**sent.headers, "Authorization": changed}, b"{}").send()
        assert got.code == "IncompleteSignatureException"


@pytest.fixture
def role_keys(aws):
    """Credentials of a role that may do everything."""
    iam = aws.client("iam")
    trust = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",'
        f'"Principal":{{"AWS":"{aws.account}"}}}}]}}'
    )
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust)["Role"]
    iam.attach_role_policy(RoleName="r", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    user = aws.as_user("u", {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"})
    assume = user.client("sts").assume_role
    return lambda: assume(RoleArn=role["Arn"], RoleSessionName="session", DurationSeconds=900)[
        "Credentials"
    ]


TOKEN = {**UNKNOWN, "s3": ("InvalidToken", 400)}


@SERVICES
def test_a_session_needs_its_token(aws, role_keys, service):
    """Neither none, nor another's, nor one for a key that has none."""
    mine, other = role_keys(), role_keys()
    keys = {"key": mine["AccessKeyId"], "secret": mine["SecretAccessKey"]}
    assert call(aws, service, **keys, token=mine["SessionToken"]).send().status == 200
    assert call(aws, service, **keys).send().outcome == UNKNOWN[service]
    assert call(aws, service, **keys, token=other["SessionToken"]).send().outcome == TOKEN[service]
    assert call(aws, service, **keys, token="x").send().outcome == TOKEN[service]
    assert call(aws, service, token=mine["SessionToken"]).send().outcome == TOKEN[service]


def test_a_session_token_is_signed_in_a_url_too(aws, role_keys):
    mine, other = role_keys(), role_keys()
    keys = {"key": mine["AccessKeyId"], "secret": mine["SecretAccessKey"]}
    sent = presigned(aws, **keys, token=mine["SessionToken"])
    assert sent.send().status == 200
    ours, theirs = (quote(each["SessionToken"], safe="") for each in (mine, other))
    assert ours in sent.path
    sent.path = sent.path.replace(ours, theirs)
    assert sent.send().status in (400, 403)
    assert presigned(aws, **keys).send().outcome == UNKNOWN["s3"]


def test_a_session_ends(new_node):
    """ExpiredToken, of each protocol; and what it presigned ends with it."""
    node = new_node(clock=ManualClock(time.time()))
    aws = node.new_account()
    user = aws.as_user("u", {"Effect": "Allow", "Action": "*", "Resource": "*"})
    got = user.client("sts").get_session_token(DurationSeconds=900)["Credentials"]
    keys = {
        "key": got["AccessKeyId"],
        "secret": got["SecretAccessKey"],
        "token": got["SessionToken"],
    }
    sent = {service: call(aws, service, **keys) for service in CALLS}
    url = presigned(aws, expires_s=3600, **keys)
    assert url.send().status == 200
    assert {service: each.send().status for service, each in sent.items()} == dict.fromkeys(
        CALLS, 200
    )
    node.advance(901)
    assert {service: each.send().outcome for service, each in sent.items()} == {
        "dynamodb": ("ExpiredTokenException", 400),
        "sts": ("ExpiredToken", 403),
        "lambda": ("ExpiredTokenException", 403),
        "s3": ("ExpiredToken", 400),
    }
    assert url.send().outcome == ("ExpiredToken", 400)


@SERVICES
def test_inactive_and_deleted_keys_are_unknown(aws, service):
    iam = aws.client("iam")
    user = aws.as_user("u", {"Effect": "Allow", "Action": "*", "Resource": "*"})
    sent = call(user, service)
    assert sent.send().status == 200
    name = {"UserName": "u", "AccessKeyId": user.access_key_id}
    iam.update_access_key(**name, Status="Inactive")
    assert sent.send().outcome == UNKNOWN[service]
    iam.update_access_key(**name, Status="Active")
    assert sent.send().status == 200
    iam.delete_access_key(**name)
    assert sent.send().outcome == UNKNOWN[service]


def test_open_mode_takes_any_signature_and_none(new_node):
    """For suites that sign with dummies; a key of twelve digits names an account."""
    node = new_node(auth="open")
    aws = node.new_account()
    for service in CALLS:
        assert call(aws, service, key="test", secret="test").send().status == 200
    got = call(aws, "sts", key="123456789012", secret="x").send()
    assert b"<Account>123456789012</Account>" in got.body
    sent = call(aws, "sts")
    del sent.headers["Authorization"]
    sent.headers["Host"] = "sts.us-east-1.localhost"
    assert b"<Account>000000000000</Account>" in sent.send().body
    signer = Signer(aws)
    aws.client("s3").create_bucket(Bucket="open")
    headers = {"X-Amz-Decoded-Content-Length": str(len(WHOLE))}
    sent = signer.request("PUT", "/open/k", headers, SIGNED, b"")
    sent.body = b"".join(signer.chunks(PARTS))
    assert sent.send().status == 200
    assert aws.client("s3").get_object(Bucket="open", Key="k")["Body"].read() == WHOLE


def test_a_signature_by_hand_is_as_good_as_botocores(aws, bucket):
    """What the other tests here rest on."""
    assert (
        Signer(aws).request("GET", f"/{bucket}", {}, "UNSIGNED-PAYLOAD", b"").send().status == 200
    )
    at = datetime.fromtimestamp(time.time() - 3600, UTC)
    late = Signer(aws, at=at).request("GET", f"/{bucket}", {}, "UNSIGNED-PAYLOAD", b"")
    assert late.send().outcome == ("RequestTimeTooSkewed", 403)
