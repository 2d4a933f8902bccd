"""The node's own pages: /_freehold/health."""

from __future__ import annotations

import orjson

from freehold import __version__
from freehold.kernel.node import Node
from freehold.server.messages import Request, Response


def health(node: Node, request: Request) -> Response:
    if request.path != "/_freehold/health":
        return Response(404, [("Content-Type", "application/json")], b'{"message":"Not Found"}')
    document = {
        "status": "running",
        "version": __version__,
        "region": node.settings.region,
        "services": sorted(node.service_names),
    }
    return Response(200, [("Content-Type", "application/json")], orjson.dumps(document))
