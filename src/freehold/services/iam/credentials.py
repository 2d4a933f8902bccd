"""Long-term access keys: the records that IAM manages, and the credentials that requests are
checked with.

An active key has both; an inactive one has no credential, so the gateway does not know it.
"""

from __future__ import annotations

from freehold.kernel import principal
from freehold.kernel.call import Call
from freehold.kernel.principal import Credential, Principal
from freehold.kv import Transaction
from freehold.services.iam import rules, store
from freehold.services.iam.nouns import USER
from freehold.services.iam.records import AccessKey, User


def user_principal(account: str, user: User) -> Principal:
    return Principal(
        kind="user",
        account=account,
        arn=rules.entity_arn(account, USER, user),
        id=user.id,
        name=user.name,
        tags=user.tags,
    )


def save_key(tx: Transaction, account: str, key: AccessKey, owner: User | None) -> None:
    """Save a key of a user, or of the root user, and with it what requests are checked with."""
    store.save_key(tx, store.home(account), key)
    if not key.active:
        store.delete_credential(tx, key.id)
        return
    who = principal.root(account) if owner is None else user_principal(account, owner)
    credential = Credential(access_key_id=key.id, secret=key.secret, principal=who)
    store.save_credential(tx, credential)


def refresh(call: Call, user: User) -> None:
    """Rewrite the credentials of a user whose name, path or tags changed."""
    for key_id in user.key_ids:
        key = store.load_key(call.tx, call.scope, key_id)
        assert key is not None, key_id
        renamed = AccessKey(
            id=key.id,
            secret=key.secret,
            user_name=user.name,
            created_at=key.created_at,
            active=key.active,
        )
        save_key(call.tx, call.account, renamed, user)
