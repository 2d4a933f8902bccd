"""Event streams: every type of header, one byte at a time, cut short and bent."""

from __future__ import annotations

import struct
import zlib

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from freehold.wire.eventstream import (
    HEADERS_BYTES_MAX,
    MESSAGE_BYTES_MAX,
    EventStreamError,
    Message,
    decode,
    encode,
)

# The encoding of each type as the specification of event streams lists them.
HEADERS = {
    "true": (b"\x00", True),
    "false": (b"\x01", False),
    "byte": (b"\x02\xff", -1),
    "short": (b"\x03\x80\x00", -(2**15)),
    "integer": (b"\x04\x00\x01\x00\x00", 65536),
    "long": (b"\x05" + struct.pack(">q", -(2**63)), -(2**63)),
    "bytes": (b"\x06\x00\x03\x00\x01\x02", b"\x00\x01\x02"),
    "string": (b"\x07\x00\x03\xe6\xb0\xb4", "水"),
    "time": (b"\x08" + struct.pack(">q", 1_600_000_000_123), 1_600_000_000.123),
    "uuid": (b"\x09" + bytes(range(16)), bytes(range(16))),
}
WRITTEN = ("true", "false", "integer", "long", "bytes", "string", "time")


def _message(headers: bytes, payload: bytes = b"") -> bytes:
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    whole = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return whole + struct.pack(">I", zlib.crc32(whole))


def _header(name: bytes, encoded: bytes) -> bytes:
    return bytes([len(name)]) + name + encoded


@pytest.mark.parametrize("name", HEADERS)
def test_every_type_of_header_reads(name):
    encoded, value = HEADERS[name]
    raw = _message(_header(b"h", encoded), b"body")
    assert decode(raw) == (Message({"h": value}, b"body"), len(raw))


@pytest.mark.parametrize("name", WRITTEN)
def test_a_header_is_written_as_the_specification_says(name):
    encoded, value = HEADERS[name]
    assert encode(Message({"h": value}, b"body")) == _message(_header(b"h", encoded), b"body")


def test_messages_come_out_one_byte_at_a_time():
    messages = [Message({":event-type": str(n), "n": n}, b"x" * n) for n in range(5)]
    buffer, found = b"", []
    for byte in b"".join(encode(message) for message in messages):
        buffer += bytes([byte])
        message, taken = decode(buffer)
        if message is not None:
            found.append(message)
            buffer = buffer[taken:]
    assert found == messages
    assert buffer == b""


def test_a_bytearray_and_a_longer_buffer_read_the_same():
    first, second = Message({"a": "b"}, b"1"), Message({"c": True}, b"2")
    buffer = bytearray(encode(first) + encode(second))
    message, taken = decode(buffer)
    assert message == first
    assert decode(buffer[taken:]) == (second, len(buffer) - taken)


VALUES = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.binary(max_size=20)
    | st.text(max_size=20)
    | st.integers(0, 4_000_000_000_000).map(lambda milliseconds: milliseconds / 1000)
)
MESSAGES = st.builds(
    Message, st.dictionaries(st.text("abc:-", min_size=1, max_size=9), VALUES), st.binary()
)


@given(MESSAGES)
def test_a_message_survives_and_botocore_reads_it(message):
    raw = encode(message)
    assert decode(raw) == (message, len(raw))
    buffer = EventStreamBuffer()
    buffer.add_data(raw)
    (read,) = list(buffer)
    assert read.payload == message.payload
    assert read.headers == {
        name: round(value * 1000) if isinstance(value, float) else value
        for name, value in message.headers.items()
    }


@given(MESSAGES, st.data())
def test_a_message_that_is_not_all_there_is_waited_for(message, data):
    raw = encode(message)
    assert decode(raw[: data.draw(st.integers(0, len(raw) - 1))]) == (None, 0)


@given(MESSAGES, st.data())
def test_a_bent_message_is_refused(message, data):
    """Each of the two checksums finds every single bit that flips."""
    raw = bytearray(encode(message))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(EventStreamError):
        decode(bytes(raw))


@given(st.binary(max_size=40), st.binary(max_size=8))
def test_any_headers_under_right_checksums_are_read_or_refused(headers, payload):
    raw = _message(headers, payload)
    try:
        message, taken = decode(raw)
    except EventStreamError:
        return
    assert message is not None
    assert message.payload == payload
    assert taken == len(raw)


@given(st.binary(max_size=60))
def test_any_bytes_are_refused_or_waited_for(raw):
    try:
        assert decode(raw) == (None, 0)
    except EventStreamError as error:
        assert str(error)


@pytest.mark.parametrize(
    ("total", "headers"),
    [
        (15, 0),
        (0, 0),
        (100, 85),
        (MESSAGE_BYTES_MAX + 1, 0),
        (2**32 - 1, 2**32 - 1),
        (HEADERS_BYTES_MAX + 100, HEADERS_BYTES_MAX + 1),
    ],
)
def test_an_impossible_length_is_refused_before_anything_is_awaited(total, headers):
    prelude = struct.pack(">II", total, headers)
    with pytest.raises(EventStreamError):
        decode(prelude + struct.pack(">I", zlib.crc32(prelude)))


@pytest.mark.parametrize(
    "headers",
    [
        b"\x01",
        b"\x05ab",
        b"\x01a",
        b"\x01a\x0a",
        b"\x01a\x04\x00",
        b"\x01a\x07\x00",
        b"\x01a\x07\x00\x05ab",
        b"\x01a\x07\x00\x01\xff",
        b"\x01\xff\x00",
        b"\x01a\x09" + bytes(15),
    ],
)
def test_broken_headers_are_refused(headers):
    with pytest.raises(EventStreamError):
        decode(_message(headers))
