"""Whatever comes in, only WireError and InvalidParams come out."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freehold.wire import xml
from freehold.wire.messages import InvalidParams, WireError, WireRequest
from freehold.wire.model import OperationModel, load_model

from .samples import boto_model, request_of, sample
from .test_round_trips import BOTO, MODELS, PROTOCOLS

REAL = [
    ("dynamodb", "PutItem"),
    ("dynamodb", "TransactWriteItems"),
    ("lambda", "CreateFunction"),
    ("s3", "PutBucketLifecycleConfiguration"),
    ("s3", "DeleteObjects"),
    ("iam", "CreateRole"),
    ("ec2", "RunInstances"),
    ("cloudwatch", "PutMetricData"),
]
OPERATIONS: list[tuple[str, OperationModel, WireRequest]] = [
    (protocol, MODELS[protocol].operation("Act"), request_of(boto, sample(shape, whole=True))[1])
    for protocol, boto in BOTO.items()
    if (shape := boto.input_shape)
] + [
    (f"{service}-{name}", load_model(service).operation(name), request_of(boto, params)[1])
    for service, name in REAL
    if (boto := boto_model(service).operation_model(name))
    if (params := sample(boto.input_shape, whole=True))
]
EACH = pytest.mark.parametrize(
    ("operation", "request_"), [pytest.param(o, r, id=i) for i, o, r in OPERATIONS]
)
FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def _read(operation: OperationModel, request: WireRequest) -> None:
    try:
        operation.validate(operation.parse(request))
    except WireError as error:
        assert error.code
        assert error.message.isprintable() or "'" in error.message
    except InvalidParams as error:
        assert error.message


@EACH
def test_any_bytes_are_read_or_refused(operation, request_):
    @FUZZ
    @given(st.binary())
    def check(body: bytes) -> None:
        _read(operation, _with(request_, body=body))

    check()


@EACH
def test_a_mutated_body_is_read_or_refused(operation, request_):
    @FUZZ
    @given(st.data())
    def check(data: st.DataObject) -> None:
        body = bytearray(request_.body)
        for _ in range(data.draw(st.integers(1, 4))):
            start = data.draw(st.integers(0, len(body)))
            end = data.draw(st.integers(start, min(len(body), start + 8)))
            body[start:end] = data.draw(st.binary(max_size=4) | st.sampled_from(PIECES))
        _read(operation, _with(request_, body=bytes(body)))

    check()


PIECES = [
    b"null",
    b"[]",
    b"{}",
    b'""',
    b"1e999",
    b"9" * 5000,
    b"&",
    b"..",
    b"=",
    b"%ff",
    b"<a/>",
    b"</",
    b"<![CDATA[",
    b"&#0;",
    b"&lt;",
    b"\xff",
    b"\x9f",
    b"\xc2\x58\x40" + b"\xff" * 64,
    b"\xfb\x7f\xf8\0\0\0\0\0\0",
]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@pytest.mark.parametrize("protocol", ["json", "rest-json"])
def test_any_json_is_read_or_refused(protocol):
    operation = MODELS[protocol].operation("Act")
    names = [name for name, member in operation.input.members.items()]

    @FUZZ
    @given(st.dictionaries(st.sampled_from(names), JSON))
    def check(document: Any) -> None:
        _read(operation, WireRequest(body=orjson.dumps(document)))

    check()


@pytest.mark.parametrize("protocol", ["rest-json", "rest-xml"])
def test_any_headers_query_and_labels_are_read_or_refused(protocol):
    operation = MODELS[protocol].operation("Act")
    places: dict[str, list[str]] = {"header": [], "querystring": [], "uri": []}
    for name, member in operation.input.members.items():
        if member.get("location") in places:
            places[member.get("location")].append(member.wire_name(name).lower())

    @FUZZ
    @given(
        st.dictionaries(st.sampled_from(places["header"]), st.text()),
        st.lists(st.tuples(st.sampled_from(places["querystring"]), st.text())),
        st.dictionaries(st.sampled_from(places["uri"]), st.text()),
    )
    def check(headers: Any, query: Any, labels: Any) -> None:
        _read(operation, WireRequest(headers=headers, query=query, labels=labels))

    check()


NUMBERS = ["", " ", "1_0", "\u0661", "0x1", "1e5", "nan", "inf", "--1", "9" * 5000, str(2**31)]


@pytest.mark.parametrize("text", NUMBERS)
def test_what_only_python_reads_as_a_number_is_refused(text):
    operation = MODELS["query"].operation("Act")
    with pytest.raises(WireError):
        operation.parse(WireRequest(body=f"MyInteger={text}".encode()))


BILLION_LAUGHS = (
    b'<!DOCTYPE a [<!ENTITY e0 "ha">'
    + b"".join(
        b'<!ENTITY e%d "%s">' % (number, b"&e%d;" % (number - 1) * 10) for number in range(1, 30)
    )
    + b"]><a>&e29;</a>"
)
BOMBS: list[tuple[str, bytes]] = [
    ("rest-xml", BILLION_LAUGHS),
    ("rest-xml", b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>'),
    ("rest-xml", b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'),
    ("rest-xml", b'<?xml version="1.0" encoding="rot13"?><a/>'),
    ("rest-xml", '<?xml version="1.0" encoding="utf-16"?><a/>'.encode("utf-16")),
    ("rest-xml", b"<a>&undefined;</a>"),
    ("rest-xml", b"<a>\xff</a>"),
    ("rest-xml", b"<a>" * 200_000),
    ("rest-json", b"[" * 200_000),
    ("rest-json", b'{"MyThing":' + b'{"Within":' * 500 + b"{}" + b"}" * 501),
    ("rest-json", b'{"MyText":"\xff"}'),
    ("rest-json", b'{"MyText":"\\ud800"}'),
    ("json", b'{"MyThing":' + b'{"Within":' * 300 + b"{}" + b"}" * 301),
    ("json", b'{"a":' * 300 + b"1" + b"}" * 300),
    ("json", b'{"MyLong":' + b"9" * 100_000 + b"}"),
    ("query", b"MyThing" + b".Within" * 100 + b".Name=x"),
    ("query", b"&".join(b"a%d=1" % number for number in range(50_000))),
    ("query", b"MyText=%ff"),
    ("ec2", b"MyThing" + b".Within" * 100_000 + b".Name=x"),
    ("smithy-rpc-v2-cbor", b"\xa1\x67MyThing" + b"\xa1\x66Within" * 100_000),
    ("smithy-rpc-v2-cbor", b"\xa1\x67MyTexts\x9b" + b"\xff" * 8),
    ("smithy-rpc-v2-cbor", b"\xa1\x66MyBlob\x5b" + b"\x7f" * 8),
    ("smithy-rpc-v2-cbor", b"\xa1\x66MyText\x61\xff"),
]


@pytest.mark.parametrize(("protocol", "body"), BOMBS, ids=[f"{p}-{b[:40]!r}" for p, b in BOMBS])
def test_a_bomb_is_refused(protocol, body):
    """Before it is expanded: what it stands for would take the test's whole memory, or days."""
    operation = MODELS[protocol].operation("Act")
    with pytest.raises((WireError, InvalidParams)):
        operation.validate(operation.parse(WireRequest(body=body)))


def test_text_between_elements_is_not_gathered():
    """A document of 1 MB cost the square of its length."""
    assert xml.parse(b"<a>x<b/>y<b>z</b></a>").text == "x"


INJECTIONS = [
    {"HeaderText": "a\r\nSet-Cookie: b=c"},
    {"HeaderTexts": ["a", "b\r\nSet-Cookie: b=c"]},
    {"Prefixed": {"k": "a\nSet-Cookie: b=c"}},
    {"Prefixed": {"k: v\r\nSet-Cookie": "b=c"}},
    {"Prefixed": {"k: v": "w"}},
    {"HeaderText": "a\x00b\x7f\x85\u2028c"},
]


@pytest.mark.parametrize("result", INJECTIONS, ids=repr)
@pytest.mark.parametrize("protocol", ["rest-json", "rest-xml"])
def test_no_value_of_an_answer_ends_its_header(protocol, result):
    for name, value in MODELS[protocol].operation("Act").serialize(result, "r-1").headers:
        assert all(character.isprintable() for character in name + value)
        assert not set(name) & set(' :()<>@,;\\"/[]?={}')


def test_a_text_payload_that_is_not_utf_8_is_refused():
    with pytest.raises(WireError):
        load_model("s3").operation("PutBucketPolicy").parse(WireRequest(body=b"\xff"))


def _with(request: WireRequest, *, body: bytes) -> WireRequest:
    return WireRequest(
        method=request.method, query=request.query, headers=request.headers, body=body
    )


def test_every_protocol_is_fuzzed():
    assert {name for name, _, _ in OPERATIONS} >= set(PROTOCOLS)
