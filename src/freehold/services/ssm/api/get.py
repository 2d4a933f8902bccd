"""Reading parameters: by name, by path, through their history."""

from __future__ import annotations

from typing import Any

from freehold.kernel.call import Call
from freehold.kernel.errors import AwsError, not_implemented
from freehold.kernel.service import Params
from freehold.services.ssm import access, find, pages, rules, store, views
from freehold.services.ssm.service import service

_PATH_FILTERS = frozenset({"Type", "KeyId", "Label"})
_SECRETS = "/aws/reference/secretsmanager/"


@service.operation("GetParameter", reads=True, access=access.on_parameter)
def get_parameter(call: Call, params: Params) -> dict[str, Any]:
    decrypt = params.get("WithDecryption", False)
    return {"Parameter": _get(call, params["Name"], decrypt=decrypt)}


@service.operation("GetParameters", reads=True, access=access.on_parameters)
def get_parameters(call: Call, params: Params) -> dict[str, Any]:
    found, invalid = [], []
    for name in dict.fromkeys(params["Names"]):
        try:
            found.append(_get(call, name, decrypt=params.get("WithDecryption", False)))
        except AwsError as error:
            if error.code not in ("ParameterNotFound", "ParameterVersionNotFound"):
                raise
            invalid.append(name)
    return {"Parameters": found, "InvalidParameters": invalid}


@service.operation("GetParametersByPath", reads=True, access=access.on_path)
def get_parameters_by_path(call: Call, params: Params) -> dict[str, Any]:
    filters = params.get("ParameterFilters", ())
    rules.check_path(params["Path"])
    rules.check_filters(filters, _PATH_FILTERS)
    found, more = pages.below(
        call,
        params["Path"].rstrip("/"),
        params,
        recursive=params.get("Recursive", False),
        limit=params.get("MaxResults", 10),
        passes=lambda parameter: rules.passes(parameter, filters),
    )
    decrypt = params.get("WithDecryption", False)
    return {
        "Parameters": [
            views.parameter(call, each.name, each.newest, selector="", decrypt=decrypt)
            for each in found
        ],
        **more,
    }


@service.operation("GetParameterHistory", reads=True, access=access.on_parameter)
def get_parameter_history(call: Call, params: Params) -> dict[str, Any]:
    """Oldest version first."""
    found, _ = find.parameter(call, params["Name"])
    limit, after = params.get("MaxResults", 50), pages.number_after(params)
    earlier = store.list_versions(call.tx, call.scope, found.name, limit=limit + 1, after=after)
    versions = list(earlier)
    if found.newest.number > after:
        versions.append(found.newest)
    decrypt = params.get("WithDecryption", False)
    page = versions[:limit]
    token = pages.encode_number(page[-1].number) if len(versions) > limit else None
    return {
        "Parameters": [views.history(call, found, each, decrypt=decrypt) for each in page],
        "NextToken": token,
    }


def _get(call: Call, text: str, *, decrypt: bool) -> dict[str, Any]:
    if text.startswith(_SECRETS):
        raise not_implemented("GetParameter of a secret in Secrets Manager")
    found, selector = find.parameter(call, text)
    version = find.selected_version(call, found, selector)
    return views.parameter(call, found.name, version, selector=selector.text, decrypt=decrypt)
