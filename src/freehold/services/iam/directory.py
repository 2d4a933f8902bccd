"""What IAM tells the kernel of every request: whose key it is, and what he may do.

A credential costs one read. The policies of a role cost one read for its grants, and one for each
managed policy of the customer's that is attached to it; AWS's own come from a table. Users add
theirs of groups.
"""

from __future__ import annotations

from freehold.kernel import arn as arns
from freehold.kernel.principal import Credential, Policies, Principal, TrustedRole
from freehold.kv import Transaction
from freehold.kv.keys import Scope
from freehold.services.iam import aws_managed, rules, store, trust
from freehold.services.iam.nouns import ROLE
from freehold.services.iam.records import Grants

# A session may outlive its user or role. Resource policies may still name it, so it is denied
# outright.
_GONE = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}'


class Directory:
    """The kernel's Directory, over IAM's records."""

    def credential(self, tx: Transaction, access_key_id: str) -> Credential | None:
        return store.load_credential(tx, access_key_id)

    def policies(self, tx: Transaction, principal: Principal) -> Policies:
        scope = store.home(principal.account)
        grants = store.load_grants(tx, scope, _entity_id(principal))
        if grants is None:
            return Policies(identity=(_GONE,))
        identity = _documents(tx, scope, grants)
        for group_id in grants.groups:
            granted = store.load_grants(tx, scope, group_id)
            assert granted is not None, group_id
            identity.extend(_documents(tx, scope, granted))
        boundary = None if grants.boundary is None else _document(tx, scope, grants.boundary)
        return Policies(identity=tuple(identity), boundary=boundary)

    def role(self, tx: Transaction, role_arn: str) -> TrustedRole | None:
        arn = _role_arn(role_arn)
        if arn is None:
            return None
        name = arn.resource.rpartition("/")[2]
        role = store.load_role(tx, store.home(arn.account), name)
        if role is None or rules.entity_arn(arn.account, ROLE, role) != role_arn:
            return None
        return TrustedRole(
            account=arn.account,
            arn=role_arn,
            id=role.id,
            name=role.name,
            trust=trust.current(tx, role),
            session_s_max=role.session_s_max,
            tags=role.tags,
        )

    def managed_policy(self, tx: Transaction, account: str, policy_arn: str) -> str | None:
        known = aws_managed.find(policy_arn)
        if known is not None:
            return known.document
        return store.load_document(tx, store.home(account), policy_arn)

    def issue(self, tx: Transaction, credential: Credential, now: float) -> None:
        store.issue_credential(tx, credential, now)


def _entity_id(principal: Principal) -> str:
    """AIDA... of a user; of a role's session, AROA... before the session's name."""
    return principal.id.partition(":")[0]


def _documents(tx: Transaction, scope: Scope, grants: Grants) -> list[str]:
    return [*grants.inline.values(), *(_document(tx, scope, arn) for arn in grants.attached)]


def _document(tx: Transaction, scope: Scope, arn: str) -> str:
    known = aws_managed.find(arn)
    found = store.load_document(tx, scope, arn) if known is None else known.document
    assert found is not None, f"{arn} is attached, but gone"
    return found


def _role_arn(text: str) -> arns.Arn | None:
    try:
        arn = arns.parse(text)
    except ValueError:
        return None
    return arn if arn.service == "iam" and arn.resource.startswith("role/") else None
