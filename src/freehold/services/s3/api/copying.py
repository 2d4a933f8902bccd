"""Copies. A copy shares the body of its source: its cost does not depend on the size."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

import msgspec

from freehold.kernel.call import Call
from freehold.kernel.errors import AwsError, not_implemented
from freehold.kernel.service import Access, Params
from freehold.services.s3 import access, contents, errors, events, store, versions
from freehold.services.s3.records import Bucket, Object
from freehold.services.s3.rules import checksums, conditions, drafts, names, tags
from freehold.services.s3.service import service

COPY_BYTES_MAX = 5 * 1024**3


class Source(NamedTuple):
    bucket: str
    key: str
    version: str | None

    @property
    def params(self) -> dict[str, Any]:
        return {"Bucket": self.bucket, "Key": self.key, "VersionId": self.version}


def parse_source(header: str) -> Source:
    """Read x-amz-copy-source: [/]bucket/key[?versionId=...], percent-encoded."""
    path, _, query = header.partition("?")
    if path.startswith("arn:"):
        raise not_implemented("copying from access points")
    bucket, slash, key = unquote(path).removeprefix("/").partition("/")
    if not slash or not bucket or not key:
        raise errors.invalid_argument("Invalid copy source object key", "x-amz-copy-source", header)
    version = parse_qs(query).get("versionId", [None])[0]
    return Source(bucket, key, version)


def find_source(call: Call, params: Params) -> tuple[Bucket, Object]:
    """The object to copy from, and its bucket; it must hold to the conditions of the request."""
    source = parse_source(params["CopySource"])
    bucket = store.load_bucket(call.tx, source.bucket)
    access.check_owner(bucket, params.get("ExpectedSourceBucketOwner"))
    try:
        found = versions.find(call, bucket, source.key, source.version)
    except AwsError as error:
        raise access.missing(call, bucket, error) from None
    if found.is_marker:
        raise errors.invalid_request(
            "The source of a copy request may not specifically refer to a delete marker by version "
            "id."
        )
    conditions.check_copy_source(params, found)
    return bucket, found


def read_access(call: Call, params: Params) -> Access:
    """What reading the source of a copy needs."""
    source = parse_source(params["CopySource"])
    bucket = store.load_bucket(call.tx, source.bucket)
    action = "s3:GetObject" if source.version is None else "s3:GetObjectVersion"
    return access.allow_object(call, bucket, action, source.key, source.params)


def _copy_access(call: Call, params: Params) -> Iterable[Access]:
    yield read_access(call, params)
    yield from access.on_write(call, params)
    if params.get("TaggingDirective", "COPY") == "COPY":
        bucket, found = find_source(call, params)
        if found.tags:
            source = parse_source(params["CopySource"])
            of_version = "" if source.version is None else "Version"
            action = f"s3:GetObject{of_version}Tagging"
            yield access.allow_object(call, bucket, action, source.key, source.params)
            target = access.load_bucket(call, params)
            arn = target.object_arn(params["Key"])
            yield access.allow(call, target, "s3:PutObjectTagging", arn, params)


@service.operation("CopyObject", access=_copy_access)
def copy_object(call: Call, params: Params) -> dict[str, Any]:
    names.check_key(params["Key"])
    source_bucket, source = find_source(call, params)
    bucket = access.load_bucket(call, params)
    _check_self_copy(params, bucket)
    if source.size > COPY_BYTES_MAX:
        raise errors.invalid_request(
            "The specified copy source is larger than the maximum allowable size for a copy "
            f"source: {COPY_BYTES_MAX}"
        )
    _check_checksum(params, source)
    contents.share(call, source.content)
    small = b"" if source.content else store.load_small(call.tx, source_bucket, source.stamp)
    draft = _draft(call, params, source, bucket)
    made = versions.put(call, bucket, params["Key"], draft, small, params)
    events.happened(call, bucket, "ObjectCreated:Copy", params["Key"], made)
    return {
        "CopyObjectResult": {
            "ETag": f'"{made.etag}"',
            "LastModified": made.modified_at,
            **checksums.members(made.checksum),
        },
        "CopySourceVersionId": source.version if source_bucket.versioning else None,
        "VersionId": made.version if bucket.versioning else None,
        "ServerSideEncryption": made.encryption,
    }


def _draft(call: Call, params: Params, source: Object, bucket: Bucket) -> Object:
    """The copy: the source's body, and of the rest what the directives say."""
    asked = drafts.read(params)
    changes: dict[str, Any] = {
        "modified_at": int(call.now),
        "storage_class": asked.storage_class,
        "encryption": params.get("ServerSideEncryption") or bucket.encryption,
    }
    if params.get("MetadataDirective", "COPY") == "REPLACE":
        changes["headers"], changes["metadata"] = asked.headers, asked.metadata
    else:
        # The redirect is no metadata: it is the copy's own, or none.
        kept = {n: v for n, v in source.headers.items() if n != "WebsiteRedirectLocation"}
        if "WebsiteRedirectLocation" in asked.headers:
            kept["WebsiteRedirectLocation"] = asked.headers["WebsiteRedirectLocation"]
        changes["headers"] = kept
    if params.get("TaggingDirective", "COPY") == "REPLACE":
        changes["tags"] = tags.of_header(params.get("Tagging"))
    return msgspec.structs.replace(source, **changes)


def _check_self_copy(params: Params, bucket: Bucket) -> None:
    source = parse_source(params["CopySource"])
    is_itself = (source.bucket, source.key) == (bucket.name, params["Key"])
    if not is_itself or source.version is not None:
        return
    changing = ("StorageClass", "WebsiteRedirectLocation", "ServerSideEncryption")
    if params.get("MetadataDirective", "COPY") == "REPLACE" or any(
        params.get(name) is not None for name in changing
    ):
        return
    raise errors.invalid_request(
        "This copy request is illegal because it is trying to copy an object to itself without "
        "changing the object's metadata, storage class, website redirect location or encryption "
        "attributes."
    )


def _check_checksum(params: Params, source: Object) -> None:
    """A copy keeps the checksum of its source; another algorithm would mean reading every byte."""
    wanted = params.get("ChecksumAlgorithm")
    if wanted is not None and (source.checksum is None or source.checksum.algorithm != wanted):
        raise not_implemented(
            f"CopyObject with ChecksumAlgorithm={wanted}, which its source lacks,"
        )
