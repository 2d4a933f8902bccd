"""Browser-based uploads, as a browser sends the form."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from botocore.config import Config

from freehold.kernel import principal
from freehold.kernel.endpoints import Endpoint
from freehold.kernel.http import HttpRequest, HttpResponse
from freehold.services.s3 import service


class _Body:
    """Bytes that come in pieces of a size."""

    length = None

    def __init__(self, content: bytes, size: int) -> None:
        self._content = content
        self._size = size

    async def read(self, limit: int) -> bytes:
        return self._content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._content), self._size):
            yield self._content[start : start + self._size]


def _post(
    aws: Any, bucket: str, fields: dict[str, str], file: bytes, piece: int = 1000
) -> HttpResponse:
    lines = []
    for name, value in fields.items():
        lines.append(f'--xyz\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n')
    lines.append(
        '--xyz\r\nContent-Disposition: form-data; name="file"; filename="up.txt"\r\n'
        "Content-Type: text/plain\r\n\r\n"
    )
    content = "".join(lines).encode() + file + b"\r\n--xyz--\r\n"
    node = aws.node.running.node
    call = node.call("s3", "s3-post", aws.account, "us-east-1", principal.ANONYMOUS)
    request = HttpRequest(
        method="POST",
        host="localhost",
        path=f"/{bucket}",
        headers=(("content-type", "multipart/form-data; boundary=xyz"),),
        body=_Body(content, piece),
    )
    endpoint = Endpoint("s3-post", bucket, "s3", aws.account, "us-east-1", bucket)
    answer: HttpResponse = aws.node.run(service.endpoints["s3-post"](call, request, endpoint))
    return answer


@pytest.mark.parametrize("version", ["s3", "s3v4"])
@pytest.mark.parametrize("piece", [1, 7, 100_000])
def test_a_signed_form_puts_an_object(aws: Any, bucket: str, version: str, piece: int) -> None:
    s3 = aws.client("s3", config=Config(signature_version=version))
    form = s3.generate_presigned_post(
        bucket,
        "in/${filename}",
        Fields={"Content-Type": "a/b", "x-amz-meta-m": "1", "success_action_status": "201"},
        Conditions=[
            {"Content-Type": "a/b"},
            ["starts-with", "$x-amz-meta-m", ""],
            {"success_action_status": "201"},
            ["content-length-range", 1, 100],
        ],
    )
    body = b"some\r\n--xy bytes"
    answer = _post(aws, bucket, form["fields"], body, piece)
    assert answer.status == 201, answer.body
    got = aws.client("s3").get_object(Bucket=bucket, Key="in/up.txt")
    assert got["Body"].read() == body
    assert (got["ContentType"], got["Metadata"]) == ("a/b", {"m": "1"})
    assert _post(aws, bucket, form["fields"], b"x" * 101).status == 400
    assert b"EntityTooSmall" in _post(aws, bucket, form["fields"], b"").body  # type: ignore[operator]


def test_a_form_is_held_to_its_policy(aws: Any, bucket: str) -> None:
    s3 = aws.client("s3", config=Config(signature_version="s3v4"))
    form = s3.generate_presigned_post(bucket, "k")
    fields: dict[str, str] = form["fields"]
    for change, code in [
        ({"key": "other"}, b"AccessDenied"),
        ({"x-amz-meta-extra": "1"}, b"Extra input fields"),
        ({"x-amz-signature": "0" * 64}, b"SignatureDoesNotMatch"),
        ({"x-amz-credential": "AKIANOBODY/20260101/us-east-1/s3/aws4_request"}, b"InvalidAccess"),
        ({"policy": "bm90IGpzb24="}, b"SignatureDoesNotMatch"),
    ]:
        answer = _post(aws, bucket, {**fields, **change}, b"x")
        assert answer.status == 403
        assert code in answer.body  # type: ignore[operator]
    expired = s3.generate_presigned_post(bucket, "k", ExpiresIn=-5)
    assert b"Policy expired" in _post(aws, bucket, expired["fields"], b"x").body  # type: ignore[operator]
    assert _post(aws, bucket, fields, b"x").status == 204
    unsigned = _post(aws, bucket, {"key": "k"}, b"x")
    assert unsigned.status == 403


def test_a_form_can_send_the_browser_on(aws: Any, bucket: str) -> None:
    s3 = aws.client("s3", config=Config(signature_version="s3v4"))
    there = "https://example.com/done?a=1"
    form = s3.generate_presigned_post(
        bucket,
        "k",
        Fields={"success_action_redirect": there},
        Conditions=[{"success_action_redirect": there}],
    )
    answer = _post(aws, bucket, form["fields"], b"x")
    assert answer.status == 303
    location = dict(answer.headers)["location"]
    assert location.startswith(f"https://example.com/done?a=1&bucket={bucket}&key=k&etag=")
