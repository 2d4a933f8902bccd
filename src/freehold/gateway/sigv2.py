"""Signature Version 2 in URLs, which SDKs still make by default for S3 in us-east-1.

From "Signing and authenticating REST requests" (S3 developer guide, query string authentication). Only
the query form is taken: in headers AWS has long asked for Version 4.
"""

from __future__ import annotations

import base64
import hmac
from urllib.parse import unquote

import msgspec

from freehold.gateway.sigv4 import Pairs, is_number

# Query parameters that are part of the signed resource.
_SIGNED = frozenset(
    {
        "accelerate", "acl", "analytics", "cors", "defaultObjectAcl", "delete", "encryption", "inventory",
        "lifecycle", "location", "logging", "metrics", "notification", "object-lock", "legal-hold",
        "retention", "partNumber", "policy", "policyStatus", "publicAccessBlock", "replication",
        "requestPayment", "response-cache-control", "response-content-disposition",
        "response-content-encoding", "response-content-language", "response-content-type",
        "response-expires", "restore", "select", "select-type", "tagging", "torrent", "uploadId", "uploads",
        "versionId", "versioning", "versions", "website",
        # Younger than Version 2, which does not know them: no URL may be given one by who holds it.
        "abac", "annotation", "attributes", "intelligent-tiering", "metadataAnnotationTable",
        "metadataConfiguration", "metadataInventoryTable", "metadataJournalTable", "metadataTable",
        "ownershipControls", "renameObject", "session",
    }
)  # fmt: skip


class Claim(msgspec.Struct, frozen=True):
    """What a URL claims. `expires_at` is in seconds since 1970."""

    access_key_id: str
    signature: str
    expires_at: int
    session_token: str | None = None
    service: str = "s3"


def claim_of_query(query: Pairs) -> Claim | None:
    fields = dict(query)
    expires = fields.get("Expires", "")
    if "Signature" not in fields or "AWSAccessKeyId" not in fields or not is_number(expires):
        return None
    return Claim(
        fields["AWSAccessKeyId"],
        fields["Signature"],
        int(expires),
        fields.get("x-amz-security-token"),
    )


def signature(
    secret: str,
    claim: Claim,
    method: str,
    bucket: str | None,
    path: str,
    query: Pairs,
    headers: dict[str, str],
) -> str:
    """The signature that the URL should have; `bucket` is one that the host names."""
    amz = {name: value for name, value in headers.items() if name.startswith("x-amz-")}
    amz |= {name.lower(): value for name, value in query if name.lower().startswith("x-amz-")}
    signed = sorted((key, value) for key, value in query if key in _SIGNED)
    resource = (f"/{bucket}" if bucket else "") + path
    if signed:
        resource += "?" + "&".join(f"{key}={value}" if value else key for key, value in signed)
    to_sign = "\n".join(
        (
            method,
            headers.get("content-md5", ""),
            headers.get("content-type", ""),
            str(claim.expires_at),
            *(f"{name}:{unquote(value).strip()}" for name, value in sorted(amz.items())),
            resource,
        )
    )
    return base64.b64encode(hmac.digest(secret.encode(), to_sign.encode(), "sha1")).decode()
