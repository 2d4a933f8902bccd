"""Lambda authorizers of HTTP APIs: what they are asked, and what their answers mean."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from freehold.kernel.policy import evaluate
from freehold.kernel.principal import Policies, Principal
from freehold.services.apigatewayv2.event import Context, Given, multi_query
from freehold.services.apigatewayv2.records import Authorizer, Verdict

ACTION = "execute-api:Invoke"


class Unauthorized(Exception):
    """401: an identity source is missing, or the authorizer said so."""


class Misconfigured(Exception):
    """500: the authorizer cannot be asked, or answered something else."""


def identity(authorizer: Authorizer, found: Given, context: Context) -> list[str]:
    """The values of the identity sources; Unauthorized if one is missing."""
    query = multi_query(found.query)
    values = []
    for source in authorizer.identity_source:
        kind, _, name = source.removeprefix("$request.").rpartition(".")
        if source.startswith("$request.header."):
            value = found.header(name.lower())
        elif kind == "querystring":
            value = ",".join(query.get(name, []))
        elif source.startswith("$stageVariables."):
            value = context.stage_variables.get(name)
        else:
            value = variables(found, context).get(source.removeprefix("$"))
        if not value:
            raise Unauthorized(source)
        values.append(value)
    return values


def variables(found: Given, context: Context) -> Mapping[str, str]:
    """The context variables that an identity source may name."""
    return {
        "context.routeKey": context.route_key,
        "context.stage": context.stage,
        "context.path": found.path,
        "context.httpMethod": found.method,
        "context.identity.sourceIp": found.source_ip,
        "context.identity.userAgent": found.header("user-agent") or "",
        "context.domainName": context.domain_name,
        "context.apiId": context.api_id,
    }


def cache_key(values: list[str]) -> str:
    return hashlib.sha256(orjson.dumps(values)).hexdigest()


def question_2(event: dict[str, Any], route_arn: str, values: list[str]) -> dict[str, Any]:
    """An event of format 2.0, as an authorizer sees it."""
    kept = {name: value for name, value in event.items() if name not in ("body", "isBase64Encoded")}
    return {**kept, "type": "REQUEST", "routeArn": route_arn, "identitySource": values or None}


def question_1(event: dict[str, Any], method_arn: str, values: list[str]) -> dict[str, Any]:
    """An event of format 1.0, as an authorizer sees it."""
    kept = {name: value for name, value in event.items() if name not in ("body", "isBase64Encoded")}
    token = ",".join(values)
    said = {"identitySource": token, "authorizationToken": token}
    return {**kept, "type": "REQUEST", "methodArn": method_arn, **said}


def verdict(payload: bytes, function_error: bool, simple: bool) -> Verdict:
    """What the function's answer says; Misconfigured if it is not intelligible."""
    try:
        answer = orjson.loads(payload or b"null")
    except orjson.JSONDecodeError:
        raise Misconfigured("not JSON") from None
    if function_error:
        if isinstance(answer, dict) and answer.get("errorMessage") == "Unauthorized":
            raise Unauthorized("the authorizer said so")
        raise Misconfigured("the authorizer failed")
    if not isinstance(answer, dict):
        raise Misconfigured("not an object")
    context = answer.get("context") or {}
    if not isinstance(context, dict):
        raise Misconfigured("context")
    if simple:
        allowed = answer.get("isAuthorized")
        if not isinstance(allowed, bool):
            raise Misconfigured("isAuthorized")
        return Verdict(allowed=allowed, context=context)
    policy, principal_id = answer.get("policyDocument"), answer.get("principalId")
    if not isinstance(policy, dict) or not isinstance(principal_id, str):
        raise Misconfigured("policyDocument and principalId")
    text = orjson.dumps(policy).decode()
    return Verdict(principal_id=principal_id, policy=text, context=context)


def allows(verdict: Verdict, account: str, route_arn: str) -> bool:
    if verdict.policy is None:
        return verdict.allowed
    caller = Principal(kind="user", account=account, arn=verdict.principal_id)
    request = evaluate.Request(
        principal=caller, action=ACTION, resource=route_arn, owner=account, context={}
    )
    policies = Policies(identity=(verdict.policy,))
    return evaluate.evaluate(request, policies=policies, resource_policy=None).allowed
