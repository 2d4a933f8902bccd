"""Clients that people have, from their registries: SAM's and AWS's command lines, the JavaScript SDK.

They are installed once, by name, into .cache/clients at the root of the repository, where
`script/setup-clients` puts them too. Where they cannot be had, the tests that need them are skipped.
"""

from __future__ import annotations

import fcntl
import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CACHE = Path(__file__).parents[2] / ".cache" / "clients"
PYTHON_PACKAGES = ("awscli", "aws-sam-cli")
NODE_PACKAGES = (
    "@aws-sdk/client-cloudformation",
    "@aws-sdk/client-dynamodb",
    "@aws-sdk/client-lambda",
    "@aws-sdk/client-s3",
    "@aws-sdk/lib-dynamodb",
)
INSTALL_TIMEOUT_S = 600


class Unavailable(Exception):
    """A client that cannot be had here, and why."""


def sam() -> str:
    return _program("sam")


def aws() -> str:
    return _program("aws")


def node() -> str:
    found = shutil.which("node")
    if found is None:
        pytest.skip("Node.js is not installed")
    return found


def node_modules() -> Path:
    """The directory that has the JavaScript SDK; for NODE_PATH."""
    try:
        return _node_modules()
    except Unavailable as error:
        pytest.skip(str(error))


def _program(name: str) -> str:
    try:
        return str(_python_clients() / name)
    except Unavailable as error:
        pytest.skip(str(error))


@functools.cache
def _python_clients() -> Path:
    """The directory of the programs of PYTHON_PACKAGES."""
    venv = CACHE / "venv"
    with _locked("venv"):
        if not (venv / "complete").exists():
            shutil.rmtree(venv, ignore_errors=True)
            _install([sys.executable, "-m", "venv", str(venv)])
            # Without these pip looks for minutes for versions that agree with each other.
            constraints = str(Path(__file__).with_name("constraints.txt"))
            pip = [str(venv / "bin" / "pip"), "install", "--quiet", "-c", constraints]
            _install([*pip, *PYTHON_PACKAGES])
            (venv / "complete").touch()
    return venv / "bin"


@functools.cache
def _node_modules() -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise Unavailable("npm is not installed")
    directory = CACHE / "node"
    with _locked("node"):
        if not (directory / "complete").exists():
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir(parents=True)
            _install([npm, "install", "--no-save", "--prefix", str(directory), *NODE_PACKAGES])
            (directory / "complete").touch()
    return directory / "node_modules"


@contextmanager
def _locked(name: str) -> Iterator[None]:
    """Only one process installs."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install(command: list[str]) -> None:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=INSTALL_TIMEOUT_S,
            env=dict(os.environ),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{command[0]} failed: {error}") from error
    if done.returncode:
        why = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise Unavailable(f"{' '.join(command[:3])} ... failed: {''.join(why)}")
