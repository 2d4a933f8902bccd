"""Blobs that no record names: what requests leave that were cut off between blob and record."""

from __future__ import annotations

import asyncio
import logging

from freehold.kernel.node import Node
from freehold.kv import StoreError, Transaction

log = logging.getLogger(__name__)

# A blob is named moments after it is written; one that is not by now never will be.
ORPHAN_S_MIN = 3600.0
FIRST_AFTER_S = 60.0
EVERY_S = 3600.0
ASKED_AT_ONCE_MAX = 1000


async def collect_forever(node: Node) -> None:
    """Remove orphans shortly after the start, and every hour."""
    await node.clock.sleep(FIRST_AFTER_S)
    while True:
        try:
            await collect(node, node.clock.now() - ORPHAN_S_MIN)
        except (StoreError, OSError):
            log.exception("orphaned blobs could not be collected")
        await node.clock.sleep(EVERY_S)


async def collect(node: Node, older_than: float) -> int:
    """Remove the orphans written before a time; return how many."""
    removed = 0
    written = node.blobs.written_before(older_than)
    while (blob_ids := await asyncio.to_thread(next, written, None)) is not None:
        for first in range(0, len(blob_ids), ASKED_AT_ONCE_MAX):
            some = blob_ids[first : first + ASKED_AT_ONCE_MAX]
            for orphan in set(some) - await _in_use(node, some):
                node.blobs.delete(orphan)
                removed += 1
    if removed:
        log.info("removed %d blobs that nothing names", removed)
    return removed


async def _in_use(node: Node, blob_ids: list[str]) -> set[str]:
    # Every service is asked, also one that nobody has called since the start: a blob whose keeper
    # was not asked would be taken for an orphan.
    services = [node.service(name) for name in node.service_names]
    questions = [service.blobs_in_use for service in services if service.blobs_in_use is not None]

    def body(tx: Transaction) -> set[str]:
        return {blob_id for question in questions for blob_id in question(tx, blob_ids)}

    return await node.store.read(body)
