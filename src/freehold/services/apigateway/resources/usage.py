"""AWS::ApiGateway:: ApiKey, UsagePlan and UsagePlanKey."""

from __future__ import annotations

from typing import Any

from freehold.kernel.call import Call
from freehold.kernel.errors import AwsError
from freehold.kernel.resources import Made, Wanted
from freehold.services.apigateway.access import service
from freehold.services.apigateway.resources.properties import (
    boolean,
    do,
    known_only,
    replacements,
    retag,
    tags,
    taken,
    undo,
)


@service.resource_type("AWS::ApiGateway::ApiKey")
class ApiKey:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        properties = taken(
            wanted,
            "Name",
            "Value",
            "Enabled",
            "Description",
            "CustomerId",
            "GenerateDistinctId",
            "StageKeys",
            "Tags",
        )
        stages = [
            {"restApiId": each["RestApiId"], "stageName": each["StageName"]}
            for each in properties.get("StageKeys") or []
        ]
        found = do(
            call,
            "CreateApiKey",
            name=properties.get("Name") or wanted.name(128),
            value=properties.get("Value"),
            enabled=boolean(properties.get("Enabled", False)),
            description=properties.get("Description"),
            customerId=properties.get("CustomerId"),
            stageKeys=stages or None,
            tags=tags(wanted),
        )
        return Made(physical_id=found["id"], attributes={"APIKeyId": found["id"]})

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        paths = {"Description": "/description", "CustomerId": "/customerId", "Enabled": "/enabled"}
        patches = replacements(wanted, paths)
        stages = _stage_keys(wanted.properties)
        patches += [
            {"op": "remove", "path": "/stages", "value": each}
            for each in _stage_keys(wanted.previous)
            if each not in stages
        ]
        patches += [{"op": "add", "path": "/stages", "value": each} for each in stages]
        if patches:
            do(call, "UpdateApiKey", apiKey=made.physical_id, patchOperations=patches)
        old = do(call, "GetApiKey", apiKey=made.physical_id).get("tags") or {}
        arn = f"arn:aws:apigateway:{call.region}::/apikeys/{made.physical_id}"
        retag(call, arn, tags(wanted), old)
        return made

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        undo(call, "DeleteApiKey", apiKey=made.physical_id)


@service.resource_type("AWS::ApiGateway::UsagePlan")
class UsagePlan:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        properties = _plan_properties(wanted)
        found = do(
            call,
            "CreateUsagePlan",
            name=properties.get("UsagePlanName") or wanted.name(255),
            description=properties.get("Description"),
            apiStages=[
                dict(zip(("apiId", "stage"), each.split(":"), strict=True))
                for each in _api_stages(wanted, properties)
            ],
            throttle=_throttle(properties),
            quota=_quota(properties),
            tags=tags(wanted),
        )
        return Made(physical_id=found["id"], attributes={"Id": found["id"]})

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        properties = _plan_properties(wanted)
        current = do(call, "GetUsagePlan", usagePlanId=made.physical_id)
        patches = replacements(wanted, {"UsagePlanName": "/name", "Description": "/description"})
        new = _api_stages(wanted, properties)
        old = _current_stages(current)
        patches += [
            {"op": "remove", "path": "/apiStages", "value": each} for each in old if each not in new
        ]
        patches += [
            {"op": "add", "path": "/apiStages", "value": each} for each in new if each not in old
        ]
        for name, value in (("throttle", _throttle(properties)), ("quota", _quota(properties))):
            if value is None and name in current:
                patches.append({"op": "remove", "path": f"/{name}"})
            for member, inner in (value or {}).items():
                patches.append({"op": "replace", "path": f"/{name}/{member}", "value": str(inner)})
        if patches:
            do(call, "UpdateUsagePlan", usagePlanId=made.physical_id, patchOperations=patches)
        arn = f"arn:aws:apigateway:{call.region}::/usageplans/{made.physical_id}"
        retag(call, arn, tags(wanted), current.get("tags") or {})
        return made

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        """A plan that still covers stages cannot be deleted: take them out first."""
        try:
            current = do(call, "GetUsagePlan", usagePlanId=made.physical_id)
        except AwsError as error:
            if error.code != "NotFoundException":
                raise
            return
        for each in _current_stages(current):
            patches = [{"op": "remove", "path": "/apiStages", "value": each}]
            do(call, "UpdateUsagePlan", usagePlanId=made.physical_id, patchOperations=patches)
        undo(call, "DeleteUsagePlan", usagePlanId=made.physical_id)


@service.resource_type("AWS::ApiGateway::UsagePlanKey")
class UsagePlanKey:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        properties = taken(wanted, "UsagePlanId", "KeyId", "KeyType")
        plan, key = properties["UsagePlanId"], properties["KeyId"]
        kind = properties.get("KeyType", "API_KEY")
        do(call, "CreateUsagePlanKey", usagePlanId=plan, keyId=key, keyType=kind)
        name = f"{key}:{plan}"
        state = {"usagePlanId": plan, "keyId": key}
        return Made(physical_id=name, attributes={"Id": name}, state=state)

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        return made

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        undo(call, "DeleteUsagePlanKey", **made.state)


def _stage_keys(properties: dict[str, Any]) -> list[str]:
    return [
        f"{each['RestApiId']}/{each['StageName']}" for each in properties.get("StageKeys") or []
    ]


def _plan_properties(wanted: Wanted) -> dict[str, Any]:
    return taken(wanted, "UsagePlanName", "Description", "ApiStages", "Quota", "Throttle", "Tags")


def _api_stages(wanted: Wanted, properties: dict[str, Any]) -> list[str]:
    """The stages as "api:stage"."""
    found = []
    for each in properties.get("ApiStages") or []:
        stage = known_only(f"{wanted.type}.ApiStages", each, "ApiId", "Stage")
        found.append(f"{stage['ApiId']}:{stage['Stage']}")
    return found


def _current_stages(plan: dict[str, Any]) -> list[str]:
    return [f"{each['apiId']}:{each['stage']}" for each in plan.get("apiStages") or []]


def _throttle(properties: dict[str, Any]) -> dict[str, Any] | None:
    found = properties.get("Throttle")
    if not found:
        return None
    return {
        "burstLimit": int(found.get("BurstLimit", 0)),
        "rateLimit": float(found.get("RateLimit", 0)),
    }


def _quota(properties: dict[str, Any]) -> dict[str, Any] | None:
    found = properties.get("Quota")
    if not found:
        return None
    return {
        "limit": int(found["Limit"]),
        "offset": int(found.get("Offset", 0)),
        "period": found["Period"],
    }
