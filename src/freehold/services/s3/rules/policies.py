"""Bucket policies: what one may say, and whether it is public ("The meaning of public")."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import orjson

from freehold.services.s3 import errors
from freehold.services.s3.records import Bucket

POLICY_BYTES_MAX = 20 * 1024
_STATEMENT_KEYS = {
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction",
    "Resource", "NotResource", "Condition",
}  # fmt: skip
# A statement that holds one of these to fixed values is not public.
_FIXING_KEYS = {
    "aws:sourcearn", "aws:sourcevpc", "aws:sourcevpce", "aws:sourceowner", "aws:sourceaccount",
    "aws:userid", "aws:principalarn", "aws:principalorgid", "aws:principalorgpaths",
    "aws:principalaccount", "aws:sourceorgid", "s3:dataaccesspointarn",
    "s3:dataaccesspointaccount", "s3:x-amz-server-side-encryption-aws-kms-key-id",
}  # fmt: skip
_FIXING_OPERATORS = (
    "stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike",
)  # fmt: skip


def check(text: str, bucket: str) -> dict[str, Any]:
    """The policy's document; MalformedPolicy if it is none for this bucket."""
    if len(text.encode()) > POLICY_BYTES_MAX:
        raise errors.malformed_policy("Normalized policy document exceeds the maximum allowed size")
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise errors.malformed_policy(
            "Policies must be valid JSON and the first byte must be '{'"
        ) from None
    if not isinstance(document, dict):
        raise errors.malformed_policy("Policies must be valid JSON and the first byte must be '{'")
    if document.get("Version", "2008-10-17") not in ("2008-10-17", "2012-10-17"):
        raise errors.malformed_policy("The policy must contain a valid version string")
    statements = _listed(document.get("Statement"))
    if not statements:
        raise errors.malformed_policy("Missing required field Statement")
    for statement in statements:
        _check_statement(statement, bucket)
    return document


def is_public(document: dict[str, Any]) -> bool:
    """Whether it lets in somebody whom it does not fix."""
    return any(
        statement["Effect"] == "Allow"
        and ("NotPrincipal" in statement or _is_anybody(statement.get("Principal")))
        and not _is_fixed(statement.get("Condition", {}))
        for statement in _listed(document["Statement"])
    )


def in_force(bucket: Bucket, account: str, *, is_service: bool) -> str | None:
    """The policy that bears on a caller.

    RestrictPublicBuckets leaves of a public policy what it grants within the bucket's account and
    to services; for all others nobody's grant is left, and so the answer is no.
    """
    block = bucket.public_access_block
    restricted = block is not None and block.restrict_public_buckets and bucket.policy_is_public
    if restricted and account != bucket.account and not is_service:
        return None
    return bucket.policy


def _check_statement(statement: Any, bucket: str) -> None:
    if not isinstance(statement, dict):
        raise errors.malformed_policy("Statement must be an object")
    unknown = next((key for key in statement if key not in _STATEMENT_KEYS), None)
    if unknown is not None:
        raise errors.malformed_policy(f"Unknown field {unknown}")
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise errors.malformed_policy(f"Invalid effect: {statement.get('Effect')}")
    if ("Principal" in statement) == ("NotPrincipal" in statement):
        raise errors.malformed_policy("Missing required field Principal")
    _check_principal(statement.get("Principal", statement.get("NotPrincipal")))
    if ("Action" in statement) == ("NotAction" in statement):
        raise errors.malformed_policy("Missing required field Action")
    for action in _strings(statement.get("Action", statement.get("NotAction"))):
        if action != "*" and not action.lower().startswith("s3:"):
            raise errors.malformed_policy("Policy has invalid action")
    if ("Resource" in statement) == ("NotResource" in statement):
        raise errors.malformed_policy("Missing required field Resource")
    for resource in _strings(statement.get("Resource", statement.get("NotResource"))):
        if not _is_in_bucket(resource, bucket):
            raise errors.malformed_policy("Policy has invalid resource")
    if not isinstance(statement.get("Condition", {}), dict):
        raise errors.malformed_policy("Conditions must be an object")


def _check_principal(principal: Any) -> None:
    if principal == "*":
        return
    if not isinstance(principal, dict) or not principal:
        raise errors.malformed_policy("Invalid principal in policy")
    for kind, values in principal.items():
        if kind not in ("AWS", "Service", "Federated", "CanonicalUser") or not list(
            _strings(values)
        ):
            raise errors.malformed_policy("Invalid principal in policy")


def _is_in_bucket(resource: str, bucket: str) -> bool:
    name = resource.removeprefix("arn:aws:s3:::")
    return resource != name and name.partition("/")[0] == bucket


def _is_anybody(principal: Any) -> bool:
    if isinstance(principal, str):
        return principal == "*"
    return isinstance(principal, dict) and any(
        "*" in value for values in principal.values() for value in _strings(values)
    )


def _is_fixed(condition: dict[str, Any]) -> bool:
    return any(
        _fixes(operator.lower(), key.lower(), list(_strings(values)))
        for operator, keys in condition.items()
        if isinstance(keys, dict)
        for key, values in keys.items()
    )


def _fixes(operator: str, key: str, values: list[str]) -> bool:
    operator = operator.removeprefix("foranyvalue:")
    if key == "aws:sourceip" and operator == "ipaddress":
        return all(_is_narrow(value) for value in values)
    if key not in _FIXING_KEYS or operator not in _FIXING_OPERATORS:
        return False
    if key == "aws:userid":
        return not any(value.startswith(("*", "AROA*")) or value.endswith(":*") for value in values)
    if key in ("aws:sourcearn", "aws:principalarn", "s3:dataaccesspointarn"):
        # Wildcards in an ARN are fine as long as the account is fixed, or names a bucket.
        return all(_fixes_account(value) for value in values)
    return not any("*" in value or "?" in value or "${" in value for value in values)


def _fixes_account(arn: str) -> bool:
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return False
    account, resource = parts[4], parts[5]
    return ("*" not in account and account != "") or (parts[2] == "s3" and "*" not in resource)


def _is_narrow(cidr: str) -> bool:
    """Ranges wider than /8 (IPv4) and /32 (IPv6) count as public."""
    try:
        network = ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        return False
    return network.prefixlen >= (8 if network.version == 4 else 32)


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _strings(value: Any) -> Iterator[str]:
    values: Iterable[Any] = _listed(value)
    for inner in values:
        if not isinstance(inner, (str, bool, int)):
            raise errors.malformed_policy("Policy has invalid value")
        yield inner if isinstance(inner, str) else msgspec.json.encode(inner).decode()
