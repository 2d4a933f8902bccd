"""What happens later: the work on resources, and the ends of time limits."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from msgspec.structs import replace

from freehold.kernel import principal
from freehold.kernel.call import Call
from freehold.kernel.errors import AwsError
from freehold.kernel.principal import Principal
from freehold.kernel.resources import Made, Wanted
from freehold.services.cloudformation import (
    change_sets,
    dynamic,
    errors,
    handlers,
    jobs,
    phases,
    progress,
    store,
)
from freehold.services.cloudformation.progress import Progress
from freehold.services.cloudformation.records import Operation, Resource, Work
from freehold.services.cloudformation.service import service
from freehold.services.cloudformation.template import schema

log = logging.getLogger(__name__)

# A handler that breaks, rather than refuses, is tried this often before the resource fails.
ATTEMPTS_MAX = 3
CANCELLED = "Resource {verb} cancelled"
BROKEN = "Internal Failure"

Payload = dict[str, Any]


@service.task("work")
async def work(call: Call, payload: Payload) -> None:
    """Create, update or delete one resource, as whoever the operation is for."""
    found = await call.read(_begun, payload)
    if found is None:
        return
    p, resource, todo = found
    await _or_fail(call, payload, _do(call, payload, p, resource, todo))


@service.task("settle")
async def settle(call: Call, payload: Payload) -> None:
    """Ask a resource type whether what it began is complete."""
    found = await call.read(_begun, payload)
    if found is None:
        return
    p, resource, todo = found
    begun = todo.made
    if begun is None:
        # An answer has come before the question was recorded; that will ask again.
        return
    await _or_fail(call, payload, _ask(call, payload, p, resource, todo, begun))


@service.task("timeout")
def timeout(call: Call, payload: Payload) -> None:
    """A stack that is not complete in time fails."""
    p = progress.load(call, payload["stack"])
    if p is None or p.operation.number != payload["operation"] or p.operation.phase != "apply":
        return
    phases.stop(p, "Stack creation time exceeded the specified timeout")


@service.task("forget")
def forget(call: Call, payload: Payload) -> None:
    stack = store.load_stack(call.tx, call.scope, payload["stack"])
    if stack is not None:
        store.forget_stack(call.tx, call.scope, stack)


@service.task("prepare-change-set")
async def prepare_change_set(call: Call, payload: Payload) -> None:
    try:
        await change_sets.prepare(call, payload["change_set"])
    except store.StoreError:
        raise
    except Exception:
        if call.attempt < ATTEMPTS_MAX:
            raise
        log.exception("change set %s failed for good", payload["change_set"])
        await call.write(change_sets.fail, payload["change_set"], BROKEN)


async def _or_fail(call: Call, payload: Payload, acting: Coroutine[Any, Any, None]) -> None:
    """Await it; if it refuses, or breaks time and again, the resource fails."""
    try:
        await acting
    except AwsError as error:
        reason = error.message
        await call.write(_record, payload, lambda q, job: _fail(q, job, reason))
    except store.StoreError:
        raise
    except Exception:
        if call.attempt < ATTEMPTS_MAX:
            raise
        log.exception("work on %s failed for good", payload["job"])
        await call.write(_record, payload, lambda q, job: _fail(q, job, BROKEN))


async def _ask(
    call: Call, payload: Payload, p: Progress, resource: Resource, todo: Work, begun: Made
) -> None:
    name, handler = _handler(call, resource, todo)
    acting = await _acting(call, p.operation, name)
    ask = handler.gone if todo.action == "delete" else handler.settled
    _check_patience(call, p.operation, todo)
    if inspect.iscoroutinefunction(ask):
        answer = await ask(acting, begun)
        await call.write(_record, payload, lambda q, job: _settled(q, job, answer))
        return
    await call.write(
        _record, payload, lambda q, job: _settled(q, job, ask(_within(acting, q), begun))
    )


async def _do(call: Call, payload: Payload, p: Progress, resource: Resource, todo: Work) -> None:
    name, handler = _handler(call, resource, todo)
    acting = await _acting(call, p.operation, name)
    if todo.action == "delete":
        assert resource.instance is not None
        waits = hasattr(handler, "gone")
        await _run(
            call,
            acting,
            payload,
            handler.delete,
            (resource.instance.made,),
            lambda q, job, _: _deleted(q, job, waits),
        )
        return
    properties = await dynamic.resolve(acting, todo.properties)
    # A custom resource has whatever properties its function understands.
    custom = todo.type == handlers.CUSTOM_RESOURCE
    problems = [] if custom else schema.property_problems(todo.type, properties)
    if problems:
        raise errors.validation(
            f"Properties validation failed for resource {resource.logical_id} with message:\n"
            + "\n".join(f"[{problem}]" for problem in problems)
        )
    previous = resource.instance.properties if resource.instance is not None else {}
    token = todo.token
    if todo.action == "update" and resource.instance is not None:
        token = resource.instance.token
    wanted = Wanted(
        type=todo.type,
        logical_id=resource.logical_id,
        properties=properties,
        stack_id=p.stack.arn,
        stack_name=p.stack.name,
        stack_tags=p.aim.tags,
        token=token,
        retried=todo.begun,
        previous=previous,
    )
    if todo.action == "create":
        await _run(call, acting, payload, handler.create, (wanted,), _made)
    else:
        assert resource.instance is not None
        arguments = (wanted, resource.instance.made)
        await _run(call, acting, payload, handler.update, arguments, _made)


async def _run(
    call: Call,
    acting: Call,
    payload: Payload,
    function: Any,
    arguments: tuple[Any, ...],
    record: Callable[[Progress, str, Any], None],
) -> None:
    """Run a handler: a plain one in the transaction of its outcome, an async one before it."""
    try:
        if not inspect.iscoroutinefunction(function):
            await call.write(
                _record,
                payload,
                lambda q, job: record(q, job, function(_within(acting, q), *arguments)),
            )
            return
        if not await call.write(_note_begun, payload):
            return
        outcome = await function(acting, *arguments)
    except AwsError as error:
        if acting.service == "cloudformation":
            raise
        raise errors.handler_failed(error, payload["work"]) from error
    await call.write(_record, payload, lambda q, job: record(q, job, outcome))


def _begun(call: Call, payload: Payload) -> tuple[Progress, Resource, Work] | None:
    """The work that a task is for; None if it is done, or somebody else's."""
    p = progress.load(call, payload["stack"])
    if p is None:
        return None
    resource = p.resource(payload["job"])
    if resource is None or resource.work is None or resource.work.id != payload["work"]:
        return None
    return p, resource, resource.work


def _note_begun(call: Call, payload: Payload) -> bool:
    found = _begun(call, payload)
    if found is None:
        return False
    p, resource, todo = found
    p.save_resource(payload["job"], replace(resource, work=replace(todo, begun=True)))
    return True


def _record(call: Call, payload: Payload, outcome: Callable[[Progress, str], None]) -> None:
    found = _begun(call, payload)
    if found is not None:
        outcome(found[0], payload["job"])


def _made(p: Progress, job: str, made: Made) -> None:
    if jobs.made(p, job, made):
        phases.finished(p, job)
    else:
        p.save()


def _settled(p: Progress, job: str, answer: Any) -> None:
    if isinstance(answer, Made):
        jobs.settled(p, job, answer)
        phases.finished(p, job)
    elif answer:
        jobs.gone(p, job)
        phases.finished(p, job)
    else:
        jobs.unsettled(p, job)


def _deleted(p: Progress, job: str, waits: bool) -> None:
    if waits:
        jobs.deleting(p, job)
    else:
        jobs.gone(p, job)
        phases.finished(p, job)


def _fail(p: Progress, job: str, reason: str) -> None:
    jobs.failed(p, job, reason)
    phases.failed(p, job)


def _check_patience(call: Call, operation: Operation, todo: Work) -> None:
    stopping = operation.stop_reason or operation.failed
    if stopping and operation.phase == "apply":
        verb = "creation" if todo.action == "create" else "update"
        raise errors.validation(CANCELLED.format(verb=verb))
    if call.now > todo.started_at + jobs.SETTLE_S_MAX:
        raise errors.validation("Exceeded attempts to wait")


def _handler(call: Call, resource: Resource, todo: Work) -> tuple[str, Any]:
    found = handlers.handler_of(call.node, _type(resource, todo))
    assert found is not None, _type(resource, todo)
    return found


def _type(resource: Resource, todo: Work) -> str:
    if todo.action == "delete" and resource.instance is not None:
        return resource.instance.type
    return todo.type


async def _acting(call: Call, operation: Operation, service_name: str) -> Call:
    """The call as the handler's own service sees it, made by the stack's role or its owner."""
    acting = call.acting_as(await _identity(call, operation))
    acting.service = service_name
    acting.source_account = call.account
    return acting


async def _identity(call: Call, operation: Operation) -> Principal:
    if not operation.role_arn:
        return operation.principal
    answer = await call.invoke(
        "sts",
        "AssumeRole",
        {"RoleArn": operation.role_arn, "RoleSessionName": "AWSCloudFormation"},
        principal=principal.service("cloudformation.amazonaws.com"),
    )
    user = answer["AssumedRoleUser"]
    return Principal(
        kind="role",
        account=operation.role_arn.split(":")[4],
        arn=user["Arn"],
        id=user["AssumedRoleId"],
        name=operation.role_arn.rpartition("/")[2],
        role_arn=operation.role_arn,
    )


def _within(acting: Call, p: Progress) -> Call:
    return acting.within(p.call.tx)
