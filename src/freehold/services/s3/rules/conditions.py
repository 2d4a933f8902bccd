"""Conditional requests ("Add preconditions to S3 operations"; RFC 9110, section 13)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from freehold.services.s3 import errors
from freehold.services.s3.records import Object

Verdict = Literal["serve", "not-modified"]


def check_read(params: Mapping[str, Any], found: Object) -> Verdict:
    """Whether to serve an object; PreconditionFailed if not at all.

    A matching If-Match outweighs If-Unmodified-Since, and If-None-Match outweighs
    If-Modified-Since.
    """
    failed = _failed_guard(params, found, "")
    if failed is not None:
        raise errors.precondition_failed(failed)
    return "not-modified" if _is_unchanged(params, found, "") is not None else "serve"


def check_copy_source(params: Mapping[str, Any], found: Object) -> None:
    """The same for the source of a copy, where "not modified" is a failure too."""
    failed = _failed_guard(params, found, "CopySource") or _is_unchanged(
        params, found, "CopySource"
    )
    if failed is not None:
        raise errors.precondition_failed(failed)


def check_write(params: Mapping[str, Any], key: str, found: Object | None) -> None:
    """Whether a write may replace what is there (nothing, if that is a delete marker)."""
    if_none_match = params.get("IfNoneMatch")
    if if_none_match is not None:
        if if_none_match != "*":
            raise errors.header_not_implemented("If-None-Match")
        if found is not None:
            raise errors.precondition_failed("If-None-Match")
    if_match = params.get("IfMatch")
    if if_match is None:
        return
    if found is None:
        raise errors.no_such_key(key)
    if not _matches(if_match, found.etag):
        raise errors.precondition_failed("If-Match")


def check_delete(if_match: str | None, key: str, found: Object | None) -> None:
    if if_match is None:
        return
    if found is None:
        raise errors.no_such_key(key)
    if not _matches(if_match, found.etag):
        raise errors.precondition_failed("If-Match")


def _failed_guard(params: Mapping[str, Any], found: Object, prefix: str) -> str | None:
    header = "x-amz-copy-source-" if prefix else ""
    if_match = params.get(f"{prefix}IfMatch")
    if if_match is not None:
        name = f"{header}if-match" if prefix else "If-Match"
        return None if _matches(if_match, found.etag) else name
    since = params.get(f"{prefix}IfUnmodifiedSince")
    if since is not None and found.modified_at > since:
        return f"{header}if-unmodified-since" if prefix else "If-Unmodified-Since"
    return None


def _is_unchanged(params: Mapping[str, Any], found: Object, prefix: str) -> str | None:
    """The condition that says the caller has this already, or None."""
    if_none_match = params.get(f"{prefix}IfNoneMatch")
    if if_none_match is not None:
        matches = _matches(if_none_match, found.etag)
        return "x-amz-copy-source-if-none-match" if matches else None
    since = params.get(f"{prefix}IfModifiedSince")
    if since is not None and found.modified_at <= since:
        return "x-amz-copy-source-if-modified-since"
    return None


def _matches(header: str, etag: str) -> bool:
    for candidate in header.split(","):
        wanted = candidate.strip()
        if wanted == "*" or wanted.removeprefix("W/").strip('"') == etag:
            return True
    return False
