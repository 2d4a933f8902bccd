"""A server to send bytes to, and a client that says what came back.

    def test_x(serve):
        client = serve(echo).connect()
        client.send(b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
        assert client.answer().status == 200

The server runs on a thread of its own, as it runs in a node; the test's side is a plain socket.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvloop

from freehold.server.http1 import Limits, Server
from freehold.server.messages import Request, Response


class Closed(AssertionError):
    """The server closed the connection where an answer was expected."""


class Answer:
    """One response. `document` is what `echo` understood of the request."""

    def __init__(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status = status
        self.header_list = headers
        self.headers = dict(headers)
        self.body = body

    @property
    def document(self) -> Any:
        return json.loads(self.body)


class Client:
    """One connection. It reads no more than it is asked to."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self._buffer = bytearray()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send_slowly(self, data: bytes) -> None:
        """One byte at a time; a server that has heard enough may close before the end."""
        try:
            for index in range(len(data)):
                self.socket.sendall(data[index : index + 1])
        except (BrokenPipeError, ConnectionResetError):
            pass

    def answer(self, method: str = "GET") -> Answer:
        head = self.read_until(b"\r\n\r\n").decode("latin-1")
        status_line, *lines = head[:-4].split("\r\n")
        headers = []
        for line in lines:
            name, _, value = line.partition(": ")
            headers.append((name.lower(), value))
        status = int(status_line.split(" ")[1])
        found = dict(headers)
        if status < 200 or status in (204, 304) or method == "HEAD":
            body = b""
        elif "content-length" in found:
            body = self.read_exactly(int(found["content-length"]))
        elif found.get("transfer-encoding") == "chunked":
            body = self._chunks()
        else:
            body = self.rest()
        return Answer(status, headers, body)

    def read_until(self, end: bytes) -> bytes:
        while (at := self._buffer.find(end)) < 0:
            self._more()
        return self._take(at + len(end))

    def read_exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._more()
        return self._take(size)

    def rest(self) -> bytes:
        """Everything until the server closes."""
        try:
            while True:
                self._more()
        except (Closed, ConnectionResetError):
            return self._take(len(self._buffer))

    def is_closed(self) -> bool:
        """Whether the server closes without another byte."""
        return self.rest() == b""

    def close(self) -> None:
        self.socket.close()

    def reset(self) -> None:
        """Go without a word, so that the server knows at once that nobody will read its answer."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self.read_until(b"\r\n"), 16):
            body += self.read_exactly(size)
            assert self.read_exactly(2) == b"\r\n"
        assert self.read_exactly(2) == b"\r\n"
        return body

    def _more(self) -> None:
        data = self.socket.recv(1 << 20)
        if not data:
            raise Closed(f"the server closed; not yet read: {self._buffer[:200]!r}")
        self._buffer += data

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken


class Served:
    """A server that listens."""

    def __init__(self, thread: LoopThread, handler: Any, limits: Limits, tls: Any) -> None:
        self._thread = thread
        self._clients: list[Client] = []
        self.server = Server(handler, limits)
        host, port = thread.run(self.server.listen("127.0.0.1", 0, tls=tls))
        self.address = (host, port)

    def connect(self, *, tls: ssl.SSLContext | None = None, receives: int | None = None) -> Client:
        """A new connection; `receives` is the size of its receive buffer."""
        sock = socket.socket()
        if receives is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
        sock.settimeout(10)
        try:
            sock.connect(self.address)
        except OSError:
            sock.close()
            raise
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            sock = tls.wrap_socket(sock, server_hostname="localhost")
        self._clients.append(Client(sock))
        return self._clients[-1]

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run a plain function where the server runs."""

        async def call() -> Any:
            return function(*args)

        return self._thread.run(call())

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Until the server's state is so; a test fails by its own timeout here."""

        async def wait() -> None:
            async with asyncio.timeout(5):
                while not condition():
                    await asyncio.sleep(0.001)

        self._thread.run(wait())

    def stop(self) -> None:
        for client in self._clients:
            client.close()
        self._thread.run(self.server.close())


class LoopThread:
    """An event loop of the kind that nodes have; `errors` are those that nobody heard."""

    def __init__(self) -> None:
        self.errors: list[dict[str, Any]] = []
        self._loop = uvloop.new_event_loop()
        self._loop.set_exception_handler(lambda _, context: self.errors.append(context))
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout=20)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture(scope="session")
def loop_thread() -> Iterator[LoopThread]:
    thread = LoopThread()
    yield thread
    thread.stop()


@pytest.fixture
def serve(loop_thread: LoopThread) -> Iterator[Callable[..., Served]]:
    """serve(handler, **limits) starts a server. Nothing may go wrong in its loop unheard."""
    started: list[Served] = []
    loop_thread.errors.clear()

    def start(handler: Any, *, tls: ssl.SSLContext | None = None, **limits: Any) -> Served:
        limits.setdefault("sweep_s", 0.005)
        limits.setdefault("linger_s", 0.05)
        started.append(Served(loop_thread, handler, Limits(**limits), tls))
        return started[-1]

    yield start
    for each in started:
        each.stop()
    assert loop_thread.errors == []


def echo(request: Request) -> Any:
    """Answer with what was understood, at once or when the body has come."""
    if request.content is None:
        return _echo_streamed(request)
    return echoed(request, request.content)


async def _echo_streamed(request: Request) -> Response:
    body = b""
    async for piece in request.body:
        body += piece
    return echoed(request, body, trailers=request.body.trailers)


def echoed(request: Request, body: bytes, **more: Any) -> Response:
    document = {
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "headers": request.header_list,
        "protocol": request.protocol,
        "body": body.decode("latin-1"),
        **more,
    }
    return Response(200, [("Content-Type", "application/json")], json.dumps(document).encode())
