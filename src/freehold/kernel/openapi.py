"""Reading an OpenAPI document as API Gateway's services do: JSON or YAML, variables, references.

What cannot be read raises BadRequestException.
"""

from __future__ import annotations

from typing import Any

import orjson
import yaml  # type: ignore[import-untyped,unused-ignore]

from freehold.kernel.errors import AwsError

# YAML's aliases can stand for far more than is written.
NODES_MAX = 500_000
DEPTH_MAX = 100


class _Loader(yaml.SafeLoader):  # type: ignore[misc,unused-ignore]
    """Leaves dates as they are written: `version: 2017-04-20` is a string to OpenAPI."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read(body: bytes, region: str, account: str) -> dict[str, Any]:
    """The document, with ${AWS::Region} and its like resolved, and every key a string."""
    text = body.decode(errors="replace")
    for name, value in (
        ("Region", region),
        ("AccountId", account),
        ("Partition", "aws"),
        ("URLSuffix", "amazonaws.com"),
    ):
        text = text.replace("${AWS::" + name + "}", value)
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        document = _read_yaml(text)
    if not isinstance(document, dict):
        raise _bad_request("Invalid OpenAPI input.")
    plain: dict[str, Any] = _plain(document, [NODES_MAX], 0)
    return plain


def resolved(document: dict[str, Any], value: Any) -> Any:
    """What a {"$ref": "#/..."} in the document refers to, or the value itself."""
    for _ in range(DEPTH_MAX):
        if not isinstance(value, dict) or "$ref" not in value:
            return value
        found: Any = document
        for step in str(value["$ref"]).removeprefix("#/").split("/"):
            name = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, dict) or name not in found:
                raise _bad_request(f"Unable to resolve the reference {value['$ref']}")
            found = found[name]
        value = found
    raise _bad_request("References go in a circle")


def _read_yaml(text: str) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, RecursionError) as error:
        raise _bad_request("Invalid OpenAPI input. " + str(error).split("\n")[0]) from None


def _plain(value: Any, room: list[int], depth: int) -> Any:
    room[0] -= 1
    if room[0] < 0 or depth > DEPTH_MAX:
        raise _bad_request("Invalid OpenAPI input: the document is too large.")
    if isinstance(value, dict):
        return {str(key): _plain(inner, room, depth + 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner, room, depth + 1) for inner in value]
    return value


def _bad_request(message: str) -> AwsError:
    return AwsError("BadRequestException", message)
