"""A stack's resources and events."""

from __future__ import annotations

from typing import Any

import orjson

from freehold.kernel import paging
from freehold.kernel.call import Call
from freehold.services.cloudformation import access, errors, find, store, views
from freehold.services.cloudformation.api.stack import position
from freehold.services.cloudformation.records import Resource, Stack
from freehold.services.cloudformation.service import service

Params = dict[str, Any]

DESCRIBED_MAX = 100


@service.operation("DescribeStackEvents", reads=True, resource=access.stack_arn)
def describe_stack_events(call: Call, params: Params) -> Params:
    stack = _stack(call, params["StackName"])
    before = position(params, int)
    found = store.list_events(call.tx, call.scope, stack.id, before, store.PAGE_MAX + 1)
    shown = found[: store.PAGE_MAX]
    answer: Params = {"StackEvents": [views.event(stack, event) for _, event in shown]}
    if len(found) > store.PAGE_MAX:
        answer["NextToken"] = paging.encode(shown[-1][0])
    return answer


@service.operation("DescribeStackResource", reads=True, resource=access.stack_arn)
def describe_stack_resource(call: Call, params: Params) -> Params:
    name = params["StackName"]
    stack = find.any_stack(call, name)
    if stack is None:
        raise errors.validation(f"Stack '{name}' does not exist")
    found = _resource(call, stack, params["LogicalResourceId"])
    metadata = orjson.dumps(found.metadata).decode()
    return {"StackResourceDetail": views.resource_detail(stack, found, metadata)}


@service.operation("DescribeStackResources", reads=True, resource=access.stack_arn)
def describe_stack_resources(call: Call, params: Params) -> Params:
    """The first 100 resources of a stack, which is found by name."""
    if "StackName" not in params:
        raise errors.validation("Either stackName or physicalResourceId must be specified")
    stack = _stack(call, params["StackName"])
    if "LogicalResourceId" in params:
        found = [_resource(call, stack, params["LogicalResourceId"])]
    else:
        found = store.page_resources(call.tx, call.scope, stack.id, None, DESCRIBED_MAX)
    return {"StackResources": [views.resource(stack, resource) for resource in found]}


@service.operation("ListStackResources", reads=True, resource=access.stack_arn)
def list_stack_resources(call: Call, params: Params) -> Params:
    stack = _stack(call, params["StackName"])
    after = position(params, str)
    found = store.page_resources(call.tx, call.scope, stack.id, after, store.PAGE_MAX + 1)
    shown = found[: store.PAGE_MAX]
    answer: Params = {"StackResourceSummaries": [views.resource_summary(r) for r in shown]}
    if len(found) > store.PAGE_MAX:
        answer["NextToken"] = paging.encode(shown[-1].logical_id)
    return answer


def _stack(call: Call, name: str) -> Stack:
    stack = find.any_stack(call, name)
    if stack is None:
        if name.startswith("arn:"):
            raise errors.no_such_stack(name)
        raise errors.stack_missing(name)
    return stack


def _resource(call: Call, stack: Stack, logical_id: str) -> Resource:
    found = store.load_resource(call.tx, call.scope, stack.id, logical_id)
    if found is None:
        raise errors.validation(f"Resource {logical_id} does not exist for stack {stack.name}")
    return found
