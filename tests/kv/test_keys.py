"""Keys in FoundationDB's tuple encoding."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.kv import keys
from freehold.kv.keys import Space, pack, unpack

ELEMENT = st.recursive(
    st.none()
    | st.binary()
    | st.text()
    | st.integers()
    | st.booleans()
    | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("elements", "encoded"),
    [
        (("foo\x00bar",), b"\x02foo\x00\xffbar\x00"),
        ((b"foo\x00bar",), b"\x01foo\x00\xffbar\x00"),
        (((b"foo\x00bar", None, ()),), b"\x05\x01foo\x00\xffbar\x00\x00\xff\x05\x00\x00"),
        ((-5551212,), b"\x11\xabK\x93"),
        ((0,), b"\x14"),
        ((1, 255, 256), b"\x15\x01\x15\xff\x16\x01\x00"),
        ((-1,), b"\x13\xfe"),
        ((True, False), b"\x27\x26"),
        ((-42.0,), b"\x21" + bytes(b ^ 0xFF for b in struct.pack(">d", -42.0))),
    ],
)
def test_examples_of_the_specification(elements, encoded):
    """FoundationDB's design document "Tuple" has these bytes."""
    assert pack(elements) == encoded
    assert unpack(encoded) == elements


@given(st.lists(ELEMENT, max_size=4).map(tuple))
def test_what_is_packed_unpacks(elements):
    assert unpack(pack(elements)) == elements


def rank(element):
    kinds = (type(None), bytes, str, tuple, int, float, bool)
    inner = element
    if isinstance(element, tuple):
        inner = tuple(rank(e) for e in element)
    elif element is None:
        inner = 0
    return kinds.index(type(element)), inner.encode() if isinstance(inner, str) else inner


@given(st.lists(ELEMENT, max_size=3).map(tuple), st.lists(ELEMENT, max_size=3).map(tuple))
def test_order_of_bytes_is_order_of_tuples(one, other):
    if any(element == 0 and isinstance(element, float) for element in (*one, *other)):
        return  # 0.0 equals -0.0 but is encoded apart
    assert (pack(one) < pack(other)) == (
        tuple(rank(e) for e in one) < tuple(rank(e) for e in other)
    ) or repr(one).count("-0.0") + repr(other).count("-0.0") > 0


@given(st.binary(max_size=40))
def test_arbitrary_bytes_raise_nothing_but_value_errors(raw):
    try:
        unpack(raw)
    except (ValueError, IndexError):
        return
    except struct.error:
        return


def test_a_space_keeps_kinds_accounts_and_regions_apart():
    space = Space("sqs", "queue")
    key = space.key(("1", "eu"), "name", 7)
    start, end = space.range(("1", "eu"))
    assert start <= key < end
    assert space.rest(("1", "eu"), key) == ("name", 7)
    for other in (
        space.key(("1", "us"), "name"),
        space.key(("2", "eu"), "name"),
        Space("sqs", "queues").key(("1", "eu"), "name"),
        space.prefix(("1", "eu")),
    ):
        assert not start <= other < end


def test_a_prefix_range_holds_all_that_begin_with_it():
    start, end = keys.prefix_range(b"ab\xff")
    assert start <= b"ab\xff" < b"ab\xff\xff\xff" < end
    assert not start <= b"ac\x00" < end
    with pytest.raises(ValueError, match="prefix"):
        keys.prefix_range(b"\xff")
