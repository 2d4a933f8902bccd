"""Function URLs: an HTTPS address that invokes a function."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from msgspec.structs import replace

from freehold.kernel import authorize, endpoints, paging
from freehold.kernel.call import Call
from freehold.kernel.endpoints import Endpoint
from freehold.kernel.errors import AwsError, not_implemented
from freehold.kernel.http import BodyTooLarge, HttpRequest, HttpResponse
from freehold.kernel.principal import ANONYMOUS
from freehold.kernel.service import Access
from freehold.runtime.contract import Invocation
from freehold.services.lambda_ import (
    errors,
    find,
    functions,
    invoke,
    names,
    permissions,
    store,
    url_events,
    views,
)
from freehold.services.lambda_.names import Target
from freehold.services.lambda_.records import FunctionUrl
from freehold.services.lambda_.service import service

Params = dict[str, Any]

PAGE_MAX = 50
ENDPOINT = functions.URL_ENDPOINT


@service.operation("CreateFunctionUrlConfig", access=names.on_function("CreateFunctionUrlConfig"))
def create_function_url_config(call: Call, params: Params) -> Params:
    target = _target(call, params)
    find.ensure_qualifier(call, target)
    _refuse_unknown(params)
    if store.load_url(call.tx, call.scope, target.name, target.qualifier) is not None:
        raise errors.conflict(
            "Failed to create function url config for [functionArn = "
            f"{target.arn}]. Error message:  FunctionUrlConfig exists for this Lambda function"
        )
    url = FunctionUrl(
        id=call.new_word(32),
        function=target.name,
        qualifier=target.qualifier,
        created=call.now,
        modified=call.now,
        auth_type=params["AuthType"],
        cors=params.get("Cors"),
    )
    endpoints.claim(call, ENDPOINT, url.id, f"{url.function}:{url.qualifier}")
    store.save_url(call.tx, call.scope, url)
    return _shown(call, target, url)


@service.operation("UpdateFunctionUrlConfig", access=names.on_function("UpdateFunctionUrlConfig"))
def update_function_url_config(call: Call, params: Params) -> Params:
    target = _target(call, params)
    _refuse_unknown(params)
    url = _load(call, target)
    url = replace(
        url,
        auth_type=params.get("AuthType", url.auth_type),
        cors=params.get("Cors", url.cors) or None,
        modified=call.now,
    )
    store.save_url(call.tx, call.scope, url)
    return _shown(call, target, url)


@service.operation(
    "GetFunctionUrlConfig", reads=True, access=names.on_function("GetFunctionUrlConfig")
)
def get_function_url_config(call: Call, params: Params) -> Params:
    target = _target(call, params)
    return _shown(call, target, _load(call, target))


@service.operation("DeleteFunctionUrlConfig", access=names.on_function("DeleteFunctionUrlConfig"))
def delete_function_url_config(call: Call, params: Params) -> None:
    url = _load(call, _target(call, params))
    endpoints.release(call, ENDPOINT, url.id)
    store.delete_url(call.tx, call.scope, url)


@service.operation(
    "ListFunctionUrlConfigs", reads=True, access=names.on_function("ListFunctionUrlConfigs")
)
def list_function_url_configs(call: Call, params: Params) -> Params:
    target = names.unqualified(call, params)
    find.function(call, target)
    limit = params.get("MaxItems", PAGE_MAX)
    (after,) = functions.marker(params, tuple[str], (None,))
    found = store.list_urls(call.tx, call.scope, target.name, after=after, limit=limit + 1)
    return {
        "FunctionUrlConfigs": [
            _shown(call, replace(target, qualifier=url.qualifier), url) for url in found[:limit]
        ],
        "NextMarker": paging.encode((found[limit - 1].qualifier,)) if len(found) > limit else None,
    }


@service.endpoint(ENDPOINT)
async def serve(call: Call, request: HttpRequest, endpoint: Endpoint) -> HttpResponse:
    """Answer a request to a function URL with what the function answers."""
    name, _, qualifier = endpoint.target.partition(":")
    target = Target(
        account=endpoint.account, region=endpoint.region, name=name, qualifier=qualifier
    )
    url, allowed = await call.read(_admitted, target)
    if url is None or not allowed:
        return url_events.forbidden()
    preflight = request.method == "OPTIONS" and request.header("access-control-request-method")
    if url.cors is not None and preflight:
        return url_events.preflight(url.cors, request)
    answer = await _answer(call, request, target, url)
    if url.cors is None:
        return answer
    own = {name for name, _ in url_events.cors_headers(url.cors, request)}
    kept = tuple(pair for pair in answer.headers if pair[0] not in own)
    return replace(answer, headers=kept + url_events.cors_headers(url.cors, request))


async def _answer(
    call: Call, request: HttpRequest, target: Target, url: FunctionUrl
) -> HttpResponse:
    try:
        body = await request.body.read(invoke.PAYLOAD_BYTES_MAX)
    except BodyTooLarge:
        return HttpResponse(status=413, body=b'{"Message":"Request Entity Too Large"}')
    payload = url_events.event(
        request,
        body,
        url_id=url.id,
        caller=None if url.auth_type == "NONE" else call.principal,
        request_id=call.request_id,
        now=call.now,
    )
    invocation = Invocation(
        request_id=call.request_id,
        payload=payload,
        invoked_arn=target.arn,
        trace_header=invoke.trace_header(call.node),
    )
    try:
        chosen = await invoke.chosen_for(call.node, target)
        outcome = await invoke.run(call.node, chosen, invocation)
    except AwsError as error:
        throttled = error.code == "TooManyRequestsException"
        return HttpResponse(status=429) if throttled else url_events.bad_gateway()
    if outcome.error is not None:
        return url_events.bad_gateway()
    return url_events.response(outcome.payload)


def _admitted(call: Call, target: Target) -> tuple[FunctionUrl | None, bool]:
    """The URL's settings, and whether the caller is let in.

    With AuthType NONE everybody is the same to the function's policy, also who has signed.
    """
    url = store.load_url(call.tx, target.scope, target.name, target.qualifier)
    if url is None:
        return None, False
    access = Access(
        action="lambda:InvokeFunctionUrl",
        resource=target.arn,
        policy=permissions.text_of(call, target),
        owner=target.account,
        context={"lambda:FunctionUrlAuthType": [url.auth_type]},
    )
    caller = ANONYMOUS if url.auth_type == "NONE" else call.principal
    return url, authorize.decide(call.acting_as(caller), access).allowed


def _target(call: Call, params: Params) -> Target:
    return names.target(call, params)


def _refuse_unknown(params: Params) -> None:
    if params.get("InvokeMode", "BUFFERED") != "BUFFERED":
        raise not_implemented("InvokeMode RESPONSE_STREAM of function URLs")


def _load(call: Call, target: Target) -> FunctionUrl:
    find.function(call, target)
    url = store.load_url(call.tx, call.scope, target.name, target.qualifier)
    if url is None:
        raise errors.not_found("The resource you requested does not exist.")
    return url


def _shown(call: Call, target: Target, url: FunctionUrl) -> Params:
    return {
        "FunctionUrl": _address(call, url),
        "FunctionArn": target.arn,
        "AuthType": url.auth_type,
        "Cors": url.cors,
        "CreationTime": views.time(url.created),
        "LastModifiedTime": views.time(url.modified),
        "InvokeMode": url.invoke_mode,
    }


def _address(call: Call, url: FunctionUrl) -> str:
    """Where this node answers for the URL: AWS's form, under the node's domain."""
    base = urlsplit(call.node.settings.endpoint_url)
    port = f":{base.port}" if base.port else ""
    host = f"{url.id}.{ENDPOINT}.{call.region}.{call.node.settings.domain}"
    return f"{base.scheme}://{host}{port}/"
