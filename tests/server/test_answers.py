"""Answers on the wire: lengths, chunks, no bodies, and no line that the handler did not mean."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freehold.server.messages import Response
from tests.server.conftest import Client

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def always(*args, **options):
    """A handler that gives this answer."""
    return lambda request: Response(*args, **options)


async def pieces(*parts):
    for part in parts:
        await asyncio.sleep(0)
        yield part


def streams(headers, *parts, **options):
    return lambda request: Response(200, list(headers), pieces(*parts), **options)


def test_an_answer_has_its_length_and_date(serve):
    """RFC 9110, 6.6.1 asks for Date of every server with a clock."""
    client = serve(always(200, [("A", "b")], b"hello")).connect()
    client.send(GET)
    answer = client.answer()
    assert answer.body == b"hello"
    assert answer.headers["content-length"] == "5"
    assert answer.headers["date"].endswith(" GMT")


@pytest.mark.parametrize(
    ("method", "status", "length"),
    [("HEAD", 200, "5"), ("GET", 204, None), ("GET", 304, None), ("HEAD", 404, "5")],
)
def test_answers_without_a_body_have_none(serve, method, status, length):
    """RFC 9112, 6.3: a byte more would be the beginning of the next answer."""
    client = serve(always(status, [], b"hello")).connect()
    for _ in range(2):
        client.send(GET.replace(b"GET", method.encode()))
        answer = client.answer(method)
        assert answer.status == status
        assert answer.headers.get("content-length") == length


def test_head_of_a_stream_has_its_head_alone(serve):
    """As S3's HeadObject: the length of what GET would give."""
    client = serve(streams([("Content-Length", "7")], b"abc", b"defg")).connect()
    client.send(GET.replace(b"GET", b"HEAD"))
    assert client.answer("HEAD").headers["content-length"] == "7"
    client.send(GET)
    assert client.answer().body == b"abcdefg"


def test_a_stream_of_unknown_length_is_chunked(serve):
    """Its empty pieces are left out: an empty chunk is the end."""
    client = serve(streams([], b"abc", b"", b"x" * 20)).connect()
    for _ in range(2):
        client.send(GET)
        answer = client.answer()
        assert answer.headers["transfer-encoding"] == "chunked"
        assert answer.body == b"abc" + b"x" * 20


def test_a_stream_to_http_1_0_ends_with_the_connection(serve):
    """RFC 9112, 6.1: chunks are not for clients that do not know them."""
    client = serve(streams([], b"abc", b"defg")).connect()
    client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    answer = client.answer()
    assert "transfer-encoding" not in answer.headers
    assert answer.body == b"abcdefg"
    assert client.is_closed()


def test_items_of_a_stream_are_encoded_as_they_go(serve):
    """Event streams: what the handler yields are events."""
    client = serve(streams([], 1, 22, encode=lambda item: str(item).encode())).connect()
    client.send(GET)
    assert client.answer().body == b"122"


@pytest.mark.parametrize("parts", [(b"abc",), (b"abcdef", b"gh")], ids=["short", "long"])
def test_a_stream_that_breaks_its_promised_length_breaks_the_connection(serve, caplog, parts):
    """A client that waits for the rest would take the next answer for it; a byte too many would
    begin the next answer."""
    client = serve(streams([("Content-Length", "7")], *parts)).connect()
    client.send(GET * 2)
    raw = client.rest()
    assert raw.count(b"HTTP/1.1 ") <= 1
    assert len(raw.partition(b"\r\n\r\n")[2]) < 7
    assert "Content-Length" in caplog.text


def test_a_stream_that_fails_is_not_taken_for_whole(serve, caplog):
    """The status has gone; only the missing end can say that it failed."""

    async def failing():
        yield b"abc"
        raise ZeroDivisionError

    client = serve(lambda request: Response(200, [], failing())).connect()
    client.send(GET)
    raw = client.rest()
    assert not raw.endswith(b"0\r\n\r\n")
    assert "broke off" in caplog.text


def test_a_stream_is_closed_when_its_client_goes(serve):
    """It holds a file, or a function that streams."""
    ended = []

    async def endless():
        try:
            while True:
                yield b"x" * 65536
        finally:
            ended.append(True)

    server = serve(lambda request: Response(200, [], endless()))
    client = server.connect()
    client.send(GET)
    client.read_until(b"x")
    client.reset()
    server.wait_until(lambda: ended == [True])


def test_a_slow_reader_slows_the_stream(serve):
    """Else an object of a terabyte is in memory because one client went for lunch."""
    given_out = []

    async def large():
        for _ in range(500):
            given_out.append(None)
            yield b"x" * 65536

    server = serve(lambda request: Response(200, [], large()))
    client = server.connect(receives=32768)
    client.send(GET)
    head = client.read_until(b"\r\n\r\n")
    for _ in range(50):
        server.call(lambda: None)
    assert len(given_out) < 300
    assert b"chunked" in head
    for _ in range(500):
        assert client.read_until(b"\r\n") == b"10000\r\n"
        client.read_exactly(65536 + 2)
    assert client.read_exactly(5) == b"0\r\n\r\n"


def test_a_client_that_does_not_read_is_not_answered_further(serve):
    """Pipelining without reading would fill the server's memory with answers."""
    asked = []

    def handler(request):
        asked.append(None)
        return Response(200, [], b"x" * 500_000)

    server = serve(handler)
    client = server.connect(receives=32768)
    client.send(GET * 50)
    server.wait_until(lambda: len(asked) >= 1)
    for _ in range(50):
        server.call(lambda: None)
    assert len(asked) < 20
    for _ in range(50):
        assert len(client.answer().body) == 500_000
    assert len(asked) == 50


HOSTILE = [
    "a\r\nSet-Cookie: b",
    "a\nSet-Cookie: b",
    "a\rSet-Cookie: b",
    "a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "\0",
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("where", ["name", "value"])
def test_no_header_begins_another_line(serve, text, where):
    """What S3 or a function puts into a header may be the caller's own words."""
    header = (text, "v") if where == "name" else ("n", text)
    client = serve(always(200, [("First", "1"), header, ("Last", "2")], b"")).connect()
    client.send(GET)
    answer = client.answer()
    assert answer.header_list[0] == ("first", "1")
    assert len(answer.header_list) == 5
    assert "set-cookie" not in answer.headers
    client.send(GET)
    assert client.answer().status == 200


_texts = st.text(max_size=20)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(_texts, _texts), max_size=4))
def test_headers_of_any_text_are_as_many_lines(headers):
    """Without a socket: the head that would be written."""
    from types import SimpleNamespace

    from freehold.server.http1 import Connection

    connection = Connection.__new__(Connection)
    connection._keep_alive = [True]
    connection._closing = False
    connection._server = SimpleNamespace(date_header=lambda: b"Date: d\r\n")
    request = SimpleNamespace(protocol="HTTP/1.1", method="GET")
    head = connection._head(request, Response(200, headers, b""), 0)
    assert head.endswith(b"\r\n\r\n")
    own = sum(name in ("Content-Length", "content-length") for name, _ in headers)
    expected = 1 + len(headers) + (0 if own else 1) + 1
    assert len(head[:-4].split(b"\r\n")) == expected
    assert head.count(b"\n") == head.count(b"\r") == expected + 1
    assert b"\0" not in head


def test_many_large_answers_arrive_whole(serve):
    """One that is larger than every buffer on its way."""
    client: Client = serve(always(200, [], bytes(range(256)) * 20_000)).connect()
    for _ in range(3):
        client.send(GET)
        assert client.answer().body == bytes(range(256)) * 20_000
