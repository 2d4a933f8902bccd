"""The three kinds of entity that policies are granted to, and how IAM's words for them differ."""

from __future__ import annotations

from typing import NamedTuple

from freehold.services.iam.records import Kind


class Noun(NamedTuple):
    kind: Kind
    title: str
    id_prefix: str
    counted_as: str
    per_account_max: int
    attached_max: int
    inline_chars_max: int
    per_account_quota: str
    attached_quota: str

    @property
    def parameter(self) -> str:
        return f"{self.title}Name"


# The quotas are IAM's defaults ("IAM and AWS STS quotas", IAM user guide).
USER = Noun("user", "User", "AIDA", "users", 5000, 10, 2048, "UsersPerAccount", "PoliciesPerUser")
GROUP = Noun(
    "group", "Group", "AGPA", "groups", 300, 10, 5120, "GroupsPerAccount", "PoliciesPerGroup"
)
ROLE = Noun("role", "Role", "AROA", "roles", 1000, 10, 10240, "RolesPerAccount", "PoliciesPerRole")

NOUNS = {noun.kind: noun for noun in (USER, GROUP, ROLE)}
