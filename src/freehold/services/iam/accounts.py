"""Accounts: the first start makes one, with an access key of its root user."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from freehold.kernel import chance as words
from freehold.kernel.chance import Chance
from freehold.kv import Transaction
from freehold.services.iam import credentials, rules, store
from freehold.services.iam.records import AccessKey, Account


class AccountExists(ValueError):
    """There is an account of this id already."""


def create_account(tx: Transaction, account_id: str, *, chance: Chance, now: float) -> AccessKey:
    """Make an account whose root user has one access key, which is returned."""
    if store.load_account(tx, account_id) is not None:
        raise AccountExists(account_id)
    key = new_key(chance, user_name="", now=now)
    store.save_account(tx, Account(id=account_id, created_at=now, root_key_ids=(key.id,)))
    credentials.save_key(tx, account_id, key, None)
    return key


def ensure_account(
    tx: Transaction, account_id: str, *, chance: Chance, now: float
) -> AccessKey | None:
    """Make the account if there is none yet; its first key is returned only then."""
    if store.load_account(tx, account_id) is not None:
        return None
    return create_account(tx, account_id, chance=chance, now=now)


def list_accounts(tx: Transaction) -> Iterator[Account]:
    yield from store.list_accounts(tx)


def root_keys(tx: Transaction, account_id: str) -> Iterator[AccessKey]:
    """The access keys of an account's root user, for the person who runs the node."""
    account = store.load_account(tx, account_id)
    for key_id in account.root_key_ids if account is not None else ():
        key = store.load_key(tx, store.home(account_id), key_id)
        assert key is not None, key_id
        yield key


def new_account_id(chance: Chance) -> str:
    """Twelve digits, of which the first is none that AWS's own documents use in examples."""
    return "7" + words.word(chance, 11, "0123456789")


def new_key(chance: Chance, *, user_name: str, now: float) -> AccessKey:
    return AccessKey(
        id="AKIA" + words.word(chance, 16, rules.ID_ALPHABET),
        secret=words.word(chance, 40, rules.SECRET_ALPHABET),
        user_name=user_name,
        created_at=now,
    )


def with_root_keys(account: Account, key_ids: tuple[str, ...]) -> Account:
    return msgspec.structs.replace(account, root_key_ids=key_ids)
