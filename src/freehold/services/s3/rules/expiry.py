"""Lifecycle rules: what they may say, and what they say of an object ("Managing the lifecycle of
objects", S3 user guide). Actions fall due at midnight UTC, as the guide has it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from freehold.kernel.errors import AwsError, not_implemented
from freehold.services.s3 import errors
from freehold.services.s3.records import Object, Upload

DAY_S = 86_400
RULES_MAX = 1000
_TRANSITION_BYTES_MIN = 128 * 1024
_COLDER = ("STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER_IR")
_ACTIONS = (
    "Expiration",
    "Transitions",
    "NoncurrentVersionTransitions",
    "NoncurrentVersionExpiration",
    "AbortIncompleteMultipartUpload",
)


class Outcome(NamedTuple):
    """What to do with a version now: nothing, expire it, or keep it in a colder class."""

    expire: bool = False
    storage_class: str | None = None


def check(document: Mapping[str, Any], new_word: Callable[[int], str]) -> dict[str, Any]:
    """The configuration, its rules all named; MalformedXML, InvalidRequest."""
    rules = document.get("Rules") or []
    if not 1 <= len(rules) <= RULES_MAX:
        raise errors.malformed_xml()
    named = [{**rule, "ID": rule.get("ID") or new_word(48)} for rule in rules]
    if len({rule["ID"] for rule in named}) < len(named):
        raise AwsError(
            "InvalidArgument", "Rule ID must be unique. Found same ID for more than one rule"
        )
    for rule in named:
        _check_rule(rule)
    return {"Rules": named}


def midnight_after(moment: float) -> int:
    """The first midnight UTC that is not before this moment."""
    return math.ceil(moment / DAY_S) * DAY_S


def of_current(document: Mapping[str, Any], key: str, found: Object, now: float) -> Outcome:
    """Expiration outweighs transition; of several transitions the latest that is due counts."""
    storage_class: str | None = None
    for rule in _covering(document, key, found.size, found.tags):
        expiration = rule.get("Expiration") or {}
        if _is_due(expiration, found.modified_at, now):
            return Outcome(expire=True)
        for step in rule.get("Transitions") or ():
            if _is_due(step, found.modified_at, now) and _may_move(document, found, step):
                storage_class = _colder(storage_class, step["StorageClass"])
    return _moved(found, storage_class)


def of_noncurrent(
    document: Mapping[str, Any], key: str, found: Object, since: float, newer: int, now: float
) -> Outcome:
    """`since` is when it stopped being current, `newer` how many noncurrent ones are newer."""
    storage_class: str | None = None
    for rule in _covering(document, key, found.size, found.tags):
        expiration = rule.get("NoncurrentVersionExpiration")
        if expiration is not None and _is_noncurrent_due(expiration, since, newer, now):
            return Outcome(expire=True)
        for step in rule.get("NoncurrentVersionTransitions") or ():
            due = _is_noncurrent_due(step, since, newer, now)
            if due and not found.is_marker and _may_move(document, found, step):
                storage_class = _colder(storage_class, step["StorageClass"])
    return _moved(found, storage_class)


def removes_lone_marker(document: Mapping[str, Any], key: str, marker: Object, now: float) -> bool:
    """Whether a delete marker with nothing behind it goes, also when its days are over."""
    for rule in _covering(document, key, 0, {}):
        expiration = rule.get("Expiration") or {}
        if expiration.get("ExpiredObjectDeleteMarker") or _is_due(
            expiration, marker.modified_at, now
        ):
            return True
    return False


def aborts(document: Mapping[str, Any], upload: Upload, now: float) -> bool:
    for rule in _enabled(document):
        action = rule.get("AbortIncompleteMultipartUpload")
        if action is None or not upload.key.startswith(_criteria(rule)[0]):
            continue
        if now >= midnight_after(upload.initiated_at + action["DaysAfterInitiation"] * DAY_S):
            return True
    return False


def _check_rule(rule: Mapping[str, Any]) -> None:
    if len(rule["ID"]) > 255:
        raise errors.invalid_argument(
            "ID length should not exceed allowed limit of 255", "ID", rule["ID"]
        )
    if rule.get("Prefix") is not None and rule.get("Filter") is not None:
        raise errors.malformed_xml()
    if rule.get("Prefix") is None and rule.get("Filter") is None:
        raise errors.malformed_xml()
    if not any(rule.get(name) for name in _ACTIONS):
        raise errors.invalid_request("At least one action needs to be specified in a rule.")
    _check_filter(rule)
    expiration = rule.get("Expiration")
    if expiration is not None:
        _check_expiration(expiration)
    for name in ("Transitions", "NoncurrentVersionTransitions"):
        for step in rule.get(name) or ():
            wanted = step.get("StorageClass")
            if wanted not in _COLDER:
                raise not_implemented(f"a lifecycle transition to {wanted}")
    abort = rule.get("AbortIncompleteMultipartUpload")
    if abort is not None and (abort.get("DaysAfterInitiation") or 0) < 1:
        raise errors.invalid_argument(
            "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive "
            "integer",
            "DaysAfterInitiation",
            str(abort.get("DaysAfterInitiation")),
        )
    noncurrent = rule.get("NoncurrentVersionExpiration")
    if noncurrent is not None and (noncurrent.get("NoncurrentDays") or 0) < 1:
        raise errors.invalid_argument(
            "'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer",
            "NoncurrentDays",
            str(noncurrent.get("NoncurrentDays")),
        )


def _check_filter(rule: Mapping[str, Any]) -> None:
    chosen = rule.get("Filter") or {}
    if len([value for value in chosen.values() if value is not None]) > 1:
        raise errors.malformed_xml()
    _, tags, least, most = _criteria(rule)
    if rule.get("AbortIncompleteMultipartUpload") and (
        tags or least is not None or most is not None
    ):
        raise errors.invalid_request(
            "AbortIncompleteMultipartUpload cannot be specified with Tags or object sizes."
        )


def _check_expiration(expiration: Mapping[str, Any]) -> None:
    given = [
        name
        for name in ("Days", "Date", "ExpiredObjectDeleteMarker")
        if expiration.get(name) is not None
    ]
    if len(given) != 1:
        raise errors.malformed_xml()
    if given == ["Days"] and expiration["Days"] < 1:
        raise errors.invalid_argument(
            "'Days' for Expiration action must be a positive integer",
            "Days",
            str(expiration["Days"]),
        )
    if given == ["Date"] and expiration["Date"] % DAY_S:
        raise errors.invalid_argument(
            "'Date' must be at midnight GMT", "Date", str(expiration["Date"])
        )


def _enabled(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    return (rule for rule in document["Rules"] if rule["Status"] == "Enabled")


def _covering(
    document: Mapping[str, Any], key: str, size: int, tags: Mapping[str, str]
) -> Iterator[Mapping[str, Any]]:
    for rule in _enabled(document):
        prefix, wanted, least, most = _criteria(rule)
        covers = (
            key.startswith(prefix)
            and all(tags.get(tag["Key"]) == tag["Value"] for tag in wanted)
            and (least is None or size > least)
            and (most is None or size < most)
        )
        if covers:
            yield rule


def _criteria(rule: Mapping[str, Any]) -> tuple[str, list[dict[str, str]], int | None, int | None]:
    """(prefix, tags, size above, size below)"""
    chosen = rule.get("Filter") or {}
    both = chosen.get("And") or chosen
    tags = list(both.get("Tags") or ())
    if chosen.get("Tag"):
        tags.append(chosen["Tag"])
    prefix = both.get("Prefix") or rule.get("Prefix") or ""
    return prefix, tags, both.get("ObjectSizeGreaterThan"), both.get("ObjectSizeLessThan")


def _is_due(action: Mapping[str, Any], since: float, now: float) -> bool:
    if action.get("Date") is not None:
        return now >= float(action["Date"])
    if action.get("Days") is not None:
        return now >= midnight_after(since + action["Days"] * DAY_S)
    return False


def _is_noncurrent_due(action: Mapping[str, Any], since: float, newer: int, now: float) -> bool:
    if newer < (action.get("NewerNoncurrentVersions") or 0):
        return False
    return now >= midnight_after(since + (action.get("NoncurrentDays") or 0) * DAY_S)


def _may_move(document: Mapping[str, Any], found: Object, step: Mapping[str, Any]) -> bool:
    """Small objects stay where they are, as long as no rule says otherwise by size."""
    least = document.get("TransitionDefaultMinimumObjectSize")
    if least == "varies_by_storage_class" and step["StorageClass"] == "GLACIER_IR":
        return True
    return found.size >= _TRANSITION_BYTES_MIN


def _colder(one: str | None, other: str) -> str:
    if one is None:
        return other
    return max(one, other, key=_COLDER.index)


def _moved(found: Object, storage_class: str | None) -> Outcome:
    if storage_class is None or storage_class == found.storage_class:
        return Outcome()
    if found.storage_class in _COLDER and _COLDER.index(found.storage_class) >= _COLDER.index(
        storage_class
    ):
        return Outcome()
    return Outcome(storage_class=storage_class)
