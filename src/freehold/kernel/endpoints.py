"""Endpoints: names under which deployed things answer plain HTTP, in one namespace for all accounts.

A service that deploys an API claims its id: `endpoints.claim(call, "execute-api", api_id)`. From then on
the gateway sends every request for {api_id}.execute-api.{region}.{domain} (and, for clients that cannot
resolve such names, for /_aws/execute-api/{api_id}/... at the node's own address) to the function that
the service registered with `@service.endpoint("execute-api")`.
"""

from __future__ import annotations

import msgspec

from freehold.kernel.call import Call
from freehold.kernel.records import Records
from freehold.kv import Transaction
from freehold.kv.keys import Scope

_GLOBAL = Scope("", "")


class Endpoint(msgspec.Struct, frozen=True):
    """Who answers under a name. `target` is the service's own: what the name stands for."""

    kind: str
    name: str
    service: str
    account: str
    region: str
    target: str = ""


_endpoints = Records("kernel", "endpoint", Endpoint)


def claim(call: Call, kind: str, name: str, target: str = "") -> bool:
    """Take a name in this transaction; False if somebody else has it."""
    found = find(call.tx, kind, name)
    mine = Endpoint(kind, name, call.service, call.account, call.region, target)
    if found is not None and (found.service, found.account, found.region) != (
        mine.service,
        mine.account,
        mine.region,
    ):
        return False
    _endpoints.save(call.tx, _GLOBAL, mine, kind, name)
    return True


def release(call: Call, kind: str, name: str) -> None:
    _endpoints.delete(call.tx, _GLOBAL, kind, name)


def url(call: Call, kind: str, name: str) -> str:
    """Where clients reach a name: its host, with this node's scheme and port."""
    settings = call.node.settings
    scheme, _, rest = settings.endpoint_url.partition("://")
    _, colon, port = rest.partition("/")[0].rpartition(":")
    place = f":{port}" if colon and port.isdigit() else ""
    return f"{scheme}://{name}.{kind}.{call.region}.{settings.domain}{place}"


def find(tx: Transaction, kind: str, name: str) -> Endpoint | None:
    return _endpoints.load(tx, _GLOBAL, kind, name)
