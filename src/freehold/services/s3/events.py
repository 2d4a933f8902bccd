"""What happened to objects, told to whom the bucket's notification configuration names.

The telling is a task of the transaction in which it happened, so that nothing is lost or made up.
"""

from __future__ import annotations

from typing import Any

from freehold.kernel.call import Call
from freehold.services.s3 import store
from freehold.services.s3.records import Bucket, Object
from freehold.services.s3.rules import notifications


def happened(call: Call, bucket: Bucket, event: str, key: str, version: Object) -> None:
    """Ask for the delivery of this event to everybody who wants it."""
    if not bucket.has_notifications:
        return
    document = store.load_configuration(call.tx, bucket, "notification") or {}
    principal = call.principal
    principal_id = f"AWS:{principal.id}" if principal.id else "Anonymous"
    source_ip = call.source_ip or "127.0.0.1"
    for target in notifications.targets(document, event, key):
        record = notifications.record(
            bucket,
            event,
            key,
            version,
            configuration_id=target.configuration_id,
            now=call.now,
            principal_id=principal_id,
            source_ip=source_ip,
            request_id=call.request_id,
        )
        _later(call, bucket, target.service, target.arn, {"Records": [record]})
    if document.get("EventBridgeConfiguration") is not None:
        kind, detail = notifications.bridged(
            bucket,
            event,
            key,
            version,
            requester=principal.account or "anonymous",
            source_ip=source_ip,
            request_id=call.request_id,
        )
        _later(call, bucket, "events", kind, detail)


def announce(call: Call, bucket: Bucket, document: dict[str, Any]) -> None:
    """The test event that queues and topics get when they are configured, as AWS sends it."""
    for target in notifications.all_targets(document):
        if target.service in ("sqs", "sns"):
            message = notifications.test_event(bucket, call.now, call.request_id)
            _later(call, bucket, target.service, target.arn, message)


def _later(call: Call, bucket: Bucket, service: str, target: str, message: dict[str, Any]) -> None:
    payload = {
        "Service": service,
        "Target": target,
        "Message": message,
        "Bucket": bucket.name,
        "Account": bucket.account,
        "Region": bucket.region,
    }
    call.later("DeliverEvent", payload)
