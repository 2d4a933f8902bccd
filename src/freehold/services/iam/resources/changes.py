"""What the types have in common: steps over the public operations."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from freehold.kernel.call import Call
from freehold.kernel.resources import Made
from freehold.services.iam import store
from freehold.services.iam.nouns import Noun

Properties = Mapping[str, Any]


def iam(call: Call, operation: str, params: dict[str, Any]) -> Any:
    return call.invoke_within("iam", operation, params)


def as_made(physical_id: str, **attributes: Any) -> Made:
    return Made(physical_id=physical_id, attributes=attributes)


def json_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def chosen(properties: Properties, *names: str) -> dict[str, Any]:
    return {name: properties[name] for name in names if properties.get(name) is not None}


def put_inline(call: Call, holders: Iterable[tuple[Noun, str]], name: str, document: Any) -> None:
    for noun, holder in holders:
        params = {"PolicyName": name, "PolicyDocument": json_text(document)}
        iam(call, f"Put{noun.title}Policy", {noun.parameter: holder, **params})


def drop_inline(call: Call, holders: Iterable[tuple[Noun, str]], name: str) -> None:
    for noun, holder in holders:
        if name in inline_names(call, noun, holder):
            params = {noun.parameter: holder, "PolicyName": name}
            iam(call, f"Delete{noun.title}Policy", params)


def attachment(call: Call, verb: str, noun: Noun, name: str, arn: str) -> None:
    iam(call, f"{verb}{noun.title}Policy", {noun.parameter: name, "PolicyArn": arn})


def attached_arns(call: Call, noun: Noun, name: str) -> tuple[str, ...]:
    entity = store.load_entity(call.tx, call.scope, noun.kind, name)
    grants = store.load_grants(call.tx, call.scope, entity.id) if entity is not None else None
    return () if grants is None else grants.attached


def inline_names(call: Call, noun: Noun, name: str) -> tuple[str, ...]:
    entity = store.load_entity(call.tx, call.scope, noun.kind, name)
    grants = store.load_grants(call.tx, call.scope, entity.id) if entity is not None else None
    return () if grants is None else tuple(grants.inline)
