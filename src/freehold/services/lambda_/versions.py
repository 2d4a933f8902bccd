"""Versions and aliases."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from freehold.kernel import paging
from freehold.kernel.call import Call
from freehold.services.lambda_ import errors, find, functions, names, rules, store, views
from freehold.services.lambda_.names import Target
from freehold.services.lambda_.records import LATEST, Alias
from freehold.services.lambda_.service import service

Params = dict[str, Any]

PAGE_MAX = 50


@service.operation("PublishVersion", access=names.on_function("PublishVersion"))
def publish_version(call: Call, params: Params) -> Params:
    target = names.unqualified(call, params)
    function = find.function(call, target)
    latest = function.latest
    if params.get("RevisionId", latest.revision) != latest.revision:
        raise errors.other_revision("GetFunction")
    if params.get("CodeSha256") and params["CodeSha256"] != latest.code.sha256:
        raise errors.invalid(
            f"CodeSHA256 ({params['CodeSha256']}) is different from current CodeSHA256 in "
            f"$LATEST ({latest.code.sha256}). Please try again with the CodeSHA256 in $LATEST."
        )
    version = functions.publish(call, target, function, params.get("Description"))
    return views.configuration(target, version, qualified=True)


@service.operation(
    "ListVersionsByFunction", reads=True, access=names.on_function("ListVersionsByFunction")
)
def list_versions_by_function(call: Call, params: Params) -> Params:
    target = names.unqualified(call, params)
    function = find.function(call, target)
    limit = params.get("MaxItems", PAGE_MAX)
    (after,) = functions.marker(params, tuple[int], (-1,))
    found = store.list_versions(
        call.tx, call.scope, target.name, after=max(after, 0), limit=limit + 1
    )
    # $LATEST comes first, as version 0 so to say.
    every = [function.latest, *found] if after < 0 else found
    page = every[:limit]
    last = 0 if page and page[-1].version == LATEST else int(page[-1].version) if page else 0
    return {
        "Versions": [views.listed(target, version, qualified=True) for version in page],
        "NextMarker": paging.encode((last,)) if len(every) > limit else None,
    }


@service.operation("CreateAlias", access=names.on_function("CreateAlias"))
def create_alias(call: Call, params: Params) -> Params:
    target = names.unqualified(call, params)
    find.function(call, target)
    name = params["Name"]
    if name.isdecimal():
        raise errors.validation(
            f"Value '{name}' at 'name' failed to satisfy constraint: Member must satisfy regular "
            "expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)"
        )
    if store.load_alias(call.tx, call.scope, target.name, name) is not None:
        raise errors.conflict(f"Alias already exists: {target.function_arn}:{name}")
    alias = Alias(
        name=name,
        version=params["FunctionVersion"],
        revision=call.new_id(),
        description=params.get("Description", ""),
        weights=_weights(params) or {},
    )
    _check(call, target, alias)
    store.save_alias(call.tx, call.scope, target.name, alias)
    return views.alias(target, alias)


@service.operation("UpdateAlias", access=names.on_function("UpdateAlias"))
def update_alias(call: Call, params: Params) -> Params:
    target = names.unqualified(call, params)
    find.function(call, target)
    alias = find.alias(call, target, params["Name"])
    if params.get("RevisionId", alias.revision) != alias.revision:
        raise errors.other_revision("GetAlias")
    weights = _weights(params)
    alias = replace(
        alias,
        version=params.get("FunctionVersion", alias.version),
        description=params.get("Description", alias.description),
        weights=alias.weights if weights is None else weights,
        revision=call.new_id(),
    )
    _check(call, target, alias)
    store.save_alias(call.tx, call.scope, target.name, alias)
    return views.alias(target, alias)


@service.operation("GetAlias", reads=True, access=names.on_function("GetAlias"))
def get_alias(call: Call, params: Params) -> Params:
    target = names.unqualified(call, params)
    return views.alias(target, find.alias(call, target, params["Name"]))


@service.operation("DeleteAlias", access=names.on_function("DeleteAlias"))
def delete_alias(call: Call, params: Params) -> None:
    """Delete an alias; one that is not there is not an error."""
    target = names.unqualified(call, params)
    find.function(call, target)
    name = params["Name"]
    if store.load_url(call.tx, call.scope, target.name, name) is not None:
        raise errors.conflict(
            "This alias has a function URL configuration. Please delete the function URL "
            "configuration before deleting the alias."
        )
    store.delete_alias(call.tx, call.scope, target.name, name)


@service.operation("ListAliases", reads=True, access=names.on_function("ListAliases"))
def list_aliases(call: Call, params: Params) -> Params:
    target = names.unqualified(call, params)
    find.function(call, target)
    limit = params.get("MaxItems", PAGE_MAX)
    (after,) = functions.marker(params, tuple[str], ("",))
    # A filter by version looks at a page of aliases at a time, and may show fewer.
    found = store.list_aliases(call.tx, call.scope, target.name, after=after, limit=limit + 1)
    wanted = params.get("FunctionVersion")
    return {
        "Aliases": [
            views.alias(target, alias)
            for alias in found[:limit]
            if wanted in (None, alias.version, *alias.weights)
        ],
        "NextMarker": paging.encode((found[limit - 1].name,)) if len(found) > limit else None,
    }


def _weights(params: Params) -> dict[str, float] | None:
    """The weights of the request, None where it does not speak of them."""
    if "RoutingConfig" not in params:
        return None
    return dict(params["RoutingConfig"].get("AdditionalVersionWeights", {}))


def _check(call: Call, target: Target, alias: Alias) -> None:
    rules.check_alias(alias.version, alias.weights)
    for version in (alias.version, *alias.weights):
        find.published(call, target, version)
