"""Who asks and what policies say, shortly, for tests of their evaluation."""

from __future__ import annotations

import json
from typing import Any

from freehold.kernel.policy.evaluate import Decision, Request, evaluate
from freehold.kernel.principal import Policies, Principal, root, service

MINE, OTHER = "111111111111", "222222222222"

USER = Principal(
    kind="user", account=MINE, arn=f"arn:aws:iam::{MINE}:user/bob", id="AIDABOB", name="bob"
)
ROLE_ARN = f"arn:aws:iam::{MINE}:role/worker"
SESSION = Principal(
    kind="role",
    account=MINE,
    arn=f"arn:aws:sts::{MINE}:assumed-role/worker/one",
    id="AROAWORKER:one",
    name="worker",
    role_arn=ROLE_ARN,
)
FEDERATED = Principal(
    kind="federated",
    account=MINE,
    arn=f"arn:aws:sts::{MINE}:federated-user/ann",
    id="AIDABOB:ann",
)
PROVIDERS = Principal(kind="federated", account="", arn="", name="accounts.example.com")
ROOT = root(MINE)
SNS = service("sns.amazonaws.com")

ACTION = "sqs:SendMessage"
QUEUE = f"arn:aws:sqs:us-east-1:{MINE}:q"


def policy(*statements: dict[str, Any], version: str | None = "2012-10-17") -> str:
    document: dict[str, Any] = {"Statement": list(statements)}
    if version is not None:
        document["Version"] = version
    return json.dumps(document)


def statement(effect: str, **given: Any) -> dict[str, Any]:
    """A statement on everything, with what is given in place of it."""
    filled = {"Effect": effect, **given}
    if not {"Action", "NotAction"} & filled.keys():
        filled["Action"] = "*"
    if not {"Resource", "NotResource"} & filled.keys():
        filled["Resource"] = "*"
    return {key: value for key, value in filled.items() if value is not None}


def allow(**given: Any) -> str:
    return policy(statement("Allow", **given))


def deny(**given: Any) -> str:
    return policy(statement("Deny", **given))


def decide(
    principal: Principal,
    *identity: str,
    resource: str | None = None,
    boundary: str | None = None,
    sessions: tuple[str, ...] = (),
    action: str = ACTION,
    on: str = QUEUE,
    owner: str = MINE,
    context: dict[str, list[str]] | None = None,
    required: bool = False,
) -> Decision:
    import msgspec

    if sessions:
        principal = msgspec.structs.replace(principal, session_policies=sessions)
    return evaluate(
        Request(
            principal=principal, action=action, resource=on, owner=owner, context=context or {}
        ),
        policies=Policies(identity=identity, boundary=boundary),
        resource_policy=resource,
        policy_required=required,
    )
