"""Tags of buckets and objects ("Categorizing your storage using tags", S3 user guide)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

from freehold.kernel.errors import AwsError
from freehold.services.s3 import errors

OBJECT_TAGS_MAX = 10
BUCKET_TAGS_MAX = 50
_ALLOWED = re.compile(r"[\w\s+\-=.:/@]*", re.UNICODE)


def of_object(tag_set: Sequence[dict[str, Any]]) -> dict[str, str]:
    tags = _checked([(tag["Key"], tag["Value"]) for tag in tag_set])
    if len(tags) > OBJECT_TAGS_MAX:
        raise _too_many("Object", OBJECT_TAGS_MAX)
    return tags


def of_header(header: str | None) -> dict[str, str]:
    """The tags of an x-amz-tagging header, which is a query string."""
    if not header:
        return {}
    tags = _checked(parse_qsl(header, keep_blank_values=True))
    if len(tags) > OBJECT_TAGS_MAX:
        raise _too_many("Object", OBJECT_TAGS_MAX)
    return tags


def of_bucket(tag_set: Sequence[dict[str, Any]], *, by_aws: bool = False) -> dict[str, str]:
    tags = _checked([(tag["Key"], tag["Value"]) for tag in tag_set], by_aws=by_aws)
    if len(tags) > BUCKET_TAGS_MAX:
        raise _too_many("Bucket", BUCKET_TAGS_MAX)
    return tags


def tag_set(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _checked(pairs: Sequence[tuple[str, str]], *, by_aws: bool = False) -> dict[str, str]:
    tags: dict[str, str] = {}
    for key, value in pairs:
        if not 1 <= len(key) <= 128 or not _ALLOWED.fullmatch(key):
            raise errors.invalid_tag("The TagKey you have provided is invalid")
        if len(value) > 256 or not _ALLOWED.fullmatch(value):
            raise errors.invalid_tag("The TagValue you have provided is invalid")
        if key.startswith("aws:") and not by_aws:
            raise errors.invalid_tag("System tags cannot be added/updated by requester")
        if key in tags:
            raise errors.invalid_tag("Cannot provide multiple Tags with the same key")
        tags[key] = value
    return tags


def _too_many(what: str, count_max: int) -> AwsError:
    return AwsError("BadRequest", f"{what} tags cannot be greater than {count_max}")
