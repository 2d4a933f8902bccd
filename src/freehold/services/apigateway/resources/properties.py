"""Properties of templates, as the operations take them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from freehold.kernel.call import Call
from freehold.kernel.errors import AwsError, not_implemented
from freehold.kernel.resources import Wanted

Properties = Mapping[str, Any]
SERVICE = "apigateway"


def camel(name: str) -> str:
    """A property's name as the operation's parameter: RestApiId is restApiId."""
    return name[:1].lower() + name[1:]


def taken(wanted: Wanted, *known: str) -> dict[str, Any]:
    """The properties; one that is not known is refused by name."""
    return known_only(wanted.type, wanted.properties, *known)


def known_only(what: str, properties: Properties, *known: str) -> dict[str, Any]:
    for name in properties:
        if name not in known:
            raise not_implemented(f"{what}.{name}")
    return {name: value for name, value in properties.items() if value is not None}


def boolean(value: Any) -> bool:
    return value if isinstance(value, bool) else str(value).lower() == "true"


def booleans(values: Properties | None) -> dict[str, bool]:
    return {name: boolean(value) for name, value in (values or {}).items()}


def strings(values: Properties | None) -> dict[str, str]:
    return {name: text(value) for name, value in (values or {}).items()}


def text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


def json_text(value: Any) -> str:
    """A JSON property: an object in the template, or already its text."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def tags(wanted: Wanted) -> dict[str, str]:
    """The template's tags and the stack's."""
    own = {str(tag["Key"]): text(tag["Value"]) for tag in wanted.properties.get("Tags") or []}
    return {**wanted.tags(), **own}


def replace(path: str, value: Any) -> dict[str, str]:
    if value is None or value == "":
        return {"op": "replace", "path": path, "value": ""}
    return {"op": "replace", "path": path, "value": text(value)}


def step(name: str) -> str:
    """A name as a step of a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def replacements(wanted: Wanted, paths: Mapping[str, str]) -> list[dict[str, str]]:
    """Patches for the scalar properties that the template changed, added or took away."""
    return [
        replace(path, wanted.properties.get(name))
        for name, path in paths.items()
        if wanted.properties.get(name) != wanted.previous.get(name)
    ]


def map_changes(path: str, new: Properties, old: Properties) -> list[dict[str, str]]:
    gone = [{"op": "remove", "path": f"{path}/{step(name)}"} for name in old if name not in new]
    return gone + [
        replace(f"{path}/{step(name)}", value)
        for name, value in new.items()
        if old.get(name) != value
    ]


def element_changes(path: str, new: Iterable[str], old: Iterable[str]) -> list[dict[str, str]]:
    wanted, had = list(new), list(old)
    return [
        {"op": "remove", "path": f"{path}/{step(each)}"} for each in had if each not in wanted
    ] + [{"op": "add", "path": f"{path}/{step(each)}"} for each in wanted if each not in had]


def do(call: Call, operation: str, **params: Any) -> dict[str, Any]:
    """Run an operation of API Gateway in this transaction, as whoever owns the stack."""
    given = {name: value for name, value in params.items() if value is not None}
    answer: dict[str, Any] = call.invoke_within(SERVICE, operation, given)
    return answer


def undo(call: Call, operation: str, **params: Any) -> None:
    """Run a deletion; what is gone already is as good as deleted."""
    try:
        do(call, operation, **params)
    except AwsError as error:
        if error.code != "NotFoundException":
            raise


def retag(call: Call, arn: str, new: Mapping[str, str], old: Mapping[str, str]) -> None:
    gone = [name for name in old if name not in new]
    if gone:
        do(call, "UntagResource", resourceArn=arn, tagKeys=gone)
    if new != old and new:
        do(call, "TagResource", resourceArn=arn, tags=dict(new))
