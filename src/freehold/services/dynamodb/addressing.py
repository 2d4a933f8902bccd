"""From what a request calls a table, a name or an ARN, to the table and to what IAM is asked."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from freehold.kernel import arn as arns
from freehold.kernel.call import Call
from freehold.kernel.service import Access, Params
from freehold.kv.keys import Scope
from freehold.services.dynamodb import errors, store
from freehold.services.dynamodb.records import Table

_NAME = re.compile(r"[a-zA-Z0-9_.-]{3,255}")


def place(call: Call, table: str) -> tuple[Scope, str]:
    """The scope and name of a table, given its name or ARN."""
    if not table.startswith("arn:"):
        return Scope(call.account, call.region), table
    try:
        arn = arns.parse(table)
    except ValueError as error:
        raise errors.invalid(f"Invalid TableArn: {table}") from error
    kind, _, name = arn.resource.partition("/")
    if arn.service != "dynamodb" or kind != "table" or "/" in name:
        raise errors.invalid(f"Invalid TableArn: {table}")
    if arn.region != call.region:
        raise errors.invalid(f"The region of the table is not that of the request: {table}")
    return Scope(arn.account, arn.region), name


def checked_name(name: str, member: str = "tableName") -> str:
    """A name as tables and indexes may have it; the model lets ARNs pass too, and so checks
    nothing.
    """
    if _NAME.fullmatch(name) is None:
        if len(name) < 3 or len(name) > 255:
            raise errors.invalid(
                "TableName must be at least 3 characters long and at most 255 characters long"
                if member == "tableName"
                else "Invalid table/index name.  Table/index names must be between 3 and 255 "
                "characters long, and may contain only the characters a-z, A-Z, 0-9, '_', '-', "
                "and '.'"
            )
        raise errors.invalid(
            f"1 validation error detected: Value '{name}' at '{member}' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
        )
    return name


def item_table(call: Call, table: str) -> tuple[Scope, Table]:
    """The table for an item operation: it must be ready."""
    scope, name = place(call, table)
    found = store.load_table(call.tx, scope, name)
    if found is None:
        checked_name(name)
        raise errors.resource_not_found()
    if found.status == "CREATING" or found.status == "DELETING":
        raise errors.resource_not_found()
    return scope, found


def managed_table(call: Call, table: str) -> tuple[Scope, Table]:
    """The table for a table operation, in whatever state."""
    scope, name = place(call, table)
    found = store.load_table(call.tx, scope, name)
    if found is None:
        checked_name(name)
        raise errors.table_not_found(name)
    return scope, found


def table_arn(scope: Scope, name: str) -> str:
    return f"arn:aws:dynamodb:{scope.region}:{scope.account}:table/{name}"


def access(call: Call, action: str, table: str, index: str | None = None) -> Access:
    """What IAM is asked for an action on a table or an index."""
    if not table.startswith("arn:"):
        return _access(action, call.account, call.region, table, index)
    scope, name = place(call, table)
    return _access(action, *scope, name, index)


@lru_cache(maxsize=1024)
def _access(action: str, account: str, region: str, name: str, index: str | None) -> Access:
    scope = Scope(account, region)
    resource = table_arn(scope, name if index is None else f"{name}/index/{index}")
    return Access(action=f"dynamodb:{action}", resource=resource, owner=scope.account)


def table_access(action: str) -> Any:
    """The access rule of an operation on params["TableName"] and, for reads, an index."""

    def rule(call: Call, params: Params) -> tuple[Access, ...]:
        return (access(call, action, params["TableName"], params.get("IndexName")),)

    return rule
