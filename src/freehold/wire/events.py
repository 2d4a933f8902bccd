"""The events of an operation's event stream as messages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from freehold.wire import eventstream
from freehold.wire.shapes import Shape
from freehold.wire.timestamps import seconds_of

# Clients of RPC protocols take the answer's other members from an event before all others.
INITIAL_RESPONSE = "initial-response"

WriteDocument = Callable[[Any], bytes]
WriteEvent = Callable[[dict[str, Any]], bytes]


def compile_event_writer(
    stream: Shape,
    compile_document: Callable[[Shape], WriteDocument],
    content_type: str,
    *,
    initial: Shape | None = None,
) -> WriteEvent:
    """A function from {"EventName": {...}} to the bytes of its message.

    `initial` is the shape of an answer whose other members open the stream.
    """
    events = {
        name: _event_writer(name, shape, compile_document, content_type)
        for name, shape in stream.members.items()
    }
    if initial is not None:
        events[INITIAL_RESPONSE] = _event_writer(
            INITIAL_RESPONSE, initial, compile_document, content_type
        )

    def write(event: dict[str, Any]) -> bytes:
        ((name, value),) = event.items()
        return eventstream.encode(events[name](value))

    return write


async def opened_by(initial: Any, events: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """The initial response, then the events."""
    try:
        yield {INITIAL_RESPONSE: initial}
        async for event in events:
            yield event
    finally:
        # Whoever gives up the answer gives up the service's events behind it.
        close = getattr(events, "aclose", None)
        if close is not None:
            await close()


def _event_writer(
    name: str, shape: Shape, compile_document: Callable[[Shape], WriteDocument], content_type: str
) -> Callable[[dict[str, Any]], eventstream.Message]:
    kind = "exception" if shape.get("exception") else "event"
    head: dict[str, Any] = {f":{kind}-type": name, ":message-type": kind}
    header_values = {
        member_name: seconds_of if member.type == "timestamp" else _same
        for member_name, member in shape.members.items()
        if member.get("eventheader")
    }
    has_body = len(shape.members) > len(header_values)
    payload = next((n for n, m in shape.members.items() if m.get("eventpayload")), None)
    body_type, write_body = _body_writer(
        shape if payload is None else shape.members[payload], compile_document, content_type
    )

    def encode(value: dict[str, Any]) -> eventstream.Message:
        headers = dict(head)
        for header_name, convert in header_values.items():
            if value.get(header_name) is not None:
                headers[header_name] = convert(value[header_name])
        if not has_body and name != INITIAL_RESPONSE:
            return eventstream.Message(headers)
        headers[":content-type"] = body_type
        if payload is None:
            body = {key: inner for key, inner in value.items() if key not in header_values}
            return eventstream.Message(headers, write_body(body))
        return eventstream.Message(headers, write_body(value.get(payload)))

    return encode


def _body_writer(
    shape: Shape, compile_document: Callable[[Shape], WriteDocument], content_type: str
) -> tuple[str, WriteDocument]:
    if shape.type == "blob":
        return "application/octet-stream", lambda value: bytes(value or b"")
    if shape.type == "string":
        return "text/plain", lambda value: (value or "").encode()
    write = compile_document(shape)
    return content_type, lambda value: write(value or {})


def _same(value: Any) -> Any:
    return value
