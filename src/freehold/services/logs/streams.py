"""Log streams."""

from __future__ import annotations

from typing import Any

from freehold.kernel import paging
from freehold.kernel.call import Call
from freehold.services.logs import access, errors, groups, rules, store
from freehold.services.logs.records import LogStream
from freehold.services.logs.service import service

Params = dict[str, Any]

PAGE_STREAMS_MAX = 50


@service.operation("CreateLogStream", resource=access.stream)
def create_log_stream(call: Call, params: Params) -> None:
    name = params["logStreamName"]
    group = groups.load(call, params["logGroupName"])
    if store.load_stream(call.tx, call.scope, group.id, name) is not None:
        raise errors.stream_exists()
    stream = LogStream(name=name, id=call.new_word(12), created_ms=int(call.now * 1000))
    store.save_stream(call.tx, call.scope, group.id, stream)


@service.operation("DeleteLogStream", resource=access.stream)
def delete_log_stream(call: Call, params: Params) -> None:
    group = groups.load(call, params["logGroupName"])
    if group.protected:
        raise errors.group_protected(group.name)
    stream = load(call, group.id, params["logStreamName"])
    store.delete_stream(call.tx, call.scope, group.id, stream)
    call.later("erase_stream", {"group": group.id, "stream": stream.id})


@service.operation("DescribeLogStreams", reads=True, resource=access.group)
def describe_log_streams(call: Call, params: Params) -> Params:
    by_time = params.get("orderBy") == "LastEventTime"
    if by_time and "logStreamNamePrefix" in params:
        raise errors.invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
    group = groups.load(call, rules.group_name(params))
    limit = params.get("limit", PAGE_STREAMS_MAX)
    after = _after(params)
    find = _by_last_event if by_time else _by_name
    streams = find(call, group.id, params, after, limit + 1)
    answer: Params = {
        "logStreams": [_described(call, group.name, stream) for stream in streams[:limit]]
    }
    if len(streams) > limit:
        last = streams[limit - 1]
        answer["nextToken"] = paging.encode((last.last_event_ms or 0, last.name))
    return answer


def load(call: Call, group_id: str, name: str) -> LogStream:
    """The stream, or ResourceNotFoundException."""
    stream = store.load_stream(call.tx, call.scope, group_id, name)
    if stream is None:
        raise errors.no_such_stream()
    return stream


def _by_last_event(
    call: Call, group_id: str, params: Params, after: tuple[int, str] | None, limit: int
) -> list[LogStream]:
    reverse = params.get("descending", False)
    return store.list_latest_streams(
        call.tx, call.scope, group_id, after=after, limit=limit, reverse=reverse
    )


def _by_name(
    call: Call, group_id: str, params: Params, after: tuple[int, str] | None, limit: int
) -> list[LogStream]:
    prefix = params.get("logStreamNamePrefix", "")
    reverse = params.get("descending", False)
    position = after[1] if after is not None else _before_all(prefix, reverse=reverse)
    found = store.list_streams(
        call.tx, call.scope, group_id, after=position, limit=limit, reverse=reverse
    )
    return [stream for stream in found if stream.name.startswith(prefix)]


def _before_all(prefix: str, *, reverse: bool) -> str | None:
    """A name from which all names with the prefix follow in this order."""
    if not prefix:
        return None
    if reverse:
        return prefix + "\U0010ffff"
    return prefix[:-1] + chr(ord(prefix[-1]) - 1) + "\U0010ffff"


def _described(call: Call, group_name: str, stream: LogStream) -> Params:
    return {
        "logStreamName": stream.name,
        "creationTime": stream.created_ms,
        "firstEventTimestamp": stream.first_event_ms,
        "lastEventTimestamp": stream.last_event_ms,
        "lastIngestionTime": stream.last_ingestion_ms,
        "uploadSequenceToken": sequence_token(stream),
        "arn": call.arn(f"log-group:{group_name}:log-stream:{stream.name}"),
        # Streams have not reported their size since 2019; the reference says that it is always
        # zero.
        "storedBytes": 0,
    }


def sequence_token(stream: LogStream) -> str:
    """What older clients want to see change; it is not asked for again."""
    return f"{int(stream.id, 36):019d}{stream.puts:037d}"


def _after(params: Params) -> tuple[int, str] | None:
    if "nextToken" not in params:
        return None
    try:
        last_ms, name = paging.decode(params["nextToken"], tuple[int, str])
    except paging.InvalidToken as error:
        raise errors.invalid_token() from error
    return last_ms, name
