"""Stacks and change sets by the names that callers give them."""

from __future__ import annotations

from freehold.kernel.call import Call
from freehold.services.cloudformation import errors, store
from freehold.services.cloudformation.records import ChangeSet, Stack


def any_stack(call: Call, name: str) -> Stack | None:
    """A live stack by its name; by its ARN also one that is deleted."""
    if not name.startswith("arn:"):
        return store.live_stack(call.tx, call.scope, name)
    stack = store.load_stack(call.tx, call.scope, name.rpartition("/")[2])
    return stack if stack is not None and stack.arn == name else None


def stack(call: Call, name: str) -> Stack:
    """The stack, or what readers of it say when there is none."""
    found = any_stack(call, name)
    if found is None:
        raise errors.no_such_stack(name)
    return found


def live_stack(call: Call, name: str) -> Stack:
    """The stack, unless it is deleted: for what changes it."""
    found = any_stack(call, name)
    if found is None or found.deleted_at is not None:
        raise errors.stack_missing(name)
    return found


def change_set(call: Call, name: str, stack_name: str | None) -> tuple[ChangeSet, Stack]:
    """A change set by its ARN, or by its name and its stack's."""
    if name.startswith("arn:"):
        found = store.find_change_set(call.tx, call.scope, name.rpartition("/")[2])
    elif stack_name is None:
        raise errors.validation("StackName must be specified if ChangeSetName is not an ARN.")
    else:
        owner = any_stack(call, stack_name)
        if owner is None:
            raise errors.stack_missing(stack_name)
        found = store.load_change_set(call.tx, call.scope, owner.id, name)
    if found is None:
        raise errors.change_set_not_found(name)
    owner = store.load_stack(call.tx, call.scope, found.stack_id)
    assert owner is not None
    return found, owner
