"""A node as a user starts one, in a process of its own, and commands typed at it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from freehold.cli.commands import run

FREEHOLD = [sys.executable, "-c", "from freehold.cli import main; main()"]


class Typed(NamedTuple):
    """What came of a command."""

    status: int
    out: str
    err: str


@pytest.fixture(scope="session")
def node_data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data directory of a running node."""
    data = tmp_path_factory.mktemp("cli-node")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("FREEHOLD_", "AWS_"))}
    with (data / "log").open("w") as log:
        node = subprocess.Popen(
            [*FREEHOLD, "up", "--data", str(data), "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment,
        )
        assert node.stdout is not None
        ready = node.stdout.readline()
        assert "ready" in ready, (data / "log").read_text()
        yield data
        node.terminate()
        node.wait(timeout=30)
        node.stdout.close()


@pytest.fixture
def type_in(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Typed]:
    """Run a command line as `main` does, somewhere where no node has ever run."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("FREEHOLD_", "AWS_")):
            monkeypatch.delenv(name)

    def type_in(*words: object) -> Typed:
        capsys.readouterr()
        status = run([str(word) for word in words])
        out, err = capsys.readouterr()
        return Typed(status, out, err)

    return type_in


@pytest.fixture
def freehold(type_in: Callable[..., Typed], node_data: Path) -> Callable[..., Typed]:
    """A command on the running node."""
    return lambda *words: type_in(*words, "--data", node_data)
