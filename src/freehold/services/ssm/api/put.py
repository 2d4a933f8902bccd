"""Writing and deleting parameters."""

from __future__ import annotations

from typing import Any

import msgspec

from freehold.kernel.call import Call
from freehold.kernel.errors import AwsError
from freehold.kernel.service import Params
from freehold.services.ssm import access, errors, find, rules, sealing, store, views
from freehold.services.ssm.records import Parameter, Version
from freehold.services.ssm.service import service


@service.operation("PutParameter", access=access.on_new_parameter)
def put_parameter(call: Call, params: Params) -> dict[str, Any]:
    name = params["Name"].strip()
    rules.check_new_name(name, views.arn(call, name))
    rules.check_data_type(params.get("DataType") or "text")
    found = store.load_parameter(call.tx, call.scope, name)
    overwrite = params.get("Overwrite", False)
    if overwrite and params.get("Tags"):
        raise errors.tags_with_overwrite()
    if found is not None and not overwrite:
        raise errors.parameter_exists()
    version = rules.next_version(params, found, call.now, call.principal.arn)
    if version.type == "SecureString":
        sealed = sealing.seal(call, views.arn(call, name), version.number, version.value)
        version = msgspec.structs.replace(version, value=sealed)
    if found is None:
        tags = rules.tags(params.get("Tags", ()))
        created = rules.with_tags(Parameter(name=name, newest=version), tags)
        _count(call, version.tier, 1)
        store.save_parameter(call.tx, call.scope, created)
    else:
        _save_next(call, found, version)
    return {"Version": version.number, "Tier": version.tier}


@service.operation("DeleteParameter", access=access.on_parameter)
def delete_parameter(call: Call, params: Params) -> dict[str, Any]:
    found, _ = find.parameter(call, params["Name"])
    _delete(call, found)
    return {}


@service.operation("DeleteParameters", access=access.on_parameters)
def delete_parameters(call: Call, params: Params) -> dict[str, Any]:
    deleted, invalid = [], []
    for name in dict.fromkeys(params["Names"]):
        try:
            found, _ = find.parameter(call, name)
        except AwsError:
            invalid.append(name)
            continue
        _delete(call, found)
        deleted.append(name)
    return {"DeletedParameters": deleted, "InvalidParameters": invalid}


def _save_next(call: Call, found: Parameter, version: Version) -> None:
    """The newest version becomes an earlier one; of too many, the oldest goes, unless it has a
    label."""
    oldest = found.oldest_number
    if version.number - oldest >= rules.VERSIONS_MAX:
        if rules.labels_of(found, oldest):
            raise errors.oldest_version_labelled(found.name, oldest)
        store.delete_version(call.tx, call.scope, found.name, oldest)
        oldest += 1
    store.save_version(call.tx, call.scope, found.name, found.newest)
    if version.tier != found.newest.tier:
        _count(call, found.newest.tier, -1)
        _count(call, version.tier, 1)
    changed = msgspec.structs.replace(found, newest=version, oldest_number=oldest)
    store.save_parameter(call.tx, call.scope, changed)


def _delete(call: Call, found: Parameter) -> None:
    _count(call, found.newest.tier, -1)
    store.delete_parameter(call.tx, call.scope, found.name)


def _count(call: Call, tier: str, change: int) -> None:
    counts = store.load_counts(call.tx, call.scope)
    number = getattr(counts, tier.lower()) + change
    assert number >= 0
    if change > 0 and number > rules.PARAMETERS_MAX[tier]:
        raise errors.too_many_parameters(tier)
    changed = msgspec.structs.replace(counts, **{tier.lower(): number})
    store.save_counts(call.tx, call.scope, changed)
