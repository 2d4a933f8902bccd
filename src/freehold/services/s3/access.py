"""What each request needs to be allowed ("Actions, resources, and condition keys for Amazon S3",
Service Authorization Reference). A bucket that is not there is NoSuchBucket to everybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from freehold.kernel import authorize
from freehold.kernel.call import Call
from freehold.kernel.errors import AwsError
from freehold.kernel.service import Access, Params
from freehold.services.s3 import errors, store
from freehold.services.s3.records import Bucket, Object
from freehold.services.s3.rules import ownership, policies, tags

Rule = Callable[[Call, Params], Iterable[Access]]

_CONTEXT_KEYS = {
    "ACL": "s3:x-amz-acl",
    "CopySource": "s3:x-amz-copy-source",
    "Delimiter": "s3:delimiter",
    "IfMatch": "s3:if-match",
    "IfNoneMatch": "s3:if-none-match",
    "MaxKeys": "s3:max-keys",
    "MetadataDirective": "s3:x-amz-metadata-directive",
    "ObjectOwnership": "s3:x-amz-object-ownership",
    "Prefix": "s3:prefix",
    "ServerSideEncryption": "s3:x-amz-server-side-encryption",
    "StorageClass": "s3:x-amz-storage-class",
    "VersionId": "s3:versionid",
    "WebsiteRedirectLocation": "s3:x-amz-website-redirect-location",
}


def on_bucket(action: str) -> Rule:
    def rule(call: Call, params: Params) -> Iterable[Access]:
        bucket = load_bucket(call, params)
        return (allow(call, bucket, action, bucket.arn, params),)

    return rule


def on_object(action: str) -> Rule:
    def rule(call: Call, params: Params) -> Iterable[Access]:
        bucket = load_bucket(call, params)
        return (allow(call, bucket, action, bucket.object_arn(params["Key"]), params),)

    return rule


def on_version(action: str, version_action: str) -> Rule:
    """For actions with another name where a version is named. Knows the object's tags."""

    def rule(call: Call, params: Params) -> Iterable[Access]:
        bucket = load_bucket(call, params)
        name = action if params.get("VersionId") is None else version_action
        return (allow_object(call, bucket, name, params["Key"], params),)

    return rule


def on_write(call: Call, params: Params) -> Iterable[Access]:
    """A put, or the start of an upload in parts; its tags and ACL need permissions of their own."""
    bucket = load_bucket(call, params)
    arn = bucket.object_arn(params["Key"])
    context = _tag_context(params.get("Tagging"))
    yield allow(call, bucket, "s3:PutObject", arn, params, context)
    if context:
        yield allow(call, bucket, "s3:PutObjectTagging", arn, params, context)
    if params.get("ACL") is not None:
        yield allow(call, bucket, "s3:PutObjectAcl", arn, params, context)
    # Who is allowed, but not with this ACL, hears that before the body is taken in.
    ownership.check_put(bucket, call.principal, params)


def on_create(call: Call, params: Params) -> Iterable[Access]:
    """There is no bucket yet whose policy could say something."""
    context = dict(_context(params))
    configuration = params.get("CreateBucketConfiguration") or {}
    if configuration.get("LocationConstraint"):
        context["s3:locationconstraint"] = [configuration["LocationConstraint"]]
    arn = f"arn:aws:s3:::{params['Bucket']}"
    yield Access(action="s3:CreateBucket", resource=arn, context=context)
    if configuration.get("Tags"):
        yield Access(action="s3:TagResource", resource=arn, context=context)


def load_bucket(call: Call, params: Mapping[str, Any]) -> Bucket:
    bucket = store.load_bucket(call.tx, params["Bucket"])
    check_owner(bucket, params.get("ExpectedBucketOwner"))
    return bucket


def check_owner(bucket: Bucket, expected: str | None) -> None:
    if expected is not None and expected != bucket.account:
        raise errors.access_denied()


def allow(
    call: Call,
    bucket: Bucket,
    action: str,
    resource: str,
    params: Mapping[str, Any],
    more: Mapping[str, list[str]] | None = None,
) -> Access:
    principal = call.principal
    policy = policies.in_force(bucket, principal.account, is_service=principal.kind == "service")
    if policy is None and principal.kind == "root":
        return Access(action=action, resource=resource, owner=bucket.account)
    context = {"s3:resourceaccount": [bucket.account], "aws:resourceaccount": [bucket.account]}
    context.update(_context(params))
    context.update(more or {})
    return Access(
        action=action, resource=resource, policy=policy, context=context, owner=bucket.account
    )


def allow_object(
    call: Call, bucket: Bucket, action: str, key: str, params: Mapping[str, Any]
) -> Access:
    """The same for an object that is there, with its tags as s3:ExistingObjectTag."""
    more: dict[str, list[str]] = {}
    if call.principal.kind != "root" or bucket.policy is not None:
        found = _peek(call, bucket, key, params.get("VersionId"))
        if found is not None:
            more = {f"s3:existingobjecttag/{k.lower()}": [v] for k, v in found.tags.items()}
    return allow(call, bucket, action, bucket.object_arn(key), params, more)


def is_allowed(call: Call, access: Access) -> bool:
    return authorize.decide(call, access).allowed


def missing(call: Call, bucket: Bucket, error: AwsError) -> AwsError:
    """The error for a missing key: only who may list the bucket may know that it is."""
    if error.code not in ("NoSuchKey", "NoSuchVersion"):
        return error
    access = allow(call, bucket, "s3:ListBucket", bucket.arn, {})
    try:
        authorize.require(call, (access,))
    except AwsError as denied:
        return denied
    return error


def _context(params: Mapping[str, Any]) -> Iterable[tuple[str, list[str]]]:
    for name, value in params.items():
        key = _CONTEXT_KEYS.get(name)
        if key is not None and value is not None:
            yield key, [str(value)]


def _tag_context(header: str | None) -> dict[str, list[str]]:
    found = tags.of_header(header)
    if not found:
        return {}
    context = {f"s3:requestobjecttag/{key.lower()}": [value] for key, value in found.items()}
    context["s3:requestobjecttagkeys"] = list(found)
    return context


def _peek(call: Call, bucket: Bucket, key: str, version: str | None) -> Object | None:
    current = store.load_object(call.tx, bucket, key)
    if version is None or (current is not None and current.version == version):
        return current
    return store.load_version(call.tx, bucket, key, version)
