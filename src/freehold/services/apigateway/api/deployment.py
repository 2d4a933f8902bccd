"""Deployments, which freeze an API, and stages, which serve a deployment under a name."""

from __future__ import annotations

from typing import Any

import msgspec

from freehold.kernel.call import Call
from freehold.kernel.errors import not_implemented
from freehold.services.apigateway import errors, patch, rules, store
from freehold.services.apigateway.access import operation
from freehold.services.apigateway.records import (
    AccessLogSettings,
    Deployment,
    MethodSetting,
    RestApi,
    Snapshot,
    Stage,
    answer,
)

Params = dict[str, Any]

DEPLOYMENT = "/restapis/{restApiId}/deployments/{deploymentId}"
STAGE = "/restapis/{restApiId}/stages/{stageName}"
# How a patch's last two steps name a member of MethodSetting.
SETTINGS = {
    ("logging", "loglevel"): "loggingLevel",
    ("logging", "dataTrace"): "dataTraceEnabled",
    ("metrics", "enabled"): "metricsEnabled",
    ("throttling", "burstLimit"): "throttlingBurstLimit",
    ("throttling", "rateLimit"): "throttlingRateLimit",
    ("caching", "enabled"): "cachingEnabled",
    ("caching", "ttlInSeconds"): "cacheTtlInSeconds",
    ("caching", "dataEncrypted"): "cacheDataEncrypted",
    ("caching", "requireAuthorizationForCacheControl"): "requireAuthorizationForCacheControl",
    ("caching", "unauthorizedCacheControlHeaderStrategy"): "unauthorizedCacheControlHeaderStrategy",
}


@operation("CreateDeployment", "POST /restapis/{restApiId}/deployments")
def create_deployment(call: Call, params: Params) -> dict[str, Any]:
    """Freeze the API as it is; with a stage name, let that stage (made if need be) serve it."""
    api = store.rest_apis.load(call, params["restApiId"])
    if params.get("cacheClusterEnabled"):
        raise not_implemented("cacheClusterEnabled")
    snapshot, digest = store.freeze(call, api)
    _check_complete(snapshot)
    deployment: Deployment = rules.made(
        Deployment, params, id=call.new_word(6), createdDate=call.now, digest=digest
    )
    store.deployments.save(call, deployment, api.id, deployment.id)
    store.snapshots.save(call, snapshot, api.id, deployment.id)
    if params.get("stageName"):
        _deploy_to(call, api, deployment, params)
    return _shown(call, api.id, deployment, None)


@operation("GetDeployment", f"GET {DEPLOYMENT}", reads=True)
def get_deployment(call: Call, params: Params) -> dict[str, Any]:
    store.rest_apis.load(call, params["restApiId"])
    found = store.deployments.load(call, params["restApiId"], params["deploymentId"])
    return _shown(call, params["restApiId"], found, params.get("embed"))


@operation("GetDeployments", "GET /restapis/{restApiId}/deployments", reads=True)
def get_deployments(call: Call, params: Params) -> dict[str, Any]:
    api = store.rest_apis.load(call, params["restApiId"])
    found, position = store.deployments.page(call, params, api.id)
    return {"items": [answer(each, "digest") for each in found], "position": position}


@operation("UpdateDeployment", f"PATCH {DEPLOYMENT}")
def update_deployment(call: Call, params: Params) -> dict[str, Any]:
    api = store.rest_apis.load(call, params["restApiId"])
    found = store.deployments.load(call, api.id, params["deploymentId"])
    deployment = patch.patched(found, params.get("patchOperations") or [], "description")
    store.deployments.save(call, deployment, api.id, deployment.id)
    return _shown(call, api.id, deployment, None)


@operation("DeleteDeployment", f"DELETE {DEPLOYMENT}")
def delete_deployment(call: Call, params: Params) -> None:
    api = store.rest_apis.load(call, params["restApiId"])
    deployment = store.deployments.load(call, api.id, params["deploymentId"])
    if any(stage.deployment_id == deployment.id for stage in store.stages.all(call, api.id)):
        raise errors.bad_request(
            "Active stages pointing to this deployment must be moved or deleted"
        )
    store.deployments.delete(call, api.id, deployment.id)
    store.snapshots.delete(call, api.id, deployment.id)


@operation("CreateStage", "POST /restapis/{restApiId}/stages")
def create_stage(call: Call, params: Params) -> dict[str, Any]:
    api = store.rest_apis.load(call, params["restApiId"])
    deployment = store.deployments.load(call, api.id, params["deploymentId"])
    if store.stages.find(call, api.id, params["stageName"]) is not None:
        raise errors.conflict("Stage already exists")
    return shown_stage(_save_stage(call, api.id, _new_stage(call, deployment, params)))


@operation("GetStage", f"GET {STAGE}", reads=True)
def get_stage(call: Call, params: Params) -> dict[str, Any]:
    store.rest_apis.load(call, params["restApiId"])
    return shown_stage(store.stages.load(call, params["restApiId"], params["stageName"]))


@operation("GetStages", "GET /restapis/{restApiId}/stages", reads=True)
def get_stages(call: Call, params: Params) -> dict[str, Any]:
    api = store.rest_apis.load(call, params["restApiId"])
    wanted = params.get("deploymentId")
    found = store.stages.all(call, api.id)
    return {"item": [shown_stage(each) for each in found if wanted in (None, each.deployment_id)]}


@operation("UpdateStage", f"PATCH {STAGE}")
def update_stage(call: Call, params: Params) -> dict[str, Any]:
    api = store.rest_apis.load(call, params["restApiId"])
    stage = store.stages.load(call, api.id, params["stageName"])
    for each in params.get("patchOperations") or []:
        steps = patch.pointer(each.get("path", ""))
        if tuple(steps[-2:]) in SETTINGS or (len(steps) == 2 and steps[-1] in rules.METHOD_KEYS):
            stage = _with_method_setting(stage, each, steps)
        elif steps[:1] == ["canarySettings"]:
            raise not_implemented("canarySettings")
        else:
            stage = patch.patched(
                stage,
                [each],
                "deploymentId",
                "description",
                "variables",
                "tracingEnabled",
                "accessLogSettings",
                "documentationVersion",
                "cacheClusterEnabled",
            )
    deployment = store.deployments.load(call, api.id, stage.deployment_id)
    stage = msgspec.structs.replace(stage, digest=deployment.digest, last_updated_date=call.now)
    return shown_stage(_save_stage(call, api.id, stage))


@operation("DeleteStage", f"DELETE {STAGE}")
def delete_stage(call: Call, params: Params) -> None:
    api = store.rest_apis.load(call, params["restApiId"])
    stage = store.stages.load(call, api.id, params["stageName"])
    store.stages.delete(call, api.id, stage.stage_name)


@operation("FlushStageAuthorizersCache", f"DELETE {STAGE}/cache/authorizers")
def flush_stage_authorizers_cache(call: Call, params: Params) -> None:
    """Forget what authorizers said; what they said for the API's other stages too."""
    api = store.rest_apis.load(call, params["restApiId"])
    store.stages.load(call, api.id, params["stageName"])
    store.forget_verdicts(call, api.id)


def shown_stage(stage: Stage) -> dict[str, Any]:
    found = answer(stage, "digest")
    if stage.access_log_settings is not None:
        found["accessLogSettings"] = answer(stage.access_log_settings)
    return found


def _check_complete(snapshot: Snapshot) -> None:
    methods = [m for resource in snapshot.resources for m in resource.resource_methods.values()]
    if not methods:
        raise errors.bad_request("The REST API doesn't contain any methods")
    if any(method.method_integration is None for method in methods):
        raise errors.bad_request("No integration defined for method")


def _deploy_to(call: Call, api: RestApi, deployment: Deployment, params: Params) -> None:
    found = store.stages.find(call, api.id, params["stageName"])
    if found is None:
        described = {**params, "description": params.get("stageDescription")}
        _save_stage(call, api.id, _new_stage(call, deployment, described))
        return
    changes = {
        "deployment_id": deployment.id,
        "digest": deployment.digest,
        "last_updated_date": call.now,
        "description": params.get("stageDescription", found.description),
        "variables": {**found.variables, **(params.get("variables") or {})},
        "tracing_enabled": params.get("tracingEnabled", found.tracing_enabled),
    }
    _save_stage(call, api.id, msgspec.structs.replace(found, **changes))


def _new_stage(call: Call, deployment: Deployment, params: Params) -> Stage:
    rules.check_stage_name(params["stageName"])
    stage: Stage = rules.made(
        Stage,
        params,
        deploymentId=deployment.id,
        digest=deployment.digest,
        createdDate=call.now,
        lastUpdatedDate=call.now,
    )
    return stage


def _save_stage(call: Call, api_id: str, stage: Stage) -> Stage:
    rules.check_variables(stage.variables)
    rules.check_tags(stage.tags)
    if stage.cache_cluster_enabled:
        raise not_implemented("cacheClusterEnabled")
    if stage.access_log_settings is not None and stage.access_log_settings == AccessLogSettings():
        stage = msgspec.structs.replace(stage, access_log_settings=None)
    store.stages.save(call, stage, api_id, stage.stage_name)
    return stage


def _with_method_setting(stage: Stage, change: dict[str, Any], steps: list[str]) -> Stage:
    """Apply a patch to /{resource path}/{method}/{group}/{setting}, or remove all of a method's."""
    whole = tuple(steps[-2:]) not in SETTINGS
    place = steps if whole else steps[:-2]
    key = f"{'/'.join(place[:-1]).strip('/')}/{place[-1]}"
    others = {name: each for name, each in stage.method_settings.items() if name != key}
    if whole:
        if change.get("op") != "remove":
            raise errors.invalid_patch_value(change["path"], change.get("value"))
        return msgspec.structs.replace(stage, method_settings=others)
    found = stage.method_settings.get(key, MethodSetting())
    member = SETTINGS[(steps[-2], steps[-1])]
    setting = patch.patched(found, [{**change, "path": f"/{member}"}], member)
    if setting.caching_enabled:
        raise not_implemented("caching of responses")
    return msgspec.structs.replace(stage, method_settings={**others, key: setting})


def _shown(
    call: Call, api_id: str, deployment: Deployment, embed: list[str] | None
) -> dict[str, Any]:
    found = answer(deployment, "digest")
    if embed and "apisummary" in [each.lower() for each in embed]:
        snapshot = store.snapshots.load(call, api_id, deployment.id)
        found["apiSummary"] = {
            resource.path: {
                name: {
                    "authorizationType": method.authorization_type,
                    "apiKeyRequired": method.api_key_required,
                }
                for name, method in resource.resource_methods.items()
            }
            for resource in snapshot.resources
            if resource.resource_methods
        }
    return found
