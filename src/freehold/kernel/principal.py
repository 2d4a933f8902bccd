"""Who makes a call, and what IAM says of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

import msgspec

from freehold.kv import Transaction

Kind = Literal["root", "user", "role", "service", "federated", "anonymous"]


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """A proven identity.

    `arn` is the one that policies and error messages name: arn:aws:iam::ACCOUNT:root, .../user/NAME,
    arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION; for a service its name (lambda.amazonaws.com); for
    an anonymous caller "*". `role_arn` is the role's own ARN for a role session. `id` is aws:userid.
    `session_policies` are the JSON documents that AssumeRole narrowed the session with.
    """

    kind: Kind
    account: str
    arn: str
    id: str = ""
    name: str = ""
    role_arn: str = ""
    session_policies: tuple[str, ...] = ()
    tags: Mapping[str, str] = {}
    token_issued_at: float | None = None


ANONYMOUS = Principal(kind="anonymous", account="", arn="*", id="anonymous")


def root(account: str) -> Principal:
    return Principal(kind="root", account=account, arn=f"arn:aws:iam::{account}:root", id=account)


def service(name: str) -> Principal:
    """A service that acts for itself, by its principal's name: service("lambda.amazonaws.com")."""
    return Principal(kind="service", account="", arn=name, id=name, name=name)


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """An access key and whose it is. Temporary ones carry a token and an end (seconds since 1970)."""

    access_key_id: str
    secret: str
    principal: Principal
    session_token: str | None = None
    expires_at: float | None = None


class Policies(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON policy documents that bear on a principal. A boundary of None means that none is set."""

    identity: tuple[str, ...] = ()
    boundary: str | None = None


class TrustedRole(msgspec.Struct, frozen=True, kw_only=True):
    """A role as STS sees it: who may assume it is what the policy `trust` says."""

    account: str
    arn: str
    id: str
    name: str
    trust: str
    session_s_max: int
    tags: Mapping[str, str] = {}


class Directory(Protocol):
    """What IAM knows. The iam service provides it; the app hands it to the node."""

    def credential(self, tx: Transaction, access_key_id: str) -> Credential | None:
        """The credential as it is stored, expired or not; None if there is none or it is inactive."""

    def policies(self, tx: Transaction, principal: Principal) -> Policies:
        """The identity policies (attached, inline, of groups) and the boundary of a user or role."""

    def role(self, tx: Transaction, role_arn: str) -> TrustedRole | None:
        """The role of exactly this ARN, in whichever account it is."""

    def managed_policy(self, tx: Transaction, account: str, policy_arn: str) -> str | None:
        """The document in force of a managed policy of the account, or of AWS's."""

    def issue(self, tx: Transaction, credential: Credential, now: float) -> None:
        """Keep a temporary credential until it ends. Who may have one is for STS to decide."""
