"""`freehold status`: the node, and what is deployed on it."""

from __future__ import annotations

from typing import Any

from rich.markup import escape

from freehold.cli import output
from freehold.cli.addresses import local_address
from freehold.cli.clients import Clients, health

ROWS_MAX = 100


def status(clients: Clients) -> None:
    """Print the node, its stacks, functions, tables and buckets."""
    console = output.results()
    node = health(clients.keys.endpoint_url) or {}
    identity = clients("sts").get_caller_identity()
    console.print(
        f"Freehold {node.get('version', '')} at [bold]{clients.keys.endpoint_url}[/], "
        f"region {clients.keys.region}, account {identity['Account']}"
    )
    sections = (
        ("Stacks", ("Name", "Status", "Changed", "Address"), _stacks),
        ("Functions", ("Name", "Runtime", "Memory", "State"), _functions),
        ("Tables", ("Name", "Status", "Items"), _tables),
        ("Buckets", ("Name", "Made"), _buckets),
    )
    for title, columns, rows in sections:
        found = rows(clients)
        console.print()
        if not found:
            console.print(f"[dim]{title}: none[/]")
            continue
        made = output.table(*columns, title=title)
        for row in found[:ROWS_MAX]:
            made.add_row(*row)
        console.print(made)
        if len(found) > ROWS_MAX:
            console.print(f"[dim]and {len(found) - ROWS_MAX} more[/]")


def _stacks(clients: Clients) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for page in clients("cloudformation").get_paginator("describe_stacks").paginate():
        for stack in page["Stacks"]:
            changed = stack.get("LastUpdatedTime", stack["CreationTime"])
            addresses = (
                local_address(each["OutputValue"], clients.keys.endpoint_url)
                for each in stack.get("Outputs", [])
            )
            rows.append(
                (
                    stack["StackName"],
                    output.status(stack["StackStatus"]),
                    output.local_time(changed),
                    next((each for each in addresses if each), ""),
                )
            )
    return rows


def _functions(clients: Clients) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for page in clients("lambda").get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            # A reason is given where something is not as wished for, such as another interpreter.
            reason = function.get("StateReason", "")
            state = function.get("State", "Active")
            rows.append(
                (
                    function["FunctionName"],
                    function.get("Runtime", ""),
                    f"{function['MemorySize']} MB",
                    f"{state}  {escape(reason)}" if reason else state,
                )
            )
    return rows


def _tables(clients: Clients) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    dynamodb = clients("dynamodb")
    for page in dynamodb.get_paginator("list_tables").paginate():
        for name in page["TableNames"]:
            if len(rows) >= ROWS_MAX:
                rows.append((name, "", ""))
                continue
            found: dict[str, Any] = dynamodb.describe_table(TableName=name)["Table"]
            rows.append((name, output.status(found["TableStatus"]), str(found.get("ItemCount", 0))))
    return rows


def _buckets(clients: Clients) -> list[tuple[str, ...]]:
    return [
        (bucket["Name"], output.local_time(bucket["CreationDate"]))
        for bucket in clients("s3").list_buckets()["Buckets"]
    ]
