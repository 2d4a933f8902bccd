"""The data plane: a request to a deployed REST API, from its path to its answer.

Stage, route, resource policy and authorizer, API key and limits, validator, integration: in that
order; whoever refuses raises a Refusal, which becomes a gateway response.
"""

from __future__ import annotations

import asyncio
import base64
import gzip

import msgspec

from freehold.kernel import authorize
from freehold.kernel.call import Call
from freehold.kernel.endpoints import Endpoint
from freehold.kernel.http import BodyTooLarge, HttpRequest, HttpResponse
from freehold.kernel.principal import ANONYMOUS
from freehold.kernel.service import Access
from freehold.services.apigateway import (
    authorizing,
    event,
    gateway_responses,
    integrations,
    store,
    throttling,
    validation,
)
from freehold.services.apigateway.access import service
from freehold.services.apigateway.deployed import Deployed, Frozen, compiled
from freehold.services.apigateway.gateway_responses import Refusal
from freehold.services.apigateway.integrations import Exchange
from freehold.services.apigateway.records import (
    ApiKey,
    Authorizer,
    Stage,
    Throttle,
    Usage,
    UsagePlan,
    Verdict,
)
from freehold.services.apigateway.routing import Match

BODY_BYTES_MAX = 10 * 1024 * 1024


@service.endpoint("execute-api")
async def serve(call: Call, request: HttpRequest, endpoint: Endpoint) -> HttpResponse:
    stage_name, slash, rest = request.path.lstrip("/").partition("/")
    found = await call.read(_load, endpoint.name, stage_name)
    extended_id = base64.b64encode(call.node.chance.bytes(11)).decode()
    ids = (("x-amzn-RequestId", call.request_id), ("x-amz-apigw-id", extended_id))
    if found is None or found[1].api.disable_execute_api_endpoint:
        answer = gateway_responses.response(Refusal("WAF_FILTERED"))
        return _with_headers(answer, ids)
    stage, deployed = found
    trace_id = f"Root=1-{int(call.now):08x}-{call.node.chance.bytes(12).hex()}"
    context = event.Context(
        account=call.account,
        api_id=endpoint.name,
        stage=stage.stage_name,
        stage_variables=stage.variables,
        request_id=call.request_id,
        extended_request_id=extended_id,
        domain_name=_domain(call, request, endpoint.name),
        trace_id=trace_id,
        scheme=call.endpoint_url.partition("://")[0],
        now=call.now,
    )
    exchange = Exchange(call, request, stage, deployed, context, slash + rest or "/")
    try:
        answer = await _answer(exchange)
    except Refusal as refusal:
        answer = gateway_responses.response(
            refusal,
            deployed.gateway_responses,
            exchange.variables(),
            request.header("accept"),
        )
    answer = _compressed(answer, request, deployed.api.minimum_compression_size)
    return _with_headers(answer, (*ids, ("X-Amzn-Trace-Id", trace_id)))


async def _answer(exchange: Exchange) -> HttpResponse:
    found = exchange.deployed.router.match(exchange.request.method, exchange.path)
    if found is None or found.method is None or found.method.method_integration is None:
        raise Refusal("MISSING_AUTHENTICATION_TOKEN")
    exchange.match = found
    exchange.body = await _body(exchange)
    await _authorize(exchange, found)
    await _admit(exchange, found)
    _validate(exchange, found)
    limit_s = found.method.method_integration.timeout_in_millis / 1000
    try:
        async with asyncio.timeout(limit_s):
            return await integrations.run(exchange, found.method.method_integration)
    except TimeoutError:
        raise Refusal("INTEGRATION_TIMEOUT") from None


def _load(call: Call, api_id: str, stage_name: str) -> tuple[Stage, Deployed] | None:
    """A stage and what it serves. Reads the stage alone when its deployment is compiled already."""
    stage = store.stages.find(call, api_id, stage_name)
    if stage is None:
        return None
    deployment_id = stage.deployment_id
    frozen = Frozen(stage.digest, lambda: store.snapshots.load(call, api_id, deployment_id))
    return stage, compiled(frozen)


async def _body(exchange: Exchange) -> bytes:
    try:
        body = await exchange.request.body.read(BODY_BYTES_MAX)
    except BodyTooLarge:
        raise Refusal("REQUEST_TOO_LARGE") from None
    return body


async def _authorize(exchange: Exchange, found: Match) -> None:
    assert found.method is not None
    kind = found.method.authorization_type
    if kind == "AWS_IAM":
        await _authorize_signed(exchange)
        return
    if kind == "CUSTOM":
        authorizer = exchange.deployed.authorizers.get(found.method.authorizer_id or "")
        if authorizer is None:
            raise Refusal("AUTHORIZER_CONFIGURATION_ERROR")
        await _ask_authorizer(exchange, authorizer)
    policy = exchange.deployed.api.policy
    if policy:
        access = Access(action=authorizing.ACTION, resource=exchange.method_arn, policy=policy)
        await _require(exchange.call.acting_as(ANONYMOUS), access)


async def _authorize_signed(exchange: Exchange) -> None:
    """AWS_IAM: the signature was checked by whoever took the request in."""
    caller = exchange.call.principal
    if caller.kind == "anonymous":
        raise Refusal("MISSING_AUTHENTICATION_TOKEN")
    policy = exchange.deployed.api.policy or None
    access = Access(action=authorizing.ACTION, resource=exchange.method_arn, policy=policy)
    await _require(exchange.call, access)
    exchange.add_identity(
        {"accountId": caller.account, "caller": caller.id, "user": caller.id, "userArn": caller.arn}
    )


async def _require(call: Call, access: Access) -> None:
    decision = await call.read(authorize.decide, access)
    if decision.allowed:
        return
    who = "anonymous" if call.principal.kind == "anonymous" else call.principal.arn
    parts = access.resource.split(":", 5)
    hidden = ":".join([*parts[:4], "********" + parts[4][-4:], parts[5]])
    because = " with an explicit deny" if "explicit deny" in decision.reason else ""
    raise Refusal(
        "ACCESS_DENIED",
        f"User: {who} is not authorized to perform: {access.action} on resource: {hidden}{because}",
    )


async def _ask_authorizer(exchange: Exchange, authorizer: Authorizer) -> None:
    values = authorizing.identity(authorizer, exchange.given())
    call, api_id = exchange.call, exchange.context.api_id
    key = authorizing.cache_key(values)
    ttl_s = authorizer.authorizer_result_ttl_in_seconds if values else 0
    verdict: Verdict | None = None
    if ttl_s:
        verdict = await call.read(store.find_verdict, api_id, authorizer.id, key)
    if verdict is None:
        verdict = await integrations.ask(exchange, authorizer, values)
        verdict = msgspec.structs.replace(verdict, expires_at=call.now + ttl_s)
        if ttl_s:
            await call.write(store.save_verdict, api_id, authorizer.id, key, verdict)
    authorizing.check(verdict, call.account, exchange.method_arn)
    exchange.usage_key = verdict.usage_identifier_key
    exchange.add_authorizer({"principalId": verdict.principal_id, **verdict.context})


async def _admit(exchange: Exchange, found: Match) -> None:
    """Check the API key, and count the request where something counts."""
    assert found.method is not None
    call, stage = exchange.call, exchange.stage
    plan: UsagePlan | None = None
    key: ApiKey | None = None
    if found.method.api_key_required:
        if exchange.deployed.api.api_key_source == "AUTHORIZER":
            value = exchange.usage_key
        else:
            value = exchange.request.header("x-api-key")
        found_key = await call.read(_key_and_plan, exchange.context.api_id, stage.stage_name, value)
        if found_key is None:
            raise Refusal("INVALID_API_KEY")
        key, plan = found_key
        exchange.add_identity({"apiKey": key.value, "apiKeyId": key.id})
    held = throttling.stage_throttle(stage, found.resource.path, exchange.request.method)
    limited = plan is not None and (plan.throttle is not None or plan.quota is not None)
    if held is not None or limited:
        # Raised out of the transaction: what is refused is not counted.
        await call.write(_count, exchange.context.api_id, stage, held, key, plan)


def _key_and_plan(
    call: Call, api_id: str, stage_name: str, value: str | None
) -> tuple[ApiKey, UsagePlan] | None:
    """The key of this value, if it is enabled and in a plan for the stage; and that plan."""
    key = store.find_key_by_value(call, value) if value else None
    if key is None or not key.enabled:
        return None
    for each in store.key_plans.all(call, key.id):
        plan = store.plans.find(call, each.id)
        if plan is not None and any(
            stage.api_id == api_id and stage.stage == stage_name for stage in plan.api_stages
        ):
            return key, plan
    return None


def _count(
    call: Call,
    api_id: str,
    stage: Stage,
    held: tuple[str, Throttle] | None,
    key: ApiKey | None,
    plan: UsagePlan | None,
) -> None:
    if held is not None:
        place = f"{api_id}/{stage.stage_name}/{held[0]}"
        usage = store.usages.find(call, "stage", place) or Usage()
        store.usages.save(call, throttling.spent(usage, held[1], None, call.now), "stage", place)
    if key is not None and plan is not None:
        usage = store.usages.find(call, plan.id, key.id) or Usage()
        usage = throttling.spent(usage, plan.throttle, plan.quota, call.now)
        store.usages.save(call, usage, plan.id, key.id)


def _validate(exchange: Exchange, found: Match) -> None:
    assert found.method is not None
    validator = exchange.deployed.validators.get(found.method.request_validator_id or "")
    if validator is None:
        return
    if validator.validate_request_parameters:
        validation.check_parameters(found.method, exchange.given())
    if validator.validate_request_body:
        content_type = exchange.request.header("content-type")
        schemas = exchange.deployed.schemas
        validation.check_body(found.method, schemas, content_type, exchange.body)


def _domain(call: Call, request: HttpRequest, api_id: str) -> str:
    """The name that the client used, if it is the API's own; without a port."""
    host = request.host.rpartition(":")[0] or request.host
    if host.startswith(api_id + "."):
        return host
    return f"{api_id}.execute-api.{call.region}.{call.node.settings.domain}"


def _compressed(answer: HttpResponse, request: HttpRequest, minimum: int | None) -> HttpResponse:
    """gzip, where the API asks for it, the client takes it, and the body is long enough."""
    names = {name.lower() for name, _ in answer.headers}
    if minimum is None or not isinstance(answer.body, bytes) or len(answer.body) < max(minimum, 1):
        return answer
    if "gzip" not in (request.header("accept-encoding") or "") or "content-encoding" in names:
        return answer
    body = gzip.compress(answer.body, compresslevel=6, mtime=0)
    return _with_headers(
        msgspec.structs.replace(answer, body=body), (("Content-Encoding", "gzip"),)
    )


def _with_headers(answer: HttpResponse, added: tuple[tuple[str, str], ...]) -> HttpResponse:
    return msgspec.structs.replace(answer, headers=(*answer.headers, *added))
