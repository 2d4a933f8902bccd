"""Where Parameter Store's records are.

(ssm, account, region, parameter, *path)        Parameter; "/a/b" has the path ("", "a", "b")
(ssm, account, region, version, name, number)   Version: the earlier ones
(ssm, account, region, counts)                  Counts
(ssm, account, region, sealing key)             SealingKey
"""

from __future__ import annotations

from collections.abc import Iterator

from freehold.kernel.records import Records
from freehold.kv import Transaction
from freehold.kv.keys import Scope
from freehold.services.ssm.records import Counts, Parameter, SealingKey, Version

Path = tuple[str, ...]

_parameters = Records("ssm", "parameter", Parameter)
_versions = Records("ssm", "version", Version)
_counts = Records("ssm", "counts", Counts)
_keys = Records("ssm", "sealing key", SealingKey)

# Packs after every string: what follows (path, _LAST) is behind all that is below the path.
_LAST = True


def path_of(name: str) -> Path:
    return tuple(name.split("/"))


def load_parameter(tx: Transaction, scope: Scope, name: str) -> Parameter | None:
    return _parameters.load(tx, scope, *path_of(name))


def save_parameter(tx: Transaction, scope: Scope, parameter: Parameter) -> None:
    _parameters.save(tx, scope, parameter, *path_of(parameter.name))


def delete_parameter(tx: Transaction, scope: Scope, name: str) -> None:
    _parameters.delete(tx, scope, *path_of(name))
    _versions.clear(tx, scope, name)


Position = tuple[str | bool, ...]
Row = tuple[Position, Parameter | None]


def list_below(
    tx: Transaction, scope: Scope, path: Path, *, limit: int, after: Position | None = None
) -> Iterator[Row]:
    """Every parameter below a path with its position, in the order of paths, after a position."""
    yield from _parameters.list(tx, scope, *path, limit=limit, after=after)


def list_children(
    tx: Transaction, scope: Scope, path: Path, *, limit: int, after: Position | None = None
) -> Iterator[Row]:
    """Only those right below the path.

    What lies deeper is jumped over, at the cost of one read for each branch, and of one row that
    has only a position.
    """
    for _ in range(limit):
        found = next(_parameters.list(tx, scope, *path, limit=1, after=after), None)
        if found is None:
            return
        key, parameter = found
        if len(key) == len(path) + 1:
            yield key, parameter
            after = key
        else:
            after = (*key[: len(path) + 1], _LAST)
            yield after, None


def list_unrooted(
    tx: Transaction, scope: Scope, *, limit: int, after: Position | None = None
) -> Iterator[Row]:
    """Those whose name does not begin with a slash."""
    start = after if after is not None and after[0] != "" else ("", _LAST)
    yield from _parameters.list(tx, scope, limit=limit, after=start)


def load_version(tx: Transaction, scope: Scope, name: str, number: int) -> Version | None:
    return _versions.load(tx, scope, name, number)


def save_version(tx: Transaction, scope: Scope, name: str, version: Version) -> None:
    _versions.save(tx, scope, version, name, version.number)


def delete_version(tx: Transaction, scope: Scope, name: str, number: int) -> None:
    _versions.delete(tx, scope, name, number)


def list_versions(
    tx: Transaction, scope: Scope, name: str, *, limit: int, after: int
) -> Iterator[Version]:
    """The earlier versions, after a number."""
    for _, version in _versions.list(tx, scope, name, limit=limit, after=(name, after)):
        yield version


def load_counts(tx: Transaction, scope: Scope) -> Counts:
    return _counts.load(tx, scope) or Counts()


def save_counts(tx: Transaction, scope: Scope, counts: Counts) -> None:
    _counts.save(tx, scope, counts)


def load_sealing_key(tx: Transaction, scope: Scope) -> bytes | None:
    found = _keys.load(tx, scope)
    return None if found is None else found.key


def save_sealing_key(tx: Transaction, scope: Scope, key: bytes) -> None:
    _keys.save(tx, scope, SealingKey(key))
