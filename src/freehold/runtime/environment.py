"""One execution environment: its life as a state table, its Runtime API, its output, its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import os
import signal
import socket
from collections.abc import Callable
from typing import Any, Literal

import msgspec
import orjson

from freehold.kernel.clock import iso8601
from freehold.runtime.contract import FunctionSpec, Invocation, Outcome
from freehold.runtime.output import Line, Pipe, Tail
from freehold.runtime.sandbox.cgroups import Group
from freehold.runtime.sandbox.link import Link, Zygote
from freehold.server.messages import BodyTooLarge, Pending, Request, Response

log = logging.getLogger(__name__)

RESPONSE_BYTES_MAX = 6 * 1024 * 1024
# An environment that stays idle this long is frozen; sooner would cost every busy one a thaw.
FREEZE_AFTER_S = 0.05
_API = "/2018-06-01/runtime/"

State = Literal["starting", "idle", "busy", "answered", "ended"]

# Which event may follow which state, and what comes of it.
TRANSITIONS: dict[tuple[State, str], State] = {
    ("starting", "next"): "idle",
    ("idle", "event"): "busy",
    ("busy", "answer"): "answered",
    ("answered", "next"): "idle",
    ("starting", "end"): "ended",
    ("idle", "end"): "ended",
    ("busy", "end"): "ended",
    ("answered", "end"): "ended",
}

_ACCEPTED = Response(202, [("Content-Type", "application/json")], b'{"status":"OK"}\n')


class Parts(msgspec.Struct, frozen=True):
    """What environments of one node share."""

    now: Callable[[], float]
    # Serve a socket with the Runtime API, the platform (also over TLS), or names.
    serve: Callable[[socket.socket, str, Environment], Any]
    write_log: Callable[[FunctionSpec, str, list[Line]], None]
    ports: tuple[int, ...]
    # Whether environments have namespaces: then the end of the first process is the end of all.
    has_namespaces: Callable[[], bool]


class _Init(msgspec.Struct):
    """What came of the init phase."""

    error: dict[str, Any] | None = None


class Environment:
    """Make it, `start` it, `run` events one at a time; `ended` is a future that its end resolves."""

    def __init__(
        self, parts: Parts, spec: FunctionSpec, name: str, stream: str, group: Group | None
    ) -> None:
        self.spec = spec
        self.name = name
        self.stream = stream
        self.started_at = parts.now()
        self.idle_since = self.started_at
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._parts = parts
        self._group = group
        self._state: State = "starting"
        self._loop = asyncio.get_running_loop()
        self._link: Link | None = None
        self._watch = -1
        self._listeners: list[Any] = []
        self._pipes: list[Pipe] = []
        self._ready: asyncio.Future[_Init] = self._loop.create_future()
        self._init_error: dict[str, Any] | None = None
        self._init_ms: float | None = None
        self._asked: asyncio.Future[Response] | None = None
        self._event: _Event | None = None
        self._exit_status: int | None = None
        self._freeze_timer: asyncio.TimerHandle | None = None
        self._is_frozen = False
        self._is_killed = False
        self._cpu_is_limited = False

    # -- life --

    def start(self, zygote: Zygote, wanted: dict[str, Any]) -> None:
        """Fork it; from here on it lives by what it says."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._link = Link(ours, self._on_message)
        handles = [theirs.fileno()]
        writers = []
        for framed in (False, True):
            reader, writer = os.pipe()
            pipe = Pipe(reader, framed=framed, now=self._parts.now)
            self._pipes.append(pipe)
            self._loop.add_reader(reader, self._on_output, pipe)
            writers.append(writer)
        entries = self._group.entries() if self._group is not None else []
        freezer = self._group.freezer() if self._group is not None else None
        mine = [*writers, *entries, *([] if freezer is None else [freezer])]
        asked = {**wanted, "ports": list(self._parts.ports), "freezer": freezer is not None}
        try:
            zygote.fork(asked, handles + mine)
        finally:
            theirs.close()
            for handle in mine:
                os.close(handle)

    async def ready(self, limit_s: float) -> dict[str, Any] | None:
        """Wait for the end of the init phase; return its error document, or None if it went well.

        One that takes longer is ended, and its error has the errorType Sandbox.Timedout.
        """
        try:
            async with asyncio.timeout(limit_s):
                init = await asyncio.shield(self._ready)
        except TimeoutError:
            self._say(
                f"INIT_REPORT Init Duration: {limit_s * 1000:.2f} ms\tPhase: init\tStatus: timeout"
            )
            self.kill()
            return {"errorType": "Sandbox.Timedout", "errorMessage": "init phase"}
        return init.error

    async def run(self, invocation: Invocation, *, cold: bool, time_left_s: float) -> Outcome:
        """Give it one event and wait for what comes of it. It must be idle."""
        self._wake()
        self._move("event")
        event = _Event(invocation, self._loop, self._parts.now(), time_left_s, cold=cold)
        self._event = event
        if not self._cpu_is_limited and self._group is not None:
            # The init phase has the whole CPU; from the first event on, the function's share.
            self._group.limit_cpu(self.spec.memory_mb)
            self._cpu_is_limited = True
        self._say(f"START RequestId: {invocation.request_id} Version: {self.spec.version}")
        timer = self._loop.call_later(time_left_s, self._time_out)
        assert self._asked is not None
        asked, self._asked = self._asked, None
        asked.set_result(self._next_response(event))
        try:
            payload, error = await event.outcome
        finally:
            timer.cancel()
        return self._finish(event, payload, failed=error)

    @property
    def is_idle(self) -> bool:
        return self._state == "idle"

    async def reusable(self) -> bool:
        """Wait until it asks for the next event: it is idle again. False if it ended instead."""
        if self._state == "answered":
            await asyncio.wait((self._ready, self.ended), return_when=asyncio.FIRST_COMPLETED)
        return self._state == "idle"

    def kill(self) -> None:
        """End every process in it. The rest happens when the kernel says that it has ended."""
        if self._state == "ended":
            return
        self._is_killed = True
        self._thaw()
        if self._watch >= 0 and self._parts.has_namespaces():
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._watch, signal.SIGKILL)
        elif self._watch < 0 and self._group is not None:
            self._group.kill()
        # Without namespaces this is what takes all down: the supervisor ends every process, then itself.
        if self._link is not None:
            self._link.close()
        if self._watch < 0:
            self._on_end()

    # -- the Runtime API --

    def handle(self, request: Request) -> Any:
        """Answer a request of the function's runtime."""
        path = request.path
        if not path.startswith(_API):
            return _refusal(404, "NotFound", "There is no such resource")
        what = path[len(_API) :].split("/")
        if request.method == "GET" and what == ["invocation", "next"]:
            return self._on_next()
        if request.method == "POST" and what == ["init", "error"]:
            self._init_error = _document(request.content or b"")
            return _ACCEPTED
        if request.method == "POST" and len(what) == 3 and what[0] == "invocation":
            return self._on_answer(request, what[1], what[2])
        return _refusal(404, "NotFound", "There is no such resource")

    def _on_next(self) -> Any:
        if self._state not in ("starting", "answered"):
            return _refusal(
                403,
                "InvalidStateTransition",
                f"Transition from {self._state} to ready is not allowed",
            )
        first = self._state == "starting"
        self._move("next")
        self._asked = self._loop.create_future()
        self.idle_since = self._parts.now()
        if first:
            self._init_ms = (self._parts.now() - self.started_at) * 1000
        if not self._ready.done():
            self._ready.set_result(_Init())
        self._freeze_timer = self._loop.call_later(FREEZE_AFTER_S, self._freeze)
        return Pending(self._asked, lambda future: future.result())

    def _on_answer(self, request: Request, request_id: str, kind: str) -> Any:
        event = self._event
        if event is None or event.invocation.request_id != request_id or self._state != "busy":
            return _refusal(400, "InvalidRequestID", "Invalid request ID")
        if kind not in ("response", "error"):
            return _refusal(404, "NotFound", "There is no such resource")
        if request.content is None:
            return self._on_large_answer(request, event, kind)
        self._answer(event, request.content, failed=kind == "error")
        return _ACCEPTED

    async def _on_large_answer(self, request: Request, event: _Event, kind: str) -> Response:
        try:
            content = await request.body.read(RESPONSE_BYTES_MAX + 1024)
        except BodyTooLarge:
            content = bytes(RESPONSE_BYTES_MAX + 1)
        if self._state == "busy" and self._event is event:
            self._answer(event, content, failed=kind == "error")
        return _ACCEPTED

    def _answer(self, event: _Event, content: bytes, *, failed: bool) -> None:
        self._move("answer")
        self._ready = self._loop.create_future()
        if len(content) > RESPONSE_BYTES_MAX:
            failed = True
            content = orjson.dumps(
                {
                    "errorType": "Function.ResponseSizeTooLarge",
                    "errorMessage": f"Response payload size ({len(content)} bytes) exceeded maximum "
                    f"allowed payload size ({RESPONSE_BYTES_MAX} bytes).",
                }
            )
        if not event.outcome.done():
            event.outcome.set_result((content, failed))

    def _next_response(self, event: _Event) -> Response:
        invocation = event.invocation
        headers = [
            ("Content-Type", "application/json"),
            ("Lambda-Runtime-Aws-Request-Id", invocation.request_id),
            ("Lambda-Runtime-Deadline-Ms", str(event.deadline_ms)),
            ("Lambda-Runtime-Invoked-Function-Arn", invocation.invoked_arn or self.spec.arn),
        ]
        for name, value in (
            ("Lambda-Runtime-Trace-Id", invocation.trace_header),
            ("Lambda-Runtime-Client-Context", invocation.client_context),
            ("Lambda-Runtime-Cognito-Identity", invocation.cognito_identity),
        ):
            if value:
                headers.append((name, value))
        return Response(200, headers, invocation.payload)

    # -- what it says and does --

    def _on_message(self, message: dict[str, Any], handles: list[int]) -> None:
        if "listening" in message:
            self._watch = handles[0]
            self._loop.add_reader(self._watch, self._on_end)
            kinds = [
                "runtime-api",
                *(("tls" if port == 443 else "platform") for port in message["listening"][1:]),
            ]
            for kind, handle in zip([*kinds, "names"], handles[1:], strict=False):
                opened = socket.socket(fileno=handle)
                opened.setblocking(False)
                self._loop.create_task(self._serve(opened, kind))
        elif "exited" in message:
            self._exit_status = message["exited"]
        elif "failed" in message:
            log.error(
                "an environment of %s could not be made: %s", self.spec.arn, message["failed"]
            )
            if self._watch < 0:
                self._on_end()
        elif "closed" in message and self._watch < 0:
            self._on_end()

    async def _serve(self, opened: socket.socket, kind: str) -> None:
        listener = await self._parts.serve(opened, kind, self)
        if self._state == "ended":
            listener.close()
        else:
            self._listeners.append(listener)

    def _on_output(self, pipe: Pipe) -> None:
        self._write(pipe.take())
        if pipe.ended:
            self._loop.remove_reader(pipe.handle)

    def _drain(self) -> None:
        for pipe in self._pipes:
            if pipe.handle >= 0:
                self._write(pipe.take())

    def _write(self, lines: list[Line]) -> None:
        if not lines:
            return
        if self._event is not None:
            for _, text in lines:
                self._event.tail.add(text)
        self._parts.write_log(self.spec, self.stream, lines)

    def _say(self, text: str) -> None:
        self._write([(int(self._parts.now() * 1000), text)])

    def say_start(self, note: str) -> None:
        """The first line of an environment's log."""
        self._say(f"INIT_START Runtime Version: {self.spec.runtime}{note}")

    def say_init_failed(self, invocation: Invocation, kind: str) -> bytes:
        """Log an init phase that failed; return the tail of the log."""
        tail = Tail()
        for text in (
            f"INIT_REPORT Init Duration: {(self._parts.now() - self.started_at) * 1000:.2f} ms\t"
            f"Phase: init\tStatus: error\tError Type: {kind}",
            f"START RequestId: {invocation.request_id} Version: {self.spec.version}",
            f"END RequestId: {invocation.request_id}",
            f"REPORT RequestId: {invocation.request_id}\tDuration: 0.00 ms\tBilled Duration: 0 ms\t"
            f"Memory Size: {self.spec.memory_mb} MB\tMax Memory Used: {self._memory_used_mb()} MB\t"
            f"Status: error\tError Type: {kind}",
        ):
            tail.add(text)
            self._say(text)
        return tail.content()

    def _on_end(self) -> None:
        """Its first process has ended, and with it all others."""
        if self._state == "ended":
            return
        was = self._state
        if self._link is not None:
            # What it said last may still be in the socket.
            self._link._readable()
        self._drain()
        self._move("end")
        if not self._ready.done():
            self._ready.set_result(_Init(self._init_error or self._end_document("")))
        event = self._event
        if was == "busy" and event is not None and not event.outcome.done():
            document = self._end_document(event.invocation.request_id)
            event.outcome.set_result((orjson.dumps(document), True))
        self._close()

    def _end_document(self, request_id: str) -> dict[str, Any]:
        status = self._exit_status
        if status is None or status == -signal.SIGKILL:
            how = "signal: killed"
        elif status < 0:
            with contextlib.suppress(ValueError):
                how = f"signal: {signal.strsignal(-status)}".lower()
        else:
            how = f"exit status {status}"
        kind = "Runtime.ExitError"
        if self._group is not None and self._group.out_of_memory():
            kind = "Runtime.OutOfMemory"
        return {
            "errorType": kind,
            "errorMessage": f"RequestId: {request_id} Error: Runtime exited with error: {how}",
        }

    def _time_out(self) -> None:
        event = self._event
        if event is None or event.outcome.done():
            return
        seconds = f"{self.spec.timeout_s:.2f}"
        request_id = event.invocation.request_id
        self._drain()
        self._say(
            f"{iso8601(self._parts.now())} {request_id} Task timed out after {seconds} seconds"
        )
        event.status = "timeout"
        document = {
            "errorType": "Sandbox.Timedout",
            "errorMessage": f"RequestId: {request_id} Error: Task timed out after {seconds} seconds",
        }
        event.outcome.set_result((orjson.dumps(document), True))
        self.kill()

    def _finish(self, event: _Event, payload: bytes, *, failed: bool) -> Outcome:
        """Close the invocation's log and account for it."""
        duration_ms = min((self._parts.now() - event.began_at), event.time_left_s) * 1000
        self._drain()
        init_ms = self._init_ms if event.cold else None
        billed_ms = math.ceil(duration_ms + (init_ms or 0))
        used_mb = self._memory_used_mb()
        request_id = event.invocation.request_id
        parts = [
            f"REPORT RequestId: {request_id}",
            f"Duration: {duration_ms:.2f} ms",
            f"Billed Duration: {billed_ms} ms",
            f"Memory Size: {self.spec.memory_mb} MB",
            f"Max Memory Used: {used_mb} MB",
        ]
        if init_ms is not None:
            parts.append(f"Init Duration: {init_ms:.2f} ms")
        if event.status:
            parts.append(f"Status: {event.status}")
        self._say(f"END RequestId: {request_id}")
        self._say("\t".join(parts) + "\t")
        self._event = None
        return Outcome(
            payload=payload,
            error="Unhandled" if failed else None,
            log_tail=event.tail.content(),
            duration_ms=duration_ms,
            billed_ms=billed_ms,
            init_ms=init_ms,
            memory_used_mb=used_mb,
        )

    def _memory_used_mb(self) -> int:
        if self._group is None:
            return 0
        with contextlib.suppress(OSError):
            return min(self._group.memory_used_mb(), self.spec.memory_mb)
        return 0

    # -- frozen between events --

    def _freeze(self) -> None:
        # On a busy machine what was killed may still have to die, which frozen it never would.
        may_freeze = self._state == "idle" and not self._is_killed and not self._is_frozen
        if may_freeze and self._group is not None:
            with contextlib.suppress(OSError):
                self._group.freeze()
                self._is_frozen = True

    def _wake(self) -> None:
        if self._freeze_timer is not None:
            self._freeze_timer.cancel()
            self._freeze_timer = None
        self._thaw()

    def _thaw(self) -> None:
        if self._is_frozen and self._group is not None:
            with contextlib.suppress(OSError):
                self._group.thaw()
            self._is_frozen = False

    def _move(self, event: str) -> None:
        following = TRANSITIONS.get((self._state, event))
        assert following is not None, f"{event} cannot follow {self._state}"
        self._state = following

    def _close(self) -> None:
        if self._freeze_timer is not None:
            self._freeze_timer.cancel()
        if self._asked is not None and not self._asked.done():
            self._asked.set_result(Response(410, [], b""))
        for listener in self._listeners:
            listener.close()
        for pipe in self._pipes:
            self._loop.remove_reader(pipe.handle)
            pipe.close()
        if self._watch >= 0:
            self._loop.remove_reader(self._watch)
            os.close(self._watch)
        if self._link is not None:
            self._link.close()
        if not self.ended.done():
            self.ended.set_result(None)
        if self._group is not None:
            self._remove_group(self._group, tries=50)

    def _remove_group(self, group: Group, tries: int) -> None:
        if not group.remove() and tries:
            self._loop.call_later(0.1, self._remove_group, group, tries - 1)


class _Event:
    """One event at work."""

    def __init__(
        self,
        invocation: Invocation,
        loop: asyncio.AbstractEventLoop,
        now: float,
        time_left_s: float,
        *,
        cold: bool,
    ) -> None:
        self.invocation = invocation
        self.began_at = now
        self.time_left_s = time_left_s
        self.deadline_ms = int((now + time_left_s) * 1000)
        self.cold = cold
        self.tail = Tail()
        self.status = ""
        # (payload, whether it is an error)
        self.outcome: asyncio.Future[tuple[bytes, bool]] = loop.create_future()


def _document(content: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        found = None
    if isinstance(found, dict):
        return found
    return {"errorType": "Runtime.Unknown", "errorMessage": content.decode("utf-8", "replace")}


def _refusal(status: int, kind: str, message: str) -> Response:
    body = orjson.dumps({"errorType": kind, "errorMessage": message})
    return Response(status, [("Content-Type", "application/json")], body)
