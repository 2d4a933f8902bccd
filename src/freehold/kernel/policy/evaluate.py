"""Whether policies allow a request: the logic that IAM documents as "Policy evaluation logic"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from freehold.kernel.policy.conditions import holds
from freehold.kernel.policy.document import Document, Statement, compiled
from freehold.kernel.principal import Policies, Principal


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked: an action on a resource that `owner` (an account) owns. Context keys are in lower case."""

    principal: Principal
    action: str
    resource: str
    owner: str
    context: Mapping[str, list[str]] = {}


class Decision(msgspec.Struct, frozen=True):
    """`reason` ends the sentence of an AccessDenied; {action} stands for the action."""

    allowed: bool
    reason: str = ""


# How a policy's Principal names the caller: not at all, by its account, by its role, or itself.
Naming = Literal["", "account", "role", "direct"]

ALLOWED = Decision(True)
REFUSED_BY_RESOURCE = Decision(False, "because no resource-based policy allows the {action} action")
_REFUSED_BY_IDENTITY = Decision(
    False, "because no identity-based policy allows the {action} action"
)
_REFUSED_BY_BOUNDARY = Decision(False, "because no permissions boundary allows the {action} action")
_REFUSED_BY_SESSION = Decision(False, "because no session policy allows the {action} action")


def evaluate(
    request: Request,
    *,
    policies: Policies | None,
    resource_policy: str | None = None,
    policy_required: bool = False,
) -> Decision:
    """Decide. An explicit deny anywhere wins; then what allows depends on who asks (module docstring).

    Within an account either side may allow; across accounts both must. A resource policy that names a
    user or a session itself allows it without regard to its boundary; one that names a role is subject
    to the boundary and the session's policies; one that names the account only delegates to it.
    """
    principal = request.principal
    policies = policies or Policies()
    resource = compiled(resource_policy) if resource_policy is not None else None
    identity = [compiled(text) for text in policies.identity]
    boundary = compiled(policies.boundary) if policies.boundary is not None else None
    sessions = [compiled(text) for text in principal.session_policies]

    denied = _explicit_deny(request, identity, boundary, sessions, resource)
    if denied is not None:
        return denied
    naming = _resource_allows(request, resource)
    if not principal.account:
        # A service, an identity provider's user, or nobody: no policy of an account speaks of it.
        return ALLOWED if naming else REFUSED_BY_RESOURCE
    same_account = principal.account == request.owner
    if same_account and naming == "direct":
        return ALLOWED
    if policy_required and not naming:
        return REFUSED_BY_RESOURCE
    if boundary is not None and not _any_allows(request, (boundary,)):
        return _REFUSED_BY_BOUNDARY
    if sessions and not _any_allows(request, sessions):
        return _REFUSED_BY_SESSION
    if same_account and naming == "role":
        return ALLOWED
    if principal.kind != "root" and not _any_allows(request, identity):
        return _REFUSED_BY_IDENTITY
    if not same_account and not naming:
        return REFUSED_BY_RESOURCE
    return ALLOWED


def _explicit_deny(
    request: Request,
    identity: Iterable[Document],
    boundary: Document | None,
    sessions: Iterable[Document],
    resource: Document | None,
) -> Decision | None:
    for documents, name in (
        (identity, "an identity-based policy"),
        ((boundary,) if boundary is not None else (), "a permissions boundary"),
        (sessions, "a session policy"),
    ):
        for document in documents:
            if any(not s.allows and _applies(s, request) for s in document.statements):
                return Decision(False, f"with an explicit deny in {name}")
    if resource is not None:
        for statement in resource.statements:
            if not statement.allows and _names_for_deny(statement, request.principal):
                if _applies(statement, request):
                    return Decision(False, "with an explicit deny in a resource-based policy")
    return None


def _resource_allows(request: Request, resource: Document | None) -> Naming:
    """The strongest way in which an allowing statement of the resource's policy names the caller."""
    strongest: Naming = ""
    if resource is None:
        return strongest
    for statement in resource.statements:
        if statement.allows and _applies(statement, request):
            naming = _naming(statement, request.principal)
            if naming == "direct":
                return naming
            if naming == "role" or (naming and not strongest):
                strongest = naming
    return strongest


def _any_allows(request: Request, documents: Iterable[Document]) -> bool:
    return any(
        statement.allows and _applies(statement, request)
        for document in documents
        for statement in document.statements
    )


def _applies(statement: Statement, request: Request) -> bool:
    """Whether action, resource and conditions of a statement fit the request."""
    context = request.context
    action = request.action.lower()
    if any(pattern(action, context) for pattern in statement.actions) == statement.not_actions:
        return False
    if statement.has_resources:
        # "*" as the request's resource stands for an action without one: only "*" fits it, which a
        # pattern without wildcards never does.
        fits = any(pattern(request.resource, context) for pattern in statement.resources)
        if fits == statement.not_resources:
            return False
    return all(holds(condition, context) for condition in statement.conditions)


def _naming(statement: Statement, principal: Principal) -> Naming:
    if statement.principals is None:
        return ""
    if statement.not_principals:
        return "" if _namings(statement, principal) else "direct"
    strongest: Naming = ""
    for kind, name in statement.principals:
        naming = _name_matches(kind, name, principal)
        if naming == "direct":
            return naming
        if naming == "role" or (naming and not strongest):
            strongest = naming
    return strongest


def _names_for_deny(statement: Statement, principal: Principal) -> bool:
    if statement.principals is None:
        return False
    if statement.not_principals:
        return not _is_excepted(statement, principal)
    return bool(_namings(statement, principal))


def _is_excepted(statement: Statement, principal: Principal) -> bool:
    """Whether a NotPrincipal excepts the caller from a deny: it must list its account too, as IAM
    warns, or everyone."""
    namings = _namings(statement, principal)
    if principal.kind in ("user", "role", "federated") and principal.account:
        listed = statement.principals or ()
        is_whole = "account" in namings and bool(namings & {"direct", "role"})
        return is_whole or ("AWS", "*") in listed
    return bool(namings)


def _namings(statement: Statement, principal: Principal) -> set[Naming]:
    """All ways in which a Principal or NotPrincipal names the caller."""
    found = {_name_matches(kind, name, principal) for kind, name in statement.principals or ()}
    return found - {""}


def _name_matches(kind: str, name: str, principal: Principal) -> Naming:
    if kind == "Service":
        return "direct" if principal.kind == "service" and principal.name == name else ""
    if kind == "Federated":
        return "direct" if principal.kind == "federated" and principal.name == name else ""
    if kind != "AWS":
        return ""
    if name == "*":
        # Services too: policies deny all but them by aws:PrincipalIsAWSService, and let SNS send to a
        # queue by aws:SourceArn alone.
        return "direct"
    if not principal.account:
        return ""
    if name in (principal.account, f"arn:aws:iam::{principal.account}:root"):
        return "direct" if principal.kind == "root" else "account"
    if name == principal.arn:
        return "direct"
    return "role" if principal.role_arn and name == principal.role_arn else ""
