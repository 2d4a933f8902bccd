"""Where API Gateway keeps things, in (account, region):

(rest-api, api)                             RestApi
(resource, api, resource)                   Resource, with its methods and their integrations
(model, api, name)                          Model
(validator | authorizer, api, id)           RequestValidator, Authorizer
(gateway-response, api, type)               GatewayResponse, where it was changed
(deployment | snapshot, api, deployment)    Deployment; Snapshot: what that deployment froze
(stage, api, stage)                         Stage
(key, id), (key-value, value)               ApiKey; its id by its value
(plan, id), (plan-key, plan, key)           UsagePlan, UsagePlanKey
(key-plan, key, plan)                       the plans of a key, again as UsagePlanKey
(usage, plan, key)                          Usage
(account,)                                  Account
(token, of a stack's resource)              the id of the API that it made
(verdict, api, authorizer, digest)          Verdict of a Lambda authorizer, until it expires
(verdict-end, api, expiry in ms, ...)       the same in the order of their ends
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

import msgspec

from freehold.kernel import paging
from freehold.kernel.call import Call
from freehold.kernel.records import Records
from freehold.services.apigateway import errors
from freehold.services.apigateway.records import (
    Account,
    ApiKey,
    Authorizer,
    Deployment,
    GatewayResponse,
    Model,
    RequestValidator,
    Resource,
    RestApi,
    Snapshot,
    Stage,
    Usage,
    UsagePlan,
    UsagePlanKey,
    Verdict,
)

R = TypeVar("R")

SERVICE = "apigateway"
PAGE_RECORDS = 25
PAGE_RECORDS_MAX = 500
# More than AWS allows of anything in one API (300 resources, 120 APIs a region, ...).
RECORDS_MAX = 10_000
VERDICTS_SWEPT = 16


class Table(Generic[R]):
    """Records of one kind; `missing` is what AWS says of one that is not there."""

    def __init__(self, kind: str, record: type[R], missing: str = "") -> None:
        self._records = Records(SERVICE, kind, record)
        self._missing = missing

    def find(self, call: Call, *key: str) -> R | None:
        return self._records.load(call.tx, call.scope, *key)

    def load(self, call: Call, *key: str) -> R:
        """The record, or AWS's NotFoundException."""
        found = self.find(call, *key)
        if found is None:
            raise errors.not_found(self._missing.format(account=call.account, key=key[-1]))
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
        """A page as `position` and `limit` ask for it, and the position of the next."""
        limit = min(max(params.get("limit") or PAGE_RECORDS, 1), PAGE_RECORDS_MAX)
        after = None
        if params.get("position"):
            try:
                after = (*prefix, *paging.decode(params["position"], tuple[str, ...]))
            except paging.InvalidToken:
                raise errors.bad_request("Invalid position parameter") from None
        found = list(self._list(call, prefix, after, limit + 1))
        if len(found) <= limit:
            return [record for _, record in found], None
        last = found[limit - 1][0]
        return [record for _, record in found[:limit]], paging.encode(last[len(prefix) :])

    def _list(
        self, call: Call, prefix: tuple[str, ...], after: tuple[str, ...] | None, limit: int
    ) -> Iterator[tuple[tuple[Any, ...], R]]:
        return self._records.list(call.tx, call.scope, *prefix, limit=limit, after=after)


rest_apis = Table("rest-api", RestApi, "Invalid API identifier specified {account}:{key}")
resources = Table("resource", Resource, "Invalid Resource identifier specified")
models = Table("model", Model, "Invalid Model name specified: {key}")
validators = Table("validator", RequestValidator, "Invalid Request Validator identifier specified")
authorizers = Table("authorizer", Authorizer, "Invalid Authorizer identifier specified")
gateway_responses = Table("gateway-response", GatewayResponse)
deployments = Table("deployment", Deployment, "Invalid Deployment identifier specified")
snapshots = Table("snapshot", Snapshot, "Invalid Deployment identifier specified")
stages = Table("stage", Stage, "Invalid stage identifier specified")
keys = Table("key", ApiKey, "Invalid API Key identifier specified")
plans = Table("plan", UsagePlan, "Invalid Usage Plan ID specified")
plan_keys = Table("plan-key", UsagePlanKey, "Invalid API Key identifier specified")
key_plans = Table("key-plan", UsagePlanKey)
usages = Table("usage", Usage)
# What a stack has made, by its token: for a creation that runs again.
tokens = Table("token", str)
_accounts = Table("account", Account)
_key_values = Table("key-value", str)
_verdicts = Table("verdict", Verdict)
_verdict_ends = Records(SERVICE, "verdict-end", str)


def delete_rest_api(call: Call, api_id: str) -> None:
    """Remove an API and all that belongs to it."""
    clear_definition(call, api_id)
    stages.clear(call, api_id)
    deployments.clear(call, api_id)
    snapshots.clear(call, api_id)
    forget_verdicts(call, api_id)
    rest_apis.delete(call, api_id)


def clear_definition(call: Call, api_id: str) -> None:
    """Remove what an OpenAPI document defines: everything but deployments and stages."""
    for table in (resources, models, validators, authorizers, gateway_responses):
        table.clear(call, api_id)


def freeze(call: Call, api: RestApi) -> tuple[Snapshot, str]:
    """All of an API as it is now, and its digest."""
    snapshot = Snapshot(
        api=api,
        resources=resources.all(call, api.id),
        models=models.all(call, api.id),
        validators=validators.all(call, api.id),
        authorizers=authorizers.all(call, api.id),
        gateway_responses=gateway_responses.all(call, api.id),
    )
    return snapshot, hashlib.sha256(msgspec.msgpack.encode(snapshot)).hexdigest()


def load_account(call: Call) -> Account:
    return _accounts.find(call, "account") or Account()


def save_account(call: Call, account: Account) -> None:
    _accounts.save(call, account, "account")


def save_key(call: Call, key: ApiKey) -> None:
    keys.save(call, key, key.id)
    _key_values.save(call, key.id, key.value)


def delete_key(call: Call, key: ApiKey) -> None:
    for plan in key_plans.all(call, key.id):
        plan_keys.delete(call, plan.id, key.id)
        usages.delete(call, plan.id, key.id)
    key_plans.clear(call, key.id)
    _key_values.delete(call, key.value)
    keys.delete(call, key.id)


def find_key_by_value(call: Call, value: str) -> ApiKey | None:
    key_id = _key_values.find(call, value)
    return None if key_id is None else keys.find(call, key_id)


def find_verdict(call: Call, api_id: str, authorizer_id: str, digest: str) -> Verdict | None:
    """The authorizer's answer for this identity, if it still holds."""
    found = _verdicts.find(call, api_id, authorizer_id, digest)
    return found if found is not None and found.expires_at > call.now else None


def save_verdict(
    call: Call, api_id: str, authorizer_id: str, digest: str, verdict: Verdict
) -> None:
    """Keep an answer until it expires; each new one sweeps out a few that have."""
    ended = list(_verdict_ends.list(call.tx, call.scope, api_id, limit=VERDICTS_SWEPT))
    for key, _ in ended:
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
