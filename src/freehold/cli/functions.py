"""`freehold invoke` and `freehold logs`."""

from __future__ import annotations

import base64
import contextlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from freehold.cli import output
from freehold.cli.clients import Clients
from freehold.cli.problems import Problem
from freehold.kernel.clock import SystemClock

FOLLOW_S = 0.5
SUGGESTIONS_MAX = 5


def invoke(clients: Clients, name: str, payload: str) -> int:
    """Invoke a function; its answer on stdout, its log on stderr; the exit status."""
    function = _function(clients, name)
    answer = clients("lambda").invoke(
        FunctionName=function, Payload=_payload(payload), LogType="Tail"
    )
    log = base64.b64decode(answer.get("LogResult", "")).decode(errors="replace")
    output.notes().print(log, end="", style="dim", markup=False)
    text = answer["Payload"].read().decode(errors="replace")
    with contextlib.suppress(ValueError):
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    output.results().print(text, markup=False)
    if "FunctionError" in answer:
        output.notes().print(f"[red]The function failed ({answer['FunctionError']}).[/]")
        return 1
    return 0


def logs(clients: Clients, name: str, *, follow: bool, since_s: int) -> None:
    """Print the lines of a function or log group; with `follow`, also those to come."""
    group = _group(clients, name)
    console = output.results()
    start_ms = int((SystemClock().now() - since_s) * 1000)
    shown: set[str] = set()
    while True:
        if group is not None:
            for event in _events(clients, group, start_ms):
                if event["eventId"] in shown:
                    continue
                moment = output.local_time(event["timestamp"] / 1000)
                text = event["message"].rstrip("\n")
                console.print(f"[dim]{moment}[/] ", end="")
                console.print(text, markup=False)
                if event["timestamp"] > start_ms:
                    start_ms = event["timestamp"]
                    shown.clear()
                shown.add(event["eventId"])
        if not follow:
            break
        time.sleep(FOLLOW_S)
        group = group or _group(clients, name)
    if group is None:
        output.notes().print(f"{name} has logged nothing yet.")


def _events(clients: Clients, group: str, start_ms: int) -> Iterator[dict[str, Any]]:
    pages = clients("logs").get_paginator("filter_log_events")
    for page in pages.paginate(logGroupName=group, startTime=start_ms):
        yield from page["events"]


def _group(clients: Clients, name: str) -> str | None:
    """The log group that a name stands for; None for a function that has logged nothing yet."""
    if name in _groups(clients, name):
        return name
    function = _function(clients, name)
    configured = clients("lambda").get_function_configuration(FunctionName=function)
    group: str = configured.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{function}"
    return group if group in _groups(clients, group) else None


def _groups(clients: Clients, prefix: str) -> list[str]:
    found = clients("logs").describe_log_groups(logGroupNamePrefix=prefix)
    return [group["logGroupName"] for group in found["logGroups"]]


def _function(clients: Clients, name: str) -> str:
    """A function by its name, or by the only name in which what was given occurs."""
    functions = clients("lambda")
    try:
        return str(functions.get_function_configuration(FunctionName=name)["FunctionName"])
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
    names = [
        function["FunctionName"]
        for page in functions.get_paginator("list_functions").paginate()
        for function in page["Functions"]
    ]
    matching = [each for each in names if name.lower() in each.lower()]
    if len(matching) == 1:
        return str(matching[0])
    if matching:
        some = ", ".join(matching[:SUGGESTIONS_MAX])
        raise Problem(f"{name} may be any of {some}.", "Give more of the name.")
    known = ", ".join(names[:SUGGESTIONS_MAX]) or "none"
    raise Problem(f"There is no function {name}.", f"Functions here: {known}")


def _payload(given: str) -> bytes:
    if given == "-":
        text = sys.stdin.buffer.read()
    elif given.startswith("@"):
        try:
            text = Path(given[1:]).read_bytes()
        except OSError as error:
            raise Problem(f"Cannot read {given[1:]}: {error.strerror}.") from None
    else:
        text = given.encode()
    try:
        json.loads(text)
    except ValueError as error:
        raise Problem(
            f"The payload is not JSON: {error}.", """As in: --payload '{"name": "value"}'"""
        ) from None
    return text
