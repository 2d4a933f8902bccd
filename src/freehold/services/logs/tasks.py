"""What CloudWatch Logs does later: expiry, and erasing what was deleted, in bounded steps."""

from __future__ import annotations

from typing import Any

from freehold.kernel.call import Call
from freehold.services.logs import rules, store
from freehold.services.logs.service import service

STEP_CHUNKS_MAX = 500
EXPIRY_PAUSE_S_MIN = 3600.0
EXPIRY_PAUSE_S_MAX = 24 * 3600.0


@service.task("expire")
def expire(call: Call, payload: dict[str, Any]) -> None:
    """Delete a group's expired events; go on at once while there are more, else when the next
    expire."""
    group = store.load_group(call.tx, call.scope, payload["group"])
    if group is None or group.retention_days is None or group.expiry != payload["expiry"]:
        return
    kept_ms = rules.oldest_kept_ms(int(call.now * 1000), group.retention_days)
    removed = store.expire(call.tx, call.scope, group.id, kept_ms, limit=STEP_CHUNKS_MAX)
    pause_s = 0.0
    if removed < STEP_CHUNKS_MAX:
        oldest = store.oldest_place(call.tx, call.scope, group.id)
        ahead_s = EXPIRY_PAUSE_S_MAX if oldest is None else (oldest.first_ms - kept_ms) / 1000
        pause_s = min(max(ahead_s, EXPIRY_PAUSE_S_MIN), EXPIRY_PAUSE_S_MAX)
    call.later("expire", payload, due=call.now + pause_s)


@service.task("erase_group")
def erase_group(call: Call, payload: dict[str, Any]) -> None:
    removed = store.erase_group(call.tx, call.scope, payload["group"], limit=STEP_CHUNKS_MAX)
    if removed:
        call.later("erase_group", payload)


@service.task("erase_stream")
def erase_stream(call: Call, payload: dict[str, Any]) -> None:
    removed = store.erase_stream(
        call.tx, call.scope, payload["group"], payload["stream"], limit=STEP_CHUNKS_MAX
    )
    if removed == STEP_CHUNKS_MAX:
        call.later("erase_stream", payload)
