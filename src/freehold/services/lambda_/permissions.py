"""Resource policies of functions, versions and aliases."""

from __future__ import annotations

from typing import Any

from freehold.kernel.call import Call
from freehold.services.lambda_ import errors, find, names, rules, store
from freehold.services.lambda_.names import Target
from freehold.services.lambda_.records import LATEST, Policy
from freehold.services.lambda_.service import service

Params = dict[str, Any]


@service.operation("AddPermission", access=names.on_function("AddPermission"))
def add_permission(call: Call, params: Params) -> Params:
    target = _qualified(call, params)
    find.ensure_qualifier(call, target)
    policy = store.load_policy(call.tx, call.scope, target.name, target.qualifier)
    _check_revision(policy, params)
    statements = policy.statements if policy else ()
    if any(known["Sid"] == params["StatementId"] for known in statements):
        raise errors.statement_exists()
    statement = rules.statement(params, target.arn)
    _save(call, target, (*statements, statement))
    return {"Statement": rules.json_text(statement)}


@service.operation("RemovePermission", access=names.on_function("RemovePermission"))
def remove_permission(call: Call, params: Params) -> None:
    target = _qualified(call, params)
    find.ensure_qualifier(call, target)
    policy = store.load_policy(call.tx, call.scope, target.name, target.qualifier)
    if policy is None:
        raise errors.not_found("No policy is associated with the given resource.")
    _check_revision(policy, params)
    left = tuple(s for s in policy.statements if s["Sid"] != params["StatementId"])
    if len(left) == len(policy.statements):
        raise errors.no_statement(params["StatementId"])
    _save(call, target, left)


@service.operation("GetPolicy", reads=True, access=names.on_function("GetPolicy"))
def get_policy(call: Call, params: Params) -> Params:
    target = _qualified(call, params)
    find.ensure_qualifier(call, target)
    policy = store.load_policy(call.tx, call.scope, target.name, target.qualifier)
    if policy is None:
        raise errors.no_policy()
    return {"Policy": policy.text, "RevisionId": policy.revision}


def text_of(call: Call, target: Target) -> str | None:
    """The policy that decides about invocations under the target's name. Needs `tx`."""
    qualifier = "" if target.qualifier == LATEST else target.qualifier
    policy = store.load_policy(call.tx, target.scope, target.name, qualifier)
    return None if policy is None else policy.text


def _qualified(call: Call, params: Params) -> Target:
    target = names.target(call, params)
    if target.qualifier == LATEST:
        raise errors.invalid("We currently do not support adding policies for $LATEST.")
    return target


def _check_revision(policy: Policy | None, params: Params) -> None:
    if "RevisionId" in params and (policy is None or policy.revision != params["RevisionId"]):
        raise errors.other_revision("GetPolicy")


def _save(call: Call, target: Target, statements: tuple[dict[str, Any], ...]) -> None:
    policy = Policy(
        statements=statements, text=rules.policy_text(statements), revision=call.new_id()
    )
    store.save_policy(call.tx, call.scope, target.name, target.qualifier, policy)
