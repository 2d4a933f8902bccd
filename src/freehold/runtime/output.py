"""What a function writes: lines from its stdout and stderr, framed events from its runtime client."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable

LINE_BYTES_MAX = 256 * 1024
TAIL_BYTES = 4096
_FRAME = struct.Struct(">IIQ")
_FRAME_MAGIC = 0xA55A0000
_READ_BYTES = 64 * 1024

# (milliseconds since 1970, text)
Line = tuple[int, str]


class Pipe:
    """One of the two pipes, read without waiting. `take` gets the events that are complete."""

    def __init__(self, handle: int, *, framed: bool, now: Callable[[], float]) -> None:
        os.set_blocking(handle, False)
        self.handle = handle
        self.ended = False
        self._framed = framed
        self._now = now
        self._buffer = b""

    def take(self) -> list[Line]:
        """Events that have arrived. After the end of the pipe also the last, unfinished line."""
        while True:
            try:
                piece = os.read(self.handle, _READ_BYTES)
            except BlockingIOError:
                break
            except OSError:
                piece = b""
            if not piece:
                self.ended = True
                break
            self._buffer += piece
            if len(self._buffer) >= 16 * LINE_BYTES_MAX:
                break
        return self._frames() if self._framed else self._lines()

    def close(self) -> None:
        if self.handle >= 0:
            os.close(self.handle)
            self.handle = -1

    def _lines(self) -> list[Line]:
        *lines, rest = self._buffer.split(b"\n")
        if rest and (self.ended or len(rest) > LINE_BYTES_MAX):
            lines.append(rest)
            rest = b""
        self._buffer = rest
        now_ms = int(self._now() * 1000)
        return [(now_ms, line.decode("utf-8", "replace")) for line in lines]

    def _frames(self) -> list[Line]:
        found: list[Line] = []
        while len(self._buffer) >= _FRAME.size:
            kind, size, micros = _FRAME.unpack_from(self._buffer)
            if kind & 0xFFFF0000 != _FRAME_MAGIC or size > 16 * LINE_BYTES_MAX:
                # Not a frame: whoever writes here does not know the form. Take it as lines from now on.
                self._framed = False
                return found + self._lines()
            end = _FRAME.size + size
            if len(self._buffer) < end:
                break
            text = self._buffer[_FRAME.size : end].decode("utf-8", "replace")
            found.append((micros // 1000 or int(self._now() * 1000), text.rstrip("\n")))
            self._buffer = self._buffer[end:]
        return found


class Tail:
    """The last 4 KB of an invocation's log."""

    def __init__(self) -> None:
        self._content = bytearray()

    def add(self, text: str) -> None:
        self._content += text.encode() + b"\n"
        if len(self._content) > 4 * TAIL_BYTES:
            del self._content[:-TAIL_BYTES]

    def content(self) -> bytes:
        return bytes(self._content[-TAIL_BYTES:])
