"""The HTTP/1.1 server: httptools' parser under a protocol class of our own.

Strict where leniency is dangerous: a request with both Content-Length and Transfer-Encoding, with
two lengths, with two Host headers, with folded headers or bare line feeds is refused and the
connection closed. Requests of one connection are answered in order; those that arrive behind one in
progress wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

import httptools
import msgspec

from freehold.server.messages import BytesBody, ClientGone, Pending, Request, RequestBody, Response

log = logging.getLogger(__name__)

Handler = Callable[[Request], "Response | Pending | Awaitable[Response]"]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much a client may ask of the server before it is authenticated."""

    url_bytes: int = 16 * 1024
    headers_bytes: int = 64 * 1024
    headers_count: int = 200
    # A body up to this size is taken in before the request is handed on; a larger one streams.
    whole_body_bytes: int = 1024 * 1024
    pipelined: int = 16
    head_s: float = 30.0
    body_idle_s: float = 60.0
    keep_alive_s: float = 75.0
    write_idle_s: float = 60.0
    # How long a client that still sends what nobody will read may take to see its answer.
    linger_s: float = 2.0
    # How often deadlines are looked at.
    sweep_s: float = 1.0


class Server:
    """Listeners and their connections."""

    def __init__(self, handler: Handler, limits: Limits | None = None) -> None:
        self.handler = handler
        self.limits = limits or Limits()
        self.connections: set[Connection] = set()
        self._listeners: list[asyncio.Server] = []
        self._sweeping: asyncio.Task[None] | None = None
        self.date = b""
        self._date_at = -1.0

    async def listen(
        self, host: str, port: int, *, tls: ssl.SSLContext | None = None
    ) -> tuple[str, int]:
        """Listen; return the address and port (useful for port 0)."""
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(
            lambda: Connection(self, secure=tls is not None),
            host,
            port,
            ssl=tls,
            backlog=1024,
        )
        self._add(listener)
        address: tuple[str, int] = listener.sockets[0].getsockname()[:2]
        return address

    async def listen_on(
        self,
        listening: socket.socket,
        *,
        tls: ssl.SSLContext | None = None,
        name: str | None = None,
    ) -> asyncio.Server:
        """Serve a socket that listens already; `name` marks its requests (`via_sandbox`)."""
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(
            lambda: Connection(self, secure=tls is not None, name=name), sock=listening, ssl=tls
        )
        if self._sweeping is None:
            self._sweeping = asyncio.create_task(self._sweep())
        return listener

    async def close(self) -> None:
        """Stop listening, let requests in progress end for a while, then cut them."""
        for listener in self._listeners:
            listener.close()
        for connection in list(self.connections):
            connection.close_when_idle()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                while self.connections:  # noqa: ASYNC110 - once in a node's life
                    await asyncio.sleep(0.02)
        for connection in list(self.connections):
            connection.abort()
        if self._sweeping is not None:
            self._sweeping.cancel()

    def date_header(self) -> bytes:
        now = asyncio.get_running_loop().time()
        if now - self._date_at > 0.5:
            self._date_at = now
            self.date = f"Date: {formatdate(usegmt=True)}\r\n".encode()
        return self.date

    def _add(self, listener: asyncio.Server) -> None:
        self._listeners.append(listener)
        if self._sweeping is None:
            self._sweeping = asyncio.create_task(self._sweep())

    async def _sweep(self) -> None:
        """One timer for all connections: what is past its deadline is cut."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self.limits.sweep_s)
            now = loop.time()
            for connection in [c for c in self.connections if c.deadline < now]:
                connection.time_out()


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, server: Server, *, secure: bool, name: str | None = None) -> None:
        self._server = server
        self._limits = server.limits
        self._secure = secure
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._transport: Any = None
        self._parser: Any = None
        self._source_ip = "127.0.0.1"
        self.deadline = 0.0
        # The request being read; `_headers` are its trailers once its head is complete.
        self._is_reading = False
        self._url = b""
        self._headers: list[tuple[str, str]] = []
        self._sent_names: list[bytes] = []
        self._head_bytes = 0
        # What has come since the parser gave us anything: it keeps half a header to itself.
        self._unseen_bytes = 0
        self._body: RequestBody | None = None
        self._handed_on = False
        # Requests read and not yet answered; the first is in progress if `_is_busy`.
        self._queue: deque[Request] = deque()
        self._is_busy = False
        self._working: asyncio.Task[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._unwritten_bytes = 0
        self._is_paused = False
        self._keep_alive: deque[bool] = deque()
        # Nothing more is read; what was read before is still answered, then `_last_words`.
        self._closing = False
        self._last_words = b""

    # -- asyncio.Protocol --

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._parser = httptools.HttpRequestParser(self)
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple):
            self._source_ip = peer[0]
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._server.connections.add(self)
        self.deadline = self._loop.time() + self._limits.head_s

    def connection_lost(self, error: Exception | None) -> None:
        self._server.connections.discard(self)
        self._closing = True
        if self._body is not None and not self._body.ended:
            self._body.fail(ClientGone())
        if self._writable is not None:
            self._writable.cancel()
        if self._working is not None:
            self._working.cancel()
        self._queue.clear()

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        self._unseen_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # There is nothing to upgrade to: the request is answered as any other, and that is all.
            self._closing = True
            self._close_if_answered()
            return
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            if isinstance(cause, _Refused):
                self._refuse(cause.status, str(cause))
            else:
                log.error("the server failed on a request", exc_info=cause)
                self._refuse(500, "Internal Server Error")
            return
        except httptools.HttpParserError as error:
            self._refuse(400, f"Bad Request: {error}")
            return
        limits = self._limits
        if self._unseen_bytes > limits.url_bytes + limits.headers_bytes:
            self._refuse(431, "Request Header Fields Too Large")

    def eof_received(self) -> bool:
        # A client that has sent all it will send may still read the answer (over TLS it cannot).
        self._closing = True
        if self._body is not None and not self._body.ended:
            self._body.fail(ClientGone())
        return bool(self._queue) and not self._secure

    def pause_writing(self) -> None:
        self._writable = self._loop.create_future()
        self._unwritten_bytes = self._transport.get_write_buffer_size()
        self.deadline = self._loop.time() + self._limits.write_idle_s

    def resume_writing(self) -> None:
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)
        self.deadline = self._idle_deadline()
        self._start_next()

    # -- httptools callbacks --

    def on_message_begin(self) -> None:
        self._is_reading = True
        self._url = b""
        self._headers = []
        self._sent_names = []
        self._head_bytes = 0
        self._body = None
        self._handed_on = False
        self._expect_within(self._limits.head_s)

    def on_url(self, url: bytes) -> None:
        self._url += url
        if len(self._url) > self._limits.url_bytes:
            raise _Refused(414, "URI Too Long")

    def on_header(self, name: bytes, value: bytes | None) -> None:
        value = value or b""
        self._head_bytes += len(name) + len(value) + 4
        headers = self._headers
        if (
            self._head_bytes > self._limits.headers_bytes
            or len(headers) >= self._limits.headers_count
        ):
            raise _Refused(431, "Request Header Fields Too Large")
        known = _NAMES.get(name)
        if known is None:
            known = name.decode("latin-1").lower()
        # The parser takes blanks off a value's beginning, and leaves those at its end.
        headers.append((known, value.decode("latin-1").rstrip(" \t")))
        self._sent_names.append(name)

    def on_headers_complete(self) -> None:
        parser = self._parser
        self._unseen_bytes = 0
        target = self._url if self._url.startswith(b"/") else self._path_of_absolute()
        request = Request(parser.get_method().decode("latin-1"), target, self._headers)
        version = parser.get_http_version()
        if version != "1.1":
            if version != "1.0":
                raise _Refused(505, "HTTP Version Not Supported")
            request.protocol = "HTTP/1.0"
        length = self._check_head(request)
        request.sent_names = self._sent_names
        # The parser gives us trailers as it gives us headers: they are not the request's.
        self._headers = []
        self._sent_names = []
        request.secure = self._secure
        request.source_ip = self._source_ip
        request.via_sandbox = self._name
        self._keep_alive.append(parser.should_keep_alive() and not parser.should_upgrade())
        self._request = request
        if length == 0:
            return
        expects = (
            request.headers.get("expect", "").lower() == "100-continue"
            and request.protocol == "HTTP/1.1"
        )
        streamed = expects or length is None or length > self._limits.whole_body_bytes
        self._body = RequestBody(
            length,
            # Nobody reads a body that is handed on whole: pausing it would be for ever.
            self._pause_reading if streamed else _never_pause,
            self._resume_reading,
            self._send_continue if expects else None,
        )
        request.body = self._body
        if streamed:
            self._handed_on = True
            self._hand_on(request)
            if self._queue and not expects:
                self.deadline = self._loop.time() + self._limits.body_idle_s

    def on_body(self, piece: bytes) -> None:
        if self._closing:
            return
        self._unseen_bytes = 0
        self._expect_within(self._limits.body_idle_s)
        if self._body is not None:
            self._body.feed(piece)

    def on_message_complete(self) -> None:
        body = self._body
        request = self._request
        self._is_reading = False
        self._unseen_bytes = 0
        if self._writable is None:
            self.deadline = self._idle_deadline()
        if body is not None:
            body.trailers = dict(self._headers)
            body.end()
        if self._handed_on:
            return
        request.content = b"" if body is None else body.whole()
        request.body = BytesBody(request.content)
        self._hand_on(request)

    # -- requests --

    def _check_head(self, request: Request) -> int | None:
        """Check what the parser leaves to us; return the body's length, None if it is chunked."""
        headers = request.headers
        if request.protocol == "HTTP/1.1" and sum(n == "host" for n, _ in self._headers) != 1:
            raise _Refused(400, "Bad Request: exactly one Host header is needed")
        encoding = headers.get("transfer-encoding")
        if encoding is not None:
            if (
                encoding.lower() != "chunked"
                or "content-length" in headers
                or request.protocol == "HTTP/1.0"
            ):
                raise _Refused(400, "Bad Request: this Transfer-Encoding is not understood")
            return None
        length = headers.get("content-length")
        if length is None:
            return 0
        if not (length.isascii() and length.isdigit()):
            raise _Refused(400, "Bad Request: Content-Length is not a number")
        return int(length)

    def _path_of_absolute(self) -> bytes:
        """The path of a target that is a whole URL. Its host must be that of the Host header: that
        is what signatures cover."""
        scheme, _, rest = self._url.partition(b"://")
        authority, slash, path = rest.partition(b"/")
        host = next((value for name, value in self._headers if name == "host"), "")
        if scheme.lower() not in (b"http", b"https") or authority != host.encode("latin-1"):
            raise _Refused(400, "Bad Request: this request target is not understood")
        return slash + path or b"/"

    def _hand_on(self, request: Request) -> None:
        if self._closing:
            return
        self._queue.append(request)
        self._start_next()
        if len(self._queue) >= self._limits.pipelined:
            self._pause_reading()

    def _start_next(self) -> None:
        """Start the first request in the queue, unless one is in progress or the client has yet to
        read what it was sent."""
        if self._is_busy or not self._queue or self._writable is not None:
            return
        if not self._transport.is_closing():
            self._is_busy = True
            self._start(self._queue[0])

    def _start(self, request: Request) -> None:
        # While it is worked on, only its own waits have deadlines.
        self.deadline = self._idle_deadline()
        try:
            answer = self._server.handler(request)
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            answer = _our_error()
        if type(answer) is Response:
            self._answer(request, answer)
        elif type(answer) is Pending:
            finish = answer.finish

            def done(future: Any) -> None:
                try:
                    answer = finish(future)
                except Exception:
                    log.exception("%s %s failed", request.method, request.path)
                    answer = _our_error()
                self._answer(request, answer)

            answer.future.add_done_callback(done)
        else:
            assert not isinstance(answer, (Response, Pending))
            self._working = self._loop.create_task(self._work(request, answer))

    async def _work(self, request: Request, coming: Awaitable[Response]) -> None:
        try:
            answer = await coming
        except ClientGone:
            self._say_last_words()
            return
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            answer = _our_error()
        self._working = None
        self._answer(request, answer)

    def _answer(self, request: Request, answer: Response) -> None:
        if self._transport.is_closing() or not self._queue:
            return
        body = answer.body
        if type(body) is bytes:
            self._transport.write(self._head(request, answer, len(body)) + _shown(request, answer))
            self._next(request)
        else:
            self._working = self._loop.create_task(self._stream(request, answer))

    async def _stream(self, request: Request, answer: Response) -> None:
        """Write a body as it comes, no faster than the client reads."""
        length = next((v for k, v in answer.headers if k.lower() == "content-length"), None)
        chunked = length is None and request.protocol == "HTTP/1.1"
        if length is None and not chunked:
            self._keep_alive[0] = False
        self._transport.write(self._head(request, answer, None if length is None else int(length)))
        encode = answer.encode
        left = None if length is None else int(length)
        try:
            if request.method != "HEAD" and answer.status not in (204, 304):
                async with contextlib.aclosing(_pieces(answer.body)) as pieces:
                    async for piece in pieces:
                        raw = piece if encode is None else encode(piece)
                        if left is not None:
                            left -= len(raw)
                            if left < 0:
                                raise ValueError("the body is longer than its Content-Length")
                        if raw:
                            self._transport.write(
                                b"%x\r\n%b\r\n" % (len(raw), raw) if chunked else raw
                            )
                        await self._until_writable()
                if left:
                    raise ValueError(f"the body is {left} bytes shorter than its Content-Length")
                if chunked:
                    self._transport.write(b"0\r\n\r\n")
        except (ClientGone, asyncio.CancelledError):
            self.abort()
            return
        except Exception:
            # The status has gone out: all that can be said now is that the body is not whole.
            log.exception("the body of %s %s broke off", request.method, request.path)
            self.abort()
            return
        self._working = None
        self._next(request)

    async def _until_writable(self) -> None:
        if self._writable is not None:
            await self._writable

    def _next(self, request: Request) -> None:
        """The first request of the queue has been answered: close, or go on."""
        self._is_busy = False
        self._queue.popleft()
        keep_alive = self._keep_alive.popleft()
        body = request.body
        if isinstance(body, RequestBody) and not body.ended:
            self._linger()
            return
        if not keep_alive:
            self._close()
            return
        if self._closing and not self._queue:
            self._say_last_words()
            return
        self._resume_reading()
        if self._writable is None:
            self.deadline = self._idle_deadline()
        if self._queue:
            # Not from within the stack of the one before: a thousand requests are no recursion.
            self._loop.call_soon(self._start_next)

    def _head(self, request: Request, answer: Response, length: int | None) -> bytes:
        status = answer.status
        has_length = False
        lines = []
        for name, value in answer.headers:
            if name in ("Content-Length", "content-length"):
                has_length = True
            lines.append(f"{name}: {value}\r\n")
        text = "".join(lines)
        if text.count("\n") != len(lines) or text.count("\r") != len(lines) or "\0" in text:
            # A value that would begin a line of its own says whatever its author likes.
            text = "".join(f"{_one_line(name)}: {_one_line(v)}\r\n" for name, v in answer.headers)
        parts = [
            _STATUS_LINES.get(status) or f"HTTP/1.1 {status} \r\n".encode(),
            text.encode("latin-1", "replace"),
        ]
        if not has_length and status not in (204, 304) and status >= 200:
            if length is not None:
                parts.append(b"Content-Length: %d\r\n" % length)
            elif request.protocol == "HTTP/1.1":
                parts.append(b"Transfer-Encoding: chunked\r\n")
        if not self._keep_alive[0] or (self._closing and len(self._queue) == 1):
            parts.append(b"Connection: close\r\n")
        elif request.protocol == "HTTP/1.0":
            parts.append(b"Connection: keep-alive\r\n")
        parts.append(self._server.date_header())
        parts.append(b"\r\n")
        return b"".join(parts)

    def _send_continue(self) -> None:
        self.deadline = self._loop.time() + self._limits.body_idle_s
        self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _refuse(self, status: int, why: str) -> None:
        """Answer what cannot be read, after what was read before it, and close."""
        body = why.encode()
        self._last_words = _STATUS_LINES[status] + (
            b"Content-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b"
            % (len(body), body)
        )
        self._closing = True
        if self._body is not None and not self._body.ended:
            self._body.fail(ClientGone())
        self._close_if_answered()

    def _close_if_answered(self) -> None:
        if not self._queue:
            self._say_last_words()

    def _say_last_words(self) -> None:
        if not self._last_words:
            self._close()
        elif not self._transport.is_closing():
            self._transport.write(self._last_words)
            self._linger()

    def _linger(self) -> None:
        """Close, but read on for a while: a connection closed on bytes that were not read is reset,
        and the client may lose the answer that it was sent."""
        self._closing = True
        self._queue.clear()
        if self._secure or self._transport.is_closing():
            self._close()
            return
        self._transport.write_eof()
        self._unwritten_bytes = self._transport.get_write_buffer_size()
        self._resume_reading()
        self.deadline = self._loop.time() + self._limits.linger_s

    def _close(self) -> None:
        self._closing = True
        self._queue.clear()
        self._unwritten_bytes = self._transport.get_write_buffer_size()
        self.deadline = self._loop.time() + self._limits.write_idle_s
        self._transport.close()

    def _expect_within(self, seconds: float) -> None:
        """Give the client so long for the next bytes; but not one that has yet to read ours."""
        if self._writable is None:
            self.deadline = self._loop.time() + seconds

    def _idle_deadline(self) -> float:
        """Until when the client may be silent: for ever while it waits for us."""
        if self._queue:
            return float("inf")
        if self._closing:
            return self._loop.time() + self._limits.linger_s
        return self._loop.time() + self._limits.keep_alive_s

    def _pause_reading(self) -> None:
        if not self._is_paused and not self._closing and not self._transport.is_closing():
            self._is_paused = True
            # Now it is we who are slow.
            self._expect_within(float("inf"))
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._is_paused and not self._transport.is_closing():
            self._is_paused = False
            if self._is_reading:
                self._expect_within(self._limits.body_idle_s)
            self._transport.resume_reading()

    # -- the end --

    def time_out(self) -> None:
        unwritten = self._transport.get_write_buffer_size()
        if 0 < unwritten < self._unwritten_bytes:
            # It reads, if slowly.
            self._unwritten_bytes = unwritten
            self.deadline = self._loop.time() + self._limits.write_idle_s
        elif not self._queue and self._is_reading and not self._closing:
            self._refuse(408, "Request Timeout")
        else:
            self.abort()

    def close_when_idle(self) -> None:
        self._closing = True
        if not self._queue:
            self._transport.close()

    def abort(self) -> None:
        self._closing = True
        self._transport.abort()


def _never_pause() -> None:
    """What a body calls that is collected until it is whole."""


class _Refused(Exception):
    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def _our_error() -> Response:
    return Response(500, [("Content-Type", "text/plain")], b"Internal Server Error")


def _one_line(text: str) -> str:
    return text.translate(_LINE_ENDS)


async def _pieces(body: Any) -> AsyncGenerator[Any, None]:
    async for piece in body:
        yield piece


def _shown(request: Request, answer: Response) -> bytes:
    if request.method == "HEAD" or answer.status in (204, 304):
        return b""
    body: bytes = answer.body
    return body


_LINE_ENDS = str.maketrans("\r\n\0", "   ")
_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}

# The headers of nearly every request, so that their names need no decoding.
_NAMES = {
    spelling.encode(): name.lower()
    for name in (
        "Host",
        "User-Agent",
        "Accept",
        "Accept-Encoding",
        "Connection",
        "Content-Type",
        "Content-Length",
        "Authorization",
        "X-Amz-Date",
        "X-Amz-Target",
        "X-Amz-Content-SHA256",
        "X-Amz-Security-Token",
        "amz-sdk-invocation-id",
        "amz-sdk-request",
    )
    for spelling in (name, name.lower())
}
