"""Layers: versions of shared code, and who may use them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from freehold.kernel import paging
from freehold.kernel.call import Call
from freehold.kernel.service import Access
from freehold.services.lambda_ import code, errors, functions, names, rules, store, views
from freehold.services.lambda_.names import LayerTarget
from freehold.services.lambda_.records import Code, Layer, LayerVersion, Policy
from freehold.services.lambda_.service import service

Params = dict[str, Any]

PAGE_MAX = 50
# Versions that a filter looks through to find a layer's latest that matches.
SCAN_VERSIONS_MAX = 100


def _on_layer(action: str) -> Any:
    def rule(call: Call, params: Params) -> tuple[Access, ...]:
        target = names.layer(call, params)
        return (Access(action=f"lambda:{action}", resource=target.layer_arn, owner=target.account),)

    return rule


def _on_version(action: str) -> Any:
    def rule(call: Call, params: Params) -> tuple[Access, ...]:
        target = _target(call, params)
        policy = store.load_layer_policy(call.tx, target.scope, target.name, target.number)
        return (
            Access(
                action=f"lambda:{action}",
                resource=target.arn,
                policy=policy.text if policy else None,
                owner=target.account,
            ),
        )

    return rule


@service.operation("PublishLayerVersion", access=_on_layer("PublishLayerVersion"))
async def publish_layer_version(call: Call, params: Params) -> Params:
    target = names.layer(call, params)
    rules.check_code_source(params["Content"], call.operation)
    package = await code.take(call, params["Content"])
    with code.kept_if_recorded(call, package):
        rules.check_unzipped(package, ())
        return await call.write(_publish, target, params, package)


@service.operation("GetLayerVersion", reads=True, access=_on_version("GetLayerVersion"))
def get_layer_version(call: Call, params: Params) -> Params:
    target = names.layer(call, params)
    return _with_content(call, target, _load(call, target))


@service.operation("GetLayerVersionByArn", reads=True, access=_on_version("GetLayerVersion"))
def get_layer_version_by_arn(call: Call, params: Params) -> Params:
    target = names.layer_version(params["Arn"])
    return _with_content(call, target, _load(call, target))


@service.operation("DeleteLayerVersion", access=_on_version("DeleteLayerVersion"))
def delete_layer_version(call: Call, params: Params) -> None:
    """Delete a version; one that is not there is not an error. Functions that use it keep its
    code."""
    target = names.layer(call, params)
    version = store.load_layer_version(call.tx, target.scope, target.name, target.number)
    if version is None:
        return
    store.delete_layer_version(call.tx, target.scope, target.name, target.number)
    store.add_usage(call.tx, call.scope, code_bytes=-version.code.size)
    code.drop(call, version.code, f"layer {target.name} {target.number}")


@service.operation("ListLayerVersions", reads=True, access=_on_layer("ListLayerVersions"))
def list_layer_versions(call: Call, params: Params) -> Params:
    target = names.layer(call, params)
    limit = params.get("MaxItems", PAGE_MAX)
    (before,) = functions.marker(params, tuple[int], (None,))
    found = store.list_layer_versions(
        call.tx, target.scope, target.name, before=before, limit=limit + 1
    )
    return {
        "LayerVersions": [
            views.layer_version(target, version)
            for version in found[:limit]
            if _is_compatible(version, params)
        ],
        "NextMarker": paging.encode((found[limit - 1].number,)) if len(found) > limit else None,
    }


@service.operation("ListLayers", reads=True)
def list_layers(call: Call, params: Params) -> Params:
    limit = params.get("MaxItems", PAGE_MAX)
    (after,) = functions.marker(params, tuple[str], ("",))
    found = store.list_layers(call.tx, call.scope, after=after, limit=limit + 1)
    shown = []
    for layer in found[:limit]:
        target = LayerTarget(account=call.account, region=call.region, name=layer.name)
        latest = _latest_compatible(call, layer, params)
        if latest is not None:
            shown.append(
                {
                    "LayerName": layer.name,
                    "LayerArn": target.layer_arn,
                    "LatestMatchingVersion": views.layer_version(target, latest),
                }
            )
    return {
        "Layers": shown,
        "NextMarker": paging.encode((found[limit - 1].name,)) if len(found) > limit else None,
    }


@service.operation("AddLayerVersionPermission", access=_on_version("AddLayerVersionPermission"))
def add_layer_version_permission(call: Call, params: Params) -> Params:
    target = names.layer(call, params)
    _load(call, target)
    policy = store.load_layer_policy(call.tx, target.scope, target.name, target.number)
    statements = policy.statements if policy else ()
    _check_revision(policy, params)
    if any(known["Sid"] == params["StatementId"] for known in statements):
        raise errors.statement_exists()
    statement = rules.layer_statement(params, target.arn)
    revision = _save_policy(call, target, (*statements, statement))
    return {"Statement": rules.json_text(statement), "RevisionId": revision}


@service.operation(
    "RemoveLayerVersionPermission", access=_on_version("RemoveLayerVersionPermission")
)
def remove_layer_version_permission(call: Call, params: Params) -> None:
    target = names.layer(call, params)
    policy = store.load_layer_policy(call.tx, target.scope, target.name, target.number)
    if policy is None:
        raise errors.no_policy()
    _check_revision(policy, params)
    left = tuple(s for s in policy.statements if s["Sid"] != params["StatementId"])
    if len(left) == len(policy.statements):
        raise errors.no_statement(params["StatementId"])
    _save_policy(call, target, left)


@service.operation("GetLayerVersionPolicy", reads=True, access=_on_version("GetLayerVersionPolicy"))
def get_layer_version_policy(call: Call, params: Params) -> Params:
    target = names.layer(call, params)
    policy = store.load_layer_policy(call.tx, target.scope, target.name, target.number)
    if policy is None:
        raise errors.no_policy()
    return {"Policy": policy.text, "RevisionId": policy.revision}


def _target(call: Call, params: Params) -> LayerTarget:
    return names.layer_version(params["Arn"]) if "Arn" in params else names.layer(call, params)


def _publish(call: Call, target: LayerTarget, params: Params, package: Code) -> Params:
    layer = store.load_layer(call.tx, target.scope, target.name) or Layer(name=target.name)
    number = layer.last_version + 1
    version = LayerVersion(
        layer=target.name,
        number=number,
        code=package,
        created=call.now,
        description=params.get("Description", ""),
        license=params.get("LicenseInfo"),
        runtimes=tuple(params.get("CompatibleRuntimes", ())),
        architectures=tuple(params.get("CompatibleArchitectures", ())),
    )
    code.ensure_key(call)
    store.save_layer(call.tx, target.scope, replace(layer, last_version=number))
    store.save_layer_version(call.tx, target.scope, version)
    store.refer_to_code(call.tx, target.scope, package.blob, f"layer {target.name} {number}")
    store.add_usage(call.tx, call.scope, code_bytes=package.size)
    return _with_content(call, target, version)


def _load(call: Call, target: LayerTarget) -> LayerVersion:
    found = store.load_layer_version(call.tx, target.scope, target.name, target.number)
    if found is None:
        raise errors.no_layer_version(target.arn)
    return found


def _with_content(call: Call, target: LayerTarget, version: LayerVersion) -> Params:
    return {
        **views.layer_version(target, version),
        "LayerArn": target.layer_arn,
        "Content": {
            "Location": code.link(call, version.code),
            "CodeSha256": version.code.sha256,
            "CodeSize": version.code.size,
        },
    }


def _latest_compatible(call: Call, layer: Layer, params: Params) -> LayerVersion | None:
    versions = store.list_layer_versions(call.tx, call.scope, layer.name, limit=SCAN_VERSIONS_MAX)
    return next((version for version in versions if _is_compatible(version, params)), None)


def _is_compatible(version: LayerVersion, params: Params) -> bool:
    runtime, architecture = params.get("CompatibleRuntime"), params.get("CompatibleArchitecture")
    return runtime in (None, *version.runtimes) and architecture in (None, *version.architectures)


def _check_revision(policy: Policy | None, params: Params) -> None:
    if "RevisionId" in params and (policy is None or policy.revision != params["RevisionId"]):
        raise errors.other_revision("GetLayerVersionPolicy")


def _save_policy(call: Call, target: LayerTarget, statements: tuple[dict[str, Any], ...]) -> str:
    policy = Policy(
        statements=statements, text=rules.policy_text(statements), revision=call.new_id()
    )
    store.save_layer_policy(call.tx, target.scope, target.name, target.number, policy)
    return policy.revision
