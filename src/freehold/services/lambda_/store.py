"""The keys of Lambda.

function       NAME                       Function, with $LATEST: one read is enough to invoke
it version        NAME, NUMBER               Configuration alias          NAME, ALIAS
Alias policy         NAME, QUALIFIER            Policy; "" is the function's own url
NAME, QUALIFIER            FunctionUrl event-invoke   NAME, QUALIFIER
EventInvokeConfig layer          NAME                       Layer layer-version  NAME, NUMBER
LayerVersion layer-policy   NAME, NUMBER               Policy usage
Usage download-key                              DownloadKey code           BLOB, ACCOUNT,
REGION, OF  (global) who refers to a blob: it stays while any does
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from freehold.kernel.records import Records
from freehold.kv import Transaction
from freehold.kv.keys import Scope, Space
from freehold.services.lambda_.records import (
    Alias,
    Configuration,
    DownloadKey,
    EventInvokeConfig,
    Function,
    FunctionUrl,
    Layer,
    LayerVersion,
    Policy,
    Usage,
)

# So many aliases, URLs or settings of one function are ever listed in a transaction.
OF_FUNCTION_MAX = 10_000

_functions = Records("lambda", "function", Function)
_versions = Records("lambda", "version", Configuration)
_aliases = Records("lambda", "alias", Alias)
_policies = Records("lambda", "policy", Policy)
_urls = Records("lambda", "url", FunctionUrl)
_event_invokes = Records("lambda", "event-invoke", EventInvokeConfig)
_layers = Records("lambda", "layer", Layer)
_layer_versions = Records("lambda", "layer-version", LayerVersion)
_layer_policies = Records("lambda", "layer-policy", Policy)
_usages = Records("lambda", "usage", Usage)
_download_keys = Records("lambda", "download-key", DownloadKey)
_codes = Space("lambda", "code")
_ANYWHERE = Scope("", "")


def load_function(tx: Transaction, scope: Scope, name: str) -> Function | None:
    return _functions.load(tx, scope, name)


def load_function_bytes(tx: Transaction, scope: Scope, name: str) -> bytes | None:
    """The record as it is stored, for `decode_function`: who invokes it again need not decode it
    again."""
    return tx.get(_functions.space.key(scope, name))


def load_version_bytes(tx: Transaction, scope: Scope, name: str, number: int) -> bytes | None:
    return tx.get(_versions.space.key(scope, name, number))


decode_function = msgspec.msgpack.Decoder(Function).decode
decode_version = msgspec.msgpack.Decoder(Configuration).decode


def save_function(tx: Transaction, scope: Scope, function: Function) -> None:
    _functions.save(tx, scope, function, function.name)


def list_functions(tx: Transaction, scope: Scope, *, after: str, limit: int) -> list[Function]:
    return [found for _, found in _functions.list(tx, scope, after=(after,), limit=limit)]


def clear_function(tx: Transaction, scope: Scope, name: str) -> None:
    """Delete the records of a function and all that hangs on it; not its code's references."""
    _functions.delete(tx, scope, name)
    for records in (_versions, _aliases, _policies, _urls, _event_invokes):
        records.clear(tx, scope, name)


def load_version(tx: Transaction, scope: Scope, name: str, number: int) -> Configuration | None:
    return _versions.load(tx, scope, name, number)


def save_version(tx: Transaction, scope: Scope, name: str, version: Configuration) -> None:
    _versions.save(tx, scope, version, name, int(version.version))


def delete_version(tx: Transaction, scope: Scope, name: str, number: int) -> None:
    _versions.delete(tx, scope, name, number)
    _policies.delete(tx, scope, name, str(number))
    _event_invokes.delete(tx, scope, name, str(number))


def list_versions(
    tx: Transaction, scope: Scope, name: str, *, after: int = 0, limit: int
) -> list[Configuration]:
    found = _versions.list(tx, scope, name, after=(name, after), limit=limit)
    return [version for _, version in found]


def load_alias(tx: Transaction, scope: Scope, name: str, alias: str) -> Alias | None:
    return _aliases.load(tx, scope, name, alias)


def save_alias(tx: Transaction, scope: Scope, name: str, alias: Alias) -> None:
    _aliases.save(tx, scope, alias, name, alias.name)


def delete_alias(tx: Transaction, scope: Scope, name: str, alias: str) -> None:
    _aliases.delete(tx, scope, name, alias)
    _policies.delete(tx, scope, name, alias)
    _event_invokes.delete(tx, scope, name, alias)


def list_aliases(
    tx: Transaction, scope: Scope, name: str, *, after: str = "", limit: int
) -> list[Alias]:
    found = _aliases.list(tx, scope, name, after=(name, after), limit=limit)
    return [alias for _, alias in found]


def load_policy(tx: Transaction, scope: Scope, name: str, qualifier: str) -> Policy | None:
    return _policies.load(tx, scope, name, qualifier)


def save_policy(
    tx: Transaction, scope: Scope, name: str, qualifier: str, policy: Policy | None
) -> None:
    """Store a policy; None, or one without statements, is none."""
    if policy is None or not policy.statements:
        _policies.delete(tx, scope, name, qualifier)
    else:
        _policies.save(tx, scope, policy, name, qualifier)


def load_url(tx: Transaction, scope: Scope, name: str, qualifier: str) -> FunctionUrl | None:
    return _urls.load(tx, scope, name, qualifier)


def save_url(tx: Transaction, scope: Scope, url: FunctionUrl) -> None:
    _urls.save(tx, scope, url, url.function, url.qualifier)


def delete_url(tx: Transaction, scope: Scope, url: FunctionUrl) -> None:
    _urls.delete(tx, scope, url.function, url.qualifier)


def list_urls(
    tx: Transaction, scope: Scope, name: str, *, after: str | None = None, limit: int
) -> list[FunctionUrl]:
    position = None if after is None else (name, after)
    return [url for _, url in _urls.list(tx, scope, name, after=position, limit=limit)]


def load_event_invoke(
    tx: Transaction, scope: Scope, name: str, qualifier: str
) -> EventInvokeConfig | None:
    return _event_invokes.load(tx, scope, name, qualifier)


def save_event_invoke(tx: Transaction, scope: Scope, name: str, config: EventInvokeConfig) -> None:
    _event_invokes.save(tx, scope, config, name, config.qualifier)


def delete_event_invoke(tx: Transaction, scope: Scope, name: str, qualifier: str) -> None:
    _event_invokes.delete(tx, scope, name, qualifier)


def list_event_invokes(
    tx: Transaction, scope: Scope, name: str, *, after: str | None = None, limit: int
) -> list[EventInvokeConfig]:
    position = None if after is None else (name, after)
    found = _event_invokes.list(tx, scope, name, after=position, limit=limit)
    return [config for _, config in found]


def load_layer(tx: Transaction, scope: Scope, name: str) -> Layer | None:
    return _layers.load(tx, scope, name)


def save_layer(tx: Transaction, scope: Scope, layer: Layer) -> None:
    _layers.save(tx, scope, layer, layer.name)


def list_layers(tx: Transaction, scope: Scope, *, after: str, limit: int) -> list[Layer]:
    return [layer for _, layer in _layers.list(tx, scope, after=(after,), limit=limit)]


def load_layer_version(
    tx: Transaction, scope: Scope, name: str, number: int
) -> LayerVersion | None:
    return _layer_versions.load(tx, scope, name, number)


def save_layer_version(tx: Transaction, scope: Scope, version: LayerVersion) -> None:
    _layer_versions.save(tx, scope, version, version.layer, version.number)


def delete_layer_version(tx: Transaction, scope: Scope, name: str, number: int) -> None:
    _layer_versions.delete(tx, scope, name, number)
    _layer_policies.delete(tx, scope, name, number)


def list_layer_versions(
    tx: Transaction, scope: Scope, name: str, *, before: int | None = None, limit: int
) -> list[LayerVersion]:
    """The newest first."""
    position = None if before is None else (name, before)
    found = _layer_versions.list(tx, scope, name, after=position, limit=limit, reverse=True)
    return [version for _, version in found]


def load_layer_policy(tx: Transaction, scope: Scope, name: str, number: int) -> Policy | None:
    return _layer_policies.load(tx, scope, name, number)


def save_layer_policy(
    tx: Transaction, scope: Scope, name: str, number: int, policy: Policy
) -> None:
    if policy.statements:
        _layer_policies.save(tx, scope, policy, name, number)
    else:
        _layer_policies.delete(tx, scope, name, number)


def load_usage(tx: Transaction, scope: Scope) -> Usage:
    return _usages.load(tx, scope) or Usage()


def add_usage(
    tx: Transaction, scope: Scope, *, functions: int = 0, code_bytes: int = 0, reserved: int = 0
) -> None:
    usage = load_usage(tx, scope)
    usage = Usage(
        functions=usage.functions + functions,
        code_bytes=usage.code_bytes + code_bytes,
        reserved_concurrency=usage.reserved_concurrency + reserved,
    )
    assert min(usage.functions, usage.code_bytes, usage.reserved_concurrency) >= 0
    _usages.save(tx, scope, usage)


def load_download_key(tx: Transaction, scope: Scope) -> DownloadKey | None:
    return _download_keys.load(tx, scope)


def save_download_key(tx: Transaction, scope: Scope, key: DownloadKey) -> None:
    _download_keys.save(tx, scope, key)


def refer_to_code(tx: Transaction, scope: Scope, blob: str, of: str) -> None:
    """Note that something ("function NAME VERSION", "layer NAME NUMBER") needs a blob."""
    tx.put(_codes.key(_ANYWHERE, blob, scope.account, scope.region, of), b"")


def drop_code(tx: Transaction, scope: Scope, blob: str, of: str) -> None:
    tx.delete(_codes.key(_ANYWHERE, blob, scope.account, scope.region, of))


def is_code_used(tx: Transaction, blob: str) -> bool:
    start, end = _codes.range(_ANYWHERE, blob)
    return next(tx.scan(start, end, limit=1), None) is not None


def used_codes(tx: Transaction, blobs: Iterable[str]) -> set[str]:
    """Those of the blobs that are code in use, for whoever collects orphans."""
    return {blob for blob in blobs if is_code_used(tx, blob)}
