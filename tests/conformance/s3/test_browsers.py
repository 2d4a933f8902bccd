"""What browsers and old signers do to buckets: CORS, form posts, Version 2 URLs, digests of bodies."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from ...conftest import Aws


def ask(url: str, method: str = "GET", body: bytes = b"", **headers: str) -> Any:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, f"{parts.path}?{parts.query}", body or None, names)
    answer = connection.getresponse()
    answer.content = answer.read()  # type: ignore[attr-defined]
    connection.close()
    return answer


@pytest.fixture
def bucket(aws: Aws) -> str:
    name = f"b-{aws.account}"
    aws.client("s3").create_bucket(Bucket=name)
    return name


def version_2(aws: Aws) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=aws.url,
        region_name="us-east-1",
        aws_access_key_id=aws.access_key_id,
        aws_secret_access_key=aws.secret,
        config=Config(signature_version="s3", s3={"addressing_style": "path"}),
    )


def test_urls_signed_with_version_2_work(aws: Aws, bucket: str) -> None:
    """boto3 still signs S3's URLs so by default in us-east-1."""
    client = version_2(aws)
    put = client.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "a b/ü"})
    assert "Signature=" in put
    assert "X-Amz-Signature" not in put
    assert ask(put, "PUT", b"content").status == 200
    params = {"Bucket": bucket, "Key": "a b/ü", "ResponseContentType": "text/x"}
    answer = ask(client.generate_presigned_url("get_object", params))
    assert (answer.status, answer.content) == (200, b"content")
    assert answer.headers["Content-Type"] == "text/x"


def test_urls_signed_with_version_2_cannot_be_changed_or_used_late(aws: Aws, bucket: str) -> None:
    client = version_2(aws)
    url = client.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k"})
    expired = client.generate_presigned_url(
        "get_object", {"Bucket": bucket, "Key": "k"}, ExpiresIn=-5
    )
    for changed in (
        url.replace("/k?", "/other?"),
        url.replace("&Expires=1", "&Expires=2").replace("?Expires=1", "?Expires=2"),
        url.replace("Signature=", "Signature=A"),
        expired,
    ):
        assert changed != url
        assert ask(changed).status == 403
    assert ask(url, "DELETE").status == 403
    assert ask(url + "&response-content-type=x").status == 403


def test_a_browsers_requests_get_what_the_cors_configuration_says(aws: Aws, bucket: str) -> None:
    client = aws.client("s3")
    client.put_object(Bucket=bucket, Key="k", Body=b"x")
    rule = {
        "AllowedMethods": ["GET", "PUT"],
        "AllowedOrigins": ["https://app.example"],
        "AllowedHeaders": ["*"],
        "ExposeHeaders": ["ETag"],
        "MaxAgeSeconds": 60,
    }
    client.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    url = f"{aws.url}/{bucket}/k"
    answer = ask(url, "OPTIONS", Origin="https://app.example", Access_Control_Request_Method="PUT")
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"
    refused = ask(
        url, "OPTIONS", Origin="https://evil.example", Access_Control_Request_Method="PUT"
    )
    assert refused.status == 403
    signed = client.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k"})
    read = ask(signed, Origin="https://app.example")
    assert read.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert read.headers["Access-Control-Expose-Headers"] == "ETag"
    assert "Access-Control-Allow-Origin" not in ask(signed, Origin="https://evil.example").headers
    assert "Access-Control-Allow-Origin" not in ask(signed).headers


def test_a_form_uploads_what_its_policy_allows(aws: Aws, bucket: str) -> None:
    form = aws.client("s3").generate_presigned_post(bucket, "from/${filename}", ExpiresIn=60)
    fields = {**form["fields"], "key": "from/${filename}"}
    body = b""
    for name, value in fields.items():
        body += f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    body += b'--B\r\nContent-Disposition: form-data; name="file"; filename="x.txt"\r\n\r\nhello\r\n--B--\r\n'
    answer = ask(
        f"{aws.url}/{bucket}", "POST", body, Content_Type="multipart/form-data; boundary=B"
    )
    assert answer.status == 204, answer.content
    read = aws.client("s3").get_object(Bucket=bucket, Key="from/x.txt")["Body"].read()
    assert read == b"hello"
    changed = body.replace(b"from/${filename}", b"other/x")
    assert (
        ask(
            f"{aws.url}/{bucket}", "POST", changed, Content_Type="multipart/form-data; boundary=B"
        ).status
        == 403
    )


def test_documents_are_held_to_their_digests(aws: Aws, bucket: str) -> None:
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    wrong = base64.b64encode(hashlib.md5(b"other").digest()).decode()

    def add(request: Any, **_: Any) -> None:
        request.headers["Content-MD5"] = wrong

    client = aws.client("s3")
    client.meta.events.register("before-sign.s3.PutBucketPolicy", add)
    with pytest.raises(ClientError) as caught:
        client.put_bucket_policy(Bucket=bucket, Policy=policy)
    assert caught.value.response["Error"]["Code"] == "BadDigest"
