"""A node as a process, to be killed."""

from __future__ import annotations

import functools
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from botocore.config import Config as BotoConfig

from freehold.kernel.tasks import Task, _due
from freehold.kv.embedded import EmbeddedStore
from freehold.kv.keys import Scope
from freehold.services.iam import accounts
from tests.conftest import Aws, _loader

ACCOUNT = "000000000000"
PATIENCE_S = 60.0


class PatientAws(Aws):
    """Its clients wait for a machine that is busy: botocore sends bodies under the connect timeout."""

    def client(self, service: str, **options: Any) -> Any:
        options.setdefault("config", BotoConfig(connect_timeout=PATIENCE_S))
        return super().client(service, **options)


class NodeProcess:
    """`freehold up` on one port and data directory, as often as it is started.

    Its PATH carries a mark by which its descendants are found, whoever their parent is by then.
    """

    def __init__(self, data: Path, *options: str) -> None:
        self.data = data
        self.options = options
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.loader = _loader()
        self.killed = threading.Event()
        self.starts_s: list[float] = []
        self.pids: list[int] = []
        self.log = data.parent / "node.log"
        self._mark = f"/mark-{os.urandom(8).hex()}"
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it, and wait until it says that it is ready."""
        began = time.monotonic()
        self._spawn()
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("Freehold is ready"), self.log.read_text()[-4000:]
        self.starts_s.append(time.monotonic() - began)

    def start_in_vain(self, life_s: float) -> None:
        """Start it, and kill it while it is starting."""
        self._spawn()
        time.sleep(life_s)
        self.kill()

    def kill(self) -> None:
        """Kill it as a power failure would, and nothing else of it."""
        assert self._process is not None
        self._process.kill()
        self.killed.set()
        self._reap()

    def stop(self) -> None:
        """End it as an operator does."""
        if self._process is None:
            return
        self.killed.set()
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(PATIENCE_S) == 0, self.log.read_text()[-4000:]
        self._reap()

    def limit_files(self, size: int) -> None:
        """Let it make no file larger than this: to its writes that is as a disk that is full."""
        assert self._process is not None
        _, most = resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (size, most))

    def processes(self) -> set[int]:
        """All processes that it has started, directly or not, and itself."""
        found = set()
        for directory in Path("/proc").iterdir():
            if directory.name.isdigit():
                try:
                    if self._mark in (directory / "environ").read_text(errors="replace"):
                        found.add(int(directory.name))
                except OSError:
                    continue
        return found

    def control_groups(self) -> list[Path]:
        """The groups of its sandboxes that are still there."""
        names = {f"freehold-{pid}" for pid in self.pids}
        return [path for path in Path("/sys/fs/cgroup").rglob("freehold-*") if path.name in names]

    def root(self) -> Aws:
        """The root user of its account; its key is in the store."""
        store = EmbeddedStore(self.data / "kv")
        try:
            key = store.read_inline(lambda tx: next(accounts.root_keys(tx, ACCOUNT)))
        finally:
            store.close()
        node: Any = self
        return PatientAws(node, ACCOUNT, key.id, key.secret)

    def tasks(self) -> list[tuple[float, Task]]:
        """(due, task) of what is still to be done, of a node that is stopped."""
        assert self._process is None
        store = EmbeddedStore(self.data / "kv")
        try:
            scope = Scope("", "")
            return store.read_inline(
                lambda tx: [
                    (int(key[0]) / 1000, task) for key, task in _due.list(tx, scope, limit=100_000)
                ]
            )
        finally:
            store.close()

    def _spawn(self) -> None:
        self.killed.clear()
        program = "from freehold.cli import main; main()"
        options = ["--data", str(self.data), "--port", str(self.port), *self.options]
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", program, "up", *options],
                env=self._environment(),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.pids.append(self._process.pid)

    def _environment(self) -> dict[str, str]:
        given = {**os.environ, "PATH": f"{os.environ['PATH']}:{self._mark}"}
        # A node that may not keep what it compiles compiles itself at each start, for seconds.
        given.pop("PYTHONDONTWRITEBYTECODE", None)
        return given

    def _reap(self) -> None:
        assert self._process is not None
        self._process.wait(PATIENCE_S)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        port: int = opened.getsockname()[1]
        return port


def eventually(what: Any, patience_s: float = PATIENCE_S) -> Any:
    """What a function returns once that is true; it is asked until then, within bounds."""
    ends = time.monotonic() + patience_s
    while not (found := what()):
        assert time.monotonic() < ends, f"{_name(what)} did not come in {patience_s} s"
        time.sleep(0.02)
    return found


def _name(what: Any) -> str:
    return getattr(what, "__name__", repr(functools.partial(what)))
