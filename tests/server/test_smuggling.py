"""Requests that two servers may read differently: each is refused, and the connection with it.

RFC 9112, section 11.2, and the ways that have worked against other servers. Whatever follows in the
same bytes is never taken for a request.
"""

from __future__ import annotations

import contextlib

import pytest

from tests.server.conftest import Closed, echo

HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"


def post(*lines: bytes) -> bytes:
    return b"\r\n".join((b"POST / HTTP/1.1", b"Host: x", *lines, b"", b""))


CHUNKED = b"Transfer-Encoding: chunked"

REFUSED = {
    "length and chunks": post(b"Content-Length: 5", CHUNKED) + b"0\r\n\r\n",
    "chunks and length": post(CHUNKED, b"Content-Length: 5") + b"0\r\n\r\n",
    "two lengths": post(b"Content-Length: 5", b"Content-Length: 6") + b"hello",
    "the same length twice": post(b"Content-Length: 5", b"Content-Length: 5") + b"hello",
    "a list of lengths": post(b"Content-Length: 5, 5") + b"hello",
    "negative length": post(b"Content-Length: -5") + b"hello",
    "length with plus": post(b"Content-Length: +5") + b"hello",
    "length in hex": post(b"Content-Length: 0x5") + b"hello",
    "length with a fraction": post(b"Content-Length: 5.0") + b"hello",
    "length with underscore": post(b"Content-Length: 0_5") + b"hello",
    "two numbers": post(b"Content-Length: 5 5") + b"hello",
    "empty length": post(b"Content-Length:") + b"hello",
    "length beyond 64 bits": post(b"Content-Length: 18446744073709551621") + b"hello",
    "length beyond all bounds": post(b"Content-Length: " + b"9" * 5000) + b"hello",
    "length in other digits": post("Content-Length: \u0665".encode()) + b"hello",
    "xchunked": post(b"Transfer-Encoding: xchunked") + b"0\r\n\r\n",
    "chunkedx": post(b"Transfer-Encoding: chunkedx") + b"0\r\n\r\n",
    "chunked, identity": post(b"Transfer-Encoding: chunked, identity") + b"0\r\n\r\n",
    "identity, chunked": post(b"Transfer-Encoding: identity, chunked") + b"0\r\n\r\n",
    "gzip, chunked": post(b"Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n",
    "identity": post(b"Transfer-Encoding: identity") + b"0\r\n\r\n",
    "chunked twice": post(CHUNKED, CHUNKED) + b"0\r\n\r\n",
    "chunked, chunked": post(b"Transfer-Encoding: chunked, chunked") + b"0\r\n\r\n",
    "empty encoding": post(b"Transfer-Encoding:") + b"0\r\n\r\n",
    "encoding with a parameter": post(b"Transfer-Encoding: chunked;q=1") + b"0\r\n\r\n",
    "encoding with vertical tab": post(b"Transfer-Encoding: \x0bchunked") + b"0\r\n\r\n",
    "encoding with no-break space": post(b"Transfer-Encoding: \xa0chunked") + b"0\r\n\r\n",
    "space before colon": post(b"Transfer-Encoding : chunked") + b"0\r\n\r\n",
    "tab before colon": post(b"Transfer-Encoding\t: chunked") + b"0\r\n\r\n",
    "space before name": post(b" Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "folded header": post(b"A: b\r\n c") + b"",
    "folded encoding": post(b"Transfer-Encoding:\r\n chunked") + b"0\r\n\r\n",
    "bare line feed": b"GET / HTTP/1.1\nHost: x\n\n",
    "bare line feed in headers": b"GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n",
    "bare line feed at the end": b"GET / HTTP/1.1\r\nHost: x\r\n\n",
    "bare carriage return": b"GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n",
    "NUL in a value": post(b"A: b\0c"),
    "NUL in a name": post(b"A\0: b"),
    "NUL in the target": b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n",
    "no name": post(b": b"),
    "no colon": post(b"A"),
    "name with a parenthesis": post(b"A(): b"),
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
    "another host in the target": b"GET http://y/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "a user in the target": b"GET http://a@x/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "another scheme": b"GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "no path": b"GET a HTTP/1.1\r\nHost: x\r\n\r\n",
    "asterisk": b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    "tunnel": b"CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n",
    "space in the target": b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
    "raw bytes in the target": b"GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n",
    "unknown method": b"FOO / HTTP/1.1\r\nHost: x\r\n\r\n",
    "lower-case method": b"get / HTTP/1.1\r\nHost: x\r\n\r\n",
    "HTTP/1.2": b"GET / HTTP/1.2\r\nHost: x\r\n\r\n",
    "chunks to HTTP/1.0": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "chunk size overflow": post(CHUNKED) + b"10000000000000001\r\nhello",
    "negative chunk": post(CHUNKED) + b"-5\r\nhello\r\n0\r\n\r\n",
    "chunk with plus": post(CHUNKED) + b"+5\r\nhello\r\n0\r\n\r\n",
    "chunk with 0x": post(CHUNKED) + b"0x5\r\nhello\r\n0\r\n\r\n",
    "space before chunk": post(CHUNKED) + b" 5\r\nhello\r\n0\r\n\r\n",
    "space after chunk size": post(CHUNKED) + b"5 \r\nhello\r\n0\r\n\r\n",
    "no chunk size": post(CHUNKED) + b"\r\nhello\r\n0\r\n\r\n",
    "chunk that goes on": post(CHUNKED) + b"5\r\nhelloX\r\n0\r\n\r\n",
    "chunk size ends in line feed": post(CHUNKED) + b"5\nhello\r\n0\r\n\r\n",
    "chunk ends in line feed": post(CHUNKED) + b"5\r\nhello\n0\r\n\r\n",
    "line feed in an extension": post(CHUNKED) + b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "trailer without colon": post(CHUNKED) + b"0\r\nA\r\n\r\n",
    "folded trailer": post(CHUNKED) + b"0\r\nA: b\r\n c\r\n\r\n",
}  # fmt: skip


@pytest.mark.parametrize("sends", ["send", "send_slowly"])
@pytest.mark.parametrize("sent", REFUSED.values(), ids=REFUSED.keys())
def test_what_can_be_read_in_two_ways_is_refused(serve, sends, sent):
    """One 400 (or 505), then the end; nothing behind it is looked at."""
    asked = []

    def handler(request):
        asked.append(request.path)
        return echo(request)

    server = serve(handler)
    client = server.connect()
    getattr(client, sends)(sent)
    client.send_slowly(HIDDEN)
    answer = client.answer()
    assert answer.status in (400, 505)
    assert answer.headers["connection"] == "close"
    assert client.is_closed()
    assert "/hidden" not in asked


@pytest.mark.parametrize(
    "sent", [b"GET /\r\n\r\n", b"GET / HTTP/0.9\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
)
def test_other_versions_are_not_served(serve, sent):
    """Neither what came before headers nor what has no lines at all."""
    client = serve(echo).connect()
    client.send(sent)
    with contextlib.suppress(Closed):
        assert client.answer().status in (400, 505)
    assert client.is_closed()
