"""Every type in every protocol: botocore's serializer to our parser, our serializer to botocore's."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from botocore.model import OperationModel as BotoOperation
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freehold.wire.messages import WireResponse
from freehold.wire.model import Model
from freehold.wire.shapes import Shape

from .boto import received
from .samples import request_of

PROTOCOLS = ["json", "smithy-rpc-v2-cbor", "query", "ec2", "rest-json", "rest-xml"]

SHAPES: dict[str, Any] = {
    "Text": {"type": "string"},
    "Kind": {"type": "string", "enum": ["one", "two"]},
    "Integer": {"type": "integer"},
    "Long": {"type": "long"},
    "Float": {"type": "float"},
    "Double": {"type": "double"},
    "Flag": {"type": "boolean"},
    "Time": {"type": "timestamp"},
    "IsoTime": {"type": "timestamp", "timestampFormat": "iso8601"},
    "HttpTime": {"type": "timestamp", "timestampFormat": "rfc822"},
    "UnixTime": {"type": "timestamp", "timestampFormat": "unixTimestamp"},
    "Blob": {"type": "blob"},
    "Texts": {"type": "list", "member": {"shape": "Text"}},
    "Integers": {"type": "list", "member": {"shape": "Integer"}},
    "NamedTexts": {"type": "list", "member": {"shape": "Text", "locationName": "Item"}},
    "FlatTexts": {"type": "list", "member": {"shape": "Text"}, "flattened": True},
    "Things": {"type": "list", "member": {"shape": "Thing"}},
    "FlatThings": {"type": "list", "member": {"shape": "Thing"}, "flattened": True},
    "Lists": {"type": "list", "member": {"shape": "Texts"}},
    "TextMap": {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Text"}},
    "ThingMap": {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Thing"}},
    "FlatMap": {
        "type": "map",
        "key": {"shape": "Text", "locationName": "K"},
        "value": {"shape": "Integer", "locationName": "V"},
        "flattened": True,
    },
    "Choice": {
        "type": "structure",
        "union": True,
        "members": {"Left": {"shape": "Text"}, "Right": {"shape": "Thing"}},
    },
    "Thing": {
        "type": "structure",
        "required": ["Name"],
        "members": {
            "Name": {"shape": "Text"},
            "Inner": {"shape": "Thing", "locationName": "Within"},
            "Times": {"shape": "Time"},
        },
    },
}
NAMES = [name for name in SHAPES if name != "Thing"]
BODY = {f"My{name}": {"shape": name} for name in [*NAMES, "Thing"]}
RENAMED = {"Renamed": {"shape": "Text", "locationName": "OtherName"}}
SHAPES["Whole"] = {"type": "structure", "members": BODY | RENAMED}

HEADERS: dict[str, Any] = {
    f"Header{name}": {"shape": name, "location": "header", "locationName": f"x-{name}"}
    for name in ("Text", "Kind", "Integer", "Long", "Double", "Flag", "Time", "IsoTime", "UnixTime")
} | {
    "HeaderTexts": {"shape": "Texts", "location": "header", "locationName": "x-texts"},
    "Prefixed": {"shape": "TextMap", "location": "headers", "locationName": "x-meta-"},
    "Json": {
        "shape": "Text",
        "jsonvalue": True,
        "location": "header",
        "locationName": "x-json",
    },
}
OUTSIDE: dict[str, Any] = {
    "Label": {"shape": "Text", "location": "uri", "locationName": "label"},
    "Number": {"shape": "Integer", "location": "uri", "locationName": "number"},
    "Greedy": {"shape": "Text", "location": "uri", "locationName": "greedy"},
} | {
    f"Query{name}": {"shape": name, "location": "querystring", "locationName": f"q-{name}"}
    for name in ("Text", "Integer", "Double", "Flag", "Time", "UnixTime", "Texts", "Integers")
}
SHAPES["RestInput"] = {
    "type": "structure",
    "required": ["Label", "Number", "Greedy"],
    "members": BODY | RENAMED | HEADERS | OUTSIDE,
}
SHAPES["RestOutput"] = {
    "type": "structure",
    "required": ["Prefixed"],  # botocore gives an empty map where there is no such header
    "members": BODY
    | RENAMED
    | HEADERS
    | {"Status": {"shape": "Integer", "location": "statusCode"}},
}


def _document(protocol: str) -> dict[str, Any]:
    rest = protocol.startswith("rest")
    return {
        "metadata": {
            "protocol": protocol,
            "apiVersion": "2020-01-01",
            "serviceId": "Synthetic",
            "targetPrefix": "Synthetic",
            "jsonVersion": "1.1",
            "endpointPrefix": "synthetic",
        },
        "shapes": _unrenamed(SHAPES) if "cbor" in protocol else SHAPES,
        "operations": {
            "Act": {
                "name": "Act",
                "http": {
                    "method": "POST",
                    "requestUri": "/act/{label}/{number}/{greedy+}" if rest else "/",
                },
                "input": {"shape": "RestInput" if rest else "Whole", "locationName": "ActRequest"},
                "output": {
                    "shape": "RestOutput" if rest else "Whole",
                    **({"resultWrapper": "ActResult"} if protocol == "query" else {}),
                },
            }
        },
    }


def _unrenamed(shapes: Any) -> Any:
    """CBOR documents know no names but the members' own."""
    if not isinstance(shapes, dict):
        return shapes
    return {k: _unrenamed(inner) for k, inner in shapes.items() if k != "locationName"}


MODELS = {protocol: Model("synthetic", _document(protocol)) for protocol in PROTOCOLS}
BOTO = {
    protocol: ServiceModel(_document(protocol), "synthetic").operation_model("Act")
    for protocol in PROTOCOLS
}

# XML cannot hold control characters, and normalises ends of lines.
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn")), max_size=8)
WORD = st.text("abcdefghij0123456789-", min_size=1, max_size=8)
SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "string": TEXT,
    "integer": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(width=32, allow_nan=False, allow_infinity=False),
    "double": st.floats(allow_nan=False, allow_infinity=False),
    "boolean": st.booleans(),
    "timestamp": st.integers(0, 4_000_000_000),
    "blob": st.binary(max_size=8),
}


def _values(shape: Shape, least: int, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values of a shape; `least` is how many elements a list or map has at least."""
    if shape.type == "structure":
        optional = {} if depth > 2 else _members(shape, least, depth)
        required = {name: optional.pop(name) for name in shape.required if name in optional}
        required |= {n: TEXT for n in shape.required if n not in required}
        if shape.get("union"):
            return st.one_of(*(st.fixed_dictionaries({n: v}) for n, v in optional.items()))
        return st.fixed_dictionaries(required, optional=optional)
    if shape.type == "list":
        return st.lists(
            _values(shape.member("member"), least, depth + 1), min_size=least, max_size=3
        )
    if shape.type == "map":
        values = _values(shape.member("value"), least, depth + 1)
        return st.dictionaries(TEXT, values, min_size=least, max_size=3)
    if shape.get("jsonvalue"):
        return st.dictionaries(TEXT, st.integers(0, 9), max_size=2)
    if shape.get("enum"):
        return st.sampled_from(shape.get("enum"))
    return SCALARS[shape.type]


def _members(shape: Shape, least: int, depth: int) -> dict[str, st.SearchStrategy[Any]]:
    found = {}
    for name, member in shape.members.items():
        location = member.get("location")
        if location == "header" and member.type == "string" and not member.get("jsonvalue"):
            found[name] = st.sampled_from(member.get("enum")) if member.get("enum") else WORD
        elif location in ("header", "querystring") and member.type == "list":
            words = WORD if member.member("member").type == "string" else SCALARS["integer"]
            found[name] = st.lists(words, min_size=1, max_size=3)
        elif location == "headers":
            found[name] = st.dictionaries(WORD, WORD, min_size=1, max_size=3)
        elif location == "uri" and member.type == "string":
            found[name] = TEXT.filter(bool)
        elif location == "statusCode":
            found[name] = st.integers(200, 299)
        else:
            found[name] = _values(member, least, depth + 1)
    return found


def _least(protocol: str) -> int:
    """Forms and XML answers cannot tell an empty list from none."""
    return 0 if protocol in ("json", "smithy-rpc-v2-cbor", "rest-json") else 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_botocore_sends_is_what_we_read(protocol):
    model, boto = MODELS[protocol], BOTO[protocol]
    operation = model.operation("Act")

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(_values(operation.input, _least(protocol)))
    def check(params):
        path, request = request_of(boto, params)
        if protocol.startswith("rest"):
            found = model.router(request.method, path, request.query, request.headers)
            assert found is not None
            assert found[0] == "Act"
            request.labels = found[1]
        else:
            request.query = []
        assert operation.parse(request) == params

    check()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_we_answer_is_what_botocore_reads(protocol):
    model, boto = MODELS[protocol], BOTO[protocol]
    operation = model.operation("Act")

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(_values(operation.output, _least(protocol)))
    def check(result):
        answer = operation.serialize(result, "r-1")
        assert _read(boto, answer, protocol) == result | (
            {"Status": answer.status} if protocol.startswith("rest") else {}
        )

    check()


def _read(boto: BotoOperation, answer: WireResponse, protocol: str) -> Any:
    parsed = create_parser(protocol).parse(received(answer), boto.output_shape)
    parsed.pop("ResponseMetadata")
    return _seconds(parsed)


def _seconds(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _seconds(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_seconds(inner) for inner in value]
    return value.timestamp() if isinstance(value, datetime) else value


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_ends_of_lines_and_quotes_survive_an_answer(protocol):
    """XML parsers turn a bare carriage return into a line feed."""
    result = {"MyText": "a\r\nb\rc\n\"<&>'\t"}
    if protocol.startswith("rest"):
        result["Prefixed"] = {}  # type: ignore[assignment]
    answer = MODELS[protocol].operation("Act").serialize(result, "r-1")
    assert _read(BOTO[protocol], answer, protocol)["MyText"] == result["MyText"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_answers_of_one_operation_share_nothing(protocol):
    operation = MODELS[protocol].operation("Act")
    operation.serialize({}, "r-1").headers.append(("x", "y"))
    assert ("x", "y") not in operation.serialize({}, "r-2").headers
