"""What separates two plans: the changes of a change set."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from freehold.services.cloudformation.template import functions, plan
from freehold.services.cloudformation.template.plan import Target
from freehold.services.cloudformation.template.schema import Schema, comparable, schema

KNOWN_AFTER_APPLY = "{{changeSet:KNOWN_AFTER_APPLY}}"


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two: targets, the template's own words for them, parameters' values, stack
    tags."""

    targets: Mapping[str, Target] = {}
    resources: Mapping[str, dict[str, Any]] = {}
    parameters: Mapping[str, Any] = {}
    tags: Mapping[str, str] = {}


def between(before: Side, after: Side, physical_ids: Mapping[str, str]) -> list[dict[str, Any]]:
    """The changes, as DescribeChangeSet shows them, in order of logical ids."""
    modified: dict[str, dict[str, Any]] = {}
    for name in _in_order(after.targets):
        if name in before.targets:
            change = _modification(name, before, after, modified)
            if change is not None:
                modified[name] = change
    changes = []
    for name in sorted({*before.targets, *after.targets}):
        if name not in before.targets:
            target = after.targets[name]
            change = {"Action": "Add", "ResourceType": target.type, "Scope": []}
            change["AfterContext"] = _context(target)
        elif name not in after.targets:
            target = before.targets[name]
            retained = target.deletion_policy != "Delete"
            change = {
                "Action": "Remove",
                "ResourceType": target.type,
                "PolicyAction": "Retain" if retained else "Delete",
                "Scope": [],
                "BeforeContext": _context(target),
            }
        elif name in modified:
            change = modified[name]
            change["BeforeContext"] = _context(before.targets[name])
            change["AfterContext"] = _context(after.targets[name])
        else:
            continue
        change = {"LogicalResourceId": name, "Details": [], **change}
        if name in physical_ids and change["Action"] != "Add":
            change["PhysicalResourceId"] = physical_ids[name]
        changes.append({"Type": "Resource", "ResourceChange": change})
    return changes


def _in_order(targets: Mapping[str, Target]) -> Iterator[str]:
    """Dependencies first, so that what follows from a change is known when its users are looked
    at."""
    done: set[str] = set()
    for first in targets:
        path = [first]
        while path:
            name = path[-1]
            if name in done:
                path.pop()
                continue
            needed = [n for n in targets[name].depends_on if n in targets and n not in done]
            if needed:
                path.append(needed[0])
                continue
            done.add(name)
            path.pop()
            yield name


def _modification(
    name: str, before: Side, after: Side, modified: Mapping[str, dict[str, Any]]
) -> dict[str, Any] | None:
    old, new = before.targets[name], after.targets[name]
    described = schema(new.type)
    details = [
        *_property_details(name, before, after, described),
        *_reference_details(new, modified, described),
        *_attribute_details(old, new),
    ]
    tags_matter = described is None or described.tags_change
    if dict(before.tags) != dict(after.tags) and tags_matter:
        details.append(_detail("Tags", None, "Never", "DirectModification"))
    if not details:
        return None
    scope = list(dict.fromkeys(detail["Target"]["Attribute"] for detail in details))
    change: dict[str, Any] = {
        "Action": "Modify",
        "ResourceType": new.type,
        "Replacement": _replacement(details),
        "Scope": scope,
        "Details": details,
    }
    if change["Replacement"] == "True":
        retained = new.update_replace_policy == "Retain"
        change["PolicyAction"] = "ReplaceAndRetain" if retained else "ReplaceAndDelete"
    return change


def _property_details(
    name: str, before: Side, after: Side, described: Schema | None
) -> Iterator[dict[str, Any]]:
    old, new = before.targets[name].properties, after.targets[name].properties
    old_words = before.resources.get(name, {}).get("Properties", {})
    new_words = after.resources.get(name, {}).get("Properties", {})
    for property_name in sorted({*old, *new}):
        if comparable(old.get(property_name)) == comparable(new.get(property_name)):
            continue
        recreation = _recreation(property_name, old, new, described)
        attribute = "Properties"
        if described is not None and property_name == described.tag_property:
            attribute = "Tags"
        if old_words.get(property_name) != new_words.get(property_name):
            detail = _detail(attribute, property_name, recreation, "DirectModification")
            yield _with_values(detail, property_name, old, new)
            continue
        causes = {
            reference
            for reference, _ in plan.references(new_words.get(property_name))
            if before.parameters.get(reference) != after.parameters.get(reference)
        }
        if not causes:
            detail = _detail(attribute, property_name, recreation, "DirectModification")
            yield _with_values(detail, property_name, old, new)
        for cause in sorted(causes):
            detail = _detail(attribute, property_name, recreation, "ParameterReference")
            yield _with_values({**detail, "CausingEntity": cause}, property_name, old, new)


def _with_values(
    detail: dict[str, Any], name: str, old: dict[str, Any], new: dict[str, Any]
) -> dict[str, Any]:
    target = {**detail["Target"], "Path": f"/Properties/{name}"}
    if name in old:
        target["BeforeValue"] = _text(old[name])
    if name in new:
        target["AfterValue"] = _text(new[name])
    changed = "Modify" if name in old and name in new else "Add" if name in new else "Remove"
    return {**detail, "Target": {**target, "AttributeChangeType": changed}}


def _context(target: Target) -> str:
    """A resource as JSON, with what is not known before it is made marked as such."""
    shown: dict[str, Any] = {"Properties": _known(target.properties)}
    if target.metadata:
        shown["Metadata"] = _known(target.metadata)
    policies = {
        "DeletionPolicy": target.deletion_policy,
        "UpdateReplacePolicy": target.update_replace_policy,
    }
    shown.update({name: policy for name, policy in policies.items() if policy != "Delete"})
    return json.dumps(shown, separators=(",", ":"))


def _text(value: Any) -> str:
    known = _known(value)
    plain = functions.text_of(known)
    return plain if plain is not None else json.dumps(known, separators=(",", ":"))


def _known(value: Any) -> Any:
    if isinstance(value, list):
        return [_known(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and next(iter(value)) in functions.FUNCTIONS:
        return KNOWN_AFTER_APPLY
    return {key: _known(inner) for key, inner in value.items()}


def _recreation(
    property_name: str, old: dict[str, Any], new: dict[str, Any], described: Schema | None
) -> str:
    if described is None:
        return "Never"
    recreation = described.replaces(property_name)
    if recreation == "Conditionally":
        only = {property_name: old.get(property_name)}, {property_name: new.get(property_name)}
        return "Always" if described.needs_replacement(*only) else "Never"
    return recreation


def _reference_details(
    new: Target, modified: Mapping[str, dict[str, Any]], described: Schema | None
) -> Iterator[dict[str, Any]]:
    """A property that refers to a resource which changes may change too."""
    for property_name, value in new.properties.items():
        for cause, attribute in functions.pending_references(value):
            change = modified.get(cause)
            if change is None:
                continue
            if attribute is None and change["Replacement"] == "False":
                continue
            recreation = described.replaces(property_name) if described is not None else "Never"
            source = "ResourceReference" if attribute is None else "ResourceAttribute"
            detail = _detail("Properties", property_name, recreation, source)
            entity = cause if attribute is None else f"{cause}.{attribute}"
            yield {**detail, "Evaluation": "Dynamic", "CausingEntity": entity}


def _attribute_details(old: Target, new: Target) -> Iterator[dict[str, Any]]:
    pairs = (
        ("Metadata", old.metadata, new.metadata),
        ("DeletionPolicy", old.deletion_policy, new.deletion_policy),
        ("UpdateReplacePolicy", old.update_replace_policy, new.update_replace_policy),
    )
    for attribute, left, right in pairs:
        if left != right:
            yield _detail(attribute, None, "Never", "DirectModification")


def _detail(attribute: str, name: str | None, recreation: str, source: str) -> dict[str, Any]:
    target = {"Attribute": attribute, "RequiresRecreation": recreation}
    if name is not None:
        target["Name"] = name
    return {"Target": target, "Evaluation": "Static", "ChangeSource": source}


def _replacement(details: list[dict[str, Any]]) -> str:
    worst = "False"
    for detail in details:
        recreation = detail["Target"]["RequiresRecreation"]
        if recreation == "Always" and detail["Evaluation"] == "Static":
            return "True"
        if recreation != "Never":
            worst = "Conditional"
    return worst
