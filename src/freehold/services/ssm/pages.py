"""Paging through parameters, with a limit on how many are looked at for one page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from freehold.kernel import paging
from freehold.kernel.call import Call
from freehold.kernel.service import Params
from freehold.services.ssm import errors, store
from freehold.services.ssm.records import Parameter

# A page may come out short, or empty, when a filter lets few pass; then its token goes on from
# here.
EXAMINED_MAX = 500


def below(
    call: Call,
    path: str,
    params: Params,
    *,
    recursive: bool,
    limit: int,
    passes: Callable[[Parameter], bool],
) -> tuple[list[Parameter], dict[str, Any]]:
    """(parameters below a path, what the answer says of the rest). The path "" has them all."""
    after = _path_after(params)
    found: list[Parameter] = []
    last = after
    for examined, (position, parameter) in enumerate(_list(call, path, after, recursive=recursive)):
        if len(found) == limit or examined == EXAMINED_MAX:
            return found, {"NextToken": paging.encode(last)}
        last = position
        if parameter is not None and passes(parameter):
            found.append(parameter)
    return found, {}


def _list(
    call: Call, path: str, after: store.Position | None, *, recursive: bool
) -> Iterator[store.Row]:
    """ "/" is above the names without a slash, too."""
    tx, scope, limit = call.tx, call.scope, EXAMINED_MAX + 1
    start = store.path_of(path)
    if recursive:
        below = () if path == "" else start
        yield from store.list_below(tx, scope, below, limit=limit, after=after)
        return
    if after is None or after[: len(start)] == start:
        yield from store.list_children(tx, scope, start, limit=limit, after=after)
    if path == "":
        yield from store.list_unrooted(tx, scope, limit=limit, after=after)


def _path_after(params: Params) -> store.Position | None:
    token = params.get("NextToken")
    if token is None:
        return None
    try:
        position: store.Position = paging.decode(token, tuple[str | bool, ...])
    except paging.InvalidToken as error:
        raise errors.invalid_next_token() from error
    if not position:
        raise errors.invalid_next_token()
    return position


def number_after(params: Params) -> int:
    token = params.get("NextToken")
    if token is None:
        return 0
    try:
        (number,) = paging.decode(token, tuple[int])
    except paging.InvalidToken as error:
        raise errors.invalid_next_token() from error
    return int(number)


def encode_number(number: int) -> str:
    return paging.encode((number,))
