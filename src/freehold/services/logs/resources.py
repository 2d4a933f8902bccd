"""CloudFormation: AWS::Logs::LogGroup and AWS::Logs::LogStream."""

from __future__ import annotations

from typing import Any

from freehold.kernel.call import Call
from freehold.kernel.errors import AwsError, not_implemented
from freehold.kernel.resources import Made, Wanted
from freehold.services.logs.service import service

_GROUP_PROPERTIES = {
    "LogGroupName",
    "RetentionInDays",
    "Tags",
    "LogGroupClass",
    "DeletionProtectionEnabled",
}
_STREAM_PROPERTIES = {"LogGroupName", "LogStreamName"}


@service.resource_type("AWS::Logs::LogGroup")
class LogGroup:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        _refuse_others(wanted, _GROUP_PROPERTIES)
        properties = wanted.properties
        name = properties.get("LogGroupName") or wanted.name(512)
        params: dict[str, Any] = {"logGroupName": name, "tags": _tags(wanted)}
        if "LogGroupClass" in properties:
            params["logGroupClass"] = properties["LogGroupClass"]
        if "DeletionProtectionEnabled" in properties:
            params["deletionProtectionEnabled"] = _boolean(properties["DeletionProtectionEnabled"])
        call.invoke_within("logs", "CreateLogGroup", params)
        _set_retention(call, name, properties.get("RetentionInDays"), None)
        return _made_group(call, name, wanted)

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        _refuse_others(wanted, _GROUP_PROPERTIES)
        name = made.physical_id
        properties, previous = wanted.properties, wanted.previous
        _set_retention(
            call, name, properties.get("RetentionInDays"), previous.get("RetentionInDays")
        )
        protected = _boolean(properties.get("DeletionProtectionEnabled", False))
        if protected != _boolean(previous.get("DeletionProtectionEnabled", False)):
            call.invoke_within(
                "logs",
                "PutLogGroupDeletionProtection",
                {"logGroupIdentifier": name, "deletionProtectionEnabled": protected},
            )
        _set_tags(call, name, _tags(wanted), made.state.get("tags", {}))
        return _made_group(call, name, wanted)

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        _ignoring_absence(call, "DeleteLogGroup", {"logGroupName": made.physical_id})


@service.resource_type("AWS::Logs::LogStream")
class LogStream:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        _refuse_others(wanted, _STREAM_PROPERTIES)
        group = wanted.properties["LogGroupName"]
        name = wanted.properties.get("LogStreamName") or wanted.name(512)
        call.invoke_within(
            "logs", "CreateLogStream", {"logGroupName": group, "logStreamName": name}
        )
        return Made(physical_id=name, state={"group": group})

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        """Every property of a stream is create-only; nothing remains to be done."""
        return made

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        params = {"logGroupName": made.state["group"], "logStreamName": made.physical_id}
        _ignoring_absence(call, "DeleteLogStream", params)


def _made_group(call: Call, name: str, wanted: Wanted) -> Made:
    return Made(
        physical_id=name,
        attributes={"Arn": call.arn(f"log-group:{name}:*", service="logs")},
        state={"tags": _tags(wanted)},
    )


def _set_retention(call: Call, name: str, days: Any, previous: Any) -> None:
    if days is not None:
        params = {"logGroupName": name, "retentionInDays": int(days)}
        call.invoke_within("logs", "PutRetentionPolicy", params)
    elif previous is not None:
        call.invoke_within("logs", "DeleteRetentionPolicy", {"logGroupName": name})


def _set_tags(call: Call, name: str, tags: dict[str, str], previous: dict[str, str]) -> None:
    arn = call.arn(f"log-group:{name}", service="logs")
    gone = [key for key in previous if key not in tags]
    if gone:
        call.invoke_within("logs", "UntagResource", {"resourceArn": arn, "tagKeys": gone})
    if tags != previous:
        call.invoke_within("logs", "TagResource", {"resourceArn": arn, "tags": tags})


def _tags(wanted: Wanted) -> dict[str, str]:
    own = {tag["Key"]: str(tag["Value"]) for tag in wanted.properties.get("Tags", [])}
    return {**wanted.tags(), **own}


def _boolean(value: Any) -> bool:
    return value is True or value == "true"


def _refuse_others(wanted: Wanted, known: set[str]) -> None:
    for name in wanted.properties:
        if name not in known:
            raise not_implemented(f"{name} of {wanted.type}")


def _ignoring_absence(call: Call, operation: str, params: dict[str, Any]) -> None:
    try:
        call.invoke_within("logs", operation, params)
    except AwsError as error:
        if error.code != "ResourceNotFoundException":
            raise
