"""Exports, and who imports them."""

from __future__ import annotations

from typing import Any

from freehold.kernel import paging
from freehold.kernel.call import Call
from freehold.services.cloudformation import errors, store
from freehold.services.cloudformation.api.stack import position
from freehold.services.cloudformation.service import service

Params = dict[str, Any]


@service.operation("ListExports", reads=True)
def list_exports(call: Call, params: Params) -> Params:
    after = position(params, tuple[str])
    found = store.list_exports(call.tx, call.scope, after, store.PAGE_MAX + 1)
    answer: Params = {
        "Exports": [
            {"ExportingStackId": export.stack_arn, "Name": export.name, "Value": export.value}
            for export in found[: store.PAGE_MAX]
        ]
    }
    if len(found) > store.PAGE_MAX:
        answer["NextToken"] = paging.encode((found[store.PAGE_MAX - 1].name,))
    return answer


@service.operation("ListImports", reads=True)
def list_imports(call: Call, params: Params) -> Params:
    name = params["ExportName"]
    if store.load_export(call.tx, call.scope, name) is None:
        raise errors.validation(f"Export '{name}' does not exist.")
    after = position(params, str)
    found = store.list_imports(call.tx, call.scope, name, after, store.PAGE_MAX + 1)
    if not found and after is None:
        raise errors.validation(f"Export '{name}' is not imported by any stack.")
    answer: Params = {"Imports": [stack_name for _, stack_name in found[: store.PAGE_MAX]]}
    if len(found) > store.PAGE_MAX:
        answer["NextToken"] = paging.encode(found[store.PAGE_MAX - 1][0])
    return answer
