"""Granting: the one place where an entity's grants and the index of who uses a policy change
together."""

from __future__ import annotations

import msgspec

from freehold.kernel.call import Call
from freehold.services.iam import errors, find, rules, store
from freehold.services.iam.nouns import Noun
from freehold.services.iam.records import Entity, Grants, Use

replace = msgspec.structs.replace


def create_entity(
    call: Call, noun: Noun, entity: Entity, boundary: str | None, inline: dict[str, str]
) -> Grants:
    """Store a new user, group or role, within the account's quota."""
    if store.load_entity(call.tx, call.scope, noun.kind, entity.name) is not None:
        raise errors.entity_exists(noun.title, entity.name)
    counts = store.load_counts(call.tx, call.scope)
    if getattr(counts, noun.counted_as) >= noun.per_account_max:
        raise errors.quota(noun.per_account_quota, noun.per_account_max)
    store.add_count(call.tx, call.scope, noun.counted_as, 1)
    store.save_entity(call.tx, call.scope, noun.kind, entity)
    store.save_grants(call.tx, call.scope, entity.id, Grants(inline=inline))
    if boundary is not None:
        set_boundary(call, noun, entity, boundary)
    return find.grants(call, entity.id)


def delete_entity(call: Call, noun: Noun, entity: Entity) -> None:
    """Delete one that holds no policies any more; its boundary goes with it."""
    grants = find.grants(call, entity.id)
    if grants.attached:
        raise errors.must_first("detach all policies")
    if grants.inline:
        raise errors.must_first("delete policies")
    if grants.boundary is not None:
        store.delete_use(call.tx, call.scope, grants.boundary, _use(noun, entity, boundary=True))
    store.delete_entity(call.tx, call.scope, noun.kind, entity)
    store.add_count(call.tx, call.scope, noun.counted_as, -1)


def rename_entity(call: Call, noun: Noun, old: Entity, new: Entity) -> None:
    """Store it under its new name and path; whoever has that name already keeps it."""
    if new.name.lower() != old.name.lower():
        if store.load_entity(call.tx, call.scope, noun.kind, new.name) is not None:
            raise errors.entity_exists(noun.title, new.name)
        store.forget_name(call.tx, call.scope, noun.kind, old.name)
    store.save_entity(call.tx, call.scope, noun.kind, new)
    grants = find.grants(call, old.id)
    used = [(arn, False) for arn in grants.attached]
    if grants.boundary is not None:
        used.append((grants.boundary, True))
    for arn, boundary in used:
        store.delete_use(call.tx, call.scope, arn, _use(noun, old, boundary=boundary))
        store.save_use(call.tx, call.scope, arn, _use(noun, new, boundary=boundary))


def attach(call: Call, noun: Noun, entity: Entity, arn: str) -> None:
    """Attaching again what is attached already is not an error."""
    find.attachable_policy(call, arn)
    grants = find.grants(call, entity.id)
    if arn in grants.attached:
        return
    if len(grants.attached) >= noun.attached_max:
        raise errors.quota(noun.attached_quota, noun.attached_max)
    changed = replace(grants, attached=(*grants.attached, arn))
    store.save_grants(call.tx, call.scope, entity.id, changed)
    store.save_use(call.tx, call.scope, arn, _use(noun, entity, boundary=False))


def detach(call: Call, noun: Noun, entity: Entity, arn: str) -> None:
    rules.policy_name(arn)
    grants = find.grants(call, entity.id)
    if arn not in grants.attached:
        raise errors.policy_not_found(arn)
    remaining = tuple(other for other in grants.attached if other != arn)
    store.save_grants(call.tx, call.scope, entity.id, replace(grants, attached=remaining))
    store.delete_use(call.tx, call.scope, arn, _use(noun, entity, boundary=False))


def put_inline(call: Call, noun: Noun, entity: Entity, name: str, document: str) -> None:
    rules.check_identity_policy(document)
    grants = find.grants(call, entity.id)
    inline = {**grants.inline, name: document}
    rules.check_inline_policies(noun, entity.name, inline.values())
    store.save_grants(call.tx, call.scope, entity.id, replace(grants, inline=inline))


def delete_inline(call: Call, noun: Noun, entity: Entity, name: str) -> None:
    grants = find.grants(call, entity.id)
    if name not in grants.inline:
        raise errors.inline_policy_not_found(noun.title, name)
    inline = {other: document for other, document in grants.inline.items() if other != name}
    store.save_grants(call.tx, call.scope, entity.id, replace(grants, inline=inline))


def set_boundary(call: Call, noun: Noun, entity: Entity, arn: str) -> None:
    find.attachable_policy(call, arn)
    grants = find.grants(call, entity.id)
    if grants.boundary == arn:
        return
    if grants.boundary is not None:
        drop_boundary(call, noun, entity)
        grants = find.grants(call, entity.id)
    store.save_grants(call.tx, call.scope, entity.id, replace(grants, boundary=arn))
    store.save_use(call.tx, call.scope, arn, _use(noun, entity, boundary=True))


def drop_boundary(call: Call, noun: Noun, entity: Entity) -> None:
    grants = find.grants(call, entity.id)
    if grants.boundary is None:
        raise errors.boundary_not_found(noun.title, entity.name)
    store.delete_use(call.tx, call.scope, grants.boundary, _use(noun, entity, boundary=True))
    store.save_grants(call.tx, call.scope, entity.id, replace(grants, boundary=None))


def _use(noun: Noun, entity: Entity, *, boundary: bool) -> Use:
    return Use(
        kind=noun.kind, name=entity.name, id=entity.id, path=entity.path, as_boundary=boundary
    )
