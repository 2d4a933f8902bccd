"""How operations on stacks begin: what create, update and delete record, whoever asks for them."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from freehold.kernel.call import Call
from freehold.services.cloudformation import errors, phases, progress, store
from freehold.services.cloudformation.prepare import Prepared
from freehold.services.cloudformation.progress import Progress
from freehold.services.cloudformation.records import Operation, Revision, Stack, Token
from freehold.services.cloudformation.template.plan import Plan

UPDATABLE = (
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_FAILED",
    "UPDATE_ROLLBACK_COMPLETE",
)


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller may say of an operation beside the template."""

    tags: dict[str, str] = {}
    capabilities: list[str] = []
    role_arn: str = ""
    token: str = ""
    disable_rollback: bool = False
    on_failure: Any = "ROLLBACK"
    timeout_minutes: int | None = None
    termination_protection: bool | None = None
    retain_except_on_create: bool = False
    parent_arn: str = ""
    root_arn: str = ""
    change_set_id: str = ""
    change_set_arn: str = ""


def stack_arn(call: Call, name: str, stack_id: str) -> str:
    return call.arn(f"stack/{name}/{stack_id}")


def new_stack(call: Call, name: str, stack_id: str, status: str, options: Options) -> Stack:
    """A stack that nothing has been made of yet; its name must be free."""
    if store.live_stack(call.tx, call.scope, name) is not None:
        raise errors.stack_exists(name)
    stack = Stack(
        id=stack_id,
        name=name,
        arn=stack_arn(call, name, stack_id),
        created_at=call.now,
        status=status,
        parent_arn=options.parent_arn,
        root_arn=options.root_arn,
        creation_token=options.token,
        revision=Revision(tags=options.tags),
    )
    store.add_stack(call.tx, call.scope, stack)
    return stack


def revision_of(prepared: Prepared, options: Options, number: int) -> Revision:
    plan: Plan = prepared.plan
    return Revision(
        number=number,
        description=plan.description,
        parameters=prepared.given,
        tags=options.tags,
        capabilities=options.capabilities,
        role_arn=options.role_arn,
        outputs=plan.outputs,
        imports=plan.imports,
    )


def begin_create(call: Call, stack: Stack, prepared: Prepared, options: Options) -> Stack:
    """Begin to make a stack that has been recorded."""
    target = _save_revision(call, stack, prepared, options)
    stack = replace(
        stack,
        revisions=target.number,
        revision=target,
        disable_rollback=options.disable_rollback,
        timeout_minutes=options.timeout_minutes,
        termination_protection=bool(options.termination_protection),
        retain_except_on_create=options.retain_except_on_create,
        change_set_arn=options.change_set_arn,
    )
    on_failure = "DO_NOTHING" if options.disable_rollback else options.on_failure
    p = _begun(call, stack, "create", options, target, None)
    p.set_operation(on_failure=on_failure)
    if options.timeout_minutes:
        call.later(
            "timeout",
            {"stack": stack.id, "operation": p.operation.number},
            due=call.now + 60.0 * options.timeout_minutes,
        )
    phases.hold_imports(p, target)
    phases.begin(p, "apply", "User Initiated")
    return p.stack


def begin_update(call: Call, stack: Stack, prepared: Prepared, options: Options) -> Stack:
    """Begin to change a stack; raise if there is nothing to change."""
    if stack.operation or stack.status not in UPDATABLE:
        raise errors.wrong_state(stack.arn, stack.status, "updated")
    if stack.status != "UPDATE_FAILED" and not differs(call, stack, prepared, options):
        raise errors.no_updates()
    check_retyping(call, stack, prepared.plan)
    target = _save_revision(call, stack, prepared, options)
    stack = replace(
        stack,
        revisions=target.number,
        updated_at=call.now,
        disable_rollback=options.disable_rollback,
        retain_except_on_create=options.retain_except_on_create,
        change_set_arn=options.change_set_arn or stack.change_set_arn,
    )
    kept = store.load_operation(call.tx, call.scope, stack.id)
    p = _begun(call, stack, "update", options, target, stack.revision)
    if kept is not None:
        # An update that was left where it failed: this one goes on from there.
        phases.release_imports(p, kept.target, stack.revision)
        store.delete_revision(call.tx, call.scope, stack.id, kept.target.number)
    _outdate(call, stack, options.change_set_id)
    phases.hold_imports(p, target)
    phases.begin(p, "apply", "User Initiated")
    return p.stack


def begin_delete(
    call: Call, stack: Stack, options: Options, *, retain: list[str], force: bool
) -> Stack:
    """Begin to delete a stack; one whose deletion is under way already is left to it."""
    if stack.operation:
        return _delete_instead(call, stack, options, retain=retain, force=force)
    in_use = phases.exports_in_use(call, stack.outputs)
    kept = store.load_operation(call.tx, call.scope, stack.id)
    previous = kept.target if kept is not None else None
    p = _begun(call, stack, "delete", options, stack.revision, previous)
    p.set_operation(retain=retain, force=force)
    if in_use:
        p.set_status("DELETE_FAILED", f"Delete canceled. {in_use}")
        p.set_stack(operation=0)
        p.save()
        return p.stack
    phases.begin(p, "delete", "User Initiated")
    return p.stack


def _delete_instead(
    call: Call, stack: Stack, options: Options, *, retain: list[str], force: bool
) -> Stack:
    """Of the operations under way, only the creation of a stack gives way to its deletion."""
    p = progress.load(call, stack.id)
    assert p is not None
    if p.operation.phase == "delete":
        return stack
    if p.operation.kind != "create" or p.operation.phase != "apply":
        raise errors.validation(
            f"Stack [{stack.arn}] cannot be deleted while in status {stack.status}"
        )
    p.set_operation(on_failure="DELETE", retain=retain, force=force, token=options.token)
    phases.stop(p, "Stack deletion was requested")
    return p.stack


def differs(call: Call, stack: Stack, prepared: Prepared, options: Options) -> bool:
    """Whether an update would change anything."""
    old = stack.revision
    plan = prepared.plan
    if old.tags != options.tags or old.outputs != plan.outputs:
        return True
    return store.list_targets(call.tx, call.scope, stack.id, old.number) != plan.targets


def _outdate(call: Call, stack: Stack, executed_id: str) -> None:
    """Change sets that were worked out for the stack as it was are of no use any more."""
    for change_set in store.list_change_sets(call.tx, call.scope, stack.id):
        if change_set.id != executed_id and change_set.execution_status == "AVAILABLE":
            outdated = replace(change_set, execution_status="OBSOLETE")
            store.save_change_set(call.tx, call.scope, outdated)


def check_retyping(call: Call, stack: Stack, plan: Plan) -> None:
    targets = store.list_targets(call.tx, call.scope, stack.id, stack.revision.number)
    retyped = sorted(
        name
        for name, target in plan.targets.items()
        if name in targets and targets[name].type != target.type
    )
    if retyped:
        raise errors.validation(
            "Update of resource type is not permitted. The new template modifies resource type of "
            f"the following resources: [{', '.join(retyped)}]"
        )


def use_token(call: Call, stack: Stack, token: str, action: str, target: str = "") -> bool:
    """Record a client request token; True if this very request was made before."""
    if not token:
        return False
    used = Token(action, target)
    found = store.load_token(call.tx, call.scope, stack.id, token)
    if found is None:
        store.save_token(call.tx, call.scope, stack.id, token, used)
        return False
    if found != used:
        raise errors.token_exists(token)
    return True


def _save_revision(call: Call, stack: Stack, prepared: Prepared, options: Options) -> Revision:
    target = revision_of(prepared, options, stack.revisions + 1)
    tx, scope = call.tx, call.scope
    store.save_targets(tx, scope, stack.id, target.number, prepared.plan.targets)
    store.save_templates(tx, scope, stack.id, target.number, prepared.templates)
    return target


def _begun(
    call: Call,
    stack: Stack,
    kind: Any,
    options: Options,
    target: Revision,
    previous: Revision | None,
) -> Progress:
    number = stack.operations + 1
    operation = Operation(
        number=number,
        kind=kind,
        phase="apply",
        principal=call.principal,
        role_arn=options.role_arn or stack.revision.role_arn,
        token=options.token,
        started_at=call.now,
        target=target,
        previous=previous,
        change_set_id=options.change_set_id,
    )
    return Progress(call, replace(stack, operation=number, operations=number), operation)
