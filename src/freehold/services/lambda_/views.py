"""How functions, versions, aliases and layers are shown."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from freehold.services.lambda_.names import LayerTarget, Target, function_arn
from freehold.services.lambda_.records import LATEST, Alias, Configuration, LayerVersion

Params = dict[str, Any]


def configuration(target: Target, known: Configuration, *, qualified: bool = False) -> Params:
    """A configuration; its ARN has the target's qualifier, or the version where `qualified`."""
    qualifier = known.version if qualified else target.qualifier
    log_group = known.log_group or f"/aws/lambda/{target.name}"
    return {
        "FunctionName": target.name,
        "FunctionArn": function_arn(target.account, target.region, target.name, qualifier),
        "Runtime": known.runtime,
        "Role": known.role,
        "Handler": known.handler,
        "CodeSize": known.code.size,
        "Description": known.description,
        "Timeout": known.timeout_s,
        "MemorySize": known.memory_mb,
        "LastModified": time(known.modified),
        "CodeSha256": known.code.sha256,
        "Version": known.version,
        "Environment": None if known.environment is None else {"Variables": known.environment},
        "TracingConfig": {"Mode": known.tracing},
        "RevisionId": known.revision,
        "Layers": [{"Arn": used.arn, "CodeSize": used.code.size} for used in known.layers] or None,
        "State": known.state,
        "StateReason": known.state_reason,
        "StateReasonCode": known.state_reason_code,
        "LastUpdateStatus": known.update_status,
        "LastUpdateStatusReason": known.update_reason,
        "LastUpdateStatusReasonCode": known.update_reason_code,
        "PackageType": "Zip",
        "Architectures": [known.architecture],
        "EphemeralStorage": {"Size": known.ephemeral_storage_mb},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": log_group},
    }


def listed(target: Target, known: Configuration, *, qualified: bool = False) -> Params:
    """The same in lists, which leave the state out."""
    shown = configuration(target, known, qualified=qualified)
    for name in tuple(shown):
        if name.startswith(("State", "LastUpdate")):
            del shown[name]
    return shown


def alias(target: Target, known: Alias) -> Params:
    return {
        "AliasArn": function_arn(target.account, target.region, target.name, known.name),
        "Name": known.name,
        "FunctionVersion": known.version,
        "Description": known.description,
        "RoutingConfig": {"AdditionalVersionWeights": known.weights} if known.weights else None,
        "RevisionId": known.revision,
    }


def layer_version(target: LayerTarget, known: LayerVersion) -> Params:
    """A layer version as lists have it."""
    return {
        "LayerVersionArn": f"{target.layer_arn}:{known.number}",
        "Version": known.number,
        "Description": known.description,
        "CreatedDate": time(known.created),
        "CompatibleArchitectures": list(known.architectures) or None,
        "CompatibleRuntimes": list(known.runtimes) or None,
        "LicenseInfo": known.license,
    }


def time(seconds: float) -> str:
    """`2026-11-21T10:09:00.000+0000`, as Lambda writes times."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000"


__all__ = ["LATEST", "alias", "configuration", "layer_version", "listed", "time"]
