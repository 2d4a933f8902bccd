"""Change sets: what a stack would become, worked out beside it, and made when asked for."""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec.structs import replace

from freehold.kernel.call import Call
from freehold.kernel.errors import AwsError
from freehold.services.cloudformation import errors, handlers, operations, progress, store
from freehold.services.cloudformation import prepare as preparing
from freehold.services.cloudformation.operations import Options
from freehold.services.cloudformation.prepare import Prepared
from freehold.services.cloudformation.records import ChangeSet, Revision, Stack
from freehold.services.cloudformation.template import changes, parameters, parse, sections, summary
from freehold.services.cloudformation.template.changes import Side
from freehold.services.cloudformation.template.plan import Target

NO_CHANGES = (
    "The submitted information didn't contain changes. "
    "Submit different information to create a change set."
)


async def prepare(call: Call, change_set_id: str) -> None:
    """Work out a change set that was asked for: CREATE_PENDING to CREATE_COMPLETE or FAILED."""
    found = await call.read(_load_pending, change_set_id)
    if found is None:
        return
    change_set, stack, text = found
    acting = call.acting_as(change_set.principal)
    try:
        prepared = await preparing.prepare(
            acting,
            text,
            given=change_set.given_parameters,
            previous=stack.revision.parameters if change_set.type == "UPDATE" else None,
            stack_name=stack.name,
            stack_arn=stack.arn,
        )
        needed = preparing.needed_capabilities(prepared.template)
        missing = summary.missing_capabilities(needed, change_set.revision.capabilities)
        if missing:
            raise errors.validation(errors.requires_capabilities(missing))
        handlers.check_types(call.node, summary.resource_types(prepared.template.resources))
    except AwsError as error:
        reason = error.message
        await call.write(fail, change_set_id, reason)
        return
    before = await _before(call, stack)
    await call.write(_complete, change_set_id, prepared, before)


async def prepared_again(call: Call, change_set: ChangeSet, stack: Stack) -> Prepared:
    """What `prepare` worked out, for its execution."""
    templates = await call.read(
        lambda inner: store.load_templates(inner.tx, inner.scope, change_set.id, 0)
    )
    assert templates is not None, change_set.id
    return await preparing.prepare_processed(
        call,
        templates,
        given=change_set.revision.parameters,
        stack_name=stack.name,
        stack_arn=stack.arn,
    )


def begin(
    call: Call, change_set: ChangeSet, stack: Stack, prepared: Prepared, options: Options
) -> None:
    """Execute: the stack's other change sets are of no use from here on."""
    if change_set.type == "CREATE":
        operations.begin_create(call, stack, prepared, options)
    else:
        operations.begin_update(call, stack, prepared, options)
    for other in store.list_change_sets(call.tx, call.scope, stack.id):
        if other.id == change_set.id:
            continue
        store.delete_change_set(call.tx, call.scope, other)
    found = store.find_change_set(call.tx, call.scope, change_set.id)
    assert found is not None
    # A stack with nothing to wait for may be complete already, and has said so.
    if found.execution_status == "AVAILABLE":
        store.save_change_set(
            call.tx, call.scope, replace(found, execution_status="EXECUTE_IN_PROGRESS")
        )


def options_of(change_set: ChangeSet, params: dict[str, Any]) -> Options:
    revision = change_set.revision
    return Options(
        tags=revision.tags,
        capabilities=revision.capabilities,
        role_arn=revision.role_arn,
        token=params.get("ClientRequestToken", ""),
        disable_rollback=params.get("DisableRollback", False)
        or change_set.on_stack_failure == "DO_NOTHING",
        on_failure=change_set.on_stack_failure or "ROLLBACK",
        retain_except_on_create=params.get("RetainExceptOnCreate", False),
        change_set_id=change_set.id,
        change_set_arn=change_set.arn,
    )


def _load_pending(call: Call, change_set_id: str) -> tuple[ChangeSet, Stack, str] | None:
    change_set = store.find_change_set(call.tx, call.scope, change_set_id)
    if change_set is None or change_set.status != "CREATE_PENDING":
        return None
    stack = store.load_stack(call.tx, call.scope, change_set.stack_id)
    templates = store.load_templates(call.tx, call.scope, change_set.id, 0)
    assert stack is not None
    assert templates is not None
    return change_set, stack, templates.original


def fail(call: Call, change_set_id: str, reason: str) -> None:
    """A change set that cannot be worked out stays, and says why."""
    found = _load_pending(call, change_set_id)
    if found is not None:
        change_set = replace(found[0], status="FAILED", status_reason=reason)
        store.save_change_set(call.tx, call.scope, change_set)


def _complete(call: Call, change_set_id: str, prepared: Prepared, before: Side) -> None:
    found = _load_pending(call, change_set_id)
    if found is None:
        return
    change_set, stack, _ = found
    revision, old = change_set.revision, stack.revision
    options = Options(
        tags=revision.tags, capabilities=revision.capabilities, role_arn=revision.role_arn
    )
    revision = operations.revision_of(prepared, options, 0)
    store.save_templates(call.tx, call.scope, change_set.id, 0, prepared.templates)
    if change_set.type == "UPDATE":
        try:
            operations.check_retyping(call, stack, prepared.plan)
        except AwsError as error:
            fail(call, change_set_id, error.message)
            return
        if not operations.differs(call, stack, prepared, options):
            fail(call, change_set_id, NO_CHANGES)
            return
    after = Side(
        targets=prepared.plan.targets,
        resources=prepared.template.resources,
        parameters=prepared.typed,
        tags=options.tags,
    )
    resources = store.list_resources(call.tx, call.scope, stack.id)
    physical_ids = {name: r.physical_id for name, r in resources.items() if r.physical_id}
    change_set = replace(
        change_set,
        status="CREATE_COMPLETE",
        execution_status="AVAILABLE",
        revision=revision,
        changes=progress.masked(
            changes.between(before, after, physical_ids), [*_secrets(revision), *_secrets(old)]
        ),
    )
    store.save_change_set(call.tx, call.scope, change_set)


def _secrets(revision: Revision) -> list[str]:
    return [given.value for given in revision.parameters.values() if given.no_echo and given.value]


async def _before(call: Call, stack: Stack) -> Side:
    number = stack.revision.number
    targets: dict[str, Target] = await call.read(
        lambda inner: store.list_targets(inner.tx, inner.scope, stack.id, number)
    )
    templates = await call.read(
        lambda inner: store.load_templates(inner.tx, inner.scope, stack.id, number)
    )
    if templates is None:
        return Side()
    text = templates.processed or templates.original
    template = sections.read(await asyncio.to_thread(parse.parse, text))
    return Side(
        targets=targets,
        resources=template.resources,
        parameters=parameters.typed(template.parameters, stack.revision.parameters),
        tags=stack.revision.tags,
    )
