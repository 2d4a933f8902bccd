"""Parameters without their values."""

from __future__ import annotations

from typing import Any

from freehold.kernel.call import Call
from freehold.kernel.service import Params
from freehold.services.ssm import access, pages, rules, views
from freehold.services.ssm.service import service

_FILTERS = frozenset({"Name", "Path", "Type", "KeyId", "Tier", "DataType", "Label", "tag"})


@service.operation("DescribeParameters", reads=True, access=access.on_account)
def describe_parameters(call: Call, params: Params) -> dict[str, Any]:
    filters = params.get("ParameterFilters", ())
    rules.check_filters(filters, _FILTERS)
    found, more = pages.below(
        call,
        _common_path(filters),
        params,
        recursive=True,
        limit=params.get("MaxResults", 50),
        passes=lambda parameter: rules.passes(parameter, filters),
    )
    return {"Parameters": [views.metadata(call, each) for each in found], **more}


def _common_path(filters: Any) -> str:
    """The path below which all that can pass lies, where a filter names just one."""
    for each in filters:
        if each["Key"] == "Path" and len(each["Values"]) == 1:
            return str(each["Values"][0]).rstrip("/")
    return ""
