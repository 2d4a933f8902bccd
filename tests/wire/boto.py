"""Answers of ours as botocore's parsers take them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from typing import Any

from botocore.awsrequest import HeadersDict

from freehold.wire.messages import WireResponse


def received(answer: WireResponse) -> dict[str, Any]:
    """What botocore's HTTP layer hands to its parsers."""
    headers = HeadersDict()
    for key, value in answer.headers:
        headers[key] = value
    body = answer.body
    if answer.events is not None:
        body = _Stream(b"".join(answer.events(event) for event in _drained(answer.body)))
    return {"status_code": answer.status, "headers": headers, "body": body, "context": {}}


class Events(list[Any]):
    """Events that a service gives: an asynchronous iterator, here one that never waits."""

    async def __aiter__(self) -> AsyncIterator[Any]:
        for event in self:
            yield event


def _drained(events: AsyncIterable[Any]) -> list[Any]:
    async def drain() -> list[Any]:
        return [event async for event in events]

    return asyncio.run(drain())


class _Stream:
    """A body that arrives one byte at a time, as botocore's event streams read it."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> Iterator[bytes]:
        return (self._content[i : i + 1] for i in range(len(self._content)))

    def close(self) -> None: ...
