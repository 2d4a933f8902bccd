"""The data plane: a request to a deployed HTTP API, from its path to its answer.

Stage, CORS preflight, route, authorization, throttle, integration: in that order. Who refuses
raises a Refusal, which becomes {"message": ...}.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from typing import Any
from urllib.parse import unquote

import msgspec
import orjson

from freehold.kernel import authorize, principal
from freehold.kernel.call import Call
from freehold.kernel.endpoints import Endpoint
from freehold.kernel.errors import AwsError
from freehold.kernel.http import BodyTooLarge, HttpRequest, HttpResponse
from freehold.kernel.service import Access
from freehold.services.apigatewayv2 import (
    authorizing,
    cors,
    event,
    issuers,
    jwt,
    parameters,
    rules,
    store,
)
from freehold.services.apigatewayv2.access import CALLERS_OWN, service
from freehold.services.apigatewayv2.deployed import Deployed, Frozen, compiled
from freehold.services.apigatewayv2.event import Context, Given
from freehold.services.apigatewayv2.records import (
    Authorizer,
    Bucket,
    Integration,
    Route,
    Stage,
    Verdict,
)
from freehold.services.apigatewayv2.routing import route_path

log = logging.getLogger(__name__)

BODY_BYTES_MAX = 10 * 1024 * 1024
GATEWAY = principal.service("apigateway.amazonaws.com")


class Refusal(Exception):
    """The gateway answers this request itself."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message


@service.endpoint("execute-api")
async def serve(call: Call, request: HttpRequest, endpoint: Endpoint) -> HttpResponse:
    request_id = base64.b64encode(call.node.chance.bytes(11)).decode()
    found = await call.read(_load, endpoint.name, request.path)
    origin = request.header("origin")
    configured = None if found is None else found[1].api.cors_configuration
    if configured is not None and cors.is_preflight(request.method, dict(request.headers)):
        answer = cors.preflight(configured, origin or "")
    else:
        try:
            answer = await _answer(call, request, found, request_id)
        except Refusal as refusal:
            answer = _refused(refusal)
        if configured is not None:
            answer = cors.applied(configured, origin, answer)
    return msgspec.structs.replace(
        answer, headers=(*answer.headers, ("apigw-requestid", request_id))
    )


def _refused(refusal: Refusal) -> HttpResponse:
    body = orjson.dumps({"message": refusal.message})
    headers = (("content-type", "application/json"),)
    return HttpResponse(status=refusal.status, headers=headers, body=body)


async def _answer(
    call: Call,
    request: HttpRequest,
    found: tuple[Stage, Deployed, str] | None,
    request_id: str,
) -> HttpResponse:
    if found is None or found[1].api.disable_execute_api_endpoint:
        raise Refusal(404, "Not Found")
    stage, deployed, path = found
    match = deployed.router.match(request.method, path)
    if match is None:
        raise Refusal(404, "Not Found")
    route = match.route
    integration = deployed.integrations.get((route.target or "").removeprefix("integrations/"))
    if integration is None:
        raise Refusal(500, "Internal Server Error")
    context = Context(
        account=call.account,
        api_id=deployed.api.api_id,
        stage=stage.stage_name,
        stage_variables=stage.stage_variables,
        request_id=request_id,
        domain_name=_domain(call, request, deployed.api.api_id),
        trace_id=f"Root=1-{int(call.now):08x}-{call.node.chance.bytes(12).hex()}",
        scheme=call.endpoint_url.partition("://")[0],
        now=call.now,
        route_key=route.route_key,
    )
    try:
        body = await request.body.read(BODY_BYTES_MAX)
    except BodyTooLarge:
        raise Refusal(413, "Request Entity Too Large") from None
    shown_path = path if stage.stage_name == "$default" else f"/{stage.stage_name}{path}"
    given = event.given(request, shown_path, match.path_parameters, body, context)
    context = await _authorize(call, deployed, route, given, context, path)
    await _throttle(call, stage, context, route)
    try:
        async with asyncio.timeout(integration.timeout_in_millis / 1000):
            return await _run(call, route, integration, given, context)
    except TimeoutError:
        raise Refusal(503, "Service Unavailable") from None


def _load(call: Call, api_id: str, raw_path: str) -> tuple[Stage, Deployed, str] | None:
    """The stage, what it serves, and the decoded path below it.

    A first segment that names a stage is taken for that; otherwise the request is for $default.
    """
    first, slash, rest = raw_path.lstrip("/").partition("/")
    stage = store.stages.find(call, api_id, first) if first and first != "$default" else None
    path = unquote(slash + rest or "/")
    if stage is None:
        stage, path = store.stages.find(call, api_id, "$default"), unquote(raw_path or "/")
    if stage is None or stage.deployment_id is None:
        return None
    deployment_id = stage.deployment_id
    frozen = Frozen(stage.digest, lambda: store.snapshots.load(call, api_id, deployment_id))
    return stage, compiled(frozen), path


async def _authorize(
    call: Call, deployed: Deployed, route: Route, found: Given, context: Context, path: str
) -> Context:
    """The context with what the authorization found out, or a Refusal."""
    arn = f"{_api_arn(call, context)}/{context.stage}/{found.method}{path}"
    if route.authorization_type == "AWS_IAM":
        return await _authorize_signed(call, context, arn)
    if route.authorization_type == "NONE":
        return context
    authorizer = deployed.authorizers.get(route.authorizer_id or "")
    if authorizer is None:
        raise Refusal(500, "Internal Server Error")
    if authorizer.authorizer_type == "JWT":
        return await _authorize_token(call, authorizer, route, found, context)
    try:
        verdict = await _ask(call, authorizer, route, found, context, arn)
    except authorizing.Unauthorized:
        raise Refusal(401, "Unauthorized") from None
    except authorizing.Misconfigured:
        raise Refusal(500, "Internal Server Error") from None
    if not authorizing.allows(verdict, call.account, arn):
        raise Refusal(403, "Forbidden")
    said = dict(verdict.context)
    if authorizer.authorizer_payload_format_version == "1.0":
        said = {"principalId": verdict.principal_id, **said}
    return msgspec.structs.replace(context, authorizer={"lambda": said})


async def _authorize_token(
    call: Call, authorizer: Authorizer, route: Route, found: Given, context: Context
) -> Context:
    """JWT: a token of the issuer, for this API, that grants one of the route's scopes."""
    try:
        (token,) = authorizing.identity(authorizer, found, context)
        claims = await issuers.claims(call, authorizer, token)
    except (authorizing.Unauthorized, jwt.InvalidToken):
        raise Refusal(401, "Unauthorized") from None
    except issuers.Unreachable as error:
        log.warning("a JWT authorizer of %s: %s", context.api_id, error)
        raise Refusal(500, "Internal Server Error") from None
    granted = jwt.scopes(claims)
    if route.authorization_scopes and not set(granted) & set(route.authorization_scopes):
        raise Refusal(403, "Forbidden")
    said = jwt.shown(claims, granted if route.authorization_scopes else ())
    return msgspec.structs.replace(context, authorizer={"jwt": said})


async def _authorize_signed(call: Call, context: Context, arn: str) -> Context:
    """AWS_IAM: the signature was checked by whoever took the request in."""
    caller = call.principal
    if caller.kind == "anonymous":
        raise Refusal(403, "Forbidden")
    decision = await call.read(authorize.decide, Access(action=authorizing.ACTION, resource=arn))
    if not decision.allowed:
        raise Refusal(403, "Forbidden")
    iam = {
        "accessKey": None,
        "accountId": caller.account,
        "callerId": caller.id,
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": caller.arn,
        "userId": caller.id,
    }
    identity = {"accountId": caller.account, "caller": caller.id, "userArn": caller.arn}
    return msgspec.structs.replace(
        context, authorizer={"iam": iam}, identity={**identity, "user": caller.id}
    )


async def _ask(
    call: Call, authorizer: Authorizer, route: Route, found: Given, context: Context, arn: str
) -> Verdict:
    values = authorizing.identity(authorizer, found, context)
    key = authorizing.cache_key(values)
    ttl_s = authorizer.authorizer_result_ttl_in_seconds if values else 0
    place = (context.api_id, authorizer.authorizer_id, key)
    kept = await call.read(store.find_verdict, *place) if ttl_s else None
    if kept is not None:
        return kept
    if authorizer.authorizer_payload_format_version == "2.0":
        question = authorizing.question_2(event.event_2(found, context), arn, values)
    else:
        whole = event.event_1(found, _resource(route), context)
        question = authorizing.question_1(whole, arn, values)
    function = rules.function_arn(authorizer.authorizer_uri or "", context.stage_variables)
    source_arn = f"{_api_arn(call, context)}/authorizers/{authorizer.authorizer_id}"
    try:
        payload, failed = await _invoke(
            call, function or "", question, source_arn, authorizer.authorizer_credentials_arn
        )
    except AwsError:
        raise authorizing.Misconfigured(function) from None
    verdict = authorizing.verdict(payload, failed, authorizer.enable_simple_responses)
    if ttl_s:
        verdict = msgspec.structs.replace(verdict, expires_at=call.now + ttl_s)
        await call.write(store.save_verdict, *place, verdict)
    return verdict


async def _throttle(call: Call, stage: Stage, context: Context, route: Route) -> None:
    settings = stage.route_settings.get(route.route_key)
    if settings is None or settings.throttling_rate_limit is None:
        settings = stage.default_route_settings
    rate, burst = settings.throttling_rate_limit, settings.throttling_burst_limit
    if rate is None and burst is None:
        return
    # Where only one of the two is set, the account's default stands for the other.
    limits = (10_000.0 if rate is None else rate, 5_000 if burst is None else burst)
    place = (context.api_id, stage.stage_name, route.route_key)
    if not await call.write(_take_token, place, *limits):
        raise Refusal(429, "Too Many Requests")


def _take_token(call: Call, place: tuple[str, ...], rate: float, burst: int) -> bool:
    """Take one from a bucket that holds `burst` and gains `rate` a second; False if it is empty."""
    bucket = store.buckets.find(call, *place) or Bucket(tokens=float(burst), filled_at=call.now)
    gained = max(call.now - bucket.filled_at, 0.0) * rate
    tokens = min(bucket.tokens + gained, float(burst))
    if tokens < 1:
        return False
    store.buckets.save(call, Bucket(tokens=tokens - 1, filled_at=call.now), *place)
    return True


async def _run(
    call: Call, route: Route, integration: Integration, found: Given, context: Context
) -> HttpResponse:
    function = rules.function_arn(integration.integration_uri or "", context.stage_variables)
    second = integration.payload_format_version == "2.0"
    asked, source = found, _source(route, found)
    if integration.request_parameters:
        found = parameters.mapped(found, integration.request_parameters, context)
    if second:
        question = event.event_2(found, context)
    else:
        question = event.event_1(found, _resource(route), context)
    source_arn = f"{_api_arn(call, context)}/{context.stage}/{source}"
    try:
        payload, failed = await _invoke(
            call, function or "", question, source_arn, integration.credentials_arn
        )
        if failed:
            raise Refusal(500, "Internal Server Error")
        answer = event.response_2(payload) if second else event.response_1(payload)
        return parameters.answered(answer, integration.response_parameters, asked, context)
    except AwsError as error:
        if error.code == "RequestTooLargeException":
            raise Refusal(413, "Request Entity Too Large") from None
        if error.code == "TooManyRequestsException":
            raise Refusal(503, "Service Unavailable") from None
        raise Refusal(500, "Internal Server Error") from None
    except event.MalformedAnswer:
        raise Refusal(500, "Internal Server Error") from None


async def _invoke(
    call: Call, function_arn: str, question: Any, source_arn: str, credentials: str | None
) -> tuple[bytes, bool]:
    """The function's answer, and whether it failed. As the role that `credentials` names, if
    any.
    """
    caller: principal.Principal = GATEWAY
    source: str | None = source_arn
    if credentials == CALLERS_OWN:
        caller, source = call.principal, None
    elif credentials:
        caller, source = await _assumed(call, credentials), None
    answer = await call.invoke(
        "lambda",
        "Invoke",
        {
            "FunctionName": function_arn,
            "InvocationType": "RequestResponse",
            "Payload": orjson.dumps(question),
        },
        principal=caller,
        source_arn=source,
    )
    payload = answer.get("Payload") or b""
    if not isinstance(payload, bytes):
        payload = b"".join([piece async for piece in payload])
    return payload, bool(answer.get("FunctionError"))


async def _assumed(call: Call, role_arn: str) -> principal.Principal:
    """The role, if it trusts API Gateway."""
    answer = await call.invoke(
        "sts",
        "AssumeRole",
        {"RoleArn": role_arn, "RoleSessionName": "BackplaneAssumeRoleSession"},
        principal=GATEWAY,
    )
    credential = await call.read(_credential, answer["Credentials"]["AccessKeyId"])
    assert credential is not None, "a role session that was just made"
    return credential.principal


def _credential(call: Call, key_id: str) -> principal.Credential | None:
    return call.node.directory.credential(call.tx, key_id)


def _api_arn(call: Call, context: Context) -> str:
    return f"arn:aws:execute-api:{call.region}:{call.account}:{context.api_id}"


def _resource(route: Route) -> str:
    """What format 1.0 calls the resource: the route's path."""
    return route_path(route) or "$default"


def _source(route: Route, found: Given) -> str:
    """Method and path of the ARN that a function's permission is checked with."""
    path = route_path(route)
    return f"{found.method}{path}" if path else "$default"


def _domain(call: Call, request: HttpRequest, api_id: str) -> str:
    """The name that the client used, if it is the API's own; without a port."""
    host = request.host.rpartition(":")[0] or request.host
    if host.startswith(api_id + "."):
        return host
    return f"{api_id}.execute-api.{call.region}.{call.node.settings.domain}"
