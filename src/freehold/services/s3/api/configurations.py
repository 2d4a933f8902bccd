"""What is configured on a bucket: policy, public access, versioning, tags, CORS, and so on.

Where a configuration can only be what it is here (no replication, no object lock), reading it gives
AWS's answer for a bucket without it; asking for it is refused by name.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from freehold.kernel import endpoints
from freehold.kernel.call import Call
from freehold.kernel.errors import AwsError, not_implemented
from freehold.kernel.service import Access, Params
from freehold.services.s3 import access, errors, events, lifecycle, owners, store
from freehold.services.s3.api.buckets import forget_website
from freehold.services.s3.records import Bucket, PublicAccessBlock
from freehold.services.s3.rules import (
    cors,
    expiry,
    notifications,
    ownership,
    policies,
    tags,
    website,
)
from freehold.services.s3.service import service

_NO_ENCRYPTION = {
    "Rules": [
        {
            "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
            "BucketKeyEnabled": False,
        }
    ]
}


# Policy


def _on_policy(action: str) -> access.Rule:
    """The root of the bucket's account may always change its policy, whatever the policy says."""

    def rule(call: Call, params: Params) -> list[Access]:
        bucket = access.load_bucket(call, params)
        principal = call.principal
        if principal.kind == "root" and principal.account == bucket.account:
            return [Access(action=action, resource=bucket.arn, owner=bucket.account)]
        return [access.allow(call, bucket, action, bucket.arn, params)]

    return rule


@service.operation("PutBucketPolicy", access=_on_policy("s3:PutBucketPolicy"))
def put_bucket_policy(call: Call, params: Params) -> None:
    bucket = access.load_bucket(call, params)
    text: str = params["Policy"]
    is_public = policies.is_public(policies.check(text, bucket.name))
    block = bucket.public_access_block
    if is_public and block is not None and block.block_public_policy:
        raise errors.public_policy_blocked(bucket.name, call.principal.arn)
    store.save_bucket(call.tx, replace(bucket, policy=text, policy_is_public=is_public))


@service.operation("GetBucketPolicy", reads=True, access=_on_policy("s3:GetBucketPolicy"))
def get_bucket_policy(call: Call, params: Params) -> dict[str, Any]:
    return {"Policy": _with_policy(call, params).policy}


@service.operation("DeleteBucketPolicy", access=_on_policy("s3:DeleteBucketPolicy"))
def delete_bucket_policy(call: Call, params: Params) -> None:
    bucket = access.load_bucket(call, params)
    store.save_bucket(call.tx, replace(bucket, policy=None, policy_is_public=False))


@service.operation(
    "GetBucketPolicyStatus", reads=True, access=access.on_bucket("s3:GetBucketPolicyStatus")
)
def get_bucket_policy_status(call: Call, params: Params) -> dict[str, Any]:
    return {"PolicyStatus": {"IsPublic": _with_policy(call, params).policy_is_public}}


def _with_policy(call: Call, params: Params) -> Bucket:
    bucket = access.load_bucket(call, params)
    if bucket.policy is None:
        raise errors.no_configuration(
            "NoSuchBucketPolicy", "The bucket policy does not exist", bucket.name
        )
    return bucket


# Public access block, ownership, ACL


@service.operation("PutPublicAccessBlock", access=access.on_bucket("s3:PutBucketPublicAccessBlock"))
def put_public_access_block(call: Call, params: Params) -> None:
    bucket = access.load_bucket(call, params)
    wanted = params["PublicAccessBlockConfiguration"]
    block = PublicAccessBlock(
        block_public_acls=wanted.get("BlockPublicAcls", False),
        ignore_public_acls=wanted.get("IgnorePublicAcls", False),
        block_public_policy=wanted.get("BlockPublicPolicy", False),
        restrict_public_buckets=wanted.get("RestrictPublicBuckets", False),
    )
    store.save_bucket(call.tx, replace(bucket, public_access_block=block))


@service.operation(
    "GetPublicAccessBlock",
    reads=True,
    access=access.on_bucket("s3:GetBucketPublicAccessBlock"),
)
def get_public_access_block(call: Call, params: Params) -> dict[str, Any]:
    bucket = access.load_bucket(call, params)
    block = bucket.public_access_block
    if block is None:
        raise errors.no_configuration(
            "NoSuchPublicAccessBlockConfiguration",
            "The public access block configuration was not found",
            bucket.name,
        )
    return {
        "PublicAccessBlockConfiguration": {
            "BlockPublicAcls": block.block_public_acls,
            "IgnorePublicAcls": block.ignore_public_acls,
            "BlockPublicPolicy": block.block_public_policy,
            "RestrictPublicBuckets": block.restrict_public_buckets,
        }
    }


@service.operation(
    "DeletePublicAccessBlock", access=access.on_bucket("s3:PutBucketPublicAccessBlock")
)
def delete_public_access_block(call: Call, params: Params) -> None:
    bucket = access.load_bucket(call, params)
    store.save_bucket(call.tx, replace(bucket, public_access_block=None))


@service.operation(
    "PutBucketOwnershipControls", access=access.on_bucket("s3:PutBucketOwnershipControls")
)
def put_bucket_ownership_controls(call: Call, params: Params) -> None:
    bucket = access.load_bucket(call, params)
    rules = params["OwnershipControls"]["Rules"]
    if len(rules) != 1:
        raise errors.malformed_xml()
    store.save_bucket(call.tx, replace(bucket, ownership=rules[0]["ObjectOwnership"]))


@service.operation(
    "GetBucketOwnershipControls",
    reads=True,
    access=access.on_bucket("s3:GetBucketOwnershipControls"),
)
def get_bucket_ownership_controls(call: Call, params: Params) -> dict[str, Any]:
    bucket = access.load_bucket(call, params)
    if bucket.ownership is None:
        raise errors.no_configuration(
            "OwnershipControlsNotFoundError",
            "The bucket ownership controls were not found",
            bucket.name,
        )
    return {"OwnershipControls": {"Rules": [{"ObjectOwnership": bucket.ownership}]}}


@service.operation(
    "DeleteBucketOwnershipControls", access=access.on_bucket("s3:PutBucketOwnershipControls")
)
def delete_bucket_ownership_controls(call: Call, params: Params) -> None:
    """Without them, an object belongs to whoever puts it, as with ObjectWriter."""
    bucket = access.load_bucket(call, params)
    store.save_bucket(call.tx, replace(bucket, ownership=None))


@service.operation("GetBucketAcl", reads=True, access=access.on_bucket("s3:GetBucketAcl"))
def get_bucket_acl(call: Call, params: Params) -> dict[str, Any]:
    return owners.full_control(access.load_bucket(call, params).account)


@service.operation("PutBucketAcl", access=access.on_bucket("s3:PutBucketAcl"))
def put_bucket_acl(call: Call, params: Params) -> None:
    """With BucketOwnerEnforced AWS refuses every ACL, also one that says what holds anyway."""
    bucket = access.load_bucket(call, params)
    if bucket.ownership == ownership.ENFORCED or params.get("ACL") != "private":
        raise ownership.unsupported(bucket, "ACLs of s3:PutBucketAcl other than private")


# Versioning, encryption, tags


@service.operation("PutBucketVersioning", access=access.on_bucket("s3:PutBucketVersioning"))
def put_bucket_versioning(call: Call, params: Params) -> None:
    bucket = access.load_bucket(call, params)
    wanted = params["VersioningConfiguration"]
    if wanted.get("MFADelete") == "Enabled":
        raise not_implemented("MFADelete of s3:PutBucketVersioning")
    if wanted.get("Status") is None:
        raise AwsError(
            "IllegalVersioningConfigurationException", "The Versioning element must be specified"
        )
    store.save_bucket(call.tx, replace(bucket, versioning=wanted["Status"]))


@service.operation(
    "GetBucketVersioning", reads=True, access=access.on_bucket("s3:GetBucketVersioning")
)
def get_bucket_versioning(call: Call, params: Params) -> dict[str, Any]:
    return {"Status": access.load_bucket(call, params).versioning or None}


@service.operation("PutBucketEncryption", access=access.on_bucket("s3:PutEncryptionConfiguration"))
def put_bucket_encryption(call: Call, params: Params) -> None:
    bucket = access.load_bucket(call, params)
    document = params["ServerSideEncryptionConfiguration"]
    if len(document["Rules"]) != 1:
        raise errors.malformed_xml()
    wanted = document["Rules"][0].get("ApplyServerSideEncryptionByDefault") or {}
    algorithm = wanted.get("SSEAlgorithm", "AES256")
    if algorithm != "AES256":
        raise not_implemented(f"SSEAlgorithm={algorithm}")
    if wanted.get("KMSMasterKeyID"):
        raise errors.invalid_argument(
            "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or "
            "aws:kms:dsse",
            "ApplyServerSideEncryptionByDefault",
            wanted["KMSMasterKeyID"],
        )
    store.save_configuration(call.tx, bucket, "encryption", document)


@service.operation(
    "GetBucketEncryption",
    reads=True,
    access=access.on_bucket("s3:GetEncryptionConfiguration"),
)
def get_bucket_encryption(call: Call, params: Params) -> dict[str, Any]:
    bucket = access.load_bucket(call, params)
    found = store.load_configuration(call.tx, bucket, "encryption")
    return {"ServerSideEncryptionConfiguration": found or _NO_ENCRYPTION}


@service.operation(
    "DeleteBucketEncryption", access=access.on_bucket("s3:PutEncryptionConfiguration")
)
def delete_bucket_encryption(call: Call, params: Params) -> None:
    """Back to SSE-S3, which every bucket has."""
    store.delete_configuration(call.tx, access.load_bucket(call, params), "encryption")


@service.operation("PutBucketTagging", access=access.on_bucket("s3:PutBucketTagging"))
def put_bucket_tagging(call: Call, params: Params) -> None:
    """Tags that AWS set itself (CloudFormation's) stay."""
    bucket = access.load_bucket(call, params)
    wanted = tags.of_bucket(params["Tagging"]["TagSet"])
    _save_tags(call, bucket, {**_system_tags(call, bucket), **wanted})


@service.operation("GetBucketTagging", reads=True, access=access.on_bucket("s3:GetBucketTagging"))
def get_bucket_tagging(call: Call, params: Params) -> dict[str, Any]:
    return _load(call, params, "tagging", "NoSuchTagSet", "The TagSet does not exist")


@service.operation("DeleteBucketTagging", access=access.on_bucket("s3:PutBucketTagging"))
def delete_bucket_tagging(call: Call, params: Params) -> None:
    bucket = access.load_bucket(call, params)
    _save_tags(call, bucket, _system_tags(call, bucket))


def _system_tags(call: Call, bucket: Bucket) -> dict[str, str]:
    found = store.load_configuration(call.tx, bucket, "tagging") or {"TagSet": []}
    return {tag["Key"]: tag["Value"] for tag in found["TagSet"] if tag["Key"].startswith("aws:")}


def _save_tags(call: Call, bucket: Bucket, wanted: dict[str, str]) -> None:
    if wanted:
        document = {"TagSet": tags.tag_set(wanted)}
        store.save_configuration(call.tx, bucket, "tagging", document)
    else:
        store.delete_configuration(call.tx, bucket, "tagging")


# CORS, website


@service.operation("PutBucketCors", access=access.on_bucket("s3:PutBucketCORS"))
def put_bucket_cors(call: Call, params: Params) -> None:
    bucket = access.load_bucket(call, params)
    cors.check(params["CORSConfiguration"])
    store.save_configuration(call.tx, bucket, "cors", params["CORSConfiguration"])


@service.operation("GetBucketCors", reads=True, access=access.on_bucket("s3:GetBucketCORS"))
def get_bucket_cors(call: Call, params: Params) -> dict[str, Any]:
    return _load(
        call, params, "cors", "NoSuchCORSConfiguration", "The CORS configuration does not exist"
    )


@service.operation("DeleteBucketCors", access=access.on_bucket("s3:PutBucketCORS"))
def delete_bucket_cors(call: Call, params: Params) -> None:
    store.delete_configuration(call.tx, access.load_bucket(call, params), "cors")


@service.operation("PutBucketWebsite", access=access.on_bucket("s3:PutBucketWebsite"))
def put_bucket_website(call: Call, params: Params) -> None:
    bucket = access.load_bucket(call, params)
    website.check(params["WebsiteConfiguration"])
    claimed = endpoints.claim(call, "s3-website", bucket.name, bucket.name)
    assert claimed, "bucket names are unique over all accounts"
    store.save_configuration(call.tx, bucket, "website", params["WebsiteConfiguration"])


@service.operation("GetBucketWebsite", reads=True, access=access.on_bucket("s3:GetBucketWebsite"))
def get_bucket_website(call: Call, params: Params) -> dict[str, Any]:
    return _load(
        call,
        params,
        "website",
        "NoSuchWebsiteConfiguration",
        "The specified bucket does not have a website configuration",
    )


@service.operation("DeleteBucketWebsite", access=access.on_bucket("s3:DeleteBucketWebsite"))
def delete_bucket_website(call: Call, params: Params) -> None:
    bucket = access.load_bucket(call, params)
    forget_website(call, bucket)
    store.delete_configuration(call.tx, bucket, "website")


# Lifecycle, notifications


@service.operation(
    "PutBucketLifecycleConfiguration",
    access=access.on_bucket("s3:PutLifecycleConfiguration"),
)
def put_bucket_lifecycle_configuration(call: Call, params: Params) -> dict[str, Any]:
    bucket = access.load_bucket(call, params)
    wanted = params.get("LifecycleConfiguration") or {}
    document = expiry.check(wanted, call.new_word)
    least = params.get("TransitionDefaultMinimumObjectSize", "all_storage_classes_128K")
    lifecycle.begin(call, bucket, {**document, "TransitionDefaultMinimumObjectSize": least})
    return {"TransitionDefaultMinimumObjectSize": least}


@service.operation(
    "GetBucketLifecycleConfiguration",
    reads=True,
    access=access.on_bucket("s3:GetLifecycleConfiguration"),
)
def get_bucket_lifecycle_configuration(call: Call, params: Params) -> dict[str, Any]:
    found = _load(
        call,
        params,
        "lifecycle",
        "NoSuchLifecycleConfiguration",
        "The lifecycle configuration does not exist",
    )
    return {
        "Rules": found["Rules"],
        "TransitionDefaultMinimumObjectSize": found["TransitionDefaultMinimumObjectSize"],
    }


@service.operation("DeleteBucketLifecycle", access=access.on_bucket("s3:PutLifecycleConfiguration"))
def delete_bucket_lifecycle(call: Call, params: Params) -> None:
    lifecycle.end(call, access.load_bucket(call, params))


@service.operation(
    "PutBucketNotificationConfiguration",
    access=access.on_bucket("s3:PutBucketNotification"),
)
def put_bucket_notification_configuration(call: Call, params: Params) -> None:
    bucket = access.load_bucket(call, params)
    document = notifications.with_ids(params["NotificationConfiguration"], call.new_id)
    notifications.check(document)
    for name in notifications.services_of(document):
        if name not in call.node.service_names:
            raise not_implemented(f"notifications to {name}")
    if any(value is not None for value in document.values()):
        store.save_configuration(call.tx, bucket, "notification", document)
        store.save_bucket(call.tx, replace(bucket, has_notifications=True))
        events.announce(call, bucket, document)
    else:
        store.delete_configuration(call.tx, bucket, "notification")
        store.save_bucket(call.tx, replace(bucket, has_notifications=False))


@service.operation(
    "GetBucketNotificationConfiguration",
    reads=True,
    access=access.on_bucket("s3:GetBucketNotification"),
)
def get_bucket_notification_configuration(call: Call, params: Params) -> dict[str, Any]:
    bucket = access.load_bucket(call, params)
    return store.load_configuration(call.tx, bucket, "notification") or {}


# What a bucket is without


@service.operation("GetBucketLogging", reads=True, access=access.on_bucket("s3:GetBucketLogging"))
def get_bucket_logging(call: Call, params: Params) -> dict[str, Any]:
    access.load_bucket(call, params)
    return {}


@service.operation("PutBucketLogging", access=access.on_bucket("s3:PutBucketLogging"))
def put_bucket_logging(call: Call, params: Params) -> None:
    access.load_bucket(call, params)
    if params["BucketLoggingStatus"].get("LoggingEnabled") is not None:
        raise not_implemented("LoggingEnabled of s3:PutBucketLogging")


@service.operation(
    "GetBucketRequestPayment", reads=True, access=access.on_bucket("s3:GetBucketRequestPayment")
)
def get_bucket_request_payment(call: Call, params: Params) -> dict[str, Any]:
    access.load_bucket(call, params)
    return {"Payer": "BucketOwner"}


@service.operation("PutBucketRequestPayment", access=access.on_bucket("s3:PutBucketRequestPayment"))
def put_bucket_request_payment(call: Call, params: Params) -> None:
    access.load_bucket(call, params)
    payer = params["RequestPaymentConfiguration"]["Payer"]
    if payer != "BucketOwner":
        raise not_implemented(f"Payer={payer} of s3:PutBucketRequestPayment")


@service.operation(
    "GetBucketAccelerateConfiguration",
    reads=True,
    access=access.on_bucket("s3:GetAccelerateConfiguration"),
)
def get_bucket_accelerate_configuration(call: Call, params: Params) -> dict[str, Any]:
    access.load_bucket(call, params)
    return {}


@service.operation(
    "GetBucketReplication",
    reads=True,
    access=access.on_bucket("s3:GetReplicationConfiguration"),
)
def get_bucket_replication(call: Call, params: Params) -> dict[str, Any]:
    bucket = access.load_bucket(call, params)
    raise errors.no_configuration(
        "ReplicationConfigurationNotFoundError",
        "The replication configuration was not found",
        bucket.name,
    )


@service.operation(
    "GetObjectLockConfiguration",
    reads=True,
    access=access.on_bucket("s3:GetBucketObjectLockConfiguration"),
)
def get_object_lock_configuration(call: Call, params: Params) -> dict[str, Any]:
    bucket = access.load_bucket(call, params)
    raise errors.no_configuration(
        "ObjectLockConfigurationNotFoundError",
        "Object Lock configuration does not exist for this bucket",
        bucket.name,
    )


def _load(call: Call, params: Params, kind: str, code: str, message: str) -> dict[str, Any]:
    bucket = access.load_bucket(call, params)
    found = store.load_configuration(call.tx, bucket, kind)
    if found is None:
        raise errors.no_configuration(code, message, bucket.name)
    return found
