"""REST APIs from OpenAPI documents, versions 2 and 3, with API Gateway's extensions."""

from __future__ import annotations

import hashlib
from collections.abc import Container
from typing import Any

import msgspec
import orjson

from freehold.kernel import openapi as documents
from freehold.kernel.call import Call
from freehold.kernel.errors import not_implemented
from freehold.services.apigateway import errors, mapping, rules, store
from freehold.services.apigateway.access import check_role
from freehold.services.apigateway.gateway_responses import KINDS
from freehold.services.apigateway.records import (
    Authorizer,
    GatewayResponse,
    Integration,
    IntegrationResponse,
    Method,
    MethodResponse,
    Model,
    RequestValidator,
    Resource,
    RestApi,
)

Document = dict[str, Any]
EXTENSION = "x-amazon-apigateway-"
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", f"{EXTENSION}any-method")
# Of the document: what is acted on, and what says nothing about how the API behaves.
_KNOWN = frozenset(
    EXTENSION + name
    for name in (
        "api-key-source",
        "binary-media-types",
        "endpoint-configuration",
        "gateway-responses",
        "minimum-compression-size",
        "policy",
        "request-validator",
        "request-validators",
        "documentation",
        "importexport-version",
    )
)


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """What a document defines. Methods name authorizers and validators by name, not yet by id."""

    name: str
    settings: dict[str, Any]
    paths: dict[str, dict[str, Method]]
    models: list[Model]
    validators: list[RequestValidator]
    authorizers: list[Authorizer]
    gateway_responses: list[GatewayResponse]
    warnings: list[str] = []


def parse(body: bytes, region: str, account: str) -> Definition:
    """Read a document; BadRequestException if it is none."""
    document = documents.read(body, region, account)
    if not str(document.get("swagger", "")).startswith("2") and not str(
        document.get("openapi", "")
    ).startswith("3"):
        raise errors.bad_request("Invalid OpenAPI input: neither swagger 2.0 nor openapi 3.x")
    for name in document:
        if name.startswith(EXTENSION) and name not in _KNOWN:
            raise not_implemented(f"the OpenAPI extension {name}")
    try:
        return _Reader(document).definition()
    except (msgspec.ValidationError, AttributeError, TypeError) as error:
        raise errors.bad_request(f"Invalid OpenAPI input: {error}") from None


def install(call: Call, api: RestApi, definition: Definition, *, merge: bool) -> RestApi:
    """Make the API what the definition says; ids of what keeps its path or name stay. Returns the
    API.
    """
    known = {resource.path: resource for resource in store.resources.all(call, api.id)}
    authorizer_ids = {each.name: each.id for each in store.authorizers.all(call, api.id)}
    validator_ids = {each.name or "": each.id for each in store.validators.all(call, api.id)}
    if not merge:
        store.clear_definition(call, api.id)
    for model in definition.models:
        made = msgspec.structs.replace(model, id=call.new_word(6))
        store.models.save(call, made, api.id, model.name)
    for validator in definition.validators:
        validator_id = validator_ids.setdefault(validator.name or "", call.new_word(6))
        saved = msgspec.structs.replace(validator, id=validator_id)
        store.validators.save(call, saved, api.id, validator_id)
    for authorizer in definition.authorizers:
        authorizer_id = authorizer_ids.setdefault(authorizer.name, call.new_word(6))
        named = msgspec.structs.replace(authorizer, id=authorizer_id)
        check_role(call, authorizer.authorizer_credentials)
        store.authorizers.save(call, named, api.id, authorizer_id)
    for response in definition.gateway_responses:
        store.gateway_responses.save(call, response, api.id, response.response_type)
    _install_paths(call, api, definition, known, authorizer_ids, validator_ids, merge=merge)
    return rules_applied(api, definition)


def rules_applied(api: RestApi, definition: Definition) -> RestApi:
    """The API with the document's settings; what the document does not say stays."""
    merged = {**msgspec.to_builtins(api), **definition.settings}
    return msgspec.convert(merged, RestApi)


def _install_paths(
    call: Call,
    api: RestApi,
    definition: Definition,
    known: dict[str, Resource],
    authorizer_ids: dict[str, str],
    validator_ids: dict[str, str],
    *,
    merge: bool,
) -> None:
    made: dict[str, Resource] = dict(known) if merge else {}
    root = known["/"] if merge else msgspec.structs.replace(known["/"], resource_methods={})
    made["/"] = root
    for path in definition.paths:
        _grow(call, made, known, path)
    if len(made) > rules.RESOURCES_MAX:
        raise errors.limit_exceeded("Maximum number of resources for this API has been reached.")
    for path, methods in definition.paths.items():
        place = "/" + path.strip("/")
        found = made[place]
        wanted = {
            name: msgspec.structs.replace(
                method,
                authorizer_id=authorizer_ids.get(method.authorizer_id or ""),
                request_validator_id=validator_ids.get(method.request_validator_id or ""),
            )
            for name, method in methods.items()
        }
        for method in wanted.values():
            _check(method, call.node.service_names)
            if method.method_integration is not None:
                check_role(call, method.method_integration.credentials)
        methods = {**found.resource_methods, **wanted}
        made[place] = msgspec.structs.replace(found, resource_methods=methods)
    for resource in made.values():
        store.resources.save(call, resource, api.id, resource.id)


def _grow(call: Call, made: dict[str, Resource], known: dict[str, Resource], path: str) -> None:
    """Add the resources along a path that are not there yet."""
    parent = made["/"]
    for part in path.strip("/").split("/") if path.strip("/") else []:
        place = rules.child_path(parent, part)
        if place not in made:
            siblings = [each for each in made.values() if each.parent_id == parent.id]
            rules.check_path_part(part, siblings, parent)
            old = known.get(place)
            made[place] = Resource(
                id=old.id if old is not None else call.new_word(6),
                parent_id=parent.id,
                path_part=part,
                path=place,
            )
        parent = made[place]


def _check(method: Method, services: Container[str]) -> None:
    rules.check_method(method)
    integration = method.method_integration
    if integration is None:
        return
    rules.check_integration(integration, services)
    mapping.check_templates(integration.request_templates)
    for response in integration.integration_responses.values():
        rules.check_integration_response(response, method)
        mapping.check_templates(response.response_templates)


class _Reader:
    """Reads one document; models found inside methods gather in `models` on the way."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.modern = "openapi" in document
        self.models: dict[str, Model] = {}
        components = document.get("components") or {}
        self.schemes: Document = (
            components.get("securitySchemes")
            if self.modern
            else document.get("securityDefinitions")
        ) or {}
        self.schemas: Document = (
            components.get("schemas") if self.modern else document.get("definitions")
        ) or {}

    def definition(self) -> Definition:
        info = self.document.get("info") or {}
        for name, schema in self.schemas.items():
            self._add_model(name, schema)
        paths = {
            path: self._methods(documents.resolved(self.document, item))
            for path, item in (self.document.get("paths") or {}).items()
            if not path.startswith("x-")
        }
        return Definition(
            name=str(info.get("title") or "API"),
            settings=self._settings(info),
            paths=paths,
            models=list(self.models.values()),
            validators=self._validators(),
            authorizers=self._authorizers(),
            gateway_responses=self._gateway_responses(),
        )

    def _settings(self, info: Document) -> dict[str, Any]:
        found: dict[str, Any] = {"name": str(info.get("title") or "API")}
        for member, value in (
            ("description", info.get("description")),
            ("version", info.get("version")),
            ("binaryMediaTypes", self._extension("binary-media-types")),
            ("minimumCompressionSize", self._extension("minimum-compression-size")),
            ("apiKeySource", self._extension("api-key-source")),
        ):
            if value is not None:
                found[member] = str(value) if member in ("description", "version") else value
        policy = self._extension("policy")
        if policy is not None:
            found["policy"] = orjson.dumps(policy).decode()
        endpoint = self._endpoint()
        if endpoint.get("disableExecuteApiEndpoint") is not None:
            found["disableExecuteApiEndpoint"] = endpoint["disableExecuteApiEndpoint"]
        return found

    def _endpoint(self) -> Document:
        servers = self.document.get("servers") or [{}]
        own = servers[0].get(f"{EXTENSION}endpoint-configuration")
        return own or self._extension("endpoint-configuration") or {}

    def _extension(self, name: str) -> Any:
        return self.document.get(EXTENSION + name)

    def _validators(self) -> list[RequestValidator]:
        return [
            RequestValidator(
                id="",
                name=name,
                validate_request_body=bool(each.get("validateRequestBody")),
                validate_request_parameters=bool(each.get("validateRequestParameters")),
            )
            for name, each in (self._extension("request-validators") or {}).items()
        ]

    def _authorizers(self) -> list[Authorizer]:
        found = []
        for name, scheme in self.schemes.items():
            each = scheme.get(f"{EXTENSION}authorizer")
            if each is None:
                continue
            kind = str(each.get("type", "")).upper()
            if kind not in ("TOKEN", "REQUEST"):
                raise not_implemented(f"authorizers of type {kind}")
            source = each.get("identitySource")
            if kind == "TOKEN" and not source:
                source = f"method.request.header.{scheme.get('name', 'Authorization')}"
            found.append(
                Authorizer(
                    id="",
                    name=name,
                    type=kind,
                    auth_type=scheme.get(f"{EXTENSION}authtype"),
                    authorizer_uri=each.get("authorizerUri"),
                    authorizer_credentials=each.get("authorizerCredentials"),
                    identity_source=source,
                    identity_validation_expression=each.get("identityValidationExpression"),
                    authorizer_result_ttl_in_seconds=int(
                        each.get("authorizerResultTtlInSeconds", 300)
                    ),
                )
            )
        return found

    def _gateway_responses(self) -> list[GatewayResponse]:
        found = []
        for kind, each in (self._extension("gateway-responses") or {}).items():
            if kind not in KINDS:
                raise errors.bad_request(f"Invalid response type: {kind}")
            status = each.get("statusCode")
            found.append(
                GatewayResponse(
                    response_type=kind,
                    status_code=None if status is None else str(status),
                    response_parameters=each.get("responseParameters") or {},
                    response_templates=each.get("responseTemplates") or {},
                )
            )
        return found

    def _methods(self, item: Document) -> dict[str, Method]:
        shared = item.get("parameters") or []
        found = {}
        for key in _METHODS:
            if key in item:
                name = "ANY" if key.startswith("x-") else key.upper()
                found[name] = self._method(name, item[key] or {}, shared)
        return found

    def _method(self, name: str, each: Document, shared: list[Any]) -> Method:
        parameters: dict[str, bool] = {}
        request_models: dict[str, str] = {}
        for raw in [*shared, *(each.get("parameters") or [])]:
            parameter = documents.resolved(self.document, raw)
            place = {"query": "querystring"}.get(parameter.get("in"), parameter.get("in"))
            if place in ("path", "querystring", "header"):
                key = f"method.request.{place}.{parameter['name']}"
                parameters[key] = bool(parameter.get("required"))
            elif place == "body" and parameter.get("schema"):
                for media_type in each.get("consumes") or ["application/json"]:
                    request_models[media_type] = self._model_name(parameter["schema"])
        body = documents.resolved(self.document, each.get("requestBody")) or {}
        for media_type, content in (body.get("content") or {}).items():
            if (content or {}).get("schema"):
                request_models[media_type] = self._model_name(content["schema"])
        authorization, authorizer, key_required = self._security(each)
        return Method(
            http_method=name,
            authorization_type=authorization,
            authorizer_id=authorizer,
            api_key_required=key_required,
            request_validator_id=each.get(
                f"{EXTENSION}request-validator", self._extension("request-validator")
            ),
            operation_name=each.get("operationId"),
            request_parameters=parameters,
            request_models=request_models,
            method_responses=self._responses(each),
            method_integration=self._integration(each),
        )

    def _security(self, each: Document) -> tuple[str, str | None, bool]:
        """Authorization type, authorizer's name, and whether an API key is needed."""
        authorization, authorizer, key_required = "NONE", None, False
        for requirement in each.get("security", self.document.get("security")) or []:
            for name in requirement:
                scheme = documents.resolved(self.document, self.schemes.get(name)) or {}
                if scheme.get(f"{EXTENSION}authorizer") is not None:
                    authorization, authorizer = "CUSTOM", name
                elif str(scheme.get(f"{EXTENSION}authtype", "")).lower() == "awssigv4":
                    authorization = "AWS_IAM"
                elif (
                    scheme.get("type") == "apiKey"
                    and str(scheme.get("name")).lower() == "x-api-key"
                ):
                    key_required = True
        own = (each.get(f"{EXTENSION}auth") or {}).get("type")
        if own is not None and str(own).upper() in ("NONE", "AWS_IAM"):
            authorization, authorizer = str(own).upper(), None
        return authorization, authorizer, key_required

    def _responses(self, each: Document) -> dict[str, MethodResponse]:
        found = {}
        for status, raw in (each.get("responses") or {}).items():
            if not status.isdigit():
                continue
            response = documents.resolved(self.document, raw) or {}
            contents = response.get("content") or {}
            if response.get("schema"):
                contents = {
                    media_type: {"schema": response["schema"]}
                    for media_type in each.get("produces") or ["application/json"]
                }
            found[status] = MethodResponse(
                status_code=status,
                response_parameters={
                    f"method.response.header.{name}": False
                    for name in response.get("headers") or {}
                },
                response_models={
                    media_type: self._model_name(content["schema"])
                    for media_type, content in contents.items()
                    if (content or {}).get("schema")
                },
            )
        return found

    def _integration(self, each: Document) -> Integration | None:
        found = documents.resolved(self.document, each.get(f"{EXTENSION}integration"))
        if not found:
            return None
        if found.get("tlsConfig"):
            raise not_implemented("tlsConfig of integrations")
        responses = {}
        for pattern, raw in (found.get("responses") or {}).items():
            response = raw or {}
            status = str(response.get("statusCode", "200"))
            responses[status] = IntegrationResponse(
                status_code=status,
                selection_pattern=None if pattern == "default" else pattern,
                response_parameters=response.get("responseParameters") or {},
                response_templates=response.get("responseTemplates") or {},
                content_handling=response.get("contentHandling"),
            )
        return Integration(
            type=str(found.get("type", "")).upper(),
            http_method=found.get("httpMethod"),
            uri=found.get("uri"),
            connection_type=found.get("connectionType"),
            credentials=found.get("credentials"),
            request_parameters=found.get("requestParameters") or {},
            request_templates=found.get("requestTemplates") or {},
            passthrough_behavior=str(found.get("passthroughBehavior", "WHEN_NO_MATCH")).upper(),
            content_handling=found.get("contentHandling"),
            timeout_in_millis=int(found.get("timeoutInMillis", rules.TIMEOUT_MS_MAX)),
            cache_namespace=found.get("cacheNamespace"),
            cache_key_parameters=found.get("cacheKeyParameters") or [],
            integration_responses=responses,
        )

    def _model_name(self, schema: Document) -> str:
        """The model that a schema refers to; one written in place becomes a model of its own."""
        if "$ref" in schema:
            return str(schema["$ref"]).rsplit("/", 1)[-1]
        digest = hashlib.sha256(orjson.dumps(schema, option=orjson.OPT_SORT_KEYS)).hexdigest()
        name = f"MODEL{digest[:6]}"
        self._add_model(name, schema)
        return name

    def _add_model(self, name: str, schema: Document) -> None:
        text = orjson.dumps(schema).decode()
        self.models[name] = Model(id="", name=name, schema=text)
