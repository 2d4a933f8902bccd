"""What the directory costs: it is asked on every request."""

from __future__ import annotations

import pytest

from freehold.kernel.chance import SeededChance
from freehold.kernel.principal import Credential, Principal, root
from freehold.kv.memory import MemoryStore
from freehold.services.iam import accounts, store
from freehold.services.iam.directory import Directory
from freehold.services.iam.records import Grants

ACCOUNT = "123456789012"
BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
OWN = f"arn:aws:iam::{ACCOUNT}:policy/own"


class Counted:
    """A transaction that counts what is read, and does not let anything be scanned."""

    def __init__(self) -> None:
        self._tx = MemoryStore().begin()
        self.gets = 0

    def get(self, key):
        self.gets += 1
        return self._tx.get(key)

    def put(self, key, value):
        self._tx.put(key, value)


def principal(kind, entity_id):
    return Principal(kind=kind, account=ACCOUNT, arn="arn", id=entity_id)


def test_a_credential_is_one_read():
    """Whether it is a root user's, a user's or a session's."""
    tx = Counted()
    key = accounts.create_account(tx, ACCOUNT, chance=SeededChance(1), now=1.0)
    tx.gets = 0
    found = Directory().credential(tx, key.id)
    assert (found.secret, found.principal) == (key.secret, root(ACCOUNT))
    assert tx.gets == 1
    assert Directory().credential(tx, "AKIAUNKNOWN") is None


@pytest.mark.parametrize(
    ("grants", "gets", "documents"),
    [
        (Grants(), 1, 0),
        (Grants(inline={"a": "A", "b": "B"}, attached=(BASIC,)), 1, 3),
        (Grants(attached=(BASIC, OWN)), 2, 2),
        (Grants(boundary=OWN), 2, 0),
        (Grants(groups=("AGPA1",)), 2, 1),
    ],
)
def test_policies_are_as_few_reads_as_can_be(grants, gets, documents):
    """One for the entity, and one for each policy of the customer's and each group."""
    tx, scope = Counted(), store.home(ACCOUNT)
    store.save_grants(tx, scope, "AROA1", grants)
    store.save_grants(tx, scope, "AGPA1", Grants(inline={"g": "G"}))
    store.save_document(tx, scope, OWN, "OWN")
    policies = Directory().policies(tx, principal("role", "AROA1:session"))
    assert tx.gets == gets
    assert len(policies.identity) == documents
    assert policies.boundary == ("OWN" if grants.boundary else None)


def test_who_is_gone_is_denied_everything():
    """A session outlives its role, but not with the role's rights."""
    policies = Directory().policies(Counted(), principal("user", "AIDAGONE"))
    assert '"Deny"' in policies.identity[0]


@pytest.mark.parametrize(
    "arn", ["", "role/r", f"arn:aws:iam::{ACCOUNT}:user/r", f"arn:aws:iam::{ACCOUNT}:role/none"]
)
def test_what_is_no_roles_arn_finds_none(arn):
    """STS asks with whatever a caller sent."""
    assert Directory().role(Counted(), arn) is None


def test_an_expired_credential_is_returned_as_it_is():
    """The gateway says that it has expired, which an unknown one has not."""
    store_tx = MemoryStore().begin()
    expired = Credential(
        access_key_id="ASIA1",
        secret="s",
        principal=root(ACCOUNT),
        session_token="t",
        expires_at=5.0,
    )
    Directory().issue(store_tx, expired, now=1.0)
    assert Directory().credential(store_tx, "ASIA1") == expired
