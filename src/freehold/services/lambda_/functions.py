"""Functions: creating, changing, showing and deleting them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from freehold.kernel import authorize, endpoints, paging, principal
from freehold.kernel.call import Call
from freehold.kernel.errors import AwsError
from freehold.kernel.service import Access
from freehold.runtime.contract import RuntimeUnavailable
from freehold.runtime.engine import Runtime
from freehold.services.lambda_ import code, errors, find, names, rules, store, views
from freehold.services.lambda_.names import Target
from freehold.services.lambda_.records import (
    LATEST,
    Code,
    Configuration,
    Function,
    UsedLayer,
)
from freehold.services.lambda_.service import service

Params = dict[str, Any]

PAGE_FUNCTIONS_MAX = 50
URL_ENDPOINT = "lambda-url"


@service.operation("CreateFunction", access=names.on_function("CreateFunction"))
async def create_function(call: Call, params: Params) -> Params:
    rules.check_new(params, call.operation)
    target = names.parse(call, params["FunctionName"])
    layers = await call.read(_prepare_new, target, params)
    interpreter_of(call, params["Runtime"])
    await check_role(call, target, params["Role"])
    package = await code.take(call, params["Code"])
    with code.kept_if_recorded(call, package):
        return await call.write(_create, target, params, package, layers)


@service.operation("UpdateFunctionCode", access=names.on_function("UpdateFunctionCode"))
async def update_function_code(call: Call, params: Params) -> Params:
    target = names.unqualified(call, params)
    rules.check_code_source(params, call.operation)
    await call.read(_check_revision, target, params)
    package = await code.take(call, params)
    if params.get("DryRun"):
        shown = await call.read(_dry_run_code, target, params, package)
        call.node.blobs.delete(package.blob)
        return shown
    with code.kept_if_recorded(call, package):
        shown = await call.write(_update_code, target, params, package)
    await call.node.part(Runtime).forget(target.function_arn)
    return shown


@service.operation(
    "UpdateFunctionConfiguration", access=names.on_function("UpdateFunctionConfiguration")
)
async def update_function_configuration(call: Call, params: Params) -> Params:
    target = names.unqualified(call, params)
    rules.check_changes(params)
    await call.read(_check_revision, target, params)
    if "Runtime" in params:
        interpreter_of(call, params["Runtime"])
    if "Role" in params:
        await call.read(_require_pass_role, params["Role"])
        await check_role(call, target, params["Role"])
    shown = await call.write(_update_configuration, target, params)
    await call.node.part(Runtime).forget(target.function_arn)
    return shown


@service.operation("GetFunction", reads=True, access=names.on_function("GetFunction"))
def get_function(call: Call, params: Params) -> Params:
    target = names.target(call, params)
    function = find.function(call, target)
    known = find.configuration(call, target)
    reserved = function.reserved_concurrency
    return {
        "Configuration": views.configuration(target, known),
        "Code": {"RepositoryType": "S3", "Location": code.link(call, known.code)},
        "Tags": function.tags or None,
        "Concurrency": None if reserved is None else {"ReservedConcurrentExecutions": reserved},
    }


@service.operation(
    "GetFunctionConfiguration", reads=True, access=names.on_function("GetFunctionConfiguration")
)
def get_function_configuration(call: Call, params: Params) -> Params:
    target = names.target(call, params)
    return views.configuration(target, find.configuration(call, target))


@service.operation("ListFunctions", reads=True)
def list_functions(call: Call, params: Params) -> Params:
    limit = params.get("MaxItems", PAGE_FUNCTIONS_MAX)
    if params.get("FunctionVersion") == "ALL":
        return _list_all_versions(call, params, limit)
    (after,) = marker(params, tuple[str], ("",))
    functions = store.list_functions(call.tx, call.scope, after=after, limit=limit + 1)
    return {
        "Functions": [
            views.listed(_target_of(call, found), found.latest) for found in functions[:limit]
        ],
        "NextMarker": paging.encode((functions[limit - 1].name,))
        if len(functions) > limit
        else None,
    }


@service.operation("DeleteFunction", access=names.on_function("DeleteFunction"))
async def delete_function(call: Call, params: Params) -> Params:
    target = names.target(call, params)
    if target.qualifier == LATEST:
        raise errors.invalid("$LATEST version cannot be deleted without deleting the function.")
    if target.qualifier:
        await call.write(_delete_version, target)
    else:
        await call.write(_delete_function, target)
    await call.node.part(Runtime).forget(target.function_arn)
    return {"StatusCode": 204}


@service.task("settle")
async def settle(call: Call, payload: Params) -> None:
    """Finish a creation or update: the function is ready to run, or cannot be."""
    name = payload["name"]
    function = await call.read(_load, name)
    if function is None:
        return
    runtime = function.latest.runtime
    try:
        note, why_not = (await call.node.part(Runtime).warm(runtime)).note, ""
    except RuntimeUnavailable as error:
        note, why_not = "", str(error)
    await call.write(_settle, name, runtime, note, why_not)


def _load(call: Call, name: str) -> Function | None:
    return store.load_function(call.tx, call.scope, name)


def _settle(call: Call, name: str, runtime: str, note: str, why_not: str) -> None:
    function = _load(call, name)
    if function is None or function.latest.runtime != runtime:
        return  # deleted, or changed once more: that change has a task of its own
    latest = (
        rules.failed(function.latest, why_not) if why_not else rules.settled(function.latest, note)
    )
    store.save_function(call.tx, call.scope, replace(function, latest=latest))


def publish(
    call: Call, target: Target, function: Function, description: str | None
) -> Configuration:
    """Make $LATEST a version, unless it is the one last published; store both. Needs `tx`."""
    if function.last_version:
        last = store.load_version(call.tx, call.scope, function.name, function.last_version)
        if last is not None and rules.is_same_version(function.latest, last):
            return last
    number = function.last_version + 1
    version = replace(
        rules.published(function.latest, number, description),
        revision=call.new_id(),
        modified=call.now,
    )
    # What is being done to $LATEST is done once it is copied.
    version = rules.settled(version, interpreter_of(call, version.runtime))
    store.save_version(call.tx, call.scope, function.name, version)
    store.save_function(call.tx, call.scope, replace(function, last_version=number))
    _refer(call, function.name, version)
    store.add_usage(call.tx, call.scope, code_bytes=version.code.size)
    return version


def interpreter_of(call: Call, runtime: str) -> str:
    """The note on what runs a runtime here; an error if nothing does."""
    try:
        return call.node.part(Runtime).interpreter(runtime).note
    except RuntimeUnavailable as error:
        raise errors.invalid(f"The runtime {runtime} cannot be run here: {error}") from error


async def check_role(call: Call, target: Target, role: str) -> None:
    """Raise unless Lambda can assume the role, which it finds out by doing it."""
    if role.split(":")[4] != call.account:
        raise AwsError(
            "AccessDeniedException", "Cross-account pass role is not allowed.", status=403
        )
    params = {"RoleArn": role, "RoleSessionName": "awslambda"}
    try:
        await call.invoke(
            "sts",
            "AssumeRole",
            params,
            principal=principal.service("lambda.amazonaws.com"),
            source_arn=target.function_arn,
        )
    except AwsError as error:
        if error.code not in ("AccessDenied", "NoSuchEntity", "ValidationError"):
            raise
        raise errors.role_not_assumable() from error


def used_layers(call: Call, arns: list[str]) -> tuple[UsedLayer, ...]:
    """The layer versions of a configuration; the caller needs to be allowed to get each. Needs
    `tx`."""
    rules.check_layer_arns(arns)
    used = []
    for arn in arns:
        layer = names.layer_version(arn)
        if layer.region != call.region:
            raise errors.invalid(f"Layer version {arn} is not in region {call.region}.")
        policy = store.load_layer_policy(call.tx, layer.scope, layer.name, layer.number)
        access = Access(
            action="lambda:GetLayerVersion",
            resource=layer.arn,
            policy=policy.text if policy else None,
            owner=layer.account,
        )
        authorize.require(call, (access,))
        version = store.load_layer_version(call.tx, layer.scope, layer.name, layer.number)
        if version is None:
            raise errors.invalid(f"Layer version {arn} does not exist.")
        used.append(UsedLayer(arn=layer.arn, code=version.code))
    return tuple(used)


def marker(params: Params, kind: Any, default: Any) -> Any:
    """The position of the request's Marker."""
    if not params.get("Marker"):
        return default
    try:
        return paging.decode(params["Marker"], kind)
    except paging.InvalidToken as error:
        raise errors.invalid("Invalid Marker.") from error


def _prepare_new(call: Call, target: Target, params: Params) -> tuple[UsedLayer, ...]:
    if store.load_function(call.tx, target.scope, target.name) is not None:
        raise errors.function_exists(target.name)
    _require_pass_role(call, params["Role"])
    return used_layers(call, params.get("Layers", []))


def _require_pass_role(call: Call, role: str) -> None:
    call.require("iam:PassRole", role, context={"iam:passedtoservice": ["lambda.amazonaws.com"]})


def _create(
    call: Call, target: Target, params: Params, package: Code, layers: tuple[UsedLayer, ...]
) -> Params:
    if store.load_function(call.tx, call.scope, target.name) is not None:
        raise errors.function_exists(target.name)
    latest = rules.new_configuration(
        params, code=package, layers=layers, revision=call.new_id(), now=call.now
    )
    function = Function(name=target.name, latest=latest, tags=params.get("Tags", {}))
    code.ensure_key(call)
    store.save_function(call.tx, call.scope, function)
    store.add_usage(call.tx, call.scope, functions=1, code_bytes=package.size)
    _refer(call, target.name, latest)
    call.later("settle", {"name": target.name})
    if params.get("Publish"):
        version = publish(call, target, function, None)
        return {**views.configuration(target, version, qualified=True), **_pending(latest)}
    return views.configuration(target, latest)


def _pending(latest: Configuration) -> Params:
    return {
        "State": latest.state,
        "StateReason": latest.state_reason,
        "StateReasonCode": latest.state_reason_code,
    }


def _check_revision(call: Call, target: Target, params: Params) -> Function:
    function = find.function(call, target)
    if params.get("RevisionId", function.latest.revision) != function.latest.revision:
        raise errors.other_revision("GetFunction")
    return function


def _dry_run_code(call: Call, target: Target, params: Params, package: Code) -> Params:
    function = find.function(call, target)
    return views.configuration(target, _with_code(call, function, params, package))


def _with_code(call: Call, function: Function, params: Params, package: Code) -> Configuration:
    architecture = params.get("Architectures", [None])[0]
    return rules.changed_code(
        function.latest, package, architecture, revision=call.new_id(), now=call.now
    )


def _update_code(call: Call, target: Target, params: Params, package: Code) -> Params:
    function = _check_revision(call, target, params)
    latest = _with_code(call, function, params, package)
    grown = package.size - function.latest.code.size
    store.add_usage(call.tx, call.scope, code_bytes=grown)
    function = _replace_latest(call, function, latest)
    if params.get("Publish"):
        version = publish(call, target, function, None)
        return views.configuration(target, version, qualified=True)
    return views.configuration(target, latest)


def _update_configuration(call: Call, target: Target, params: Params) -> Params:
    function = _check_revision(call, target, params)
    layers = used_layers(call, params["Layers"]) if "Layers" in params else None
    latest = rules.changed_configuration(
        function.latest, params, layers=layers, revision=call.new_id(), now=call.now
    )
    _replace_latest(call, function, latest)
    return views.configuration(target, latest)


def _replace_latest(call: Call, function: Function, latest: Configuration) -> Function:
    _unrefer(call, function.name, function.latest, keep=latest)
    _refer(call, function.name, latest)
    changed = replace(function, latest=latest)
    store.save_function(call.tx, call.scope, changed)
    call.later("settle", {"name": function.name})
    return changed


def _delete_version(call: Call, target: Target) -> None:
    find.function(call, target)
    if not target.qualifier.isdecimal():
        raise errors.invalid(
            "Deletion of aliases is not currently supported. Please use DeleteAlias instead."
        )
    number = int(target.qualifier)
    version = store.load_version(call.tx, call.scope, target.name, number)
    if version is None:
        # Deleting a version that does not exist is not an error.
        return
    aliases = store.list_aliases(call.tx, call.scope, target.name, limit=store.OF_FUNCTION_MAX)
    using = [a.name for a in aliases if version.version in (a.version, *a.weights)]
    if using:
        raise errors.conflict(
            "Unable to delete version because the following aliases reference it: "
            f"[{', '.join(using)}]"
        )
    store.delete_version(call.tx, call.scope, target.name, number)
    store.add_usage(call.tx, call.scope, code_bytes=-version.code.size)
    _unrefer(call, target.name, version)


def _delete_function(call: Call, target: Target) -> None:
    function = find.function(call, target)
    limit = store.OF_FUNCTION_MAX
    versions = store.list_versions(call.tx, call.scope, target.name, limit=limit)
    for url in store.list_urls(call.tx, call.scope, target.name, limit=limit):
        endpoints.release(call, URL_ENDPOINT, url.id)
    for version in (function.latest, *versions):
        _unrefer(call, target.name, version)
    store.add_usage(
        call.tx,
        call.scope,
        functions=-1,
        code_bytes=-sum(version.code.size for version in (function.latest, *versions)),
        reserved=-(function.reserved_concurrency or 0),
    )
    store.clear_function(call.tx, call.scope, target.name)


def _refer(call: Call, name: str, version: Configuration) -> None:
    for each in (version.code, *(used.code for used in version.layers)):
        store.refer_to_code(call.tx, call.scope, each.blob, f"function {name} {version.version}")


def _unrefer(
    call: Call, name: str, version: Configuration, keep: Configuration | None = None
) -> None:
    kept = set() if keep is None else {keep.code.blob, *(u.code.blob for u in keep.layers)}
    for each in (version.code, *(used.code for used in version.layers)):
        if each.blob not in kept:
            code.drop(call, each, f"function {name} {version.version}")


def _list_all_versions(call: Call, params: Params, limit: int) -> Params:
    """Every function's $LATEST, then its versions; the marker is the last one shown."""
    name, number = marker(params, tuple[str, int], ("", 0))
    shown: list[Params] = []
    last = (name, number)
    while len(shown) < limit:
        if name:
            versions = store.list_versions(
                call.tx, call.scope, name, after=number, limit=limit - len(shown)
            )
            for version in versions:
                shown.append(_version_shown(call, name, version))
                last = (name, int(version.version))
        if len(shown) == limit:
            break
        following = store.list_functions(call.tx, call.scope, after=name, limit=1)
        if not following:
            return {"Functions": shown}
        name, number = following[0].name, 0
        shown.append(_version_shown(call, name, following[0].latest))
        last = (name, 0)
    return {"Functions": shown, "NextMarker": paging.encode(last)}


def _version_shown(call: Call, name: str, version: Configuration) -> Params:
    target = Target(account=call.account, region=call.region, name=name)
    return views.listed(target, version, qualified=True)


def _target_of(call: Call, function: Function) -> Target:
    return Target(account=call.account, region=call.region, name=function.name)
