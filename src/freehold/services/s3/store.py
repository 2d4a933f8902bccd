"""The keys under which S3 stores.

A bucket's name is unique over all accounts, so the bucket itself is under no account:

    (s3, "", "", bucket, name)                                 Bucket
    (s3, "", "", content, content_id)                          Content; one for every blob on disk

and all that it holds is in its account and region, under its id:

    (s3, account, "", owned, name)                             OwnedBucket, for ListBuckets
    (s3, account, region, configuration, bucket_id, kind)      Configuration
    (s3, account, region, object, bucket_id, key)              the newest, unless a delete marker
    (s3, account, region, version, bucket_id, key, stamp)      all other versions, delete markers
    (s3, account, region, null, bucket_id, key)                the stamp of an older null version
    (s3, account, region, small, bucket_id, stamp)             the bytes of a small body
    (s3, account, region, upload, bucket_id, key, upload_id)   Upload
    (s3, account, region, part, bucket_id, upload_id, number)  Part
    (s3, account, region, completed, bucket_id, upload_id)     CompletedUpload

A listing is so a scan of `object` alone: no bodies, no old versions, no delete markers in its way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from freehold.kernel.records import Records
from freehold.kv import Transaction
from freehold.kv.keys import Scope, Space, prefix_range, unpack
from freehold.services.s3 import errors
from freehold.services.s3.records import (
    Bucket,
    CompletedUpload,
    Configuration,
    Content,
    Object,
    OwnedBucket,
    Part,
    Upload,
)

PAGE_RECORDS_MAX = 1000
PARTS_MAX = 10_000
_EVERYWHERE = Scope("", "")

_buckets = Records("s3", "bucket", Bucket)
_contents = Records("s3", "content", Content)
_owned = Records("s3", "owned", OwnedBucket)
_configurations = Records("s3", "configuration", Configuration)
_objects = Records("s3", "object", Object)
_versions = Records("s3", "version", Object)
_nulls = Space("s3", "null")
_small = Space("s3", "small")
_uploads = Records("s3", "upload", Upload)
_parts = Records("s3", "part", Part)
_completed = Records("s3", "completed", CompletedUpload)


# Buckets


def find_bucket(tx: Transaction, name: str) -> Bucket | None:
    return _buckets.load(tx, _EVERYWHERE, name)


def load_bucket(tx: Transaction, name: str) -> Bucket:
    """The bucket, or NoSuchBucket."""
    found = _buckets.load(tx, _EVERYWHERE, name)
    if found is None:
        raise errors.no_such_bucket(name)
    return found


def add_bucket(tx: Transaction, bucket: Bucket) -> None:
    save_bucket(tx, bucket)
    line = OwnedBucket(created_at=bucket.created_at, region=bucket.region)
    _owned.save(tx, Scope(bucket.account, ""), line, bucket.name)


def save_bucket(tx: Transaction, bucket: Bucket) -> None:
    _buckets.save(tx, _EVERYWHERE, bucket, bucket.name)


def delete_bucket(tx: Transaction, bucket: Bucket) -> None:
    """Take the name back. Uploads in progress stay behind, for tasks.EraseBucket."""
    _buckets.delete(tx, _EVERYWHERE, bucket.name)
    _owned.delete(tx, Scope(bucket.account, ""), bucket.name)
    _configurations.clear(tx, _scope(bucket), bucket.id)


def list_buckets(
    tx: Transaction, account: str, after: str | None, limit: int
) -> Iterator[tuple[str, OwnedBucket]]:
    scope = Scope(account, "")
    start = None if after is None else (after,)
    for (name,), line in _owned.list(tx, scope, limit=limit, after=start):
        yield name, line


def is_empty(tx: Transaction, bucket: Bucket) -> bool:
    scope = _scope(bucket)
    for records in (_objects, _versions):
        if next(records.list(tx, scope, bucket.id, limit=1), None) is not None:
            return False
    return True


def load_configuration(tx: Transaction, bucket: Bucket, kind: str) -> dict[str, Any] | None:
    found = _configurations.load(tx, _scope(bucket), bucket.id, kind)
    return None if found is None else found.document


def save_configuration(
    tx: Transaction, bucket: Bucket, kind: str, document: dict[str, Any]
) -> None:
    _configurations.save(tx, _scope(bucket), Configuration(document=document), bucket.id, kind)


def delete_configuration(tx: Transaction, bucket: Bucket, kind: str) -> None:
    _configurations.delete(tx, _scope(bucket), bucket.id, kind)


# Objects and their versions; versions.py knows what belongs where


def load_object(tx: Transaction, bucket: Bucket, key: str) -> Object | None:
    return _objects.load(tx, _scope(bucket), bucket.id, key)


def save_object(tx: Transaction, bucket: Bucket, key: str, version: Object) -> None:
    _objects.save(tx, _scope(bucket), version, bucket.id, key)


def delete_object(tx: Transaction, bucket: Bucket, key: str) -> None:
    _objects.delete(tx, _scope(bucket), bucket.id, key)


def load_version(tx: Transaction, bucket: Bucket, key: str, stamp: str) -> Object | None:
    return _versions.load(tx, _scope(bucket), bucket.id, key, stamp)


def save_version(tx: Transaction, bucket: Bucket, key: str, version: Object) -> None:
    _versions.save(tx, _scope(bucket), version, bucket.id, key, version.stamp)


def delete_version(tx: Transaction, bucket: Bucket, key: str, stamp: str) -> None:
    _versions.delete(tx, _scope(bucket), bucket.id, key, stamp)


def newest_version(tx: Transaction, bucket: Bucket, key: str) -> Object | None:
    """The newest of the versions that are not the current object."""
    found = next(_versions.list(tx, _scope(bucket), bucket.id, key, limit=1), None)
    return None if found is None else found[1]


def load_null_stamp(tx: Transaction, bucket: Bucket, key: str) -> str | None:
    found = tx.get(_nulls.key(_scope(bucket), bucket.id, key))
    return None if found is None else found.decode()


def save_null_stamp(tx: Transaction, bucket: Bucket, key: str, stamp: str) -> None:
    tx.put(_nulls.key(_scope(bucket), bucket.id, key), stamp.encode())


def delete_null_stamp(tx: Transaction, bucket: Bucket, key: str) -> None:
    tx.delete(_nulls.key(_scope(bucket), bucket.id, key))


_SPACES = {"object": _objects.space, "version": _versions.space, "upload": _uploads.space}
_DECODERS: dict[str, msgspec.msgpack.Decoder[Any]] = {
    "object": msgspec.msgpack.Decoder(Object),
    "version": msgspec.msgpack.Decoder(Object),
    "upload": msgspec.msgpack.Decoder(Upload),
}


class Listing:
    """Keys of a bucket in their order, from any place on, with leaps over what is not wanted."""

    def __init__(self, tx: Transaction, bucket: Bucket, records: str, prefix: str) -> None:
        space = _SPACES[records]
        self._tx = tx
        self._decode = _DECODERS[records].decode
        self._scope = _scope(bucket)
        self._space = space
        self._bucket_id = bucket.id
        self._start, self._end = self._range(prefix)

    def leap_over(self, prefix: str) -> None:
        """Go on after all keys with this prefix."""
        self._start = max(self._start, self._range(prefix)[1])

    def leap_after(self, *key: str) -> None:
        """Go on after this key (or key and stamp), and whatever is below it."""
        at = self._space.key(self._scope, self._bucket_id, *key)
        # After a string's closing 0x00, a longer string goes on with 0xff, an element with less.
        self._start = max(self._start, at + b"\xfe")

    def read(self, limit: int) -> Iterator[tuple[tuple[str, ...], Any]]:
        """Yield ((key, ...), record) from here on; `limit` is only how many may be fetched."""
        skip = len(self._space.key(self._scope, self._bucket_id))
        decode = self._decode
        for key, value in self._tx.scan(self._start, self._end, limit=limit):
            names = key[skip + 1 : -1]
            # Nearly always: one string with nothing to unescape. A long listing is made of these.
            yield (names.decode(),) if 0 not in names else unpack(key[skip:]), decode(value)

    def _range(self, prefix: str) -> tuple[bytes, bytes]:
        # A string ends in 0x00; without that it is the beginning of all strings with this prefix.
        start = self._space.key(self._scope, self._bucket_id, prefix)[:-1]
        return start, prefix_range(start)[1]


# Bodies


def load_small(tx: Transaction, bucket: Bucket, stamp: str) -> bytes:
    found = tx.get(_small.key(_scope(bucket), bucket.id, stamp))
    return b"" if found is None else found


def save_small(tx: Transaction, bucket: Bucket, stamp: str, body: bytes) -> None:
    if body:
        tx.put(_small.key(_scope(bucket), bucket.id, stamp), body)


def delete_small(tx: Transaction, bucket: Bucket, stamp: str) -> None:
    tx.delete(_small.key(_scope(bucket), bucket.id, stamp))


def load_content(tx: Transaction, content_id: str) -> Content | None:
    return _contents.load(tx, _EVERYWHERE, content_id)


def save_content(tx: Transaction, content_id: str, content: Content) -> None:
    _contents.save(tx, _EVERYWHERE, content, content_id)


def delete_content(tx: Transaction, content_id: str) -> None:
    _contents.delete(tx, _EVERYWHERE, content_id)


def contents_in_use(tx: Transaction, blob_ids: Iterable[str]) -> set[str]:
    """Which of these blobs S3 refers to."""
    return {blob_id for blob_id in blob_ids if load_content(tx, blob_id) is not None}


# Uploads in parts


def find_upload(tx: Transaction, bucket: Bucket, key: str, upload_id: str) -> Upload | None:
    return _uploads.load(tx, _scope(bucket), bucket.id, key, upload_id)


def load_upload(tx: Transaction, bucket: Bucket, key: str, upload_id: str) -> Upload:
    """The upload, or NoSuchUpload."""
    found = find_upload(tx, bucket, key, upload_id)
    if found is None:
        raise errors.no_such_upload(upload_id)
    return found


def save_upload(tx: Transaction, bucket: Bucket, upload_id: str, upload: Upload) -> None:
    _uploads.save(tx, _scope(bucket), upload, bucket.id, upload.key, upload_id)


def delete_upload(tx: Transaction, bucket: Bucket, key: str, upload_id: str) -> None:
    _uploads.delete(tx, _scope(bucket), bucket.id, key, upload_id)


def load_part(tx: Transaction, bucket: Bucket, upload_id: str, number: int) -> Part | None:
    return _parts.load(tx, _scope(bucket), bucket.id, upload_id, number)


def save_part(tx: Transaction, bucket: Bucket, upload_id: str, number: int, part: Part) -> None:
    _parts.save(tx, _scope(bucket), part, bucket.id, upload_id, number)


def list_parts(
    tx: Transaction, bucket: Bucket, upload_id: str, *, after: int, limit: int
) -> Iterator[tuple[int, Part]]:
    yield from list_parts_of(tx, _scope(bucket), bucket.id, upload_id, after=after, limit=limit)


def list_parts_of(
    tx: Transaction, scope: Scope, bucket_id: str, upload_id: str, *, after: int, limit: int
) -> Iterator[tuple[int, Part]]:
    """The parts of an upload whose bucket may be gone."""
    start = (bucket_id, upload_id, after)
    for key, part in _parts.list(tx, scope, bucket_id, upload_id, limit=limit, after=start):
        yield key[2], part


def delete_part(tx: Transaction, scope: Scope, bucket_id: str, upload_id: str, number: int) -> None:
    _parts.delete(tx, scope, bucket_id, upload_id, number)


def clear_parts(tx: Transaction, bucket: Bucket, upload_id: str) -> None:
    _parts.clear(tx, _scope(bucket), bucket.id, upload_id)


def list_uploads_of(
    tx: Transaction, scope: Scope, bucket_id: str, *, limit: int
) -> Iterator[tuple[str, str]]:
    """(key, upload id) of the uploads of a bucket that is gone."""
    for key, _ in _uploads.list(tx, scope, bucket_id, limit=limit):
        yield key[1], key[2]


def delete_upload_of(
    tx: Transaction, scope: Scope, bucket_id: str, key: str, upload_id: str
) -> None:
    _uploads.delete(tx, scope, bucket_id, key, upload_id)


def load_completed(tx: Transaction, bucket: Bucket, upload_id: str) -> CompletedUpload | None:
    return _completed.load(tx, _scope(bucket), bucket.id, upload_id)


def save_completed(
    tx: Transaction, bucket: Bucket, upload_id: str, completed: CompletedUpload
) -> None:
    _completed.save(tx, _scope(bucket), completed, bucket.id, upload_id)


def delete_completed(tx: Transaction, scope: Scope, bucket_id: str, upload_id: str) -> None:
    _completed.delete(tx, scope, bucket_id, upload_id)


def _scope(bucket: Bucket) -> Scope:
    return Scope(bucket.account, bucket.region)
