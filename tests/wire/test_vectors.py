"""botocore's protocol vectors in reverse: what its clients send we read, what we write its clients read."""

from __future__ import annotations

import base64
import copy
import json
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from botocore.eventstream import EventStream
from botocore.model import OperationModel as BotoOperation
from botocore.model import ServiceModel
from botocore.parsers import create_parser

from freehold.wire import timestamps
from freehold.wire.messages import WireRequest
from freehold.wire.timestamps import seconds_of

from .boto import Events, received
from .vectors import Vector, model_of, vectors

INPUTS = list(vectors("input"))
OUTPUTS = list(vectors("output"))

pytestmark = pytest.mark.skipif(
    not INPUTS, reason="botocore's vectors are not here; script/setup fetches them"
)

UNREADABLE_INPUTS = {
    "RestJsonHostWithPath": "the path of the client's endpoint is not the service's affair",
    "QueryFlattenedListArgWithXmlName": "no real model names both a flattened list and its member, "
    "and botocore would send the member's name",
    "BodyWithXmlName": "real models repeat a member's name at its shape, and botocore reads it there",
}

# Requests that say less, or other, than the params they were made from.
READS_AS: dict[str, dict[str, Any]] = {
    # Nothing is sent for an empty list, map or prefix.
    "Ec2EmptyQueryLists": {},
    "QueryEmptyQueryMaps": {},
    "RestJsonOmitsEmptyListQueryValues": {},
    "RestJsonHttpPrefixHeadersAreNotPresent": {"foo": "Foo"},
    "HttpPrefixHeadersAreNotPresent": {"foo": "Foo"},
    "legacy-rest-json-26.1": {},
    "legacy-rest-xml-26.1": {},
    # An absent payload that is a structure is sent as an empty one.
    "RestJsonHttpWithEmptyStructurePayload": {"payloadConfig": {}},
    "RestJsonHttpWithHeadersButNoPayload": {"testId": "t-12345", "payloadConfig": {}},
    "legacy-rest-json-13.1": {"foo": {}},
    "legacy-rest-json-25.2": {"payloadConfig": {}},
    "legacy-rest-json-25.4": {"testId": "t-12345", "payloadConfig": {}},
    # A client says what kind of body it sends even where the params do not.
    "legacy-rest-json-25.7": {"contentType": "application/octet-stream"},
}

UNREADABLE_OUTPUTS = (
    dict.fromkeys(
        ("Ec2XmlLists", "QueryXmlLists", "XmlLists"),
        "botocore looks for a flattened list under its member's name, and the members of this "
        "structure share one",
    )
    | dict.fromkeys(
        ("RestJsonHttpPayloadWithUnsetUnion", "RestXmlHttpPayloadWithUnsetUnion"),
        "botocore refuses an absent union payload",
    )
    | dict.fromkeys(
        ("legacy-rest-json-17.2", "legacy-rest-xml-16.2"),
        "a result of ours has only members that the model knows",
    )
)

# botocore splits every header at commas, so it cannot read these; the headers themselves must be right.
UNREADABLE_HEADERS = {
    "InputAndOutputWithTimestampHeaders",
    "RestJsonInputAndOutputWithTimestampHeaders",
    "RestJsonInputAndOutputWithQuotedStringHeaders",
}


@pytest.mark.parametrize("vector", [pytest.param(v, id=v.id) for v in INPUTS])
def test_a_request_of_botocore_reads_as_the_params_it_was_made_from(vector: Vector) -> None:
    if vector.name in UNREADABLE_INPUTS:
        pytest.skip(UNREADABLE_INPUTS[vector.name])
    if "requestcompression" in vector.case["given"] and "body" not in vector.case["serialized"]:
        pytest.skip("the vector has the headers of a compressed body without the body")
    model = model_of(vector)
    operation = model.operation(vector.case["given"]["name"])
    params = operation.parse(_request(vector))
    expected = vector.case.get("params") or {}
    if operation.input is None:
        assert params == {}
        return
    if vector.name in READS_AS:
        expected = READS_AS[vector.name]
    for name, member in operation.input.members.items():
        if member.get("idempotencyToken") and name not in expected:
            # A client fills the token in; botocore's runner fixes which.
            expected = {**expected, name: "00000000-0000-4000-8000-000000000000"}
        if member.get("location") == "querystring" and member.type == "map":
            # A client's map adds to what named members send; a service sees the whole query in it
            # (Smithy's server-side vector ServersPutAllQueryParamsInMap).
            expected = {**expected, name: _whole_query(vector, member)}
    assert _plain(params) == _plain(_typed(operation.input, expected))


def _request(vector: Vector) -> WireRequest:
    model = model_of(vector)
    sent = vector.case["serialized"]
    url = urlsplit(sent["uri"])
    text = sent.get("body", "")
    body = base64.b64decode(text) if "cbor" in model.protocol else text.encode()
    method = sent.get("method", vector.case["given"].get("http", {}).get("method", "POST"))
    headers = {key.lower(): value for key, value in sent.get("headers", {}).items()}
    if not model.protocol.startswith("rest"):
        return WireRequest(method=method, headers=headers, body=body)
    pairs = parse_qsl(url.query, keep_blank_values=True)
    found = model.router(method, url.path, pairs, headers)
    assert found is not None
    assert found[0] == vector.case["given"]["name"]
    return WireRequest(method=method, query=pairs, headers=headers, labels=found[1], body=body)


def _whole_query(vector: Vector, shape: Any) -> dict[str, Any] | None:
    query = parse_qs(urlsplit(vector.case["serialized"]["uri"]).query, keep_blank_values=True)
    if shape.member("value").type == "list":
        return query or None
    return {key: values[0] for key, values in query.items()} or None


@pytest.mark.parametrize("vector", [pytest.param(v, id=v.id) for v in OUTPUTS])
def test_an_answer_of_ours_reads_for_botocore_as_it_was_meant(vector: Vector) -> None:
    if vector.name in UNREADABLE_OUTPUTS:
        pytest.skip(UNREADABLE_OUTPUTS[vector.name])
    if "errorCode" in vector.case:
        _check_error(vector)
        return
    model = model_of(vector)
    operation = model.operation(vector.case["given"]["name"])
    result = _typed(operation.output, vector.case["result"]) if operation.output else {}
    answer = operation.serialize(copy.deepcopy(result), "r-1")
    if vector.name in UNREADABLE_HEADERS:
        assert set(vector.case["response"]["headers"].items()) <= set(answer.headers)
        return
    boto_model = _boto_model(vector)
    output = BotoOperation(operation.document, boto_model, operation.name).output_shape
    parsed = create_parser(model.protocol).parse(received(answer), output)
    parsed.pop("ResponseMetadata", None)
    assert _plain(parsed) == _plain(_as_botocore_says(operation.output, result))


def _check_error(vector: Vector) -> None:
    model, case = model_of(vector), vector.case
    code, shape = case["errorCode"], vector.suite["shapes"].get(case["errorCode"], {})
    members = {k: v for k, v in case.get("error", {}).items() if k.lower() != "message"}
    message = case.get("errorMessage", case.get("error", {}).get("message", "Hi"))
    status = case["response"]["status_code"]
    answer = model.error(code, message, request_id="r-1", status=status, members=members)
    parser = create_parser(model.protocol)
    parsed = parser.parse(received(answer), None)
    assert parsed["ResponseMetadata"]["HTTPStatusCode"] == status
    assert parsed["Error"]["Code"] in (shape.get("error", {}).get("code", code), code)
    assert parsed["Error"]["Message"] == message
    if shape:
        # What a client does to fill in the members of an exception that the model knows.
        boto_shape = _boto_model(vector).shape_for(code)
        modeled = parser.parse(received(answer), boto_shape)
        modeled = {key: value for key, value in modeled.items() if key in members}
        assert _plain(modeled) == _plain(members)


def _boto_model(vector: Vector) -> ServiceModel:
    model = model_of(vector)
    document = {
        "metadata": model.metadata,
        "shapes": model.shapes,
        "operations": model.documents,
    }
    return ServiceModel(document, "vectors")


def _as_botocore_says(output: Any, result: dict[str, Any]) -> dict[str, Any]:
    """botocore reads a payload that is a blob as text, and an absent one as empty."""
    payload = output.get("payload") if output is not None else None
    if payload is None or output.members[payload].type not in ("blob", "string"):
        return result
    value = result.get(payload) or b""
    text = value.decode() if isinstance(value, bytes) else value
    return {**result, payload: text}


def _typed(shape: Any, value: Any) -> Any:
    """A vector's value as ours: blobs are bytes, times are seconds, special floats are floats."""
    if value is None or shape.get("document"):
        return value
    if shape.get("eventstream"):
        return Events([{k: _typed(shape.members[k], v) for k, v in e.items()} for e in value])
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
    if shape.type == "timestamp":
        return timestamps.parse(value, "iso8601") if isinstance(value, str) else float(value)
    if shape.type == "string" and shape.get("jsonvalue") and isinstance(value, str):
        return json.loads(value)
    return value


def _plain(value: Any) -> Any:
    """Values that compare: members that are null are absent, times are seconds, floats have names."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, (EventStream, Events)):
        return [_plain(event) for event in value]
    if isinstance(value, datetime):
        return round(seconds_of(value), 3)
    if isinstance(value, float) and value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, float):
        return round(value, 3)
    if hasattr(value, "read"):
        return value.read()
    return value
