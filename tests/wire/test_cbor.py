"""CBOR: RFC 8949's own examples (appendix A), as far as the protocol allows them."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.wire.cbor import CborError, dumps, loads


class Time(float): ...


ALLOWED = {
    "00": 0,
    "01": 1,
    "0a": 10,
    "17": 23,
    "1818": 24,
    "1819": 25,
    "1864": 100,
    "1903e8": 1000,
    "1a000f4240": 1000000,
    "1b000000e8d4a51000": 1000000000000,
    "1bffffffffffffffff": 18446744073709551615,
    "c249010000000000000000": 18446744073709551616,
    "3bffffffffffffffff": -18446744073709551616,
    "c349010000000000000000": -18446744073709551617,
    "20": -1,
    "29": -10,
    "3863": -100,
    "3903e7": -1000,
    "f90000": 0.0,
    "f93c00": 1.0,
    "fb3ff199999999999a": 1.1,
    "f93e00": 1.5,
    "f97bff": 65504.0,
    "fa47c35000": 100000.0,
    "fa7f7fffff": 3.4028234663852886e38,
    "fb7e37e43c8800759c": 1.0e300,
    "f90001": 5.960464477539063e-8,
    "f90400": 0.00006103515625,
    "f9c400": -4.0,
    "fbc010666666666666": -4.1,
    "f97c00": math.inf,
    "f9fc00": -math.inf,
    "fa7f800000": math.inf,
    "fb7ff0000000000000": math.inf,
    "fbfff0000000000000": -math.inf,
    "f4": False,
    "f5": True,
    "f6": None,
    "f7": None,
    "c11a514b67b0": 1363896240,
    "c1fb41d452d9ec200000": 1363896240.5,
    "40": b"",
    "4401020304": b"\x01\x02\x03\x04",
    "60": "",
    "6161": "a",
    "6449455446": "IETF",
    "62225c": '"\\',
    "62c3bc": "ü",
    "63e6b0b4": "水",
    "64f0908591": "𐅑",
    "80": [],
    "83010203": [1, 2, 3],
    "8301820203820405": [1, [2, 3], [4, 5]],
    "98190102030405060708090a0b0c0d0e0f101112131415161718181819": list(range(1, 26)),
    "a0": {},
    "a26161016162820203": {"a": 1, "b": [2, 3]},
    "826161a161626163": ["a", {"b": "c"}],
    "a56161614161626142616361436164614461656145": dict(zip("abcde", "ABCDE", strict=True)),
    "5f42010243030405ff": b"\x01\x02\x03\x04\x05",
    "7f657374726561646d696e67ff": "streaming",
    "9fff": [],
    "9f018202039f0405ffff": [1, [2, 3], [4, 5]],
    "9f01820203820405ff": [1, [2, 3], [4, 5]],
    "83018202039f0405ff": [1, [2, 3], [4, 5]],
    "83019f0203ff820405": [1, [2, 3], [4, 5]],
    "9f0102030405060708090a0b0c0d0e0f101112131415161718181819ff": list(range(1, 26)),
    "bf61610161629f0203ffff": {"a": 1, "b": [2, 3]},
    "826161bf61626163ff": ["a", {"b": "c"}],
    "bf6346756ef563416d7421ff": {"Fun": True, "Amt": -2},
    # Longer than need be, which RFC 8949 allows a decoder to take.
    "1800": 0,
    "190001": 1,
    "1b0000000000000001": 1,
    "780161": "a",
    "9a0000000101": [1],
}

REFUSED = {
    "f0": "a simple value",
    "f8ff": "a simple value of two bytes",
    "c074323031332d30332d32315432303a30343a30305a": "a time as text: the protocol has epoch seconds",
    "d74401020304": "a tag that the protocol does not know",
    "d818456449455446": "CBOR in CBOR",
    "d82076687474703a2f2f7777772e6578616d706c652e636f6d": "a URI",
    "a201020304": "keys that are numbers",
    "c16161": "a time that is text",
    "c1c101": "a time of a time",
    "": "nothing",
    "0000": "two documents",
    "18": "a length that is not there",
    "1c": "a reserved length",
    "1f": "an integer without a length",
    "61": "text that is not there",
    "61ff": "text that is not UTF-8",
    "7f41ffff": "bytes among pieces of text",
    "5f6161ff": "text among pieces of bytes",
    "7f7f6161ffff": "pieces of pieces",
    "7f6161": "pieces without an end",
    "7f61c361bcff": "a character across two pieces",
    "81": "an element that is not there",
    "81ff": "a break for an element",
    "ff": "a break alone",
    "9f01": "an array without an end",
    "a16161": "a value that is not there",
    "a16161ff": "a break for a value",
    "bf6161ff": "a break for a value without a length",
    "bf01ff": "a key that is a number",
    "c1ff": "a tag of a break",
    "dfff": "a tag without a number",
}


@pytest.mark.parametrize("document", ALLOWED)
def test_an_example_of_the_rfc_reads_as_it_says(document):
    value = loads(bytes.fromhex(document))
    assert value == ALLOWED[document]
    assert type(value) is type(ALLOWED[document])


@pytest.mark.parametrize("document", ["f97e00", "fa7fc00000", "fb7ff8000000000000"])
def test_nan_reads_as_nan(document):
    assert math.isnan(loads(bytes.fromhex(document)))


@pytest.mark.parametrize("document", REFUSED, ids=list(REFUSED.values()))
def test_what_the_protocol_does_not_allow_is_refused(document):
    with pytest.raises(CborError):
        loads(bytes.fromhex(document))


@pytest.mark.parametrize("major", range(2, 6))
@pytest.mark.parametrize("length", [2**16, 2**32 - 1, 2**63, 2**64 - 1])
def test_a_claimed_length_costs_nothing(major, length):
    with pytest.raises(CborError):
        loads(bytes([major << 5 | 27]) + struct.pack(">Q", length) + b"aa")


@pytest.mark.parametrize("opening", [b"\x81", b"\x9f", b"\xa1aa", b"\xbfaa", b"\xc1", b"\xc2"])
def test_nesting_has_a_limit(opening):
    with pytest.raises(CborError):
        loads(opening * 100_000 + b"\x00")


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.binary()
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(VALUES)
def test_a_value_survives(value):
    assert loads(dumps(value, Time)) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_time_is_tagged(seconds):
    document = dumps(Time(seconds), Time)
    assert document[0] == 0xC1
    assert loads(document) == seconds


@given(VALUES, st.data())
def test_a_document_that_ends_early_is_refused(value, data):
    document = dumps([value], Time)
    size = data.draw(st.integers(0, len(document) - 1))
    with pytest.raises(CborError):
        loads(document[:size])


@given(st.binary())
def test_any_bytes_are_a_value_or_refused(document):
    try:
        loads(document)
    except CborError as error:
        assert str(error)
