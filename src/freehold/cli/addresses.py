"""Where this machine reaches what answers at AWS's names on AWS.

Templates say `https://{id}.execute-api.{region}.amazonaws.com/Prod/`. On a node the same thing
answers at `http://{id}.execute-api.{region}.localhost:{port}/Prod/` and, for clients that cannot
resolve such names, below `/_aws/` at the node's own address.
"""

from __future__ import annotations

import re
import socket
from functools import lru_cache
from urllib.parse import urlsplit

_NAMES = re.compile(
    r"https://(?P<name>[a-z0-9]+)\.(?P<kind>execute-api|lambda-url)\.(?P<region>[a-z0-9-]+)"
    r"\.(?:amazonaws\.com|on\.aws)(?P<path>/[^\s]*)?"
)


def local_address(value: str, endpoint_url: str) -> str | None:
    """The address on this node of an output's value; None where it is no such address."""
    match = _NAMES.fullmatch(value)
    if match is None:
        return None
    path = match["path"] or "/"
    host = f"{match['name']}.{match['kind']}.{match['region']}.localhost"
    node = urlsplit(endpoint_url)
    if node.hostname in ("127.0.0.1", "localhost") and _resolves(host):
        port = f":{node.port}" if node.port else ""
        return f"{node.scheme}://{host}{port}{path}"
    return f"{endpoint_url.rstrip('/')}/_aws/{match['kind']}/{match['name']}{path}"


@lru_cache(maxsize=64)
def _resolves(host: str) -> bool:
    try:
        return socket.gethostbyname(host).startswith("127.")
    except OSError:
        return False
