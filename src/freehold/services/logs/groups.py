"""Log groups: their life, retention and tags."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from freehold.kernel import paging
from freehold.kernel.call import Call
from freehold.services.logs import access, errors, rules, store
from freehold.services.logs.records import LogGroup
from freehold.services.logs.service import service

Params = dict[str, Any]

PAGE_GROUPS_MAX = 50
# Groups that a pattern passes over in one request.
SCAN_GROUPS_MAX = 2000


@service.operation("CreateLogGroup", resource=access.group)
def create_log_group(call: Call, params: Params) -> None:
    name = params["logGroupName"]
    if name.startswith("aws/"):
        raise errors.invalid("Log groups starting with aws/ are reserved for AWS.")
    if store.load_group(call.tx, call.scope, name) is not None:
        raise errors.group_exists()
    group = LogGroup(
        name=name,
        id=call.new_word(16),
        created_ms=int(call.now * 1000),
        log_class=params.get("logGroupClass", "STANDARD"),
        protected=params.get("deletionProtectionEnabled", False),
        tags=params.get("tags", {}),
    )
    store.save_group(call.tx, call.scope, group)


@service.operation("DeleteLogGroup", resource=access.group)
def delete_log_group(call: Call, params: Params) -> None:
    group = load(call, params["logGroupName"])
    if group.protected:
        raise errors.group_protected(group.name)
    store.delete_group(call.tx, call.scope, group.name)
    call.later("erase_group", {"group": group.id})


@service.operation("DescribeLogGroups", reads=True, resource=access.all_groups)
def describe_log_groups(call: Call, params: Params) -> Params:
    if "logGroupNamePrefix" in params and "logGroupNamePattern" in params:
        raise errors.invalid(
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."
        )
    if "logGroupIdentifiers" in params:
        return {"logGroups": _identified(call, params["logGroupIdentifiers"])}
    limit = params.get("limit", PAGE_GROUPS_MAX)
    prefix = params.get("logGroupNamePrefix", "")
    after = _after(params["nextToken"]) if "nextToken" in params else ""
    groups, last = _page(call, params, prefix=prefix, after=after, limit=limit)
    answer: Params = {"logGroups": [_described(call, group) for group in groups]}
    if last is not None:
        answer["nextToken"] = paging.encode((last,))
    return answer


@service.operation("PutRetentionPolicy", resource=access.group)
def put_retention_policy(call: Call, params: Params) -> None:
    days = params["retentionInDays"]
    rules.check_retention(days)
    group = load(call, params["logGroupName"])
    group = replace(group, retention_days=days, expiry=call.new_word(8))
    store.save_group(call.tx, call.scope, group)
    call.later("expire", {"group": group.name, "expiry": group.expiry})


@service.operation("DeleteRetentionPolicy", resource=access.group)
def delete_retention_policy(call: Call, params: Params) -> None:
    group = load(call, params["logGroupName"])
    store.save_group(call.tx, call.scope, replace(group, retention_days=None, expiry=""))


@service.operation("PutLogGroupDeletionProtection", resource=access.identified_group)
def put_log_group_deletion_protection(call: Call, params: Params) -> None:
    group = load(call, rules.name_in_identifier(params["logGroupIdentifier"]))
    protected = params["deletionProtectionEnabled"]
    store.save_group(call.tx, call.scope, replace(group, protected=protected))


@service.operation("TagResource", resource=access.tagged)
def tag_resource(call: Call, params: Params) -> None:
    _add_tags(call, _tagged_group(call, params), params["tags"])


@service.operation("UntagResource", resource=access.tagged)
def untag_resource(call: Call, params: Params) -> None:
    _remove_tags(call, _tagged_group(call, params), params["tagKeys"])


@service.operation("ListTagsForResource", reads=True, resource=access.tagged)
def list_tags_for_resource(call: Call, params: Params) -> Params:
    return {"tags": _tagged_group(call, params).tags}


@service.operation("TagLogGroup", resource=access.plain_group)
def tag_log_group(call: Call, params: Params) -> None:
    _add_tags(call, load(call, params["logGroupName"]), params["tags"])


@service.operation("UntagLogGroup", resource=access.plain_group)
def untag_log_group(call: Call, params: Params) -> None:
    _remove_tags(call, load(call, params["logGroupName"]), params["tags"])


@service.operation("ListTagsLogGroup", reads=True, resource=access.plain_group)
def list_tags_log_group(call: Call, params: Params) -> Params:
    return {"tags": load(call, params["logGroupName"]).tags}


def load(call: Call, name: str) -> LogGroup:
    """The group, or ResourceNotFoundException."""
    group = store.load_group(call.tx, call.scope, name)
    if group is None:
        raise errors.no_such_group()
    return group


def _page(
    call: Call, params: Params, *, prefix: str, after: str, limit: int
) -> tuple[list[LogGroup], str | None]:
    """Groups that match, and the name after which to go on, None at the end."""
    pattern = params.get("logGroupNamePattern", "").lower()
    wanted_class = params.get("logGroupClass")
    found: list[LogGroup] = []
    # One below the prefix, so that a group named as the prefix is listed too.
    position = max(after, prefix[:-1] + chr(ord(prefix[-1]) - 1) + "\U0010ffff" if prefix else "")
    listed = store.list_groups(call.tx, call.scope, after=position, limit=SCAN_GROUPS_MAX)
    for group in listed:
        if not group.name.startswith(prefix):
            return found, None
        if pattern not in group.name.lower() or wanted_class not in (None, group.log_class):
            continue
        if len(found) == limit:
            return found, found[-1].name
        found.append(group)
    return found, listed[-1].name if len(listed) == SCAN_GROUPS_MAX else None


def _identified(call: Call, identifiers: list[str]) -> list[Params]:
    names = [rules.name_in_identifier(identifier) for identifier in identifiers]
    groups = [store.load_group(call.tx, call.scope, name) for name in names]
    return [_described(call, group) for group in groups if group is not None]


def _described(call: Call, group: LogGroup) -> Params:
    arn = access.group_arn(call, group.name)
    return {
        "logGroupName": group.name,
        "creationTime": group.created_ms,
        "retentionInDays": group.retention_days,
        "metricFilterCount": 0,
        "arn": f"{arn}:*",
        "logGroupArn": arn,
        "storedBytes": store.stored_bytes(call.tx, call.scope, group.id),
        "logGroupClass": group.log_class,
        "deletionProtectionEnabled": group.protected,
    }


def _after(token: str) -> str:
    try:
        (name,) = paging.decode(token, tuple[str])
    except paging.InvalidToken as error:
        raise errors.invalid_token() from error
    return str(name)


def _tagged_group(call: Call, params: Params) -> LogGroup:
    arn = params["resourceArn"]
    if not arn.startswith("arn:"):
        raise errors.invalid(f"Invalid ARN: {arn}")
    return load(call, rules.name_in_identifier(arn))


def _add_tags(call: Call, group: LogGroup, tags: dict[str, str]) -> None:
    merged = rules.merged_tags(group.tags, tags, access.group_arn(call, group.name))
    store.save_group(call.tx, call.scope, replace(group, tags=merged))


def _remove_tags(call: Call, group: LogGroup, keys: list[str]) -> None:
    left = {key: value for key, value in group.tags.items() if key not in keys}
    store.save_group(call.tx, call.scope, replace(group, tags=left))
