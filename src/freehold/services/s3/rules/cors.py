"""Cross-origin requests ("Using cross-origin resource sharing", S3 user guide)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from freehold.kernel.errors import AwsError

RULES_MAX = 100
_METHODS = ("GET", "PUT", "POST", "DELETE", "HEAD")
Headers = tuple[tuple[str, str], ...]


def check(document: Mapping[str, Any]) -> None:
    rules = document["CORSRules"]
    if len(rules) > RULES_MAX:
        raise AwsError("InvalidRequest", f"The number of CORS rules should not exceed {RULES_MAX}")
    for rule in rules:
        for method in rule["AllowedMethods"]:
            if method not in _METHODS:
                raise AwsError(
                    "InvalidRequest",
                    f"Found unsupported HTTP method in CORS config. Unsupported method is {method}",
                )
        for name in ("AllowedOrigins", "AllowedHeaders"):
            for value in rule.get(name) or ():
                if value.count("*") > 1:
                    member = name.removesuffix("s")
                    raise AwsError(
                        "InvalidRequest", f'{member} "{value}" can not have more than one wildcard.'
                    )


def cors_headers(document: Mapping[str, Any] | None, origin: str, method: str) -> Headers:
    """The headers of an answer to a cross-origin request; none if no rule covers it."""
    rule = _rule(document, origin, method, ())
    return () if rule is None else _headers(rule, origin)


def preflight_headers(
    document: Mapping[str, Any] | None, origin: str, method: str, headers: Sequence[str]
) -> Headers | None:
    """The headers of the answer to a preflight; None if it is refused."""
    rule = _rule(document, origin, method, headers)
    if rule is None:
        return None
    allowed = (("access-control-allow-headers", ", ".join(headers)),) if headers else ()
    return (*_headers(rule, origin), *allowed)


def _rule(
    document: Mapping[str, Any] | None, origin: str, method: str, headers: Sequence[str]
) -> Mapping[str, Any] | None:
    """The first rule that covers the request, as S3 takes them in order."""
    for rule in (document or {}).get("CORSRules", ()):
        covers: bool = (
            method in rule["AllowedMethods"]
            and any(_matches(pattern, origin) for pattern in rule["AllowedOrigins"])
            and all(
                any(_matches(p.lower(), name.lower()) for p in rule.get("AllowedHeaders") or ())
                for name in headers
            )
        )
        if covers:
            found: Mapping[str, Any] = rule
            return found
    return None


def _headers(rule: Mapping[str, Any], origin: str) -> Headers:
    any_origin = "*" in rule["AllowedOrigins"]
    found = [
        ("access-control-allow-origin", "*" if any_origin else origin),
        ("access-control-allow-methods", ", ".join(rule["AllowedMethods"])),
    ]
    if rule.get("ExposeHeaders"):
        found.append(("access-control-expose-headers", ", ".join(rule["ExposeHeaders"])))
    if rule.get("MaxAgeSeconds") is not None:
        found.append(("access-control-max-age", str(rule["MaxAgeSeconds"])))
    if not any_origin:
        found.append(("access-control-allow-credentials", "true"))
    found.append(("vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"))
    return tuple(found)


def _matches(pattern: str, value: str) -> bool:
    """One `*` stands for anything."""
    before, star, after = pattern.partition("*")
    if not star:
        return pattern == value
    return (
        len(value) >= len(before) + len(after)
        and value.startswith(before)
        and value.endswith(after)
    )
