"""What Lambda decides without asking anybody: limits, defaults, what a request makes of a
configuration."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import orjson
from msgspec.structs import replace

from freehold.kernel.errors import AwsError, not_implemented
from freehold.services.lambda_ import errors
from freehold.services.lambda_.records import Alias, Code, Configuration, UsedLayer

Params = dict[str, Any]

ZIP_UPLOAD_BYTES_MAX = 50 * 1024 * 1024
UNZIPPED_BYTES_MAX = 262_144_000
ENVIRONMENT_BYTES_MAX = 4096
LAYERS_MAX = 5
MEMORY_MB_MAX = 10_240
TIMEOUT_S_MAX = 900
EPHEMERAL_STORAGE_MB_MAX = 10_240
TAGS_MAX = 50
CONCURRENCY_OF_ACCOUNT = 1000
CONCURRENCY_UNRESERVED_MIN = 100

RESERVED_VARIABLES = frozenset(
    {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_RUNTIME_API",
        "LAMBDA_TASK_ROOT",
        "LAMBDA_RUNTIME_DIR",
    }
)
_BEING_CREATED = "The function is being created."


def check_new(params: Params, operation: str) -> None:
    """The rules of CreateFunction that need nothing but the request."""
    if params.get("PackageType", "Zip") != "Zip":
        raise not_implemented("PackageType Image of lambda:CreateFunction")
    if "Runtime" not in params or "Handler" not in params:
        raise errors.invalid(
            "Runtime and Handler are mandatory parameters for functions created with deployment "
            "packages."
        )
    _check_settings(params)
    check_code_source(params["Code"], operation)
    check_tags(params.get("Tags", {}))


def check_code_source(source: Params, operation: str) -> None:
    """Exactly one place for the code to come from."""
    if source.get("S3ObjectStorageMode", "COPY") != "COPY":
        raise not_implemented("S3ObjectStorageMode REFERENCE")
    has_zip, has_s3 = "ZipFile" in source, "S3Bucket" in source or "S3Key" in source
    if has_zip and has_s3:
        raise errors.invalid(
            "Please do not provide other FunctionCode parameters when providing a ZipFile."
        )
    if not has_zip and not has_s3:
        raise errors.invalid("Please provide a source for function code.")
    if has_zip and not source["ZipFile"]:
        raise errors.invalid("Uploaded file must be a non-empty zip")
    if has_zip and len(source["ZipFile"]) > ZIP_UPLOAD_BYTES_MAX:
        raise errors.upload_too_large(ZIP_UPLOAD_BYTES_MAX, operation)
    if has_s3 and not ("S3Bucket" in source and "S3Key" in source):
        raise errors.invalid("Please provide both S3Bucket and S3Key for the function code.")


def new_configuration(
    params: Params,
    *,
    code: Code,
    layers: tuple[UsedLayer, ...],
    revision: str,
    now: float,
) -> Configuration:
    check_unzipped(code, layers)
    return Configuration(
        version="$LATEST",
        runtime=params["Runtime"],
        role=params["Role"],
        handler=params["Handler"],
        code=code,
        revision=revision,
        modified=now,
        description=params.get("Description", ""),
        timeout_s=params.get("Timeout", 3),
        memory_mb=params.get("MemorySize", 128),
        ephemeral_storage_mb=params.get("EphemeralStorage", {}).get("Size", 512),
        environment=params.get("Environment", {}).get("Variables"),
        layers=layers,
        architecture=params.get("Architectures", ["x86_64"])[0],
        tracing=params.get("TracingConfig", {}).get("Mode", "PassThrough"),
        log_group=params.get("LoggingConfig", {}).get("LogGroup", ""),
        state="Pending",
        state_reason=_BEING_CREATED,
        state_reason_code="Creating",
    )


def changed_configuration(
    known: Configuration,
    params: Params,
    *,
    layers: tuple[UsedLayer, ...] | None,
    revision: str,
    now: float,
) -> Configuration:
    """What UpdateFunctionConfiguration makes of $LATEST; absent parameters change nothing."""
    changes: dict[str, Any] = {
        field: params[name]
        for name, field in (
            ("Runtime", "runtime"),
            ("Role", "role"),
            ("Handler", "handler"),
            ("Description", "description"),
            ("Timeout", "timeout_s"),
            ("MemorySize", "memory_mb"),
        )
        if name in params
    }
    if "EphemeralStorage" in params:
        changes["ephemeral_storage_mb"] = params["EphemeralStorage"]["Size"]
    if "Environment" in params:
        changes["environment"] = params["Environment"].get("Variables", {})
    if "TracingConfig" in params:
        changes["tracing"] = params["TracingConfig"].get("Mode", "PassThrough")
    if "LoggingConfig" in params:
        changes["log_group"] = params["LoggingConfig"].get("LogGroup", "")
    if layers is not None:
        check_unzipped(known.code, layers)
        changes["layers"] = layers
    return _updating(replace(known, **changes), revision, now)


def changed_code(
    known: Configuration, code: Code, architecture: str | None, *, revision: str, now: float
) -> Configuration:
    check_unzipped(code, known.layers)
    changed = replace(known, code=code, architecture=architecture or known.architecture)
    return _updating(changed, revision, now)


def settled(known: Configuration, note: str) -> Configuration:
    """A configuration after its creation or update is done; the note says how it is run."""
    return replace(
        known,
        state="Active",
        state_reason=note or None,
        state_reason_code=None,
        update_status="Successful",
        update_reason=None,
        update_reason_code=None,
    )


def failed(known: Configuration, reason: str) -> Configuration:
    """A configuration whose runtime went away before it was ready."""
    return replace(
        known,
        state="Failed",
        state_reason=reason,
        state_reason_code="InvalidRuntime",
        update_status="Failed",
        update_reason=reason,
        update_reason_code="InvalidRuntime",
    )


def check_changes(params: Params) -> None:
    """The rules of UpdateFunctionConfiguration that need nothing but the request."""
    _check_settings(params)


def check_unzipped(code: Code, layers: Sequence[UsedLayer]) -> None:
    if code.unzipped_size > UNZIPPED_BYTES_MAX:
        raise errors.invalid(f"Unzipped size must be smaller than {UNZIPPED_BYTES_MAX} bytes")
    total = code.unzipped_size + sum(layer.code.unzipped_size for layer in layers)
    if total > UNZIPPED_BYTES_MAX:
        raise errors.invalid(
            "Function code combined with layers exceeds the maximum allowed size of "
            f"{UNZIPPED_BYTES_MAX} bytes. The actual size is {total} bytes."
        )


def check_layer_arns(arns: Sequence[str]) -> None:
    if len(arns) > LAYERS_MAX:
        raise errors.invalid(f"Cannot reference more than {LAYERS_MAX} layers.")
    layers = [arn.rsplit(":", 1)[0] for arn in arns]
    if len(set(layers)) < len(layers):
        raise errors.invalid(
            "Two different versions of the same layer are not allowed to be referenced in the "
            "same function."
        )


def check_tags(tags: dict[str, str]) -> None:
    if len(tags) > TAGS_MAX:
        raise errors.invalid(f"Number of tags exceeds resource tag limit of {TAGS_MAX}")


def is_same_version(latest: Configuration, published: Configuration) -> bool:
    """Whether publishing $LATEST again would make nothing new."""
    return _essence(latest) == _essence(published)


def published(latest: Configuration, number: int, description: str | None) -> Configuration:
    version = replace(latest, version=str(number))
    return version if description is None else replace(version, description=description)


# Aliases.


def check_alias(version: str, weights: dict[str, float]) -> None:
    if len(weights) > 1:
        raise errors.invalid(
            "Number of items in AdditionalVersionWeights cannot be greater than 1. "
            "Action not allowed."
        )
    for other in weights:
        if "$LATEST" in (version, other):
            raise errors.invalid(
                "$LATEST is not supported for an alias pointing to more than 1 version"
            )
        if other == version:
            raise errors.invalid(
                f"Invalid function version {other}. Function version {other} is already "
                "included in routing configuration."
            )


def version_of(alias: Alias, draw: float) -> str:
    """The version that an alias sends an invocation to; `draw` is a number from 0 up to 1."""
    for version, weight in alias.weights.items():
        if draw < weight:
            return version
        draw -= weight
    return alias.version


# Policies.

_ACCOUNT = re.compile(r"\d{12}")
_SERVICE = re.compile(r"[a-z0-9.\-]+\.[a-z0-9.\-]+")
POLICY_BYTES_MAX = 20_480


def statement(params: Params, resource: str) -> dict[str, Any]:
    """The policy statement that AddPermission stands for, in the form in which AWS writes it."""
    built: dict[str, Any] = {
        "Sid": params["StatementId"],
        "Effect": "Allow",
        "Principal": _principal(params["Principal"]),
        "Action": params["Action"],
        "Resource": resource,
    }
    conditions = _conditions(params)
    if conditions:
        built["Condition"] = conditions
    return built


def layer_statement(params: Params, resource: str) -> dict[str, Any]:
    principal = params["Principal"]
    built: dict[str, Any] = {
        "Sid": params["StatementId"],
        "Effect": "Allow",
        "Principal": "*" if principal == "*" else _principal(principal),
        "Action": params["Action"],
        "Resource": resource,
    }
    if "OrganizationId" in params:
        if principal != "*":
            raise errors.invalid("OrganizationId is supported only with the principal *.")
        built["Condition"] = {"StringEquals": {"aws:PrincipalOrgID": params["OrganizationId"]}}
    return built


def policy_text(statements: Iterable[dict[str, Any]]) -> str:
    document = {"Version": "2012-10-17", "Id": "default", "Statement": list(statements)}
    text = json_text(document)
    if len(text) > POLICY_BYTES_MAX:
        raise AwsError(
            "PolicyLengthExceededException",
            f"The final policy size ({len(text)}) is bigger than the limit ({POLICY_BYTES_MAX}).",
            Type="User",
        )
    return text


def json_text(value: Any) -> str:
    return orjson.dumps(value).decode()


def _principal(principal: str) -> Any:
    if principal == "*":
        return "*"
    if _ACCOUNT.fullmatch(principal):
        return {"AWS": f"arn:aws:iam::{principal}:root"}
    if principal.startswith("arn:"):
        return {"AWS": principal}
    if _SERVICE.fullmatch(principal):
        return {"Service": principal}
    raise errors.invalid(
        "The provided principal was invalid. Please check the principal and try again."
    )


def _conditions(params: Params) -> dict[str, dict[str, str]]:
    equals: dict[str, str] = {}
    conditions: dict[str, dict[str, str]] = {}
    if "FunctionUrlAuthType" in params:
        if params["Action"] != "lambda:InvokeFunctionUrl":
            raise errors.invalid(
                "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action"
            )
        equals["lambda:FunctionUrlAuthType"] = params["FunctionUrlAuthType"]
    if "SourceAccount" in params:
        equals["AWS:SourceAccount"] = params["SourceAccount"]
    if "EventSourceToken" in params:
        equals["lambda:EventSourceToken"] = params["EventSourceToken"]
    if "PrincipalOrgID" in params:
        equals["aws:PrincipalOrgID"] = params["PrincipalOrgID"]
    if equals:
        conditions["StringEquals"] = equals
    if "SourceArn" in params:
        conditions["ArnLike"] = {"AWS:SourceArn": params["SourceArn"]}
    if "InvokedViaFunctionUrl" in params:
        via = "true" if params["InvokedViaFunctionUrl"] else "false"
        conditions["Bool"] = {"lambda:InvokedViaFunctionUrl": via}
    return conditions


def _check_settings(params: Params) -> None:
    _check_at_most(params, "Timeout", TIMEOUT_S_MAX)
    _check_at_most(params, "MemorySize", MEMORY_MB_MAX)
    storage = params.get("EphemeralStorage", {})
    _check_at_most(storage, "Size", EPHEMERAL_STORAGE_MB_MAX, "ephemeralStorage.size")
    _check_environment(params.get("Environment", {}).get("Variables", {}))
    _check_vpc(params.get("VpcConfig", {}))
    if params.get("SnapStart", {}).get("ApplyOn", "None") != "None":
        raise not_implemented("SnapStart")
    logging = params.get("LoggingConfig", {})
    if logging.get("LogFormat", "Text") != "Text":
        raise not_implemented("LogFormat JSON of LoggingConfig")
    for level in ("ApplicationLogLevel", "SystemLogLevel"):
        if level in logging:
            raise errors.invalid(
                f"{level} is not supported for functions with LogFormat set to Text."
            )
    for option in ("DeadLetterConfig", "KMSKeyArn"):
        # Empty ones are how clients say that there is none.
        if params.get(option) and params[option] != {"TargetArn": ""}:
            raise not_implemented(option)
    check_layer_arns(params.get("Layers", ()))


def _check_at_most(params: Params, name: str, limit: int, path: str = "") -> None:
    value = params.get(name)
    if value is not None and value > limit:
        shown = path or name[0].lower() + name[1:]
        raise errors.validation(
            f"Value '{value}' at '{shown}' failed to satisfy constraint: Member must have value "
            f"less than or equal to {limit}"
        )


def _check_environment(variables: dict[str, str]) -> None:
    reserved = sorted(RESERVED_VARIABLES & variables.keys())
    if reserved:
        raise errors.invalid(
            "Lambda was unable to configure your environment variables because the environment "
            "variables you have provided contains reserved keys that are currently not supported "
            f"for modification. Reserved keys used in this request: {', '.join(reserved)}"
        )
    if len(orjson.dumps(variables)) > ENVIRONMENT_BYTES_MAX:
        raise errors.invalid(
            "Lambda was unable to configure your environment variables because the environment "
            "variables you have provided exceeded the 4KB limit. String measured: "
            f"{orjson.dumps(variables).decode()}"
        )


def _check_vpc(vpc: Params) -> None:
    if vpc.get("SubnetIds") or vpc.get("SecurityGroupIds"):
        raise not_implemented("VpcConfig of Lambda functions")


def _updating(known: Configuration, revision: str, now: float) -> Configuration:
    return replace(
        known,
        revision=revision,
        modified=now,
        update_status="InProgress",
        update_reason=_BEING_CREATED,
        update_reason_code="Creating",
    )


def _essence(configuration: Configuration) -> Configuration:
    """A configuration without what differs between $LATEST and its published copy."""
    return msgspec.structs.replace(
        settled(configuration, ""), version="", description="", revision="", modified=0.0
    )
