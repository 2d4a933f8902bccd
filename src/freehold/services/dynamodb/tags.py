"""Tags of tables."""

from __future__ import annotations

from freehold.services.dynamodb import errors
from freehold.services.dynamodb.rules import TAGS_MAX


def merged(tags: dict[str, str], given: list[dict[str, str]]) -> dict[str, str]:
    """The tags with those that are given put in."""
    keys = [each["Key"] for each in given]
    if len(set(keys)) != len(keys):
        raise errors.invalid_values("Duplicate tag keys found")
    for key in keys:
        if key.lower().startswith("aws:"):
            raise errors.invalid_values(
                'User-defined tag keys can\'t start with "aws:". This prefix is reserved for '
                "system tags."
            )
    result = {**tags, **{each["Key"]: each["Value"] for each in given}}
    if len(result) > TAGS_MAX:
        raise errors.limit_exceeded(f"The number of tags exceeds the limit of {TAGS_MAX}")
    return result
