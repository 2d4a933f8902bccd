"""CloudFormation's AWS::DynamoDB::Table."""

from __future__ import annotations

from typing import Any

from freehold.kernel.call import Call
from freehold.kernel.errors import AwsError, not_implemented
from freehold.kernel.resources import Made, Wanted
from freehold.kv.keys import Scope
from freehold.services.dynamodb import errors, store, tags
from freehold.services.dynamodb.addressing import table_arn
from freehold.services.dynamodb.service import service

_POLL_S = 0.05
_PLAIN = (
    "AttributeDefinitions",
    "BillingMode",
    "DeletionProtectionEnabled",
    "KeySchema",
    "TableClass",
)
# What the template may say only if it says "no".
_SWITCHES = {
    "ContributorInsightsSpecification": "Enabled",
    "PointInTimeRecoverySpecification": "PointInTimeRecoveryEnabled",
    "SSESpecification": "SSEEnabled",
}
_HANDLED = (
    *_PLAIN,
    "GlobalSecondaryIndexes",
    "LocalSecondaryIndexes",
    "ProvisionedThroughput",
    "TableName",
    "Tags",
    "TimeToLiveSpecification",
)


@service.resource_type("AWS::DynamoDB::Table")
class TableResource:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        properties = wanted.properties
        _refuse_unknown(properties)
        name = properties.get("TableName") or wanted.name(255)
        call.invoke_within("dynamodb", "CreateTable", _creation(name, properties))
        _save_tags(call, name, wanted)
        # TTL waits for the table to be ready: see `settled`.
        return _made(call, name, properties)

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        properties, previous = wanted.properties, wanted.previous
        _refuse_unknown(properties)
        name = made.physical_id
        changes = _changes(properties, previous)
        if changes:
            call.invoke_within("dynamodb", "UpdateTable", {"TableName": name, **changes})
        _save_tags(call, name, wanted)
        return _made(call, name, properties)

    @staticmethod
    async def delete(call: Call, made: Made) -> None:
        """Done when the table is gone: its name must be free again for what follows."""
        while await call.write(_is_deleting, made):
            await call.node.clock.sleep(_POLL_S)

    @staticmethod
    def settled(call: Call, made: Made) -> Made | None:
        """Ready when the table and its indexes are ACTIVE and its TTL is as wanted."""
        scope = Scope(call.account, call.region)
        table = store.load_table(call.tx, scope, made.physical_id)
        if table is None:
            raise errors.table_not_found(made.physical_id)
        if table.status != "ACTIVE":
            return None
        ttl = made.state.get("ttl")
        if ttl != table.ttl_attribute:
            enabled = ttl is not None
            specification = {"Enabled": enabled, "AttributeName": ttl or table.ttl_attribute}
            call.invoke_within(
                "dynamodb",
                "UpdateTimeToLive",
                {"TableName": table.name, "TimeToLiveSpecification": specification},
            )
        return made


def _is_deleting(call: Call, made: Made) -> bool:
    """Whether there is still something to wait for, after asking for the deletion if need be."""
    scope = Scope(call.account, call.region)
    table = store.load_table(call.tx, scope, made.physical_id)
    if table is None:
        return False
    if table.status == "ACTIVE":
        call.invoke_within("dynamodb", "DeleteTable", {"TableName": table.name})
    return True


def _refuse_unknown(properties: dict[str, Any]) -> None:
    for name, value in properties.items():
        if name in _HANDLED:
            continue
        switch = _SWITCHES.get(name)
        if switch is not None and not _is_true(value.get(switch, False)):
            continue
        raise not_implemented(f"{name} of AWS::DynamoDB::Table")


def _creation(name: str, properties: dict[str, Any]) -> dict[str, Any]:
    params = {"TableName": name, **_plain(properties)}
    if "ProvisionedThroughput" in properties:
        params["ProvisionedThroughput"] = _throughput(properties["ProvisionedThroughput"])
    if properties.get("LocalSecondaryIndexes"):
        params["LocalSecondaryIndexes"] = [
            _index(each) for each in properties["LocalSecondaryIndexes"]
        ]
    if properties.get("GlobalSecondaryIndexes"):
        params["GlobalSecondaryIndexes"] = [
            _index(each) for each in properties["GlobalSecondaryIndexes"]
        ]
    return params


def _changes(properties: dict[str, Any], previous: dict[str, Any]) -> dict[str, Any]:
    """What UpdateTable needs to be told: only what differs."""
    new, old = _creation("", properties), _creation("", previous)
    changes: dict[str, Any] = {
        name: new[name]
        for name in ("BillingMode", "ProvisionedThroughput", "TableClass")
        if name in new and new[name] != old.get(name)
    }
    protected = new.get("DeletionProtectionEnabled", False)
    if protected != old.get("DeletionProtectionEnabled", False):
        changes["DeletionProtectionEnabled"] = protected
    updates = _index_updates(
        new.get("GlobalSecondaryIndexes", []), old.get("GlobalSecondaryIndexes", [])
    )
    if updates:
        changes["GlobalSecondaryIndexUpdates"] = updates
        changes["AttributeDefinitions"] = new["AttributeDefinitions"]
    return changes


def _index_updates(new: list[dict[str, Any]], old: list[dict[str, Any]]) -> list[dict[str, Any]]:
    before = {each["IndexName"]: each for each in old}
    after = {each["IndexName"]: each for each in new}
    updates: list[dict[str, Any]] = [
        {"Delete": {"IndexName": name}} for name in before if name not in after
    ]
    for name, each in after.items():
        was = before.get(name)
        if was is None:
            updates.append({"Create": each})
        elif {**was, "ProvisionedThroughput": 0} != {**each, "ProvisionedThroughput": 0}:
            raise AwsError(
                "ValidationException",
                "Cannot update GSI's properties other than Provisioned Throughput and Contributor "
                "Insights Specification. You can create a new GSI with a different name.",
            )
        elif was != each and "ProvisionedThroughput" in each:
            throughput = each["ProvisionedThroughput"]
            updates.append({"Update": {"IndexName": name, "ProvisionedThroughput": throughput}})
    return updates


def _index(properties: dict[str, Any]) -> dict[str, Any]:
    known = {"IndexName", "KeySchema", "Projection", "ProvisionedThroughput"}
    switch = properties.get("ContributorInsightsSpecification", {}).get("Enabled", False)
    for name in properties:
        if name not in known and (name != "ContributorInsightsSpecification" or _is_true(switch)):
            raise not_implemented(f"{name} of an index of AWS::DynamoDB::Table")
    index = {name: value for name, value in properties.items() if name in known}
    if "ProvisionedThroughput" in index:
        index["ProvisionedThroughput"] = _throughput(index["ProvisionedThroughput"])
    return index


def _plain(properties: dict[str, Any]) -> dict[str, Any]:
    params = {name: properties[name] for name in _PLAIN if name in properties}
    if "DeletionProtectionEnabled" in params:
        params["DeletionProtectionEnabled"] = _is_true(params["DeletionProtectionEnabled"])
    return params


def _throughput(properties: dict[str, Any]) -> dict[str, int]:
    return {name: int(value) for name, value in properties.items()}


def _save_tags(call: Call, name: str, wanted: Wanted) -> None:
    """Not by TagResource, which refuses the tags that CloudFormation sets itself."""
    scope = Scope(call.account, call.region)
    table = store.load_table(call.tx, scope, name)
    assert table is not None, "the table is there: it has just been made or changed"
    own = tags.merged({}, wanted.properties.get("Tags") or [])
    store.save_tags(call.tx, scope, table, {**wanted.tags(), **own})


def _made(call: Call, name: str, properties: dict[str, Any]) -> Made:
    specification = properties.get("TimeToLiveSpecification") or {}
    enabled = _is_true(specification.get("Enabled", False))
    arn = table_arn(Scope(call.account, call.region), name)
    return Made(
        physical_id=name,
        attributes={"Arn": arn},
        state={"ttl": specification.get("AttributeName") if enabled else None},
        properties=properties,
    )


def _is_true(value: Any) -> bool:
    return value is True or str(value).lower() == "true"
