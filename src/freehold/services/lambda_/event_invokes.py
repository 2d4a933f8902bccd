"""How often and how long asynchronous invocations of a function are tried."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from freehold.kernel import paging
from freehold.kernel.call import Call
from freehold.services.lambda_ import errors, find, functions, names, store
from freehold.services.lambda_.names import Target, function_arn
from freehold.services.lambda_.records import LATEST, EventInvokeConfig
from freehold.services.lambda_.service import service

Params = dict[str, Any]

PAGE_MAX = 50


@service.operation(
    "PutFunctionEventInvokeConfig", access=names.on_function("PutFunctionEventInvokeConfig")
)
def put_function_event_invoke_config(call: Call, params: Params) -> Params:
    return _save(call, params, EventInvokeConfig(qualifier="", modified=0.0))


@service.operation(
    "UpdateFunctionEventInvokeConfig",
    access=names.on_function("UpdateFunctionEventInvokeConfig"),
)
def update_function_event_invoke_config(call: Call, params: Params) -> Params:
    return _save(call, params, _load(call, names.target(call, params)))


@service.operation(
    "GetFunctionEventInvokeConfig",
    reads=True,
    access=names.on_function("GetFunctionEventInvokeConfig"),
)
def get_function_event_invoke_config(call: Call, params: Params) -> Params:
    target = names.target(call, params)
    return _shown(target, _load(call, target))


@service.operation(
    "DeleteFunctionEventInvokeConfig",
    access=names.on_function("DeleteFunctionEventInvokeConfig"),
)
def delete_function_event_invoke_config(call: Call, params: Params) -> None:
    target = names.target(call, params)
    config = _load(call, target)
    store.delete_event_invoke(call.tx, call.scope, target.name, config.qualifier)


@service.operation(
    "ListFunctionEventInvokeConfigs",
    reads=True,
    access=names.on_function("ListFunctionEventInvokeConfigs"),
)
def list_function_event_invoke_configs(call: Call, params: Params) -> Params:
    target = names.unqualified(call, params)
    find.function(call, target)
    limit = params.get("MaxItems", PAGE_MAX)
    (after,) = functions.marker(params, tuple[str], (None,))
    found = store.list_event_invokes(call.tx, call.scope, target.name, after=after, limit=limit + 1)
    more = len(found) > limit
    return {
        "FunctionEventInvokeConfigs": [_shown(target, config) for config in found[:limit]],
        "NextMarker": paging.encode((found[limit - 1].qualifier,)) if more else None,
    }


def _save(call: Call, params: Params, known: EventInvokeConfig) -> Params:
    target = names.target(call, params)
    find.ensure_qualifier(call, target)
    config = replace(
        known,
        qualifier=target.qualifier or LATEST,
        modified=call.now,
        retries_max=params.get("MaximumRetryAttempts", known.retries_max),
        age_s_max=params.get("MaximumEventAgeInSeconds", known.age_s_max),
    )
    store.save_event_invoke(call.tx, call.scope, target.name, config)
    return _shown(target, config)


def _load(call: Call, target: Target) -> EventInvokeConfig:
    qualifier = target.qualifier or LATEST
    config = store.load_event_invoke(call.tx, call.scope, target.name, qualifier)
    if config is None:
        raise errors.not_found(
            f"The function {target.function_arn}:{qualifier} doesn't have an EventInvokeConfig"
        )
    return config


def _shown(target: Target, config: EventInvokeConfig) -> Params:
    return {
        "LastModified": config.modified,
        "FunctionArn": function_arn(target.account, target.region, target.name, config.qualifier),
        "MaximumRetryAttempts": config.retries_max,
        "MaximumEventAgeInSeconds": config.age_s_max,
        "DestinationConfig": {"OnSuccess": {}, "OnFailure": {}},
    }
