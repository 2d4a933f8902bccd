"""Websites: what a path means ("Hosting a static website using Amazon S3", user guide)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from freehold.kernel.errors import AwsError
from freehold.services.s3 import errors

ROUTING_RULES_MAX = 50


class Redirect(NamedTuple):
    status: int
    location: str


def check(document: Mapping[str, Any]) -> None:
    if document.get("RedirectAllRequestsTo") is not None:
        if len([value for value in document.values() if value is not None]) > 1:
            raise errors.malformed_xml()
        return
    if document.get("IndexDocument") is None:
        raise errors.invalid_argument(
            "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty",
            "IndexDocument",
            "null",
        )
    suffix = document["IndexDocument"]["Suffix"]
    if not suffix or "/" in suffix:
        raise errors.invalid_argument(
            "The IndexDocument Suffix is not well formed", "IndexDocument", suffix
        )
    rules = document.get("RoutingRules") or ()
    if len(rules) > ROUTING_RULES_MAX:
        raise errors.invalid_request(
            f"{len(rules)} routing rules provided, the number of routing rules in a website "
            f"configuration is limited to {ROUTING_RULES_MAX}."
        )
    for rule in rules:
        _check_rule(rule)


def index_key(document: Mapping[str, Any], path: str) -> str:
    """The key that a path ("/", "/docs/", "/a.html") stands for."""
    key = path.removeprefix("/")
    if not key or key.endswith("/"):
        suffix: str = document["IndexDocument"]["Suffix"]
        return key + suffix
    return key


def redirect_all(document: Mapping[str, Any], path: str, query: str) -> Redirect | None:
    target = document.get("RedirectAllRequestsTo")
    if target is None:
        return None
    tail = f"?{query}" if query else ""
    place = _place(target.get("Protocol"), target["HostName"])
    return Redirect(301, f"{place}{quote(path, safe='/')}{tail}")


def routed(
    document: Mapping[str, Any], key: str, status: int | None, host: str, base: str
) -> Redirect | None:
    """Where the first routing rule that applies sends a request: for its key before it is looked
    up (status None), for the error that it came to after. The site begins at `base`.
    """
    for rule in document.get("RoutingRules") or ():
        condition = rule.get("Condition") or {}
        code = condition.get("HttpErrorCodeReturnedEquals")
        prefix = condition.get("KeyPrefixEquals") or ""
        if (code is None) != (status is None) or (code is not None and int(code) != status):
            continue
        if not key.startswith(prefix):
            continue
        redirect = rule["Redirect"]
        target = key
        if redirect.get("ReplaceKeyWith") is not None:
            target = redirect["ReplaceKeyWith"]
        elif redirect.get("ReplaceKeyPrefixWith") is not None:
            target = redirect["ReplaceKeyPrefixWith"] + key[len(prefix) :]
        place = base
        if redirect.get("HostName") is not None:
            place = _place(redirect.get("Protocol"), redirect["HostName"])
        elif redirect.get("Protocol") is not None:
            place = _place(redirect["Protocol"], host) + base
        return Redirect(
            int(redirect.get("HttpRedirectCode") or 301), f"{place}/{quote(target, safe='/')}"
        )
    return None


def _place(protocol: str | None, host: str) -> str:
    """Without a protocol, that of the request stays, which is what `//host` says."""
    return f"{protocol}://{host}" if protocol else f"//{host}"


def _check_rule(rule: Mapping[str, Any]) -> None:
    redirect = rule["Redirect"]
    if (
        redirect.get("ReplaceKeyWith") is not None
        and redirect.get("ReplaceKeyPrefixWith") is not None
    ):
        raise errors.invalid_request(
            "You can only define ReplaceKeyPrefix or ReplaceKey but not both."
        )
    code = redirect.get("HttpRedirectCode")
    if code is not None and not (code.isdigit() and 300 < int(code) < 400):
        raise AwsError("InvalidRequest", f"The provided HTTP redirect code ({code}) is not valid.")
    error = (rule.get("Condition") or {}).get("HttpErrorCodeReturnedEquals")
    if error is not None and not (error.isdigit() and 400 <= int(error) < 600):
        raise AwsError("InvalidRequest", f"The provided HTTP error code ({error}) is not valid.")
