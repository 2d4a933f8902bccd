"""The phases of an operation, and how one follows from another.

    create   apply -> CREATE_COMPLETE
                 \\-> rollback -> ROLLBACK_COMPLETE | ROLLBACK_FAILED
                 \\-> delete -> DELETE_COMPLETE | DELETE_FAILED              (OnFailure=DELETE)
                 \\-> CREATE_FAILED                                         (OnFailure=DO_NOTHING)
    update   apply -> cleanup -> UPDATE_COMPLETE
                 \\-> restore -> restore-cleanup -> UPDATE_ROLLBACK_COMPLETE
                 |          \\-> UPDATE_ROLLBACK_FAILED
                 \\-> UPDATE_FAILED                                         (DisableRollback)
    delete   delete -> DELETE_COMPLETE | DELETE_FAILED

A phase is a set of jobs with their prerequisites. `restore` is `apply` with the previous revision.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from freehold.kernel.call import Call
from freehold.kernel.errors import AwsError
from freehold.services.cloudformation import errors, jobs, store
from freehold.services.cloudformation.progress import Progress
from freehold.services.cloudformation.records import Export, Output, Phase, Revision
from freehold.services.cloudformation.template.functions import text_of

FORGET_S = 90 * 86_400.0
_STATUS = {
    ("create", "apply"): "CREATE_IN_PROGRESS",
    ("create", "rollback"): "ROLLBACK_IN_PROGRESS",
    ("create", "delete"): "DELETE_IN_PROGRESS",
    ("update", "apply"): "UPDATE_IN_PROGRESS",
    ("update", "cleanup"): "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
    ("update", "restore"): "UPDATE_ROLLBACK_IN_PROGRESS",
    ("update", "restore-cleanup"): "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
    ("delete", "delete"): "DELETE_IN_PROGRESS",
}
_GONE = ("DELETE_COMPLETE", "DELETE_SKIPPED")


def begin(p: Progress, phase: Phase, reason: str = "") -> None:
    """Begin a phase and whatever of it can begin; end it if that is all."""
    p.set_operation(phase=phase, waiting={}, running=[], failed={}, stop_reason="")
    p.set_status(_STATUS[p.operation.kind, phase], reason)
    if phase in ("apply", "restore"):
        targets = store.list_targets(p.call.tx, p.call.scope, p.stack.id, p.aim.number)
        waiting = {name: list(target.depends_on) for name, target in targets.items()}
    else:
        waiting = _deletions(p)
    p.set_operation(waiting=waiting)
    advance(p)


def finished(p: Progress, job: str) -> None:
    """A job is done: go on with those that waited for it."""
    running = [other for other in p.operation.running if other != job]
    p.set_operation(running=running, waiting=_without(p.operation.waiting, job))
    advance(p)


def failed(p: Progress, job: str) -> None:
    """A job has failed: what waits for it will not be done."""
    running = [other for other in p.operation.running if other != job]
    p.set_operation(running=running, failed={**p.operation.failed, job: _verb(p, job)})
    advance(p)


def stop(p: Progress, reason: str) -> None:
    """End the phase early: begin nothing more, wait for what runs."""
    p.set_operation(stop_reason=reason)
    advance(p)


def advance(p: Progress) -> None:
    """Begin every job whose prerequisites are done; when none is left, end the phase; save."""
    while _may_begin(p):
        ready = [job for job, needs in p.operation.waiting.items() if not needs]
        if not ready:
            break
        for job in ready:
            _begin_job(p, job)
            if not _may_begin(p):
                break
    if p.operation.running:
        p.save()
    else:
        _end(p)


def _may_begin(p: Progress) -> bool:
    if p.operation.stop_reason:
        return False
    # A failed deletion holds up only what it depends on.
    return p.operation.phase not in ("apply", "restore") or not p.operation.failed


def _begin_job(p: Progress, job: str) -> None:
    waiting = {other: needs for other, needs in p.operation.waiting.items() if other != job}
    p.set_operation(waiting=waiting)
    if p.operation.phase in ("apply", "restore"):
        begun = jobs.begin_apply(p, job)
    else:
        begun = jobs.begin_delete(p, job)
    if begun == "running":
        p.set_operation(running=[*p.operation.running, job])
    elif begun == "done":
        p.set_operation(waiting=_without(p.operation.waiting, job))
    else:
        p.set_operation(failed={**p.operation.failed, job: _verb(p, job)})


def _without(waiting: dict[str, list[str]], job: str) -> dict[str, list[str]]:
    return {
        other: [need for need in needs if need != job] if job in needs else needs
        for other, needs in waiting.items()
    }


def _verb(p: Progress, job: str) -> str:
    resource = p.resource(job)
    status = resource.status if resource is not None else ""
    return status.split("_", 1)[0].lower()


def _deletions(p: Progress) -> dict[str, list[str]]:
    """The jobs of a phase that deletes: each waits for those that depend on it."""
    call, stack = p.call, p.stack
    resources = store.list_resources(call.tx, call.scope, stack.id)
    for resource in resources.values():
        if resource.prior is not None:
            jobs.leave_prior(p, resource)
    if p.operation.phase in ("cleanup", "restore-cleanup"):
        wanted = store.list_targets(call.tx, call.scope, stack.id, p.aim.number)
        doomed = {name: r for name, r in resources.items() if name not in wanted}
    else:
        doomed = {name: r for name, r in resources.items() if r.status not in _GONE}
    doomed.update(store.list_leftovers(call.tx, call.scope, stack.id))
    users: dict[str, list[str]] = {}
    for job, resource in doomed.items():
        for needed in resource.depends_on:
            users.setdefault(needed, []).append(job)
    return {
        job: [user for user in users.get(resource.logical_id, ()) if user != job]
        for job, resource in doomed.items()
    }


def _end(p: Progress) -> None:
    operation = p.operation
    match operation.kind, operation.phase:
        case _, "apply":
            _end_apply(p)
        case _, "restore":
            if operation.failed:
                _complete(p, "UPDATE_ROLLBACK_FAILED", _failures(p))
            else:
                begin(p, "restore-cleanup")
        case _, "cleanup":
            assert operation.previous is not None
            store.delete_revision(p.call.tx, p.call.scope, p.stack.id, operation.previous.number)
            _complete(p, "UPDATE_COMPLETE")
        case _, "restore-cleanup":
            release_imports(p, operation.target, operation.previous)
            store.delete_revision(p.call.tx, p.call.scope, p.stack.id, operation.target.number)
            _complete(p, "UPDATE_ROLLBACK_COMPLETE")
        case _, "rollback":
            release_imports(p, operation.target, None)
            status = "ROLLBACK_FAILED" if operation.failed else "ROLLBACK_COMPLETE"
            _complete(p, status, _failures(p))
        case _, "delete":
            if operation.failed and not operation.force:
                _complete(p, "DELETE_FAILED", _failures(p))
            else:
                _deleted(p)


def _end_apply(p: Progress) -> None:
    operation = p.operation
    reason = operation.stop_reason or _failures(p)
    if not reason:
        try:
            outputs = _outputs(p)
            _check_exports(p, outputs)
        except AwsError as error:
            reason = error.message
        else:
            _succeed(p, outputs)
            return
    if operation.kind == "update":
        if p.stack.disable_rollback:
            _complete(p, "UPDATE_FAILED", reason)
        else:
            begin(p, "restore", reason)
    elif operation.on_failure == "DO_NOTHING":
        _complete(p, "CREATE_FAILED", reason)
    elif operation.on_failure == "DELETE":
        begin(p, "delete", f"{reason.rstrip(' .')}. Delete requested by user.")
    else:
        begin(p, "rollback", f"{reason.rstrip(' .')}. Rollback requested by user.")


def _succeed(p: Progress, outputs: list[Output]) -> None:
    target = p.operation.target
    _save_exports(p, outputs)
    p.set_stack(outputs=outputs, revision=target)
    if p.operation.kind == "create":
        _complete(p, "CREATE_COMPLETE")
        return
    assert p.operation.previous is not None
    release_imports(p, p.operation.previous, target)
    begin(p, "cleanup")


def _complete(p: Progress, status: str, reason: str = "") -> None:
    """The operation has come to its end, or as far as it can come."""
    p.set_status(status, reason)
    kept = status in ("UPDATE_ROLLBACK_FAILED", "UPDATE_FAILED")
    p.set_stack(operation=0)
    p.save()
    call = p.call
    if not kept:
        store.delete_operation(call.tx, call.scope, p.stack.id)
    if p.operation.change_set_id:
        change_set = store.find_change_set(call.tx, call.scope, p.operation.change_set_id)
        if change_set is not None:
            good = status in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
            execution = "EXECUTE_COMPLETE" if good else "EXECUTE_FAILED"
            store.save_change_set(
                call.tx, call.scope, replace(change_set, execution_status=execution)
            )


def _deleted(p: Progress) -> None:
    call, stack = p.call, p.stack
    for output in stack.outputs:
        if output.export:
            store.delete_export(call.tx, call.scope, output.export)
    release_imports(p, stack.revision, None)
    release_imports(p, p.operation.target, None)
    if p.operation.previous is not None:
        release_imports(p, p.operation.previous, None)
    for change_set in store.list_change_sets(call.tx, call.scope, stack.id):
        store.delete_change_set(call.tx, call.scope, change_set)
    store.release_name(call.tx, call.scope, stack)
    p.set_stack(deleted_at=call.now)
    call.later("forget", {"stack": stack.id}, due=call.now + FORGET_S)
    _complete(p, "DELETE_COMPLETE")


def _failures(p: Progress) -> str:
    """ "The following resource(s) failed to create: [A, B]. ", or "" if none did."""
    failed = p.operation.failed
    texts = []
    for verb in sorted(set(failed.values())):
        names = sorted(job.split("/")[0] for job, other in failed.items() if other == verb)
        texts.append(f"The following resource(s) failed to {verb}: [{', '.join(names)}]. ")
    return "".join(texts)


def _outputs(p: Progress) -> list[Output]:
    outputs = []
    for output in p.aim.outputs:
        value = jobs.resolve_output(p, output.value)
        text = text_of(value)
        if text is None:
            raise errors.template_format(
                f"The Value field of every Outputs member must evaluate to a String: {output.name}"
            )
        outputs.append(
            Output(
                name=output.name, value=text, description=output.description, export=output.export
            )
        )
    return outputs


def _check_exports(p: Progress, outputs: Iterable[Output]) -> None:
    call = p.call
    wanted = {output.export: output.value for output in outputs if output.export}
    held = {output.export: output.value for output in p.stack.outputs if output.export}
    for name, value in held.items():
        if wanted.get(name) == value:
            continue
        users = store.list_imports(call.tx, call.scope, name, None, store.PAGE_MAX)
        if users:
            verb = "updated" if name in wanted else "deleted"
            stacks = ", ".join(stack_name for _, stack_name in users)
            raise errors.validation(f"Export {name} cannot be {verb} as it is in use by {stacks}")
    for name in wanted:
        export = store.load_export(call.tx, call.scope, name)
        if export is not None and export.stack_arn != p.stack.arn:
            owner = export.stack_arn.split("/")[1]
            raise errors.validation(
                f"Export with name {name} is already exported by stack {owner}."
            )


def _save_exports(p: Progress, outputs: Iterable[Output]) -> None:
    call = p.call
    for output in p.stack.outputs:
        if output.export:
            store.delete_export(call.tx, call.scope, output.export)
    for output in outputs:
        if output.export:
            export = Export(output.export, output.value, p.stack.arn)
            store.save_export(call.tx, call.scope, export)


def hold_imports(p: Progress, revision: Revision) -> None:
    """Keep the exports that a revision takes from being changed or deleted."""
    call = p.call
    for name in revision.imports:
        if store.load_export(call.tx, call.scope, name) is None:
            raise errors.no_export(name)
        store.save_import(call.tx, call.scope, name, p.stack)


def release_imports(p: Progress, revision: Revision, kept: Revision | None) -> None:
    """Let go of the exports that a revision takes and `kept` does not."""
    for name in revision.imports:
        if kept is None or name not in kept.imports:
            store.delete_import(p.call.tx, p.call.scope, name, p.stack)


def exports_in_use(call: Call, outputs: Iterable[Output]) -> str:
    """Why a stack with these outputs cannot be deleted, or ""."""
    for output in outputs:
        if not output.export:
            continue
        users = store.list_imports(call.tx, call.scope, output.export, None, store.PAGE_MAX)
        if users:
            names = ", ".join(stack_name for _, stack_name in users)
            return f"Cannot delete export {output.export} as it is in use by {names}."
    return ""
