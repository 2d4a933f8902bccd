"""Code packages: what a zip archive may hold, and unpacked copies that environments share.

An archive is unpacked once, into a directory named after its blob; the directory is complete when it has
its final name. Nothing in an archive can lead outside it: names are checked, links are refused unless
they stay inside, sizes are counted while unpacking and not believed.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import stat
import threading
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from freehold.runtime.contract import CodeRefused

UNZIPPED_BYTES_MAX = 262_144_000
ENTRIES_MAX = 100_000
_CHUNK_BYTES = 1 << 20


def inspect(archive: Path) -> int:
    """The unzipped size of an archive in bytes, as it claims; CodeRefused if it may not be unpacked."""
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
            _check(entries)
            return sum(entry.file_size for entry in entries)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise CodeRefused(
            "Could not unzip uploaded file. Please check your file, then try to upload again."
        ) from error


def unpack(archive: Path, target: Path, *, bytes_max: int = UNZIPPED_BYTES_MAX) -> None:
    """Unpack an archive into a new directory, which is whole or not there."""
    temporary = target.with_name(f"{target.name}.{os.getpid()}.{threading.get_ident()}.new")
    temporary.mkdir(parents=True, mode=0o755)
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
            _check(entries)
            left = bytes_max
            for entry in entries:
                left = _unpack_entry(opened, entry, temporary, left)
        temporary.rename(target)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise CodeRefused(
            "Could not unzip uploaded file. Please check your file, then try to upload again."
        ) from error
    finally:
        if temporary.exists():
            shutil.rmtree(temporary)


class Packages:
    """The unpacked packages of one node, in a directory that may be lost at any time."""

    def __init__(self, directory: Path, blob_path: object) -> None:
        self.directory = directory
        self._blob_path = blob_path
        self._unpacking: dict[str, asyncio.Future[None]] = {}
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True, mode=0o755)
        (directory / "empty").mkdir()

    async def code(self, blob_id: str) -> str:
        """The name of the directory with a package's files."""
        return await self._ready(blob_id, (blob_id,))

    async def opt(self, blob_ids: tuple[str, ...]) -> str:
        """The name of the directory with layers, one over the other; "" where there are none."""
        if not blob_ids:
            return ""
        digest = hashlib.sha256("/".join(blob_ids).encode()).hexdigest()[:32]
        return await self._ready(f"opt-{digest}", blob_ids)

    async def _ready(self, name: str, blob_ids: tuple[str, ...]) -> str:
        if (self.directory / name).is_dir():
            return name
        going_on = self._unpacking.get(name)
        if going_on is None:
            going_on = asyncio.ensure_future(asyncio.to_thread(self._unpack, name, blob_ids))
            self._unpacking[name] = going_on
            going_on.add_done_callback(lambda _: self._unpacking.pop(name, None))
        await asyncio.shield(going_on)
        return name

    def _unpack(self, name: str, blob_ids: tuple[str, ...]) -> None:
        assert callable(self._blob_path)
        if len(blob_ids) == 1:
            unpack(self._blob_path(blob_ids[0]), self.directory / name)
            return
        together = self.directory / f"{name}.{threading.get_ident()}.new"
        try:
            for index, blob_id in enumerate(blob_ids):
                one = self.directory / f"{name}.{index}.{threading.get_ident()}"
                unpack(self._blob_path(blob_id), one)
                shutil.copytree(one, together, symlinks=True, dirs_exist_ok=True)
                shutil.rmtree(one)
            together.rename(self.directory / name)
        finally:
            shutil.rmtree(together, ignore_errors=True)


def _check(entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > ENTRIES_MAX:
        raise CodeRefused(f"The archive has more than {ENTRIES_MAX} entries.")
    if sum(entry.file_size for entry in entries) > UNZIPPED_BYTES_MAX:
        raise CodeRefused(f"Unzipped size must be smaller than {UNZIPPED_BYTES_MAX} bytes")
    for entry in entries:
        path = PurePosixPath(entry.filename)
        if path.is_absolute() or ".." in path.parts or "\x00" in entry.filename:
            raise CodeRefused(f"The archive's entry {entry.filename!r} leads outside it.")
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
            raise CodeRefused(
                f"The archive's entry {entry.filename!r} is neither file nor directory."
            )
        if entry.flag_bits & 1:
            raise CodeRefused("The archive is encrypted.")


def _unpack_entry(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, root: Path, left: int) -> int:
    """Unpack one entry; return how many bytes may still come."""
    target = root.joinpath(*PurePosixPath(entry.filename).parts)
    mode = entry.external_attr >> 16
    if entry.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return left
    target.parent.mkdir(parents=True, exist_ok=True)
    # A link that an earlier entry made must not carry this one elsewhere.
    if not target.parent.resolve().is_relative_to(root.resolve()):
        raise CodeRefused(f"The archive's entry {entry.filename!r} leads outside it.")
    if stat.S_ISLNK(mode):
        return left - _unpack_link(opened, entry, target, root)
    target.unlink(missing_ok=True)
    with opened.open(entry) as source, target.open("xb") as file:
        while chunk := source.read(_CHUNK_BYTES):
            left -= len(chunk)
            if left < 0:
                raise CodeRefused(f"Unzipped size must be smaller than {UNZIPPED_BYTES_MAX} bytes")
            file.write(chunk)
    # Everyone in the sandbox may read it; who could execute, may.
    target.chmod(0o755 if mode & 0o111 else 0o644)
    return left


def _unpack_link(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, root: Path) -> int:
    if entry.file_size > 4096:
        raise CodeRefused(f"The archive's link {entry.filename!r} is too long.")
    link = opened.read(entry).decode("utf-8", "surrogateescape")
    leads_to = Path(os.path.normpath(target.parent / link))
    if os.path.isabs(link) or not leads_to.is_relative_to(root):
        raise CodeRefused(f"The archive's link {entry.filename!r} leads outside it.")
    target.unlink(missing_ok=True)
    target.symlink_to(link)
    return len(link)
