"""Who sent a request: proves its signature, or says in AWS's words why not."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from freehold.gateway import sigv2, sigv4
from freehold.gateway.routing import hint_of
from freehold.gateway.streamed import ChunkedBody, HashedBody
from freehold.kernel import principal as principals
from freehold.kernel.errors import AwsError
from freehold.kernel.node import Node
from freehold.kernel.principal import Principal
from freehold.server.messages import Request

_ALWAYS_UNSIGNED = ("x-amz-content-sha256",)


class Identity(msgspec.Struct, frozen=True):
    """A proven principal, where it works, and the body to read: plain, or checked as it is read."""

    principal: Principal
    account: str
    region: str
    body: Any


AnyClaim = sigv4.Claim | sigv2.Claim


def claim_of(request: Request, query: sigv4.Pairs) -> AnyClaim | None:
    """What the request claims of its signature; None if it has none. Raises sigv4.Malformed."""
    authorization = request.headers.get("authorization")
    if authorization is not None and authorization.startswith(sigv4.ALGORITHM):
        return sigv4.claim_of_header(authorization, request.headers)
    if query and "X-Amz-" in request.query and any(key == "X-Amz-Signature" for key, _ in query):
        return sigv4.claim_of_query(query)
    if query and "AWSAccessKeyId=" in request.query:
        return sigv2.claim_of_query(query)
    return None


def refuse_version_2(request: Request) -> None:
    """Say so of a header in the version before, rather than take its sender for nobody."""
    if request.headers.get("authorization", "").startswith("AWS "):
        raise AwsError(
            "InvalidRequest",
            "The authorization mechanism you have provided is not supported. "
            "Please use AWS4-HMAC-SHA256.",
            status=400,
        )


class Words:
    """Errors of identity as a service's clients expect them: S3 and the query services say it shortly."""

    def __init__(self, protocol: str) -> None:
        self._is_s3 = protocol == "rest-xml"
        self._is_short = protocol in ("rest-xml", "query", "ec2")
        self._status = 400 if protocol == "json" else 403

    def missing(self) -> AwsError:
        if self._is_s3:
            return AwsError("AccessDenied", "Access Denied", status=403)
        name = "MissingAuthenticationToken" + ("" if self._is_short else "Exception")
        return AwsError(name, "Missing Authentication Token", status=self._status)

    def unknown_key(self, access_key_id: str) -> AwsError:
        if self._is_s3:
            return AwsError(
                "InvalidAccessKeyId",
                "The AWS Access Key Id you provided does not exist in our records.",
                status=403,
                AWSAccessKeyId=access_key_id,
            )
        code = "InvalidClientTokenId" if self._is_short else "UnrecognizedClientException"
        return AwsError(
            code, "The security token included in the request is invalid.", status=self._status
        )

    def expired_token(self) -> AwsError:
        if self._is_s3:
            return AwsError("ExpiredToken", "The provided token has expired.", status=400)
        name = "ExpiredToken" + ("" if self._is_short else "Exception")
        return AwsError(
            name, "The security token included in the request is expired", status=self._status
        )

    def mismatch(self) -> AwsError:
        code = "SignatureDoesNotMatch" if self._is_short else "InvalidSignatureException"
        return AwsError(
            code,
            "The request signature we calculated does not match the signature you provided. Check your "
            "AWS Secret Access Key and signing method. Consult the service documentation for details.",
            status=self._status,
        )

    def malformed(self, why: str) -> AwsError:
        if self._is_s3:
            return AwsError("AuthorizationHeaderMalformed", why, status=400)
        name = "IncompleteSignature" + ("" if self._is_short else "Exception")
        return AwsError(name, why, status=self._status)

    def skewed(self, timestamp: str, now: float) -> AwsError:
        if self._is_s3:
            return AwsError(
                "RequestTimeTooSkewed",
                "The difference between the request time and the current time is too large.",
                status=403,
                RequestTime=timestamp,
            )
        code = "SignatureDoesNotMatch" if self._is_short else "InvalidSignatureException"
        return AwsError(
            code,
            f"Signature expired or not yet valid: {timestamp} is more than 15 minutes away from the "
            f"server's time ({int(now)})",
            status=self._status,
        )

    def presigned_expired(self) -> AwsError:
        code = "AccessDenied" if self._is_s3 else "SignatureDoesNotMatch"
        return AwsError(code, "Request has expired", status=403)

    def header_unsigned(self, name: str) -> AwsError:
        return AwsError(
            "AccessDenied" if self._is_short else "AccessDeniedException",
            "There were headers present in the request which were not signed",
            status=403,
            HeadersNotSigned=name,
        )

    def invalid_token(self, access_key_id: str) -> AwsError:
        if self._is_s3:
            return AwsError(
                "InvalidToken",
                "The provided token is malformed or otherwise invalid.",
                status=400,
            )
        return self.unknown_key(access_key_id)

    def scope(self, claimed: str, service: str) -> AwsError:
        return self.malformed(
            f"Credential should be scoped to correct service: '{service}'. Got '{claimed}'."
        )


def prove(
    node: Node,
    request: Request,
    claim: AnyClaim,
    credential: principals.Credential | None,
    query: sigv4.Pairs,
    words: Words,
    *,
    streams: bool,
) -> Identity:
    """Prove a claim with the credential that the directory has for its key.

    With `streams`, the body is checked while its reader reads it; else it is there.
    """
    if node.settings.open_auth:
        return _open_identity(node, request, claim, credential)
    if credential is None:
        raise words.unknown_key(claim.access_key_id)
    now = node.clock.now()
    if credential.session_token is not None or claim.session_token is not None:
        if claim.session_token is None:
            raise words.unknown_key(claim.access_key_id)
        if not sigv4.equal(claim.session_token, credential.session_token or ""):
            raise words.invalid_token(claim.access_key_id)
        if credential.expires_at is not None and credential.expires_at <= now:
            raise words.expired_token()
    if isinstance(claim, sigv2.Claim):
        return _prove_version_2(node, request, claim, credential, query, words)
    _check_time(claim, now, words)
    _check_signed_headers(request, claim, words)
    payload_hash = _payload_hash(request, claim, words)
    expected = sigv4.signature(
        credential.secret,
        claim,
        request.method,
        request.path,
        query,
        request.headers,
        payload_hash,
        encodes_twice=claim.service not in ("s3", "s3express", "s3-object-lambda"),
    )
    if not sigv4.equal(expected, claim.signature):
        raise words.mismatch()
    body = _checked_body(request, claim, credential.secret, payload_hash, streams=streams)
    proven = credential.principal
    return Identity(proven, proven.account, claim.region, body)


def _prove_version_2(
    node: Node,
    request: Request,
    claim: sigv2.Claim,
    credential: principals.Credential,
    query: sigv4.Pairs,
    words: Words,
) -> Identity:
    if node.clock.now() > claim.expires_at:
        raise words.presigned_expired()
    bucket = hint_of(request.host, node.settings.domain).bucket
    expected = sigv2.signature(
        credential.secret, claim, request.method, bucket, request.path, query, request.headers
    )
    if not sigv4.equal(expected, claim.signature):
        raise words.mismatch()
    proven = credential.principal
    return Identity(proven, proven.account, node.settings.region, decoded_body(request))


def decoded_body(request: Request) -> Any:
    """The body without aws-chunked encoding, unchecked: for open mode and anonymous requests."""
    kind = request.headers.get("x-amz-content-sha256", "")
    if kind in sigv4.STREAMING:
        return ChunkedBody(request.body, _decoded_length(request))
    return request.body if request.content is None else request.content


def _open_identity(
    node: Node,
    request: Request,
    claim: AnyClaim,
    credential: principals.Credential | None,
) -> Identity:
    key = claim.access_key_id
    account = node.settings.account
    if len(key) == 12 and key.isascii() and key.isdigit():
        account = key
    elif credential is not None:
        account = credential.principal.account
    region = claim.region if isinstance(claim, sigv4.Claim) else node.settings.region
    return Identity(principals.root(account), account, region, decoded_body(request))


def _check_time(claim: sigv4.Claim, now: float, words: Words) -> None:
    signed_at = sigv4.seconds_of(claim.timestamp)
    if claim.expires_s is None:
        if abs(now - signed_at) > sigv4.SKEW_S_MAX:
            raise words.skewed(claim.timestamp, now)
    elif now > signed_at + claim.expires_s:
        raise words.presigned_expired()
    elif signed_at - now > sigv4.SKEW_S_MAX:
        raise words.skewed(claim.timestamp, now)


def _check_signed_headers(request: Request, claim: sigv4.Claim, words: Words) -> None:
    signed = claim.signed_headers
    for name in request.headers:
        if name[:6] == "x-amz-" and name not in signed and name not in _ALWAYS_UNSIGNED:
            raise words.header_unsigned(name)


def _payload_hash(request: Request, claim: sigv4.Claim, words: Words) -> str:
    """What stands for the payload in the signature, checked against the payload where it is there."""
    given = request.headers.get("x-amz-content-sha256")
    is_s3 = claim.service in ("s3", "s3express", "s3-object-lambda")
    if claim.expires_s is not None and is_s3:
        return given or sigv4.UNSIGNED_PAYLOAD
    if given is not None and is_s3:
        return given
    content = request.content
    if content is None:
        # A body that streams to an operation of another service: its hash must have been promised.
        return given or sigv4.EMPTY_SHA256
    actual = hashlib.sha256(content).hexdigest()
    if given is not None and given not in (actual, sigv4.UNSIGNED_PAYLOAD):
        raise words.mismatch()
    return given or actual


def _checked_body(
    request: Request, claim: sigv4.Claim, secret: str, payload_hash: str, *, streams: bool
) -> Any:
    if payload_hash in sigv4.STREAMING:
        is_signed = payload_hash != sigv4.STREAMING_UNSIGNED_TRAILER
        key = sigv4.signing_key(secret, claim.date, claim.region, claim.service)
        return ChunkedBody(
            request.body,
            _decoded_length(request),
            claim=claim if is_signed else None,
            key=key if is_signed else None,
            has_trailers=payload_hash == sigv4.STREAMING_SIGNED_TRAILER,
        )
    if payload_hash == sigv4.UNSIGNED_PAYLOAD:
        return request.body if streams or request.content is None else request.content
    if request.content is not None:
        if hashlib.sha256(request.content).hexdigest() != payload_hash:
            raise AwsError(
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
                ClientComputedContentSHA256=payload_hash,
            )
        return request.body if streams else request.content
    return HashedBody(request.body, payload_hash)


def _decoded_length(request: Request) -> int | None:
    text = request.headers.get("x-amz-decoded-content-length")
    if text is None:
        return None
    if not sigv4.is_number(text):
        raise AwsError("InvalidArgument", "x-amz-decoded-content-length is not a number")
    return int(text)
