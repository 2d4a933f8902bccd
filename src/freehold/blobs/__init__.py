"""Object bytes and code packages, as files.

A blob is written under a temporary name, synced, renamed, and its directory synced; only then does a
committed record refer to it. So a record's blob is always whole, and what a crash leaves behind is a blob
that no record names: an orphan, for whoever knows the records to find and delete.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import TracebackType

from freehold.kv import StoreUnavailable

CHUNK_BYTES = 256 * 1024


class Blobs:
    """A directory of immutable blobs, by id: a word of hex digits that the caller draws."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._incoming = directory / "incoming"
        self._incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
        for leftover in self._incoming.iterdir():
            leftover.unlink(missing_ok=True)

    def path(self, blob_id: str) -> Path:
        """Where the blob is. It may be opened for reading, never changed."""
        assert blob_id.isalnum()
        return self._directory / blob_id[:2] / blob_id

    def writer(self, blob_id: str) -> BlobWriter:
        """Use it with `async with`: write chunks, then `await commit()`; without that nothing remains."""
        return BlobWriter(self._incoming / blob_id, self.path(blob_id))

    async def write(self, blob_id: str, content: bytes) -> None:
        """Store a blob whole; it is durable when this returns."""
        async with self.writer(blob_id) as writer:
            await writer.write(content)
            await writer.commit()

    async def read(self, blob_id: str, start: int, length: int) -> AsyncIterator[bytes]:
        """Yield the bytes from `start`, `length` of them. FileNotFoundError if there is no such blob."""
        handle = await asyncio.to_thread(os.open, self.path(blob_id), os.O_RDONLY)
        try:
            while length > 0:
                chunk = await asyncio.to_thread(os.pread, handle, min(length, CHUNK_BYTES), start)
                if not chunk:
                    raise StoreUnavailable(f"blob {blob_id} is shorter than its record says")
                start += len(chunk)
                length -= len(chunk)
                yield chunk
        finally:
            os.close(handle)

    def read_whole(self, blob_id: str) -> bytes:
        """All of a small blob, at once and blocking."""
        return self.path(blob_id).read_bytes()

    def delete(self, blob_id: str) -> None:
        """Remove a blob that no record refers to any more; one that is gone is not an error."""
        self.path(blob_id).unlink(missing_ok=True)

    def written_before(self, time: float) -> Iterator[list[str]]:
        """Yield the ids of the blobs written before a time (seconds since 1970), some at a time."""
        for directory in sorted(self._directory.iterdir()):
            if directory == self._incoming or not directory.is_dir():
                continue
            if found := [path.name for path in directory.iterdir() if _written_at(path) < time]:
                yield found


class BlobWriter:
    """A blob in the making. Counts its bytes and hashes them (MD5, for ETags) as they come."""

    def __init__(self, temporary: Path, final: Path) -> None:
        self._temporary = temporary
        self._final = final
        self._handle = -1
        self._committed = False
        self.size = 0
        self.md5 = hashlib.md5(usedforsecurity=False)

    async def __aenter__(self) -> BlobWriter:
        self._handle = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._handle)
        if not self._committed:
            self._temporary.unlink(missing_ok=True)

    async def write(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if len(chunk) < CHUNK_BYTES // 4:
            self._write(chunk)
        else:
            await asyncio.to_thread(self._write, chunk)

    async def commit(self) -> None:
        """Sync and rename; the blob is durable when this returns."""
        await asyncio.to_thread(self._commit)
        self._committed = True

    def _write(self, chunk: bytes) -> None:
        self.md5.update(chunk)
        view = memoryview(chunk)
        try:
            while view:
                view = view[os.write(self._handle, view) :]
        except OSError as error:
            raise StoreUnavailable(f"{self._temporary}: {error}") from error

    def _commit(self) -> None:
        try:
            os.fdatasync(self._handle)
            if not self._final.parent.is_dir():
                self._final.parent.mkdir(exist_ok=True, mode=0o700)
                _sync_directory(self._final.parent.parent)
            self._temporary.rename(self._final)
            _sync_directory(self._final.parent)
        except OSError as error:
            raise StoreUnavailable(f"{self._final}: {error}") from error


def _written_at(path: Path) -> float:
    """When a blob was written; one that was deleted meanwhile is as good as new."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return math.inf


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
