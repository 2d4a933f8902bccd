"""Running a method's integration, and asking authorizers: everything that reaches a function."""

from __future__ import annotations

import base64
import re
from datetime import datetime
from typing import Any
from urllib.parse import unquote

import msgspec
import orjson

from freehold.kernel import principal
from freehold.kernel.call import Call
from freehold.kernel.errors import AwsError
from freehold.kernel.http import HttpRequest, HttpResponse
from freehold.services.apigateway import authorizing, event, gateway_responses, mapping, rules
from freehold.services.apigateway.access import CALLERS_OWN
from freehold.services.apigateway.deployed import Deployed
from freehold.services.apigateway.gateway_responses import Refusal
from freehold.services.apigateway.records import (
    Authorizer,
    Integration,
    IntegrationResponse,
    Stage,
    Verdict,
)
from freehold.services.apigateway.routing import Match
from freehold.services.apigateway.velocity import TemplateError

GATEWAY = principal.service("apigateway.amazonaws.com")
# A payload that the function cannot take is the client's doing; anything else is the API's.
_TOO_LARGE = "RequestTooLargeException"
# API Gateway reads this leniently, and CDK relies on it: it writes { statusCode: 204 }.
_MOCK_STATUS = re.compile(r"""["']?\bstatusCode["']?\s*:\s*["']?(\d{3})\b""")


class Exchange:
    """One request on its way through the gateway, and what has been found out about it."""

    def __init__(
        self,
        call: Call,
        request: HttpRequest,
        stage: Stage,
        deployed: Deployed,
        context: event.Context,
        path: str,
    ) -> None:
        self.call = call
        self.request = request
        self.stage = stage
        self.deployed = deployed
        self.context = context
        # Without the stage, still percent-encoded.
        self.path = path
        self.match: Match | None = None
        self.body = b""
        self.usage_key: str | None = None

    @property
    def arn(self) -> str:
        """The ARN of the stage, to which methods and paths are added."""
        call, context = self.call, self.context
        return f"arn:aws:execute-api:{call.region}:{call.account}:{context.api_id}"

    @property
    def method_arn(self) -> str:
        """The ARN that policies and authorizers see: with the path that was asked for."""
        path = unquote(self.path).strip("/")
        return f"{self.arn}/{self.context.stage}/{self.request.method}/{path}"

    @property
    def source_arn(self) -> str:
        """The ARN that a function's permission is checked with: with the resource's path."""
        assert self.match is not None
        resource = self.match.resource.path
        return f"{self.arn}/{self.context.stage}/{self.request.method}{resource}"

    def add_identity(self, members: dict[str, Any]) -> None:
        identity = {**self.context.identity, **members}
        self.context = msgspec.structs.replace(self.context, identity=identity)

    def add_authorizer(self, members: dict[str, Any]) -> None:
        self.context = msgspec.structs.replace(self.context, authorizer=members)

    def proxy_event(self) -> dict[str, Any]:
        assert self.match is not None
        return event.proxy_event(
            self.request,
            self.match.resource,
            self.path,
            self.match.path_parameters,
            self.body,
            self.context,
            self.deployed.api.binary_media_types,
        )

    def given(self) -> dict[str, str]:
        """The request's parameters as mapping expressions name them."""
        found: dict[str, str] = {}
        for name, value in self.request.headers:
            found[f"method.request.header.{name}"] = value
            usual = event.usual_name(name)
            found[f"method.request.header.{usual}"] = value
        for name, values in event.multi_query(self.request.query).items():
            found[f"method.request.querystring.{name}"] = values[-1]
        if self.match is not None:
            for name, value in self.match.path_parameters.items():
                found[f"method.request.path.{name}"] = value
        found.update(self.variables())
        return found

    def variables(self) -> dict[str, str]:
        """$context and $stageVariables, by whole name without the dollar sign."""
        context = self.context
        found = {
            "context.requestId": context.request_id,
            "context.extendedRequestId": context.extended_request_id,
            "context.apiId": context.api_id,
            "context.accountId": context.account,
            "context.stage": context.stage,
            "context.httpMethod": self.request.method,
            "context.path": self.request.path,
            "context.protocol": self.request.protocol,
            "context.domainName": context.domain_name,
            "context.requestTimeEpoch": str(int(context.now * 1000)),
            "context.identity.sourceIp": self.request.source_ip,
            "context.identity.userAgent": self.request.header("user-agent") or "",
        }
        if self.match is not None:
            found["context.resourcePath"] = self.match.resource.path
            found["context.resourceId"] = self.match.resource.id
        for name, value in context.identity.items():
            found[f"context.identity.{name}"] = str(value)
        for name, value in (context.authorizer or {}).items():
            found[f"context.authorizer.{name}"] = str(value)
        for name, value in self.stage.variables.items():
            found[f"stageVariables.{name}"] = value
        return found


async def run(exchange: Exchange, integration: Integration) -> HttpResponse:
    if integration.type == "AWS_PROXY":
        return await _run_proxy(exchange, integration)
    if integration.type == "AWS" and ":lambda:path/" in (integration.uri or ""):
        return await _run_function(exchange, integration)
    if integration.type == "AWS":
        return await _run_action(exchange, integration)
    return _run_mock(exchange, integration)


async def ask(exchange: Exchange, authorizer: Authorizer, values: list[str]) -> Verdict:
    """Ask an authorizer about this request."""
    arn = rules.function_arn(authorizer.authorizer_uri or "", exchange.stage.variables)
    if arn is None:
        raise Refusal("AUTHORIZER_CONFIGURATION_ERROR")
    if authorizer.type == "TOKEN":
        question = authorizing.token_event(values[0], exchange.method_arn)
    else:
        question = authorizing.request_event(exchange.proxy_event(), exchange.method_arn)
    source_arn = f"{exchange.arn}/authorizers/{authorizer.id}"
    try:
        payload, failed = await _invoke(
            exchange, arn, question, source_arn, authorizer.authorizer_credentials
        )
    except AwsError:
        raise Refusal("AUTHORIZER_CONFIGURATION_ERROR") from None
    return authorizing.verdict(payload, failed)


async def _run_proxy(exchange: Exchange, integration: Integration) -> HttpResponse:
    payload, failed = await _invoke_integration(exchange, integration, exchange.proxy_event())
    if failed:
        raise gateway_responses.malformed_answer()
    try:
        return event.proxy_response(
            payload, exchange.request.header("accept"), exchange.deployed.api.binary_media_types
        )
    except event.MalformedAnswer:
        raise gateway_responses.malformed_answer() from None


async def _run_function(exchange: Exchange, integration: Integration) -> HttpResponse:
    """A Lambda integration that is no proxy: the event is the mapped body, the answer is mapped."""
    said = _mapped_request(exchange, integration)
    try:
        question = orjson.loads(said.text or "{}")
    except orjson.JSONDecodeError:
        raise Refusal(
            "API_CONFIGURATION_ERROR", "Could not parse request body into json", 400
        ) from None
    wanted = integration.request_parameters.get(rules.INVOCATION_TYPE, "'RequestResponse'")
    kind = mapping.parameter(wanted, exchange.given()) or "RequestResponse"
    payload, failed = await _invoke_integration(exchange, integration, question, kind)
    selector = ""
    if failed:
        answer = orjson.loads(payload or b"{}")
        selector = str(answer.get("errorMessage", "")) if isinstance(answer, dict) else ""
    response = _selected(integration, selector, failed)
    return _mapped_response(exchange, response, payload.decode(errors="replace"), said)


async def _run_action(exchange: Exchange, integration: Integration) -> HttpResponse:
    """An operation of another service, as a role: the mapped body is its request, in JSON."""
    said = _mapped_request(exchange, integration)
    try:
        params = orjson.loads(said.text or "{}")
    except orjson.JSONDecodeError:
        raise Refusal("API_CONFIGURATION_ERROR") from None
    service, operation = rules.action_of(integration.uri or "")
    try:
        caller = await assumed(exchange.call, integration.credentials or "")
    except AwsError:
        raise Refusal("API_CONFIGURATION_ERROR") from None
    status, answer = 200, {}
    try:
        answer = await exchange.call.invoke(service, operation, params, principal=caller)
    except AwsError as error:
        status = error.status or 400
        answer = {"__type": error.code, "message": error.message}
    body = orjson.dumps(answer, default=_as_json, option=orjson.OPT_PASSTHROUGH_DATETIME).decode()
    return _mapped_response(exchange, _selected(integration, str(status), matters=True), body, said)


def _as_json(value: Any) -> Any:
    """What JSON cannot say: blobs are base64, times seconds since 1970."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return value.timestamp()
    raise TypeError(type(value).__name__)


def _run_mock(exchange: Exchange, integration: Integration) -> HttpResponse:
    """The request's template says which response: {"statusCode": 200}."""
    said = _mapped_request(exchange, integration)
    found = _MOCK_STATUS.search(said.text)
    if found is None:
        raise Refusal("API_CONFIGURATION_ERROR")
    status = found.group(1)
    return _mapped_response(exchange, _selected(integration, status, matters=True), "", said)


def _mapped_request(exchange: Exchange, integration: Integration) -> mapping.Rendered:
    """The body that the backend gets, by the rules of passthrough."""
    body = exchange.body.decode(errors="replace")
    templates = integration.request_templates
    template = mapping.chosen(templates, exchange.request.header("content-type"))
    if template is not None:
        return _rendered(exchange, template, body)
    behavior = integration.passthrough_behavior
    if behavior == "NEVER" or (behavior == "WHEN_NO_TEMPLATES" and templates):
        raise Refusal("UNSUPPORTED_MEDIA_TYPE")
    return mapping.Rendered(body)


def _rendered(exchange: Exchange, template: str, body: str) -> mapping.Rendered:
    try:
        return mapping.render(template, body, exchange.given(), exchange.variables())
    except TemplateError:
        raise Refusal("API_CONFIGURATION_ERROR") from None


def _selected(integration: Integration, selector: str, matters: bool) -> IntegrationResponse:
    """The response whose pattern the selector matches whole; else the one without a pattern."""
    default = None
    for response in integration.integration_responses.values():
        if not response.selection_pattern:
            default = response
        elif matters and re.fullmatch(response.selection_pattern, selector, re.DOTALL):
            return response
    if default is None:
        raise Refusal("API_CONFIGURATION_ERROR")
    return default


def _mapped_response(
    exchange: Exchange,
    response: IntegrationResponse,
    body: str,
    said: mapping.Rendered,
) -> HttpResponse:
    """The response's template and headers; what templates said by responseOverride wins."""
    variables = exchange.variables()
    media_type, template = "application/json", None
    if response.response_templates:
        media_type, template = next(iter(response.response_templates.items()))
    headers = {"content-type": ("Content-Type", media_type)}
    for target, expression in response.response_parameters.items():
        value = mapping.parameter(expression, variables, body)
        if value is not None and target.startswith("method.response.header."):
            name = target.removeprefix("method.response.header.")
            headers[name.lower()] = (name, value)
    content = mapping.Rendered(body)
    if template is not None:
        content = _rendered(exchange, template, body)
    for each in (said, content):
        headers.update({name.lower(): (name, value) for name, value in each.headers.items()})
    return HttpResponse(
        status=content.status or said.status or int(response.status_code),
        headers=tuple(headers.values()),
        body=content.text.encode(),
    )


async def _invoke_integration(
    exchange: Exchange,
    integration: Integration,
    question: Any,
    kind: str = "RequestResponse",
) -> tuple[bytes, bool]:
    arn = rules.function_arn(integration.uri or "", exchange.stage.variables)
    if arn is None:
        raise Refusal("API_CONFIGURATION_ERROR")
    try:
        return await _invoke(
            exchange, arn, question, exchange.source_arn, integration.credentials, kind
        )
    except AwsError as error:
        if error.code == _TOO_LARGE:
            raise Refusal("REQUEST_TOO_LARGE") from None
        raise Refusal("API_CONFIGURATION_ERROR") from None


async def _invoke(
    exchange: Exchange,
    function_arn: str,
    question: Any,
    source_arn: str,
    credentials: str | None,
    kind: str = "RequestResponse",
) -> tuple[bytes, bool]:
    """The function's answer, and whether it failed. As the role or caller that `credentials`
    names.
    """
    call = exchange.call
    caller, source = GATEWAY, source_arn
    if credentials == CALLERS_OWN:
        caller, source = call.principal, ""
    elif credentials:
        caller, source = await assumed(call, credentials), ""
    answer = await call.invoke(
        "lambda",
        "Invoke",
        {
            "FunctionName": function_arn,
            "InvocationType": kind,
            "Payload": orjson.dumps(question),
        },
        principal=caller,
        source_arn=source or None,
    )
    payload = answer.get("Payload") or b""
    return await _whole(payload), bool(answer.get("FunctionError"))


async def assumed(call: Call, role_arn: str) -> principal.Principal:
    """The role, if it trusts API Gateway."""
    answer = await call.invoke(
        "sts",
        "AssumeRole",
        {"RoleArn": role_arn, "RoleSessionName": "BackplaneAssumeRoleSession"},
        principal=GATEWAY,
    )
    key_id = answer["Credentials"]["AccessKeyId"]
    credential = await call.read(_credential, key_id)
    assert credential is not None, "a role session that was just made"
    return credential.principal


def _credential(call: Call, key_id: str) -> principal.Credential | None:
    return call.node.directory.credential(call.tx, key_id)


async def _whole(payload: Any) -> bytes:
    """A function's answer may come as bytes or in pieces."""
    if isinstance(payload, bytes | bytearray):
        return bytes(payload)
    if isinstance(payload, str):
        return payload.encode()
    return b"".join([piece async for piece in payload])
