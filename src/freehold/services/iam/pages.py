"""IAM's paging: Marker and MaxItems in, IsTruncated and Marker out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from freehold.kernel import paging
from freehold.kernel.service import Params
from freehold.services.iam import errors

MAX_ITEMS_DEFAULT = 100


def after(params: Params) -> Any:
    """The key that the last page ended with, or None for the first."""
    marker = params.get("Marker")
    if marker is None:
        return None
    try:
        (key,) = paging.decode(marker, tuple[str])
    except paging.InvalidToken as error:
        raise errors.validation("Invalid Marker.") from error
    return key


def cut(rows: Iterable[tuple[str, Any]], params: Params) -> tuple[list[Any], dict[str, Any]]:
    """The first MaxItems rows, and what an answer says of the rest. The rows begin after the
    marker."""
    maximum = params.get("MaxItems", MAX_ITEMS_DEFAULT)
    items: list[Any] = []
    last = ""
    for key, item in rows:
        if len(items) == maximum:
            return items, {"IsTruncated": True, "Marker": paging.encode((last,))}
        items.append(item)
        last = key
    return items, {"IsTruncated": False}


def cut_sorted(rows: Iterable[tuple[str, Any]], params: Params) -> tuple[list[Any], dict[str, Any]]:
    """The same for rows that are all at hand, in any order."""
    start = after(params)
    remaining = [row for row in rows if start is None or row[0] > start]
    return cut(sorted(remaining, key=lambda row: row[0]), params)
