"""One resource's part of an operation: what is to be done, how it begins, how it ends.

A job is begun in a transaction that records it (`Work`) and asks for a task; the task's outcome
counts only if the record still has that work's id.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec.structs import replace

from freehold.kernel.errors import AwsError
from freehold.kernel.resources import Made
from freehold.services.cloudformation import errors, handlers, store
from freehold.services.cloudformation.progress import Progress
from freehold.services.cloudformation.records import Instance, Resource, Work
from freehold.services.cloudformation.template import functions
from freehold.services.cloudformation.template.functions import Environment
from freehold.services.cloudformation.template.plan import Target
from freehold.services.cloudformation.template.schema import comparable, schema

TOKEN_CHARS = 16
SETTLE_S_MAX = 3600.0
POLL_S_MAX = 5.0
REPLACING = "Requested update requires the creation of a new physical resource; hence creating one."

Begun = Literal["running", "done", "failed"]


def begin_apply(p: Progress, name: str) -> Begun:
    """Bring a resource to what the aim wants: create, update, replace, or leave it."""
    call, stack, aim = p.call, p.stack, p.aim
    target = store.load_target(call.tx, call.scope, stack.id, aim.number, name)
    assert target is not None, (stack.name, name)
    found = p.resource(name)
    resource = found or Resource(
        logical_id=name, type=target.type, status="CREATE_IN_PROGRESS", updated_at=call.now
    )
    if p.operation.phase == "restore":
        resource = _with_prior_back(p, name, resource)
        if name in p.operation.skip:
            _finish(p, name, replace(resource, torn=False), "UPDATE_COMPLETE", "")
            return "done"
    try:
        properties = resolve(p, target.properties, target)
    except AwsError as error:
        failed = "CREATE_FAILED" if resource.instance is None else "UPDATE_FAILED"
        _finish(p, name, _described(resource, target), failed, error.message)
        return "failed"
    action = _decide(resource, target.type, properties, aim.tags)
    if action == "nothing":
        p.save_resource(name, _described(resource, target))
        return "done"
    work = Work(
        id=call.new_word(TOKEN_CHARS),
        action="update" if action == "update" else "create",
        started_at=call.now,
        token=call.new_word(TOKEN_CHARS),
        properties=properties,
        type=target.type,
    )
    verb = "CREATE" if action == "create" else "UPDATE"
    status = f"{verb}_IN_PROGRESS"
    resource = replace(
        resource,
        type=target.type,
        status=status,
        status_reason="",
        updated_at=call.now,
        work=work,
        depends_on=sorted({*resource.depends_on, *target.depends_on}),
    )
    p.save_resource(name, resource)
    p.say(resource, status, REPLACING if action == "replace" else "", properties=properties)
    _ask(p, name, work)
    return "running"


def begin_delete(p: Progress, job: str) -> Begun:
    """Delete a resource or a leftover, unless it is to be retained."""
    resource = p.resource(job)
    assert resource is not None, (p.stack.name, job)
    if resource.instance is None:
        _removed(p, job, resource, "DELETE_COMPLETE")
        return "done"
    if _is_retained(p, job, resource):
        p.say(resource, "DELETE_SKIPPED")
        _removed(p, job, resource, "DELETE_SKIPPED")
        return "done"
    work = Work(id=p.call.new_word(TOKEN_CHARS), action="delete", started_at=p.call.now)
    resource = replace(
        resource,
        status="DELETE_IN_PROGRESS",
        status_reason="",
        updated_at=p.call.now,
        work=work,
        torn=True,
    )
    p.save_resource(job, resource)
    p.say(resource, "DELETE_IN_PROGRESS")
    _ask(p, job, work)
    return "running"


def resolve(p: Progress, value: Any, target: Target) -> Any:
    """An evaluated value with its references to resources filled in."""
    resolved = functions.evaluate(value, _environment(p, frozenset(target.depends_on)))
    return {} if resolved is functions.NO_VALUE else resolved


def resolve_output(p: Progress, value: Any) -> Any:
    names = frozenset(name for name, _ in functions.pending_references(value))
    return functions.evaluate(value, _environment(p, names))


def made(p: Progress, job: str, outcome: Made) -> bool:
    """Record what a create or update made. False if it has to settle first."""
    resource = _at_work(p, job)
    assert resource.work is not None
    work = resource.work
    found = handlers.handler_of(p.call.node, work.type)
    waits = found is not None and hasattr(found[1], "settled")
    if work.made is None and work.action == "create":
        p.say(
            resource,
            resource.status,
            "Resource creation Initiated",
            physical_id=outcome.physical_id,
            properties=work.properties,
        )
    if work.made is None and waits:
        p.save_resource(job, replace(resource, work=replace(work, made=outcome)))
        _ask_again(p, job, replace(work, made=outcome), 0)
        return False
    settled(p, job, outcome)
    return True


def settled(p: Progress, job: str, outcome: Made) -> None:
    """Record that a create or update is complete."""
    resource = _at_work(p, job)
    assert resource.work is not None
    work = resource.work
    old = resource.instance
    instance = Instance(
        type=work.type,
        token=work.token if work.action == "create" or old is None else old.token,
        made=outcome,
        properties=work.properties,
        tags=dict(p.aim.tags),
    )
    target = store.load_target(p.call.tx, p.call.scope, p.stack.id, p.aim.number, job)
    assert target is not None, job
    if old is not None and (work.action == "create" or old.made.physical_id != outcome.physical_id):
        resource = _superseded(p, job, resource, old)
    resource = _described(replace(resource, instance=instance, torn=False), target)
    status = resource.status.replace("IN_PROGRESS", "COMPLETE")
    _finish(p, job, resource, status, "")


def unsettled(p: Progress, job: str) -> None:
    """Ask again later whether it is settled, or gone."""
    resource = _at_work(p, job)
    assert resource.work is not None
    work = replace(resource.work, polls=resource.work.polls + 1)
    p.save_resource(job, replace(resource, work=work))
    _ask_again(p, job, work, min(0.05 * 1.5**work.polls, POLL_S_MAX))


def gone(p: Progress, job: str) -> None:
    """Record that a delete is complete."""
    resource = _at_work(p, job)
    p.say(resource, "DELETE_COMPLETE")
    _removed(p, job, resource, "DELETE_COMPLETE")


def deleting(p: Progress, job: str) -> None:
    """A delete was begun; whether it is complete is asked later."""
    resource = _at_work(p, job)
    assert resource.work is not None
    assert resource.instance is not None
    work = replace(resource.work, made=resource.instance.made)
    p.save_resource(job, replace(resource, work=work))
    _ask_again(p, job, work, 0)


def failed(p: Progress, job: str, reason: str) -> None:
    """Record that the work failed. What a create made by then is left over, to be deleted."""
    resource = _at_work(p, job)
    assert resource.work is not None
    work = resource.work
    status = resource.status.replace("IN_PROGRESS", "FAILED")
    if work.action == "create" and work.made is not None:
        instance = Instance(
            type=work.type, token=work.token, made=work.made, properties=work.properties
        )
        if resource.instance is None:
            resource = replace(resource, instance=instance, torn=True)
        else:
            _leave(p, resource, instance)
    if work.action == "update":
        resource = replace(resource, torn=work.begun or work.made is not None)
    _finish(p, job, resource, status, reason)


def leave_prior(p: Progress, resource: Resource) -> str | None:
    """Make a leftover of what was replaced, unless it is to be retained; its job."""
    assert resource.prior is not None
    prior = resource.prior
    p.save_resource(resource.logical_id, replace(resource, prior=None))
    if resource.update_replace_policy == "Retain":
        p.say(resource, "DELETE_SKIPPED", physical_id=prior.made.physical_id)
        return None
    return _leave(p, resource, prior)


def _environment(p: Progress, names: frozenset[str]) -> Environment:
    def lookup(name: str, attribute: str | None) -> Any:
        found = p.resource(name)
        if found is None or found.instance is None:
            raise errors.validation(f"Resource {name} does not exist")
        made = found.instance.made
        if attribute is None:
            return made.physical_id
        if attribute in made.attributes:
            return made.attributes[attribute]
        if found.type.startswith("Custom::") or found.type == handlers.CUSTOM_RESOURCE:
            raise errors.validation(
                "CustomResource attribute error: Vendor response doesn't contain "
                f"{attribute} attribute in object {p.stack.arn}|{name}"
            )
        raise errors.validation(
            f"Requested attribute {attribute} does not exist in schema for {found.type}"
        )

    return Environment(pseudo={}, resource_names=names, lookup=lookup)


def _decide(
    resource: Resource, type_name: str, properties: dict[str, Any], tags: dict[str, str]
) -> Literal["create", "update", "replace", "nothing"]:
    instance = resource.instance
    if instance is None:
        return "create"
    described = schema(type_name)
    if instance.type != type_name or (resource.torn and resource.status == "CREATE_FAILED"):
        return "replace"
    same = comparable(instance.properties) == comparable(properties)
    retagged = tags != instance.tags and described is not None and described.tags_change
    if same and not retagged and not resource.torn:
        return "nothing"
    if described is not None and described.needs_replacement(instance.properties, properties):
        return "replace"
    return "update"


def _is_retained(p: Progress, job: str, resource: Resource) -> bool:
    operation = p.operation
    if operation.phase == "delete" and job in operation.retain:
        return True
    policy = resource.deletion_policy
    if operation.kind == "create" or operation.phase == "restore-cleanup":
        # Made by the operation that now fails: Retain keeps it, RetainExceptOnCreate does not.
        return policy == "Retain" and not p.stack.retain_except_on_create
    if "/" in job:
        return False
    return policy in ("Retain", "RetainExceptOnCreate")


def _with_prior_back(p: Progress, name: str, resource: Resource) -> Resource:
    if resource.prior is None:
        return resource
    if resource.instance is not None:
        _leave(p, resource, resource.instance)
    resource = replace(resource, instance=resource.prior, prior=None, torn=False)
    p.save_resource(name, resource)
    return resource


def _superseded(p: Progress, job: str, resource: Resource, old: Instance) -> Resource:
    if p.operation.phase == "apply" and resource.prior is None:
        return replace(resource, prior=old)
    _leave(p, resource, old)
    return resource


def _leave(p: Progress, resource: Resource, instance: Instance) -> str:
    job = f"{resource.logical_id}/{p.call.new_word(TOKEN_CHARS)}"
    leftover = replace(resource, instance=instance, type=instance.type, prior=None, work=None)
    p.save_resource(job, leftover)
    return job


def _described(resource: Resource, target: Target) -> Resource:
    return replace(
        resource,
        depends_on=target.depends_on,
        deletion_policy=target.deletion_policy,
        update_replace_policy=target.update_replace_policy,
        metadata=target.metadata,
        description=target.description,
    )


def _removed(p: Progress, job: str, resource: Resource, status: str) -> None:
    if "/" in job or p.operation.phase in ("cleanup", "restore-cleanup"):
        p.delete_resource(job)
        return
    p.save_resource(
        job,
        replace(
            resource,
            status=status,
            status_reason="",
            updated_at=p.call.now,
            # Described with its physical id as long as the stack is, but nothing depends on it.
            work=None,
            torn=False,
        ),
    )


def _finish(p: Progress, job: str, resource: Resource, status: str, reason: str) -> None:
    resource = replace(
        resource, status=status, status_reason=reason, updated_at=p.call.now, work=None
    )
    p.save_resource(job, resource)
    p.say(resource, status, reason)


def _at_work(p: Progress, job: str) -> Resource:
    resource = p.resource(job)
    assert resource is not None, job
    assert resource.work is not None, job
    return resource


def _ask(p: Progress, job: str, work: Work) -> None:
    p.call.later("work", {"stack": p.stack.id, "job": job, "work": work.id})


def _ask_again(p: Progress, job: str, work: Work, wait_s: float) -> None:
    payload = {"stack": p.stack.id, "job": job, "work": work.id}
    p.call.later("settle", payload, due=p.call.now + wait_s)
