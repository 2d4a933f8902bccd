"""Change sets: asked for, described, executed, deleted."""

from __future__ import annotations

from typing import Any

from freehold.kernel import paging
from freehold.kernel.call import Call
from freehold.kernel.errors import not_implemented
from freehold.services.cloudformation import (
    access,
    change_sets,
    errors,
    fetch,
    find,
    operations,
    prepare,
    progress,
    store,
    views,
)
from freehold.services.cloudformation.api.stack import (
    check_name,
    options_of,
    original_template,
    position,
)
from freehold.services.cloudformation.operations import Options
from freehold.services.cloudformation.records import ChangeSet, Revision, Stack, Templates
from freehold.services.cloudformation.service import service
from freehold.services.cloudformation.template import sections

Params = dict[str, Any]

CHANGES_SHOWN_MAX = 100
SUMMARIES_SHOWN_MAX = 100
TRANSFORMS_AT_ONCE = 2


@service.operation("CreateChangeSet", resource=access.stack_arn)
async def create_change_set(call: Call, params: Params) -> Params:
    """The template is read and checked now; what it changes is worked out later."""
    _refuse(params)
    kind = params.get("ChangeSetType", "UPDATE")
    found = await call.read(lambda inner: find.any_stack(inner, params["StackName"]))
    if found is not None and found.deleted_at is not None:
        found = None
    if kind == "CREATE":
        check_name(params["StackName"])
        if found is not None and found.status != "REVIEW_IN_PROGRESS":
            raise errors.validation(
                f"Stack [{found.name}] already exists and cannot be created again with the "
                f"changeSet [{params['ChangeSetName']}]."
            )
    elif found is None:
        raise errors.stack_missing(params["StackName"])
    options = await options_of(call, params, previous=found)
    text = await _text(call, params, found)
    document = await prepare.read(text)
    if not sections.transforms(document):
        # Without a transform everything is known now, and said at once.
        prepare.check_deployable(call, sections.read(document), options.capabilities)
    stack_id, change_set_id = call.new_id(), call.new_id()

    def begin(inner: Call) -> Params:
        stack = _stack(inner, params["StackName"], kind, stack_id, options)
        change_set = _new(inner, stack, change_set_id, params, options)
        existing = store.load_change_set(inner.tx, inner.scope, stack.id, change_set.name)
        if existing is not None:
            if change_set.token and existing.token == change_set.token:
                return {"Id": existing.arn, "StackId": stack.arn}
            raise errors.change_set_exists(change_set.name)
        if len(store.list_change_sets(inner.tx, inner.scope, stack.id)) >= store.CHANGE_SETS_MAX:
            raise errors.validation(f"Stack [{stack.name}] has too many change sets")
        store.save_change_set(inner.tx, inner.scope, change_set)
        templates = Templates(original=text)
        store.save_templates(inner.tx, inner.scope, change_set.id, 0, templates)
        serverless = sections.SERVERLESS in sections.transforms(document)
        # Its transform is a heavy process: only so many at a time.
        lane = f"serverless-{int(change_set.id[0], 16) % TRANSFORMS_AT_ONCE}"
        inner.later(
            "prepare-change-set",
            {"change_set": change_set.id},
            lane=lane if serverless else None,
        )
        return {"Id": change_set.arn, "StackId": stack.arn}

    answer: Params = await call.write(begin)
    return answer


@service.operation("DescribeChangeSet", reads=True, resource=access.stack_arn)
def describe_change_set(call: Call, params: Params) -> Params:
    change_set, _ = find.change_set(call, params["ChangeSetName"], params.get("StackName"))
    start = position(params, int) or 0
    shown = change_set.changes[start : start + CHANGES_SHOWN_MAX]
    if not params.get("IncludePropertyValues"):
        shown = [views.change_without_values(change) for change in shown]
    answer = views.change_set(change_set, shown)
    if start + CHANGES_SHOWN_MAX < len(change_set.changes):
        answer["NextToken"] = paging_token(start + CHANGES_SHOWN_MAX)
    return answer


@service.operation("ListChangeSets", reads=True, resource=access.stack_arn)
def list_change_sets(call: Call, params: Params) -> Params:
    stack = find.any_stack(call, params["StackName"])
    if stack is None:
        raise errors.stack_missing(params["StackName"])
    found = store.list_change_sets(call.tx, call.scope, stack.id)
    start = position(params, int) or 0
    shown = found[start : start + SUMMARIES_SHOWN_MAX]
    answer: Params = {"Summaries": [views.change_set_summary(entry) for entry in shown]}
    if start + SUMMARIES_SHOWN_MAX < len(found):
        answer["NextToken"] = paging_token(start + SUMMARIES_SHOWN_MAX)
    return answer


@service.operation("ExecuteChangeSet", resource=access.stack_arn)
async def execute_change_set(call: Call, params: Params) -> Params:
    name, stack_name = params["ChangeSetName"], params.get("StackName")
    change_set, stack = await call.read(find.change_set, name, stack_name)
    if await call.read(_executed_before, params, stack):
        return {}
    _check_executable(change_set)
    prepared = await change_sets.prepared_again(call, change_set, stack)
    prepare.check_deployable(call, prepared.template, change_set.revision.capabilities)
    options = change_sets.options_of(change_set, params)

    def begin(inner: Call) -> None:
        current, owner = find.change_set(inner, name, stack_name)
        token = params.get("ClientRequestToken", "")
        if operations.use_token(inner, owner, token, "ExecuteChangeSet", current.id):
            return
        _check_executable(current)
        if owner.operation:
            raise errors.wrong_state(owner.arn, owner.status, "updated")
        change_sets.begin(inner, current, owner, prepared, options)

    await call.write(begin)
    return {}


@service.operation("DeleteChangeSet", resource=access.stack_arn)
def delete_change_set(call: Call, params: Params) -> Params:
    """Deleting one that is not there is not an error."""
    name, stack_name = params["ChangeSetName"], params.get("StackName")
    if name.startswith("arn:"):
        if store.find_change_set(call.tx, call.scope, name.rpartition("/")[2]) is None:
            return {}
    elif stack_name is not None:
        owner = find.any_stack(call, stack_name)
        if owner is None:
            raise errors.stack_missing(stack_name)
        if store.load_change_set(call.tx, call.scope, owner.id, name) is None:
            return {}
    change_set, _ = find.change_set(call, name, stack_name)
    if change_set.execution_status == "EXECUTE_IN_PROGRESS":
        raise errors.change_set_state(change_set.arn, change_set.status, "it is being executed")
    store.delete_change_set(call.tx, call.scope, change_set)
    return {}


def paging_token(start: int) -> str:
    return paging.encode(start)


def _refuse(params: Params) -> None:
    if params.get("ChangeSetType") == "IMPORT" or params.get("ResourcesToImport"):
        raise not_implemented("importing resources into stacks")
    for member in ("IncludeNestedStacks", "ImportExistingResources"):
        if params.get(member):
            raise not_implemented(f"{member} of CreateChangeSet")


async def _text(call: Call, params: Params, found: Stack | None) -> str:
    text = await fetch.template_text(call, params)
    if params.get("UsePreviousTemplate"):
        if text is not None or found is None:
            raise errors.one_template()
        text = await call.read(original_template, found)
    if text is None:
        raise errors.one_template()
    return text


def _stack(call: Call, name: str, kind: str, stack_id: str, options: Options) -> Stack:
    found = find.any_stack(call, name)
    if found is not None and found.deleted_at is None:
        return found
    if kind != "CREATE":
        raise errors.stack_missing(name)
    stack = operations.new_stack(call, name, stack_id, "REVIEW_IN_PROGRESS", options)
    return progress.say_review(call, stack)


def _new(
    call: Call, stack: Stack, change_set_id: str, params: Params, options: Options
) -> ChangeSet:
    kind = params.get("ChangeSetType", "UPDATE")
    if kind == "UPDATE" and (stack.operation or stack.status not in operations.UPDATABLE):
        raise errors.wrong_state(stack.arn, stack.status, "updated")
    name = params["ChangeSetName"]
    return ChangeSet(
        id=change_set_id,
        name=name,
        arn=call.arn(f"changeSet/{name}/{change_set_id}"),
        stack_id=stack.id,
        stack_arn=stack.arn,
        stack_name=stack.name,
        type=kind,
        created_at=call.now,
        principal=call.principal,
        description=params.get("Description", ""),
        given_parameters=params.get("Parameters", []),
        revision=Revision(
            tags=options.tags, capabilities=options.capabilities, role_arn=options.role_arn
        ),
        on_stack_failure=params.get("OnStackFailure", ""),
        token=params.get("ClientToken", ""),
    )


def _executed_before(call: Call, params: Params, stack: Stack) -> bool:
    token = params.get("ClientRequestToken")
    found = store.load_token(call.tx, call.scope, stack.id, token) if token else None
    return found is not None and found.action == "ExecuteChangeSet"


def _check_executable(change_set: ChangeSet) -> None:
    if change_set.execution_status != "AVAILABLE":
        status = change_set.status
        if status == "CREATE_COMPLETE":
            status = change_set.execution_status
        raise errors.change_set_state(change_set.arn, status, change_set.status_reason)
