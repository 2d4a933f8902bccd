"""API keys, usage plans, and which key belongs to which plan."""

from __future__ import annotations

from typing import Any

import msgspec

from freehold.kernel.call import Call
from freehold.kernel.chance import LOWER_ALPHANUMERIC
from freehold.kernel.errors import not_implemented
from freehold.services.apigateway import errors, patch, rules, store
from freehold.services.apigateway.access import operation
from freehold.services.apigateway.records import (
    ApiKey,
    ApiStage,
    Quota,
    UsagePlan,
    UsagePlanKey,
    answer,
)

Params = dict[str, Any]

ID_LENGTH = 10
KEY_LENGTH, KEY_LENGTH_MIN, KEY_LENGTH_MAX = 40, 20, 128
# As many scanned for one page of a query by name or owner.
SCANNED_MAX = 10_000
PERIODS = ("DAY", "WEEK", "MONTH")


@operation("CreateApiKey", "POST /apikeys")
def create_api_key(call: Call, params: Params) -> dict[str, Any]:
    value = params.get("value") or call.new_word(KEY_LENGTH, LOWER_ALPHANUMERIC + "ABCDEFGHIJ")
    if not KEY_LENGTH_MIN <= len(value) <= KEY_LENGTH_MAX:
        raise errors.bad_request("API Key value should be at least 20 characters")
    if store.find_key_by_value(call, value) is not None:
        raise errors.conflict("API Key already exists")
    rules.check_tags(params.get("tags") or {})
    stages = [f"{each['restApiId']}/{each['stageName']}" for each in params.get("stageKeys") or []]
    for stage in stages:
        store.stages.load(call, *stage.split("/"))
    key: ApiKey = rules.made(
        ApiKey,
        params,
        id=call.new_word(ID_LENGTH),
        value=value,
        stageKeys=stages,
        createdDate=call.now,
        lastUpdatedDate=call.now,
    )
    store.save_key(call, key)
    return answer(key)


@operation("GetApiKey", "GET /apikeys/{apiKey}", reads=True)
def get_api_key(call: Call, params: Params) -> dict[str, Any]:
    return _shown(store.keys.load(call, params["apiKey"]), params.get("includeValue"))


@operation("GetApiKeys", "GET /apikeys", reads=True)
def get_api_keys(call: Call, params: Params) -> dict[str, Any]:
    name, customer = params.get("nameQuery"), params.get("customerId")
    position: str | None = None
    if name or customer:
        found = [
            key
            for key in store.keys.all(call)
            if (not name or (key.name or "").startswith(name))
            and customer in (None, key.customer_id)
        ]
    else:
        found, position = store.keys.page(call, params)
    shown = [_shown(key, params.get("includeValues")) for key in found]
    return {"items": shown, "position": position}


@operation("UpdateApiKey", "PATCH /apikeys/{apiKey}")
def update_api_key(call: Call, params: Params) -> dict[str, Any]:
    found = store.keys.load(call, params["apiKey"])
    members = ("name", "description", "enabled", "customerId", "stageKeys")
    operations = [
        {**each, "path": "/stageKeys"} if each.get("path") == "/stages" else each
        for each in params.get("patchOperations") or []
    ]
    key = patch.patched(found, operations, *members)
    key = msgspec.structs.replace(key, last_updated_date=call.now)
    store.save_key(call, key)
    return _shown(key, None)


@operation("DeleteApiKey", "DELETE /apikeys/{apiKey}")
def delete_api_key(call: Call, params: Params) -> None:
    store.delete_key(call, store.keys.load(call, params["apiKey"]))


@operation("CreateUsagePlan", "POST /usageplans")
def create_usage_plan(call: Call, params: Params) -> dict[str, Any]:
    rules.check_tags(params.get("tags") or {})
    if any(stage.get("throttle") for stage in params.get("apiStages") or []):
        raise not_implemented("apiStages.throttle of usage plans")
    plan: UsagePlan = rules.made(UsagePlan, params, id=call.new_word(6))
    return answer(_save_plan(call, plan))


@operation("GetUsagePlan", "GET /usageplans/{usagePlanId}", reads=True)
def get_usage_plan(call: Call, params: Params) -> dict[str, Any]:
    return answer(store.plans.load(call, params["usagePlanId"]))


@operation("GetUsagePlans", "GET /usageplans", reads=True)
def get_usage_plans(call: Call, params: Params) -> dict[str, Any]:
    if params.get("keyId"):
        plans = [
            store.plans.load(call, each.id) for each in store.key_plans.all(call, params["keyId"])
        ]
        return {"items": [answer(plan) for plan in plans]}
    found, position = store.plans.page(call, params)
    return {"items": [answer(plan) for plan in found], "position": position}


@operation("UpdateUsagePlan", "PATCH /usageplans/{usagePlanId}")
def update_usage_plan(call: Call, params: Params) -> dict[str, Any]:
    plan = store.plans.load(call, params["usagePlanId"])
    others = []
    for each in params.get("patchOperations") or []:
        steps = patch.pointer(each.get("path", ""))
        if steps[:1] == ["apiStages"]:
            plan = _with_stage(plan, each, steps)
        else:
            others.append(each)
    plan = patch.patched(plan, others, "name", "description", "throttle", "quota")
    return answer(_save_plan(call, plan))


@operation("DeleteUsagePlan", "DELETE /usageplans/{usagePlanId}")
def delete_usage_plan(call: Call, params: Params) -> None:
    plan = store.plans.load(call, params["usagePlanId"])
    if plan.api_stages:
        raise errors.bad_request(
            "Cannot delete Usage Plan, please remove all associated API stages from the Usage Plan."
        )
    for key in store.plan_keys.all(call, plan.id):
        store.key_plans.delete(call, key.id, plan.id)
    store.plan_keys.clear(call, plan.id)
    store.usages.clear(call, plan.id)
    store.plans.delete(call, plan.id)


@operation("CreateUsagePlanKey", "POST /usageplans/{usagePlanId}/keys")
def create_usage_plan_key(call: Call, params: Params) -> dict[str, Any]:
    plan = store.plans.load(call, params["usagePlanId"])
    if params["keyType"] != "API_KEY":
        raise errors.bad_request("Invalid keyType specified: " + params["keyType"])
    key = store.keys.load(call, params["keyId"])
    if store.plan_keys.find(call, plan.id, key.id) is not None:
        raise errors.conflict("Usage Plan Key already exists")
    _check_one_plan_for_stage(call, plan, key)
    made = UsagePlanKey(id=key.id, type="API_KEY", value=key.value, name=key.name)
    store.plan_keys.save(call, made, plan.id, key.id)
    store.key_plans.save(call, UsagePlanKey(id=plan.id, type="PLAN"), key.id, plan.id)
    return answer(made)


@operation("GetUsagePlanKey", "GET /usageplans/{usagePlanId}/keys/{keyId}", reads=True)
def get_usage_plan_key(call: Call, params: Params) -> dict[str, Any]:
    store.plans.load(call, params["usagePlanId"])
    return answer(store.plan_keys.load(call, params["usagePlanId"], params["keyId"]))


@operation("GetUsagePlanKeys", "GET /usageplans/{usagePlanId}/keys", reads=True)
def get_usage_plan_keys(call: Call, params: Params) -> dict[str, Any]:
    plan = store.plans.load(call, params["usagePlanId"])
    if params.get("nameQuery"):
        everything = store.plan_keys.all(call, plan.id)
        wanted = [key for key in everything if (key.name or "").startswith(params["nameQuery"])]
        return {"items": [answer(key) for key in wanted]}
    found, position = store.plan_keys.page(call, params, plan.id)
    return {"items": [answer(key) for key in found], "position": position}


@operation("DeleteUsagePlanKey", "DELETE /usageplans/{usagePlanId}/keys/{keyId}")
def delete_usage_plan_key(call: Call, params: Params) -> None:
    plan = store.plans.load(call, params["usagePlanId"])
    key = store.plan_keys.load(call, plan.id, params["keyId"])
    store.plan_keys.delete(call, plan.id, key.id)
    store.key_plans.delete(call, key.id, plan.id)
    store.usages.delete(call, plan.id, key.id)


def _shown(key: ApiKey, with_value: bool | None) -> dict[str, Any]:
    return answer(key) if with_value else answer(key, "value")


def _save_plan(call: Call, plan: UsagePlan) -> UsagePlan:
    if not plan.name:
        raise errors.bad_request("Usage Plan name cannot be blank")
    for stage in plan.api_stages:
        store.rest_apis.load(call, stage.api_id)
        if store.stages.find(call, stage.api_id, stage.stage) is None:
            raise errors.not_found(f"API Stage not found: {stage.api_id}:{stage.stage}")
    if plan.quota is not None:
        _check_quota(plan.quota)
    store.plans.save(call, plan, plan.id)
    return plan


def _check_quota(quota: Quota) -> None:
    if quota.period not in PERIODS:
        raise errors.bad_request("Usage Plan quota period must be DAY, WEEK or MONTH")
    offsets_max = {"DAY": 0, "WEEK": 6, "MONTH": 27}
    if not 0 <= quota.offset <= offsets_max[quota.period]:
        raise errors.bad_request(
            f"Usage Plan quota offset must be between 0 and {offsets_max[quota.period]} "
            f"for the period {quota.period}"
        )


def _with_stage(plan: UsagePlan, change: dict[str, Any], steps: list[str]) -> UsagePlan:
    if len(steps) > 1:
        raise not_implemented("apiStages.throttle of usage plans")
    api_id, _, name = (change.get("value") or "").partition(":")
    if not name:
        raise errors.invalid_patch_value(change["path"], change.get("value"))
    stage = ApiStage(api_id=api_id, stage=name)
    others = [each for each in plan.api_stages if each != stage]
    if change["op"] == "remove":
        return msgspec.structs.replace(plan, api_stages=others)
    return msgspec.structs.replace(plan, api_stages=[*others, stage])


def _check_one_plan_for_stage(call: Call, plan: UsagePlan, key: ApiKey) -> None:
    """A key may be in several plans, but only in one for each stage."""
    for other in store.key_plans.all(call, key.id):
        for stage in store.plans.load(call, other.id).api_stages:
            if stage in plan.api_stages:
                raise errors.conflict(
                    f"{key.id} and {plan.id} cannot be associated: the key is already "
                    f"associated with the stage {stage.api_id}:{stage.stage}"
                )
