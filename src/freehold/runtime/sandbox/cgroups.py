"""Control groups of either version: what an environment may use, how it is stopped, what it has used.

The node makes one group for each environment below its own group, and hands the zygote open files of it to
write the new process into. Version 1 has a tree for each controller, version 2 one for all.
"""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path
from typing import Protocol

import msgspec

log = logging.getLogger(__name__)

MB = 1024 * 1024
# Memory of one vCPU, in MB ("Configure Lambda function memory").
VCPU_MB = 1769
# A short period keeps the stalls of a small share short; a kernel's least quota is 1 ms.
PERIOD_US = 20_000
QUOTA_US_MIN = 1_000
PROCESSES_MAX = 1024


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    memory_mb: int
    processes: int = PROCESSES_MAX


class Group(Protocol):
    """One environment's group."""

    def entries(self) -> list[int]:
        """Open files; a process that writes "0" to each is in the group. The caller closes them."""

    def freezer(self) -> int | None:
        """An open file into which "THAWED" thaws it, where frozen processes cannot be killed."""

    def limit_cpu(self, memory_mb: int) -> None:
        """Hold it to the share of CPU that goes with its memory; before this it may use what is free."""

    def freeze(self) -> None: ...

    def thaw(self) -> None: ...

    def memory_used_mb(self) -> int:
        """The most it has used, in MB."""

    def out_of_memory(self) -> bool:
        """Whether the kernel has killed in it for want of memory."""

    def kill(self) -> None:
        """Kill every process in it."""

    def remove(self) -> bool:
        """Remove it; False while something in it still ends."""


class Groups(Protocol):
    """What this machine gives. `missing` names what it does not."""

    version: int
    missing: list[str]

    def make(self, name: str, limits: Limits) -> Group: ...

    def close(self) -> None: ...


def detect(
    root: Path = Path("/sys/fs/cgroup"), proc: Path = Path("/proc/self/cgroup")
) -> Groups | None:
    """The groups that this process may make, or None."""
    own = _own_paths(proc)
    if (root / "cgroup.controllers").is_file():
        return _detect_unified(root, own)
    return _detect_separate(root, own)


def quota_us(memory_mb: int) -> int:
    """CPU time that goes with a memory size, in a period."""
    return max(QUOTA_US_MIN, PERIOD_US * memory_mb // VCPU_MB)


def _own_paths(proc: Path) -> dict[str, str]:
    """Where this process is, by controller; "" is the unified tree."""
    paths = {}
    try:
        lines = proc.read_text().splitlines()
    except OSError:
        return {}
    for line in lines:
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            paths[controller] = path
    return paths


# -- version 1 --

_CONTROLLERS = ("memory", "cpu", "pids", "freezer")


def _detect_separate(root: Path, own: dict[str, str]) -> Groups | None:
    parents: dict[str, Path] = {}
    missing = []
    for controller in _CONTROLLERS:
        parent = root / controller / own.get(controller, "/").strip("/") / f"freehold-{os.getpid()}"
        try:
            parent.mkdir(exist_ok=True)
        except OSError as error:
            missing.append(f"cgroup v1 controller {controller}: {error.strerror}")
        else:
            parents[controller] = parent
    if not parents:
        return None
    for parent in parents.values():
        _remove_leftovers(parent)
    return _SeparateGroups(parents, missing)


def _remove_leftovers(mine: Path) -> None:
    """Remove the empty groups of nodes that are no more."""
    for other in mine.parent.glob("freehold-*"):
        pid = other.name.partition("-")[2]
        if other == mine or not pid.isdigit() or Path(f"/proc/{pid}").exists():
            continue
        for child in [path for path in other.iterdir() if path.is_dir()]:
            _remove(child)
        _remove(other)


class _SeparateGroups:
    version = 1

    def __init__(self, parents: dict[str, Path], missing: list[str]) -> None:
        self._parents = parents
        self.missing = missing
        if "memory" in parents:
            with contextlib.suppress(OSError):
                (parents["memory"] / "memory.use_hierarchy").write_text("1")

    def make(self, name: str, limits: Limits) -> Group:
        directories = {controller: parent / name for controller, parent in self._parents.items()}
        for directory in directories.values():
            directory.mkdir()
        group = _SeparateGroup(directories)
        group.limit(limits)
        return group

    def close(self) -> None:
        for parent in self._parents.values():
            with contextlib.suppress(OSError):
                for child in parent.iterdir():
                    if child.is_dir():
                        child.rmdir()
                parent.rmdir()


class _SeparateGroup:
    def __init__(self, directories: dict[str, Path]) -> None:
        self._directories = directories

    def limit(self, limits: Limits) -> None:
        memory = self._directories.get("memory")
        if memory is not None:
            size = str(limits.memory_mb * MB)
            (memory / "memory.limit_in_bytes").write_text(size)
            with contextlib.suppress(OSError):  # without swap accounting there is no such file
                (memory / "memory.memsw.limit_in_bytes").write_text(size)
            with contextlib.suppress(OSError):
                (memory / "memory.swappiness").write_text("0")
        pids = self._directories.get("pids")
        if pids is not None:
            (pids / "pids.max").write_text(str(limits.processes))

    def entries(self) -> list[int]:
        return [
            os.open(directory / "cgroup.procs", os.O_WRONLY)
            for directory in self._directories.values()
        ]

    def freezer(self) -> int | None:
        freezer = self._directories.get("freezer")
        return None if freezer is None else os.open(freezer / "freezer.state", os.O_WRONLY)

    def limit_cpu(self, memory_mb: int) -> None:
        cpu = self._directories.get("cpu")
        if cpu is not None:
            (cpu / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (cpu / "cpu.cfs_quota_us").write_text(str(quota_us(memory_mb)))

    def freeze(self) -> None:
        self._freezer("FROZEN")

    def thaw(self) -> None:
        self._freezer("THAWED")

    def _freezer(self, state: str) -> None:
        freezer = self._directories.get("freezer")
        if freezer is not None:
            (freezer / "freezer.state").write_text(state)

    def memory_used_mb(self) -> int:
        memory = self._directories.get("memory")
        if memory is None:
            return 0
        return _megabytes((memory / "memory.max_usage_in_bytes").read_text())

    def out_of_memory(self) -> bool:
        memory = self._directories.get("memory")
        if memory is None:
            return False
        text = (memory / "memory.oom_control").read_text()
        return _count(text, "oom_kill") > 0

    def kill(self) -> None:
        directory = next(iter(self._directories.values()))
        self.thaw()
        _kill_listed(directory / "cgroup.procs")

    def remove(self) -> bool:
        removed = [_remove(directory) for directory in self._directories.values()]
        return all(removed)


# -- version 2 --


def _detect_unified(root: Path, own: dict[str, str]) -> Groups | None:
    """Below our own group. We first move into a leaf: a group with members has no limited children."""
    home = root / own.get("", "/").strip("/")
    missing = []
    try:
        leaf = home / "freehold-node"
        leaf.mkdir(exist_ok=True)
        if home != root:
            for pid in (home / "cgroup.procs").read_text().split():
                (leaf / "cgroup.procs").write_text(pid)
        available = (home / "cgroup.controllers").read_text().split()
        for controller in ("memory", "cpu", "pids"):
            if controller in available:
                (home / "cgroup.subtree_control").write_text(f"+{controller}")
            else:
                missing.append(f"cgroup v2 controller {controller}: not delegated to this process")
        parent = home / f"freehold-{os.getpid()}"
        parent.mkdir(exist_ok=True)
        for controller in ("memory", "cpu", "pids"):
            if controller in available:
                (parent / "cgroup.subtree_control").write_text(f"+{controller}")
    except OSError as error:
        log.debug("no control groups: %s", error)
        return None
    _remove_leftovers(parent)
    return _UnifiedGroups(parent, missing)


class _UnifiedGroups:
    version = 2

    def __init__(self, parent: Path, missing: list[str]) -> None:
        self._parent = parent
        self.missing = missing

    def make(self, name: str, limits: Limits) -> Group:
        directory = self._parent / name
        directory.mkdir()
        group = _UnifiedGroup(directory)
        group.limit(limits)
        return group

    def close(self) -> None:
        with contextlib.suppress(OSError):
            for child in self._parent.iterdir():
                if child.is_dir():
                    child.rmdir()
            self._parent.rmdir()


class _UnifiedGroup:
    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def limit(self, limits: Limits) -> None:
        self._write("memory.max", str(limits.memory_mb * MB))
        self._write("memory.swap.max", "0")
        self._write("memory.oom.group", "0")
        self._write("pids.max", str(limits.processes))

    def entries(self) -> list[int]:
        return [os.open(self._directory / "cgroup.procs", os.O_WRONLY)]

    def freezer(self) -> int | None:
        return None

    def limit_cpu(self, memory_mb: int) -> None:
        self._write("cpu.max", f"{quota_us(memory_mb)} {PERIOD_US}")

    def freeze(self) -> None:
        self._write("cgroup.freeze", "1")

    def thaw(self) -> None:
        self._write("cgroup.freeze", "0")

    def memory_used_mb(self) -> int:
        for name in ("memory.peak", "memory.current"):
            with contextlib.suppress(OSError):
                return _megabytes((self._directory / name).read_text())
        return 0

    def out_of_memory(self) -> bool:
        with contextlib.suppress(OSError):
            return _count((self._directory / "memory.events").read_text(), "oom_kill") > 0
        return False

    def kill(self) -> None:
        if (self._directory / "cgroup.kill").exists():
            self._write("cgroup.kill", "1")
        else:
            self.thaw()
            _kill_listed(self._directory / "cgroup.procs")

    def remove(self) -> bool:
        return _remove(self._directory)

    def _write(self, name: str, text: str) -> None:
        path = self._directory / name
        if path.exists():
            path.write_text(text)


def _megabytes(text: str) -> int:
    return -(-int(text) // MB)


def _count(text: str, name: str) -> int:
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    return 0


def _kill_listed(path: Path) -> None:
    with contextlib.suppress(OSError):
        for pid in path.read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), 9)


def _remove(directory: Path) -> bool:
    try:
        directory.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
