"""A deployment as requests need it: compiled once, then found by its digest."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from freehold.services.apigatewayv2.records import Snapshot
from freehold.services.apigatewayv2.routing import Router

COMPILED_MAX = 512


class Deployed:
    """What does not change between two deployments."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.api = snapshot.api
        self.router = Router(snapshot.routes)
        self.integrations = {each.integration_id: each for each in snapshot.integrations}
        self.authorizers = {each.authorizer_id: each for each in snapshot.authorizers}


class Frozen:
    """A snapshot that is read only if nobody has compiled one of the same digest yet."""

    __slots__ = ("_digest", "_read")

    def __init__(self, digest: str, read: Callable[[], Snapshot]) -> None:
        self._digest = digest
        self._read: Callable[[], Snapshot] | None = read

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Frozen) and other._digest == self._digest

    def __hash__(self) -> int:
        return hash(self._digest)

    def take(self) -> Snapshot:
        """Read it, and let go of the transaction that it was to be read in: a cache keeps this."""
        assert self._read is not None
        read, self._read = self._read, None
        return read()


@lru_cache(maxsize=COMPILED_MAX)
def compiled(frozen: Frozen) -> Deployed:
    return Deployed(frozen.take())
