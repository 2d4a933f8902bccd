"""Whether a call may do what it asks: gathers the policies that bear on it and evaluates them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from freehold.kernel.errors import AwsError
from freehold.kernel.policy import evaluate
from freehold.kernel.policy.evaluate import Decision, Request
from freehold.kernel.service import Access

if TYPE_CHECKING:
    from freehold.kernel.call import Call


def require(call: Call, accesses: Iterable[Access]) -> None:
    """Raise AccessDenied unless every access is allowed. Needs the call's `tx`."""
    for access in accesses:
        decision = decide(call, access)
        if not decision.allowed:
            raise _denied(call, access, decision)


def decide(call: Call, access: Access) -> Decision:
    principal = call.principal
    owner = access.owner or call.account
    is_owner = principal.kind == "root" and principal.account == owner
    if is_owner and access.policy is None and not principal.session_policies:
        return evaluate.REFUSED_BY_RESOURCE if access.policy_required else evaluate.ALLOWED
    policies = None
    if principal.kind in ("user", "role", "federated") and principal.account:
        policies = call.node.directory.policies(call.tx, principal)
    request = Request(
        principal=principal,
        action=access.action,
        resource=access.resource,
        owner=owner,
        context={
            **_context(call),
            "aws:resourceaccount": [owner],
            **{key.lower(): v for key, v in access.context.items()},
        },
    )
    return evaluate.evaluate(
        request,
        policies=policies,
        resource_policy=access.policy,
        policy_required=access.policy_required,
    )


def _context(call: Call) -> dict[str, list[str]]:
    """The global condition keys ("AWS global condition context keys", IAM user guide)."""
    principal = call.principal
    context = {
        "aws:currenttime": [str(call.now)],
        "aws:epochtime": [str(int(call.now))],
        "aws:securetransport": ["true" if call.secure else "false"],
        "aws:requestedregion": [call.region],
        "aws:viaawsservice": ["true" if call.via else "false"],
        "aws:principalisawsservice": ["true" if principal.kind == "service" else "false"],
    }
    if call.source_ip is not None:
        context["aws:sourceip"] = [call.source_ip]
    if call.user_agent:
        context["aws:useragent"] = [call.user_agent]
    if call.via:
        context["aws:calledvia"] = [f"{call.via}.amazonaws.com"]
    if call.source_arn:
        context["aws:sourcearn"] = [call.source_arn]
    if call.source_account:
        context["aws:sourceaccount"] = [call.source_account]
    if principal.kind == "service":
        context["aws:principalservicename"] = [principal.name]
        return context
    if principal.kind == "anonymous":
        context["aws:principalaccount"] = context["aws:userid"] = ["anonymous"]
        context["aws:principaltype"] = ["Anonymous"]
        return context
    context["aws:principalarn"] = [principal.role_arn or principal.arn]
    context["aws:principalaccount"] = [principal.account]
    context["aws:principaltype"] = [_PRINCIPAL_TYPES[principal.kind]]
    context["aws:userid"] = [principal.id]
    if principal.kind == "user" and principal.name:
        context["aws:username"] = [principal.name]
    if principal.token_issued_at is not None:
        context["aws:tokenissuetime"] = [str(principal.token_issued_at)]
    for key, value in principal.tags.items():
        context[f"aws:principaltag/{key.lower()}"] = [value]
    return context


_PRINCIPAL_TYPES = {
    "root": "Account",
    "user": "User",
    "role": "AssumedRole",
    "federated": "FederatedUser",
}


def _denied(call: Call, access: Access, decision: Decision) -> AwsError:
    who = "Anonymous" if call.principal.kind == "anonymous" else call.principal.arn
    because = decision.reason.format(action=access.action)
    message = (
        f"User: {who} is not authorized to perform: {access.action} "
        f"on resource: {access.resource} {because}"
    )
    protocol = call.node.model(call.service).protocol
    named_briefly = protocol in ("query", "ec2", "rest-xml")
    return AwsError(
        "AccessDenied" if named_briefly else "AccessDeniedException",
        message,
        status=403 if protocol != "json" else 400,
    )
