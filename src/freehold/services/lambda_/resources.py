"""CloudFormation: functions, versions, aliases, permissions, layers, URLs and asynchronous
settings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from freehold.kernel.call import Call
from freehold.kernel.errors import AwsError, not_implemented
from freehold.kernel.resources import Made, Wanted
from freehold.services.lambda_ import inline, names
from freehold.services.lambda_.service import service

Params = dict[str, Any]

# Properties that mean the same as the parameter of this name, and the type that it wants.
_SETTINGS: dict[str, type] = {
    "Runtime": str,
    "Role": str,
    "Handler": str,
    "Description": str,
    "Timeout": int,
    "MemorySize": int,
    "VpcConfig": dict,
    "DeadLetterConfig": dict,
    "TracingConfig": dict,
    "Layers": list,
    "FileSystemConfigs": list,
    "SnapStart": dict,
    "LoggingConfig": dict,
    "KmsKeyArn": str,
    "ImageConfig": dict,
    "DurableConfig": dict,
}
_SETTINGS_DEFAULT: Params = {
    "Description": "",
    "Timeout": 3,
    "MemorySize": 128,
    "Layers": [],
    "FileSystemConfigs": [],
    "TracingConfig": {"Mode": "PassThrough"},
    "LoggingConfig": {"LogFormat": "Text"},
}
_FUNCTION_PROPERTIES = {
    *_SETTINGS,
    "FunctionName",
    "Code",
    "Environment",
    "EphemeralStorage",
    "Architectures",
    "PackageType",
    "Tags",
    "ReservedConcurrentExecutions",
    "CodeSigningConfigArn",
    "RecursiveLoop",
    "RuntimeManagementConfig",
}


@service.resource_type("AWS::Lambda::Function")
class Function:
    @staticmethod
    async def create(call: Call, wanted: Wanted) -> Made:
        properties = _function_properties(wanted)
        name = properties.get("FunctionName") or wanted.name(64)
        params = {
            "FunctionName": name,
            **_settings(properties),
            "Code": _code(properties),
            "Tags": _tags(wanted),
        }
        if "Architectures" in properties:
            params["Architectures"] = properties["Architectures"]
        if "PackageType" in properties:
            params["PackageType"] = properties["PackageType"]
        try:
            await call.invoke("lambda", "CreateFunction", params)
        except AwsError as error:
            if not (wanted.retried and error.code == "ResourceConflictException"):
                raise
            await _ensure_made_by(call, wanted, name)
        if "ReservedConcurrentExecutions" in properties:
            await _set_concurrency(call, name, properties["ReservedConcurrentExecutions"])
        return _made_function(call, name, wanted)

    @staticmethod
    async def update(call: Call, wanted: Wanted, made: Made) -> Made:
        properties, name = _function_properties(wanted), made.physical_id
        previous = wanted.previous
        if _code_changed(properties, previous):
            params = {"FunctionName": name, **_code(properties)}
            if "Architectures" in properties:
                params["Architectures"] = properties["Architectures"]
            await call.invoke("lambda", "UpdateFunctionCode", params)
        settings = _settings(properties)
        if settings != _settings(previous):
            gone = _settings(previous).keys() - settings.keys()
            restored = {key: _default(key) for key in gone}
            await call.invoke(
                "lambda",
                "UpdateFunctionConfiguration",
                {"FunctionName": name, **restored, **settings},
            )
        reserved = properties.get("ReservedConcurrentExecutions")
        if reserved != previous.get("ReservedConcurrentExecutions"):
            await _set_concurrency(call, name, reserved)
        await _set_tags(call, name, _tags(wanted), made.state.get("tags", {}))
        return _made_function(call, name, wanted)

    @staticmethod
    async def delete(call: Call, made: Made) -> None:
        try:
            await call.invoke("lambda", "DeleteFunction", {"FunctionName": made.physical_id})
        except AwsError as error:
            if error.code != "ResourceNotFoundException":
                raise

    @staticmethod
    def settled(call: Call, made: Made) -> Made | None:
        """None until the function may be used."""
        params = {"FunctionName": made.physical_id}
        known = call.invoke_within("lambda", "GetFunction", params)["Configuration"]
        if known["State"] == "Failed":
            raise AwsError("NotStabilized", known["StateReason"])
        busy = known["State"] == "Pending" or known.get("LastUpdateStatus") == "InProgress"
        return None if busy else made


@service.resource_type("AWS::Lambda::Version")
class Version:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        _refuse_others(wanted, {"FunctionName", "Description", "CodeSha256"})
        version = call.invoke_within("lambda", "PublishVersion", dict(wanted.properties))
        arn = version["FunctionArn"]
        return Made(physical_id=arn, attributes={"Version": version["Version"], "FunctionArn": arn})

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        """Versions do not change; what is new becomes a new one."""
        return made

    @staticmethod
    async def delete(call: Call, made: Made) -> None:
        """Delete the version; one that an alias still uses stays, to go with its function."""
        try:
            await call.invoke("lambda", "DeleteFunction", {"FunctionName": made.physical_id})
        except AwsError as error:
            if error.code != "ResourceNotFoundException":
                raise


@service.resource_type("AWS::Lambda::Alias")
class Alias:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        params = _alias(wanted)
        alias = call.invoke_within("lambda", "CreateAlias", params)
        return Made(
            physical_id=alias["AliasArn"],
            attributes={"AliasArn": alias["AliasArn"]},
            state={"function": params["FunctionName"], "name": params["Name"]},
        )

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        params = {"Description": "", "RoutingConfig": {}, **_alias(wanted)}
        call.invoke_within("lambda", "UpdateAlias", params)
        return made

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        params = {"FunctionName": made.state["function"], "Name": made.state["name"]}
        _ignoring_absence(call, "DeleteAlias", params)


@service.resource_type("AWS::Lambda::Permission")
class Permission:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        known = {
            *("Action", "FunctionName", "Principal", "SourceArn", "SourceAccount"),
            *("EventSourceToken", "FunctionUrlAuthType", "PrincipalOrgID", "InvokedViaFunctionUrl"),
        }
        _refuse_others(wanted, known)
        sid = wanted.name(100)
        params = {**wanted.properties, "StatementId": sid}
        if "SourceAccount" in params:
            params["SourceAccount"] = str(params["SourceAccount"])
        if "InvokedViaFunctionUrl" in params:
            params["InvokedViaFunctionUrl"] = _boolean(params["InvokedViaFunctionUrl"])
        params["Principal"] = str(params["Principal"])
        call.invoke_within("lambda", "AddPermission", params)
        return Made(
            physical_id=sid,
            attributes={"Id": sid},
            state={"function": wanted.properties["FunctionName"]},
        )

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        """Every property is create-only; nothing remains to be done."""
        return made

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        params = {"FunctionName": made.state["function"], "StatementId": made.physical_id}
        _ignoring_absence(call, "RemovePermission", params)


@service.resource_type("AWS::Lambda::LayerVersion")
class LayerVersion:
    @staticmethod
    async def create(call: Call, wanted: Wanted) -> Made:
        known = {
            *("LayerName", "Content", "Description", "LicenseInfo"),
            *("CompatibleRuntimes", "CompatibleArchitectures"),
        }
        _refuse_others(wanted, known)
        params = {"LayerName": wanted.name(140), **wanted.properties}
        layer = await call.invoke("lambda", "PublishLayerVersion", params)
        arn = layer["LayerVersionArn"]
        return Made(physical_id=arn, attributes={"LayerVersionArn": arn})

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        """Every property is create-only; nothing remains to be done."""
        return made

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        layer = names.layer_version(made.physical_id)
        params = {"LayerName": layer.layer_arn, "VersionNumber": layer.number}
        _ignoring_absence(call, "DeleteLayerVersion", params)


@service.resource_type("AWS::Lambda::LayerVersionPermission")
class LayerVersionPermission:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        _refuse_others(wanted, {"Action", "LayerVersionArn", "Principal", "OrganizationId"})
        properties = wanted.properties
        layer = names.layer_version(properties["LayerVersionArn"])
        params = {
            "LayerName": layer.layer_arn,
            "VersionNumber": layer.number,
            "StatementId": wanted.name(100),
            "Action": properties["Action"],
            "Principal": str(properties["Principal"]),
        }
        if "OrganizationId" in properties:
            params["OrganizationId"] = properties["OrganizationId"]
        call.invoke_within("lambda", "AddLayerVersionPermission", params)
        identifier = f"{layer.arn}#{params['StatementId']}"
        return Made(physical_id=identifier, attributes={"Id": identifier})

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        """Every property is create-only; nothing remains to be done."""
        return made

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        arn, _, sid = made.physical_id.partition("#")
        layer = names.layer_version(arn)
        params = {
            "LayerName": layer.layer_arn,
            "VersionNumber": layer.number,
            "StatementId": sid,
        }
        _ignoring_absence(call, "RemoveLayerVersionPermission", params)


@service.resource_type("AWS::Lambda::Url")
class Url:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        params = _url(wanted)
        shown = call.invoke_within("lambda", "CreateFunctionUrlConfig", params)
        return _made_url(shown, params)

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        params = {"Cors": {}, **_url(wanted)}
        shown = call.invoke_within("lambda", "UpdateFunctionUrlConfig", params)
        return _made_url(shown, params)

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        _ignoring_absence(call, "DeleteFunctionUrlConfig", made.state)


@service.resource_type("AWS::Lambda::EventInvokeConfig")
class EventInvokeConfig:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        params = _event_invoke(wanted)
        call.invoke_within("lambda", "PutFunctionEventInvokeConfig", params)
        place = {name: params[name] for name in ("FunctionName", "Qualifier")}
        return Made(physical_id="|".join(place.values()), state=place)

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        call.invoke_within("lambda", "PutFunctionEventInvokeConfig", _event_invoke(wanted))
        return made

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        _ignoring_absence(call, "DeleteFunctionEventInvokeConfig", made.state)


def _function_properties(wanted: Wanted) -> Params:
    _refuse_others(wanted, _FUNCTION_PROPERTIES)
    properties = wanted.properties
    for name in ("CodeSigningConfigArn", "ImageConfig", "DurableConfig"):
        if properties.get(name):
            raise not_implemented(f"{name} of {wanted.type}")
    if properties.get("RecursiveLoop", "Terminate") != "Terminate":
        raise not_implemented(f"RecursiveLoop of {wanted.type}")
    management = properties.get("RuntimeManagementConfig", {})
    if management.get("UpdateRuntimeOn", "Auto") != "Auto":
        raise not_implemented(f"RuntimeManagementConfig of {wanted.type}")
    return properties


def _settings(properties: Params) -> Params:
    """The parameters that creation and change of the configuration share."""
    settings: Params = {}
    for name, kind in _SETTINGS.items():
        if name in properties:
            value = properties[name]
            settings[name] = int(value) if kind is int else value
    if "KmsKeyArn" in settings:
        settings["KMSKeyArn"] = settings.pop("KmsKeyArn")
    if "Environment" in properties:
        variables = properties["Environment"].get("Variables", {})
        settings["Environment"] = {
            "Variables": {key: _text(value) for key, value in variables.items()}
        }
    if "EphemeralStorage" in properties:
        settings["EphemeralStorage"] = {"Size": int(properties["EphemeralStorage"]["Size"])}
    return settings


def _default(setting: str) -> Any:
    """What a setting is when the template no longer speaks of it."""
    if setting == "Environment":
        return {"Variables": {}}
    if setting == "EphemeralStorage":
        return {"Size": 512}
    return _SETTINGS_DEFAULT.get(setting, {})


def _code(properties: Params) -> Params:
    code = properties["Code"]
    if isinstance(code.get("ZipFile"), str):
        return {"ZipFile": inline.archive(properties.get("Runtime", ""), code["ZipFile"])}
    return dict(code)


def _code_changed(properties: Params, previous: Params) -> bool:
    return any(
        properties.get(name) != previous.get(name) for name in ("Code", "Architectures")
    ) or ("ZipFile" in properties["Code"] and properties.get("Runtime") != previous.get("Runtime"))


async def _ensure_made_by(call: Call, wanted: Wanted, name: str) -> None:
    """Raise unless the function of this name was made for this resource, before a crash."""
    found = await call.invoke("lambda", "GetFunction", {"FunctionName": name})
    tags = found.get("Tags") or {}
    if any(tags.get(key) != value for key, value in wanted.tags().items()):
        raise AwsError("AlreadyExists", f"Function already exist: {name}")


async def _set_concurrency(call: Call, name: str, reserved: Any) -> None:
    if reserved is None:
        await call.invoke("lambda", "DeleteFunctionConcurrency", {"FunctionName": name})
        return
    params = {"FunctionName": name, "ReservedConcurrentExecutions": int(reserved)}
    await call.invoke("lambda", "PutFunctionConcurrency", params)


async def _set_tags(call: Call, name: str, tags: dict[str, str], previous: dict[str, str]) -> None:
    arn = names.function_arn(call.account, call.region, name)
    gone = [key for key in previous if key not in tags]
    if gone:
        await call.invoke("lambda", "UntagResource", {"Resource": arn, "TagKeys": gone})
    if tags != previous:
        await call.invoke("lambda", "TagResource", {"Resource": arn, "Tags": tags})


def _made_function(call: Call, name: str, wanted: Wanted) -> Made:
    return Made(
        physical_id=name,
        attributes={
            "Arn": names.function_arn(call.account, call.region, name),
            "SnapStartResponse": {"ApplyOn": "None", "OptimizationStatus": "Off"},
            "SnapStartResponse.ApplyOn": "None",
            "SnapStartResponse.OptimizationStatus": "Off",
        },
        state={"tags": _tags(wanted)},
    )


def _alias(wanted: Wanted) -> Params:
    _refuse_others(
        wanted, {"FunctionName", "Name", "FunctionVersion", "Description", "RoutingConfig"}
    )
    params = dict(wanted.properties)
    params["FunctionVersion"] = str(params["FunctionVersion"])
    if "RoutingConfig" in params:
        weights = params["RoutingConfig"].get("AdditionalVersionWeights", [])
        params["RoutingConfig"] = {
            "AdditionalVersionWeights": {
                str(each["FunctionVersion"]): float(each["FunctionWeight"]) for each in weights
            }
        }
    return params


def _url(wanted: Wanted) -> Params:
    _refuse_others(wanted, {"TargetFunctionArn", "Qualifier", "AuthType", "Cors", "InvokeMode"})
    params = dict(wanted.properties)
    params["FunctionName"] = params.pop("TargetFunctionArn")
    cors = params.get("Cors")
    if cors is not None:
        cors = dict(cors)
        if "MaxAge" in cors:
            cors["MaxAge"] = int(cors["MaxAge"])
        if "AllowCredentials" in cors:
            cors["AllowCredentials"] = _boolean(cors["AllowCredentials"])
        params["Cors"] = cors
    return params


def _made_url(shown: Params, params: Params) -> Made:
    place: Params = {name: params[name] for name in ("FunctionName", "Qualifier") if name in params}
    return Made(
        physical_id=shown["FunctionArn"],
        attributes={"FunctionArn": shown["FunctionArn"], "FunctionUrl": shown["FunctionUrl"]},
        state=place,
    )


def _event_invoke(wanted: Wanted) -> Params:
    known = {
        *("FunctionName", "Qualifier", "MaximumRetryAttempts"),
        *("MaximumEventAgeInSeconds", "DestinationConfig"),
    }
    _refuse_others(wanted, known)
    params = dict(wanted.properties)
    for name in ("MaximumRetryAttempts", "MaximumEventAgeInSeconds"):
        if name in params:
            params[name] = int(params[name])
    return params


def _tags(wanted: Wanted) -> dict[str, str]:
    own: Iterable[Params] = wanted.properties.get("Tags", [])
    return {**wanted.tags(), **{tag["Key"]: str(tag["Value"]) for tag in own}}


def _text(value: Any) -> str:
    """A value as CloudFormation hands it to a map of strings."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _boolean(value: Any) -> bool:
    return value is True or value == "true"


def _refuse_others(wanted: Wanted, known: set[str]) -> None:
    for name in wanted.properties:
        if name not in known:
            raise not_implemented(f"{name} of {wanted.type}")


def _ignoring_absence(call: Call, operation: str, params: Params) -> None:
    try:
        call.invoke_within("lambda", operation, params)
    except AwsError as error:
        if error.code != "ResourceNotFoundException":
            raise
