"""Lambda authorizers: what they are asked, and what their answers mean."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import orjson

from freehold.kernel.policy import evaluate
from freehold.kernel.principal import Policies, Principal
from freehold.services.apigateway.gateway_responses import Refusal
from freehold.services.apigateway.records import Authorizer, Verdict

ACTION = "execute-api:Invoke"


def identity(authorizer: Authorizer, given: Mapping[str, Any]) -> list[str]:
    """The values of the identity sources; Refusal (401) if one is missing or of the wrong form."""
    lower = {name.lower(): value for name, value in given.items() if ".header." in name}
    values = []
    for source in (authorizer.identity_source or "").split(","):
        name = source.strip()
        if not name:
            continue
        found = lower.get(name.lower()) if ".header." in name else given.get(name)
        if not found:
            raise Refusal("UNAUTHORIZED")
        values.append(str(found))
    expression = authorizer.identity_validation_expression
    if authorizer.type == "TOKEN" and expression and not re.fullmatch(expression, values[0]):
        raise Refusal("UNAUTHORIZED")
    return values


def cache_key(values: list[str]) -> str:
    return hashlib.sha256(orjson.dumps(values)).hexdigest()


def token_event(token: str, method_arn: str) -> dict[str, Any]:
    return {"type": "TOKEN", "authorizationToken": token, "methodArn": method_arn}


def request_event(event: dict[str, Any], method_arn: str) -> dict[str, Any]:
    """A proxy event, as an authorizer sees it: without the body."""
    kept = {name: value for name, value in event.items() if name not in ("body", "isBase64Encoded")}
    return {"type": "REQUEST", "methodArn": method_arn, **kept}


def verdict(payload: bytes, function_error: bool) -> Verdict:
    """What the function's answer says; Refusal if it refuses, or says nothing intelligible."""
    try:
        answer = orjson.loads(payload or b"null")
    except orjson.JSONDecodeError:
        raise Refusal("AUTHORIZER_CONFIGURATION_ERROR") from None
    if not isinstance(answer, dict):
        raise Refusal("AUTHORIZER_CONFIGURATION_ERROR")
    if function_error:
        # A function says "no" to everybody by failing with exactly this word.
        refused = answer.get("errorMessage") == "Unauthorized"
        raise Refusal("UNAUTHORIZED" if refused else "AUTHORIZER_FAILURE")
    principal_id, policy = answer.get("principalId"), answer.get("policyDocument")
    context = answer.get("context") or {}
    if not isinstance(principal_id, str) or not isinstance(policy, dict):
        raise Refusal("AUTHORIZER_CONFIGURATION_ERROR")
    if not isinstance(context, dict) or any(
        isinstance(value, dict | list) for value in context.values()
    ):
        raise Refusal("AUTHORIZER_CONFIGURATION_ERROR")
    key = answer.get("usageIdentifierKey")
    return Verdict(
        principal_id=principal_id,
        policy=orjson.dumps(policy).decode(),
        context={name: _text(value) for name, value in context.items() if value is not None},
        usage_identifier_key=key if isinstance(key, str) else None,
    )


def check(verdict: Verdict, account: str, method_arn: str) -> None:
    """Refuse the request unless the authorizer's policy allows it."""
    caller = Principal(kind="user", account=account, arn=verdict.principal_id)
    request = evaluate.Request(
        principal=caller, action=ACTION, resource=method_arn, owner=account, context={}
    )
    policies = Policies(identity=(verdict.policy,))
    decision = evaluate.evaluate(request, policies=policies, resource_policy=None)
    if not decision.allowed:
        explicit = " with an explicit deny" if "explicit deny" in decision.reason else ""
        message = f"User is not authorized to access this resource{explicit}"
        raise Refusal("ACCESS_DENIED", message)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
