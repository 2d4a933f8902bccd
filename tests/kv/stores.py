"""Every backend, for the suites that run on all of them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from glob import glob
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from freehold.kv import Store
from freehold.kv.embedded import EmbeddedStore
from freehold.kv.faulty import FaultyStore, Odds
from freehold.kv.memory import MemoryStore

BACKENDS = ("memory", "faulty", "embedded", "cluster")


@contextmanager
def open_store(backend: str, directory: Path, postgres: str | None) -> Iterator[Store]:
    store: Store
    if backend == "memory":
        store = MemoryStore()
    elif backend == "faulty":
        store = FaultyStore(7, Odds(conflict=0.3))
    elif backend == "embedded":
        store = EmbeddedStore(directory / "kv")
    else:
        if postgres is None:
            pytest.skip(WHY_NO_POSTGRES)
        from freehold.kv.cluster import ClusterStore

        store = ClusterStore(postgres, table=f"kv_{os.urandom(6).hex()}")
    try:
        yield store
    finally:
        store.close()


def new_database(address: str) -> str:
    """The address of a new, empty database on the server."""
    import psycopg

    name = f"node_{os.urandom(6).hex()}"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return address.replace("/postgres?", f"/{name}?")


WHY_NO_POSTGRES = "PostgreSQL's server is not installed (Debian: apt-get install postgresql)"


@contextmanager
def postgres_server() -> Iterator[str | None]:
    """A real server on a socket of its own; None where there is none on this machine."""
    programs = _programs()
    if programs is None:
        yield None
        return
    # Not below pytest's directories, which nobody else may enter.
    with TemporaryDirectory(prefix="freehold-pg-") as name, _serve(programs, Path(name)) as address:
        yield address


@contextmanager
def _serve(programs: str, directory: Path) -> Iterator[str]:
    data = directory / "data"
    data.mkdir()
    # PostgreSQL refuses to run as root.
    as_other = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    prefix = as_other if os.geteuid() == 0 else []
    if prefix:
        for path in (directory, data):
            os.chown(path, 65534, 65534)
    environment = {"PATH": os.environ["PATH"], "LANG": "C", "HOME": str(directory)}
    subprocess.run(
        [
            *prefix,
            f"{programs}/initdb",
            "-D",
            str(data),
            "-A",
            "trust",
            "-U",
            "freehold",
            "--no-sync",
        ],
        check=True,
        capture_output=True,
        env=environment,
        cwd=directory,
    )
    options = f"-k {directory} -c listen_addresses= -c max_connections=200 -c fsync=off"
    control = [*prefix, f"{programs}/pg_ctl", "-D", str(data), "-w"]
    started = [*control, "-l", str(directory / "log"), "-o", options, "start"]
    subprocess.run(started, check=True, stdout=subprocess.DEVNULL, env=environment, cwd=directory)
    try:
        yield f"postgresql://freehold@/postgres?host={directory}"
    finally:
        subprocess.run(
            [*control, "-m", "immediate", "stop"],
            check=True,
            stdout=subprocess.DEVNULL,
            env=environment,
            cwd=directory,
        )


def _programs() -> str | None:
    for directory in sorted(glob("/usr/lib/postgresql/*/bin"), reverse=True):
        if Path(directory, "initdb").is_file() and Path(directory, "postgres").is_file():
            return directory
    found = shutil.which("initdb")
    return str(Path(found).parent) if found else None
