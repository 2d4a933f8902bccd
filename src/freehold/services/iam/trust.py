"""Trust policies name users and roles by ARN, but mean who bore it when the policy was saved.

Somebody made later under the same name must not step into the trust of one who was deleted. AWS
keeps the unique id in place of the ARN ("AWS JSON policy elements: Principal"); here the ids are
kept beside the document, and take the ARNs' places once these stand for somebody else or nobody.
"""

from __future__ import annotations

import json
from typing import Any

from freehold.kernel import arn as arns
from freehold.kv import Transaction
from freehold.services.iam import rules, store
from freehold.services.iam.records import Entity, Kind, Role


def named_ids(tx: Transaction, document: str) -> dict[str, str]:
    """The id of each user and role that a trust policy names; one that does not exist is refused.

    Those of accounts that do not live here cannot be looked up, and are taken as they are.
    """
    ids = {}
    for arn in rules.trusted_entities(document):
        if store.load_account(tx, arn.account) is None:
            continue
        entity = _bearer(tx, arn)
        if entity is None:
            raise rules.invalid_principal(str(arn))
        ids[str(arn)] = entity.id
    return ids


def current(tx: Transaction, role: Role) -> str:
    """The trust policy as it holds now: ids stand where an ARN's bearer is gone."""
    stale = {}
    for text, entity_id in role.trusted_ids.items():
        entity = _bearer(tx, arns.parse(text))
        if entity is None or entity.id != entity_id:
            stale[text] = entity_id
    return _replaced(role.trust, stale) if stale else role.trust


def _bearer(tx: Transaction, arn: arns.Arn) -> Entity | None:
    kind: Kind = "role" if arn.resource.startswith("role/") else "user"
    name = arn.resource.rpartition("/")[2]
    entity = store.load_entity(tx, store.home(arn.account), kind, name)
    if entity is None:
        return None
    exact = rules.named_arn(arn.account, kind, entity.path, entity.name)
    return entity if exact == str(arn) else None


def _replaced(document: str, stale: dict[str, str]) -> str:
    policy = json.loads(document)
    statements = policy["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        named: Any = statement["Principal"]
        if isinstance(named, dict) and "AWS" in named:
            texts = named["AWS"] if isinstance(named["AWS"], list) else [named["AWS"]]
            named["AWS"] = [stale.get(text, text) for text in texts]
    return json.dumps(policy)
