"""What S3 does later: erasing what nothing names any more, telling what happened."""

from __future__ import annotations

import logging
from typing import Any

import orjson

from freehold.kernel import arn, principal
from freehold.kernel.call import Call
from freehold.kernel.errors import AwsError
from freehold.kv.keys import Scope
from freehold.services.s3 import contents, store
from freehold.services.s3.service import service

log = logging.getLogger(__name__)

service.blobs_in_use = store.contents_in_use

ERASED_AT_ONCE_MAX = 500
DELIVERIES_MAX = 30
COMPLETED_S = 3600.0


@service.task("EraseContent")
async def erase_content(call: Call, payload: dict[str, Any]) -> None:
    """Remove a body that had no references READERS_S ago, unless somebody has copied it since."""
    content_id = payload["Content"]
    content = await call.read(lambda inner: store.load_content(inner.tx, content_id))
    if content is not None and content.references > 0:
        return
    pieces = [piece.blob_id for piece in content.pieces] if content is not None else []
    for first in range(0, len(pieces), ERASED_AT_ONCE_MAX):
        await _erase(call, pieces[first : first + ERASED_AT_ONCE_MAX])
    # The whole goes last: until then a second run finds the pieces.
    await _erase(call, [content_id])


async def _erase(call: Call, blob_ids: list[str]) -> None:
    def forget(inner: Call) -> None:
        for blob_id in blob_ids:
            store.delete_content(inner.tx, blob_id)

    await call.write(forget)
    for blob_id in blob_ids:
        call.node.blobs.delete(blob_id)


@service.task("EraseUpload")
def erase_upload(call: Call, payload: dict[str, Any]) -> None:
    """Release the parts of an upload that was aborted, some at a time."""
    scope = Scope(payload["Account"], payload["Region"])
    bucket_id, upload_id = payload["Bucket"], payload["Upload"]
    parts = list(
        store.list_parts_of(call.tx, scope, bucket_id, upload_id, after=0, limit=ERASED_AT_ONCE_MAX)
    )
    for number, part in parts:
        contents.release(call, part.content)
        store.delete_part(call.tx, scope, bucket_id, upload_id, number)
    if len(parts) == ERASED_AT_ONCE_MAX:
        call.later("EraseUpload", payload)


@service.task("EraseBucket")
def erase_bucket(call: Call, payload: dict[str, Any]) -> None:
    """Abort the uploads that were in progress when their bucket was deleted."""
    scope = Scope(payload["Account"], payload["Region"])
    uploads = list(
        store.list_uploads_of(call.tx, scope, payload["Bucket"], limit=ERASED_AT_ONCE_MAX)
    )
    for key, upload_id in uploads:
        store.delete_upload_of(call.tx, scope, payload["Bucket"], key, upload_id)
        call.later("EraseUpload", {**payload, "Upload": upload_id})
    if len(uploads) == ERASED_AT_ONCE_MAX:
        call.later("EraseBucket", payload)


@service.task("ForgetCompleted")
def forget_completed(call: Call, payload: dict[str, Any]) -> None:
    scope = Scope(payload["Account"], payload["Region"])
    store.delete_completed(call.tx, scope, payload["Bucket"], payload["Upload"])


@service.task("DeliverEvent")
async def deliver_event(call: Call, payload: dict[str, Any]) -> None:
    """Tell one target what happened. One that keeps refusing is given up, and logged."""
    try:
        await _deliver(call, payload)
    except AwsError as error:
        if call.attempt < DELIVERIES_MAX:
            raise
        log.error("an event of bucket %s is given up: %s", payload["Bucket"], error)


async def _deliver(call: Call, payload: dict[str, Any]) -> None:
    target, message = payload["Target"], orjson.dumps(payload["Message"]).decode()
    if payload["Service"] == "events":
        entry = {
            "Source": "aws.s3",
            "DetailType": target,
            "Detail": message,
            "Resources": [f"arn:aws:s3:::{payload['Bucket']}"],
        }
        await _invoke(call, payload, "events", "PutEvents", {"Entries": [entry]})
        return
    found = arn.parse(target)
    if payload["Service"] == "lambda":
        params: dict[str, Any] = {
            "FunctionName": target,
            "InvocationType": "Event",
            "Payload": message.encode(),
        }
        await _invoke(call, payload, "lambda", "Invoke", params, found)
    elif payload["Service"] == "sqs":
        url = f"{call.endpoint_url}/{found.account}/{found.resource}"
        params = {"QueueUrl": url, "MessageBody": message}
        await _invoke(call, payload, "sqs", "SendMessage", params, found)
    else:
        params = {"TopicArn": target, "Subject": "Amazon S3 Notification", "Message": message}
        await _invoke(call, payload, "sns", "Publish", params, found)


async def _invoke(
    call: Call,
    payload: dict[str, Any],
    target: str,
    operation: str,
    params: dict[str, Any],
    where: arn.Arn | None = None,
) -> None:
    await call.invoke(
        target,
        operation,
        params,
        principal=principal.service("s3.amazonaws.com"),
        source_arn=f"arn:aws:s3:::{payload['Bucket']}",
        account=where.account if where else payload["Account"],
        region=where.region if where else payload["Region"],
    )
