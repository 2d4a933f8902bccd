"""botocore's protocol vectors in reverse: what its clients send we read, what we write its clients read."""

from __future__ import annotations

import base64
import copy
import json
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from botocore.model import OperationModel as BotoOperation
from botocore.model import ServiceModel
from botocore.parsers import create_parser

from freehold.wire import eventstream
from freehold.wire.messages import WireRequest
from freehold.wire.model import Model
from freehold.wire.timestamps import seconds_of

from .vectors import cases

INPUTS = list(cases("input"))
OUTPUTS = list(cases("output"))

pytestmark = pytest.mark.skipif(
    not INPUTS, reason="botocore's vectors are not here; script/setup fetches them"
)


def _model(suite: dict[str, Any], case: dict[str, Any]) -> Model:
    operation = copy.deepcopy(case["given"])
    operation.setdefault("http", {"method": "POST", "requestUri": "/"})
    metadata = {"serviceId": "vectors", **suite["metadata"]}
    return Model(
        "vectors",
        {
            "metadata": metadata,
            "shapes": suite["shapes"],
            "operations": {operation["name"]: operation},
        },
    )


@pytest.mark.parametrize(("name", "suite", "case"), INPUTS, ids=[i[0] for i in INPUTS])
def test_a_request_of_botocore_reads_as_the_params_it_was_made_from(name, suite, case):
    model = _model(suite, case)
    operation = model.operation(case["given"]["name"])
    sent = case["serialized"]
    url = urlsplit(sent["uri"])
    body = sent.get("body", "")
    body = base64.b64decode(body) if "cbor" in model.protocol else body.encode()
    pairs = parse_qsl(url.query, keep_blank_values=True)
    labels: dict[str, str] = {}
    if model.protocol.startswith("rest"):
        headers = {key.lower(): value for key, value in sent.get("headers", {}).items()}
        found = model.router(sent["method"], url.path, pairs, headers)
        assert found is not None
        assert found[0] == case["given"]["name"]
        labels = found[1]
    request = WireRequest(
        method=sent["method"],
        query=pairs if model.protocol.startswith("rest") else [],
        headers={key.lower(): value for key, value in sent.get("headers", {}).items()},
        labels=labels,
        body=body,
    )
    params = operation.parse(request)
    expected = case.get("params") or {}
    assert _plain(params) == _expected_params(operation.input, expected)


@pytest.mark.parametrize(("name", "suite", "case"), OUTPUTS, ids=[i[0] for i in OUTPUTS])
def test_an_answer_of_ours_reads_for_botocore_as_it_was_meant(name, suite, case):
    model = _model(suite, case)
    operation = model.operation(case["given"]["name"])
    boto_model = ServiceModel(
        {
            "metadata": model.metadata,
            "shapes": suite["shapes"],
            "operations": {operation.name: operation.document},
        },
        "vectors",
    )
    boto_operation = BotoOperation(operation.document, boto_model, operation.name)
    parser = create_parser(model.protocol)
    if "error" in case or case["response"]["status_code"] >= 400:
        shape = suite["shapes"].get(case.get("errorCode"), {})
        answer = model.error(
            case["errorCode"],
            case.get("errorMessage", ""),
            request_id="r-1",
            status=case["response"]["status_code"],
            members={k: v for k, v in case.get("error", {}).items() if k.lower() != "message"},
        )
        parsed = parser.parse(_as_received(answer), None)
        code = shape.get("error", {}).get("code", case["errorCode"])
        assert parsed["Error"]["Code"] in (code, case["errorCode"])
        assert parsed["Error"]["Message"] == case.get("errorMessage", "")
        return
    result = _typed(operation.output, case["result"]) if operation.output else {}
    answer = operation.serialize(copy.deepcopy(result), "r-1")
    if answer.events is not None:
        pytest.skip("event streams are read by botocore from a socket; test_eventstream has them")
    parsed = parser.parse(_as_received(answer), boto_operation.output_shape)
    parsed.pop("ResponseMetadata", None)
    assert _plain(parsed) == _plain(_without_empty(result, parsed))


def _as_received(answer: Any) -> dict[str, Any]:
    headers = _Headers()
    for key, value in answer.headers:
        headers[key.lower()] = value
    body = answer.body
    return {"status_code": answer.status, "headers": headers, "body": body, "context": {}}


class _Headers(dict):
    def get(self, key, default=None):
        return super().get(key.lower(), default)

    def __getitem__(self, key):
        return super().__getitem__(key.lower())

    def __contains__(self, key):
        return super().__contains__(key.lower())


def _without_empty(result: Any, parsed: Any) -> Any:
    """botocore's parsers leave out what is not in the answer, and add empty lists in XML."""
    return (
        {k: v for k, v in result.items() if v is not None} if isinstance(result, dict) else result
    )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, datetime):
        return round(seconds_of(value), 3)
    if isinstance(value, float) and value != value:
        return "NaN"
    if isinstance(value, float):
        return round(value, 3)
    if hasattr(value, "read"):
        return value.read()
    return value


def _expected_params(shape: Any, value: Any) -> Any:
    return _plain(_typed(shape, value)) if shape is not None else {}


def _typed(shape: Any, value: Any) -> Any:
    """A vector's value as ours: blobs are bytes, times are seconds, special floats are floats."""
    if value is None or shape.get("document") or shape.get("eventstream"):
        return value
    if shape.type == "structure":
        return {k: _typed(shape.members[k], v) for k, v in value.items() if k in shape.members}
    if shape.type == "list":
        return [_typed(shape.member("member"), v) for v in value]
    if shape.type == "map":
        return {k: _typed(shape.member("value"), v) for k, v in value.items()}
    if shape.type == "blob":
        return value.encode() if isinstance(value, str) else value
    if shape.type in ("float", "double"):
        return float(value)
    if shape.type == "timestamp" and isinstance(value, str):
        from freehold.wire import timestamps

        return timestamps.parse(value, "iso8601")
    if shape.type == "timestamp":
        return float(value)
    if shape.type == "string" and shape.get("jsonvalue") and isinstance(value, str):
        return json.loads(value)
    return value


def test_a_message_survives_its_encoding():
    message = eventstream.Message({":event-type": "x", "n": 7, "t": True, "b": b"1"}, b"payload")
    encoded = eventstream.encode(message)
    assert eventstream.decode(encoded) == (message, len(encoded))
    assert all(eventstream.decode(encoded[:size]) == (None, 0) for size in range(len(encoded)))
