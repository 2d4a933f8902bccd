"""Lifecycle, applied: at midnight UTC a chain of tasks goes over a bucket, page by page.

The chain's number is in the bucket's configuration: a new configuration begins a new chain, and a
task of an older one ends when it sees that.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from freehold.kernel.call import Call
from freehold.services.s3 import events, store, versions
from freehold.services.s3.records import Bucket, Object, Upload
from freehold.services.s3.rules import expiry, stamps
from freehold.services.s3.service import service

PAGE_KEYS = 200
# The delay lets objects that were put at midnight's last moment be seen.
_AFTER_MIDNIGHT_S = 60.0


def begin(call: Call, bucket: Bucket, document: dict[str, Any]) -> None:
    chain = call.new_word(12)
    store.save_configuration(call.tx, bucket, "lifecycle", {**document, "Chain": chain})
    _sweep_tonight(call, bucket, chain)


def end(call: Call, bucket: Bucket) -> None:
    store.delete_configuration(call.tx, bucket, "lifecycle")


@service.task("ApplyLifecycle")
def apply_lifecycle(call: Call, payload: dict[str, Any]) -> None:
    """One page of one of the three passes: over objects, versions, uploads."""
    bucket = store.find_bucket(call.tx, payload["Bucket"])
    if bucket is None:
        return
    document = store.load_configuration(call.tx, bucket, "lifecycle")
    if document is None or document["Chain"] != payload["Chain"]:
        return
    kind = payload.get("Pass", "object")
    cursor = tuple(payload.get("After", ()))
    listing = store.Listing(call.tx, bucket, kind, "")
    if cursor:
        listing.leap_after(*cursor)
    page = list(listing.read(PAGE_KEYS))
    if kind == "object":
        _expire_objects(call, bucket, document, page)
    elif kind == "version":
        _expire_versions(call, bucket, document, page, cursor)
    else:
        _abort_uploads(call, bucket, document, page)
    if len(page) == PAGE_KEYS:
        call.later("ApplyLifecycle", {**payload, "Pass": kind, "After": list(page[-1][0])})
    elif kind != "upload":
        following = "version" if kind == "object" else "upload"
        rest = {name: value for name, value in payload.items() if name != "After"}
        call.later("ApplyLifecycle", {**rest, "Pass": following})
    else:
        _sweep_tonight(call, bucket, document["Chain"])


def _sweep_tonight(call: Call, bucket: Bucket, chain: str) -> None:
    due = expiry.midnight_after(call.now) + _AFTER_MIDNIGHT_S
    call.later("ApplyLifecycle", {"Bucket": bucket.name, "Chain": chain}, due=due)


def _expire_objects(
    call: Call,
    bucket: Bucket,
    document: dict[str, Any],
    page: list[tuple[tuple[str, ...], Object]],
) -> None:
    for (key,), found in page:
        outcome = expiry.of_current(document, key, found, call.now)
        if outcome.expire:
            marker = versions.delete(call, bucket, key)
            kind = "Delete" if marker is None else "DeleteMarkerCreated"
            events.happened(
                call,
                bucket,
                f"LifecycleExpiration:{kind}",
                key,
                found if marker is None else marker,
            )
        elif outcome.storage_class is not None:
            moved = replace(found, storage_class=outcome.storage_class)
            versions.change(call, bucket, key, moved)


def _expire_versions(
    call: Call,
    bucket: Bucket,
    document: dict[str, Any],
    page: list[tuple[tuple[str, ...], Object]],
    cursor: tuple[str, ...],
) -> None:
    """Go through the versions newest first, knowing of each which came after it."""
    key, newer, since = "", 0, 0.0
    if cursor:
        # How many newer ones there were before this page is not known any more; that they were is.
        key, newer, since = cursor[0], PAGE_KEYS, stamps.moment(cursor[1])
    for (name, _), found in page:
        is_newest = False
        if name != key:
            key, newer = name, 0
            current = store.load_object(call.tx, bucket, key)
            is_newest = current is None
            since = 0.0 if current is None else current.modified_at
        if is_newest:
            _expire_marker(call, bucket, document, key, found)
        else:
            _expire_noncurrent(call, bucket, document, key, found, since, newer)
            newer += 1
        since = found.modified_at


def _expire_marker(
    call: Call, bucket: Bucket, document: dict[str, Any], key: str, found: Object
) -> None:
    """A delete marker that hides nothing any more."""
    listing = store.Listing(call.tx, bucket, "version", key)
    listing.leap_after(key, found.stamp)
    following = next(listing.read(1), None)
    hides = following is not None and following[0][0] == key
    if not hides and expiry.removes_lone_marker(document, key, found, call.now):
        _delete_version(call, bucket, key, found)


def _expire_noncurrent(
    call: Call,
    bucket: Bucket,
    document: dict[str, Any],
    key: str,
    found: Object,
    since: float,
    newer: int,
) -> None:
    outcome = expiry.of_noncurrent(document, key, found, since, newer, call.now)
    if outcome.expire:
        _delete_version(call, bucket, key, found)
    elif outcome.storage_class is not None:
        versions.change(call, bucket, key, replace(found, storage_class=outcome.storage_class))


def _delete_version(call: Call, bucket: Bucket, key: str, found: Object) -> None:
    versions.delete_version(call, bucket, key, found.version)
    events.happened(call, bucket, "LifecycleExpiration:Delete", key, found)


def _abort_uploads(
    call: Call,
    bucket: Bucket,
    document: dict[str, Any],
    page: list[tuple[tuple[str, ...], Upload]],
) -> None:
    for (key, upload_id), upload in page:
        if expiry.aborts(document, upload, call.now):
            store.delete_upload(call.tx, bucket, key, upload_id)
            payload = {
                "Bucket": bucket.id,
                "Account": bucket.account,
                "Region": bucket.region,
                "Upload": upload_id,
            }
            call.later("EraseUpload", payload)
