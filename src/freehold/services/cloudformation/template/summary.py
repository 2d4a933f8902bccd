"""What a template asks of whoever deploys it: capabilities and resource types."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from freehold.services.cloudformation import errors

_NAME_PROPERTIES = {
    "AWS::IAM::AccessKey": "",
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::GroupPolicy": "",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Policy": "",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::RolePolicy": "",
    "AWS::IAM::User": "UserName",
    "AWS::IAM::UserPolicy": "",
    "AWS::IAM::UserToGroupAddition": "",
}


def iam_capabilities(resources: dict[str, dict[str, Any]]) -> tuple[list[str], str]:
    """(capabilities, reason) that the IAM resources of a template need."""
    found: list[str] = []
    named = False
    for resource in resources.values():
        name_property = _NAME_PROPERTIES.get(str(resource.get("Type")))
        if name_property is None:
            continue
        found.append(resource["Type"])
        properties = resource.get("Properties")
        named = named or bool(
            name_property and isinstance(properties, dict) and name_property in properties
        )
    if not found:
        return [], ""
    capability = "CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM"
    types = ", ".join(sorted(set(found)))
    return [capability], f"The following resource(s) require capabilities: [{types}]"


def missing_capabilities(needed: Iterable[str], given: Iterable[str]) -> list[str]:
    """Those needed and not given; CAPABILITY_NAMED_IAM includes CAPABILITY_IAM."""
    held = set(given)
    if "CAPABILITY_NAMED_IAM" in held:
        held.add("CAPABILITY_IAM")
    return [capability for capability in needed if capability not in held]


def resource_types(resources: dict[str, Any]) -> list[str]:
    """Every type, once, in order of appearance."""
    return list(
        dict.fromkeys(
            resource["Type"]
            for resource in resources.values()
            if isinstance(resource, dict) and isinstance(resource.get("Type"), str)
        )
    )


def check_capabilities(needed: Iterable[str], given: Iterable[str]) -> None:
    missing = missing_capabilities(needed, given)
    if missing:
        raise errors.insufficient_capabilities(missing)
