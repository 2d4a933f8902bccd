"""Labels on versions."""

from __future__ import annotations

from typing import Any

from freehold.kernel.call import Call
from freehold.kernel.service import Params
from freehold.services.ssm import access, find, rules, store
from freehold.services.ssm.service import service


@service.operation("LabelParameterVersion", access=access.on_parameter)
def label_parameter_version(call: Call, params: Params) -> dict[str, Any]:
    found, _ = find.parameter(call, params["Name"])
    number = params.get("ParameterVersion") or found.newest.number
    find.version(call, found, number)
    changed, invalid = rules.attach_labels(found, number, params["Labels"])
    store.save_parameter(call.tx, call.scope, changed)
    return {"InvalidLabels": invalid, "ParameterVersion": number}


@service.operation("UnlabelParameterVersion", access=access.on_parameter)
def unlabel_parameter_version(call: Call, params: Params) -> dict[str, Any]:
    found, _ = find.parameter(call, params["Name"])
    number = params["ParameterVersion"]
    find.version(call, found, number)
    changed, removed, invalid = rules.detach_labels(found, number, params["Labels"])
    store.save_parameter(call.tx, call.scope, changed)
    return {"RemovedLabels": removed, "InvalidLabels": invalid}
