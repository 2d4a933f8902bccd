"""What CloudFormation asks of a resource type. A service's resources.py has one class for each type.

    @service.resource_type("AWS::SQS::Queue")
    class Queue:
        def create(call, wanted): ...            # -> Made
        def update(call, wanted, made): ...      # -> Made; only properties that need no replacement changed
        def delete(call, made): ...              # None; what is gone already is not an error
        def settled(call, made): ...             # optional -> Made | None: None means "ask again later"

Each may be a plain function or async. A plain one runs in the transaction that also records its
outcome, so that it happens exactly once: prefer it, and reach public operations, of the own service
too, with `call.invoke_within`. An async one may run again after a crash (`wanted.retried`), and must then
find what it made: names come from `wanted.name()`, which gives the same name each time.

Whoever makes the call is the stack's role or its caller: authorization is theirs. Failures are AwsErrors.
Properties come resolved (intrinsic functions gone) and as the template typed them: numbers may be
strings. Which changes need a replacement comes from the type's public schema (createOnlyProperties).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from freehold.kernel.call import Call

_NAME_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A resource that exists. `physical_id` is what Ref gives; `attributes` what Fn::GetAtt gives (nested
    ones dotted: "Endpoint.Address"); `state` is the service's own and comes back on update and delete."""

    physical_id: str
    attributes: dict[str, Any] = {}
    state: dict[str, Any] = {}
    properties: dict[str, Any] = {}


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A resource as the template wants it."""

    type: str
    logical_id: str
    properties: dict[str, Any]
    stack_id: str
    stack_name: str
    stack_tags: Mapping[str, str] = {}
    # Differs for each resource instance, also for the new one of a replacement.
    token: str = ""
    retried: bool = False
    # On update: the properties as they were.
    previous: dict[str, Any] = {}

    def name(self, length_max: int, *, lower: bool = False, separator: str = "-") -> str:
        """A physical name for a resource that the template did not name: stack, logical id, suffix."""
        digest = hashlib.sha256(f"{self.stack_id}/{self.logical_id}/{self.token}".encode()).digest()
        suffix = "".join(_NAME_ALPHABET[byte % len(_NAME_ALPHABET)] for byte in digest[:12])
        room = length_max - len(suffix) - 2 * len(separator)
        stack, logical = self.stack_name, self.logical_id
        if len(stack) + len(logical) > room:
            logical = logical[: max(room - len(stack), room // 2)]
            stack = stack[: room - len(logical)]
        name = separator.join((stack, logical, suffix))
        return name.lower() if lower else name

    def tags(self) -> dict[str, str]:
        """The stack's tags, and the three that CloudFormation sets itself."""
        return {
            **self.stack_tags,
            "aws:cloudformation:stack-name": self.stack_name,
            "aws:cloudformation:logical-id": self.logical_id,
            "aws:cloudformation:stack-id": self.stack_id,
        }


class ResourceType(Protocol):
    """The shape of a class under `@service.resource_type`; its functions take no `self`."""

    @staticmethod
    def create(call: Call, wanted: Wanted) -> Any: ...

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Any: ...

    @staticmethod
    def delete(call: Call, made: Made) -> Any: ...
