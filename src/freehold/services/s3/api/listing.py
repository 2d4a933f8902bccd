"""Listings: objects, versions, uploads; by prefix, rolled up at a delimiter, page by page.

A page costs what it shows: whatever a delimiter rolls up is leapt over, not read.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

from freehold.kernel import paging
from freehold.kernel.call import Call
from freehold.kernel.service import Params
from freehold.kv import Transaction
from freehold.services.s3 import access, errors, owners, store, versions
from freehold.services.s3.records import Bucket, Object, Upload
from freehold.services.s3.service import service

KEYS_MAX = 1000
_FIRST_FETCH = 16
_may_list = access.on_bucket("s3:ListBucket")


class _Listing(Protocol):
    def leap_over(self, prefix: str) -> None: ...
    def leap_after(self, *key: str) -> None: ...
    def read(self, limit: int) -> Iterator[tuple[tuple[str, ...], Any]]: ...


class _Page(NamedTuple):
    """`last` is the key, or the common prefix, that ends it; (key, id) where keys have several."""

    entries: list[tuple[tuple[str, ...], Any]]
    prefixes: list[str]
    last: tuple[str, ...]
    is_truncated: bool


@service.operation("ListObjectsV2", reads=True, anonymous=True, access=_may_list)
def list_objects_v2(call: Call, params: Params) -> dict[str, Any]:
    bucket = access.load_bucket(call, params)
    prefix, delimiter = params.get("Prefix", ""), params.get("Delimiter") or None
    limit = _limit(params, "MaxKeys", "max-keys")
    listing = store.Listing(call.tx, bucket, "object", prefix)
    token = params.get("ContinuationToken")
    if token is not None:
        _resume(listing, prefix, delimiter, _position(token))
    elif params.get("StartAfter"):
        listing.leap_after(params["StartAfter"])
    page = _page(listing, prefix, delimiter, limit)
    encode = _encoder(params)
    with_owner = params.get("FetchOwner", False)
    return {
        "Name": bucket.name,
        "Prefix": encode(prefix),
        "Delimiter": _encoded(encode, delimiter),
        "MaxKeys": limit,
        "EncodingType": params.get("EncodingType"),
        "KeyCount": len(page.entries) + len(page.prefixes),
        "IsTruncated": page.is_truncated,
        "ContinuationToken": token,
        "NextContinuationToken": paging.encode(page.last) if page.is_truncated else None,
        "StartAfter": _encoded(encode, params.get("StartAfter")),
        "Contents": [
            _shown_object(encode, bucket if with_owner else None, key, found)
            for (key,), found in page.entries
        ],
        "CommonPrefixes": [{"Prefix": encode(common)} for common in page.prefixes],
    }


@service.operation("ListObjects", reads=True, anonymous=True, access=_may_list)
def list_objects(call: Call, params: Params) -> dict[str, Any]:
    bucket = access.load_bucket(call, params)
    prefix, delimiter = params.get("Prefix", ""), params.get("Delimiter") or None
    limit = _limit(params, "MaxKeys", "max-keys")
    listing = store.Listing(call.tx, bucket, "object", prefix)
    marker = params.get("Marker", "")
    if marker:
        _resume(listing, prefix, delimiter, marker)
    page = _page(listing, prefix, delimiter, limit)
    encode = _encoder(params)
    # Without a delimiter, clients go on after the last key they got; AWS says no NextMarker then.
    with_next = page.is_truncated and delimiter is not None
    return {
        "Name": bucket.name,
        "Prefix": encode(prefix),
        "Marker": encode(marker),
        "NextMarker": encode(page.last[0]) if with_next else None,
        "Delimiter": _encoded(encode, delimiter),
        "MaxKeys": limit,
        "EncodingType": params.get("EncodingType"),
        "IsTruncated": page.is_truncated,
        "Contents": [_shown_object(encode, bucket, key, found) for (key,), found in page.entries],
        "CommonPrefixes": [{"Prefix": encode(common)} for common in page.prefixes],
    }


@service.operation(
    "ListObjectVersions",
    reads=True,
    anonymous=True,
    access=access.on_bucket("s3:ListBucketVersions"),
)
def list_object_versions(call: Call, params: Params) -> dict[str, Any]:
    bucket = access.load_bucket(call, params)
    prefix, delimiter = params.get("Prefix", ""), params.get("Delimiter") or None
    limit = _limit(params, "MaxKeys", "max-keys")
    listing = _Versions(call.tx, bucket, prefix)
    key_marker, version_marker = params.get("KeyMarker", ""), params.get("VersionIdMarker", "")
    if version_marker and not key_marker:
        raise errors.invalid_argument(
            "A version-id marker cannot be specified without a key marker.",
            "version-id-marker",
            version_marker,
        )
    if version_marker:
        versions.check_version(version_marker)
        listing.leap_after(key_marker, _stamp(call, bucket, key_marker, version_marker))
    elif key_marker:
        _resume(listing, prefix, delimiter, key_marker)
    page = _page(listing, prefix, delimiter, limit)
    encode = _encoder(params)
    answer = {
        "Name": bucket.name,
        "Prefix": encode(prefix),
        "KeyMarker": encode(key_marker),
        "VersionIdMarker": version_marker,
        "Delimiter": _encoded(encode, delimiter),
        "MaxKeys": limit,
        "EncodingType": params.get("EncodingType"),
        "IsTruncated": page.is_truncated,
        "CommonPrefixes": [{"Prefix": encode(common)} for common in page.prefixes],
        "Versions": [],
        "DeleteMarkers": [],
    }
    previous = key_marker if version_marker else None
    for (key, _), found in page.entries:
        shown = _shown_version(encode, bucket, key, found, is_latest=key != previous)
        answer["DeleteMarkers" if found.is_marker else "Versions"].append(shown)
        previous = key
    if page.is_truncated:
        answer["NextKeyMarker"] = encode(page.last[0])
        if len(page.last) > 1:
            answer["NextVersionIdMarker"] = page.entries[-1][1].version
    return answer


@service.operation(
    "ListMultipartUploads",
    reads=True,
    anonymous=True,
    access=access.on_bucket("s3:ListBucketMultipartUploads"),
)
def list_multipart_uploads(call: Call, params: Params) -> dict[str, Any]:
    bucket = access.load_bucket(call, params)
    prefix, delimiter = params.get("Prefix", ""), params.get("Delimiter") or None
    limit = _limit(params, "MaxUploads", "max-uploads")
    listing = store.Listing(call.tx, bucket, "upload", prefix)
    key_marker, id_marker = params.get("KeyMarker", ""), params.get("UploadIdMarker", "")
    # Without a key marker, an upload id marker says nothing, as the API reference has it.
    if key_marker and id_marker:
        listing.leap_after(key_marker, id_marker)
    elif key_marker:
        _resume(listing, prefix, delimiter, key_marker)
    page = _page(listing, prefix, delimiter, limit)
    encode = _encoder(params)
    last = page.last if page.is_truncated else ()
    return {
        "Bucket": bucket.name,
        "KeyMarker": encode(key_marker),
        "UploadIdMarker": id_marker,
        "NextKeyMarker": encode(last[0]) if last else None,
        "NextUploadIdMarker": last[1] if len(last) > 1 else None,
        "Prefix": encode(prefix),
        "Delimiter": _encoded(encode, delimiter),
        "MaxUploads": limit,
        "EncodingType": params.get("EncodingType"),
        "IsTruncated": page.is_truncated,
        "Uploads": [
            _shown_upload(encode, bucket, upload_id, found)
            for (_, upload_id), found in page.entries
        ],
        "CommonPrefixes": [{"Prefix": encode(common)} for common in page.prefixes],
    }


def _page(listing: _Listing, prefix: str, delimiter: str | None, limit: int) -> _Page:
    entries: list[tuple[tuple[str, ...], Any]] = []
    prefixes: list[str] = []
    last: tuple[str, ...] = ()
    fetch = limit + 1 if delimiter is None else _FIRST_FETCH
    while limit > 0:
        seen = 0
        common: str | None = None
        for names, record in listing.read(fetch):
            if len(entries) + len(prefixes) == limit:
                return _Page(entries, prefixes, last, is_truncated=True)
            seen += 1
            common = _common_prefix(names[0], prefix, delimiter)
            if common is not None:
                break
            entries.append((names, record))
            last = names
        if common is not None:
            prefixes.append(common)
            last = (common,)
            listing.leap_over(common)
            fetch = _FIRST_FETCH
        elif seen < fetch:
            break
        else:
            listing.leap_after(*last)
            fetch = min(2 * fetch, KEYS_MAX)
    return _Page(entries, prefixes, last, is_truncated=False)


def _resume(listing: _Listing, prefix: str, delimiter: str | None, marker: str) -> None:
    """Go on after a key; where the marker is a common prefix, after all that it stands for."""
    if marker == _common_prefix(marker, prefix, delimiter):
        listing.leap_over(marker)
    else:
        listing.leap_after(marker)


def _common_prefix(key: str, prefix: str, delimiter: str | None) -> str | None:
    if delimiter is None:
        return None
    at = key.find(delimiter, len(prefix))
    return None if at < 0 else key[: at + len(delimiter)]


class _Versions:
    """Current objects and all other versions, as one listing of (key, stamp)."""

    def __init__(self, tx: Transaction, bucket: Bucket, prefix: str) -> None:
        self._current = store.Listing(tx, bucket, "object", prefix)
        self._others = store.Listing(tx, bucket, "version", prefix)

    def leap_over(self, prefix: str) -> None:
        self._current.leap_over(prefix)
        self._others.leap_over(prefix)

    def leap_after(self, *key: str) -> None:
        self._current.leap_after(key[0])
        self._others.leap_after(*key)

    def read(self, limit: int) -> Iterator[tuple[tuple[str, ...], Any]]:
        current = (((key, found.stamp), found) for (key,), found in self._current.read(limit))
        # Each gives `limit` at most, so no more than the first `limit` of both are in order.
        return islice(
            heapq.merge(current, self._others.read(limit), key=lambda entry: entry[0]), limit
        )


def _stamp(call: Call, bucket: Bucket, key: str, version: str) -> str:
    """Where a version stands among those of its key; a null version that is gone, before all."""
    if version != "null":
        return version
    current = store.load_object(call.tx, bucket, key)
    if current is not None and current.version == "null":
        return current.stamp
    return store.load_null_stamp(call.tx, bucket, key) or ""


def _shown_object(encode: Any, bucket: Bucket | None, key: str, found: Object) -> dict[str, Any]:
    return {
        "Key": encode(key),
        "LastModified": found.modified_at,
        "ETag": f'"{found.etag}"',
        "Size": found.size,
        "StorageClass": found.storage_class,
        "Owner": None if bucket is None else owners.owner(bucket.account),
        **_shown_checksum(found),
    }


def _shown_version(
    encode: Any, bucket: Bucket, key: str, found: Object, *, is_latest: bool
) -> dict[str, Any]:
    shown = {
        "Key": encode(key),
        "VersionId": found.version,
        "IsLatest": is_latest,
        "LastModified": found.modified_at,
        "Owner": owners.owner(bucket.account),
    }
    if found.is_marker:
        return shown
    return {
        **shown,
        "ETag": f'"{found.etag}"',
        "Size": found.size,
        "StorageClass": found.storage_class,
        **_shown_checksum(found),
    }


def _shown_upload(encode: Any, bucket: Bucket, upload_id: str, found: Upload) -> dict[str, Any]:
    return {
        "UploadId": upload_id,
        "Key": encode(found.key),
        "Initiated": found.initiated_at,
        "StorageClass": found.storage_class,
        "Owner": owners.owner(bucket.account),
        "Initiator": {"ID": found.initiator},
        "ChecksumAlgorithm": found.checksum_algorithm,
        "ChecksumType": found.checksum_type,
    }


def _shown_checksum(found: Object) -> dict[str, Any]:
    if found.checksum is None:
        return {}
    return {
        "ChecksumAlgorithm": [found.checksum.algorithm],
        "ChecksumType": found.checksum.type,
    }


def _limit(params: Params, member: str, argument: str) -> int:
    limit: int = params.get(member, KEYS_MAX)
    if limit < 0:
        raise errors.invalid_argument(
            f"Argument {argument} must be an integer between 0 and 2147483647",
            argument,
            str(limit),
        )
    return min(limit, KEYS_MAX)


def _encoder(params: Params) -> Any:
    """EncodingType=url is for keys that XML cannot carry."""
    if params.get("EncodingType") != "url":
        return str
    return lambda text: quote(text, safe="/")


def _encoded(encode: Any, text: str | None) -> str | None:
    return None if text is None else encode(text)


def _position(token: str) -> str:
    try:
        position = paging.decode(token, tuple)
    except paging.InvalidToken:
        position = ()
    if len(position) != 1 or not isinstance(position[0], str):
        raise errors.invalid_argument(
            "The continuation token provided is incorrect", "continuation-token", token
        )
    return position[0]
