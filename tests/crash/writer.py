"""A program that writes to a store until it is killed; see test_store_faults.

    python -m tests.crash.writer DIRECTORY

Each body writes two keys. Every third then raises. It prints the number of each that was acknowledged.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from freehold.kv import Transaction
from freehold.kv.embedded import EmbeddedStore

WRITERS = 30


class Refused(Exception):
    """What every third body raises."""


def halves(number: int) -> tuple[bytes, bytes]:
    return b"left/%d" % number, b"right/%d" % number


async def write_forever(store: EmbeddedStore, first: int) -> None:
    number = first
    while True:
        number += WRITERS

        def body(tx: Transaction, number: int = number) -> None:
            for key in halves(number):
                tx.put(key, b"x" * (number % 5000))
            if number % 3 == 0:
                raise Refused

        try:
            await store.write(body)
        except Refused:
            continue
        os.write(1, b"%d\n" % number)


async def main() -> None:
    store = EmbeddedStore(Path(sys.argv[1]))
    last = int(sys.argv[2])
    await asyncio.gather(*(write_forever(store, last + n) for n in range(WRITERS)))


if __name__ == "__main__":
    asyncio.run(main())
