"""Names of buckets and keys of objects ("General purpose buckets naming rules", S3 user guide)."""

from __future__ import annotations

import ipaddress
import re

from freehold.services.s3 import errors

KEY_BYTES_MAX = 1024
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_RESERVED_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_RESERVED_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


def is_bucket_name(name: str) -> bool:
    return (
        _BUCKET.fullmatch(name) is not None
        and ".." not in name
        and not _is_address(name)
        and not name.startswith(_RESERVED_PREFIXES)
        and not name.endswith(_RESERVED_SUFFIXES)
    )


def check_key(key: str) -> None:
    size = len(key.encode())
    if size > KEY_BYTES_MAX:
        raise errors.key_too_long(size)


def _is_address(name: str) -> bool:
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return False
    return True
