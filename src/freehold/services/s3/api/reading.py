"""Objects, read: whole, in ranges, by part, under conditions; and what is known of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from freehold.kernel.call import Call
from freehold.kernel.errors import AwsError
from freehold.kernel.service import Access, Answer, Params
from freehold.services.s3 import access, contents, errors, store, versions
from freehold.services.s3.records import Bucket, Object, Piece
from freehold.services.s3.rules import checksums, conditions, ranges
from freehold.services.s3.rules.ranges import Range
from freehold.services.s3.service import service

ATTRIBUTE_PARTS_MAX = 1000
_OVERRIDES = {
    "ResponseCacheControl": "CacheControl",
    "ResponseContentDisposition": "ContentDisposition",
    "ResponseContentEncoding": "ContentEncoding",
    "ResponseContentLanguage": "ContentLanguage",
    "ResponseContentType": "ContentType",
    "ResponseExpires": "Expires",
}
_may_read = access.on_version("s3:GetObject", "s3:GetObjectVersion")


@service.operation("GetObject", reads=True, anonymous=True, access=_may_read)
def get_object(call: Call, params: Params) -> dict[str, Any] | Answer:
    return _answer(call, params, "GET")


@service.operation("HeadObject", reads=True, anonymous=True, access=_may_read)
def head_object(call: Call, params: Params) -> dict[str, Any] | Answer:
    return _answer(call, params, "HEAD")


def _may_read_attributes(call: Call, params: Params) -> Iterable[Access]:
    bucket = access.load_bucket(call, params)
    for action in ("s3:GetObject", "s3:GetObjectAttributes"):
        if params.get("VersionId") is not None:
            action = action.replace("GetObject", "GetObjectVersion")
        yield access.allow_object(call, bucket, action, params["Key"], params)


@service.operation("GetObjectAttributes", reads=True, access=_may_read_attributes)
def get_object_attributes(call: Call, params: Params) -> dict[str, Any]:
    bucket, found = _find(call, params, "GET")
    wanted = params["ObjectAttributes"]
    answer: dict[str, Any] = {"LastModified": found.modified_at}
    if bucket.versioning:
        answer["VersionId"] = found.version
    if "ETag" in wanted:
        answer["ETag"] = found.etag
    if "Checksum" in wanted and found.checksum is not None:
        answer["Checksum"] = checksums.members(found.checksum)
    if "ObjectParts" in wanted and found.parts:
        answer["ObjectParts"] = _parts(call, found, params)
    if "StorageClass" in wanted:
        answer["StorageClass"] = found.storage_class
    if "ObjectSize" in wanted:
        answer["ObjectSize"] = found.size
    return answer


def _answer(call: Call, params: Params, method: str) -> dict[str, Any] | Answer:
    bucket, found = _find(call, params, method)
    if conditions.check_read(params, found) == "not-modified":
        return Answer(result=_validators(bucket, found), status=304)
    part = _part(call, params, found)
    asked = part or _asked_range(params, found)
    answer = _describe(bucket, found)
    _override(call, params, answer)
    if asked is None:
        asked_range = Range(0, found.size)
        if params.get("ChecksumMode") == "ENABLED":
            answer.update(checksums.members(found.checksum))
    else:
        asked_range = asked
        answer["ContentRange"] = asked.content_range(found.size)
    if params.get("PartNumber") is not None and found.parts:
        answer["PartsCount"] = found.parts
    answer["ContentLength"] = asked_range.length
    if method == "GET":
        answer["Body"] = contents.open_body(call, bucket, found, *asked_range)
    return answer if asked is None else Answer(result=answer, status=206)


def _find(call: Call, params: Params, method: str) -> tuple[Bucket, Object]:
    bucket = access.load_bucket(call, params)
    version = params.get("VersionId")
    try:
        return bucket, versions.find_readable(call, bucket, params["Key"], version, method)
    except AwsError as error:
        raise access.missing(call, bucket, error) from None


def _validators(bucket: Bucket, found: Object) -> dict[str, Any]:
    """What a 304 says (RFC 9110, section 15.4.5)."""
    answer: dict[str, Any] = {"ETag": f'"{found.etag}"', "LastModified": found.modified_at}
    for name in ("CacheControl", "Expires"):
        if name in found.headers:
            answer[name] = found.headers[name]
    if bucket.versioning:
        answer["VersionId"] = found.version
    return answer


def _describe(bucket: Bucket, found: Object) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "AcceptRanges": "bytes",
        "LastModified": found.modified_at,
        "ETag": f'"{found.etag}"',
        "ServerSideEncryption": "AES256",
        "Metadata": found.metadata,
        **found.headers,
    }
    if bucket.versioning:
        answer["VersionId"] = found.version
    if found.storage_class != "STANDARD":
        answer["StorageClass"] = found.storage_class
    if found.tags:
        answer["TagCount"] = len(found.tags)
    return answer


def _override(call: Call, params: Params, answer: dict[str, Any]) -> None:
    for name in _OVERRIDES.keys() & params.keys():
        if call.principal.kind == "anonymous":
            raise errors.invalid_request(
                "Request specific response headers cannot be used for anonymous GET requests."
            )
        answer[_OVERRIDES[name]] = params[name]


def _asked_range(params: Params, found: Object) -> Range | None:
    header = params.get("Range")
    return None if header is None else ranges.parse(header, found.size)


def _part(call: Call, params: Params, found: Object) -> Range | None:
    """The range of the part that PartNumber names. An object put at once is its own part 1."""
    number = params.get("PartNumber")
    if number is None:
        return None
    if params.get("Range") is not None:
        raise errors.invalid_request(
            "Cannot specify both Range header and partNumber query parameter"
        )
    if not 1 <= number <= store.PARTS_MAX:
        raise errors.invalid_argument(
            "Part number must be an integer between 1 and 10000, inclusive",
            "partNumber",
            str(number),
        )
    sizes = [piece.size for piece in _pieces(call, found)] or [found.size]
    if number > len(sizes):
        raise errors.invalid_part_number(number, len(sizes))
    if found.size == 0:
        return None
    return Range(sum(sizes[: number - 1]), sizes[number - 1])


def _pieces(call: Call, found: Object) -> tuple[Piece, ...]:
    if not found.parts:
        return ()
    content = store.load_content(call.tx, found.content)
    assert content is not None
    return content.pieces


def _parts(call: Call, found: Object, params: Params) -> dict[str, Any]:
    """The parts themselves are shown only where they have checksums, as AWS does."""
    pieces = _pieces(call, found)
    answer: dict[str, Any] = {"TotalPartsCount": len(pieces)}
    if found.checksum is None or any(piece.checksum is None for piece in pieces):
        return answer
    marker = int(params.get("PartNumberMarker") or 0)
    limit = min(params.get("MaxParts", ATTRIBUTE_PARTS_MAX), ATTRIBUTE_PARTS_MAX)
    following = [piece for piece in pieces if piece.number > marker]
    shown = following[:limit]
    answer["PartNumberMarker"] = marker
    answer["NextPartNumberMarker"] = shown[-1].number if shown else marker
    answer["MaxParts"] = limit
    answer["IsTruncated"] = len(following) > len(shown)
    answer["Parts"] = [
        {
            "PartNumber": piece.number,
            "Size": piece.size,
            **checksums.part_members(piece.checksum),
        }
        for piece in shown
    ]
    return answer
