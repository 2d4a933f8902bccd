"""What REST protocols put outside the body: labels of the path, the query, headers, the status code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from freehold.wire.messages import WireError, WireRequest, WireResponse
from freehold.wire.scalars import text_reader, text_writer
from freehold.wire.shapes import Shape

REQUEST_LOCATIONS = ("uri", "querystring", "header", "headers")
# Where an answer's member can be besides the body; a label or a query has no meaning in an answer.
ANSWER_LOCATIONS = ("header", "headers", "statusCode")
_MALFORMED = "SerializationException"
_TIMESTAMP_FORMS = {"header": "rfc822", "uri": "iso8601", "querystring": "iso8601"}

ReadRequest = Callable[[WireRequest, dict[str, Any]], None]
WriteResponse = Callable[[Any, WireResponse], None]


def compile_request_reader(shape: Shape) -> list[ReadRequest]:
    """Functions that read the members outside the body into params."""
    readers = []
    for name, member in shape.members.items():
        location = member.get("location")
        if location == "uri":
            readers.append(_label_reader(name, member))
        elif location == "querystring":
            readers.append(_query_reader(name, member))
        elif location == "header":
            readers.append(_header_reader(name, member))
        elif location == "headers":
            readers.append(_prefix_reader(name, member))
    return readers


def compile_response_writer(shape: Shape) -> list[WriteResponse]:
    """Functions that write members of the answer to headers and status."""
    writers = []
    for name, member in shape.members.items():
        location = member.get("location")
        if location == "header":
            writers.append(_header_writer(name, member))
        elif location == "headers":
            writers.append(_prefix_writer(name, member))
        elif location == "statusCode":
            writers.append(_status_writer(name))
    return writers


def _scalar(member: Shape, location: str) -> Callable[[str], Any]:
    return text_reader(member, timestamp_form=_TIMESTAMP_FORMS[location], malformed=_MALFORMED)


def _label_reader(name: str, member: Shape) -> ReadRequest:
    convert = _scalar(member, "uri")
    wire_name = member.wire_name(name)

    def read(request: WireRequest, params: dict[str, Any]) -> None:
        if wire_name in request.labels:
            params[name] = convert(request.labels[wire_name])

    return read


def _query_reader(name: str, member: Shape) -> ReadRequest:
    wire_name = member.wire_name(name)
    if member.type == "list":
        item = _scalar(member.member("member"), "querystring")

        def read_list(request: WireRequest, params: dict[str, Any]) -> None:
            found = [item(text) for key, text in request.query if key == wire_name]
            if found:
                params[name] = found

        return read_list
    if member.type == "map":
        is_multiple = member.member("value").type == "list"

        # The whole query, with what other members read of it (Smithy's vector
        # ServersPutAllQueryParamsInMap).
        def read_map(request: WireRequest, params: dict[str, Any]) -> None:
            found: dict[str, Any] = {}
            for key, text in request.query:
                if is_multiple:
                    found.setdefault(key, []).append(text)
                else:
                    found.setdefault(key, text)
            if found:
                params[name] = found

        return read_map
    convert = _scalar(member, "querystring")

    def read(request: WireRequest, params: dict[str, Any]) -> None:
        for key, text in request.query:
            if key == wire_name:
                params[name] = convert(text)
                return

    return read


def _header_reader(name: str, member: Shape) -> ReadRequest:
    wire_name = member.wire_name(name).lower()
    if member.type == "list":
        item_shape = member.member("member")
        item = _scalar(item_shape, "header")
        has_commas = (
            item_shape.type == "timestamp"
            and item_shape.get("timestampFormat", "rfc822") == "rfc822"
        )

        def read_list(request: WireRequest, params: dict[str, Any]) -> None:
            text = request.headers.get(wire_name)
            if text is not None:
                pieces = _split_dates(text) if has_commas else _split_list(text)
                params[name] = [item(piece) for piece in pieces]

        return read_list
    convert = _scalar(member, "header")

    def read(request: WireRequest, params: dict[str, Any]) -> None:
        text = request.headers.get(wire_name)
        if text is not None and (text or member.type == "string"):
            params[name] = convert(text)

    return read


def _prefix_reader(name: str, member: Shape) -> ReadRequest:
    prefix = member.wire_name("").lower()

    def read(request: WireRequest, params: dict[str, Any]) -> None:
        found = {
            key[len(prefix) :]: text
            for key, text in request.headers.items()
            if key.startswith(prefix) and len(key) > len(prefix)
        }
        if found:
            params[name] = found

    return read


def _header_writer(name: str, member: Shape) -> WriteResponse:
    wire_name = member.wire_name(name)
    if member.type == "list":
        item = member.member("member")
        convert = text_writer(item, timestamp_form="rfc822")
        quotes = item.type == "string" and not item.get("enum")

        def write_list(result: Any, response: WireResponse) -> None:
            value = result.get(name)
            if value:
                pieces = [convert(inner) for inner in value]
                if quotes:
                    pieces = [_quote(piece) for piece in pieces]
                response.headers.append((wire_name, header_text(", ".join(pieces))))

        return write_list
    convert = text_writer(member, timestamp_form="rfc822")

    def write(result: Any, response: WireResponse) -> None:
        value = result.get(name)
        if value is not None:
            response.headers.append((wire_name, header_text(convert(value))))

    return write


def _prefix_writer(name: str, member: Shape) -> WriteResponse:
    prefix = member.wire_name("")

    def write(result: Any, response: WireResponse) -> None:
        for key, text in (result.get(name) or {}).items():
            response.headers.append((prefix + _header_name(key), header_text(text)))

    return write


def _status_writer(name: str) -> WriteResponse:
    def write(result: Any, response: WireResponse) -> None:
        if result.get(name) is not None:
            response.status = int(result[name])

    return write


def header_text(text: str) -> str:
    """Text that is safe in a header: control characters cannot begin another header."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character if character.isprintable() or character == "\t" else quote(character)
        for character in text
    )


def _header_name(key: str) -> str:
    """A key that is safe in a header's name: nothing in it can end the name."""
    return quote(key, safe="!#$%&'*+^`|~")


def _quote(piece: str) -> str:
    if "," in piece or '"' in piece:
        escaped = piece.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return piece


def _split_list(text: str) -> list[str]:
    pieces: list[str] = []
    position = 0
    while position < len(text):
        if text[position] in " \t,":
            position += 1
        elif text[position] == '"':
            piece, position = _quoted(text, position + 1)
            pieces.append(piece)
        else:
            end = text.find(",", position)
            end = len(text) if end < 0 else end
            pieces.append(text[position:end].strip())
            position = end
    return pieces


def _quoted(text: str, position: int) -> tuple[str, int]:
    piece: list[str] = []
    while position < len(text):
        character = text[position]
        if character == '"':
            return "".join(piece), position + 1
        if character == "\\" and position + 1 < len(text):
            position += 1
            character = text[position]
        piece.append(character)
        position += 1
    raise WireError(_MALFORMED, "A quoted header value does not end")


def _split_dates(text: str) -> list[str]:
    parts = text.split(",")
    return [",".join(parts[i : i + 2]).strip() for i in range(0, len(parts), 2)]
