"""Buckets: they come and go, and are listed."""

from __future__ import annotations

from typing import Any

from freehold.kernel import endpoints, paging
from freehold.kernel.call import Call
from freehold.kernel.errors import not_implemented
from freehold.kernel.service import Params
from freehold.services.s3 import access, errors, owners, store
from freehold.services.s3.records import Bucket
from freehold.services.s3.rules import names, ownership, tags
from freehold.services.s3.service import service

BUCKETS_MAX = 10_000


@service.operation("CreateBucket", access=access.on_create)
def create_bucket(call: Call, params: Params) -> dict[str, Any]:
    name: str = params["Bucket"]
    configuration = params.get("CreateBucketConfiguration") or {}
    if not names.is_bucket_name(name):
        raise errors.invalid_bucket_name(name)
    region = _region(call, configuration)
    ownership.check_new_bucket(params)
    if params.get("ObjectLockEnabledForBucket"):
        raise not_implemented("ObjectLockEnabledForBucket of s3:CreateBucket")
    if params.get("BucketNamespace", "global") != "global":
        raise not_implemented("BucketNamespace=account-regional of s3:CreateBucket")
    found = store.find_bucket(call.tx, name)
    if found is not None and found.account != call.account:
        raise errors.bucket_already_exists(name)
    if found is not None and (found.region != "us-east-1" or region != "us-east-1"):
        raise errors.bucket_already_owned_by_you(name)
    # us-east-1 keeps its older behaviour: to create one's own bucket again is no error.
    if found is None:
        bucket = Bucket(
            name=name,
            id=call.new_word(12),
            account=call.account,
            region=region,
            created_at=call.now,
            ownership=params.get("ObjectOwnership", ownership.ENFORCED),
        )
        store.add_bucket(call.tx, bucket)
        if configuration.get("Tags"):
            found_tags = tags.of_bucket(configuration["Tags"], by_aws=bool(call.via))
            store.save_configuration(
                call.tx, bucket, "tagging", {"TagSet": tags.tag_set(found_tags)}
            )
    location = f"/{name}" if region == "us-east-1" else f"{call.endpoint_url}/{name}"
    return {"Location": location, "BucketArn": f"arn:aws:s3:::{name}"}


@service.operation("DeleteBucket", access=access.on_bucket("s3:DeleteBucket"))
def delete_bucket(call: Call, params: Params) -> None:
    """Only an empty bucket goes; its uploads in progress go with it."""
    bucket = access.load_bucket(call, params)
    if not store.is_empty(call.tx, bucket):
        raise errors.bucket_not_empty(bucket.name, versioned=bool(bucket.versioning))
    forget_website(call, bucket)
    store.delete_bucket(call.tx, bucket)
    payload = {"Bucket": bucket.id, "Account": bucket.account, "Region": bucket.region}
    call.later("EraseBucket", payload)


@service.operation(
    "HeadBucket", reads=True, anonymous=True, access=access.on_bucket("s3:ListBucket")
)
def head_bucket(call: Call, params: Params) -> dict[str, Any]:
    bucket = access.load_bucket(call, params)
    return {"BucketRegion": bucket.region, "BucketArn": bucket.arn, "AccessPointAlias": False}


@service.operation("GetBucketLocation", reads=True, access=access.on_bucket("s3:GetBucketLocation"))
def get_bucket_location(call: Call, params: Params) -> dict[str, Any]:
    """us-east-1 is told by an empty answer."""
    region = access.load_bucket(call, params).region
    return {"LocationConstraint": "" if region == "us-east-1" else region}


@service.operation("ListBuckets", reads=True, action="s3:ListAllMyBuckets")
def list_buckets(call: Call, params: Params) -> dict[str, Any]:
    limit = params.get("MaxBuckets", BUCKETS_MAX)
    if not 1 <= limit <= BUCKETS_MAX:
        raise errors.invalid_argument(
            f"Argument max-buckets must be an integer between 1 and {BUCKETS_MAX}",
            "max-buckets",
            str(limit),
        )
    prefix, region = params.get("Prefix", ""), params.get("BucketRegion")
    after: str | None = None
    if params.get("ContinuationToken"):
        after = _after(params["ContinuationToken"])
    shown: list[dict[str, Any]] = []
    more = False
    for name, line in store.list_buckets(call.tx, call.account, after, BUCKETS_MAX + 1):
        if not name.startswith(prefix) or region not in (None, line.region):
            continue
        if len(shown) == limit:
            more = True
            break
        shown.append(
            {
                "Name": name,
                "CreationDate": int(line.created_at),
                "BucketRegion": line.region,
                "BucketArn": f"arn:aws:s3:::{name}",
            }
        )
    return {
        "Buckets": shown,
        "Owner": owners.owner(call.account),
        "Prefix": params.get("Prefix"),
        "ContinuationToken": paging.encode((shown[-1]["Name"],)) if more else None,
    }


def forget_website(call: Call, bucket: Bucket) -> None:
    if store.load_configuration(call.tx, bucket, "website") is not None:
        endpoints.release(call, "s3-website", bucket.name)


def _region(call: Call, configuration: dict[str, Any]) -> str:
    """The region of the endpoint that was called; a constraint may only repeat it, or, at
    us-east-1's, choose another.
    """
    for member in ("Location", "Bucket"):
        if configuration.get(member):
            raise not_implemented(f"CreateBucketConfiguration.{member} (directory buckets)")
    wanted = configuration.get("LocationConstraint")
    if wanted == "EU":
        wanted = "eu-west-1"
    if wanted is None and call.region == "us-east-1":
        return call.region
    if wanted is None or (wanted != call.region and call.region != "us-east-1"):
        raise errors.illegal_location(wanted)
    return str(wanted)


def _after(token: str) -> str:
    try:
        position = paging.decode(token, tuple)
    except paging.InvalidToken:
        position = ()
    if len(position) != 1 or not isinstance(position[0], str):
        raise errors.invalid_argument(
            "The continuation token provided is incorrect", "continuation-token", token
        )
    return position[0]
