"""A stack under way: its record and its operation, loaded once in a transaction, saved once."""

from __future__ import annotations

from typing import Any

import orjson
from msgspec.structs import replace

from freehold.kernel.call import Call
from freehold.kernel.clock import iso8601
from freehold.services.cloudformation import store
from freehold.services.cloudformation.records import Event, Operation, Resource, Revision, Stack

NO_ECHO = "****"
STACK_TYPE = "AWS::CloudFormation::Stack"
EVENT_PROPERTIES_CHARS_MAX = 16_384


class Progress:
    """`call` has the transaction. Change `stack` and `operation` only through `set_*`; then
    `save`."""

    def __init__(self, call: Call, stack: Stack, operation: Operation) -> None:
        self.call = call
        self.stack = stack
        self.operation = operation

    @property
    def aim(self) -> Revision:
        """The revision that the present phase brings the resources to."""
        if self.operation.phase in ("restore", "restore-cleanup"):
            assert self.operation.previous is not None
            return self.operation.previous
        return self.operation.target

    def set_stack(self, **changes: Any) -> None:
        self.stack = replace(self.stack, **changes)

    def set_operation(self, **changes: Any) -> None:
        self.operation = replace(self.operation, **changes)

    def save(self) -> None:
        tx, scope = self.call.tx, self.call.scope
        store.save_stack(tx, scope, self.stack)
        store.save_operation(tx, scope, self.stack.id, self.operation)

    def resource(self, job: str) -> Resource | None:
        return store.load_resource(self.call.tx, self.call.scope, self.stack.id, job)

    def save_resource(self, job: str, resource: Resource) -> None:
        store.save_resource(self.call.tx, self.call.scope, self.stack.id, job, resource)

    def delete_resource(self, job: str) -> None:
        store.delete_resource(self.call.tx, self.call.scope, self.stack.id, job)

    def set_status(self, status: str, reason: str = "") -> None:
        """Give the stack a status, and say so in its events."""
        self.set_stack(status=status, status_reason=reason)
        self._add_event(
            Event(
                id=self.call.new_id(),
                at=self.call.now,
                logical_id=self.stack.name,
                physical_id=self.stack.arn,
                type=STACK_TYPE,
                status=status,
                reason=reason,
                token=self.operation.token,
            )
        )

    def say(
        self,
        resource: Resource,
        status: str,
        reason: str = "",
        *,
        physical_id: str | None = None,
        properties: dict[str, Any] | None = None,
    ) -> None:
        """Add an event of a resource."""
        text = "" if properties is None else orjson.dumps(self._masked(properties)).decode()
        self._add_event(
            Event(
                id=f"{resource.logical_id}-{status}-{iso8601(self.call.now)}",
                at=self.call.now,
                logical_id=resource.logical_id,
                physical_id=resource.physical_id if physical_id is None else physical_id,
                type=resource.type,
                status=status,
                reason=reason,
                properties=text[:EVENT_PROPERTIES_CHARS_MAX],
                token=self.operation.token,
            )
        )

    def _masked(self, value: Any) -> Any:
        """The value without what NoEcho parameters hide from whoever reads events."""
        secrets = [g.value for g in self.aim.parameters.values() if g.no_echo and g.value]
        return masked(value, secrets) if secrets else value

    def _add_event(self, event: Event) -> None:
        number = self.stack.events + 1
        self.set_stack(events=number)
        store.add_event(self.call.tx, self.call.scope, self.stack.id, number, event)


def masked(value: Any, secrets: list[str]) -> Any:
    if isinstance(value, dict):
        return {key: masked(inner, secrets) for key, inner in value.items()}
    if isinstance(value, list):
        return [masked(inner, secrets) for inner in value]
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, NO_ECHO)
    return value


def say_review(call: Call, stack: Stack) -> Stack:
    """Add the first event of a stack that waits for its change set. Clients that deploy by change
    sets look for the last event before they execute one."""
    event = Event(
        id=call.new_id(),
        at=call.now,
        logical_id=stack.name,
        physical_id=stack.arn,
        type=STACK_TYPE,
        status=stack.status,
        reason="User Initiated",
    )
    stack = replace(stack, events=stack.events + 1)
    store.add_event(call.tx, call.scope, stack.id, stack.events, event)
    store.save_stack(call.tx, call.scope, stack)
    return stack


def load(call: Call, stack_id: str) -> Progress | None:
    """The stack and its operation in progress; None if there is none."""
    stack = store.load_stack(call.tx, call.scope, stack_id)
    if stack is None or not stack.operation:
        return None
    operation = store.load_operation(call.tx, call.scope, stack_id)
    assert operation is not None, stack_id
    return Progress(call, stack, operation)
