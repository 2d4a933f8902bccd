"""The simulator: what policies would say of a request that nobody makes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from freehold.kernel import arn as arns
from freehold.kernel.call import Call
from freehold.kernel.policy import evaluate
from freehold.kernel.policy.document import PolicyError
from freehold.kernel.policy.document import parse as parse_policy
from freehold.kernel.principal import Policies, Principal
from freehold.kernel.service import Access, Params
from freehold.services.iam import access, credentials, errors, find, pages
from freehold.services.iam.directory import Directory
from freehold.services.iam.nouns import GROUP, ROLE, USER, Noun
from freehold.services.iam.service import service


@service.operation("SimulateCustomPolicy", reads=True, access=access.on_account)
def simulate_custom_policy(call: Call, params: Params) -> dict[str, Any]:
    boundaries = params.get("PermissionsBoundaryPolicyInputList", ())
    policies = Policies(identity=tuple(params["PolicyInputList"]), boundary=_only(boundaries))
    who = Principal(
        kind="user",
        account=call.account,
        arn=params.get("CallerArn", f"arn:aws:iam::{call.account}:user/simulated"),
        name="simulated",
    )
    return _simulate(call, params, who, policies)


def _on_source(call: Call, params: Params) -> tuple[Access, ...]:
    noun, name = _source(params["PolicySourceArn"])
    return access.on_entity(call, {noun.parameter: name}, noun)


@service.operation("SimulatePrincipalPolicy", reads=True, access=_on_source)
def simulate_principal_policy(call: Call, params: Params) -> dict[str, Any]:
    noun, name = _source(params["PolicySourceArn"])
    entity = find.entity(call, {noun.parameter: name}, noun)
    who = Principal(kind="role", account=call.account, arn=params["PolicySourceArn"], id=entity.id)
    if noun is USER:
        who = credentials.user_principal(call.account, find.user(call, {"UserName": name}))
    stored = Directory().policies(call.tx, who)
    boundaries = params.get("PermissionsBoundaryPolicyInputList", ())
    policies = Policies(
        identity=(*stored.identity, *params.get("PolicyInputList", ())),
        boundary=_only(boundaries) or stored.boundary,
    )
    return _simulate(call, params, who, policies)


def _source(arn: str) -> tuple[Noun, str]:
    try:
        resource = arns.parse(arn).resource
    except ValueError as error:
        raise errors.invalid_input(f"Invalid Entity Arn: {arn}") from error
    kind, _, rest = resource.partition("/")
    for noun in (USER, GROUP, ROLE):
        if noun.kind == kind and rest:
            return noun, rest.rpartition("/")[2]
    raise errors.invalid_input(f"Invalid Entity Arn: {arn} does not clearly define entity type.")


def _only(documents: Iterable[str]) -> str | None:
    listed = list(documents)
    if len(listed) > 1:
        raise errors.invalid_input("Only one permissions boundary policy can be simulated.")
    return listed[0] if listed else None


def _simulate(call: Call, params: Params, who: Principal, policies: Policies) -> dict[str, Any]:
    boundary = () if policies.boundary is None else (policies.boundary,)
    for document in (*policies.identity, *boundary):
        _check(document)
    resource_policy = params.get("ResourcePolicy")
    if resource_policy is not None:
        _check(resource_policy)
    owner = params.get("ResourceOwner", f"arn:aws:iam::{call.account}:root")
    context = {**_caller_context(who), **_context(params)}
    rows: list[tuple[str, dict[str, Any]]] = []
    for action in params["ActionNames"]:
        for resource in params.get("ResourceArns", ("*",)):
            request = evaluate.Request(
                principal=who,
                action=action,
                resource=resource,
                owner=owner.split(":")[4] if owner.count(":") >= 5 else owner,
                context=context,
            )
            decision = evaluate.evaluate(
                request, policies=policies, resource_policy=resource_policy
            )
            rows.append((f"{len(rows):06d}", _result(action, resource, decision)))
    results, more = pages.cut_sorted(rows, params)
    return {"EvaluationResults": results, **more}


def _check(document: str) -> None:
    try:
        parse_policy(document)
    except PolicyError as error:
        raise errors.invalid_input(f"Invalid policy: {error}") from error


def _caller_context(who: Principal) -> dict[str, list[str]]:
    context = {"aws:principalarn": [who.arn], "aws:userid": [who.id]}
    if who.kind == "user":
        context["aws:username"] = [who.name]
    for key, value in who.tags.items():
        context[f"aws:principaltag/{key.lower()}"] = [value]
    return context


def _context(params: Params) -> dict[str, list[str]]:
    return {
        entry["ContextKeyName"].lower(): list(entry.get("ContextKeyValues", ()))
        for entry in params.get("ContextEntries", ())
        if "ContextKeyName" in entry
    }


def _result(action: str, resource: str, decision: evaluate.Decision) -> dict[str, Any]:
    if decision.allowed:
        said = "allowed"
    elif "explicit deny" in decision.reason:
        said = "explicitDeny"
    else:
        said = "implicitDeny"
    return {
        "EvalActionName": action,
        "EvalResourceName": resource,
        "EvalDecision": said,
        "MatchedStatements": [],
        "MissingContextValues": [],
    }
