"""Requests as they arrive: whole, or one byte at a time."""

from __future__ import annotations

import pytest

from freehold.server.messages import Response
from tests.server.conftest import echo

PIECES = pytest.mark.parametrize("sends", ["send", "send_slowly"])

# What is sent; then what of it must be understood.
REQUESTS = [
    pytest.param(
        b"GET /a/b?c=d&e HTTP/1.1\r\nHost: x\r\n\r\n",
        {"method": "GET", "path": "/a/b", "query": "c=d&e", "headers": [["host", "x"]]},
        id="plain",
    ),
    pytest.param(
        b"GET /a?b?c HTTP/1.1\r\nHost: x\r\n\r\n",
        {"path": "/a", "query": "b?c"},
        id="question mark in the query",
    ),
    pytest.param(
        b"GET /%2f%20%c3%a9?%2b=+ HTTP/1.1\r\nHost: x\r\n\r\n",
        {"path": "/%2f%20%c3%a9", "query": "%2b=+"},
        id="encoded path stays encoded",
    ),
    pytest.param(
        b"GET http://x/a?b HTTP/1.1\r\nHost: x\r\n\r\n",
        {"path": "/a", "query": "b"},
        id="absolute target",
    ),
    pytest.param(
        b"GET http://x HTTP/1.1\r\nHost: x\r\n\r\n", {"path": "/"}, id="absolute without path"
    ),
    pytest.param(
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
        {"method": "POST", "body": "hello"},
        id="body with a length",
    ),
    pytest.param(
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {"body": ""}, id="length 0"
    ),
    pytest.param(
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5\r\nhello\r\n1\r\n \r\n00A\r\n0123456789\r\n0\r\n\r\n",
        {"body": "hello 0123456789", "trailers": {}},
        id="chunks",
    ),
    pytest.param(
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
        b'5;a=b;c="d e";f\r\nhello\r\n0;g\r\n\r\n',
        {"body": "hello"},
        id="chunk extensions are passed over",
    ),
    pytest.param(
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\nhi\r\n0\r\nX-Sum: 7\r\nAuthorization: z\r\n\r\n",
        {
            "body": "hi",
            "headers": [["host", "x"], ["transfer-encoding", "chunked"]],
            "trailers": {"x-sum": "7", "authorization": "z"},
        },
        id="trailers are not headers",
    ),
    pytest.param(
        b"GET / HTTP/1.1\r\nHost: x\r\nA: 1\r\na: 2\r\nEmpty:\r\nInner:  b  c \t\r\n\r\n",
        {"headers": [["host", "x"], ["a", "1"], ["a", "2"], ["empty", ""], ["inner", "b  c"]]},
        id="headers",
    ),
    pytest.param(
        b"GET / HTTP/1.1\r\nHost: x\r\nName: caf\xc3\xa9\r\n\r\n",
        {"headers": [["host", "x"], ["name", "caf\u00c3\u00a9"]]},
        id="headers are bytes",
    ),
    pytest.param(
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        {"method": "GET"},
        id="an upgrade that is not taken",
    ),
    pytest.param(b"GET / HTTP/1.0\r\n\r\n", {"protocol": "HTTP/1.0"}, id="HTTP/1.0 without Host"),
    pytest.param(
        b"\r\n\r\nDELETE / HTTP/1.1\r\nHost: x\r\n\r\n",
        {"method": "DELETE"},
        id="empty lines first",
    ),
]


@PIECES
@pytest.mark.parametrize(("sent", "understood"), REQUESTS)
def test_a_request_is_understood_however_it_is_cut(serve, sends, sent, understood):
    """TCP keeps no boundaries: a parser that relies on them fails on one client in a thousand."""
    client = serve(echo).connect()
    getattr(client, sends)(sent)
    answer = client.answer()
    assert answer.status == 200
    document = answer.document
    assert {key: document[key] for key in understood} == understood


@PIECES
def test_a_body_over_the_limit_streams_and_is_the_same(serve, sends):
    """Where bodies begin to stream is ours to choose; nobody may see the seam."""
    client = serve(echo, whole_body_bytes=10).connect()
    for size in (9, 10, 11, 300):
        body = b"x" * size
        getattr(client, sends)(
            b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size + body
        )
        assert client.answer().document["body"] == body.decode()


def test_expecting_clients_hear_100_when_the_body_is_read(serve):
    """RFC 9110, 10.1.1: the client waits for it before it sends the body."""
    client = serve(echo).connect()
    client.send(b"PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\nContent-Length: 5\r\n\r\n")
    assert client.answer().status == 100
    client.send(b"hello")
    answer = client.answer()
    assert (answer.status, answer.document["body"]) == (200, "hello")
    client.send(b"GET /next HTTP/1.1\r\nHost: x\r\n\r\n")
    assert client.answer().document["path"] == "/next"


def test_expecting_clients_are_refused_without_100(serve):
    """A final status instead of 100 saves them the body; the connection cannot be used further."""
    client = serve(refuse).connect()
    client.send(b"PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    assert client.answer().status == 403
    assert client.is_closed()


def test_a_body_that_comes_uncalled_is_not_another_request(serve):
    """A client may stop waiting for 100. Its body is no request after the refusal."""
    server = serve(refuse)
    client = server.connect()
    hidden = b"GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
    client.send(
        b"PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
        % len(hidden)
        + hidden
        + hidden
    )
    assert client.answer().status == 403
    assert client.is_closed()


def test_http_1_0_never_hears_100(serve):
    """RFC 9110, 10.1.1: an HTTP/1.0 client does not understand it."""
    client = serve(echo).connect()
    client.send(b"PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello")
    assert client.answer().document["body"] == "hello"


def refuse(request):
    return Response(403, [], b"no")
