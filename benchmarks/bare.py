"""The HTTP server alone, with a constant answer: what everything else is measured against."""

from __future__ import annotations

import asyncio

import uvloop

from freehold.server.http1 import Server
from freehold.server.messages import Request, Response

ANSWER = Response(200, [("Content-Type", "application/json")], b'{"Item":{"id":{"S":"1"}}}')


async def main() -> None:
    def handle(request: Request) -> Response:
        return ANSWER

    server = Server(handle)
    host, port = await server.listen("127.0.0.1", 0)
    print(f"ready at http://{host}:{port}", flush=True)
    await asyncio.Event().wait()


uvloop.run(main())
