"""A load client: requests made beforehand, sent over a number of connections for a number of seconds.

wrk where it is installed, so that the client is not what is measured; else a small one of our own.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import uvloop

_WRK = """
local requests, next_one = {}, 0
local file = io.open("%s", "rb")
while true do
  local size = file:read(8)
  if not size then break end
  requests[#requests + 1] = file:read(tonumber(size))
end
request = function()
  next_one = next_one %% #requests + 1
  return requests[next_one]
end
"""


class Rate(NamedTuple):
    """Answers a second, and how many of all answers were errors."""

    per_second: float
    errors: int


def rate(url: str, requests: list[bytes], *, connections: int, seconds: float) -> Rate:
    """Send the requests round and round."""
    assert requests
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "requests")
        path.write_bytes(b"".join(b"%8d" % len(each) + each for each in requests))
        if shutil.which("wrk"):
            return _wrk(url, path, connections, seconds)
        command = [sys.executable, __file__, url, str(path), str(connections), str(seconds)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return Rate(*json.loads(done.stdout))


def _wrk(url: str, path: Path, connections: int, seconds: float) -> Rate:
    script = path.with_suffix(".lua")
    script.write_text(_WRK % path)
    command = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{max(1, round(seconds))}s",
        "-s",
        str(script),
        url,
    ]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", text)
    assert found, text
    errors = sum(int(each) for each in re.findall(r"Non-2xx or 3xx responses: (\d+)", text))
    broken = re.search(
        r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text
    )
    if broken:
        errors += sum(int(each) for each in broken.groups())
    return Rate(float(found[1]), errors)


class _Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self, requests: list[bytes], start: int, counts: list[int]) -> None:
        self._requests = requests
        self._next = start
        self._counts = counts
        self._buffer = bytearray()
        self._wanted = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._wanted < 0:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self._buffer[:end]).lower()
            length = re.search(rb"content-length: *(\d+)", head)
            self._wanted = end + 4 + (int(length[1]) if length else 0)
            self._counts[1] += head[9:10] != b"2"
        if len(self._buffer) >= self._wanted:
            del self._buffer[: self._wanted]
            self._wanted = -1
            self._counts[0] += 1
            self._send()

    def connection_lost(self, error: Exception | None) -> None:
        self._counts[1] += error is not None

    def _send(self) -> None:
        self._transport.write(self._requests[self._next % len(self._requests)])  # type: ignore[attr-defined]
        self._next += 1


async def _own(url: str, path: Path, connections: int, seconds: float) -> Rate:
    data = path.read_bytes()
    requests, place = [], 0
    while place < len(data):
        size = int(data[place : place + 8])
        requests.append(data[place + 8 : place + 8 + size])
        place += 8 + size
    host, _, port = url.removeprefix("http://").partition("/")[0].partition(":")
    counts = [0, 0]
    loop = asyncio.get_running_loop()
    started = loop.time()
    step = max(1, len(requests) // connections)
    for number in range(connections):
        await loop.create_connection(
            lambda number=number: _Connection(requests, number * step, counts), host, int(port)
        )
    await asyncio.sleep(seconds)
    return Rate(counts[0] / (loop.time() - started), counts[1])


if __name__ == "__main__":
    url, path, connections, seconds = sys.argv[1:]
    print(json.dumps(uvloop.run(_own(url, Path(path), int(connections), float(seconds)))))
