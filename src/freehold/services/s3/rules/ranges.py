"""Byte ranges (RFC 9110, section 14): one range a request, as S3 has it."""

from __future__ import annotations

import re
from typing import NamedTuple

from freehold.services.s3 import errors

_RANGE = re.compile(r"bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*")


class Range(NamedTuple):
    start: int
    length: int

    def content_range(self, size: int) -> str:
        return f"bytes {self.start}-{self.start + self.length - 1}/{size}"


def parse(header: str, size: int) -> Range | None:
    """The range of a body of this size that a Range header asks for.

    None means the whole: S3 answers so to what it does not understand, several ranges among it.
    InvalidRange if the body has no such bytes.
    """
    found = _RANGE.fullmatch(header)
    if found is None:
        return None
    first, last = found.groups()
    if not first and not last:
        return None
    if not first:
        length = min(int(last), size)
        if length == 0:
            raise errors.invalid_range(header, size)
        return Range(size - length, length)
    start = int(first)
    if last and int(last) < start:
        return None
    if start >= size:
        raise errors.invalid_range(header, size)
    end = min(int(last), size - 1) if last else size - 1
    return Range(start, end - start + 1)


def parse_copy_source(header: str, size: int) -> Range:
    """The range of a part's source: written out in full, and within the source."""
    found = _RANGE.fullmatch(header)
    if found is None or not all(found.groups()):
        raise errors.invalid_argument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first "
            "and last are the zero-based offsets of the first and last bytes to copy",
            "x-amz-copy-source-range",
            header,
        )
    start, end = int(found[1]), int(found[2])
    if start > end or end >= size:
        raise errors.invalid_argument(
            f"Range specified is not valid for source object of size: {size}",
            "x-amz-copy-source-range",
            header,
        )
    return Range(start, end - start + 1)
