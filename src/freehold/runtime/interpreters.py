"""What this machine has to run functions with, and which of it a runtime's name is given."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from glob import glob

import msgspec

from freehold.runtime.contract import Interpreter, RuntimeUnavailable

_NAME = re.compile(r"(python|nodejs|provided)(.*)")


class Found(msgspec.Struct, frozen=True):
    """An interpreter on this machine: "python" or "nodejs", its version as (3, 12), its program."""

    kind: str
    version: tuple[int, ...]
    path: str


def choose(runtime: str, found: Iterable[Found]) -> Interpreter:
    """The interpreter for a runtime: its own version, else the next newer, else the newest older."""
    match = _NAME.fullmatch(runtime)
    if match is None:
        raise RuntimeUnavailable(f"Freehold has no runtime {runtime!r} yet.")
    kind, wanted_text = match[1], match[2]
    if kind == "provided":
        return Interpreter(runtime=runtime, path="", version="")
    wanted = _wanted(kind, wanted_text)
    candidates = sorted((i for i in found if i.kind == kind), key=lambda i: i.version)
    if not candidates:
        program = "Python 3.10 or later" if kind == "python" else "Node.js"
        raise RuntimeUnavailable(
            f"No {program} was found on this machine to run {runtime}: install it and start the node again."
        )
    best = min(candidates, key=lambda c: _distance(kind, c, wanted))
    version = ".".join(str(part) for part in best.version)
    note = ""
    if best.version[: len(wanted)] != wanted:
        name = "Python" if kind == "python" else "Node.js"
        note = f"{runtime} runs on {name} {version}, the nearest that this machine has."
    return Interpreter(runtime=runtime, path=best.path, version=version, note=note)


def _wanted(kind: str, text: str) -> tuple[int, ...]:
    digits = re.findall(r"\d+", text)
    if not digits:
        return (0,)
    return tuple(int(part) for part in (digits[:2] if kind == "python" else digits[:1]))


def _distance(kind: str, candidate: Found, wanted: tuple[int, ...]) -> tuple[int, int]:
    position = 1 if kind == "python" else 0
    have = candidate.version[position]
    want = wanted[position] if len(wanted) > position else 0
    # Newer interpreters run what was written for older ones more often than the other way round.
    return (0, have - want) if have >= want else (1, want - have)


def on_this_machine() -> tuple[Found, ...]:
    """Look once for interpreters: on PATH, in the usual places, and where version managers put them.

    Asking them all takes up to a second; whoever comes meanwhile waits for the same answer.
    """
    with _looking:
        return _look()


_looking = threading.Lock()


@lru_cache(maxsize=1)
def _look() -> tuple[Found, ...]:
    pythons, nodes = _programs(_PYTHON_PLACES, "python3"), _programs(_NODE_PLACES, "node")
    # Not the virtual environment's: a function is not shown what is installed for the node.
    own = os.path.realpath(sys.executable)
    pythons = [own, *(program for program in pythons if program != own)]
    with ThreadPoolExecutor(4) as pool:
        asked_pythons = list(zip(pythons, pool.map(_python_version, pythons), strict=True))
        asked_nodes = list(zip(nodes, pool.map(_node_version, nodes), strict=True))
    found: dict[tuple[str, tuple[int, ...]], Found] = {}
    for program, version in asked_pythons:
        if version is not None:
            found.setdefault(("python", version[:2]), Found("python", version, program))
    for program, version in asked_nodes:
        if version is not None:
            found.setdefault(("nodejs", version[:1]), Found("nodejs", version, program))
    return tuple(found.values())


_PYTHON_PLACES = (
    "/usr/bin/python3.*",
    "/usr/local/bin/python3.*",
    "/opt/python*/bin/python3",
    "~/.pyenv/versions/*/bin/python3",
    "~/.local/share/uv/python/*/bin/python3",
)
_NODE_PLACES = (
    "/usr/bin/node",
    "/usr/local/bin/node",
    "/opt/node*/bin/node",
    "~/.nvm/versions/node/*/bin/node",
    "~/.volta/tools/image/node/*/bin/node",
)


def _programs(places: tuple[str, ...], name: str) -> list[str]:
    """Programs in these places, and the one of this name on PATH; each file once."""
    paths = [path for place in places for path in sorted(glob(os.path.expanduser(place)))]
    on_path = shutil.which(name)
    # A version manager's shim is a slow script in front of what the places above show anyway.
    if on_path is not None and "/shims/" not in on_path:
        paths.insert(0, on_path)
    programs = (os.path.realpath(path) for path in paths if not path.endswith("-config"))
    return list(dict.fromkeys(program for program in programs if os.path.isfile(program)))


def _python_version(program: str) -> tuple[int, ...] | None:
    code = "import sys, ctypes, json, socket; print(*sys.version_info[:3], hasattr(socket, 'send_fds'))"
    text = _output([program, "-c", code])
    parts = text.split()
    if len(parts) != 4 or parts[3] != "True":
        return None
    version = tuple(int(part) for part in parts[:3])
    # The SDK that functions expect to find needs 3.10.
    return version if version >= (3, 10) else None


def _node_version(program: str) -> tuple[int, ...] | None:
    match = re.fullmatch(r"v(\d+)\.(\d+)\.(\d+).*", _output([program, "--version"]).strip())
    return tuple(int(part) for part in match.groups()) if match else None


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout
