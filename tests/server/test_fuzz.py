"""Anything at all may arrive."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.server.conftest import echo

GET = b"GET /alive HTTP/1.1\r\nHost: x\r\n\r\n"

# Pieces of requests, whole and broken.
_words = st.sampled_from(
    [
        *(b"GET ", b"POST ", b"/", b"*", b"http://x/", b" HTTP/1.1", b" HTTP/1.0", b"\r\n", b"\n"),
        *(b"\r", b"\r\n\r\n", b"Host: x", b"Host:", b"Content-Length: ", b"5", b"-1", b"0", b"\0"),
        *(b"Transfer-Encoding: chunked", b"Connection: close", b"Connection: Upgrade", b":", b";"),
        *(b"Upgrade: h2c", b"Expect: 100-continue", b"hello", b"5\r\nhello\r\n", b"0\r\n\r\n", GET),
    ]
)
_streams = st.lists(st.one_of(_words, st.binary(max_size=8)), max_size=30)
_good = st.sampled_from(
    [
        GET,
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ]
)


@pytest.fixture
def server(serve):
    """One for all that a test sends, with a limit that makes some bodies stream."""
    return serve(echo, whole_body_bytes=3, linger_s=0.005)


def _after(server, sent: bytes) -> bytes:
    client = server.connect()
    client.send_slowly(sent[:2])
    try:
        client.send(sent[2:])
        client.socket.shutdown(1)
    except OSError:
        pass
    return client.rest()


_quick = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@_quick
@given(pieces=_streams)
def test_garbage_is_answered_400_or_not_at_all(server, pieces):
    """And never with our bug, and the server lives on."""
    raw = _after(server, b"".join(pieces))
    statuses = re.findall(rb"HTTP/1.1 (\d+) ", raw)
    assert set(statuses) <= {b"100", b"200", b"400", b"431", b"505"}
    assert _after(server, GET).startswith(b"HTTP/1.1 200 ")


@_quick
@given(requests=st.lists(_good, min_size=1, max_size=4), data=st.data())
def test_a_changed_byte_hurts_no_more_than_its_connection(server, requests, data):
    """What was asked before the change is answered as it was asked."""
    raw = b"".join(requests)
    at = data.draw(st.integers(0, len(raw) - 1))
    byte = data.draw(st.binary(min_size=0, max_size=2))
    whole = 0
    size = 0
    for each in requests:
        size += len(each)
        whole += size <= at
    got = _after(server, raw[:at] + byte + raw[at + 1 :])
    statuses = re.findall(rb"HTTP/1.1 (\d+) ", got)
    assert statuses[:whole] == [b"200"] * whole
    assert b"500" not in statuses


@_quick
@given(requests=st.lists(_good, min_size=1, max_size=6), data=st.data())
def test_requests_cut_anywhere_are_the_same(server, requests, data):
    """Two pieces, cut wherever."""
    raw = b"".join(requests)
    at = data.draw(st.integers(0, len(raw)))
    client = server.connect()
    client.send(raw[:at])
    client.send(raw[at:])
    for each in requests:
        answer = client.answer()
        assert answer.status == 200
        assert answer.document["body"] == ("hello" if b"hello" in each else "")
