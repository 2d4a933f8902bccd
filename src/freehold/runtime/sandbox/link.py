"""The node's end of a zygote and of its environments: sockets that carry documents and open files."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

MESSAGE_BYTES_MAX = 256 * 1024
_HANDLES_MAX = 16
_PROGRAM = Path(__file__).with_name("zygote.py")


class ZygoteFailed(Exception):
    """The zygote could not be prepared; says what this machine refused."""


class Link:
    """A SOCK_SEQPACKET socket on the event loop: whole documents, each with open files."""

    def __init__(
        self, end: socket.socket, on_message: Callable[[dict[str, Any], list[int]], None]
    ) -> None:
        end.setblocking(False)
        self._end = end
        self._on_message = on_message
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(end.fileno(), self._readable)
        self.closed = False

    def send(self, document: dict[str, Any], handles: list[int] | None = None) -> None:
        socket.send_fds(self._end, [json.dumps(document).encode()], handles or [])

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._loop.remove_reader(self._end.fileno())
            self._end.close()

    def _readable(self) -> None:
        while not self.closed:
            try:
                message, handles, _, _ = socket.recv_fds(self._end, MESSAGE_BYTES_MAX, _HANDLES_MAX)
            except BlockingIOError:
                return
            except OSError:
                message, handles = b"", []
            if not message:
                self.close()
                self._on_message({"closed": True}, [])
                return
            self._on_message(json.loads(message), handles)


class Zygote:
    """A zygote's process. `start` it, then `fork` environments."""

    def __init__(self, process: subprocess.Popen[bytes], link: Link) -> None:
        self._process = process
        self._link = link
        self.ended = False

    @classmethod
    async def start(
        cls, program: str, settings: dict[str, Any], environment: dict[str, str]
    ) -> Zygote:
        """Start one and wait until it is ready; ZygoteFailed if the machine does not allow it."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        os.set_inheritable(theirs.fileno(), True)
        process = subprocess.Popen(  # noqa: ASYNC220 - starting it takes a millisecond
            [program, "-I", str(_PROGRAM), str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env=environment,
            close_fds=True,
        )
        theirs.close()
        ready: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        zygote: list[Zygote] = []

        def on_message(message: dict[str, Any], handles: list[int]) -> None:
            if not ready.done():
                ready.set_result(message)
            elif "closed" in message and zygote:
                zygote[0].ended = True

        link = Link(ours, on_message)
        started = cls(process, link)
        try:
            link.send(settings)
            answer = await ready
        except BaseException:
            started.close()
            raise
        if "ready" not in answer:
            started.close()
            raise ZygoteFailed(answer.get("failed", "the zygote ended while it was starting"))
        zygote.append(started)
        return started

    def fork(self, wanted: dict[str, Any], handles: list[int]) -> None:
        """Ask for an environment; it answers on the socket that is the first of the handles."""
        self._link.send(wanted, handles)

    def close(self) -> None:
        """End the zygote, and with it every environment that it has forked."""
        self._link.close()
        self._process.kill()
        self._process.wait()
