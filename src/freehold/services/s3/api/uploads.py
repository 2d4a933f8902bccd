"""Uploads in parts ("Uploading and copying objects using multipart upload", S3 user guide)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from freehold.kernel.call import Call
from freehold.kernel.errors import AwsError
from freehold.kernel.service import Access, Params
from freehold.services.s3 import access, contents, events, owners, store, tasks, versions
from freehold.services.s3.api import copying
from freehold.services.s3.contents import Received
from freehold.services.s3.records import (
    Bucket,
    Checksum,
    CompletedUpload,
    Content,
    Object,
    Part,
    Piece,
    Upload,
)
from freehold.services.s3.rules import checksums, drafts, multipart, names, ranges, stamps
from freehold.services.s3.service import service

_may_write = access.on_object("s3:PutObject")


@service.operation("CreateMultipartUpload", anonymous=True, access=access.on_write)
def create_multipart_upload(call: Call, params: Params) -> dict[str, Any]:
    names.check_key(params["Key"])
    bucket = access.load_bucket(call, params)
    draft = drafts.read(params)
    algorithm, kind = multipart.checksum_type(
        params.get("ChecksumAlgorithm"), params.get("ChecksumType")
    )
    upload = Upload(
        key=params["Key"],
        initiated_at=int(call.now),
        initiator=call.principal.arn,
        headers=draft.headers,
        metadata=draft.metadata,
        tags=draft.tags,
        storage_class=draft.storage_class,
        checksum_algorithm=algorithm,
        checksum_type=kind,
        encryption=params.get("ServerSideEncryption") or bucket.encryption,
    )
    word = call.new_word(stamps.RANDOM_LETTERS, stamps.ALPHABET)
    upload_id = stamps.upload_id(call.now, word)
    store.save_upload(call.tx, bucket, upload_id, upload)
    return {
        "Bucket": bucket.name,
        "Key": upload.key,
        "UploadId": upload_id,
        "ServerSideEncryption": upload.encryption,
        "ChecksumAlgorithm": algorithm,
        "ChecksumType": kind,
    }


@service.operation("UploadPart", anonymous=True, access=_may_write)
async def upload_part(call: Call, params: Params) -> dict[str, Any]:
    upload = await call.read(_find_upload, params)
    multipart.check_number(params["PartNumber"])
    multipart.check_algorithm(upload, params)
    # A part is always a blob: it becomes a piece of a larger one.
    received = await contents.receive(
        call,
        params.get("Body"),
        params,
        default_algorithm=upload.checksum_algorithm,
        small_bytes_max=-1,
    )
    await _keep_part(call, params, received)
    return {
        "ETag": f'"{received.etag}"',
        "ServerSideEncryption": upload.encryption,
        **checksums.part_members(received.checksum),
    }


def _part_copy_access(call: Call, params: Params) -> Iterable[Access]:
    yield copying.read_access(call, params)
    yield from _may_write(call, params)


@service.operation("UploadPartCopy", access=_part_copy_access)
async def upload_part_copy(call: Call, params: Params) -> dict[str, Any]:
    upload = await call.read(_find_upload, params)
    multipart.check_number(params["PartNumber"])
    body, source_version = await call.read(_open_source, params)
    received = await contents.receive(
        call, body, {}, default_algorithm=upload.checksum_algorithm, small_bytes_max=-1
    )
    await _keep_part(call, params, received)
    return {
        "CopySourceVersionId": source_version,
        "CopyPartResult": {
            "ETag": f'"{received.etag}"',
            "LastModified": int(call.now),
            **checksums.part_members(received.checksum),
        },
        "ServerSideEncryption": upload.encryption,
    }


@service.operation("CompleteMultipartUpload", anonymous=True, access=_may_write)
def complete_multipart_upload(call: Call, params: Params) -> dict[str, Any]:
    """Asked again by a client that did not hear the answer, it gives the same answer."""
    bucket = access.load_bucket(call, params)
    key, upload_id = params["Key"], params["UploadId"]
    done = store.load_completed(call.tx, bucket, upload_id)
    if done is not None and done.key == key:
        return _completed(call, bucket, done)
    upload = store.load_upload(call.tx, bucket, key, upload_id)
    named = (params.get("MultipartUpload") or {}).get("Parts") or []
    uploaded = dict(store.list_parts(call.tx, bucket, upload_id, after=0, limit=store.PARTS_MAX))
    parts = multipart.chosen(upload_id, upload, named, uploaded)
    checksum = multipart.whole_checksum(upload, [part for _, part in parts])
    multipart.check_whole(params, sum(part.size for _, part in parts), checksum)
    made = versions.put(call, bucket, key, _assemble(call, upload, parts, checksum), b"", params)
    chosen = {number for number, _ in parts}
    for number, part in uploaded.items():
        if number not in chosen:
            contents.release(call, part.content)
    store.clear_parts(call.tx, bucket, upload_id)
    store.delete_upload(call.tx, bucket, key, upload_id)
    done = CompletedUpload(
        key=key,
        etag=made.etag,
        version=made.version,
        checksum=made.checksum,
        encryption=made.encryption,
    )
    store.save_completed(call.tx, bucket, upload_id, done)
    call.later("ForgetCompleted", _place(bucket, upload_id), due=call.now + tasks.COMPLETED_S)
    events.happened(call, bucket, "ObjectCreated:CompleteMultipartUpload", key, made)
    return _completed(call, bucket, done)


@service.operation(
    "AbortMultipartUpload", anonymous=True, access=access.on_object("s3:AbortMultipartUpload")
)
def abort_multipart_upload(call: Call, params: Params) -> dict[str, Any]:
    bucket = access.load_bucket(call, params)
    key, upload_id = params["Key"], params["UploadId"]
    store.load_upload(call.tx, bucket, key, upload_id)
    store.delete_upload(call.tx, bucket, key, upload_id)
    call.later("EraseUpload", _place(bucket, upload_id))
    return {}


@service.operation(
    "ListParts",
    reads=True,
    anonymous=True,
    access=access.on_object("s3:ListMultipartUploadParts"),
)
def list_parts(call: Call, params: Params) -> dict[str, Any]:
    bucket = access.load_bucket(call, params)
    upload_id = params["UploadId"]
    upload = store.load_upload(call.tx, bucket, params["Key"], upload_id)
    limit = min(params.get("MaxParts", store.PAGE_RECORDS_MAX), store.PAGE_RECORDS_MAX)
    after = int(params.get("PartNumberMarker") or 0)
    found = list(store.list_parts(call.tx, bucket, upload_id, after=after, limit=limit + 1))
    shown = found[:limit]
    return {
        "Bucket": bucket.name,
        "Key": upload.key,
        "UploadId": upload_id,
        "PartNumberMarker": after,
        "NextPartNumberMarker": shown[-1][0] if shown else 0,
        "MaxParts": limit,
        "IsTruncated": len(found) > limit,
        "Parts": [
            {
                "PartNumber": number,
                "LastModified": part.modified_at,
                "ETag": f'"{part.etag}"',
                "Size": part.size,
                **checksums.part_members(part.checksum),
            }
            for number, part in shown
        ],
        "Initiator": {"ID": upload.initiator},
        "Owner": owners.owner(bucket.account),
        "StorageClass": upload.storage_class,
        "ChecksumAlgorithm": upload.checksum_algorithm,
        "ChecksumType": upload.checksum_type,
    }


def _find_upload(call: Call, params: Params) -> Upload:
    bucket = access.load_bucket(call, params)
    return store.load_upload(call.tx, bucket, params["Key"], params["UploadId"])


def _open_source(call: Call, params: Params) -> tuple[Any, str | None]:
    bucket, source = copying.find_source(call, params)
    header = params.get("CopySourceRange")
    start, length = 0, source.size
    if header is not None:
        start, length = ranges.parse_copy_source(header, source.size)
    version = source.version if bucket.versioning else None
    return contents.open_body(call, bucket, source, start, length), version


async def _keep_part(call: Call, params: Params, received: Received) -> None:
    part = Part(
        content=received.content,
        size=received.size,
        etag=received.etag,
        modified_at=int(call.now),
        checksum=received.checksum,
    )
    try:
        await call.write(_save_part, params, part, received)
    except AwsError:
        contents.discard(call, received)
        raise


def _save_part(call: Call, params: Params, part: Part, received: Received) -> None:
    bucket = access.load_bucket(call, params)
    upload_id, number = params["UploadId"], params["PartNumber"]
    store.load_upload(call.tx, bucket, params["Key"], upload_id)
    replaced = store.load_part(call.tx, bucket, upload_id, number)
    if replaced is not None:
        contents.release(call, replaced.content)
    contents.adopt(call, received)
    store.save_part(call.tx, bucket, upload_id, number, part)


def _assemble(
    call: Call, upload: Upload, parts: Sequence[tuple[int, Part]], checksum: Checksum | None
) -> Object:
    """The object of these parts. Their bytes stay where they are."""
    pieces = tuple(
        Piece(blob_id=part.content, size=part.size, number=number, checksum=part.checksum)
        for number, part in parts
    )
    content_id = call.new_word(32, "0123456789abcdef")
    store.save_content(call.tx, content_id, Content(pieces=pieces))
    digest = hashlib.md5(
        b"".join(bytes.fromhex(part.etag) for _, part in parts), usedforsecurity=False
    )
    return Object(
        stamp="",
        version="",
        modified_at=int(call.now),
        etag=f"{digest.hexdigest()}-{len(parts)}",
        size=sum(piece.size for piece in pieces),
        content=content_id,
        parts=len(pieces),
        headers=upload.headers,
        metadata=upload.metadata,
        tags=upload.tags,
        storage_class=upload.storage_class,
        checksum=checksum,
        encryption=upload.encryption,
    )


def _completed(call: Call, bucket: Bucket, done: CompletedUpload) -> dict[str, Any]:
    return {
        "Location": f"{call.endpoint_url}/{bucket.name}/{quote(done.key)}",
        "Bucket": bucket.name,
        "Key": done.key,
        "ETag": f'"{done.etag}"',
        "ServerSideEncryption": done.encryption,
        "VersionId": done.version if bucket.versioning else None,
        **checksums.members(done.checksum),
    }


def _place(bucket: Bucket, upload_id: str) -> dict[str, Any]:
    return {
        "Bucket": bucket.id,
        "Account": bucket.account,
        "Region": bucket.region,
        "Upload": upload_id,
    }
