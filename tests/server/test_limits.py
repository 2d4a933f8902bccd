"""How much, and how slowly, a client may ask."""

from __future__ import annotations

import asyncio

import pytest

from freehold.server.messages import WAITING_BYTES_MAX, BodyTooLarge, Response
from tests.server.conftest import echo

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
PUT = b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"


@pytest.mark.parametrize("sends", ["send", "send_slowly"])
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * 99), 200),
        (b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * 100), 414),
        (b"GET /?%b HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * 100), 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: %b\r\n\r\n" % (b"a" * 80), 200),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: %b\r\n\r\n" % (b"a" * 300), 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\n%b: a\r\n\r\n" % (b"a" * 300), 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 9 + b"\r\n", 200),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 10 + b"\r\n", 431),
    ],
)
def test_what_is_too_large_is_refused_and_closed(serve, sends, sent, status):
    """414 of RFC 9110 and 431 of RFC 6585; the client hears it though it still sends."""
    client = serve(echo, url_bytes=100, headers_bytes=200, headers_count=10).connect()
    getattr(client, sends)(sent)
    answer = client.answer()
    assert answer.status == status
    if status != 200:
        assert answer.headers["connection"] == "close"
        assert client.is_closed()


@pytest.mark.parametrize(
    "start",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nA: ",
        b"GET / HTTP/1.1\r\nHost: x\r\n",
        b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;",
        b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: ",
    ],
    ids=["value", "name", "chunk extension", "trailer"],
)
def test_what_never_ends_is_not_kept(serve, start):
    """The parser keeps half a header until its end: without a limit, all that a client can send."""
    client = serve(echo, url_bytes=100, headers_bytes=1000).connect()
    client.send(start)
    client.send_slowly(b"a" * 2000)
    assert client.answer().status == 431
    assert client.is_closed()


def test_trailers_have_the_limits_of_headers(serve):
    client = serve(echo, headers_count=10).connect()
    client.send(
        b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
        + b"A: b\r\n" * 11
        + b"\r\n"
    )
    assert client.answer().status == 431


@pytest.mark.parametrize(
    "part",
    [
        b"G",
        b"GET / HTTP/1.1\r\nHost: x\r\n",
        b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhello",
    ],
)
def test_half_a_request_is_answered_408_in_time(serve, part):
    """A thousand idle connections cost a slow-loris attacker nothing."""
    client = serve(echo, head_s=0.02, body_idle_s=0.02).connect()
    client.send(part)
    assert client.answer().status == 408
    assert client.is_closed()


def test_a_head_has_its_time_as_a_whole(serve):
    """Else a byte now and then holds the connection for ever."""
    client = serve(echo, head_s=0.05).connect()
    client.send(b"GET / HTTP/1.1\r\nHost: x\r\n")

    def trickle():
        try:
            while True:
                client.send(b"A: b\r\n")
                client.socket.settimeout(0.01)
                try:
                    client.read_exactly(1)
                    return True
                except TimeoutError:
                    pass
        except ConnectionError:
            return True

    assert trickle()


@pytest.mark.parametrize("request_first", [False, True])
def test_an_idle_connection_is_closed_without_a_word(serve, request_first):
    """A 408 that crosses with the next request would be taken for its answer."""
    client = serve(echo, head_s=0.02, keep_alive_s=0.02).connect()
    if request_first:
        client.send(GET)
        assert client.answer().status == 200
    assert client.is_closed()


def test_a_streamed_body_that_stops_coming_breaks_the_connection(serve):
    """The handler that reads it ends with it."""
    ended = []

    async def handler(request):
        try:
            return Response(200, [], await request.body.read(10**9))
        finally:
            ended.append(True)

    for start in (b"", b"x" * 20):
        server = serve(handler, whole_body_bytes=10, body_idle_s=0.02)
        client = server.connect()
        client.send(PUT % 1000 + start)
        assert client.is_closed()
        server.wait_until(lambda: ended.pop())


def test_a_client_that_never_sends_what_it_announced_with_100_is_cut(serve):
    client = serve(echo, body_idle_s=0.02).connect()
    client.send(PUT[:-4].replace(b"%d", b"5") + b"\r\nExpect: 100-continue\r\n\r\n")
    assert client.answer().status == 100
    assert client.is_closed()


@pytest.mark.parametrize("behind", [b"", GET, PUT % 5 + b"hello", PUT % 100 + b"x" * 100])
@pytest.mark.parametrize("first", [GET, PUT % 5 + b"hello", PUT % 100 + b"x" * 100])
def test_our_own_slowness_cuts_nobody(serve, first, behind):
    """A function may run for a quarter of an hour; requests behind it wait as long."""

    async def slow(request):
        if request.content is None:
            await request.body.read(1000)
        await asyncio.sleep(0.1)
        return Response(200, [], b"done")

    limits = {"head_s": 0.02, "body_idle_s": 0.02, "keep_alive_s": 0.02, "write_idle_s": 0.02}
    client = serve(slow, whole_body_bytes=10, **limits).connect()
    client.send(first + behind)
    for _ in range(2 if behind else 1):
        assert client.answer().body == b"done"


def test_a_handler_that_reads_slowly_slows_its_sender_and_cuts_nobody(serve):
    """What is not read waits in the client, not here."""
    sizes = []

    async def slow(request):
        total = 0
        async for piece in request.body:
            sizes.append(len(piece))
            total += len(piece)
            if total < 2_000_000:
                await asyncio.sleep(0.005)
        return Response(200, [], b"%d" % total)

    client = serve(slow, body_idle_s=0.02).connect()
    size = 8_000_000
    client.send(PUT % size)
    client.send(bytes(size))
    assert client.answer().body == b"%d" % size
    assert max(sizes) < WAITING_BYTES_MAX


def test_a_waiting_body_stays_small_while_nobody_reads(serve):
    """The rest stays in the kernel's buffers and then in the client."""
    gate = []

    async def handler(request):
        gate.append((asyncio.get_running_loop().create_future(), request.body))
        await gate[0][0]
        return Response(200, [], b"%d" % len(await request.body.read(10**8)))

    server = serve(handler)
    client = server.connect()
    size = 20_000_000
    client.send(PUT % size)
    client.socket.setblocking(False)
    sent = 0
    data = memoryview(bytes(size))
    server.wait_until(lambda: bool(gate))
    idle = 0
    while idle < 50:
        try:
            sent += client.socket.send(data[sent:])
            idle = 0
        except BlockingIOError:
            idle += 1
            server.call(lambda: None)
    assert sent < size
    assert gate[0][1]._waiting <= 2 * WAITING_BYTES_MAX
    server.call(gate[0][0].set_result, None)
    client.socket.settimeout(10)
    client.socket.sendall(data[sent:])
    assert client.answer().body == b"%d" % size


def test_a_client_that_does_not_read_is_cut(serve):
    """It holds what it was to be sent in our memory."""
    for head in (GET, GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), GET * 30):
        server = serve(lambda request: Response(200, [], bytes(20_000_000)), write_idle_s=0.02)
        client = server.connect(receives=4096)
        client.send(head)
        server.wait_until(lambda server=server: bool(server.server.connections))
        server.wait_until(lambda server=server: not server.server.connections)


def test_a_body_too_large_is_refused_before_it_is_read(serve):
    """The client hears 413 while it sends: a reset would take the answer away from it."""
    took = []

    async def handler(request):
        try:
            await request.body.read(1000)
        except BodyTooLarge:
            took.append(request.body.taken)
            return Response(413, [], b"too large")
        raise AssertionError

    for head in (
        PUT % 50_000_000,
        b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2faf080\r\n",
    ):
        client = serve(handler, linger_s=1.0).connect()
        client.send(head)
        client.send(bytes(3_000_000))
        assert client.answer().status == 413
    assert took[0] == 0
    assert took[1] <= 3_000_000


def test_lingering_has_an_end(serve):
    """A client that goes on sending after its refusal is read for a moment only."""
    server = serve(echo, linger_s=0.02)
    client = server.connect()
    client.send(b"\x00garbage")
    assert client.answer().status == 400
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        while True:
            client.send(bytes(1000))
