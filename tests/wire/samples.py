"""Params that a model would accept, and the requests that botocore makes of them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from botocore.awsrequest import prepare_request_dict
from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel
from botocore.serialize import create_serializer

from freehold.wire.messages import WireRequest

_SCALARS: dict[str, Any] = {
    "integer": 1,
    "long": 1,
    "float": 1.5,
    "double": 1.5,
    "boolean": True,
    "timestamp": 1_600_000_000,
    "blob": b"blob",
    "string": "value",
}


@lru_cache
def boto_model(service: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def sample(shape: Any, *, whole: bool, depth: int = 0) -> Any:
    """A value of a shape: with all its members, or with those that are required."""
    if shape.type_name == "structure":
        names = shape.members if whole and depth < 4 else shape.required_members
        if getattr(shape, "is_tagged_union", False):
            names = list(shape.members)[:1]
        return {n: sample(shape.members[n], whole=whole, depth=depth + 1) for n in names}
    if shape.type_name == "list":
        return [sample(shape.member, whole=whole, depth=depth + 1)]
    if shape.type_name == "map":
        return {"key": sample(shape.value, whole=whole, depth=depth + 1)}
    if shape.type_name == "string" and getattr(shape, "enum", None):
        return shape.enum[0]
    return _SCALARS[shape.type_name]


def request_of(operation: OperationModel, params: dict[str, Any]) -> tuple[str, WireRequest]:
    """The raw path and the rest of the request that botocore makes."""
    serializer = create_serializer(operation.service_model.metadata["protocol"], False)
    made = serializer.serialize_to_request(params, operation)
    prepare_request_dict(made, "http://localhost")
    url = urlsplit(made["url"])
    body = urlencode(made["body"]) if isinstance(made["body"], dict) else made["body"]
    return url.path, WireRequest(
        method=made["method"],
        query=parse_qsl(url.query, keep_blank_values=True),
        headers={key.lower(): str(value) for key, value in made["headers"].items()},
        body=body.encode() if isinstance(body, str) else body,
    )
