"""Who owns objects, and so what ACLs may say ("Controlling ownership of objects", S3 user guide).

Only ACLs that say what holds anyway are taken: all belongs to the bucket's account, which has full
control. Where the setting would make an object another account's, its put is refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from freehold.kernel.errors import AwsError, not_implemented
from freehold.kernel.principal import Principal
from freehold.services.s3 import errors
from freehold.services.s3.records import Bucket

ENFORCED = "BucketOwnerEnforced"
_GRANTS = frozenset(
    ("GrantFullControl", "GrantRead", "GrantReadACP", "GrantWrite", "GrantWriteACP")
)


def check_new_bucket(params: Mapping[str, Any]) -> None:
    """The ACL of a bucket to be made: with BucketOwnerEnforced none but the private one."""
    asked = "ACL" if params.get("ACL", "private") != "private" else _grant(params)
    if asked is None:
        return
    if params.get("ObjectOwnership", ENFORCED) == ENFORCED:
        raise AwsError(
            "InvalidBucketAclWithObjectOwnership",
            "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
        )
    raise not_implemented(f"{asked}={params[asked]}")


def check_put(bucket: Bucket, principal: Principal, params: Mapping[str, Any]) -> None:
    """The ACL that comes with an object, and whose the object would be."""
    acl = params.get("ACL")
    asked = "ACL" if acl not in (None, "private", "bucket-owner-full-control") else _grant(params)
    if asked is not None:
        raise unsupported(bucket, f"{asked}={params[asked]}")
    is_foreign = principal.account not in ("", bucket.account)
    if bucket.ownership == ENFORCED or not is_foreign:
        return
    if bucket.ownership == "BucketOwnerPreferred" and acl == "bucket-owner-full-control":
        return
    raise not_implemented(
        f"objects of another account than their bucket's (ObjectOwnership={bucket.ownership})"
    )


def unsupported(bucket: Bucket, asked: str) -> AwsError:
    """AWS's refusal where ACLs are off; ours where they are on."""
    if bucket.ownership == ENFORCED:
        return errors.acl_not_supported()
    return not_implemented(asked)


def _grant(params: Mapping[str, Any]) -> str | None:
    return next(iter(sorted(_GRANTS.intersection(params))), None)
