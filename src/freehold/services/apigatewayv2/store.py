"""Where HTTP APIs are kept, in (account, region):

(api, api)                                      Api
(integration | route | authorizer, api, id)     Integration, Route, Authorizer
(route-key, api, key)                           the id of the route with this key
(deployment | snapshot, api, deployment)        Deployment; Snapshot: what that deployment froze
(stage, api, stage)                             Stage
(bucket, api, stage, route key)                 Bucket of a throttled route
(verdict, api, authorizer, digest)              Verdict of a Lambda authorizer, until it expires
(verdict-end, api, expiry in ms, ...)           the same in the order of their ends
(token, of a stack's resource)                  the id of the API that it made
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

import msgspec

from freehold.kernel import paging
from freehold.kernel.call import Call
from freehold.kernel.records import Records
from freehold.services.apigatewayv2 import errors
from freehold.services.apigatewayv2.records import (
    Api,
    Authorizer,
    Bucket,
    Deployment,
    Integration,
    IssuerKeys,
    Route,
    Snapshot,
    Stage,
    Verdict,
)

R = TypeVar("R")

SERVICE = "apigatewayv2"
PAGE_RECORDS_MAX = 100
# More than AWS allows of anything in one API (300 routes, 300 integrations, 10 stages).
RECORDS_MAX = 10_000
VERDICTS_SWEPT = 16


class Table(Generic[R]):
    """Records of one kind; `noun` names it in the error when one is not there."""

    def __init__(self, kind: str, record: type[R], noun: str = "") -> None:
        self._records = Records(SERVICE, kind, record)
        self._noun = noun

    def find(self, call: Call, *key: str) -> R | None:
        return self._records.load(call.tx, call.scope, *key)

    def load(self, call: Call, *key: str) -> R:
        """The record, or AWS's NotFoundException."""
        found = self.find(call, *key)
        if found is None:
            raise errors.not_found(self._noun, key[-1])
        return found

    def save(self, call: Call, record: R, *key: str) -> None:
        self._records.save(call.tx, call.scope, record, *key)

    def delete(self, call: Call, *key: str) -> None:
        self._records.delete(call.tx, call.scope, *key)

    def clear(self, call: Call, *prefix: str) -> None:
        self._records.clear(call.tx, call.scope, *prefix)

    def all(self, call: Call, *prefix: str) -> list[R]:
        return [record for _, record in self._list(call, prefix, None, RECORDS_MAX)]

    def page(self, call: Call, params: dict[str, Any], *prefix: str) -> tuple[list[R], str | None]:
        """A page as MaxResults and NextToken ask for it, and the next token."""
        try:
            limit = min(max(int(params.get("MaxResults") or PAGE_RECORDS_MAX), 1), PAGE_RECORDS_MAX)
            after = None
            if params.get("NextToken"):
                after = (*prefix, *paging.decode(params["NextToken"], tuple[str, ...]))
        except (ValueError, paging.InvalidToken):
            raise errors.bad_request("Invalid MaxResults or NextToken") from None
        found = list(self._list(call, prefix, after, limit + 1))
        if len(found) <= limit:
            return [record for _, record in found], None
        last = found[limit - 1][0]
        return [record for _, record in found[:limit]], paging.encode(last[len(prefix) :])

    def _list(
        self, call: Call, prefix: tuple[str, ...], after: tuple[str, ...] | None, limit: int
    ) -> Iterator[tuple[tuple[Any, ...], R]]:
        return self._records.list(call.tx, call.scope, *prefix, limit=limit, after=after)


apis = Table("api", Api, "API")
integrations = Table("integration", Integration, "Integration")
routes = Table("route", Route, "Route")
authorizers = Table("authorizer", Authorizer, "Authorizer")
deployments = Table("deployment", Deployment, "Deployment")
snapshots = Table("snapshot", Snapshot, "Deployment")
stages = Table("stage", Stage, "Stage")
buckets = Table("bucket", Bucket)
tokens = Table("token", str)
issuer_keys = Table("issuer-keys", IssuerKeys)
_route_keys = Table("route-key", str)
_verdicts = Table("verdict", Verdict)
_verdict_ends = Records(SERVICE, "verdict-end", str)


def delete_api(call: Call, api_id: str) -> None:
    """Remove an API and all that belongs to it."""
    clear_definition(call, api_id)
    for table in (stages, deployments, snapshots, buckets):
        table.clear(call, api_id)
    apis.delete(call, api_id)


def clear_definition(call: Call, api_id: str) -> None:
    """Remove what an OpenAPI document defines: everything but deployments and stages."""
    for table in (routes, integrations, authorizers, _route_keys):
        table.clear(call, api_id)
    forget_verdicts(call, api_id)


def save_route(call: Call, api_id: str, route: Route) -> None:
    """Keep a route under its id and its key; ConflictException if another has the key."""
    other = _route_keys.find(call, api_id, route.route_key)
    if other not in (None, route.route_id):
        raise errors.conflict(f"Route with key {route.route_key} already exists for this API")
    before = routes.find(call, api_id, route.route_id)
    if before is not None and before.route_key != route.route_key:
        _route_keys.delete(call, api_id, before.route_key)
    _route_keys.save(call, route.route_id, api_id, route.route_key)
    routes.save(call, route, api_id, route.route_id)


def delete_route(call: Call, api_id: str, route: Route) -> None:
    _route_keys.delete(call, api_id, route.route_key)
    routes.delete(call, api_id, route.route_id)


def freeze(call: Call, api: Api) -> tuple[Snapshot, str]:
    """All of an API as it is now, and its digest."""
    snapshot = Snapshot(
        api=api,
        routes=routes.all(call, api.api_id),
        integrations=integrations.all(call, api.api_id),
        authorizers=authorizers.all(call, api.api_id),
    )
    return snapshot, hashlib.sha256(msgspec.msgpack.encode(snapshot)).hexdigest()


def find_verdict(call: Call, api_id: str, authorizer_id: str, digest: str) -> Verdict | None:
    """The authorizer's answer for this identity, if it still holds."""
    found = _verdicts.find(call, api_id, authorizer_id, digest)
    return found if found is not None and found.expires_at > call.now else None


def save_verdict(
    call: Call, api_id: str, authorizer_id: str, digest: str, verdict: Verdict
) -> None:
    """Keep an answer until it expires; each new one sweeps out a few that have."""
    for key, _ in list(_verdict_ends.list(call.tx, call.scope, api_id, limit=VERDICTS_SWEPT)):
        if key[1] <= call.now * 1000:
            _verdict_ends.delete(call.tx, call.scope, *key)
            kept = _verdicts.find(call, api_id, key[2], key[3])
            if kept is not None and kept.expires_at <= call.now:
                _verdicts.delete(call, api_id, key[2], key[3])
    _verdicts.save(call, verdict, api_id, authorizer_id, digest)
    ends_ms = int(verdict.expires_at * 1000)
    _verdict_ends.save(call.tx, call.scope, "", api_id, ends_ms, authorizer_id, digest)


def forget_verdicts(call: Call, api_id: str) -> None:
    _verdicts.clear(call, api_id)
    _verdict_ends.clear(call.tx, call.scope, api_id)
