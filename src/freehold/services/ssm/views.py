"""Parameters as answers show them."""

from __future__ import annotations

from typing import Any

from freehold.kernel.call import Call
from freehold.services.ssm import rules, sealing
from freehold.services.ssm.records import Parameter, Version

View = dict[str, Any]


def parameter(call: Call, name: str, version: Version, *, selector: str, decrypt: bool) -> View:
    return {
        "Name": name,
        "Type": version.type,
        "Value": value(call, name, version, decrypt=decrypt),
        "Version": version.number,
        "Selector": selector or None,
        "LastModifiedDate": version.modified_at,
        "ARN": arn(call, name),
        "DataType": "text",
    }


def metadata(call: Call, found: Parameter) -> View:
    return {**_described(found.name, found.newest), "ARN": arn(call, found.name)}


def history(call: Call, found: Parameter, version: Version, *, decrypt: bool) -> View:
    return {
        **_described(found.name, version),
        "Value": value(call, found.name, version, decrypt=decrypt),
        "Labels": rules.labels_of(found, version.number),
    }


def value(call: Call, name: str, version: Version, *, decrypt: bool) -> str:
    if version.type == "SecureString" and decrypt:
        return sealing.unseal(call, arn(call, name), version.number, version.value)
    return version.value


def arn(call: Call, name: str) -> str:
    return call.arn(rules.arn_name(name))


def _described(name: str, version: Version) -> View:
    return {
        "Name": name,
        "Type": version.type,
        "KeyId": version.key_id,
        "LastModifiedDate": version.modified_at,
        "LastModifiedUser": version.modified_by,
        "Description": version.description,
        "AllowedPattern": version.allowed_pattern,
        "Version": version.number,
        "Tier": version.tier,
        "Policies": [],
        "DataType": "text",
    }
