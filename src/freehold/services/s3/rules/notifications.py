"""Event notifications: which are wanted, and what they say ("Amazon S3 Event Notifications")."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import quote_plus

from freehold.kernel import arn
from freehold.kernel.errors import AwsError, not_implemented
from freehold.services.s3 import errors
from freehold.services.s3.owners import canonical_id
from freehold.services.s3.records import Bucket, Object
from freehold.services.s3.rules import stamps

_SECTIONS = {
    "TopicConfigurations": ("sns", "TopicArn"),
    "QueueConfigurations": ("sqs", "QueueArn"),
    "LambdaFunctionConfigurations": ("lambda", "LambdaFunctionArn"),
}
# What happens here; a configuration may only ask for these.
_EVENTS = {
    "s3:ObjectCreated:*",
    "s3:ObjectCreated:Put",
    "s3:ObjectCreated:Post",
    "s3:ObjectCreated:Copy",
    "s3:ObjectCreated:CompleteMultipartUpload",
    "s3:ObjectRemoved:*",
    "s3:ObjectRemoved:Delete",
    "s3:ObjectRemoved:DeleteMarkerCreated",
    "s3:ObjectTagging:*",
    "s3:ObjectTagging:Put",
    "s3:ObjectTagging:Delete",
    "s3:LifecycleExpiration:*",
    "s3:LifecycleExpiration:Delete",
    "s3:LifecycleExpiration:DeleteMarkerCreated",
}
_BRIDGED = {
    "ObjectCreated": "Object Created",
    "ObjectRemoved": "Object Deleted",
    "ObjectTagging": "Object Tags Added",
    "LifecycleExpiration": "Object Deleted",
}
_BRIDGED_REASONS = {
    "Put": "PutObject",
    "Post": "POST Object",
    "Copy": "CopyObject",
    "CompleteMultipartUpload": "CompleteMultipartUpload",
}


class Target(NamedTuple):
    service: str
    arn: str
    configuration_id: str


def check(document: dict[str, Any]) -> None:
    """InvalidArgument for what AWS refuses, NotImplemented for events that do not happen here."""
    ids: set[str] = set()
    for section, (service, member) in _SECTIONS.items():
        for entry in document.get(section) or ():
            _check_destination(entry[member], service, member)
            for event in entry["Events"]:
                if event not in _EVENTS:
                    raise not_implemented(f"the notification event {event}")
            _check_filter(entry)
            if entry["Id"] in ids:
                raise errors.invalid_argument(
                    "Same ID used for multiple configurations. IDs must be unique",
                    "Id",
                    entry["Id"],
                )
            ids.add(entry["Id"])


def with_ids(document: dict[str, Any], new_id: Callable[[], str]) -> dict[str, Any]:
    """The configuration with an Id for every entry that came without one."""
    named = dict(document)
    for section in _SECTIONS:
        if document.get(section):
            named[section] = [
                {**entry, "Id": entry.get("Id") or new_id()} for entry in document[section]
            ]
        else:
            named.pop(section, None)
    return named


def services_of(document: dict[str, Any]) -> Iterator[str]:
    """The services that a configuration sends to."""
    for section, (service, _) in _SECTIONS.items():
        if document.get(section):
            yield service
    if document.get("EventBridgeConfiguration") is not None:
        yield "events"


def targets(document: dict[str, Any], event: str, key: str) -> Iterator[Target]:
    """Who wants to hear that `event` ("ObjectCreated:Put") happened to the key."""
    for section, (service, member) in _SECTIONS.items():
        for entry in document.get(section) or ():
            if any(_covers(wanted, event) for wanted in entry["Events"]) and _passes(entry, key):
                yield Target(service, entry[member], entry["Id"])


def all_targets(document: dict[str, Any]) -> Iterator[Target]:
    for section, (service, member) in _SECTIONS.items():
        for entry in document.get(section) or ():
            yield Target(service, entry[member], entry["Id"])


def test_event(bucket: Bucket, now: float, request_id: str) -> dict[str, Any]:
    return {
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": _iso(now),
        "Bucket": bucket.name,
        "RequestId": request_id,
        "HostId": request_id,
    }


def record(
    bucket: Bucket,
    event: str,
    key: str,
    version: Object,
    *,
    configuration_id: str,
    now: float,
    principal_id: str,
    source_ip: str,
    request_id: str,
) -> dict[str, Any]:
    """One element of `Records` ("Event message structure", version 2.2 of it)."""
    described: dict[str, Any] = {"key": quote_plus(key, safe="/"), "sequencer": sequencer(version)}
    if event.startswith(("ObjectCreated", "ObjectTagging")):
        described["eTag"] = version.etag
    if event.startswith("ObjectCreated"):
        described["size"] = version.size
    if bucket.versioning:
        described["versionId"] = version.version
    return {
        "eventVersion": "2.2" if event.startswith("ObjectCreated") else "2.3",
        "eventSource": "aws:s3",
        "awsRegion": bucket.region,
        "eventTime": _iso(now),
        "eventName": event,
        "userIdentity": {"principalId": principal_id},
        "requestParameters": {"sourceIPAddress": source_ip},
        "responseElements": {"x-amz-request-id": request_id, "x-amz-id-2": request_id},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": configuration_id,
            "bucket": {
                "name": bucket.name,
                "ownerIdentity": {"principalId": canonical_id(bucket.account)},
                "arn": bucket.arn,
            },
            "object": described,
        },
    }


def bridged(
    bucket: Bucket,
    event: str,
    key: str,
    version: Object,
    *,
    requester: str,
    source_ip: str,
    request_id: str,
) -> tuple[str, dict[str, Any]]:
    """(detail-type, detail) of the event as EventBridge gets it ("EventBridge event message
    structure").
    """
    family, _, kind = event.partition(":")
    described: dict[str, Any] = {"key": key, "sequencer": sequencer(version)}
    if version.etag:
        described["etag"] = version.etag
    if family == "ObjectCreated":
        described["size"] = version.size
    if bucket.versioning:
        described["version-id"] = version.version
    detail: dict[str, Any] = {
        "version": "0",
        "bucket": {"name": bucket.name},
        "object": described,
        "request-id": request_id,
        "requester": requester,
        "source-ip-address": source_ip,
    }
    if family == "ObjectCreated":
        detail["reason"] = _BRIDGED_REASONS[kind]
    if family in ("ObjectRemoved", "LifecycleExpiration"):
        detail["reason"] = "DeleteObject" if family == "ObjectRemoved" else "Lifecycle Expiration"
        is_marker = kind == "DeleteMarkerCreated"
        detail["deletion-type"] = "Delete Marker Created" if is_marker else "Permanently Deleted"
    if event == "ObjectTagging:Delete":
        return "Object Tags Deleted", detail
    return _BRIDGED[family], detail


def sequencer(version: Object) -> str:
    """Greater for what happened later to the same key."""
    return f"{int(stamps.moment(version.stamp) * 1_000_000):016X}"


def _covers(wanted: str, event: str) -> bool:
    name = wanted.removeprefix("s3:")
    return name == event or (name.endswith("*") and event.startswith(name[:-1]))


def _passes(entry: dict[str, Any], key: str) -> bool:
    for rule in _filter_rules(entry):
        value = rule.get("Value", "")
        if rule["Name"].lower() == "prefix" and not key.startswith(value):
            return False
        if rule["Name"].lower() == "suffix" and not key.endswith(value):
            return False
    return True


def _filter_rules(entry: dict[str, Any]) -> list[dict[str, str]]:
    rules: list[dict[str, str]] = ((entry.get("Filter") or {}).get("Key") or {}).get(
        "FilterRules"
    ) or []
    return rules


def _check_filter(entry: dict[str, Any]) -> None:
    names = [rule.get("Name", "").lower() for rule in _filter_rules(entry)]
    if any(name not in ("prefix", "suffix") for name in names):
        raise AwsError("InvalidArgument", "filter rule name must be either prefix or suffix")
    if len(set(names)) < len(names):
        raise AwsError(
            "InvalidArgument",
            "Cannot specify more than one prefix rule or more than one suffix rule in a filter.",
        )


def _check_destination(destination: str, service: str, member: str) -> None:
    try:
        found = arn.parse(destination).service
    except ValueError:
        found = ""
    if found != service:
        raise errors.invalid_argument("The ARN could not be parsed", member, destination)


def _iso(now: float) -> str:
    moment = datetime.datetime.fromtimestamp(now, datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
