"""Dynamic references: {{resolve:ssm:...}} and {{resolve:secretsmanager:...}}, looked up when a
resource is made, so that no secret is stored with the stack."""

from __future__ import annotations

import json
import re
from typing import Any

from freehold.kernel.call import Call
from freehold.kernel.errors import not_implemented
from freehold.services.cloudformation import errors

_REFERENCE = re.compile(r"\{\{resolve:([^:{}]+):([^{}]+)\}\}")


async def resolve(call: Call, value: Any) -> Any:
    """The value with every dynamic reference replaced by what it names."""
    found = sorted(set(_references(value)))
    if not found:
        return value
    values = {reference: await _look_up(call, *reference) for reference in found}
    return _replaced(value, values)


def _references(value: Any) -> list[tuple[str, str]]:
    if isinstance(value, str):
        return [(match.group(1), match.group(2)) for match in _REFERENCE.finditer(value)]
    members = value.values() if isinstance(value, dict) else value
    if not isinstance(value, dict | list):
        return []
    return [reference for inner in members for reference in _references(inner)]


def _replaced(value: Any, values: dict[tuple[str, str], str]) -> Any:
    if isinstance(value, str):
        return _REFERENCE.sub(lambda match: values[match.group(1), match.group(2)], value)
    if isinstance(value, dict):
        return {key: _replaced(inner, values) for key, inner in value.items()}
    if isinstance(value, list):
        return [_replaced(inner, values) for inner in value]
    return value


async def _look_up(call: Call, place: str, name: str) -> str:
    if place in ("ssm", "ssm-secure"):
        params = {"Name": name, "WithDecryption": place == "ssm-secure"}
        answer = await call.invoke("ssm", "GetParameter", params)
        return str(answer["Parameter"]["Value"])
    if place == "secretsmanager":
        return await _secret(call, name)
    raise errors.validation(f"Invalid dynamic reference: {{{{resolve:{place}:{name}}}}}")


async def _secret(call: Call, name: str) -> str:
    # An ARN has six colons of its own before the secret's name ends.
    arn = re.match(r"(arn:[^:]*:secretsmanager:[^:]*:[^:]*:secret:[^:]+)(?::(.*))?\Z", name)
    secret_id, rest = arn.groups() if arn else (name.partition(":")[0], name.partition(":")[2])
    parts = (rest or "").split(":")
    parts += [""] * (4 - len(parts))
    kind, key, stage, version = parts[:4]
    if kind not in ("", "SecretString"):
        raise not_implemented(f"dynamic references to {kind}")
    params: dict[str, Any] = {"SecretId": secret_id}
    if stage:
        params["VersionStage"] = stage
    if version:
        params["VersionId"] = version
    answer = await call.invoke("secretsmanager", "GetSecretValue", params)
    text = str(answer["SecretString"])
    if not key:
        return text
    try:
        return str(json.loads(text)[key])
    except (ValueError, KeyError, TypeError) as error:
        raise errors.validation(
            f"Could not find a value associated with JSONKey in SecretString: {key}"
        ) from error
