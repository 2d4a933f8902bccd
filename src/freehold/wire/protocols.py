"""The six protocols: for each, how an operation's request is read and its answer and errors are written."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol
from urllib.parse import parse_qsl

import orjson

from freehold.wire import cbor, events, locations, query, s3_names, xml
from freehold.wire.documents import Documents, _Timestamp
from freehold.wire.messages import WireError, WireRequest, WireResponse
from freehold.wire.shapes import Shape

Parse = Callable[[WireRequest], dict[str, Any]]
Serialize = Callable[[Any, str], WireResponse]

_EMPTY_JSON = b"{}"
_JSON_DEPTH_SURE = 128


class Codec(Protocol):
    """One protocol of one service."""

    def parser(self, input_shape: Shape | None) -> Parse: ...

    def serializer(
        self, name: str, operation: dict[str, Any], output: Shape | None
    ) -> Serialize: ...

    def error(
        self, code: str, message: str, shape: Shape | None, members: dict[str, Any], request_id: str
    ) -> WireResponse:
        """The body and headers of an error; the status is the model's affair."""


def codec(protocol: str, metadata: dict[str, Any], *, keeps_json: bool) -> Codec:
    return _CODECS[protocol](metadata, keeps_json)


class _Json:
    def __init__(self, metadata: dict[str, Any], keeps_json: bool) -> None:
        self._documents = Documents(keeps_json=keeps_json)
        version = metadata.get("jsonVersion", "1.0")
        self._content_type = ("Content-Type", f"application/x-amz-json-{version}")
        # Only DynamoDB's clients of the first hour look at what stands before the "#".
        self._prefix = "com.amazonaws.dynamodb.v20120810#" if keeps_json else ""
        self._is_query_compatible = "awsQueryCompatible" in metadata

    def parser(self, input_shape: Shape | None) -> Parse:
        if input_shape is None:
            return lambda request: {}
        read = self._documents.reader(input_shape)
        return lambda request: read(_load_json(request.body))

    def serializer(self, name: str, operation: dict[str, Any], output: Shape | None) -> Serialize:
        content_type = self._content_type
        if output is None:
            return lambda result, request_id: WireResponse(headers=[content_type], body=_EMPTY_JSON)
        write = _json_document(self._documents, output)
        if _event_stream_member(output) is not None:
            compile_document = partial(_json_document, self._documents)
            return _event_stream_serializer(output, compile_document, self._content_type[1])
        return lambda result, request_id: WireResponse(headers=[content_type], body=write(result))

    def error(
        self, code: str, message: str, shape: Shape | None, members: dict[str, Any], request_id: str
    ) -> WireResponse:
        document = {"__type": self._prefix + code}
        document |= _error_document(self._documents, message, shape, members)
        response = WireResponse(headers=[self._content_type], body=orjson.dumps(document))
        if self._is_query_compatible:
            query_error = f"{_query_code(code, shape)};{_fault(shape)}"
            response.headers.append(("x-amzn-query-error", query_error))
        return response


class _Cbor:
    def __init__(self, metadata: dict[str, Any], keeps_json: bool) -> None:
        self._documents = Documents(binary=True)
        self._headers = [
            ("Content-Type", "application/cbor"),
            ("smithy-protocol", "rpc-v2-cbor"),
        ]
        self._is_query_compatible = "awsQueryCompatible" in metadata

    def parser(self, input_shape: Shape | None) -> Parse:
        if input_shape is None:
            return lambda request: {}
        read = self._documents.reader(input_shape)

        def parse(request: WireRequest) -> dict[str, Any]:
            try:
                document = cbor.loads(request.body) if request.body else {}
            except cbor.CborError as error:
                raise WireError(
                    "SerializationException", f"The body is not CBOR: {error}"
                ) from error
            params: dict[str, Any] = read(document)
            return params

        return parse

    def serializer(self, name: str, operation: dict[str, Any], output: Shape | None) -> Serialize:
        if output is None:
            return lambda result, request_id: WireResponse(headers=self._headers[1:], body=b"")
        write = self._document(output)
        if _event_stream_member(output) is not None:
            return _event_stream_serializer(output, self._document, "application/cbor")
        return lambda result, request_id: WireResponse(
            headers=list(self._headers), body=write(result)
        )

    def _document(self, shape: Shape) -> Callable[[Any], bytes]:
        write = self._documents.writer(shape) or _same
        return lambda value: cbor.dumps(write(value), _Timestamp)

    def error(
        self, code: str, message: str, shape: Shape | None, members: dict[str, Any], request_id: str
    ) -> WireResponse:
        document = {"__type": code}
        document |= _error_document(self._documents, message, shape, members)
        headers = list(self._headers)
        if self._is_query_compatible:
            query_error = f"{_query_code(code, shape)};{_fault(shape)}"
            headers.append(("x-amzn-query-error", query_error))
        return WireResponse(headers=headers, body=cbor.dumps(document, _Timestamp))


class _RestJson:
    def __init__(self, metadata: dict[str, Any], keeps_json: bool) -> None:
        self._documents = Documents()
        self._content_type = ("Content-Type", "application/json")

    def parser(self, input_shape: Shape | None) -> Parse:
        if input_shape is None:
            return lambda request: {}
        return _rest_parser(input_shape, self._body_parser(input_shape))

    def _body_parser(self, shape: Shape) -> Callable[[bytes], Any] | None:
        if not _has_body(shape, locations.REQUEST_LOCATIONS):
            return None
        names = _body_names(shape, locations.REQUEST_LOCATIONS)
        read = self._documents.body_reader(_body_shape(shape), names)
        return lambda body: read(_load_json(body)) if body else None

    def serializer(self, name: str, operation: dict[str, Any], output: Shape | None) -> Serialize:
        status = operation.get("http", {}).get("responseCode", 200)
        if output is None:
            return lambda result, request_id: WireResponse(
                status=status,
                headers=[self._content_type],
                body=b"" if status == 204 else _EMPTY_JSON,
            )
        stream = _event_stream_member(output)
        if stream is not None:
            return _rest_serializer(
                output,
                status,
                self._content_type,
                None,
                _event_stream_writer(
                    stream, partial(_json_document, self._documents), "application/json"
                ),
            )
        return _rest_serializer(output, status, self._content_type, self._body_writer(output))

    def _body_writer(self, shape: Shape) -> Callable[[Any], bytes] | None:
        if not _has_body(shape, locations.ANSWER_LOCATIONS):
            return None
        write = self._documents.writer(_body_shape(shape)) or _same
        names = _body_names(shape, locations.ANSWER_LOCATIONS)
        if names is None:
            return lambda value: orjson.dumps(write(value))
        return lambda result: orjson.dumps(
            write({key: value for key, value in result.items() if key in names})
        )

    def error(
        self, code: str, message: str, shape: Shape | None, members: dict[str, Any], request_id: str
    ) -> WireResponse:
        document = _error_document(self._documents, message, shape, members)
        headers = [self._content_type, ("x-amzn-ErrorType", code)]
        response = WireResponse(headers=headers, body=orjson.dumps(document))
        _put_error_headers(response, shape, members)
        return response


class _RestXml:
    def __init__(self, metadata: dict[str, Any], keeps_json: bool) -> None:
        self._readers = xml.XmlReaders()
        self._writers = xml.XmlWriters()
        self._documents = Documents()
        self._is_s3 = metadata.get("serviceId") == "S3"
        self._namespace = s3_names.NAMESPACE if self._is_s3 else metadata.get("xmlNamespace")
        self._content_type = ("Content-Type", "application/xml")

    def parser(self, input_shape: Shape | None) -> Parse:
        if input_shape is None:
            return lambda request: {}
        return _rest_parser(input_shape, self._body_parser(input_shape))

    def _body_parser(self, shape: Shape) -> Callable[[bytes], Any] | None:
        if not _has_body(shape, locations.REQUEST_LOCATIONS):
            return None
        read = self._readers.reader(_body_shape(shape))
        return lambda body: read(xml.parse(body)) if body else None

    def serializer(self, name: str, operation: dict[str, Any], output: Shape | None) -> Serialize:
        status = operation.get("http", {}).get("responseCode", 200)
        if output is None:
            return lambda result, request_id: WireResponse(status=status)
        stream = _event_stream_member(output)
        if stream is not None:
            return _rest_serializer(
                output,
                status,
                self._content_type,
                None,
                _event_stream_writer(stream, self._event_document, "text/xml"),
            )
        return _rest_serializer(output, status, self._content_type, self._body_writer(name, output))

    def _event_document(self, shape: Shape) -> Callable[[Any], bytes]:
        return _xml_document(self._writers, shape.get("locationName") or shape.name, None, shape)

    def _body_writer(self, name: str, shape: Shape) -> Callable[[Any], bytes] | None:
        if not _has_body(shape, locations.ANSWER_LOCATIONS):
            return None
        if self._is_s3 and name in s3_names.BARE:
            return self._bare_writer(shape)
        target = _body_shape(shape)
        root = s3_names.ROOTS.get(name) if self._is_s3 else None
        if root is None:
            root = target.get("locationName") or target.name
        namespace = target.get("xmlNamespace") or self._namespace
        return _xml_document(self._writers, root, namespace, target)

    def _bare_writer(self, shape: Shape) -> Callable[[Any], bytes]:
        ((member_name, member),) = shape.members.items()
        head = f'<{member_name} xmlns="{self._namespace}"'

        def write(result: Any) -> bytes:
            value = result.get(member_name)
            body = f"{head}>{xml.escape(value)}</{member_name}>" if value else f"{head}/>"
            return (_XML_HEAD + body).encode()

        del member
        return write

    def error(
        self, code: str, message: str, shape: Shape | None, members: dict[str, Any], request_id: str
    ) -> WireResponse:
        inner = (
            f"<Code>{xml.escape(code)}</Code><Message>{xml.escape(message)}</Message>"
            f"{_error_elements(self._writers, shape, members)}"
        )
        if self._is_s3:
            body = f"<Error>{inner}<RequestId>{request_id}</RequestId></Error>"
        else:
            body = (
                f"<ErrorResponse><Error><Type>{_fault(shape)}</Type>{inner}</Error>"
                f"<RequestId>{request_id}</RequestId></ErrorResponse>"
            )
        response = WireResponse(headers=[self._content_type], body=(_XML_HEAD + body).encode())
        _put_error_headers(response, shape, members)
        return response


class _Query:
    def __init__(self, metadata: dict[str, Any], keeps_json: bool, *, is_ec2: bool = False) -> None:
        self._readers = query.QueryReaders(is_ec2=is_ec2)
        self._writers = xml.XmlWriters(is_ec2=is_ec2)
        self._documents = Documents()
        self._namespace = metadata.get("xmlNamespace")
        self._content_type = ("Content-Type", "text/xml;charset=UTF-8" if is_ec2 else "text/xml")

    def parser(self, input_shape: Shape | None) -> Parse:
        if input_shape is None:
            return lambda request: {}
        read = self._readers.reader(input_shape)

        def parse(request: WireRequest) -> dict[str, Any]:
            pairs = request.query + form_pairs(request.body)
            params: dict[str, Any] = read(query.tree(pairs))
            return params

        return parse

    def serializer(self, name: str, operation: dict[str, Any], output: Shape | None) -> Serialize:
        wrapper = operation.get("output", {}).get("resultWrapper")
        if wrapper is None and output is not None:
            wrapper = f"{name}Result"
        write = None if output is None else self._writers.content(output)
        namespace = f' xmlns="{xml.escape(self._namespace)}"' if self._namespace else ""
        head = f"{_XML_HEAD}<{name}Response{namespace}>"

        def serialize(result: Any, request_id: str) -> WireResponse:
            out = [head]
            if wrapper:
                out.append(f"<{wrapper}>")
            if write is not None:
                write(result, out)
            if wrapper:
                out.append(f"</{wrapper}>")
            out.append(
                f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
                f"</{name}Response>"
            )
            return WireResponse(headers=[self._content_type], body="".join(out).encode())

        return serialize

    def error(
        self, code: str, message: str, shape: Shape | None, members: dict[str, Any], request_id: str
    ) -> WireResponse:
        namespace = f' xmlns="{xml.escape(self._namespace)}"' if self._namespace else ""
        body = (
            f"{_XML_HEAD}<ErrorResponse{namespace}><Error><Type>{_fault(shape)}</Type>"
            f"<Code>{xml.escape(_query_code(code, shape))}</Code>"
            f"<Message>{xml.escape(message)}</Message>"
            f"{_error_elements(self._writers, shape, members)}</Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )
        return WireResponse(headers=[self._content_type], body=body.encode())


class _Ec2(_Query):
    def __init__(self, metadata: dict[str, Any], keeps_json: bool) -> None:
        super().__init__(metadata, keeps_json, is_ec2=True)

    def serializer(self, name: str, operation: dict[str, Any], output: Shape | None) -> Serialize:
        write = None if output is None else self._writers.content(output)
        namespace = f' xmlns="{xml.escape(self._namespace)}"' if self._namespace else ""

        def serialize(result: Any, request_id: str) -> WireResponse:
            head = f"{_XML_HEAD}<{name}Response{namespace}><requestId>{request_id}</requestId>"
            out = [head]
            if write is not None:
                write(result, out)
            out.append(f"</{name}Response>")
            return WireResponse(headers=[self._content_type], body="".join(out).encode())

        return serialize

    def error(
        self, code: str, message: str, shape: Shape | None, members: dict[str, Any], request_id: str
    ) -> WireResponse:
        body = (
            f"{_XML_HEAD}<Response><Errors><Error><Code>{xml.escape(_query_code(code, shape))}</Code>"
            f"<Message>{xml.escape(message)}</Message>"
            f"{_error_elements(self._writers, shape, members)}</Error></Errors>"
            f"<RequestID>{request_id}</RequestID></Response>"
        )
        return WireResponse(headers=[self._content_type], body=body.encode())


_CODECS: dict[str, Callable[[dict[str, Any], bool], Codec]] = {
    "json": _Json,
    "smithy-rpc-v2-cbor": _Cbor,
    "rest-json": _RestJson,
    "rest-xml": _RestXml,
    "query": _Query,
    "ec2": _Ec2,
}

_EVENT_STREAM = ("Content-Type", "application/vnd.amazon.eventstream")
_XML_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


def form_pairs(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            body.decode(),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=query.PARAMETERS_MAX,
        )
    except (UnicodeDecodeError, ValueError) as error:
        raise WireError("MalformedQueryString", "The request's form cannot be read") from error


def _rest_parser(shape: Shape, parse_body: Callable[[bytes], Any] | None) -> Parse:
    readers = locations.compile_request_reader(shape)
    payload = shape.get("payload")
    take_payload = _payload_reader(shape.members[payload], parse_body) if payload else None

    def parse(request: WireRequest) -> dict[str, Any]:
        params: dict[str, Any] = {}
        if take_payload is not None:
            value = take_payload(request.body)
            if value is not None:
                params[payload] = value
        elif parse_body is not None:
            params = parse_body(request.body) or {}
        for read in readers:
            read(request, params)
        return params

    return parse


def _payload_reader(
    member: Shape, parse_body: Callable[[bytes], Any] | None
) -> Callable[[Any], Any]:
    if member.type == "blob":
        streams = bool(member.get("streaming"))
        return lambda body: body if streams or body else None
    if member.type == "string":
        return lambda body: _decoded(body) if body else None
    assert parse_body is not None
    return parse_body


def _rest_serializer(
    shape: Shape,
    status: int,
    content_type: tuple[str, str],
    write_body: Callable[[Any], bytes] | None,
    write_events: Callable[[Any, WireResponse], None] | None = None,
) -> Serialize:
    writers = locations.compile_response_writer(shape)
    payload = shape.get("payload")
    payload_shape = shape.members[payload] if payload else None
    is_raw = payload_shape is not None and payload_shape.type in ("blob", "string")
    has_content_type = any(
        member.get("location") == "header" and member.wire_name(name).lower() == "content-type"
        for name, member in shape.members.items()
    )

    def serialize(result: Any, request_id: str) -> WireResponse:
        response = WireResponse(status=status, headers=[])
        for write in writers:
            write(result, response)
        if write_events is not None:
            write_events(result, response)
        elif is_raw:
            value = result.get(payload)
            response.body = value.encode() if isinstance(value, str) else (value or b"")
            if not has_content_type:
                kind = "application/octet-stream"
                if payload_shape is not None and payload_shape.type == "string":
                    kind = "text/plain"
                response.headers.append(("Content-Type", kind))
        elif write_body is not None:
            if payload is None or result.get(payload) is not None:
                response.body = write_body(result[payload] if payload else result)
                if not has_content_type:
                    response.headers.append(content_type)
        return response

    return serialize


def _xml_document(
    writers: xml.XmlWriters, root: str, namespace: Any, shape: Shape
) -> Callable[[Any], bytes]:
    if isinstance(namespace, dict):
        prefix = f":{namespace['prefix']}" if namespace.get("prefix") else ""
        declaration = f' xmlns{prefix}="{xml.escape(namespace["uri"])}"'
    else:
        declaration = f' xmlns="{xml.escape(namespace)}"' if namespace else ""
    head, end = f"{_XML_HEAD}<{root}{declaration}", f"</{root}>"
    attributes, content = writers.attributes(shape), writers.content(shape)

    def write_document(value: Any) -> bytes:
        out = [f"{head}{attributes(value)}>" if attributes else f"{head}>"]
        content(value, out)
        out.append(end)
        return "".join(out).encode()

    return write_document


def _has_body(shape: Shape, elsewhere: tuple[str, ...]) -> bool:
    """Whether the body is a document; `elsewhere` are the locations outside of it."""
    payload = shape.get("payload")
    if payload:
        return shape.members[payload].type not in ("blob", "string")
    return bool(_body_names(shape, elsewhere))


def _body_shape(shape: Shape) -> Shape:
    """The shape of the body's document: the payload's, or the whole."""
    payload = shape.get("payload")
    return shape.members[payload] if payload else shape


def _body_names(shape: Shape, elsewhere: tuple[str, ...]) -> frozenset[str] | None:
    """The members that go into the body; None where the payload is the body."""
    if shape.get("payload"):
        return None
    return frozenset(
        name for name, member in shape.members.items() if member.get("location") not in elsewhere
    )


def _decoded(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise WireError("SerializationException", "The request body is not UTF-8") from error


def _load_json(body: bytes) -> Any:
    if not body:
        return {}
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise WireError("SerializationException", "The request body is not valid JSON") from error
    if body.count(b"{") + body.count(b"[") > _JSON_DEPTH_SURE:
        # orjson reads 1024 levels and writes 254: what goes deeper could never be answered, and
        # readers would exhaust the stack.
        try:
            orjson.dumps(document)
        except orjson.JSONEncodeError as error:
            raise WireError("SerializationException", "The request body is too deep") from error
    return document


def _json_document(documents: Documents, shape: Shape) -> Callable[[Any], bytes]:
    write = documents.writer(shape)
    if write is None:
        return orjson.dumps
    return lambda value: orjson.dumps(write(value))


def _error_document(
    documents: Documents, message: str, shape: Shape | None, members: dict[str, Any]
) -> dict[str, Any]:
    name = "message"
    document: dict[str, Any] = {}
    if shape is not None:
        body_names = _body_names(shape, locations.ANSWER_LOCATIONS) or frozenset()
        names = shape.members
        name = next((n for n in names if n.lower() == "message"), "message")
        name = names[name].wire_name(name) if name in names else name
        known = {key: value for key, value in members.items() if key in body_names}
        write = documents.writer(shape)
        document = write(known) if write else known
        members = {key: value for key, value in members.items() if key not in names}
    return {**members, **document, name: message}


def _error_elements(writers: xml.XmlWriters, shape: Shape | None, members: dict[str, Any]) -> str:
    """An error's members; those that the model does not know are text (S3 has many)."""
    out: list[str] = []
    if shape is not None:
        writers.content(shape)(members, out)
    names = {} if shape is None else shape.members
    for key, value in members.items():
        if value is not None and key not in names:
            out.append(f"<{key}>{xml.escape(str(value))}</{key}>")
    return "".join(out)


def _put_error_headers(
    response: WireResponse, shape: Shape | None, members: dict[str, Any]
) -> None:
    if shape is not None and members:
        for write in locations.compile_response_writer(shape):
            write(members, response)


def _fault(shape: Shape | None) -> str:
    return "Receiver" if shape is not None and shape.get("fault") else "Sender"


def _query_code(code: str, shape: Shape | None) -> str:
    error = shape.get("error") if shape is not None else None
    return str(error["code"]) if error and error.get("code") else code


def _event_stream_member(output: Shape) -> tuple[str, Shape] | None:
    for name, member in output.members.items():
        if member.get("eventstream"):
            return name, member
    return None


def _event_stream_writer(
    stream: tuple[str, Shape],
    compile_document: Callable[[Shape], Callable[[Any], bytes]],
    content_type: str,
) -> Callable[[Any, WireResponse], None]:
    name, member = stream
    write_event = events.compile_event_writer(member, compile_document, content_type)

    def write(result: Any, response: WireResponse) -> None:
        response.headers.append(_EVENT_STREAM)
        response.body = result[name]
        response.events = write_event

    return write


def _event_stream_serializer(
    output: Shape, compile_document: Callable[[Shape], Callable[[Any], bytes]], content_type: str
) -> Serialize:
    """For RPC protocols, whose other members travel in the stream too."""
    stream = _event_stream_member(output)
    assert stream is not None
    name, member = stream
    write_event = events.compile_event_writer(
        member, compile_document, content_type, initial=output
    )

    def serialize(result: Any, request_id: str) -> WireResponse:
        initial = {key: value for key, value in result.items() if key != name}
        return WireResponse(
            headers=[_EVENT_STREAM],
            body=events.opened_by(initial, result[name]),
            events=write_event,
        )

    return serialize


def _same(value: Any) -> Any:
    return value
