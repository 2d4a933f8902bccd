"""Records of one type under keys of one kind: what a service's store.py is made of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

import msgspec

from freehold.kv import Transaction
from freehold.kv.keys import Element, Scope, Space, unpack

R = TypeVar("R")

_encoder = msgspec.msgpack.Encoder()


class Records(Generic[R]):
    """The records of one kind: `queues = Records("sqs", "queue", Queue)`.

    The key is (service, account, region, kind, *key). A record is a msgspec struct, stored as a
    MessagePack map, so that a field added later with a default reads old records.
    """

    def __init__(self, service: str, kind: str, record: type[R]) -> None:
        self.space = Space(service, kind)
        self._decoder = msgspec.msgpack.Decoder(record)

    def load(self, tx: Transaction, scope: Scope, *key: Element) -> R | None:
        value = tx.get(self.space.key(scope, *key))
        return None if value is None else self._decoder.decode(value)

    def save(self, tx: Transaction, scope: Scope, record: R, *key: Element) -> None:
        tx.put(self.space.key(scope, *key), _encoder.encode(record))

    def delete(self, tx: Transaction, scope: Scope, *key: Element) -> None:
        tx.delete(self.space.key(scope, *key))

    def list(
        self,
        tx: Transaction,
        scope: Scope,
        *prefix: Element,
        limit: int,
        after: tuple[Element, ...] | None = None,
        reverse: bool = False,
    ) -> Iterator[tuple[tuple[Element, ...], R]]:
        """Yield (key, record) below the prefix, in the order of keys, after (before, in reverse) a key.

        `key` and `after` are whole: they begin with the prefix.
        """
        start, end = self.space.range(scope, *prefix)
        if after is not None and reverse:
            end = self.space.key(scope, *after)
        elif after is not None:
            start = self.space.key(scope, *after) + b"\x00"
        skip = len(self.space.prefix(scope))
        for key, value in tx.scan(start, end, limit=limit, reverse=reverse):
            yield unpack(key[skip:]), self._decoder.decode(value)

    def clear(self, tx: Transaction, scope: Scope, *prefix: Element) -> None:
        """Delete every record below the prefix."""
        tx.clear(*self.space.range(scope, *prefix))
