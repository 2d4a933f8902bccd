"""multipart/form-data as browsers send it (RFC 7578): fields, and then a file, which streams."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from freehold.kernel.errors import AwsError

FIELDS_BYTES_MAX = 20 * 1024
_BOUNDARY = re.compile(r'boundary=(?:"([^"]+)"|([^;\s]+))', re.IGNORECASE)
_PARAMETER = re.compile(rb'(\w+)="((?:[^"\\]|\\.)*)"')


class Form:
    """Read `fields` first, with `await read_fields()`; then iterate `file()`."""

    def __init__(self, content_type: str, body: AsyncIterator[bytes]) -> None:
        found = _BOUNDARY.search(content_type)
        if found is None or not content_type.lower().startswith("multipart/form-data"):
            raise AwsError(
                "PreconditionFailed",
                "Bucket POST must be of the enclosure-type multipart/form-data",
                status=412,
            )
        # Every boundary but the first follows the end of a line: so the first may be sought alike.
        self._boundary = b"\r\n--" + (found[1] or found[2]).encode()
        self._body = body
        self._buffer = b"\r\n"
        self.fields: dict[str, str] = {}
        self.filename = ""

    async def read_fields(self) -> None:
        """Take in all up to the file's first byte; names in lower case."""
        await self._skip_to_boundary()
        taken = 0
        while True:
            headers = await self._until(b"\r\n\r\n")
            name, filename = _described(headers)
            if name == "file":
                self.filename = filename
                return
            value = await self._until(self._boundary)
            taken += len(headers) + len(value)
            if taken > FIELDS_BYTES_MAX:
                raise _too_long()
            self.fields[name] = value.decode(errors="replace")
            if await self._is_last():
                raise AwsError(
                    "InvalidArgument",
                    "POST requires exactly one file upload per request.",
                    ArgumentName="file",
                    ArgumentValue="0",
                )

    async def file(self) -> AsyncIterator[bytes]:
        """The file's bytes. What follows the file is not looked at, as at AWS."""
        while True:
            at = self._buffer.find(self._boundary)
            if at >= 0:
                if at:
                    yield self._buffer[:at]
                self._buffer = self._buffer[at:]
                break
            safe = len(self._buffer) - len(self._boundary)
            if safe > 0:
                yield self._buffer[:safe]
                self._buffer = self._buffer[safe:]
            await self._more()
        async for _ in self._body:
            pass

    async def _skip_to_boundary(self) -> None:
        await self._until(self._boundary)
        await self._until(b"\r\n")

    async def _is_last(self) -> bool:
        while len(self._buffer) < 2:
            await self._more()
        if self._buffer.startswith(b"--"):
            return True
        await self._until(b"\r\n")
        return False

    async def _until(self, mark: bytes) -> bytes:
        """What comes before the mark, which is passed."""
        while (at := self._buffer.find(mark)) < 0:
            if len(self._buffer) > FIELDS_BYTES_MAX:
                raise _too_long()
            await self._more()
        found, self._buffer = self._buffer[:at], self._buffer[at + len(mark) :]
        return found

    async def _more(self) -> None:
        try:
            self._buffer += await anext(self._body)
        except StopAsyncIteration:
            raise AwsError(
                "MalformedPOSTRequest",
                "The body of your POST request is not well-formed multipart/form-data.",
            ) from None


def _described(headers: bytes) -> tuple[str, str]:
    """(name in lower case, filename) of a part. Its own content type says nothing to S3."""
    disposition = b""
    for line in headers.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-disposition":
            disposition = value
    parameters: dict[bytes, bytes] = dict(_PARAMETER.findall(disposition))
    field = parameters.get(b"name", b"").decode(errors="replace").lower()
    return field, parameters.get(b"filename", b"").decode(errors="replace")


def _too_long() -> AwsError:
    return AwsError(
        "MaxPostPreDataLengthExceeded",
        "Your POST request fields preceding the upload file were too large.",
    )
