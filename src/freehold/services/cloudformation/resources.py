"""CloudFormation's own resource types. `gone(call, made)` is what `settled` is for, after a
delete: False means "ask again later"."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from msgspec.structs import replace

from freehold.kernel import endpoints
from freehold.kernel.call import Call
from freehold.kernel.endpoints import Endpoint
from freehold.kernel.errors import AwsError, not_implemented
from freehold.kernel.http import HttpRequest, HttpResponse
from freehold.kernel.resources import Made, Wanted
from freehold.runtime.engine import Runtime
from freehold.services.cloudformation import errors, fetch, find, operations, prepare, store
from freehold.services.cloudformation.operations import Options
from freehold.services.cloudformation.records import Response, Stack
from freehold.services.cloudformation.service import service

RESPONSE_KIND = "cloudformation-custom-resource-response"
RESPONSE_BYTES_MAX = 64 * 1024
RESPONSE_S_MAX = 3600.0
STACK_NAME_CHARS_MAX = 128
_WHOLE = ("CREATE_COMPLETE", "UPDATE_COMPLETE")


@service.resource_type("AWS::CloudFormation::WaitConditionHandle")
class WaitConditionHandle:
    """Nothing but a name: nobody waits for its signals, as WaitCondition is not run."""

    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        return Made(physical_id=f"{call.node.settings.endpoint_url}/{wanted.name(255)}")

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        return made

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        pass


@service.resource_type("AWS::CDK::Metadata")
class CdkMetadata:
    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        return Made(physical_id=wanted.name(255))

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        return made

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        pass


@service.resource_type("AWS::CloudFormation::CustomResource")
class CustomResource:
    """A function is told what to do, and answers with a PUT to the ResponseURL it was told."""

    @staticmethod
    async def create(call: Call, wanted: Wanted) -> Made:
        return await _request(call, "Create", wanted, None)

    @staticmethod
    async def update(call: Call, wanted: Wanted, made: Made) -> Made:
        return await _request(call, "Update", wanted, made)

    @staticmethod
    async def delete(call: Call, made: Made) -> None:
        # One whose creation was never answered has nothing that could be deleted.
        if made.physical_id:
            await _tell(call, "Delete", made.state, made.physical_id, {})

    @staticmethod
    def settled(call: Call, made: Made) -> Made | None:
        answer = _answer(call, made.state)
        if answer is None:
            return None
        data = answer.get("Data") or {}
        return Made(
            physical_id=str(answer.get("PhysicalResourceId") or made.physical_id or "custom"),
            attributes=_flat(data) if isinstance(data, dict) else {},
            state=made.state,
        )

    @staticmethod
    def gone(call: Call, made: Made) -> bool:
        if not made.physical_id:
            return True
        return _answer(call, {**made.state, "verb": "Delete"}) is not None


async def _request(call: Call, verb: str, wanted: Wanted, made: Made | None) -> Made:
    state = {
        "verb": verb,
        "token": _request_token(verb, wanted),
        "service_token": str(wanted.properties.get("ServiceToken", "")),
        "stack_id": wanted.stack_id,
        "logical_id": wanted.logical_id,
        "type": wanted.type,
        "properties": wanted.properties,
        "timeout_s": _timeout(wanted.properties),
        "asked_at": call.now,
    }
    physical_id = made.physical_id if made is not None else ""
    previous = {"OldResourceProperties": wanted.previous} if verb == "Update" else {}
    await _tell(call, verb, state, physical_id, previous)
    return Made(physical_id=physical_id, attributes={}, state=state)


def _request_token(verb: str, wanted: Wanted) -> str:
    """The same when the request is repeated after a crash, so that one answer is enough."""
    if verb == "Create":
        return wanted.token
    text = json.dumps([wanted.token, wanted.properties, wanted.previous], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


async def _tell(
    call: Call, verb: str, state: dict[str, Any], physical_id: str, more: dict[str, Any]
) -> None:
    function = state["service_token"]
    if ":lambda:" not in function:
        if function.startswith("arn:"):
            raise not_implemented(f"custom resources whose ServiceToken is {function}")
        raise errors.validation("Invalid ServiceToken: it must be the ARN of a function")
    name = f"{state['token']}{verb.lower()}"
    url = await _response_url(call, name)
    response = Response(stack_id=state["stack_id"], job=state["logical_id"])
    await _own(call).write(_expect, name, response)
    event = {
        "RequestType": verb,
        "ServiceToken": function,
        "ResponseURL": url,
        "StackId": state["stack_id"],
        "RequestId": name,
        "LogicalResourceId": state["logical_id"],
        "ResourceType": state["type"],
        "ResourceProperties": _texts(state["properties"]),
        **{key: _texts(value) for key, value in more.items()},
    }
    if physical_id:
        event["PhysicalResourceId"] = physical_id
    await call.invoke(
        "lambda",
        "Invoke",
        {
            "FunctionName": function,
            "InvocationType": "Event",
            "Payload": json.dumps(event).encode(),
        },
    )


async def _response_url(call: Call, name: str) -> str:
    """Where the function reaches us. Many of them insist on https and its usual port, which only a
    sandbox has; there, AWS's own names are ours."""
    path = f"/_aws/{RESPONSE_KIND}/{name}"
    runtime = call.node.part(Runtime)
    await runtime.missing()
    if not runtime.isolation.namespaces:
        return f"{call.node.settings.endpoint_url}{path}"
    place = call.region.replace("-", "")
    return f"https://cloudformation-custom-resource-response-{place}.s3.amazonaws.com{path}"


def _own(call: Call) -> Call:
    assert call.service == "cloudformation"
    return call


def _expect(call: Call, name: str, response: Response) -> None:
    endpoints.claim(call, RESPONSE_KIND, name)
    if store.load_response(call.tx, call.scope, name) is None:
        store.save_response(call.tx, call.scope, name, response)


def _answer(call: Call, state: dict[str, Any]) -> dict[str, Any] | None:
    """What the function answered; None if it has not yet. Raises if it failed or took too long."""
    name = f"{state['token']}{state['verb'].lower()}"
    response = store.load_response(call.tx, call.scope, name)
    if response is None or not response.document:
        if call.now > state["asked_at"] + state["timeout_s"] and state["verb"] != "Delete":
            raise errors.validation(
                "CloudFormation did not receive a response from your Custom Resource. Please check "
                f"your logs for requestId [{name}]. If you are using the Python cfn-response "
                "module, you may need to update your Lambda function code so that CloudFormation "
                "can attach the updated version."
            )
        return None
    document: dict[str, Any] = json.loads(response.document)
    store.delete_response(call.tx, call.scope, name)
    endpoints.release(call, RESPONSE_KIND, name)
    if document.get("Status") != "SUCCESS":
        reason = document.get("Reason", "")
        raise errors.validation(
            f"Received response status [FAILED] from custom resource. Message returned: {reason} "
            f"(RequestId: {name})"
        )
    return document


@service.endpoint(RESPONSE_KIND)
async def receive_response(call: Call, request: HttpRequest, endpoint: Endpoint) -> HttpResponse:
    """Where a custom resource's function puts its answer, once."""
    if request.method != "PUT":
        return HttpResponse(status=405)
    body = await request.body.read(RESPONSE_BYTES_MAX)
    try:
        document = json.loads(body)
    except ValueError:
        return HttpResponse(status=400)
    if not isinstance(document, dict) or document.get("Status") not in ("SUCCESS", "FAILED"):
        return HttpResponse(status=400)
    await call.write(_keep_response, endpoint.name, body.decode())
    return HttpResponse(status=200)


def _keep_response(call: Call, name: str, document: str) -> None:
    response = store.load_response(call.tx, call.scope, name)
    if response is None or response.document:
        return
    response = replace(response, document=document)
    store.save_response(call.tx, call.scope, name, response)
    # Whoever waits for it need not wait for the next poll.
    stack_id = response.stack_id.rpartition("/")[2]
    resource = store.load_resource(call.tx, call.scope, stack_id, response.job)
    if resource is not None and resource.work is not None:
        work = {"stack": stack_id, "job": response.job, "work": resource.work.id}
        call.later("settle", work)


def _timeout(properties: dict[str, Any]) -> float:
    try:
        wanted = float(properties.get("ServiceTimeout", RESPONSE_S_MAX))
    except (TypeError, ValueError):
        return RESPONSE_S_MAX
    return min(max(wanted, 1.0), RESPONSE_S_MAX)


def _texts(value: Any) -> Any:
    """Properties reach a custom resource with all scalars as text."""
    if isinstance(value, dict):
        return {key: _texts(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_texts(inner) for inner in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _flat(data: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """The answer's Data, with the members of objects under dotted names, too."""
    flat: dict[str, Any] = {}
    for key, value in data.items():
        flat[prefix + key] = value
        if isinstance(value, dict):
            flat.update(_flat(value, f"{prefix}{key}."))
    return flat


@service.resource_type("AWS::CloudFormation::Stack")
class NestedStack:
    """A stack within a stack. Its own operations are the ordinary ones; its parent waits for
    them."""

    @staticmethod
    async def create(call: Call, wanted: Wanted) -> Made:
        name = wanted.name(STACK_NAME_CHARS_MAX)
        found = await call.read(lambda inner: store.live_stack(inner.tx, inner.scope, name))
        if found is not None:
            return _made(found, found.operations)
        stack_id = call.new_id()
        prepared, options = await _prepared(
            call, wanted, name, operations.stack_arn(call, name, stack_id)
        )

        def begin(inner: Call) -> Stack:
            stack = operations.new_stack(inner, name, stack_id, "CREATE_IN_PROGRESS", options)
            return operations.begin_create(inner, stack, prepared, options)

        return _made(await call.write(begin), 1)

    @staticmethod
    async def update(call: Call, wanted: Wanted, made: Made) -> Made:
        stack = await call.read(lambda inner: find.stack(inner, made.physical_id))
        prepared, options = await _prepared(call, wanted, stack.name, stack.arn)

        def begin(inner: Call) -> Stack:
            return operations.begin_update(inner, find.stack(inner, stack.arn), prepared, options)

        if stack.operation and wanted.retried:
            return _made(stack, stack.operation)
        try:
            changed = await call.write(begin)
        except AwsError as error:
            if error.message != errors.no_updates().message:
                raise
            return _made(stack, 0)
        return _made(changed, changed.operations)

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        stack = store.load_stack(call.tx, call.scope, made.physical_id.rpartition("/")[2])
        if stack is not None and stack.deleted_at is None:
            operations.begin_delete(call, stack, Options(), retain=[], force=False)

    @staticmethod
    def settled(call: Call, made: Made) -> Made | None:
        stack = find.stack(call, made.physical_id)
        if stack.operation:
            return None
        if made.state["operation"] and stack.status not in _WHOLE:
            raise errors.validation(
                f"Embedded stack {stack.arn} was not successfully "
                f"{'created' if made.state['operation'] == 1 else 'updated'}: "
                f"{stack.status_reason}"
            )
        return Made(
            physical_id=stack.arn,
            attributes={f"Outputs.{output.name}": output.value for output in stack.outputs},
            state=made.state,
        )

    @staticmethod
    def gone(call: Call, made: Made) -> bool:
        stack = store.load_stack(call.tx, call.scope, made.physical_id.rpartition("/")[2])
        if stack is None or stack.deleted_at is not None:
            return True
        if not stack.operation:
            raise errors.validation(
                f"Embedded stack {stack.arn} was not successfully deleted: {stack.status_reason}"
            )
        return False


async def _prepared(
    call: Call, wanted: Wanted, name: str, arn: str
) -> tuple[prepare.Prepared, Options]:
    properties = wanted.properties
    for refused in ("NotificationARNs", "TimeoutInMinutes"):
        if properties.get(refused):
            raise not_implemented(f"{refused} of AWS::CloudFormation::Stack")
    parent = await call.read(lambda inner: find.stack(inner, wanted.stack_id))
    capabilities = await call.read(_capabilities_under_way, parent)
    text = await fetch.text_at(call, str(properties.get("TemplateURL", "")))
    given = [
        {
            "ParameterKey": key,
            "ParameterValue": ",".join(map(str, value)) if isinstance(value, list) else value,
        }
        for key, value in _texts(properties.get("Parameters") or {}).items()
    ]
    prepared = await prepare.prepare(
        call,
        text,
        given=given,
        previous=None,
        stack_name=name,
        stack_arn=arn,
        acknowledged=capabilities,
    )
    prepare.check_deployable(call, prepared.template, capabilities)
    own = {tag["Key"]: str(tag["Value"]) for tag in properties.get("Tags") or []}
    options = Options(
        tags={**wanted.stack_tags, **own},
        capabilities=capabilities,
        parent_arn=parent.arn,
        root_arn=parent.root_arn or parent.arn,
    )
    return prepared, options


def _capabilities_under_way(call: Call, parent: Stack) -> list[str]:
    operation = store.load_operation(call.tx, call.scope, parent.id)
    assert operation is not None, parent.arn
    return operation.target.capabilities


def _made(stack: Stack, operation: int) -> Made:
    return Made(physical_id=stack.arn, state={"operation": operation})
