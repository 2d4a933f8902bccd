"""What becomes of a connection: pipelining, keeping it, closing it, halves of it, its death."""

from __future__ import annotations

import asyncio
import socket

import pytest

from freehold.server.messages import ClientGone, Pending, Response
from tests.server.conftest import echo, echoed

GET = b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n"


class Gate:
    """A handler whose answers to /slow wait until it is opened. It keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.waiting: list[asyncio.Future[None]] = []

    def __call__(self, request):
        self.asked.append(request.path)
        return self._wait(request) if request.path.startswith("/slow") else echo(request)

    async def _wait(self, request):
        self.waiting.append(asyncio.get_running_loop().create_future())
        await self.waiting[-1]
        return echoed(request, b"")

    def open(self):
        self.waiting.pop(0).set_result(None)


class PendingGate(Gate):
    """The same with answers that are futures, as writes give them."""

    def __call__(self, request):
        self.asked.append(request.path)
        if not request.path.startswith("/slow"):
            return echo(request)
        self.waiting.append(asyncio.get_running_loop().create_future())
        return Pending(self.waiting[-1], lambda future: echoed(request, b""))


@pytest.mark.parametrize("gate", [Gate, PendingGate])
def test_pipelined_requests_are_answered_in_order(serve, gate):
    """RFC 9112, 9.3.2: whatever is ready first, the first that was asked is answered first."""
    handler = gate()
    server = serve(handler)
    client = server.connect()
    client.send(GET.replace(b"/%d", b"/slow") + b"".join(GET % n for n in range(100)))
    server.wait_until(lambda: bool(handler.waiting))
    assert handler.asked == ["/slow"]
    server.call(handler.open)
    paths = [client.answer().document["path"] for _ in range(101)]
    assert paths == ["/slow", *(f"/{n}" for n in range(100))]


def test_a_thousand_pipelined_requests_are_no_recursion(serve):
    """Answered at once, each would start the next from within its own answer."""
    client = serve(echo).connect()
    client.send(b"".join(GET % n for n in range(1500)))
    assert [client.answer().document["path"] for n in range(1500)] == [f"/{n}" for n in range(1500)]


def test_bodies_of_pipelined_requests_do_not_mix(serve):
    """Streamed, whole, chunked and none, behind each other."""
    client = serve(echo, whole_body_bytes=100).connect()
    large = b"L" * 1000
    client.send(
        b"PUT /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n" + large
        + b"PUT /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
        + b"PUT /3 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
        + GET % 4
    )  # fmt: skip
    documents = [client.answer().document for _ in range(4)]
    assert [d["path"] for d in documents] == ["/1", "/2", "/3", "/4"]
    assert [d["body"] for d in documents] == [large.decode(), "abc", "hi", ""]


def test_what_was_asked_before_garbage_is_answered_before_the_400(serve):
    """The good requests may have come from somebody else, through a proxy."""
    handler = Gate()
    server = serve(handler)
    client = server.connect()
    client.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n" + GET % 1 + b"\x00garbage\r\n\r\n")
    server.wait_until(lambda: bool(handler.waiting))
    server.call(handler.open)
    assert [client.answer().status for _ in range(3)] == [200, 200, 400]
    assert client.is_closed()
    assert handler.asked == ["/slow", "/1"]


@pytest.mark.parametrize(
    ("head", "stays"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: foo, Close\r\n\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\nHost: x\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n", True),
    ],
)
def test_a_connection_stays_open_as_the_request_says(serve, head, stays):
    """RFC 9112, 9.3; and the answer says what will be."""
    client = serve(echo).connect()
    client.send(head)
    answer = client.answer()
    if stays:
        assert answer.headers.get("connection", "keep-alive") == "keep-alive"
        client.send(GET % 2)
        assert client.answer().document["path"] == "/2"
    else:
        assert answer.headers["connection"] == "close"
        assert client.is_closed()


def test_nothing_is_answered_after_connection_close(serve):
    """RFC 9112, 9.6: what follows it is not processed."""
    handler = Gate()
    client = serve(handler).connect()
    client.send(b"GET /1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" + GET % 2)
    assert client.answer().document["path"] == "/1"
    client.rest()
    assert handler.asked == ["/1"]


def test_a_client_that_has_said_all_still_reads_its_answers(serve):
    """`printf ... | nc` closes its half; what it asked before is answered."""
    handler = Gate()
    server = serve(handler)
    client = server.connect()
    client.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n" + GET % 2)
    client.socket.shutdown(socket.SHUT_WR)
    server.wait_until(lambda: bool(handler.waiting))
    server.call(handler.open)
    assert client.answer().document["path"] == "/slow"
    answer = client.answer()
    assert (answer.document["path"], answer.headers["connection"]) == ("/2", "close")
    assert client.is_closed()


@pytest.mark.parametrize(
    "part",
    [
        b"GE",
        b"GET / HTT",
        b"GET / HTTP/1.1\r\nHost: x\r\nA",
        b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel",
        b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ],
)
@pytest.mark.parametrize("how", ["shut", "reset"])
def test_half_a_request_is_never_answered(serve, part, how):
    """An upload that was cut off must not look like one that was meant to be so short."""
    outcomes: list[object] = []

    async def handler(request):
        try:
            outcomes.append(await request.body.read(1000))
        except ClientGone as error:
            outcomes.append(error)
            raise
        return Response(200, [])

    server = serve(handler)
    client = server.connect()
    client.send(part)
    if how == "shut":
        client.socket.shutdown(socket.SHUT_WR)
        assert client.is_closed()
    else:
        client.reset()
    server.wait_until(lambda: not server.server.connections)
    assert all(isinstance(outcome, ClientGone) for outcome in outcomes)


def test_a_client_that_goes_ends_what_waits_for_it(serve):
    """A long poll whose client has gone would take the next message with it."""
    handler = Gate()
    server = serve(handler)
    client = server.connect()
    client.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
    server.wait_until(lambda: bool(handler.waiting))
    client.reset()
    server.wait_until(lambda: handler.waiting[0].cancelled())


@pytest.mark.parametrize("result", ["value", "error"])
def test_an_answer_that_comes_after_its_client_went_is_dropped(serve, result):
    """The commit happens anyway, and there is nobody to tell."""
    handler = PendingGate()
    server = serve(handler)
    client = server.connect()
    client.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
    server.wait_until(lambda: bool(handler.waiting))
    client.reset()
    server.wait_until(lambda: not server.server.connections)
    if result == "value":
        server.call(handler.open)
    else:
        server.call(handler.waiting[0].set_exception, ValueError("store failed"))
        server.call(handler.waiting[0].exception)
    other = server.connect()
    other.send(GET % 1)
    assert other.answer().status == 200


def test_a_bug_answers_500_and_keeps_the_connection(serve, caplog):
    """The operator sees all of it, the caller nothing."""

    def at_once(request):
        raise ZeroDivisionError("secret")

    async def later(request):
        raise ZeroDivisionError("secret")

    def pending(request):
        future = asyncio.get_running_loop().create_future()
        future.set_result(None)
        return Pending(future, lambda _: at_once(request))

    for handler in (at_once, later, pending):
        client = serve(handler).connect()
        for _ in range(2):
            client.send(GET % 1)
            answer = client.answer()
            assert (answer.status, answer.body) == (500, b"Internal Server Error")
    assert caplog.text.count("ZeroDivisionError: secret") == 6


def test_stopping_ends_what_is_in_progress_first(serve, loop_thread):
    """Whoever was being answered gets the answer; whoever idles is closed; nobody new comes in."""
    handler = Gate()
    server = serve(handler)
    busy, idle = server.connect(), server.connect()
    idle.send(GET % 1)
    idle.answer()
    busy.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
    server.wait_until(lambda: bool(handler.waiting))

    async def stop():
        closing = asyncio.ensure_future(server.server.close())
        await asyncio.sleep(0)
        handler.open()
        await closing

    loop_thread.run(stop())
    assert busy.answer().headers["connection"] == "close"
    assert idle.is_closed()
    with pytest.raises(ConnectionRefusedError):
        server.connect()
