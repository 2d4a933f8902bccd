"""Objects: put, deleted, tagged."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from freehold.kernel.call import Call
from freehold.kernel.errors import AwsError, not_implemented
from freehold.kernel.service import Access, Params
from freehold.services.s3 import access, contents, errors, events, owners, store, versions
from freehold.services.s3.contents import Received
from freehold.services.s3.records import Bucket, Object
from freehold.services.s3.rules import checksums, drafts, names, ownership, tags
from freehold.services.s3.rules.drafts import Draft
from freehold.services.s3.service import service

DELETED_MAX = 1000


@service.operation("PutObject", anonymous=True, access=access.on_write)
async def put_object(call: Call, params: Params) -> dict[str, Any]:
    names.check_key(params["Key"])
    if params.get("WriteOffsetBytes") is not None:
        raise not_implemented("WriteOffsetBytes of s3:PutObject (directory buckets)")
    draft = drafts.read(params)
    received = await contents.receive(call, params.get("Body"), params)
    try:
        return await call.write(_put, params, draft, received)
    except AwsError:
        contents.discard(call, received)
        raise


def _put(call: Call, params: Params, draft: Draft, received: Received) -> dict[str, Any]:
    bucket = access.load_bucket(call, params)
    made = Object(
        stamp="",
        version="",
        modified_at=int(call.now),
        etag=received.etag,
        size=received.size,
        content=received.content,
        headers=draft.headers,
        metadata=draft.metadata,
        tags=draft.tags,
        storage_class=draft.storage_class,
        checksum=received.checksum,
    )
    contents.adopt(call, received)
    saved = versions.put(call, bucket, params["Key"], made, received.small, params)
    event = "ObjectCreated:Post" if call.operation == "PostObject" else "ObjectCreated:Put"
    events.happened(call, bucket, event, params["Key"], saved)
    return {
        "ETag": f'"{saved.etag}"',
        "ServerSideEncryption": "AES256",
        "VersionId": saved.version if bucket.versioning else None,
        **checksums.members(saved.checksum),
    }


def _delete_access(call: Call, params: Params) -> list[Access]:
    bucket = access.load_bucket(call, params)
    version = params.get("VersionId")
    action = "s3:DeleteObject" if version is None else "s3:DeleteObjectVersion"
    return [access.allow_object(call, bucket, action, params["Key"], params)]


@service.operation("DeleteObject", anonymous=True, access=_delete_access)
def delete_object(call: Call, params: Params) -> dict[str, Any]:
    """That there is no such object is no error."""
    bucket = access.load_bucket(call, params)
    return _delete(call, bucket, params["Key"], params.get("VersionId"), params.get("IfMatch"))


def _may_use_bucket(call: Call, params: Params) -> list[Access]:
    access.load_bucket(call, params)
    return []


@service.operation("DeleteObjects", anonymous=True, access=_may_use_bucket)
def delete_objects(call: Call, params: Params) -> dict[str, Any]:
    """Each key is allowed or refused by itself."""
    bucket = access.load_bucket(call, params)
    wanted = params["Delete"]["Objects"]
    if not 1 <= len(wanted) <= DELETED_MAX:
        raise errors.malformed_xml()
    deleted: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for entry in wanted:
        key, version = entry["Key"], entry.get("VersionId")
        named = {"Bucket": bucket.name, "Key": key, "VersionId": version}
        try:
            for name in ("LastModifiedTime", "Size"):
                if entry.get(name) is not None:
                    raise not_implemented(f"{name} of s3:DeleteObjects (directory buckets)")
            for needed in _delete_access(call, named):
                if not access.is_allowed(call, needed):
                    raise errors.access_denied()
            outcome = _delete(call, bucket, key, version, entry.get("ETag"))
        except AwsError as error:
            failed.append(
                {"Key": key, "VersionId": version, "Code": error.code, "Message": error.message}
            )
            continue
        made = outcome.get("VersionId") if outcome.get("DeleteMarker") else None
        deleted.append(
            {
                "Key": key,
                "VersionId": version,
                "DeleteMarker": outcome.get("DeleteMarker"),
                "DeleteMarkerVersionId": made,
            }
        )
    quiet = params["Delete"].get("Quiet", False)
    return {"Deleted": None if quiet else deleted, "Errors": failed or None}


@service.operation(
    "GetObjectTagging",
    reads=True,
    anonymous=True,
    access=access.on_version("s3:GetObjectTagging", "s3:GetObjectVersionTagging"),
)
def get_object_tagging(call: Call, params: Params) -> dict[str, Any]:
    bucket, found = _find(call, params, "GET")
    return {"TagSet": tags.tag_set(found.tags), "VersionId": _shown_version(bucket, found)}


@service.operation(
    "PutObjectTagging",
    access=access.on_version("s3:PutObjectTagging", "s3:PutObjectVersionTagging"),
)
def put_object_tagging(call: Call, params: Params) -> dict[str, Any]:
    bucket, found = _find(call, params, "PUT")
    changed = replace(found, tags=tags.of_object(params["Tagging"]["TagSet"]))
    versions.change(call, bucket, params["Key"], changed)
    events.happened(call, bucket, "ObjectTagging:Put", params["Key"], changed)
    return {"VersionId": _shown_version(bucket, found)}


@service.operation(
    "DeleteObjectTagging",
    access=access.on_version("s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging"),
)
def delete_object_tagging(call: Call, params: Params) -> dict[str, Any]:
    bucket, found = _find(call, params, "DELETE")
    changed = replace(found, tags={})
    versions.change(call, bucket, params["Key"], changed)
    events.happened(call, bucket, "ObjectTagging:Delete", params["Key"], changed)
    return {"VersionId": _shown_version(bucket, found)}


@service.operation(
    "GetObjectAcl",
    reads=True,
    access=access.on_version("s3:GetObjectAcl", "s3:GetObjectVersionAcl"),
)
def get_object_acl(call: Call, params: Params) -> dict[str, Any]:
    bucket, _ = _find(call, params, "GET")
    return owners.full_control(bucket.account)


@service.operation(
    "PutObjectAcl",
    access=access.on_version("s3:PutObjectAcl", "s3:PutObjectVersionAcl"),
)
def put_object_acl(call: Call, params: Params) -> dict[str, Any]:
    """There is one ACL to put: the one that holds anyway."""
    bucket, _ = _find(call, params, "PUT")
    if params.get("ACL") != "bucket-owner-full-control":
        raise ownership.unsupported(bucket, "ACLs of s3:PutObjectAcl that grant something")
    return {}


def _delete(
    call: Call, bucket: Bucket, key: str, version: str | None, if_match: str | None
) -> dict[str, Any]:
    names.check_key(key)
    if version is None:
        existed = store.load_object(call.tx, bucket, key)
        marker = versions.delete(call, bucket, key, if_match)
        if marker is not None:
            events.happened(call, bucket, "ObjectRemoved:DeleteMarkerCreated", key, marker)
            return {"DeleteMarker": True, "VersionId": marker.version}
        if existed is not None:
            events.happened(call, bucket, "ObjectRemoved:Delete", key, existed)
        return {}
    removed = versions.delete_version(call, bucket, key, version, if_match)
    if removed is not None:
        events.happened(call, bucket, "ObjectRemoved:Delete", key, removed)
    is_marker = removed is not None and removed.is_marker
    return {"VersionId": version, "DeleteMarker": True if is_marker else None}


def _find(call: Call, params: Params, method: str) -> tuple[Bucket, Object]:
    bucket = access.load_bucket(call, params)
    try:
        found = versions.find_readable(call, bucket, params["Key"], params.get("VersionId"), method)
    except AwsError as error:
        raise access.missing(call, bucket, error) from None
    return bucket, found


def _shown_version(bucket: Bucket, found: Object) -> str | None:
    return found.version if bucket.versioning else None
