"""From a request to its answer: route, identify, parse, validate, authorize, run, serialise.

A request whose body has arrived, to an operation that does not wait, is answered without a task: at once
where it only reads, from a callback of the commit where it writes.
"""

from __future__ import annotations

import gzip
import io
import logging
import zlib
from typing import Any
from urllib.parse import parse_qsl, unquote

import orjson

from freehold.gateway import identify, s3_requests, sigv4
from freehold.gateway.health import health
from freehold.gateway.identify import AnyClaim, Identity, Words
from freehold.gateway.routing import (
    SIGNING_NAMES,
    TARGET_PREFIXES,
    UNSIGNED_ACTIONS,
    Hint,
    ToEndpoint,
    endpoint_of,
    hint_of,
)
from freehold.kernel import endpoints
from freehold.kernel import principal as principals
from freehold.kernel.call import Call
from freehold.kernel.errors import AwsError, internal_error, not_implemented
from freehold.kernel.http import BodyTooLarge, HttpRequest
from freehold.kernel.node import Node
from freehold.kernel.principal import Credential
from freehold.kernel.service import Answer, Operation
from freehold.server.messages import BytesBody, Pending, Request, Response
from freehold.wire.messages import WireError, WireRequest
from freehold.wire.model import Model, OperationModel

log = logging.getLogger(__name__)

BODY_BYTES_MAX = 16 * 1024 * 1024
# Whose signatures name a caller to what is deployed under an endpoint of this kind.
_ENDPOINT_SCOPES = {"execute-api": "execute-api", "lambda-url": "lambda", "appsync-api": "appsync"}
# A function's zip travels in a JSON document: 50 MB in base64.
BODY_BYTES_MAX_OF = {"lambda": 72 * 1024 * 1024}
_GZIP_BYTES_MAX = 16 * 1024 * 1024
_FORM = "application/x-www-form-urlencoded"
_LOOPBACK = ("127.", "::1")


class _Routed:
    """An operation that was found, and what the request says to it."""

    __slots__ = (
        "labels",
        "model",
        "name",
        "operation",
        "operation_model",
        "protocol",
        "query",
        "service",
        "words",
    )

    def __init__(
        self, service: str, model: Model, protocol: str, name: str, labels: dict[str, str]
    ) -> None:
        self.service = service
        self.model = model
        self.protocol = protocol
        self.name = name
        self.labels = labels
        self.words = Words(protocol)
        self.query: sigv4.Pairs = []
        self.operation: Operation | None = None
        self.operation_model: OperationModel | None = None


class Gateway:
    """The handler of a node's server: `http1.Server(Gateway(node).handle)`."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._domain = node.settings.domain

    def handle(self, request: Request) -> Any:
        """Return the Response, a Pending one, or a coroutine of it."""
        if request.path.startswith("/_freehold/"):
            return health(self._node, request)
        target = endpoint_of(request, self._domain)
        if target is not None:
            return self._serve_endpoint(request, target)
        if request.method in ("OPTIONS", "POST"):
            target = s3_requests.endpoint_of(request, hint_of(request.host, self._domain))
            if target is not None:
                return self._serve_bucket(request, target)
        if request.content is None or not self._node.store.inline or "origin" in request.headers:
            return self._handle_waiting(request)
        return self._handle_now(request)

    # -- operations --

    def _handle_now(self, request: Request) -> Any:
        """The fast path: the body is here and reads run on the event loop."""
        request_id = self._node.new_id()
        routed: _Routed | None = None
        try:
            query = _query_pairs(request.query)
            claim = _claim(request, query)
            routed = self._route(request, query, claim)
            credential = None
            if claim is not None:
                key = claim.access_key_id
                credential = self._node.store.read_inline(
                    lambda tx: self._node.directory.credential(tx, key)
                )
            identity = self._identify(request, routed, claim, credential)
            result = self._run(request, request_id, routed, identity, identity.body)
        except Exception as error:  # noqa: BLE001 - the one place where errors become answers
            return self._failed(error, request, request_id, routed)
        found = routed
        if not hasattr(result, "__await__"):
            return self._succeeded(result, request, request_id, found)
        if not hasattr(result, "add_done_callback"):
            return self._await(result, request, request_id, found)

        def finish(future: Any) -> Response:
            error = future.exception()
            if error is not None:
                return self._failed(error, request, request_id, found)
            return self._succeeded(future.result(), request, request_id, found)

        return Pending(result, finish)

    async def _await(
        self, result: Any, request: Request, request_id: str, routed: _Routed
    ) -> Response:
        try:
            return self._succeeded(await result, request, request_id, routed)
        except Exception as error:  # noqa: BLE001 - the one place where errors become answers
            return self._failed(error, request, request_id, routed)

    async def _handle_waiting(self, request: Request) -> Response:
        """A body that is still arriving, or a store that must be waited for."""
        request_id = self._node.new_id()
        routed: _Routed | None = None
        try:
            query = _query_pairs(request.query)
            claim = _claim(request, query)
            if request.content is None and not self._streams(request, query, claim):
                # An operation that takes its input whole; the signature covers it.
                service = claim.service if claim is not None else ""
                limit = BODY_BYTES_MAX_OF.get(service, BODY_BYTES_MAX)
                if claim is not None:
                    await self._known_key(request, claim)
                request.content = await request.body.read(limit)
                request.body = BytesBody(request.content)
            routed = self._route(request, query, claim)
            credential = None
            if claim is not None:
                key = claim.access_key_id
                credential = await self._node.store.read(
                    lambda tx: self._node.directory.credential(tx, key)
                )
            identity = self._identify(request, routed, claim, credential)
            body = identity.body
            operation_model = routed.operation_model
            assert operation_model is not None
            if not operation_model.streams_input and not isinstance(body, bytes):
                body = await body.read(BODY_BYTES_MAX)
            result = self._run(request, request_id, routed, identity, body)
            if hasattr(result, "__await__"):
                result = await result
            response = self._succeeded(result, request, request_id, routed)
            return await self._with_cors(response, request, routed)
        except Exception as error:  # noqa: BLE001 - the one place where errors become answers
            return self._failed(error, request, request_id, routed)

    async def _with_cors(self, response: Response, request: Request, routed: _Routed) -> Response:
        """Add what lets a browser read the answer, where the service says so."""
        cors = self._node.service(routed.service).cors
        origin = request.headers.get("origin")
        if cors is not None and origin is not None:
            response.headers += await self._node.store.read(
                lambda tx: cors(tx, routed.labels, origin, request.method)
            )
        return response

    def _streams(self, request: Request, query: sigv4.Pairs, claim: AnyClaim | None) -> bool:
        """Whether the operation takes its body as it arrives; S3's do, whatever the operation."""
        service = claim.service if claim is not None else None
        return service in (None, "s3", "s3express") and "x-amz-target" not in request.headers

    async def _known_key(self, request: Request, claim: AnyClaim) -> None:
        """Refuse a large body of an unknown sender before it is taken in."""
        if self._node.settings.open_auth:
            return
        found = await self._node.store.read(
            lambda tx: self._node.directory.credential(tx, claim.access_key_id)
        )
        if found is None:
            raise Words(self._protocol_of(request)).unknown_key(claim.access_key_id)

    def _route(self, request: Request, query: sigv4.Pairs, claim: AnyClaim | None) -> _Routed:
        hint = hint_of(request.host, self._domain) if request.host else Hint()
        target = request.headers.get("x-amz-target")
        services = self._candidates(request, query, claim, hint, target)
        for service in services:
            if service not in self._node.service_names:
                continue
            routed = self._route_in(service, request, query, hint, target)
            if routed is not None:
                routed.query = query
                routed.operation_model = routed.model.operation(routed.name, routed.protocol)
                return routed
        served = [service for service in services if service in self._node.service_names]
        if not served:
            raise not_implemented(f"the service {services[0]!r}")
        raise self._unknown_operation(served[0], request)

    def _candidates(
        self,
        request: Request,
        query: sigv4.Pairs,
        claim: AnyClaim | None,
        hint: Hint,
        target: str | None,
    ) -> tuple[str, ...]:
        if claim is not None:
            return SIGNING_NAMES.get(claim.service, (claim.service,))
        if target is not None:
            prefix = target.partition(".")[0]
            if prefix in TARGET_PREFIXES:
                return (TARGET_PREFIXES[prefix],)
        if hint.service is not None and hint.bucket is None:
            return SIGNING_NAMES.get(hint.service, (hint.service,))
        action = _action(request, query)
        if action in UNSIGNED_ACTIONS:
            return (UNSIGNED_ACTIONS[action],)
        return ("s3",)

    def _route_in(
        self,
        service: str,
        request: Request,
        query: sigv4.Pairs,
        hint: Hint,
        target: str | None,
    ) -> _Routed | None:
        model = self._node.model(service)
        if target is not None and model.target_prefix is not None:
            prefix, _, name = target.partition(".")
            if prefix != model.target_prefix or name not in model.documents:
                return None
            return _Routed(service, model, "json", name, {})
        if model.protocol.startswith("rest"):
            path = request.path
            if hint.bucket is not None and service == "s3":
                path = f"/{hint.bucket}{path}"
            found = model.router(request.method, path, query, request.headers)
            return None if found is None else _Routed(service, model, model.protocol, *found)
        if request.headers.get("smithy-protocol") == "rpc-v2-cbor":
            name = request.path.rpartition("/operation/")[2]
            known = name in model.documents
            return _Routed(service, model, "smithy-rpc-v2-cbor", name, {}) if known else None
        action = _action(request, query)
        if action is None or action not in model.documents:
            return None
        protocol = "ec2" if model.protocol == "ec2" else "query"
        return _Routed(service, model, protocol, action, {})

    def _unknown_operation(self, service: str, request: Request) -> AwsError:
        protocol = self._node.model(service).protocol
        if protocol == "rest-xml":
            return AwsError(
                "MethodNotAllowed",
                "The specified method is not allowed against this resource.",
                status=405,
            )
        if protocol in ("query", "ec2"):
            action = _action(request, []) or ""
            return AwsError(
                "InvalidAction",
                f"Could not find operation {action} for version "
                f"{self._node.model(service).metadata.get('apiVersion')}",
            )
        return AwsError(
            "UnknownOperationException",
            "The operation that was requested is not known",
            status=400 if protocol == "json" else 404,
        )

    def _identify(
        self,
        request: Request,
        routed: _Routed,
        claim: AnyClaim | None,
        credential: Credential | None,
    ) -> Identity:
        settings = self._node.settings
        operation = self._node.operation(routed.service, routed.name)
        routed.operation = operation
        if claim is None:
            body = identify.decoded_body(request)
            if settings.open_auth:
                root = principals.root(settings.account)
                return Identity(root, settings.account, settings.region, body)
            identify.refuse_version_2(request)
            if not operation.anonymous:
                raise routed.words.missing()
            return Identity(principals.ANONYMOUS, settings.account, settings.region, body)
        allowed = SIGNING_NAMES.get(claim.service, (claim.service,))
        if routed.service not in allowed:
            raise routed.words.scope(claim.service, routed.service)
        operation_model = routed.operation_model
        assert operation_model is not None
        return identify.prove(
            self._node,
            request,
            claim,
            credential,
            routed.query,
            routed.words,
            streams=operation_model.streams_input,
        )

    def _run(
        self,
        request: Request,
        request_id: str,
        routed: _Routed,
        identity: Identity,
        body: Any,
    ) -> Any:
        operation_model, operation = routed.operation_model, routed.operation
        assert operation_model is not None
        assert operation is not None
        if operation_model.streams_input:
            if isinstance(body, bytes):
                body = BytesBody(body)
        elif request.headers.get("content-encoding") == "gzip" and isinstance(body, bytes):
            body = _unzipped(body)
        elif routed.service == "s3" and body:
            has_checksum = "requestAlgorithmMember" in operation_model.document.get(
                "httpChecksum", {}
            )
            s3_requests.check_digests(request, body, has_checksum=has_checksum)
        params = operation_model.parse(
            WireRequest(
                method=request.method,
                query=routed.query,
                headers=request.headers,
                labels=routed.labels,
                body=body,
            )
        )
        self._node.check_against(operation_model, operation, params)
        call = Call(
            self._node,
            routed.service,
            routed.name,
            identity.account,
            identity.region,
            identity.principal,
            self._node.clock.now(),
            request_id,
        )
        self._say_where(call, request)
        return self._node.run(call, operation, params)

    def _say_where(self, call: Call, request: Request) -> None:
        call.source_ip = request.source_ip
        call.user_agent = request.headers.get("user-agent", "")
        call.secure = request.secure or (
            self._node.settings.loopback_is_secure and request.source_ip.startswith(_LOOPBACK)
        )
        call.origin = request.headers.get("origin")
        call.http_method = request.method
        if request.host:
            call.endpoint_url = f"{'https' if request.secure else 'http'}://{request.host}"

    def _succeeded(
        self, result: Any, request: Request, request_id: str, routed: _Routed
    ) -> Response:
        status = None
        extra: tuple[tuple[str, str], ...] = ()
        if isinstance(result, Answer):
            status, extra, result = result.status, result.headers, result.result
        operation_model = routed.operation_model
        assert operation_model is not None
        answer = operation_model.serialize({} if result is None else result, request_id)
        headers = [*answer.headers, *extra, _id_header(routed.protocol, request_id)]
        return Response(status or answer.status, headers, answer.body, answer.events)

    def _failed(
        self,
        error: BaseException,
        request: Request,
        request_id: str,
        routed: _Routed | None,
    ) -> Response:
        if isinstance(error, sigv4.Malformed):
            protocol = routed.protocol if routed else self._protocol_of(request)
            error = Words(protocol).malformed(str(error))
        elif isinstance(error, WireError):
            error = AwsError(error.code, error.message, status=error.status)
        elif isinstance(error, BodyTooLarge):
            error = AwsError("RequestEntityTooLarge", "The request is too large", status=413)
        elif isinstance(error, ConnectionError):
            raise error
        elif not isinstance(error, AwsError):
            log.error(
                "%s %s failed (request %s)",
                request.method,
                routed.name if routed else request.path,
                request_id,
                exc_info=error,
            )
            error = internal_error()
        service = routed.service if routed else self._service_of(request)
        protocol = routed.protocol if routed else self._protocol_of(request)
        answer = self._node.model(service).error(
            error.code,
            error.message,
            request_id=request_id,
            protocol=protocol,
            status=error.status,
            members=error.members,
        )
        headers = [*answer.headers, *error.headers, _id_header(protocol, request_id)]
        return Response(answer.status, headers, b"" if answer.status == 304 else answer.body)

    def _service_of(self, request: Request) -> str:
        """Whose words an error before routing is said in."""
        try:
            claim = _claim(request, _query_pairs(request.query))
        except (sigv4.Malformed, AwsError):
            claim = None
        hint = hint_of(request.host, self._domain) if request.host else Hint()
        target = request.headers.get("x-amz-target")
        for service in self._candidates(request, [], claim, hint, target):
            if service in self._node.service_names:
                return service
        return "sts" if _action(request, []) else "dynamodb" if target else "s3"

    def _protocol_of(self, request: Request) -> str:
        model = self._node.model(self._service_of(request))
        if model.protocol == "json" and request.headers.get("content-type", "").startswith(_FORM):
            return "query"
        return model.protocol

    # -- endpoints --

    async def _serve_endpoint(self, request: Request, target: ToEndpoint) -> Response:
        endpoint = await self._node.store.read(
            lambda tx: endpoints.find(tx, target.kind, target.name)
        )
        if endpoint is None:
            return _plain_error(403, "Forbidden")
        return await self._serve_at(request, target, endpoint)

    async def _serve_bucket(self, request: Request, target: ToEndpoint) -> Response:
        """Buckets have names of their own, and need not claim an endpoint for what S3 itself answers."""
        settings = self._node.settings
        endpoint = endpoints.Endpoint(
            target.kind, target.name, "s3", settings.account, settings.region, target.name
        )
        return await self._serve_at(request, target, endpoint)

    async def _serve_at(
        self, request: Request, target: ToEndpoint, endpoint: endpoints.Endpoint
    ) -> Response:
        request_id = self._node.new_id()
        try:
            service = self._node.service(endpoint.service)
            identity = await self._identify_caller(request, target.kind)
            principal = identity.principal if identity is not None else principals.ANONYMOUS
            body = identity.body if identity is not None else request.body
            if isinstance(body, bytes):
                body = BytesBody(body)
            call = Call(
                self._node,
                endpoint.service,
                target.kind,
                endpoint.account,
                endpoint.region,
                principal,
                self._node.clock.now(),
                request_id,
            )
            self._say_where(call, request)
            answer = await service.endpoints[target.kind](
                call,
                HttpRequest(
                    method=request.method,
                    host=request.host,
                    path=target.path,
                    base_path=target.base_path,
                    query=request.query,
                    headers=tuple(request.header_list),
                    body=body,
                    sent_headers=tuple(
                        (sent.decode("latin-1"), value)
                        for sent, (_, value) in zip(
                            request.sent_names, request.header_list, strict=False
                        )
                    ),
                    source_ip=request.source_ip,
                    secure=request.secure,
                    protocol=request.protocol,
                ),
                endpoint,
            )
            return Response(answer.status, list(answer.headers), answer.body)
        except AwsError as error:
            return _plain_error(error.status or 403, error.message)
        except BodyTooLarge:
            return _plain_error(413, "Request Too Long")

    async def _identify_caller(self, request: Request, kind: str) -> Identity | None:
        """The principal of a request that is signed for the endpoint; None if it is not signed."""
        query = _query_pairs(request.query)
        try:
            claim = _claim(request, query)
        except sigv4.Malformed as error:
            raise AwsError("IncompleteSignature", str(error), status=403) from error
        if claim is None or claim.service != _ENDPOINT_SCOPES.get(kind):
            return None
        if request.content is None and "x-amz-content-sha256" not in request.headers:
            request.content = await request.body.read(BODY_BYTES_MAX)
            request.body = BytesBody(request.content)
        key = claim.access_key_id
        credential = await self._node.store.read(
            lambda tx: self._node.directory.credential(tx, key)
        )
        return identify.prove(
            self._node, request, claim, credential, query, Words("rest-json"), streams=False
        )


def _claim(request: Request, query: sigv4.Pairs) -> AnyClaim | None:
    return identify.claim_of(request, query)


def _query_pairs(query: str) -> sigv4.Pairs:
    if not query:
        return []
    pairs = []
    for part in query.split("&"):
        if part:
            name, _, value = part.partition("=")
            pairs.append((unquote(name), unquote(value)))
    return pairs


def _action(request: Request, query: sigv4.Pairs) -> str | None:
    """The Action of a query-protocol request, from its form or its URL."""
    if request.headers.get("content-type", "").startswith(_FORM) and request.content:
        for name, value in parse_qsl(request.content.decode("latin-1")):
            if name == "Action":
                return value
    return next((value for name, value in query if name == "Action"), None)


def _unzipped(body: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as stream:
            content = stream.read(_GZIP_BYTES_MAX + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise WireError("SerializationException", "The body is not gzip as it says") from error
    if len(content) > _GZIP_BYTES_MAX:
        raise BodyTooLarge("unzipped")
    return content


def _id_header(protocol: str, request_id: str) -> tuple[str, str]:
    name = "x-amz-request-id" if protocol == "rest-xml" else "x-amzn-RequestId"
    return name, request_id


def _plain_error(status: int, message: str) -> Response:
    return Response(
        status, [("Content-Type", "application/json")], orjson.dumps({"message": message})
    )
