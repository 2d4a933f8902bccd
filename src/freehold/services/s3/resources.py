"""The CloudFormation types of S3, over its operations, with the rights of the stack's caller."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson

from freehold.kernel.call import Call
from freehold.kernel.errors import AwsError, not_implemented
from freehold.kernel.resources import Made, Wanted
from freehold.services.s3 import store
from freehold.services.s3.rules import tags
from freehold.services.s3.service import service

Properties = Mapping[str, Any]

_ACLS = {
    "Private": "private",
    "PublicRead": "public-read",
    "PublicReadWrite": "public-read-write",
    "AuthenticatedRead": "authenticated-read",
    "LogDeliveryWrite": "log-delivery-write",
    "BucketOwnerRead": "bucket-owner-read",
    "BucketOwnerFullControl": "bucket-owner-full-control",
    "AwsExecRead": "aws-exec-read",
}


@service.resource_type("AWS::S3::Bucket")
class BucketType:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        _refuse_unknown(wanted.properties)
        name = wanted.properties.get("BucketName") or wanted.name(63, lower=True)
        params: dict[str, Any] = {"Bucket": name}
        if call.region != "us-east-1":
            params["CreateBucketConfiguration"] = {"LocationConstraint": call.region}
        acl = wanted.properties.get("AccessControl", "Private")
        if acl != "Private":
            params["ACL"] = _ACLS.get(acl, acl)
        _refuse_existing(call, name)
        _s3(call, "CreateBucket", params)
        _configure(call, name, wanted.properties, {})
        _tag(call, name, wanted)
        return _made(call, name)

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        _refuse_unknown(wanted.properties)
        changed = wanted.properties.get("AccessControl", "Private")
        if changed != wanted.previous.get("AccessControl", "Private"):
            _s3(
                call,
                "PutBucketAcl",
                {"Bucket": made.physical_id, "ACL": _ACLS.get(changed, changed)},
            )
        _configure(call, made.physical_id, wanted.properties, wanted.previous)
        _tag(call, made.physical_id, wanted)
        return _made(call, made.physical_id)

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        if store.find_bucket(call.tx, made.physical_id) is not None:
            _s3(call, "DeleteBucket", {"Bucket": made.physical_id})


@service.resource_type("AWS::S3::BucketPolicy")
class BucketPolicyType:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        name = wanted.properties["Bucket"]
        found = store.find_bucket(call.tx, name)
        if found is not None and found.policy is not None:
            raise AwsError("AlreadyExists", f"The bucket policy already exists on bucket {name}.")
        _put_policy(call, name, wanted.properties["PolicyDocument"])
        return Made(physical_id=name)

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        _put_policy(call, made.physical_id, wanted.properties["PolicyDocument"])
        return made

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        if store.find_bucket(call.tx, made.physical_id) is not None:
            _s3(call, "DeleteBucketPolicy", {"Bucket": made.physical_id})


class _Setting(NamedTuple):
    """How a property becomes a configuration, and how its absence does."""

    put: str
    member: str
    translate: Callable[[Any], Any]
    remove: str | None = None
    default: Any = None


def _versioning(value: Properties) -> dict[str, Any]:
    return {"Status": value["Status"]}


def _encryption(value: Properties) -> dict[str, Any]:
    rules = [
        _present(
            ApplyServerSideEncryptionByDefault=rule.get("ServerSideEncryptionByDefault"),
            BucketKeyEnabled=_flag(rule.get("BucketKeyEnabled")),
        )
        for rule in value["ServerSideEncryptionConfiguration"]
    ]
    return {"Rules": rules}


def _public_access_block(value: Properties) -> dict[str, Any]:
    return {name: _flag(setting) for name, setting in value.items()}


def _ownership(value: Properties) -> dict[str, Any]:
    return {"Rules": value["Rules"]}


def _cors(value: Properties) -> dict[str, Any]:
    rules = [
        _present(
            ID=rule.get("Id"),
            AllowedHeaders=rule.get("AllowedHeaders"),
            AllowedMethods=rule["AllowedMethods"],
            AllowedOrigins=rule["AllowedOrigins"],
            ExposeHeaders=rule.get("ExposedHeaders"),
            MaxAgeSeconds=_number(rule.get("MaxAge")),
        )
        for rule in value["CorsRules"]
    ]
    return {"CORSRules": rules}


def _website(value: Properties) -> dict[str, Any]:
    index, error = value.get("IndexDocument"), value.get("ErrorDocument")
    rules = [
        _present(Condition=rule.get("RoutingRuleCondition"), Redirect=rule["RedirectRule"])
        for rule in value.get("RoutingRules") or ()
    ]
    return _present(
        IndexDocument={"Suffix": index} if index is not None else None,
        ErrorDocument={"Key": error} if error is not None else None,
        RedirectAllRequestsTo=value.get("RedirectAllRequestsTo"),
        RoutingRules=rules or None,
    )


def _lifecycle(value: Properties) -> dict[str, Any]:
    return {"Rules": [_lifecycle_rule(rule) for rule in value["Rules"]]}


def _lifecycle_rule(rule: Properties) -> dict[str, Any]:
    expiration = _present(
        Days=_number(rule.get("ExpirationInDays")),
        Date=_moment(rule.get("ExpirationDate")),
        ExpiredObjectDeleteMarker=_flag(rule.get("ExpiredObjectDeleteMarker")),
    )
    noncurrent = rule.get("NoncurrentVersionExpiration") or {}
    noncurrent_days = noncurrent.get("NoncurrentDays") or rule.get(
        "NoncurrentVersionExpirationInDays"
    )
    abort = rule.get("AbortIncompleteMultipartUpload") or {}
    steps = [*_listed(rule.get("Transition")), *_listed(rule.get("Transitions"))]
    noncurrent_steps = [
        *_listed(rule.get("NoncurrentVersionTransition")),
        *_listed(rule.get("NoncurrentVersionTransitions")),
    ]
    return _present(
        ID=rule.get("Id"),
        Status=rule["Status"],
        Filter=_lifecycle_filter(rule),
        Expiration=expiration or None,
        NoncurrentVersionExpiration=_present(
            NoncurrentDays=_number(noncurrent_days),
            NewerNoncurrentVersions=_number(noncurrent.get("NewerNoncurrentVersions")),
        )
        or None,
        AbortIncompleteMultipartUpload=_present(
            DaysAfterInitiation=_number(abort.get("DaysAfterInitiation"))
        )
        or None,
        Transitions=[
            _present(
                StorageClass=step["StorageClass"],
                Days=_number(step.get("TransitionInDays")),
                Date=_moment(step.get("TransitionDate")),
            )
            for step in steps
        ]
        or None,
        NoncurrentVersionTransitions=[
            _present(
                StorageClass=step["StorageClass"],
                NoncurrentDays=_number(step.get("TransitionInDays")),
                NewerNoncurrentVersions=_number(step.get("NewerNoncurrentVersions")),
            )
            for step in noncurrent_steps
        ]
        or None,
    )


def _lifecycle_filter(rule: Properties) -> dict[str, Any]:
    criteria = _present(
        Prefix=rule.get("Prefix"),
        Tags=rule.get("TagFilters"),
        ObjectSizeGreaterThan=_number(rule.get("ObjectSizeGreaterThan")),
        ObjectSizeLessThan=_number(rule.get("ObjectSizeLessThan")),
    )
    if len(criteria) > 1 or "Tags" in criteria:
        return {"And": criteria}
    return criteria or {"Prefix": ""}


def _notifications(value: Properties) -> dict[str, Any]:
    bridge = value.get("EventBridgeConfiguration")
    wants_bridge = bridge is not None and _flag(bridge.get("EventBridgeEnabled", True))
    return _present(
        LambdaFunctionConfigurations=_targets(
            value.get("LambdaConfigurations"), "Function", "LambdaFunctionArn"
        ),
        QueueConfigurations=_targets(value.get("QueueConfigurations"), "Queue", "QueueArn"),
        TopicConfigurations=_targets(value.get("TopicConfigurations"), "Topic", "TopicArn"),
        EventBridgeConfiguration={} if wants_bridge else None,
    )


def _targets(
    entries: list[Properties] | None, source: str, member: str
) -> list[dict[str, Any]] | None:
    found = []
    for entry in entries or ():
        target: dict[str, Any] = {member: entry[source], "Events": [entry["Event"]]}
        if entry.get("Filter"):
            target["Filter"] = {"Key": {"FilterRules": entry["Filter"]["S3Key"]["Rules"]}}
        found.append(target)
    return found or None


_ALL_BLOCKED = dict.fromkeys(
    ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
)
_SETTINGS = {
    "VersioningConfiguration": _Setting(
        "PutBucketVersioning",
        "VersioningConfiguration",
        _versioning,
        default={"Status": "Suspended"},
    ),
    "BucketEncryption": _Setting(
        "PutBucketEncryption",
        "ServerSideEncryptionConfiguration",
        _encryption,
        remove="DeleteBucketEncryption",
    ),
    "PublicAccessBlockConfiguration": _Setting(
        "PutPublicAccessBlock",
        "PublicAccessBlockConfiguration",
        _public_access_block,
        default=_ALL_BLOCKED,
    ),
    "OwnershipControls": _Setting(
        "PutBucketOwnershipControls",
        "OwnershipControls",
        _ownership,
        default={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
    ),
    "CorsConfiguration": _Setting(
        "PutBucketCors", "CORSConfiguration", _cors, remove="DeleteBucketCors"
    ),
    "WebsiteConfiguration": _Setting(
        "PutBucketWebsite", "WebsiteConfiguration", _website, remove="DeleteBucketWebsite"
    ),
    "LifecycleConfiguration": _Setting(
        "PutBucketLifecycleConfiguration",
        "LifecycleConfiguration",
        _lifecycle,
        remove="DeleteBucketLifecycle",
    ),
    "NotificationConfiguration": _Setting(
        "PutBucketNotificationConfiguration",
        "NotificationConfiguration",
        _notifications,
        default={},
    ),
}
_HANDLED = {*_SETTINGS, "BucketName", "AccessControl", "Tags"}


def _refuse_unknown(properties: Properties) -> None:
    for name, value in properties.items():
        # What only says that a thing is off, or is absent, asks for nothing.
        if name == "ObjectLockEnabled" and not _flag(value):
            continue
        if name == "AccelerateConfiguration" and value.get("AccelerationStatus") == "Suspended":
            continue
        if name not in _HANDLED:
            raise not_implemented(f"{name} of AWS::S3::Bucket")


def _refuse_existing(call: Call, name: str) -> None:
    """CreateBucket may accept a bucket of one's own in us-east-1; a stack must not adopt it."""
    found = store.find_bucket(call.tx, name)
    if found is not None:
        raise AwsError("AlreadyExists", f"{name} already exists")


def _configure(call: Call, name: str, wanted: Properties, previous: Properties) -> None:
    for property_name, setting in _SETTINGS.items():
        value, before = wanted.get(property_name), previous.get(property_name)
        if value == before:
            continue
        if value is not None:
            translated = setting.translate(value)
            params: dict[str, Any] = {"Bucket": name, setting.member: translated}
            if property_name == "LifecycleConfiguration":
                least = value.get("TransitionDefaultMinimumObjectSize")
                params.update(_present(TransitionDefaultMinimumObjectSize=least))
            _s3(call, setting.put, params)
        elif setting.remove is not None:
            _s3(call, setting.remove, {"Bucket": name})
        else:
            _s3(call, setting.put, {"Bucket": name, setting.member: setting.default})


def _tag(call: Call, name: str, wanted: Wanted) -> None:
    """The template's tags, the stack's, and CloudFormation's own, which nobody else may set."""
    own = {tag["Key"]: str(tag["Value"]) for tag in wanted.properties.get("Tags") or ()}
    everything = tags.of_bucket(tags.tag_set({**wanted.tags(), **own}), by_aws=True)
    bucket = store.load_bucket(call.tx, name)
    store.save_configuration(call.tx, bucket, "tagging", {"TagSet": tags.tag_set(everything)})


def _put_policy(call: Call, name: str, document: Any) -> None:
    text = document if isinstance(document, str) else orjson.dumps(document).decode()
    _s3(call, "PutBucketPolicy", {"Bucket": name, "Policy": text})


def _made(call: Call, name: str) -> Made:
    """Domain names are AWS's, which lead to the platform inside functions; the website's URL is for
    people, and says where this node serves it."""
    region = store.load_bucket(call.tx, name).region
    here = urlsplit(call.node.settings.endpoint_url)
    port = f":{here.port}" if here.port else ""
    host = f"{name}.s3-website.{region}.{call.node.settings.domain}{port}"
    return Made(
        physical_id=name,
        attributes={
            "Arn": f"arn:aws:s3:::{name}",
            "DomainName": f"{name}.s3.amazonaws.com",
            "RegionalDomainName": f"{name}.s3.{region}.amazonaws.com",
            "DualStackDomainName": f"{name}.s3.dualstack.{region}.amazonaws.com",
            "WebsiteURL": f"{here.scheme}://{host}",
        },
    )


def _s3(call: Call, operation: str, params: dict[str, Any]) -> Any:
    return call.invoke_within("s3", operation, params)


def _present(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _flag(value: Any) -> bool | None:
    """Templates write true, "true" and "True"."""
    return None if value is None else str(value).lower() == "true"


def _number(value: Any) -> int | None:
    return None if value is None else int(value)


def _moment(value: Any) -> float | None:
    if value is None:
        return None
    found = datetime.datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    return (found if found.tzinfo else found.replace(tzinfo=datetime.UTC)).timestamp()
