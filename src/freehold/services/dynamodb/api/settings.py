"""Tags, time to live, backups (there are none), limits and endpoints."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from msgspec.structs import replace

from freehold.kernel import paging
from freehold.kernel.call import Call
from freehold.kernel.service import Access, Params
from freehold.kv.keys import Scope
from freehold.services.dynamodb import addressing, errors, store, tags, tasks
from freehold.services.dynamodb.addressing import managed_table, table_access
from freehold.services.dynamodb.records import Table
from freehold.services.dynamodb.service import service

TAGS_PAGE = 10
# AWS lets TTL be changed once an hour.
TTL_CHANGE_S = 3600.0
# The quotas of a new account; nothing here enforces them.
_ACCOUNT_UNITS, _TABLE_UNITS = 80_000, 40_000


def _tag_access(action: str) -> Any:
    def rule(call: Call, params: Params) -> list[Access]:
        return [addressing.access(call, action, params["ResourceArn"])]

    return rule


@service.operation("TagResource", access=_tag_access("TagResource"))
def tag_resource(call: Call, params: Params) -> None:
    scope, table = _tagged(call, params)
    merged = tags.merged(store.load_tags(call.tx, scope, table), params["Tags"])
    store.save_tags(call.tx, scope, table, merged)


@service.operation("UntagResource", access=_tag_access("UntagResource"))
def untag_resource(call: Call, params: Params) -> None:
    scope, table = _tagged(call, params)
    found = store.load_tags(call.tx, scope, table)
    rest = {key: value for key, value in found.items() if key not in params["TagKeys"]}
    store.save_tags(call.tx, scope, table, rest)


@service.operation("ListTagsOfResource", reads=True, access=_tag_access("ListTagsOfResource"))
def list_tags_of_resource(call: Call, params: Params) -> dict[str, Any]:
    scope, table = _tagged(call, params)
    found = sorted(store.load_tags(call.tx, scope, table).items())
    if "NextToken" in params:
        try:
            after = paging.decode(params["NextToken"], str)
        except paging.InvalidToken as error:
            raise errors.invalid("Invalid NextToken") from error
        found = [pair for pair in found if pair[0] > after]
    answer: dict[str, Any] = {
        "Tags": [{"Key": key, "Value": value} for key, value in found[:TAGS_PAGE]]
    }
    if len(found) > TAGS_PAGE:
        answer["NextToken"] = paging.encode(found[TAGS_PAGE - 1][0])
    return answer


@service.operation("UpdateTimeToLive", access=table_access("UpdateTimeToLive"))
def update_time_to_live(call: Call, params: Params) -> dict[str, Any]:
    scope, table = managed_table(call, params["TableName"])
    wanted = params["TimeToLiveSpecification"]
    _check_ttl_change(table, wanted, call.now)
    if not wanted["AttributeName"]:
        raise errors.invalid("TimeToLiveSpecification.AttributeName must not be empty")
    here = {"name": table.name, "id": table.id}
    attribute = wanted["AttributeName"] if wanted["Enabled"] else None
    changed = replace(table, ttl_attribute=attribute, ttl_changed_at=call.now)
    store.save_table(call.tx, scope, changed)
    if attribute is not None:
        call.later("find_expiries", {**here, "attribute": attribute})
        call.later("sweep_expired", {**here, "attribute": attribute}, due=call.now + tasks.SWEEP_S)
    else:
        call.later("clear_expiries", here)
    return {"TimeToLiveSpecification": wanted}


@service.operation("DescribeTimeToLive", reads=True, access=table_access("DescribeTimeToLive"))
def describe_time_to_live(call: Call, params: Params) -> dict[str, Any]:
    _, table = managed_table(call, params["TableName"])
    description: dict[str, Any] = {"TimeToLiveStatus": "DISABLED"}
    if table.ttl_attribute is not None:
        description = {"TimeToLiveStatus": "ENABLED", "AttributeName": table.ttl_attribute}
    return {"TimeToLiveDescription": description}


@service.operation(
    "DescribeContinuousBackups", reads=True, access=table_access("DescribeContinuousBackups")
)
def describe_continuous_backups(call: Call, params: Params) -> dict[str, Any]:
    scope, name = addressing.place(call, params["TableName"])
    if store.load_table(call.tx, scope, name) is None:
        raise errors.backups_table_not_found(name)
    return {
        "ContinuousBackupsDescription": {
            "ContinuousBackupsStatus": "DISABLED",
            "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "DISABLED"},
        }
    }


@service.operation("DescribeLimits", reads=True, resource="*")
def describe_limits(call: Call, params: Params) -> dict[str, Any]:
    return {
        "AccountMaxReadCapacityUnits": _ACCOUNT_UNITS,
        "AccountMaxWriteCapacityUnits": _ACCOUNT_UNITS,
        "TableMaxReadCapacityUnits": _TABLE_UNITS,
        "TableMaxWriteCapacityUnits": _TABLE_UNITS,
    }


@service.operation("DescribeEndpoints", reads=True, resource="*")
def describe_endpoints(call: Call, params: Params) -> dict[str, Any]:
    address = urlsplit(call.endpoint_url).netloc
    return {"Endpoints": [{"Address": address, "CachePeriodInMinutes": 1440}]}


def _tagged(call: Call, params: Params) -> tuple[Scope, Table]:
    arn = params["ResourceArn"]
    if not arn.startswith("arn:"):
        raise errors.invalid(f"Invalid TableArn: Invalid ResourceArn provided as input {arn}")
    scope, name = addressing.place(call, arn)
    table = store.load_table(call.tx, scope, name)
    if table is None:
        raise errors.tagged_not_found(arn)
    return scope, table


def _check_ttl_change(table: Table, wanted: Params, now: float) -> None:
    if table.status == "CREATING" or table.status == "DELETING":
        raise errors.table_busy(table.name, table.status)
    if wanted["Enabled"] and table.ttl_attribute == wanted["AttributeName"]:
        raise errors.invalid("TimeToLive is already enabled")
    if not wanted["Enabled"] and table.ttl_attribute is None:
        raise errors.invalid("TimeToLive is already disabled")
    if wanted["Enabled"] and table.ttl_attribute is not None:
        raise errors.invalid(
            f"TimeToLive is active on a different AttributeName: current AttributeName is "
            f"{table.ttl_attribute}"
        )
    if not wanted["Enabled"] and table.ttl_attribute != wanted["AttributeName"]:
        raise errors.invalid(
            f"TimeToLive is active on a different AttributeName: current AttributeName is "
            f"{table.ttl_attribute}"
        )
    if table.ttl_changed_at is not None and now < table.ttl_changed_at + TTL_CHANGE_S:
        raise errors.invalid(
            "Time to live has been modified multiple times within a fixed interval"
        )
