"""What a request says about the object it makes: headers, metadata, tags, storage class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from freehold.kernel.errors import AwsError, not_implemented
from freehold.services.s3 import errors
from freehold.services.s3.rules import tags

METADATA_BYTES_MAX = 2048
HEADERS = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Expires",
    "WebsiteRedirectLocation",
)
DEFAULT_CONTENT_TYPE = "binary/octet-stream"
_STORAGE_CLASSES = {
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER_IR",
}
_ARCHIVES = {"GLACIER", "DEEP_ARCHIVE"}
_LOCKS = frozenset(
    (
        "ObjectLockMode",
        "ObjectLockRetainUntilDate",
        "ObjectLockLegalHoldStatus",
        "ObjectLockEventHold",
        "ObjectLockEventHoldDurationDays",
        "ObjectLockEventHoldDurationYears",
    )
)


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    headers: dict[str, str]
    metadata: dict[str, str]
    tags: dict[str, str]
    storage_class: str


def read(params: Mapping[str, Any]) -> Draft:
    """The draft of a put, or of the start of an upload in parts."""
    check_encryption(params)
    if _LOCKS.intersection(params):
        raise errors.invalid_request("Bucket is missing Object Lock Configuration")
    return Draft(
        headers=headers(params),
        metadata=metadata(params),
        tags=tags.of_header(params.get("Tagging")),
        storage_class=storage_class(params),
    )


def headers(params: Mapping[str, Any]) -> dict[str, str]:
    found = {name: params[name] for name in HEADERS if params.get(name)}
    coding = _without_aws_chunked(found.pop("ContentEncoding", ""))
    if coding:
        found["ContentEncoding"] = coding
    found.setdefault("ContentType", DEFAULT_CONTENT_TYPE)
    check_redirect(found.get("WebsiteRedirectLocation"))
    return found


def metadata(params: Mapping[str, Any]) -> dict[str, str]:
    found = {name.lower(): value for name, value in (params.get("Metadata") or {}).items()}
    size = sum(len(name.encode()) + len(value.encode()) for name, value in found.items())
    if size > METADATA_BYTES_MAX:
        raise errors.metadata_too_large(size, METADATA_BYTES_MAX)
    return found


def storage_class(params: Mapping[str, Any]) -> str:
    found: str = params.get("StorageClass") or "STANDARD"
    if found in _ARCHIVES:
        raise not_implemented(f"StorageClass={found}, whose objects must be restored to be read,")
    if found not in _STORAGE_CLASSES:
        raise errors.invalid_storage_class(found)
    return found


def check_encryption(params: Mapping[str, Any]) -> None:
    wanted = params.get("ServerSideEncryption")
    if wanted not in (None, "AES256"):
        raise not_implemented(f"ServerSideEncryption={wanted}")


def check_redirect(location: str | None) -> None:
    if location is not None and not location.startswith(("/", "http://", "https://")):
        raise AwsError(
            "InvalidRedirectLocation",
            "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.",
        )


def _without_aws_chunked(coding: str) -> str:
    """aws-chunked is how the body travelled, not what it is."""
    names = [name.strip() for name in coding.split(",")]
    return ",".join(name for name in names if name and name != "aws-chunked")
