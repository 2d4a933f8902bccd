"""Deployments as acts: freezing an API, and doing so by itself where a stage asks for it."""

from __future__ import annotations

import msgspec

from freehold.kernel.call import Call
from freehold.services.apigatewayv2 import store
from freehold.services.apigatewayv2.records import Api, Deployment, Stage

ID_LENGTH = 6


def deploy(call: Call, api: Api, description: str | None, *, automatic: bool) -> Deployment:
    """Freeze the API as it is."""
    snapshot, digest = store.freeze(call, api)
    deployment = Deployment(
        deployment_id=call.new_word(ID_LENGTH),
        description=description,
        auto_deployed=automatic,
        created_date=call.now,
        digest=digest,
    )
    store.deployments.save(call, deployment, api.api_id, deployment.deployment_id)
    store.snapshots.save(call, snapshot, api.api_id, deployment.deployment_id)
    return deployment


def redeploy(call: Call, api_id: str) -> None:
    """After a change: let the stages that deploy by themselves serve it.

    The automatic deployment that this replaces is dropped: nothing could refer to it but its
    stages.
    """
    api = store.apis.load(call, api_id)
    following = [stage for stage in store.stages.all(call, api_id) if stage.auto_deploy]
    if not following:
        return
    message = "Automatic deployment triggered by changes to the Api configuration"
    deployment = deploy(call, api, message, automatic=True)
    for stage in following:
        old = stage.deployment_id
        store.stages.save(call, serving(call, stage, deployment), api_id, stage.stage_name)
        if old is not None:
            _drop_if_automatic(call, api_id, old)


def serving(call: Call, stage: Stage, deployment: Deployment) -> Stage:
    """The stage, with this deployment."""
    return msgspec.structs.replace(
        stage,
        deployment_id=deployment.deployment_id,
        digest=deployment.digest,
        last_updated_date=call.now,
        last_deployment_status_message=(
            f"Successfully deployed stage with deployment ID '{deployment.deployment_id}'"
        ),
    )


def _drop_if_automatic(call: Call, api_id: str, deployment_id: str) -> None:
    found = store.deployments.find(call, api_id, deployment_id)
    if found is not None and found.auto_deployed:
        store.deployments.delete(call, api_id, deployment_id)
        store.snapshots.delete(call, api_id, deployment_id)
