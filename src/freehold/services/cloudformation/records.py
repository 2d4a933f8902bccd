"""Everything that CloudFormation stores."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from freehold.kernel.principal import Principal
from freehold.kernel.resources import Made
from freehold.services.cloudformation.template.parameters import Given
from freehold.services.cloudformation.template.plan import OutputTarget

Kind = Literal["create", "update", "delete"]
Phase = Literal["apply", "restore", "cleanup", "restore-cleanup", "rollback", "delete"]


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """What a stack is made from at one time. Its templates and targets are stored under its
    number."""

    number: int = 0
    description: str = ""
    parameters: dict[str, Given] = {}
    tags: dict[str, str] = {}
    capabilities: list[str] = []
    role_arn: str = ""
    outputs: list[OutputTarget] = []
    imports: dict[str, str] = {}


class Output(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    value: str
    description: str = ""
    export: str = ""


class Stack(msgspec.Struct, frozen=True, kw_only=True):
    """A stack, also one that is deleted. `id` is the last part of its ARN. `operation` is the
    number of the operation in progress, or 0; `operations`, `events` and `revisions` count those
    there have been."""

    id: str
    name: str
    arn: str
    created_at: float
    status: str
    status_reason: str = ""
    updated_at: float | None = None
    deleted_at: float | None = None
    revision: Revision = Revision()
    outputs: list[Output] = []
    disable_rollback: bool = False
    timeout_minutes: int | None = None
    termination_protection: bool = False
    retain_except_on_create: bool = False
    creation_token: str = ""
    change_set_arn: str = ""
    parent_arn: str = ""
    root_arn: str = ""
    operation: int = 0
    operations: int = 0
    events: int = 0
    revisions: int = 0


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One creation, update or deletion at work. Its jobs are logical ids, or those of leftovers:
    `waiting` has each job's prerequisites that are not done yet."""

    number: int
    kind: Kind
    phase: Phase
    principal: Principal
    role_arn: str = ""
    token: str = ""
    on_failure: Literal["ROLLBACK", "DO_NOTHING", "DELETE"] = "ROLLBACK"
    started_at: float
    # The revision that the resources are being brought to; `previous` is the one to go back to.
    target: Revision = Revision()
    previous: Revision | None = None
    waiting: dict[str, list[str]] = {}
    running: list[str] = []
    failed: dict[str, str] = {}
    # Set when the phase is to end early: no job is begun any more.
    stop_reason: str = ""
    retain: list[str] = []
    skip: list[str] = []
    force: bool = False
    change_set_id: str = ""


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """A resource that exists: what its type said of it, and the properties it was given (with
    dynamic references as they were written, so that no secret is stored)."""

    type: str
    token: str
    made: Made
    properties: dict[str, Any] = {}
    tags: dict[str, str] = {}


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What is being done to a resource. Whoever brings the outcome of another `id` comes too
    late."""

    id: str
    action: Literal["create", "update", "delete"]
    started_at: float
    token: str = ""
    properties: dict[str, Any] = {}
    type: str = ""
    # The outcome so far, while the type says that it is not settled.
    made: Made | None = None
    polls: int = 0
    # An async handler has been called: after a crash the next call is a retry.
    begun: bool = False


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """One logical resource of a stack; also a leftover, which is an instance to be deleted."""

    logical_id: str
    type: str
    status: str
    updated_at: float
    status_reason: str = ""
    instance: Instance | None = None
    # What this operation replaced; back in place if it fails.
    prior: Instance | None = None
    # An update broke off: what the instance is like is not known.
    torn: bool = False
    depends_on: list[str] = []
    deletion_policy: str = "Delete"
    update_replace_policy: str = "Delete"
    metadata: dict[str, Any] = {}
    description: str = ""
    work: Work | None = None

    @property
    def physical_id(self) -> str:
        return self.instance.made.physical_id if self.instance is not None else ""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    at: float
    logical_id: str
    physical_id: str
    type: str
    status: str
    reason: str = ""
    properties: str = ""
    token: str = ""


class Templates(msgspec.Struct, frozen=True, kw_only=True):
    """A template as it was given, and as JSON after its transforms ("" if it has none)."""

    original: str
    processed: str = ""


class ChangeSet(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    arn: str
    stack_id: str
    stack_arn: str
    stack_name: str
    type: Literal["CREATE", "UPDATE"]
    created_at: float
    principal: Principal
    status: str = "CREATE_PENDING"
    status_reason: str = ""
    execution_status: str = "UNAVAILABLE"
    description: str = ""
    given_parameters: list[dict[str, Any]] = []
    revision: Revision = Revision()
    on_stack_failure: str = ""
    token: str = ""
    changes: list[dict[str, Any]] = []
    include_property_values: bool = False


class Export(msgspec.Struct, frozen=True):
    name: str
    value: str
    stack_arn: str


class Import(msgspec.Struct, frozen=True):
    stack_name: str


class Token(msgspec.Struct, frozen=True):
    """A client request token and what it was used for."""

    action: str
    target: str = ""


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """What a custom resource is to answer, or has: `document` is its JSON."""

    stack_id: str
    job: str
    document: str = ""
