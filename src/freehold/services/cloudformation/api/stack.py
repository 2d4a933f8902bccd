"""Stacks: made, changed, deleted, described."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from freehold.kernel import paging
from freehold.kernel.call import Call
from freehold.kernel.errors import not_implemented
from freehold.services.cloudformation import (
    access,
    errors,
    fetch,
    find,
    operations,
    phases,
    prepare,
    progress,
    store,
    views,
)
from freehold.services.cloudformation.operations import Options
from freehold.services.cloudformation.records import Stack
from freehold.services.cloudformation.service import service

Params = dict[str, Any]

STACKS_LISTED_MAX = 100
STATUS_SCANNED_MAX = 1000
TAGS_MAX = 50
_NAME_CHARS_MAX = 128


@service.operation("CreateStack", resource=access.stack_arn)
async def create_stack(call: Call, params: Params) -> Params:
    name = params["StackName"]
    check_name(name)
    if params.get("DisableRollback") and params.get("OnFailure"):
        raise errors.validation("Cannot specify both DisableRollback and OnFailure")
    options = await options_of(call, params)
    again = await call.read(_created_before, name, options.token)
    if again is not None:
        return {"StackId": again}
    text = await fetch.template_text(call, params)
    if text is None:
        raise errors.one_template()
    stack_id = call.new_id()
    prepared = await prepare.prepare(
        call,
        text,
        given=params.get("Parameters", []),
        previous=None,
        stack_name=name,
        stack_arn=operations.stack_arn(call, name, stack_id),
        acknowledged=options.capabilities,
    )
    prepare.check_deployable(call, prepared.template, options.capabilities)

    def begin(inner: Call) -> str:
        stack = operations.new_stack(inner, name, stack_id, "CREATE_IN_PROGRESS", options)
        operations.use_token(inner, stack, options.token, "CreateStack")
        return operations.begin_create(inner, stack, prepared, options).arn

    return {"StackId": await call.write(begin)}


@service.operation("UpdateStack", resource=access.stack_arn)
async def update_stack(call: Call, params: Params) -> Params:
    name = params["StackName"]
    stack = await call.read(find.live_stack, name)
    if stack.operation or stack.status not in operations.UPDATABLE:
        again = await call.read(_updated_before, stack, params.get("ClientRequestToken", ""))
        if again:
            return {"StackId": stack.arn}
        raise errors.wrong_state(stack.arn, stack.status, "updated")
    options = await options_of(call, params, previous=stack)
    text = await fetch.template_text(call, params)
    if params.get("UsePreviousTemplate"):
        if text is not None:
            raise errors.one_template()
        text = await call.read(original_template, stack)
    if text is None:
        raise errors.one_template()
    prepared = await prepare.prepare(
        call,
        text,
        given=params.get("Parameters", []),
        previous=stack.revision.parameters,
        stack_name=stack.name,
        stack_arn=stack.arn,
        acknowledged=options.capabilities,
    )
    prepare.check_deployable(call, prepared.template, options.capabilities)

    def begin(inner: Call) -> None:
        current = find.live_stack(inner, stack.arn)
        if not operations.use_token(inner, current, options.token, "UpdateStack"):
            operations.begin_update(inner, current, prepared, options)

    await call.write(begin)
    return {"StackId": stack.arn}


@service.operation("DeleteStack", resource=access.stack_arn)
async def delete_stack(call: Call, params: Params) -> None:
    """Deleting what is not there is not an error."""
    options = await options_of(call, params, optional_only=True)

    def begin(inner: Call) -> None:
        stack = find.any_stack(inner, params["StackName"])
        if stack is None or stack.deleted_at is not None:
            return
        if stack.termination_protection:
            raise errors.validation(
                f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
            )
        retain = params.get("RetainResources", [])
        if retain and stack.status != "DELETE_FAILED":
            raise errors.validation(
                f"Invalid operation on stack [{stack.arn}]. RetainResources can only be specified "
                "for a stack in the DELETE_FAILED state"
            )
        if operations.use_token(inner, stack, options.token, "DeleteStack"):
            return
        force = params.get("DeletionMode") == "FORCE_DELETE_STACK"
        if force and stack.status != "DELETE_FAILED":
            raise errors.validation(
                f"Stack [{stack.arn}] must be in DELETE_FAILED state to be deleted by force"
            )
        operations.begin_delete(inner, stack, options, retain=retain, force=force)

    await call.write(begin)


@service.operation("DescribeStacks", reads=True, resource=access.stack_arn)
def describe_stacks(call: Call, params: Params) -> Params:
    if "StackName" in params:
        return {"Stacks": [views.stack(find.stack(call, params["StackName"]))]}
    after = position(params, tuple[str])
    found = store.list_names(call.tx, call.scope, after, STACKS_LISTED_MAX + 1)
    return page("Stacks", found, STACKS_LISTED_MAX, views.stack)


@service.operation("ListStacks", reads=True)
def list_stacks(call: Call, params: Params) -> Params:
    """All stacks of the last 90 days, youngest first; a page may be short where a filter is
    given."""
    before = position(params, tuple[int, str])
    wanted = set(params.get("StackStatusFilter", []))
    found = store.list_stacks(call.tx, call.scope, before, STATUS_SCANNED_MAX + 1)
    following = found[STATUS_SCANNED_MAX - 1][0] if len(found) > STATUS_SCANNED_MAX else None
    matching = [
        entry for entry in found[:STATUS_SCANNED_MAX] if not wanted or entry[1].status in wanted
    ]
    answer = page("StackSummaries", matching, STACKS_LISTED_MAX, views.stack_summary)
    if "NextToken" not in answer and following is not None:
        answer["NextToken"] = paging.encode(following)
    return answer


@service.operation("UpdateTerminationProtection", resource=access.stack_arn)
def update_termination_protection(call: Call, params: Params) -> Params:
    stack = find.live_stack(call, params["StackName"])
    if stack.parent_arn:
        raise errors.validation(
            f"Termination protection cannot be changed on nested stack [{stack.name}]"
        )
    protected = params["EnableTerminationProtection"]
    store.save_stack(call.tx, call.scope, replace(stack, termination_protection=protected))
    return {"StackId": stack.arn}


@service.operation("CancelUpdateStack", resource=access.stack_arn)
def cancel_update_stack(call: Call, params: Params) -> None:
    stack = find.live_stack(call, params["StackName"])
    if operations.use_token(call, stack, params.get("ClientRequestToken", ""), "CancelUpdateStack"):
        return
    p = progress.load(call, stack.id)
    if p is None or p.operation.kind != "update" or p.operation.phase != "apply":
        raise errors.validation("CancelUpdateStack cannot be called from current stack status")
    phases.stop(p, "User Initiated")


@service.operation("ContinueUpdateRollback", resource=access.stack_arn)
def continue_update_rollback(call: Call, params: Params) -> Params:
    stack = find.live_stack(call, params["StackName"])
    token = params.get("ClientRequestToken", "")
    if operations.use_token(call, stack, token, "ContinueUpdateRollback"):
        return {}
    if stack.operation or stack.status != "UPDATE_ROLLBACK_FAILED":
        raise errors.validation(
            f"Stack:{stack.arn} is in {stack.status} state and can not be rolled back."
        )
    if "RoleARN" in params:
        require_role(call, params["RoleARN"])
    _resume(call, stack, "restore", params)
    return {}


@service.operation("RollbackStack", resource=access.stack_arn)
def rollback_stack(call: Call, params: Params) -> Params:
    """Go back from an update that was left where it failed (DisableRollback)."""
    stack = find.live_stack(call, params["StackName"])
    token = params.get("ClientRequestToken", "")
    if operations.use_token(call, stack, token, "RollbackStack"):
        return {"StackId": stack.arn}
    if stack.operation or stack.status != "UPDATE_FAILED":
        raise errors.validation(
            f"Stack:{stack.arn} is in {stack.status} state and can not be rolled back."
        )
    if "RoleARN" in params:
        require_role(call, params["RoleARN"])
    _resume(call, stack, "restore", params)
    return {"StackId": stack.arn}


def _resume(call: Call, stack: Stack, phase: Any, params: Params) -> None:
    operation = store.load_operation(call.tx, call.scope, stack.id)
    assert operation is not None, stack.arn
    number = stack.operations + 1
    operation = replace(
        operation,
        number=number,
        principal=call.principal,
        role_arn=params.get("RoleARN", operation.role_arn),
        token=params.get("ClientRequestToken", ""),
        skip=params.get("ResourcesToSkip", []),
    )
    stack = replace(stack, operation=number, operations=number)
    phases.begin(progress.Progress(call, stack, operation), phase, "User Initiated")


# -- what several operations ask --


def check_name(name: str) -> None:
    letters = name.replace("-", "a")
    if not (letters.isascii() and letters.isalnum() and name[:1].isalpha()):
        raise errors.validation(
            f"1 validation error detected: Value '{name}' at 'stackName' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
        )
    if len(name) > _NAME_CHARS_MAX:
        raise errors.validation(
            f"1 validation error detected: Value '{name}' at 'stackName' failed to satisfy "
            f"constraint: Member must have length less than or equal to {_NAME_CHARS_MAX}"
        )


async def options_of(
    call: Call, params: Params, *, previous: Stack | None = None, optional_only: bool = False
) -> Options:
    """The options of a request, where what is not acted on is refused."""
    refuse_unsupported(params)
    role_arn = params.get("RoleARN", "")
    if role_arn:
        await call.read(require_role, role_arn)
    elif previous is not None:
        role_arn = previous.revision.role_arn
    tags = tags_of(params)
    if previous is not None and "Tags" not in params:
        tags = previous.revision.tags
    return Options(
        tags=tags,
        capabilities=params.get("Capabilities", []),
        role_arn=role_arn,
        token=params.get("ClientRequestToken", ""),
        disable_rollback=params.get("DisableRollback", False),
        on_failure=params.get("OnFailure", "ROLLBACK"),
        timeout_minutes=params.get("TimeoutInMinutes"),
        termination_protection=params.get("EnableTerminationProtection"),
        retain_except_on_create=params.get("RetainExceptOnCreate", False),
    )


def refuse_unsupported(params: Params) -> None:
    """Refuse what is asked for and not acted on; empty values ask for nothing."""
    if params.get("NotificationARNs"):
        raise not_implemented("NotificationARNs of stacks")
    rollback = params.get("RollbackConfiguration", {})
    if rollback.get("RollbackTriggers") or rollback.get("MonitoringTimeInMinutes"):
        raise not_implemented("RollbackConfiguration of stacks")
    if params.get("ResourceTypes"):
        raise not_implemented("ResourceTypes of stacks")


def tags_of(params: Params) -> dict[str, str]:
    tags = {tag["Key"]: tag["Value"] for tag in params.get("Tags", [])}
    if len(tags) > TAGS_MAX:
        raise errors.validation(f"Too many tags: at most {TAGS_MAX} are allowed")
    for key in tags:
        if key.startswith("aws:"):
            raise errors.validation("System tags cannot be specified in a stack's tags")
    return tags


def require_role(call: Call, role_arn: str) -> None:
    context = {"iam:PassedToService": ["cloudformation.amazonaws.com"]}
    call.require("iam:PassRole", role_arn, context=context)


def original_template(call: Call, stack: Stack) -> str:
    found = store.load_templates(call.tx, call.scope, stack.id, stack.revision.number)
    if found is None:
        raise errors.validation(f"Stack [{stack.name}] has no template yet")
    return found.original


def position(params: Params, kind: Any) -> Any:
    """The place that a NextToken marks, or None."""
    token = params.get("NextToken")
    if token is None:
        return None
    try:
        return paging.decode(token, kind)
    except paging.InvalidToken as error:
        raise errors.validation("NextToken is invalid") from error


def page(member: str, found: list[tuple[Any, Any]], limit: int, view: Any) -> Params:
    """A page of (position, record) pairs, of which one more than fits was loaded."""
    answer: Params = {member: [view(record) for _, record in found[:limit]]}
    if len(found) > limit:
        answer["NextToken"] = paging.encode(found[limit - 1][0])
    return answer


def _created_before(call: Call, name: str, token: str) -> str | None:
    stack = store.live_stack(call.tx, call.scope, name)
    if stack is None:
        return None
    if token and stack.creation_token == token:
        return stack.arn
    raise errors.stack_exists(name)


def _updated_before(call: Call, stack: Stack, token: str) -> bool:
    found = store.load_token(call.tx, call.scope, stack.id, token) if token else None
    return found is not None and found.action == "UpdateStack"
