"""AWS::ApiGateway:: Deployment, Stage and Account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from freehold.kernel.call import Call
from freehold.kernel.errors import AwsError
from freehold.kernel.resources import Made, Wanted
from freehold.services.apigateway.access import service
from freehold.services.apigateway.resources.properties import (
    boolean,
    do,
    known_only,
    map_changes,
    replace,
    replacements,
    retag,
    step,
    strings,
    tags,
    taken,
    undo,
)

# The properties of a method setting, and where a patch finds them.
SETTINGS = {
    "LoggingLevel": "logging/loglevel",
    "DataTraceEnabled": "logging/dataTrace",
    "MetricsEnabled": "metrics/enabled",
    "ThrottlingBurstLimit": "throttling/burstLimit",
    "ThrottlingRateLimit": "throttling/rateLimit",
    "CachingEnabled": "caching/enabled",
    "CacheTtlInSeconds": "caching/ttlInSeconds",
    "CacheDataEncrypted": "caching/dataEncrypted",
}


@service.resource_type("AWS::ApiGateway::Deployment")
class Deployment:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        properties = taken(wanted, "RestApiId", "Description", "StageName", "StageDescription")
        api_id, stage = properties["RestApiId"], properties.get("StageName")
        described = known_only(
            f"{wanted.type}.StageDescription",
            properties.get("StageDescription") or {},
            "Description",
            "Variables",
            "TracingEnabled",
            "MethodSettings",
            *SETTINGS,
        )
        tracing = described.get("TracingEnabled")
        found = do(
            call,
            "CreateDeployment",
            restApiId=api_id,
            description=properties.get("Description"),
            stageName=stage,
            stageDescription=described.get("Description"),
            variables=strings(described.get("Variables")) or None,
            tracingEnabled=None if tracing is None else boolean(tracing),
        )
        everywhere = {name: described[name] for name in SETTINGS if name in described}
        settings = [*(described.get("MethodSettings") or [])]
        if everywhere:
            settings.insert(0, {"ResourcePath": "/*", "HttpMethod": "*", **everywhere})
        patches = _setting_patches(wanted.type, settings)
        if patches and stage:
            do(call, "UpdateStage", restApiId=api_id, stageName=stage, patchOperations=patches)
        return Made(
            physical_id=found["id"],
            attributes={"DeploymentId": found["id"]},
            state={"restApiId": api_id, "deploymentId": found["id"], "stageName": stage},
        )

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        patches = replacements(wanted, {"Description": "/description"})
        do(
            call,
            "UpdateDeployment",
            restApiId=made.state["restApiId"],
            deploymentId=made.physical_id,
            patchOperations=patches,
        )
        return made

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        """The stage that it made goes with it, unless that serves another deployment by now."""
        api_id, stage_name = made.state["restApiId"], made.state.get("stageName")
        if stage_name:
            try:
                stage = do(call, "GetStage", restApiId=api_id, stageName=stage_name)
            except AwsError as error:
                if error.code != "NotFoundException":
                    raise
                stage = {}
            if stage.get("deploymentId") == made.physical_id:
                undo(call, "DeleteStage", restApiId=api_id, stageName=stage_name)
        undo(call, "DeleteDeployment", restApiId=api_id, deploymentId=made.physical_id)


@service.resource_type("AWS::ApiGateway::Stage")
class Stage:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        properties = _stage_properties(wanted)
        place = {
            "restApiId": properties["RestApiId"],
            "stageName": properties.get("StageName") or wanted.name(128, separator="_"),
        }
        do(
            call,
            "CreateStage",
            **place,
            deploymentId=properties["DeploymentId"],
            description=properties.get("Description"),
            variables=strings(properties.get("Variables")) or None,
            documentationVersion=properties.get("DocumentationVersion"),
            tracingEnabled=boolean(properties.get("TracingEnabled", False)),
            cacheClusterEnabled=boolean(properties.get("CacheClusterEnabled", False)),
            tags=tags(wanted),
        )
        patches = _setting_patches(wanted.type, properties.get("MethodSettings") or [])
        patches += _log_patches(properties.get("AccessLogSetting") or {})
        if patches:
            do(call, "UpdateStage", **place, patchOperations=patches)
        return Made(physical_id=place["stageName"], state=place)

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        properties = _stage_properties(wanted)
        current = do(call, "GetStage", **made.state)
        paths = {
            "DeploymentId": "/deploymentId",
            "Description": "/description",
            "DocumentationVersion": "/documentationVersion",
            "TracingEnabled": "/tracingEnabled",
            "CacheClusterEnabled": "/cacheClusterEnabled",
        }
        patches = [
            replace(path, properties.get(name, "false" if name.endswith("Enabled") else ""))
            for name, path in paths.items()
            if properties.get(name) != wanted.previous.get(name)
        ]
        variables = strings(properties.get("Variables"))
        patches += map_changes("/variables", variables, current.get("variables") or {})
        for key in current.get("methodSettings") or {}:
            place, _, method = key.rpartition("/")
            patches.append({"op": "remove", "path": f"/{step(place)}/{method}"})
        patches += _setting_patches(wanted.type, properties.get("MethodSettings") or [])
        patches += _log_patches(properties.get("AccessLogSetting") or {})
        if patches:
            do(call, "UpdateStage", **made.state, patchOperations=patches)
        path = f"/restapis/{made.state['restApiId']}/stages/{made.state['stageName']}"
        arn = f"arn:aws:apigateway:{call.region}::{path}"
        retag(call, arn, tags(wanted), current.get("tags") or {})
        return made

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        undo(call, "DeleteStage", **made.state)


@service.resource_type("AWS::ApiGateway::Account")
class Account:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        _set_role(call, taken(wanted, "CloudWatchRoleArn").get("CloudWatchRoleArn"))
        name = wanted.name(64)
        return Made(physical_id=name, attributes={"Id": name})

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        _set_role(call, taken(wanted, "CloudWatchRoleArn").get("CloudWatchRoleArn"))
        return made

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        """The account's setting outlives the stack, as on AWS."""


def _stage_properties(wanted: Wanted) -> dict[str, Any]:
    return taken(
        wanted,
        "RestApiId",
        "StageName",
        "DeploymentId",
        "Description",
        "Variables",
        "DocumentationVersion",
        "TracingEnabled",
        "CacheClusterEnabled",
        "MethodSettings",
        "AccessLogSetting",
        "Tags",
    )


def _setting_patches(what: str, settings: list[Mapping[str, Any]]) -> list[dict[str, str]]:
    patches = []
    for each in settings:
        setting = known_only(
            f"{what}.MethodSettings", each, "ResourcePath", "HttpMethod", *SETTINGS
        )
        path = step(str(setting.get("ResourcePath", "/*")).lstrip("/"))
        method = setting.get("HttpMethod", "*")
        patches += [
            replace(f"/{path}/{method}/{place}", setting[name])
            for name, place in SETTINGS.items()
            if name in setting
        ]
    return patches


def _log_patches(setting: Mapping[str, Any]) -> list[dict[str, str]]:
    paths = {
        "DestinationArn": "/accessLogSettings/destinationArn",
        "Format": "/accessLogSettings/format",
    }
    return [replace(path, setting[name]) for name, path in paths.items() if setting.get(name)]


def _set_role(call: Call, role_arn: str | None) -> None:
    if role_arn:
        patches = [replace("/cloudwatchRoleArn", role_arn)]
        do(call, "UpdateAccount", patchOperations=patches)
