"""Owners as S3 names them: by a canonical user id, which hides the account's number."""

from __future__ import annotations

import hashlib


def canonical_id(account: str) -> str:
    return hashlib.sha256(f"freehold canonical user {account}".encode()).hexdigest()


def owner(account: str) -> dict[str, str]:
    return {"ID": canonical_id(account)}


def full_control(account: str) -> dict[str, object]:
    """The ACL that all has under BucketOwnerEnforced."""
    grantee = {"Type": "CanonicalUser", **owner(account)}
    return {"Owner": owner(account), "Grants": [{"Grantee": grantee, "Permission": "FULL_CONTROL"}]}
