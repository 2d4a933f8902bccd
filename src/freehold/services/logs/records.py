"""What CloudWatch Logs stores."""

from __future__ import annotations

import msgspec


class LogGroup(msgspec.Struct, frozen=True, kw_only=True):
    """`id` separates the events of a group from those of an earlier one with the same name.

    `expiry` is the word of the expiry task in force: one with another word is of an earlier policy.
    """

    name: str
    id: str
    created_ms: int
    retention_days: int | None = None
    log_class: str = "STANDARD"
    protected: bool = False
    tags: dict[str, str] = {}
    expiry: str = ""


class LogStream(msgspec.Struct, frozen=True, kw_only=True):
    """`puts` counts the puts, and numbers their chunks."""

    name: str
    id: str
    created_ms: int
    puts: int = 0
    first_event_ms: int | None = None
    last_event_ms: int | None = None
    last_ingestion_ms: int | None = None


class Chunk(msgspec.Struct, frozen=True, array_like=True):
    """Events of one put, in order, that lie less than CHUNK_SPAN_MS apart.

    They are stored together because a put usually is a handful of lines of one moment: one record
    in place of one for each line. The span is short so that whoever looks for an instant looks
    back only so far.
    """

    ingested_ms: int
    stream: str
    events: tuple[tuple[int, str], ...]
