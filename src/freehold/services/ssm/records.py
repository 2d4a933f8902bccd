"""What Parameter Store stores."""

from __future__ import annotations

import msgspec


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a parameter. A SecureString's value is sealed, and in base64."""

    number: int
    type: str
    value: str
    tier: str
    modified_at: float
    modified_by: str
    description: str | None = None
    allowed_pattern: str | None = None
    key_id: str | None = None


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """A parameter with its newest version. `labels` say which version each label is attached to."""

    name: str
    newest: Version
    oldest_number: int = 1
    labels: dict[str, int] = {}
    tags: dict[str, str] = {}


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    standard: int = 0
    advanced: int = 0


class SealingKey(msgspec.Struct, frozen=True):
    key: bytes
