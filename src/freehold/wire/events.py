"""The events of an operation's event stream as messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from freehold.wire import eventstream
from freehold.wire.documents import Documents
from freehold.wire.shapes import Shape


def compile_event_writer(documents: Documents, stream: Shape) -> Callable[[dict[str, Any]], bytes]:
    """A function from {"EventName": {...}} to the bytes of its message."""
    events = {name: _event_writer(documents, name, shape) for name, shape in stream.members.items()}

    def write(event: dict[str, Any]) -> bytes:
        ((name, value),) = event.items()
        return eventstream.encode(events[name](value))

    return write


def _event_writer(
    documents: Documents, name: str, shape: Shape
) -> Callable[[dict[str, Any]], eventstream.Message]:
    kind = "exception" if shape.get("exception") else "event"
    head = {f":{kind}-type": name, ":message-type": kind}
    header_names = [n for n, m in shape.members.items() if m.get("eventheader")]
    payload = next((n for n, m in shape.members.items() if m.get("eventpayload")), None)
    payload_shape = shape.members[payload] if payload else None
    write = documents.writer(shape)

    def encode(value: dict[str, Any]) -> eventstream.Message:
        headers = dict(head)
        headers |= {n: value[n] for n in header_names if value.get(n) is not None}
        if payload_shape is not None and payload_shape.type == "blob":
            headers[":content-type"] = "application/octet-stream"
            return eventstream.Message(headers, bytes(value.get(payload) or b""))
        if payload_shape is not None and payload_shape.type == "string":
            headers[":content-type"] = "text/plain"
            return eventstream.Message(headers, (value.get(payload) or "").encode())
        body = {n: inner for n, inner in value.items() if n not in header_names}
        if payload is not None:
            body = body.get(payload) or {}
            inner_write = documents.writer(payload_shape) if payload_shape else None
            document = inner_write(body) if inner_write else body
        else:
            document = write(body) if write else body
        headers[":content-type"] = "application/json"
        return eventstream.Message(headers, orjson.dumps(document))

    return encode
