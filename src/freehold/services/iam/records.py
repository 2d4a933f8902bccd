"""What IAM stores."""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["user", "group", "role"]


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account of this cloud. Its root user has no policies, only access keys."""

    id: str
    created_at: float
    root_key_ids: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How many of each an account has, for its quotas."""

    users: int = 0
    groups: int = 0
    roles: int = 0
    policies: int = 0
    instance_profiles: int = 0


class Entity(msgspec.Struct, frozen=True, kw_only=True):
    """What users, groups and roles have in common. `id` is never used again; a name may be."""

    name: str
    id: str
    path: str
    created_at: float
    tags: dict[str, str] = {}


class User(Entity, frozen=True, kw_only=True):
    key_ids: tuple[str, ...] = ()


class Group(Entity, frozen=True, kw_only=True):
    pass


class Role(Entity, frozen=True, kw_only=True):
    """`trust` is the policy that says who may assume it, `trusted_ids` the ids of the users and
    roles whom it names by ARN; `linked_service` owns a service-linked role."""

    trust: str
    trusted_ids: dict[str, str] = {}
    description: str | None = None
    session_s_max: int = 3600
    linked_service: str = ""


class Grants(msgspec.Struct, frozen=True, kw_only=True):
    """What an entity may do: inline documents by name, ARNs of managed policies, its boundary's ARN
    and, of a user, the ids of its groups. Under the entity's id, so that whoever gets its name gets
    nothing."""

    inline: dict[str, str] = {}
    attached: tuple[str, ...] = ()
    boundary: str | None = None
    groups: tuple[str, ...] = ()


class AccessKey(msgspec.Struct, frozen=True, kw_only=True):
    """A long-term key. `user_name` is "" for the root user's."""

    id: str
    secret: str
    user_name: str
    created_at: float
    active: bool = True


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """A managed policy of the customer's. Version numbers only grow."""

    name: str
    id: str
    path: str
    created_at: float
    updated_at: float
    description: str | None = None
    default_version: int = 1
    newest_version: int = 1
    versions: tuple[int, ...] = (1,)
    tags: dict[str, str] = {}


class Version(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    document: str
    created_at: float


class Uses(msgspec.Struct, frozen=True, kw_only=True):
    """How often a managed policy is attached, and is somebody's boundary."""

    attachments: int = 0
    boundaries: int = 0


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """One entity that uses a managed policy."""

    kind: Kind
    name: str
    id: str
    path: str
    as_boundary: bool


class InstanceProfile(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    id: str
    path: str
    created_at: float
    role: str = ""
    tags: dict[str, str] = {}


class Text(msgspec.Struct, frozen=True):
    text: str
