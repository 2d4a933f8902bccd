"""What a function's answer becomes at its URL ("Response payload format", developer guide)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from freehold.kernel.http import HttpRequest
from freehold.services.lambda_ import url_events


class NoBody:
    length: int | None = 0

    async def read(self, limit: int) -> bytes:
        return b""

    def __aiter__(self) -> Any:
        raise NotImplementedError


def request(*headers: tuple[str, str], path: str = "/", query: str = "") -> HttpRequest:
    return HttpRequest(
        method="GET",
        host="abc.lambda-url.us-east-1.localhost:4566",
        path=path,
        query=query,
        headers=headers,
        body=NoBody(),
    )


def event(asked: HttpRequest, body: bytes = b"") -> Any:
    written = url_events.event(
        asked, body, url_id="abc", caller=None, request_id="r", now=1_583_348_638.39
    )
    return json.loads(written)


@pytest.mark.parametrize(
    ("payload", "status", "body"),
    [
        (b'{"message": "hi"}', 200, b'{"message": "hi"}'),
        (b'"hi"', 200, b"hi"),
        (b"[1]", 200, b"[1]"),
        (b"null", 200, b"null"),
        (b'{"statusCode": 404, "body": "gone"}', 404, b"gone"),
        (b'{"statusCode": "201"}', 201, b""),
        (b'{"statusCode": 200, "body": {"a": 1}}', 200, b'{"a":1}'),
        (b'{"statusCode": 200, "body": "aGk=", "isBase64Encoded": true}', 200, b"hi"),
        (b'{"statusCode": 200, "body": "%", "isBase64Encoded": true}', 502, None),
        (b'{"statusCode": "two"}', 502, None),
        (b'{"statusCode": 7}', 502, None),
        (b"no json", 502, None),
    ],
)
def test_an_answer_becomes_a_response(payload: bytes, status: int, body: bytes | None) -> None:
    answer = url_events.response(payload)
    assert answer.status == status
    if body is not None:
        assert answer.body == body
        assert ("content-type", "application/json") in answer.headers


def test_the_event_names_the_url_and_the_moment() -> None:
    context = event(request(path="/a/b", query="x=1"))["requestContext"]
    assert context["domainPrefix"] == "abc"
    assert context["domainName"] == "abc.lambda-url.us-east-1.localhost"
    assert context["time"] == "04/Mar/2020:19:03:58 +0000"
    assert context["timeEpoch"] == 1_583_348_638_390
    assert context["http"]["path"] == "/a/b"


@pytest.mark.parametrize(
    ("kind", "body", "text", "encoded"),
    [
        ("text/plain; charset=utf-8", b"hi", "hi", False),
        ("application/json", b"{}", "{}", False),
        ("application/problem+json", b"{}", "{}", False),
        ("application/octet-stream", b"hi", "aGk=", True),
        ("text/plain", b"\xff", "/w==", True),
    ],
)
def test_a_body_that_is_not_text_comes_in_base64(
    kind: str, body: bytes, text: str, encoded: bool
) -> None:
    seen = event(request(("content-type", kind)), body)
    assert (seen["body"], seen["isBase64Encoded"]) == (text, encoded)


def test_headers_of_one_name_are_joined() -> None:
    seen = event(request(("x-a", "1"), ("x-a", "2")))
    assert seen["headers"] == {"x-a": "1,2"}
    assert "body" not in seen
