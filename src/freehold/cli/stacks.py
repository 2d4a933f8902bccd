"""`freehold deploy` and `freehold delete`: changes made, and followed by their events."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from botocore.exceptions import ClientError
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from freehold.cli import output
from freehold.cli.addresses import local_address
from freehold.cli.clients import Clients
from freehold.cli.packaging import Package, package
from freehold.cli.problems import Problem
from freehold.kernel.chance import SystemChance
from freehold.kernel.chance import word as random_word

POLL_S = 0.25
TEMPLATE_BODY_BYTES_MAX = 51_200
_UNCHANGED = ("didn't contain changes", "No updates are to be performed")


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What `freehold deploy` was asked for."""

    template: Path
    stack_name: str
    parameters: dict[str, str]
    capabilities: list[str]
    bucket: str = ""
    execute: bool = True
    keep_failed: bool = False


def deploy(clients: Clients, wanted: Wanted) -> int:
    """Package, upload, change, follow, and print the outputs; the exit status."""
    notes = output.notes()
    bucket = wanted.bucket or _usual_bucket(clients)
    packaged = package(wanted.template, bucket, clients.keys.region)
    for warning in packaged.warnings:
        notes.print(f"[yellow]Note:[/] {escape(warning)}")
    stack = find_stack(clients, wanted.stack_name)
    if stack is not None and stack["StackStatus"] in (
        "ROLLBACK_COMPLETE",
        "ROLLBACK_FAILED",
        "DELETE_FAILED",
    ):
        raise Problem(
            f"Stack {wanted.stack_name} is in {stack['StackStatus']} and cannot be updated.",
            f"Delete it first: freehold delete --stack-name {wanted.stack_name}",
        )
    exists = stack is not None and stack["StackStatus"] != "REVIEW_IN_PROGRESS"
    parameters = _parameters(wanted, packaged, stack if exists else None)
    _upload(clients, bucket, packaged, notes)
    changes = _make_change_set(clients, wanted, packaged, bucket, parameters, exists=exists)
    if changes is None:
        notes.print(f"Stack {wanted.stack_name} is up to date.")
        _print_outputs(clients, wanted.stack_name)
        return 0
    if not wanted.execute:
        _print_changes(changes)
        return 0
    stack_id = changes["StackId"]
    last = _newest_event(clients, stack_id)
    clients("cloudformation").execute_change_set(
        ChangeSetName=changes["ChangeSetId"],
        **({"DisableRollback": True} if wanted.keep_failed else {}),
    )
    status, failures = follow(clients, stack_id, after=last)
    if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        notes.print(f"[green]Stack {wanted.stack_name} is deployed.[/]")
        _print_outputs(clients, wanted.stack_name)
        return 0
    _print_failures(notes, wanted.stack_name, status, failures)
    if status == "ROLLBACK_COMPLETE":
        notes.print(f"Before you try again: freehold delete --stack-name {wanted.stack_name}")
    return 1


def delete(clients: Clients, stack_name: str) -> int:
    """Delete a stack and follow it; the exit status."""
    notes = output.notes()
    stack = find_stack(clients, stack_name)
    if stack is None:
        notes.print(f"There is no stack {stack_name}.")
        return 0
    last = _newest_event(clients, stack["StackId"])
    clients("cloudformation").delete_stack(StackName=stack["StackId"])
    status, failures = follow(clients, stack["StackId"], after=last)
    if status == "DELETE_COMPLETE":
        notes.print(f"[green]Stack {stack_name} is deleted.[/]")
        return 0
    _print_failures(notes, stack_name, status, failures)
    return 1


def find_stack(clients: Clients, stack_name: str) -> dict[str, Any] | None:
    try:
        found = clients("cloudformation").describe_stacks(StackName=stack_name)
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            return None
        raise
    stack: dict[str, Any] = found["Stacks"][0]
    return None if stack["StackStatus"] == "DELETE_COMPLETE" else stack


def follow(
    clients: Clients, stack_id: str, *, after: str | None
) -> tuple[str, list[dict[str, Any]]]:
    """Show a stack's events until its operation ends; its status, and the events of what failed."""
    failures: list[dict[str, Any]] = []
    with _progress() as show:
        while True:
            # The status first: events of an operation that has ended are all there afterwards.
            described = clients("cloudformation").describe_stacks(StackName=stack_id)
            status: str = described["Stacks"][0]["StackStatus"]
            for event in _events_after(clients, stack_id, after):
                after = event["EventId"]
                show(event)
                if event.get("ResourceStatus", "").endswith("_FAILED"):
                    failures.append(event)
            if not status.endswith("_IN_PROGRESS"):
                return status, failures
            time.sleep(POLL_S)


# -- what is deployed --


def _usual_bucket(clients: Clients) -> str:
    account = clients("sts").get_caller_identity()["Account"]
    return f"freehold-deployments-{account}-{clients.keys.region}"


def _upload(clients: Clients, bucket: str, packaged: Package, notes: Console) -> None:
    body = packaged.text.encode()
    if not packaged.uploads and len(body) <= TEMPLATE_BODY_BYTES_MAX:
        return
    s3 = clients("s3")
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
            raise
        place = {"LocationConstraint": clients.keys.region}
        s3.create_bucket(
            Bucket=bucket,
            **({} if clients.keys.region == "us-east-1" else {"CreateBucketConfiguration": place}),
        )
    for upload in packaged.uploads.values():
        if not _is_stored(s3, bucket, upload.key):
            notes.print(f"Uploading {upload.key} ({_size(len(upload.body))})")
            s3.put_object(Bucket=bucket, Key=upload.key, Body=upload.body)


def _is_stored(s3: Any, bucket: str, key: str) -> bool:
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchKey", "403"):
            raise
        return False
    return True


def _parameters(
    wanted: Wanted, packaged: Package, stack: dict[str, Any] | None
) -> list[dict[str, Any]]:
    """As given; else as the stack has them; else the template's defaults."""
    unknown = sorted(set(wanted.parameters) - set(packaged.parameters))
    if unknown:
        known = ", ".join(sorted(packaged.parameters)) or "none"
        raise Problem(
            f"{wanted.template} has no parameter {', '.join(unknown)}.", f"It has: {known}"
        )
    before = {each["ParameterKey"] for each in (stack or {}).get("Parameters", [])}
    found: list[dict[str, Any]] = []
    missing = []
    for name, has_default in packaged.parameters.items():
        if name in wanted.parameters:
            found.append({"ParameterKey": name, "ParameterValue": wanted.parameters[name]})
        elif name in before:
            found.append({"ParameterKey": name, "UsePreviousValue": True})
        elif not has_default:
            missing.append(name)
    if missing:
        given = " ".join(f"{name}=..." for name in missing)
        raise Problem(
            f"{wanted.template} needs a value for {', '.join(missing)}.",
            f"Add: --parameter-overrides {given}",
        )
    return found


def _make_change_set(
    clients: Clients,
    wanted: Wanted,
    packaged: Package,
    bucket: str,
    parameters: list[dict[str, Any]],
    *,
    exists: bool,
) -> dict[str, Any] | None:
    """The change set as described, or None where there is nothing to change."""
    cloudformation = clients("cloudformation")
    body = packaged.text.encode()
    if len(body) <= TEMPLATE_BODY_BYTES_MAX:
        template = {"TemplateBody": packaged.text}
    else:
        key = f"{wanted.stack_name}.template"
        clients("s3").put_object(Bucket=bucket, Key=key, Body=body)
        template = {"TemplateURL": f"https://s3.{clients.keys.region}.amazonaws.com/{bucket}/{key}"}
    made = cloudformation.create_change_set(
        StackName=wanted.stack_name,
        ChangeSetName="freehold-" + random_word(SystemChance(), 12, "abcdefghijklmnopqrstuvwxyz"),
        ChangeSetType="UPDATE" if exists else "CREATE",
        Parameters=parameters,
        Capabilities=wanted.capabilities,
        Description="Made by freehold deploy",
        **template,
    )
    while True:
        described: dict[str, Any] = cloudformation.describe_change_set(ChangeSetName=made["Id"])
        if described["Status"] == "CREATE_COMPLETE":
            return described
        if described["Status"] == "FAILED":
            reason = described.get("StatusReason", "no reason was given")
            cloudformation.delete_change_set(ChangeSetName=made["Id"])
            if any(words in reason for words in _UNCHANGED):
                return None
            if not exists:
                cloudformation.delete_stack(StackName=made["StackId"])
            raise Problem(f"The change set failed: {reason}")
        time.sleep(POLL_S)


# -- events --


def _newest_event(clients: Clients, stack_id: str) -> str | None:
    events = clients("cloudformation").describe_stack_events(StackName=stack_id)["StackEvents"]
    return events[0]["EventId"] if events else None


def _events_after(clients: Clients, stack_id: str, after: str | None) -> list[dict[str, Any]]:
    """Events since one of them, oldest first."""
    found: list[dict[str, Any]] = []
    pages = clients("cloudformation").get_paginator("describe_stack_events")
    for page in pages.paginate(StackName=stack_id):
        for event in page["StackEvents"]:
            if event["EventId"] == after:
                return found[::-1]
            found.append(event)
    return found[::-1]


@contextmanager
def _progress() -> Iterator[Callable[[dict[str, Any]], None]]:
    """Show events: a table that changes in place on a terminal, a line each elsewhere."""
    console = output.notes()
    if not console.is_terminal:
        yield lambda event: console.print(_line(event))
        return
    rows: dict[str, dict[str, Any]] = {}
    with Live(console=console, refresh_per_second=8) as live:

        def show(event: dict[str, Any]) -> None:
            rows[event["LogicalResourceId"]] = event
            live.update(_table(rows.values()))

        yield show


def _line(event: dict[str, Any]) -> str:
    reason = (
        f"  {escape(event['ResourceStatusReason'])}" if event.get("ResourceStatusReason") else ""
    )
    word = output.status(f"{event['ResourceStatus']:<28}")
    return f"{word} {event['ResourceType']:<34} {event['LogicalResourceId']}{reason}"


def _table(events: Any) -> Table:
    made = output.table("Resource", "Type", "Status", "Reason")
    for event in events:
        made.add_row(
            event["LogicalResourceId"],
            event["ResourceType"],
            output.status(event["ResourceStatus"]),
            escape(event.get("ResourceStatusReason", "")),
        )
    return made


def _print_failures(
    notes: Console, stack_name: str, status: str, failures: list[dict[str, Any]]
) -> None:
    notes.print(f"[red]Stack {stack_name} ended in {status}.[/]")
    for event in failures:
        reason = event.get("ResourceStatusReason", "no reason was given")
        # What was stopped because something else failed explains nothing.
        if "cancelled" not in reason.lower():
            notes.print(
                f"  {event['LogicalResourceId']} ({event['ResourceType']}): {escape(reason)}"
            )


# -- results --


def _print_outputs(clients: Clients, stack_name: str) -> None:
    stack = find_stack(clients, stack_name)
    outputs = (stack or {}).get("Outputs", [])
    if not outputs:
        return
    console = output.results()
    width = max(len(each["OutputKey"]) for each in outputs)
    for each in outputs:
        # Lines rather than a table: addresses must stay whole to be copied.
        value = each["OutputValue"]
        here = local_address(value, clients.keys.endpoint_url)
        console.print(f"[bold]{each['OutputKey']:<{width}}[/]  {escape(value)}")
        if here is not None:
            console.print(f"{'':<{width}}  here: [bold]{here}[/]")
        if each.get("Description"):
            console.print(f"{'':<{width}}  [dim]{escape(each['Description'])}[/]")


def _print_changes(changes: dict[str, Any]) -> None:
    made = output.table("Action", "Resource", "Type", "Replacement")
    for change in changes.get("Changes", []):
        resource = change["ResourceChange"]
        made.add_row(
            resource["Action"],
            resource["LogicalResourceId"],
            resource["ResourceType"],
            resource.get("Replacement", ""),
        )
    output.results().print(made)
    output.notes().print(f"Change set {changes['ChangeSetName']} is made and not executed.")


def _size(count: int) -> str:
    return f"{count / 1024:.1f} KB" if count < 1 << 20 else f"{count / (1 << 20):.1f} MB"
