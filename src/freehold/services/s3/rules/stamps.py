"""Stamps: names of versions that sort newest first, and ids of uploads that sort oldest first."""

from __future__ import annotations

import re
import string

ALPHABET = string.ascii_letters + string.digits
RANDOM_LETTERS = 19
# Microseconds since 1970 stay below this until the year 2112.
_END_OF_TIME_US = 1 << 52
_STAMP = re.compile(r"[0-9a-f]{13}[A-Za-z0-9]{19}")


def after(newest: str | None, now: float, word: str) -> str:
    """The stamp of a version made now, newer than the newest there is, whatever the clock says."""
    inverted = _END_OF_TIME_US - int(now * 1_000_000)
    if newest is not None:
        inverted = min(inverted, int(newest[:13], 16) - 1)
    return f"{inverted:013x}{word}"


def is_version(version: str) -> bool:
    return version == "null" or _STAMP.fullmatch(version) is not None


def upload_id(now: float, word: str) -> str:
    return f"{int(now * 1_000_000):013x}{word}"


def moment(stamp: str) -> float:
    """When the version was made, in seconds since 1970."""
    return (_END_OF_TIME_US - int(stamp[:13], 16)) / 1_000_000
