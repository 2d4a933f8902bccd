"""How the versions of a key succeed each other ("How S3 Versioning works", S3 user guide).

The newest version is the key's object, unless it is a delete marker. Everything else is kept as a
version. A bucket that was never versioned has only objects. All here runs in the call's
transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from freehold.kernel.call import Call
from freehold.services.s3 import contents, errors, store
from freehold.services.s3.records import Bucket, Object
from freehold.services.s3.rules import conditions, stamps


def put(
    call: Call,
    bucket: Bucket,
    key: str,
    draft: Object,
    small: bytes = b"",
    params: Mapping[str, Any] | None = None,
) -> Object:
    """Make this the newest version; `params` may hold conditions. Returns it with its stamp."""
    current = store.load_object(call.tx, bucket, key)
    conditions.check_write(params or {}, key, current)
    made = _stamped(call, bucket, key, current, draft)
    if current is not None:
        _supersede(call, bucket, key, current)
    if bucket.versioning == "Suspended":
        _drop_null(call, bucket, key)
    store.save_object(call.tx, bucket, key, made)
    store.save_small(call.tx, bucket, made.stamp, small)
    return made


def find(call: Call, bucket: Bucket, key: str, version: str | None) -> Object:
    """The object, or a version of it, which may be a delete marker; NoSuchKey, NoSuchVersion."""
    current = store.load_object(call.tx, bucket, key)
    if version is None:
        if current is None:
            raise errors.no_such_key(key, _marker_headers(call, bucket, key))
        return current
    check_version(version)
    if current is not None and current.version == version:
        return current
    found = _find_older(call, bucket, key, version)
    if found is None:
        raise errors.no_such_version(key, version)
    return found


def find_readable(call: Call, bucket: Bucket, key: str, version: str | None, method: str) -> Object:
    """The same; a delete marker has nothing to read and answers MethodNotAllowed."""
    found = find(call, bucket, key, version)
    if found.is_marker:
        headers = (("x-amz-delete-marker", "true"), ("x-amz-version-id", found.version))
        raise errors.method_not_allowed(method, headers)
    return found


def change(call: Call, bucket: Bucket, key: str, changed: Object) -> None:
    """Save a version whose tags, say, are new."""
    current = store.load_object(call.tx, bucket, key)
    if current is not None and current.stamp == changed.stamp:
        store.save_object(call.tx, bucket, key, changed)
    else:
        store.save_version(call.tx, bucket, key, changed)


def delete(call: Call, bucket: Bucket, key: str, if_match: str | None = None) -> Object | None:
    """Delete what is current; returns the delete marker that takes its place, if one does."""
    current = store.load_object(call.tx, bucket, key)
    conditions.check_delete(if_match, key, current)
    if not bucket.versioning:
        if current is not None:
            _remove_object(call, bucket, key, current)
        return None
    draft = Object(stamp="", version="", modified_at=int(call.now), is_marker=True)
    marker = _stamped(call, bucket, key, current, draft)
    if current is not None:
        _supersede(call, bucket, key, current)
        store.delete_object(call.tx, bucket, key)
    if bucket.versioning == "Suspended":
        _drop_null(call, bucket, key)
    store.save_version(call.tx, bucket, key, marker)
    if marker.version == "null":
        store.save_null_stamp(call.tx, bucket, key, marker.stamp)
    return marker


def delete_version(
    call: Call, bucket: Bucket, key: str, version: str, if_match: str | None = None
) -> Object | None:
    """Delete a version for good, so that the one before it is current. None if there is none."""
    check_version(version)
    current = store.load_object(call.tx, bucket, key)
    if current is not None and current.version == version:
        conditions.check_delete(if_match, key, current)
        _remove_object(call, bucket, key, current)
        _promote_newest(call, bucket, key)
        return current
    found = _find_older(call, bucket, key, version)
    conditions.check_delete(if_match, key, found)
    if found is None:
        return None
    _remove_version(call, bucket, key, found)
    if current is None:
        _promote_newest(call, bucket, key)
    return found


def check_version(version: str) -> None:
    if not stamps.is_version(version):
        raise errors.invalid_argument("Invalid version id specified", "versionId", version)


def _stamped(call: Call, bucket: Bucket, key: str, current: Object | None, draft: Object) -> Object:
    newest = current
    if newest is None and bucket.versioning:
        newest = store.newest_version(call.tx, bucket, key)
    word = call.new_word(stamps.RANDOM_LETTERS, stamps.ALPHABET)
    stamp = stamps.after(None if newest is None else newest.stamp, call.now, word)
    version = stamp if bucket.versioning == "Enabled" else "null"
    return replace(draft, stamp=stamp, version=version)


def _supersede(call: Call, bucket: Bucket, key: str, current: Object) -> None:
    """Make room for a new object: keep the one that is there as a version, or give up its body."""
    if not bucket.versioning or (bucket.versioning == "Suspended" and current.version == "null"):
        contents.release_body(call, bucket, current)
        return
    store.save_version(call.tx, bucket, key, current)
    if current.version == "null":
        store.save_null_stamp(call.tx, bucket, key, current.stamp)


def _drop_null(call: Call, bucket: Bucket, key: str) -> None:
    """There is one null version at most: a new one takes the place of the old one, however old."""
    found = _find_older(call, bucket, key, "null")
    if found is not None:
        _remove_version(call, bucket, key, found)


def _find_older(call: Call, bucket: Bucket, key: str, version: str) -> Object | None:
    if not bucket.versioning:
        return None
    stamp: str | None = version
    if version == "null":
        stamp = store.load_null_stamp(call.tx, bucket, key)
    return None if stamp is None else store.load_version(call.tx, bucket, key, stamp)


def _remove_object(call: Call, bucket: Bucket, key: str, current: Object) -> None:
    contents.release_body(call, bucket, current)
    store.delete_object(call.tx, bucket, key)


def _remove_version(call: Call, bucket: Bucket, key: str, found: Object) -> None:
    contents.release_body(call, bucket, found)
    store.delete_version(call.tx, bucket, key, found.stamp)
    if found.version == "null":
        store.delete_null_stamp(call.tx, bucket, key)


def _promote_newest(call: Call, bucket: Bucket, key: str) -> None:
    """After the newest is gone: an older version is current again, unless it is a delete marker."""
    if not bucket.versioning:
        return
    newest = store.newest_version(call.tx, bucket, key)
    if newest is None or newest.is_marker:
        return
    store.delete_version(call.tx, bucket, key, newest.stamp)
    if newest.version == "null":
        store.delete_null_stamp(call.tx, bucket, key)
    store.save_object(call.tx, bucket, key, newest)


def _marker_headers(call: Call, bucket: Bucket, key: str) -> tuple[tuple[str, str], ...]:
    if not bucket.versioning:
        return ()
    newest = store.newest_version(call.tx, bucket, key)
    if newest is None:
        return ()
    return (("x-amz-delete-marker", "true"), ("x-amz-version-id", newest.version))
