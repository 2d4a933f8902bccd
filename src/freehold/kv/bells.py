"""Bells: who waits for a commit that touches a prefix, and how a commit finds them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from freehold.kv import Bell


class Bells:
    """The bells of one process. A commit rings them with the keys that it touched."""

    def __init__(self) -> None:
        self._by_prefix: dict[bytes, set[_Bell]] = {}
        self._lengths: tuple[int, ...] = ()

    def bell(self, prefix: bytes) -> Bell:
        return _Bell(self, prefix)

    def ring(self, keys: Iterable[bytes]) -> None:
        """Ring for these keys; call it on the event loop, after the commit."""
        if not self._lengths:
            return
        rung = {key[:length] for key in keys for length in self._lengths}
        for prefix in rung & self._by_prefix.keys():
            for bell in self._by_prefix[prefix]:
                bell.event.set()

    def _hang(self, bell: _Bell) -> None:
        self._by_prefix.setdefault(bell.prefix, set()).add(bell)
        self._lengths = tuple({len(prefix) for prefix in self._by_prefix})

    def _take_down(self, bell: _Bell) -> None:
        bells = self._by_prefix[bell.prefix]
        bells.discard(bell)
        if not bells:
            del self._by_prefix[bell.prefix]
            self._lengths = tuple({len(prefix) for prefix in self._by_prefix})


class _Bell:
    __slots__ = ("_bells", "event", "prefix")

    def __init__(self, bells: Bells, prefix: bytes) -> None:
        self._bells = bells
        self.prefix = prefix
        self.event = asyncio.Event()

    def __enter__(self) -> Bell:
        self._bells._hang(self)
        return self

    def __exit__(self, *exc: object) -> None:
        self._bells._take_down(self)

    async def wait(self) -> None:
        await self.event.wait()
        self.event.clear()
