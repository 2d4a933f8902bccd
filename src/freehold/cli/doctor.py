"""`freehold doctor`: what this machine gives to functions and data, and how to get the rest."""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import shutil
import tempfile
from pathlib import Path
from typing import Any, Literal

import msgspec
from rich.console import Console
from rich.markup import escape

from freehold import __version__
from freehold import config as configs
from freehold.app import address_of
from freehold.cli import output
from freehold.cli.clients import health
from freehold.kernel.chance import SystemChance
from freehold.kernel.clock import SystemClock
from freehold.runtime.engine import Runtime
from freehold.runtime.interpreters import on_this_machine

DISK_FREE_GB_MIN = 2


class Finding(msgspec.Struct, frozen=True):
    """`there`: as it should be; `missing`: works with less; `broken`: does not work."""

    state: Literal["there", "missing", "broken"]
    what: str
    advice: str = ""


_MARKS = {
    "there": "[green]  ok   [/]",
    "missing": "[yellow]missing[/]",
    "broken": "[red]broken [/]",
}


def doctor(data: Path) -> int:
    """Print what was found; the exit status is 1 where something is broken."""
    console = output.results()
    console.print(
        f"Freehold {__version__} on {platform.platform()}, Python {platform.python_version()}"
    )
    findings = {
        "Running functions": [*_interpreters(), *_isolation()],
        "Keeping data": [_disk(data), _postgresql(), _client_of_postgresql()],
        "Tools": [_tool("aws", "pip install awscli"), _tool("sam", "pip install aws-sam-cli")],
        "Node": [_node(data)],
    }
    for title, found in findings.items():
        _print(console, title, found)
    every = [finding for found in findings.values() for finding in found]
    if any(finding.state == "broken" for finding in every):
        return 1
    if all(finding.state == "there" for finding in every):
        console.print("\nNothing is missing.")
    return 0


def _print(console: Console, title: str, findings: list[Finding]) -> None:
    console.print(f"\n[bold]{title}[/]")
    for finding in findings:
        console.print(f"  {_MARKS[finding.state]}  {escape(finding.what)}")
        if finding.advice:
            console.print(f"             [dim]{escape(finding.advice)}[/]")


def _interpreters() -> list[Finding]:
    found = on_this_machine()
    findings = []
    for kind, name, advice in (
        ("python", "Python", "Functions for Python need 3.10 or later: apt-get install python3"),
        (
            "nodejs",
            "Node.js",
            "Functions for Node.js need it: apt-get install nodejs, or nodejs.org",
        ),
    ):
        of_kind = sorted(
            (each for each in found if each.kind == kind), key=lambda each: each.version
        )
        if of_kind:
            for each in of_kind:
                version = ".".join(str(part) for part in each.version)
                findings.append(Finding("there", f"{name} {version}  {each.path}"))
        else:
            findings.append(Finding("missing", name, advice))
    return findings


def _isolation() -> list[Finding]:
    # The runtime itself is asked, so that the answer is what functions will get.
    try:
        with tempfile.TemporaryDirectory(prefix="freehold-doctor-") as directory:
            namespaces, version, missing = asyncio.run(_probe(Path(directory)))
    except OSError as error:
        return [Finding("broken", f"isolation could not be tried: {error}")]
    findings = []
    if namespaces:
        user = "as root" if os.geteuid() == 0 else "as an ordinary user, with user namespaces"
        findings.append(Finding("there", f"namespaces for functions, {user}"))
    if version is not None:
        findings.append(Finding("there", f"control groups, version {version}"))
    return findings + [Finding("missing", what, _isolation_advice(what)) for what in missing]


async def _probe(directory: Path) -> tuple[bool, int | None, list[str]]:
    async def nothing(*_: Any) -> Any:
        raise NotImplementedError

    host: Any = object()
    logging.getLogger("freehold.runtime").setLevel(logging.ERROR)
    runtime = Runtime(
        directory=directory,
        blob_path=lambda blob: directory / blob,
        host=host,
        clock=SystemClock(),
        chance=SystemChance(),
        endpoint_url="http://127.0.0.1:4566",
        platform=nothing,
        environment=configs.environment(),
    )
    try:
        missing = list(await runtime.missing())
        groups = runtime.isolation.groups
        return runtime.isolation.namespaces, groups.version if groups else None, missing
    finally:
        await runtime.close()


def _isolation_advice(what: str) -> str:
    if what.startswith("namespaces"):
        return (
            "Functions run as plain processes. As an ordinary user, allow user namespaces: "
            "sysctl kernel.unprivileged_userns_clone=1 (Debian), or "
            "kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu). In a container: --privileged."
        )
    return (
        "Limits do not hold. Delegate control groups: systemd-run --user --scope -p Delegate=yes "
        "freehold up. In a container: --privileged."
    )


def _disk(data: Path) -> Finding:
    place = data.absolute()
    while not place.exists():
        place = place.parent
    if not os.access(place, os.W_OK):
        return Finding("broken", f"{place} cannot be written to", "Choose another: --data DIR")
    free_gb = shutil.disk_usage(place).free / 1e9
    what = f"{free_gb:.1f} GB free at {place}"
    if free_gb < DISK_FREE_GB_MIN:
        return Finding("missing", what, f"{DISK_FREE_GB_MIN} GB is little for code and data")
    return Finding("there", what)


def _postgresql() -> Finding:
    for directory in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (directory / "postgres").is_file():
            return Finding("there", f"PostgreSQL's server (for --store, and tests)  {directory}")
    path = shutil.which("postgres")
    if path is not None:
        return Finding("there", f"PostgreSQL's server (for --store, and tests)  {path}")
    return Finding(
        "missing",
        "PostgreSQL's server (only for --store, and tests)",
        "apt-get install postgresql, or any server that you can reach",
    )


def _client_of_postgresql() -> Finding:
    try:
        import psycopg
    except ImportError:
        return Finding("missing", "psycopg (only for --store)", "pip install 'freehold[cluster]'")
    return Finding("there", f"psycopg {psycopg.__version__} (for --store)")


def _tool(name: str, advice: str) -> Finding:
    path = shutil.which(name)
    if path is None:
        return Finding("missing", f"{name} (optional; freehold deploy needs neither)", advice)
    return Finding("there", f"{name}  {path}")


def _node(data: Path) -> Finding:
    url = address_of(data)
    if url is None:
        return Finding(
            "there", f"no node has run in {data}; start one with: freehold up --data {data}"
        )
    found = health(url)
    if found is None:
        return Finding(
            "there", f"the node of {data} is not running; start it with: freehold up --data {data}"
        )
    return Finding("there", f"running at {url}, region {found['region']}")
