"""Policy documents: read from JSON, checked, compiled for matching.

From the "IAM JSON policy elements reference" and the "Grammar of the IAM JSON policy language".
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import msgspec
import orjson

from freehold.kernel.policy import conditions
from freehold.kernel.policy.patterns import Pattern, text_pattern

Kind = Literal["identity", "resource", "trust"]
VERSIONS = ("2012-10-17", "2008-10-17")


class PolicyError(ValueError):
    """The document is not a policy; says why in IAM's words (its MalformedPolicyDocument)."""


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """One statement, compiled. `principals` is None where there is no Principal element; a `not_` flag
    says that the element was NotPrincipal, NotAction or NotResource."""

    sid: str
    allows: bool
    actions: tuple[Pattern, ...]
    not_actions: bool
    resources: tuple[Pattern, ...]
    not_resources: bool
    principals: tuple[tuple[str, str], ...] | None
    not_principals: bool
    conditions: tuple[conditions.Condition, ...]
    has_resources: bool


class Document(msgspec.Struct, frozen=True, kw_only=True):
    version: str
    id: str
    statements: tuple[Statement, ...]


@lru_cache(maxsize=4096)
def compiled(text: str) -> Document:
    """The document of a stored policy: a pure function of its text, so keeping it is no state."""
    return parse(text)


def parse(text: str, kind: Kind | None = None) -> Document:
    """Read a policy; with a kind, hold it to the rules of that kind. PolicyError if it is none."""
    try:
        raw = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise PolicyError("This policy contains invalid Json") from None
    if not isinstance(raw, dict):
        raise PolicyError("Syntax errors in policy.")
    unknown = raw.keys() - {"Version", "Id", "Statement"}
    if unknown:
        raise PolicyError("Syntax errors in policy.")
    version = raw.get("Version", "2008-10-17")
    if version not in VERSIONS:
        raise PolicyError("Syntax errors in policy.")
    if kind == "identity" and version != VERSIONS[0] and "Version" in raw:
        raise PolicyError("Policy document must be version 2012-10-17 or greater.")
    statements = raw.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        raise PolicyError("Syntax errors in policy.")
    parsed = tuple(_statement(statement, version, kind) for statement in statements)
    sids = [statement.sid for statement in parsed if statement.sid]
    if kind is not None and len(sids) != len(set(sids)):
        raise PolicyError("Statement IDs (SID) in a single policy must be unique.")
    return Document(version=version, id=str(raw.get("Id", "")), statements=parsed)


_KEYS = {
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
}


def _statement(raw: Any, version: str, kind: Kind | None) -> Statement:
    if not isinstance(raw, dict) or raw.keys() - _KEYS:
        raise PolicyError("Syntax errors in policy.")
    for one, other in (
        ("Principal", "NotPrincipal"),
        ("Action", "NotAction"),
        ("Resource", "NotResource"),
    ):
        if one in raw and other in raw:
            raise PolicyError("Syntax errors in policy.")
    if raw.get("Effect") not in ("Allow", "Deny"):
        raise PolicyError("Syntax errors in policy.")
    _check_kind(raw, kind)
    substitutes = version == VERSIONS[0]
    actions = _texts(raw.get("Action", raw.get("NotAction")))
    resources = _texts(raw.get("Resource", raw.get("NotResource")))
    if kind is not None:
        for action in actions:
            _check_action(action)
        for resource in resources:
            _check_resource(resource, kind)
    return Statement(
        sid=str(raw.get("Sid", "")),
        allows=raw["Effect"] == "Allow",
        actions=tuple(text_pattern(action.lower(), substitutes=False) for action in actions),
        not_actions="NotAction" in raw,
        # Over the whole text: a * at the end of an ARN's part "can expand to match beyond the colon".
        resources=tuple(text_pattern(resource, substitutes=substitutes) for resource in resources),
        not_resources="NotResource" in raw,
        has_resources="Resource" in raw or "NotResource" in raw,
        principals=_principals(raw),
        not_principals="NotPrincipal" in raw,
        conditions=_conditions(raw.get("Condition"), substitutes),
    )


def _check_kind(raw: dict[str, Any], kind: Kind | None) -> None:
    if kind is None:
        return
    if "Action" not in raw and "NotAction" not in raw:
        raise PolicyError("Policy statement must contain actions.")
    has_principal = "Principal" in raw or "NotPrincipal" in raw
    has_resource = "Resource" in raw or "NotResource" in raw
    if kind == "identity":
        if has_principal:
            raise PolicyError("Policy document should not specify a principal.")
        if not has_resource:
            raise PolicyError("Policy statement must contain resources.")
    elif not has_principal:
        raise PolicyError("Missing required field Principal")
    if kind == "trust" and has_resource:
        raise PolicyError("Has prohibited field Resource")


def _check_action(action: str) -> None:
    if action == "*":
        return
    vendor, separator, name = action.partition(":")
    if not separator or not vendor or not name:
        raise PolicyError(
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
        )
    if not all(c.isalnum() or c in "-*?" for c in vendor):
        raise PolicyError(f"Vendor {vendor} is not valid")


def _check_resource(resource: str, kind: Kind) -> None:
    if resource == "*" or "${" in resource[:8]:
        return
    parts = resource.split(":")
    if not resource.startswith("arn:") or len(parts) < 6:
        raise PolicyError(
            f'Resource {resource} must be in ARN format or "*".'
            if kind == "identity"
            else "Policy has invalid resource"
        )
    if parts[1] not in ("aws", "aws-cn", "aws-us-gov", "*") and "${" not in parts[1]:
        raise PolicyError(f'Partition "{parts[1]}" is not valid for resource "{resource}".')


def _texts(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(text, str) for text in values):
        raise PolicyError("Syntax errors in policy.")
    return tuple(values)


def _principals(raw: dict[str, Any]) -> tuple[tuple[str, str], ...] | None:
    value = raw.get("Principal", raw.get("NotPrincipal"))
    if value is None:
        return None
    if value == "*":
        return (("AWS", "*"),)
    if not isinstance(value, dict) or not value:
        raise PolicyError("Invalid principal in policy")
    found = []
    for kind, names in value.items():
        if kind not in ("AWS", "Service", "Federated", "CanonicalUser"):
            raise PolicyError(f'Invalid principal in policy: "{kind}"')
        found += [(kind, name) for name in _texts(names)]
    return tuple(found)


def _conditions(raw: Any, substitutes: bool) -> tuple[conditions.Condition, ...]:
    if raw is None:
        return ()
    if not isinstance(raw, dict):
        raise PolicyError("Syntax errors in policy.")
    found = []
    for operator, keys in raw.items():
        if not isinstance(keys, dict):
            raise PolicyError("Syntax errors in policy.")
        for key, values in keys.items():
            texts = values if isinstance(values, list) else [values]
            if not all(isinstance(text, (str, bool, int, float)) for text in texts):
                raise PolicyError("Syntax errors in policy.")
            try:
                found.append(
                    conditions.compile_condition(
                        operator, key, [_text(text) for text in texts], substitutes=substitutes
                    )
                )
            except conditions.InvalidCondition as error:
                raise PolicyError(str(error)) from None
    return tuple(found)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
