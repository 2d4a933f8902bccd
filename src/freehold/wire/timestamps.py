"""Times in the three forms that models name: iso8601, rfc822 and unixTimestamp.

Inside Freehold a time is a float of seconds since 1970.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:?\d\d)?", re.ASCII
)


def parse(text: str | int | float, form: str) -> float:
    """Return the seconds of a time in a form; ValueError if it is not one."""
    if form == "unixTimestamp":
        seconds = float(text)
        if seconds != seconds or seconds in (float("inf"), float("-inf")):
            raise ValueError("a time is a finite number")
        return seconds
    if not isinstance(text, str):
        raise ValueError("a time in this place is text")
    if form == "rfc822":
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return _parse_iso8601(text)


def form(value: Any, form: str) -> str | int | float:
    """Return a time (seconds, or a datetime) in a form."""
    seconds = seconds_of(value)
    if form == "unixTimestamp":
        rounded = round(seconds, 3)
        return int(rounded) if rounded == int(rounded) else rounded
    moment = _EPOCH + timedelta(seconds=seconds)
    if form == "rfc822":
        return format_datetime(moment, usegmt=True)
    if moment.microsecond:
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"


def seconds_of(value: Any) -> float:
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    return float(value)


def _parse_iso8601(text: str) -> float:
    match = _ISO.fullmatch(text)
    if match is None:
        if re.fullmatch(r"-?\d+(\.\d+)?", text, re.ASCII):
            return float(text)
        raise ValueError(f"not a time: {text!r}")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    seconds = (moment - _EPOCH).total_seconds()
    if match[7]:
        seconds += float(f"0.{match[7]}")
    zone = match[8]
    if zone and zone not in "Zz":
        offset = int(zone[1:3]) * 3600 + int(zone[-2:]) * 60
        seconds += offset if zone[0] == "-" else -offset
    return seconds
