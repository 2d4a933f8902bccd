"""The only place that knows CloudFormation's keys, all under (cloudformation, account, region):

stack     (id)                      Stack; deleted ones stay for 90 days
name      (name)                    the id of the live stack of that name
listed    (created_ms, id)          all stacks by age
operation (id)                      the Operation in progress
resource  (id, logical_id)          Resource
leftover  (id, job)                 Resource, to be deleted in a cleanup
target    (id, revision, logical_id)    plan.Target
template  (id, revision)            Templates; a change set's under its own id
event     (id, number)              Event
changeset (id, name)                ChangeSet of the stack
setname   (change set id)           (stack id, name)
token     (id, token)               Token
export    (name)                    Export
import    (export name, stack id)   Import
response  (name)                    Response of a custom resource
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from freehold.kernel.records import Records
from freehold.kv import StoreError as StoreError
from freehold.kv import Transaction
from freehold.kv.keys import Scope
from freehold.services.cloudformation.records import (
    ChangeSet,
    Event,
    Export,
    Import,
    Operation,
    Resource,
    Response,
    Stack,
    Templates,
    Token,
)
from freehold.services.cloudformation.template.plan import Target

PAGE_MAX = 100
RESOURCES_MAX = 1000
CHANGE_SETS_MAX = 200
CHUNK_MAX = 1000

_SERVICE = "cloudformation"
_stacks = Records(_SERVICE, "stack", Stack)
_names = Records(_SERVICE, "name", str)
_listed = Records(_SERVICE, "listed", str)
_operations = Records(_SERVICE, "operation", Operation)
_resources = Records(_SERVICE, "resource", Resource)
_leftovers = Records(_SERVICE, "leftover", Resource)
_targets = Records(_SERVICE, "target", Target)
_templates = Records(_SERVICE, "template", Templates)
_events = Records(_SERVICE, "event", Event)
_change_sets = Records(_SERVICE, "changeset", ChangeSet)
_change_set_names = Records(_SERVICE, "setname", tuple[str, str])
_tokens = Records(_SERVICE, "token", Token)
_exports = Records(_SERVICE, "export", Export)
_imports = Records(_SERVICE, "import", Import)
_responses = Records(_SERVICE, "response", Response)

R = TypeVar("R")


# -- stacks --


def load_stack(tx: Transaction, scope: Scope, stack_id: str) -> Stack | None:
    return _stacks.load(tx, scope, stack_id)


def live_stack(tx: Transaction, scope: Scope, name: str) -> Stack | None:
    """The stack that has the name now; a deleted one has none any more."""
    stack_id = _names.load(tx, scope, name)
    return None if stack_id is None else load_stack(tx, scope, stack_id)


def add_stack(tx: Transaction, scope: Scope, stack: Stack) -> None:
    _names.save(tx, scope, stack.id, stack.name)
    _listed.save(tx, scope, stack.id, int(stack.created_at * 1000), stack.id)
    save_stack(tx, scope, stack)


def save_stack(tx: Transaction, scope: Scope, stack: Stack) -> None:
    _stacks.save(tx, scope, stack, stack.id)


def release_name(tx: Transaction, scope: Scope, stack: Stack) -> None:
    _names.delete(tx, scope, stack.name)


def list_names(
    tx: Transaction, scope: Scope, after: tuple[str] | None, limit: int
) -> list[tuple[tuple[str], Stack]]:
    """(position, stack) of live stacks, by name."""
    found = []
    for key, stack_id in list(_names.list(tx, scope, limit=limit, after=after)):
        stack = load_stack(tx, scope, stack_id)
        assert stack is not None, stack_id
        found.append(((str(key[0]),), stack))
    return found


def list_stacks(
    tx: Transaction, scope: Scope, before: tuple[int, str] | None, limit: int
) -> list[tuple[tuple[int, str], Stack]]:
    """(position, stack) of all stacks, youngest first."""
    found = []
    for key, stack_id in list(_listed.list(tx, scope, limit=limit, after=before, reverse=True)):
        stack = load_stack(tx, scope, stack_id)
        assert stack is not None, stack_id
        found.append(((int(key[0]), str(key[1])), stack))
    return found


def forget_stack(tx: Transaction, scope: Scope, stack: Stack) -> None:
    """Remove a deleted stack and all that is left of it."""
    _stacks.delete(tx, scope, stack.id)
    _listed.delete(tx, scope, int(stack.created_at * 1000), stack.id)
    every: tuple[Records[Any], ...] = (
        _resources,
        _leftovers,
        _targets,
        _templates,
        _events,
        _tokens,
    )
    for records in every:
        records.clear(tx, scope, stack.id)


# -- operations, resources, targets --


def load_operation(tx: Transaction, scope: Scope, stack_id: str) -> Operation | None:
    return _operations.load(tx, scope, stack_id)


def save_operation(tx: Transaction, scope: Scope, stack_id: str, operation: Operation) -> None:
    _operations.save(tx, scope, operation, stack_id)


def delete_operation(tx: Transaction, scope: Scope, stack_id: str) -> None:
    _operations.delete(tx, scope, stack_id)


def load_resource(tx: Transaction, scope: Scope, stack_id: str, job: str) -> Resource | None:
    """The resource, or for the job of a leftover (which has a slash) that."""
    return _of(job).load(tx, scope, stack_id, job)


def save_resource(
    tx: Transaction, scope: Scope, stack_id: str, job: str, resource: Resource
) -> None:
    _of(job).save(tx, scope, resource, stack_id, job)


def delete_resource(tx: Transaction, scope: Scope, stack_id: str, job: str) -> None:
    _of(job).delete(tx, scope, stack_id, job)


def list_resources(tx: Transaction, scope: Scope, stack_id: str) -> dict[str, Resource]:
    return _by_last(_resources.list(tx, scope, stack_id, limit=RESOURCES_MAX))


def page_resources(
    tx: Transaction, scope: Scope, stack_id: str, after: str | None, limit: int
) -> list[Resource]:
    start = None if after is None else (stack_id, after)
    return [r for _, r in _resources.list(tx, scope, stack_id, limit=limit, after=start)]


def list_leftovers(tx: Transaction, scope: Scope, stack_id: str) -> dict[str, Resource]:
    return _by_last(_leftovers.list(tx, scope, stack_id, limit=RESOURCES_MAX))


def load_target(
    tx: Transaction, scope: Scope, stack_id: str, revision: int, name: str
) -> Target | None:
    return _targets.load(tx, scope, stack_id, revision, name)


def list_targets(tx: Transaction, scope: Scope, stack_id: str, revision: int) -> dict[str, Target]:
    return _by_last(_targets.list(tx, scope, stack_id, revision, limit=RESOURCES_MAX))


def save_targets(
    tx: Transaction, scope: Scope, stack_id: str, revision: int, targets: Mapping[str, Target]
) -> None:
    for name, target in targets.items():
        _targets.save(tx, scope, target, stack_id, revision, name)


def load_templates(tx: Transaction, scope: Scope, owner_id: str, revision: int) -> Templates | None:
    return _templates.load(tx, scope, owner_id, revision)


def save_templates(
    tx: Transaction, scope: Scope, owner_id: str, revision: int, templates: Templates
) -> None:
    _templates.save(tx, scope, templates, owner_id, revision)


def delete_revision(tx: Transaction, scope: Scope, owner_id: str, revision: int) -> None:
    _templates.delete(tx, scope, owner_id, revision)
    _targets.clear(tx, scope, owner_id, revision)


# -- events --


def add_event(tx: Transaction, scope: Scope, stack_id: str, number: int, event: Event) -> None:
    _events.save(tx, scope, event, stack_id, number)


def list_events(
    tx: Transaction, scope: Scope, stack_id: str, before: int | None, limit: int
) -> list[tuple[int, Event]]:
    """(number, event), the latest first."""
    start = None if before is None else (stack_id, before)
    found = _events.list(tx, scope, stack_id, limit=limit, after=start, reverse=True)
    return [(int(key[1]), event) for key, event in found]


# -- change sets --


def load_change_set(tx: Transaction, scope: Scope, stack_id: str, name: str) -> ChangeSet | None:
    return _change_sets.load(tx, scope, stack_id, name)


def find_change_set(tx: Transaction, scope: Scope, change_set_id: str) -> ChangeSet | None:
    found = _change_set_names.load(tx, scope, change_set_id)
    return None if found is None else load_change_set(tx, scope, *found)


def save_change_set(tx: Transaction, scope: Scope, change_set: ChangeSet) -> None:
    _change_sets.save(tx, scope, change_set, change_set.stack_id, change_set.name)
    where = (change_set.stack_id, change_set.name)
    _change_set_names.save(tx, scope, where, change_set.id)


def delete_change_set(tx: Transaction, scope: Scope, change_set: ChangeSet) -> None:
    _change_sets.delete(tx, scope, change_set.stack_id, change_set.name)
    _change_set_names.delete(tx, scope, change_set.id)
    _templates.clear(tx, scope, change_set.id)


def list_change_sets(tx: Transaction, scope: Scope, stack_id: str) -> list[ChangeSet]:
    return [found for _, found in _change_sets.list(tx, scope, stack_id, limit=CHANGE_SETS_MAX)]


# -- tokens, exports, imports, responses --


def load_token(tx: Transaction, scope: Scope, stack_id: str, token: str) -> Token | None:
    return _tokens.load(tx, scope, stack_id, token)


def save_token(tx: Transaction, scope: Scope, stack_id: str, token: str, used: Token) -> None:
    _tokens.save(tx, scope, used, stack_id, token)


def load_export(tx: Transaction, scope: Scope, name: str) -> Export | None:
    return _exports.load(tx, scope, name)


def save_export(tx: Transaction, scope: Scope, export: Export) -> None:
    _exports.save(tx, scope, export, export.name)


def delete_export(tx: Transaction, scope: Scope, name: str) -> None:
    _exports.delete(tx, scope, name)


def list_exports(
    tx: Transaction, scope: Scope, after: tuple[str] | None, limit: int
) -> list[Export]:
    return [export for _, export in _exports.list(tx, scope, limit=limit, after=after)]


def save_import(tx: Transaction, scope: Scope, name: str, stack: Stack) -> None:
    _imports.save(tx, scope, Import(stack.name), name, stack.id)


def delete_import(tx: Transaction, scope: Scope, name: str, stack: Stack) -> None:
    _imports.delete(tx, scope, name, stack.id)


def list_imports(
    tx: Transaction, scope: Scope, name: str, after: str | None, limit: int
) -> list[tuple[str, str]]:
    """(stack id, stack name) of those that import an export."""
    start = None if after is None else (name, after)
    found = _imports.list(tx, scope, name, limit=limit, after=start)
    return [(str(key[1]), imported.stack_name) for key, imported in found]


def load_response(tx: Transaction, scope: Scope, name: str) -> Response | None:
    return _responses.load(tx, scope, name)


def save_response(tx: Transaction, scope: Scope, name: str, response: Response) -> None:
    _responses.save(tx, scope, response, name)


def delete_response(tx: Transaction, scope: Scope, name: str) -> None:
    _responses.delete(tx, scope, name)


def _of(job: str) -> Records[Resource]:
    return _leftovers if "/" in job else _resources


def _by_last(found: Iterator[tuple[tuple[Any, ...], R]]) -> dict[str, R]:
    return {str(key[-1]): record for key, record in found}
