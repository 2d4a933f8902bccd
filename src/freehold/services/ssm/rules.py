"""What Parameter Store decides by itself: names, values, versions, labels, filters."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec
import regex

from freehold.kernel.errors import not_implemented
from freehold.services.ssm import errors
from freehold.services.ssm.records import Parameter, Version

replace = msgspec.structs.replace

NAME_AND_ARN_CHARS_MAX = 1011
LEVELS_MAX = 15
VERSIONS_MAX = 100
LABELS_PER_VERSION_MAX = 10
TAGS_MAX = 50
VALUE_CHARS_MAX = {"Standard": 4096, "Advanced": 8192}
PARAMETERS_MAX = {"Standard": 10_000, "Advanced": 100_000}
KEY_ID = "alias/aws/ssm"
# A pattern is the caller's, and may be one that backtracks for ever: it gets this long.
PATTERN_S_MAX = 0.1

_NAME = re.compile(r"^[a-zA-Z0-9_.\-/]+$")
_LABEL = re.compile(r"^(?!\d|aws|ssm)[a-zA-Z0-9_.\-]+$", re.IGNORECASE)
_NESTED = re.compile(r"\{\{.*\}\}", re.DOTALL)


# Names


class Selector(NamedTuple):
    """Which version of a parameter: by number, by label, or (neither) the newest."""

    text: str = ""
    number: int | None = None
    label: str | None = None


def check_new_name(name: str, arn: str) -> None:
    first = name.lstrip("/").partition("/")[0].lower()
    if not _NAME.match(name) or "//" in name or name.endswith("/"):
        raise errors.invalid_name()
    if "/" in name and not name.startswith("/"):
        raise errors.name_not_qualified()
    if first.startswith("aws"):
        raise errors.reserved_name(name)
    if first.startswith("ssm"):
        raise errors.invalid_name()
    if len(arn) > NAME_AND_ARN_CHARS_MAX:
        raise errors.name_too_long(NAME_AND_ARN_CHARS_MAX - (len(arn) - len(name)))
    if name.count("/") > LEVELS_MAX:
        raise errors.too_deep(LEVELS_MAX)


def check_path(path: str) -> None:
    if not path.startswith("/") or not _NAME.match(path) or "//" in path:
        raise errors.invalid_path()


class Resolved(NamedTuple):
    """What a request means by a name: its ARN, and under which names it may be stored."""

    arn: str
    names: tuple[str, ...]
    selector: Selector


def resolve(text: str, prefix: str) -> Resolved:
    """Understand a name or ARN, either with ":version" or ":label" behind it.

    `prefix` begins the ARNs of this account's parameters here. An ARN does not tell "/a" from "a";
    one from elsewhere has no names, for nobody shares parameters with us.
    """
    if text.startswith("arn:"):
        parts = text.split(":", 6)
        arn = ":".join(parts[:6])
        selector = _selector(parts[6] if len(parts) == 7 else "")
        if not arn.startswith(f"{prefix}/"):
            return Resolved(arn, (), selector)
        name = arn.removeprefix(f"{prefix}/")
        return Resolved(arn, (f"/{name}", name), selector)
    name, _, chosen = text.partition(":")
    name = name.strip()
    return Resolved(f"{prefix}/{name.removeprefix('/')}", (name,), _selector(chosen))


def arn_name(name: str) -> str:
    """A name as ARNs have it: parameter/a/b for both "/a/b" and "a/b"."""
    return "parameter/" + name.removeprefix("/")


def _selector(chosen: str) -> Selector:
    if not chosen:
        return Selector()
    if chosen.isdecimal():
        return Selector(f":{chosen}", number=int(chosen))
    return Selector(f":{chosen}", label=chosen)


# Values and versions


def next_version(
    params: Mapping[str, Any], found: Parameter | None, now: float, who: str
) -> Version:
    """The version that PutParameter makes; its value is not sealed yet."""
    old = None if found is None else found.newest
    if old is None and "Type" not in params:
        raise errors.type_needed()
    kind = params.get("Type") or (old.type if old is not None else "")
    if old is not None and kind != old.type:
        raise errors.type_changed()
    value = params["Value"]
    pattern = params.get("AllowedPattern") or None
    _check_value(value)
    if pattern is not None:
        check_pattern(pattern, value)
    return Version(
        number=1 if old is None else old.number + 1,
        type=kind,
        value=value,
        tier=_tier(params, old),
        modified_at=now,
        modified_by=who,
        description=params.get("Description", None if old is None else old.description),
        allowed_pattern=pattern or (None if old is None else old.allowed_pattern),
        key_id=_key_id(params, kind),
    )


def _check_value(value: str) -> None:
    if not value:
        raise errors.validation(
            "1 validation error detected: Value '' at 'value' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1."
        )
    if _NESTED.search(value):
        raise errors.nested_reference()


def check_pattern(pattern: str, value: str) -> None:
    """The whole value must match, as with Java's String.matches."""
    try:
        matches = regex.fullmatch(pattern, value, timeout=PATTERN_S_MAX)
    except regex.error as error:
        raise errors.bad_pattern(pattern) from error
    except TimeoutError as error:
        raise errors.pattern_mismatch(pattern) from error
    if matches is None:
        raise errors.pattern_mismatch(pattern)


def _tier(params: Mapping[str, Any], old: Version | None) -> str:
    """A parameter may become advanced, never standard again."""
    kept = "Standard" if old is None else old.tier
    wanted: str = params.get("Tier", kept)
    length = len(params["Value"])
    if wanted == "Intelligent-Tiering":
        wanted = "Advanced" if length > VALUE_CHARS_MAX["Standard"] else kept
    if kept == "Advanced" and wanted == "Standard":
        raise errors.tier_lowered()
    if length > VALUE_CHARS_MAX[wanted]:
        raise errors.value_too_long(wanted, VALUE_CHARS_MAX[wanted])
    return wanted


def _key_id(params: Mapping[str, Any], kind: str) -> str | None:
    wanted = params.get("KeyId")
    if kind != "SecureString":
        if wanted is not None:
            raise errors.key_without_secure_string()
        return None
    if wanted not in (None, KEY_ID):
        raise not_implemented(f"PutParameter with the key {wanted}")
    return KEY_ID


def check_data_type(data_type: str) -> None:
    if data_type != "text":
        raise not_implemented(f"PutParameter with the data type {data_type}")


# Labels and tags


def attach_labels(
    parameter: Parameter, number: int, labels: Iterable[str]
) -> tuple[Parameter, list[str]]:
    """(the parameter, the labels that are none). A label that another version had moves here."""
    invalid = [label for label in labels if not _LABEL.match(label)]
    attached = dict(parameter.labels)
    for label in labels:
        if label not in invalid:
            attached[label] = number
    if sum(found == number for found in attached.values()) > LABELS_PER_VERSION_MAX:
        raise errors.too_many_labels()
    return replace(parameter, labels=attached), invalid


def detach_labels(
    parameter: Parameter, number: int, labels: Iterable[str]
) -> tuple[Parameter, list[str], list[str]]:
    """(the parameter, the labels that went, those that this version does not have)."""
    removed = [label for label in labels if parameter.labels.get(label) == number]
    invalid = [label for label in labels if label not in removed]
    kept = {label: found for label, found in parameter.labels.items() if label not in removed}
    return replace(parameter, labels=kept), removed, invalid


def labels_of(parameter: Parameter, number: int) -> list[str]:
    return sorted(label for label, found in parameter.labels.items() if found == number)


def tags(listed: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in listed}


def with_tags(parameter: Parameter, new: Mapping[str, str]) -> Parameter:
    merged = {**parameter.tags, **new}
    if sum(not key.startswith("aws:") for key in merged) > TAGS_MAX:
        raise errors.too_many_tags()
    return replace(parameter, tags=merged)


# Filters


def check_filters(filters: Iterable[Mapping[str, Any]], allowed: frozenset[str]) -> None:
    """Raise for a filter that the operation does not take, or that makes no sense."""
    seen = set()
    for each in filters:
        key = each["Key"]
        kind = "tag" if key.startswith("tag:") else key
        if kind not in allowed:
            raise errors.invalid_filter_key(key)
        if key in seen:
            raise errors.invalid_filter_key(key)
        seen.add(key)
        option = each.get("Option", _OPTION_DEFAULTS.get(key, "Equals"))
        if option not in _OPTIONS.get(kind, ("Equals", "BeginsWith")):
            raise errors.invalid_filter_option(option)
        if not each.get("Values") and kind != "tag":
            raise errors.invalid_filter_value(
                f"The following filter values are missing: {key}. Specify at least one."
            )
        for path in each.get("Values", ()) if key == "Path" else ():
            check_path(path)


_OPTIONS = {
    "Name": ("Equals", "BeginsWith", "Contains"),
    "Path": ("Recursive", "OneLevel"),
    "Label": ("Equals",),
}
_OPTION_DEFAULTS = {"Path": "OneLevel"}


def passes(parameter: Parameter, filters: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a parameter passes every filter; of a filter's values one is enough."""
    return all(_passes_one(parameter, each) for each in filters)


def _passes_one(parameter: Parameter, each: Mapping[str, Any]) -> bool:
    key, wanted = each["Key"], each.get("Values", [])
    option = each.get("Option", _OPTION_DEFAULTS.get(key, "Equals"))
    if key.startswith("tag:") and not wanted:
        return key.removeprefix("tag:") in parameter.tags
    held = _held(parameter, key)
    return any(_COMPARE[option](value, text) for value in held for text in wanted)


def _held(parameter: Parameter, key: str) -> list[str]:
    newest = parameter.newest
    if key.startswith("tag:"):
        value = parameter.tags.get(key.removeprefix("tag:"))
        return [] if value is None else [value]
    if key == "Label":
        return labels_of(parameter, newest.number)
    if key == "KeyId":
        return [] if newest.key_id is None else [newest.key_id]
    plain = {
        "Name": parameter.name,
        "Path": parameter.name,
        "Type": newest.type,
        "Tier": newest.tier,
        "DataType": "text",
    }
    return [plain[key]]


def _is_below(name: str, path: str) -> bool:
    return _rooted(name).startswith(path.rstrip("/") + "/")


def _is_right_below(name: str, path: str) -> bool:
    return _rooted(name).rpartition("/")[0] == path.rstrip("/")


def _rooted(name: str) -> str:
    return name if name.startswith("/") else f"/{name}"


_COMPARE: dict[str, Callable[[str, str], bool]] = {
    "Equals": operator.eq,
    "BeginsWith": str.startswith,
    "Contains": operator.contains,
    "Recursive": _is_below,
    "OneLevel": _is_right_below,
}
