"""Finding what a request names, or saying that it is not there. All need `tx`."""

from __future__ import annotations

from freehold.kernel.call import Call
from freehold.services.lambda_ import errors, store
from freehold.services.lambda_.names import Target
from freehold.services.lambda_.records import LATEST, Alias, Configuration, Function


def function(call: Call, target: Target) -> Function:
    found = store.load_function(call.tx, target.scope, target.name)
    if found is None:
        raise errors.no_function(target.arn)
    return found


def alias(call: Call, target: Target, name: str) -> Alias:
    found = store.load_alias(call.tx, target.scope, target.name, name)
    if found is None:
        raise errors.no_alias(f"{target.function_arn}:{name}")
    return found


def configuration(call: Call, target: Target) -> Configuration:
    """The version that the qualifier names; an alias's main one, whatever its weights."""
    found = function(call, target)
    if target.qualifier in ("", LATEST):
        return found.latest
    version = target.qualifier
    if not version.isdecimal():
        known = store.load_alias(call.tx, target.scope, target.name, version)
        if known is None:
            raise errors.no_function(target.arn)
        version = known.version
    return published(call, target, version)


def published(call: Call, target: Target, version: str) -> Configuration:
    """A version by its number, or $LATEST."""
    if version == LATEST:
        return function(call, target).latest
    found = store.load_version(call.tx, target.scope, target.name, int(version))
    if found is None:
        raise errors.no_function(f"{target.function_arn}:{version}")
    return found


def ensure_qualifier(call: Call, target: Target) -> None:
    """Raise unless the function, and the version or alias that is named, exist."""
    configuration(call, target)
