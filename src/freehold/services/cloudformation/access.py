"""What a request's operation is authorized on."""

from __future__ import annotations

from typing import Any

from freehold.kernel.call import Call
from freehold.services.cloudformation import find, store

Params = dict[str, Any]


def stack_arn(call: Call, params: Params) -> str:
    """The ARN of the stack that a request names; with a wildcard for an id that is not known."""
    name = params.get("StackName")
    if not name:
        return "*" if "ChangeSetName" not in params else _change_set_stack(call, params)
    if name.startswith("arn:"):
        return str(name)
    stack = find.any_stack(call, name)
    return stack.arn if stack is not None else call.arn(f"stack/{name}/*")


def _change_set_stack(call: Call, params: Params) -> str:
    change_set_id = params["ChangeSetName"].rpartition("/")[2]
    change_set = store.find_change_set(call.tx, call.scope, change_set_id)
    return change_set.stack_arn if change_set is not None else "*"
