"""Stages and deployments."""

from __future__ import annotations

from typing import Any

import msgspec

from freehold.kernel.call import Call
from freehold.services.apigatewayv2 import deploying, errors, rules, store
from freehold.services.apigatewayv2.access import operation
from freehold.services.apigatewayv2.records import Stage, answer

Params = dict[str, Any]

STAGE = "/apis/{ApiId}/stages/{StageName}"
DEPLOYMENT = "/apis/{ApiId}/deployments/{DeploymentId}"


@operation("CreateStage", "POST /apis/{ApiId}/stages")
def create_stage(call: Call, params: Params) -> dict[str, Any]:
    api = store.apis.load(call, params["ApiId"])
    rules.check_stage_name(params["StageName"])
    if store.stages.find(call, api.api_id, params["StageName"]) is not None:
        raise errors.conflict("Stage already exists")
    stage = rules.made(Stage, params, CreatedDate=call.now, LastUpdatedDate=call.now)
    stage = _serving(call, api.api_id, stage)
    store.stages.save(call, stage, api.api_id, stage.stage_name)
    if stage.auto_deploy:
        deploying.redeploy(call, api.api_id)
    return _shown(store.stages.load(call, api.api_id, stage.stage_name))


@operation("GetStage", f"GET {STAGE}", reads=True)
def get_stage(call: Call, params: Params) -> dict[str, Any]:
    store.apis.load(call, params["ApiId"])
    return _shown(store.stages.load(call, params["ApiId"], params["StageName"]))


@operation("GetStages", "GET /apis/{ApiId}/stages", reads=True)
def get_stages(call: Call, params: Params) -> dict[str, Any]:
    api = store.apis.load(call, params["ApiId"])
    found, token = store.stages.page(call, params, api.api_id)
    return {"Items": [_shown(stage) for stage in found], "NextToken": token}


@operation("UpdateStage", f"PATCH {STAGE}")
def update_stage(call: Call, params: Params) -> dict[str, Any]:
    api = store.apis.load(call, params["ApiId"])
    found = store.stages.load(call, api.api_id, params["StageName"])
    if found.auto_deploy and params.get("DeploymentId") and params.get("AutoDeploy") is not False:
        raise errors.bad_request("Deployment ID cannot be set on a stage that deploys by itself")
    members = (
        "AutoDeploy",
        "DeploymentId",
        "Description",
        "DefaultRouteSettings",
        "RouteSettings",
        "StageVariables",
        "AccessLogSettings",
    )
    stage = rules.updated(found, params, *members)
    stage = _serving(call, api.api_id, stage)
    stage = msgspec.structs.replace(stage, last_updated_date=call.now)
    store.stages.save(call, stage, api.api_id, stage.stage_name)
    if stage.auto_deploy and not found.auto_deploy:
        deploying.redeploy(call, api.api_id)
    return _shown(store.stages.load(call, api.api_id, stage.stage_name))


@operation("DeleteStage", f"DELETE {STAGE}")
def delete_stage(call: Call, params: Params) -> None:
    api = store.apis.load(call, params["ApiId"])
    stage = store.stages.load(call, api.api_id, params["StageName"])
    store.stages.delete(call, api.api_id, stage.stage_name)
    store.buckets.clear(call, api.api_id, stage.stage_name)


@operation("DeleteAccessLogSettings", f"DELETE {STAGE}/accesslogsettings")
def delete_access_log_settings(call: Call, params: Params) -> None:
    stage = store.stages.load(call, params["ApiId"], params["StageName"])
    changed = msgspec.structs.replace(stage, access_log_settings=None)
    store.stages.save(call, changed, params["ApiId"], stage.stage_name)


@operation("DeleteRouteSettings", f"DELETE {STAGE}/routesettings/{{RouteKey}}")
def delete_route_settings(call: Call, params: Params) -> None:
    stage = store.stages.load(call, params["ApiId"], params["StageName"])
    if params["RouteKey"] not in stage.route_settings:
        raise errors.not_found("RouteSettings", params["RouteKey"])
    kept = {key: each for key, each in stage.route_settings.items() if key != params["RouteKey"]}
    changed = msgspec.structs.replace(stage, route_settings=kept)
    store.stages.save(call, changed, params["ApiId"], stage.stage_name)


@operation("ResetAuthorizersCache", f"DELETE {STAGE}/cache/authorizers")
def reset_authorizers_cache(call: Call, params: Params) -> None:
    """Forget what authorizers said; what they said for the API's other stages too."""
    store.stages.load(call, params["ApiId"], params["StageName"])
    store.forget_verdicts(call, params["ApiId"])


@operation("CreateDeployment", "POST /apis/{ApiId}/deployments")
def create_deployment(call: Call, params: Params) -> dict[str, Any]:
    api = store.apis.load(call, params["ApiId"])
    if not store.routes.all(call, api.api_id):
        raise errors.bad_request("At least one route is required before deploying the Api.")
    deployment = deploying.deploy(call, api, params.get("Description"), automatic=False)
    if params.get("StageName"):
        stage = store.stages.load(call, api.api_id, params["StageName"])
        changed = deploying.serving(call, stage, deployment)
        store.stages.save(call, changed, api.api_id, stage.stage_name)
    return answer(deployment, "Digest")


@operation("GetDeployment", f"GET {DEPLOYMENT}", reads=True)
def get_deployment(call: Call, params: Params) -> dict[str, Any]:
    store.apis.load(call, params["ApiId"])
    found = store.deployments.load(call, params["ApiId"], params["DeploymentId"])
    return answer(found, "Digest")


@operation("GetDeployments", "GET /apis/{ApiId}/deployments", reads=True)
def get_deployments(call: Call, params: Params) -> dict[str, Any]:
    api = store.apis.load(call, params["ApiId"])
    found, token = store.deployments.page(call, params, api.api_id)
    return {"Items": [answer(each, "Digest") for each in found], "NextToken": token}


@operation("UpdateDeployment", f"PATCH {DEPLOYMENT}")
def update_deployment(call: Call, params: Params) -> dict[str, Any]:
    api = store.apis.load(call, params["ApiId"])
    found = store.deployments.load(call, api.api_id, params["DeploymentId"])
    changed = rules.updated(found, params, "Description")
    store.deployments.save(call, changed, api.api_id, found.deployment_id)
    return answer(changed, "Digest")


@operation("DeleteDeployment", f"DELETE {DEPLOYMENT}")
def delete_deployment(call: Call, params: Params) -> None:
    api = store.apis.load(call, params["ApiId"])
    found = store.deployments.load(call, api.api_id, params["DeploymentId"])
    if any(s.deployment_id == found.deployment_id for s in store.stages.all(call, api.api_id)):
        raise errors.bad_request(
            "Active stages pointing to this deployment must be moved or deleted"
        )
    store.deployments.delete(call, api.api_id, found.deployment_id)
    store.snapshots.delete(call, api.api_id, found.deployment_id)


def _serving(call: Call, api_id: str, stage: Stage) -> Stage:
    """The stage, with the digest of the deployment that it names."""
    if stage.deployment_id is None:
        return stage
    deployment = store.deployments.load(call, api_id, stage.deployment_id)
    if deployment.digest == stage.digest:
        return stage
    return deploying.serving(call, stage, deployment)


def _shown(stage: Stage) -> dict[str, Any]:
    return answer(stage, "Digest")
