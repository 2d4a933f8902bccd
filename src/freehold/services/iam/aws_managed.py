"""AWS's own managed policies: a table, in aws_managed.json, of those that applications usually
name.

What each grants is taken from its description in the AWS managed policy reference; where AWS lists
hundreds of actions to say "everything that reads", the table says it with wildcards.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from importlib import resources

import msgspec

from freehold.services.iam import rules

# When the policies of the table came into being, as far as anybody here can tell: 2015-02-06.
CREATED_AT = 1423180800.0


class AwsPolicy(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    path: str
    id: str
    document: str
    description: str

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::aws:policy{self.path}{self.name}"


def find(arn: str) -> AwsPolicy | None:
    return table().get(arn)


@functools.cache
def table() -> Mapping[str, AwsPolicy]:
    """AWS's policies by ARN, in the order of their names."""
    text = resources.files(__package__).joinpath("aws_managed.json").read_text()
    policies = [_policy(entry) for entry in json.loads(text)]
    return {policy.arn: policy for policy in sorted(policies, key=lambda policy: policy.name)}


def _policy(entry: dict[str, object]) -> AwsPolicy:
    name = str(entry["name"])
    digest = hashlib.sha256(name.encode()).digest()
    letters = (rules.ID_ALPHABET[byte % len(rules.ID_ALPHABET)] for byte in digest[:17])
    return AwsPolicy(
        name=name,
        path=str(entry.get("path", "/")),
        id="ANPA" + "".join(letters),
        document=json.dumps({"Version": "2012-10-17", "Statement": entry["statements"]}),
        description=str(entry["description"]),
    )
