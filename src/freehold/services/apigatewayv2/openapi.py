"""HTTP APIs from OpenAPI 3 documents, with API Gateway's extensions."""

from __future__ import annotations

from typing import Any

import msgspec

from freehold.kernel import openapi as documents
from freehold.kernel.call import Call
from freehold.kernel.errors import not_implemented
from freehold.services.apigatewayv2 import errors, rules, store
from freehold.services.apigatewayv2.access import check_role
from freehold.services.apigatewayv2.records import (
    Api,
    Authorizer,
    Cors,
    Integration,
    JwtConfiguration,
    Route,
)

Document = dict[str, Any]
EXTENSION = "x-amazon-apigateway-"
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", f"{EXTENSION}any-method")
_KNOWN = frozenset(EXTENSION + name for name in ("cors", "importexport-version", "tag-value"))
ID_LENGTH = 7


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """What a document defines: each route with its integration; authorizers by their names."""

    name: str
    settings: dict[str, Any]
    routes: list[tuple[Route, Integration | None]]
    authorizers: list[Authorizer]


def parse(body: bytes, region: str, account: str) -> Definition:
    """Read a document; BadRequestException if it is none."""
    document = documents.read(body, region, account)
    if not str(document.get("openapi", "")).startswith("3"):
        raise errors.bad_request("Invalid OpenAPI input: HTTP APIs need openapi 3.x")
    for name in document:
        if name.startswith(EXTENSION) and name not in _KNOWN:
            raise not_implemented(f"the OpenAPI extension {name}")
    try:
        return _definition(document)
    except (msgspec.ValidationError, AttributeError, TypeError) as error:
        raise errors.bad_request(f"Invalid OpenAPI input: {error}") from None


def install(call: Call, api: Api, definition: Definition) -> Api:
    """Make the API what the document says; ids of routes and authorizers that stay are kept."""
    route_ids = {route.route_key: route.route_id for route in store.routes.all(call, api.api_id)}
    authorizer_ids = {a.name: a.authorizer_id for a in store.authorizers.all(call, api.api_id)}
    store.clear_definition(call, api.api_id)
    for authorizer in definition.authorizers:
        authorizer_id = authorizer_ids.setdefault(authorizer.name, call.new_word(ID_LENGTH))
        kept = msgspec.structs.replace(authorizer, authorizer_id=authorizer_id)
        check_role(call, authorizer.authorizer_credentials_arn)
        store.authorizers.save(call, kept, api.api_id, authorizer_id)
    for route, integration in definition.routes:
        target = None
        if integration is not None:
            integration_id = call.new_word(ID_LENGTH)
            made = msgspec.structs.replace(integration, integration_id=integration_id)
            check_role(call, integration.credentials_arn)
            store.integrations.save(call, made, api.api_id, integration_id)
            target = f"integrations/{integration_id}"
        installed = msgspec.structs.replace(
            route,
            route_id=route_ids.get(route.route_key) or call.new_word(ID_LENGTH),
            target=target,
            authorizer_id=authorizer_ids.get(route.authorizer_id or ""),
        )
        rules.check_route(installed)
        store.save_route(call, api.api_id, installed)
    api = _with_settings(api, definition)
    store.apis.save(call, api, api.api_id)
    return api


def _with_settings(api: Api, definition: Definition) -> Api:
    settings = dict(definition.settings)
    settings["Tags"] = {**api.tags, **settings.get("Tags", {})}
    return msgspec.convert({**msgspec.to_builtins(api), **settings}, Api)


def _definition(document: Document) -> Definition:
    info = document.get("info") or {}
    name = str(info.get("title") or "API")
    schemes = (document.get("components") or {}).get("securitySchemes") or {}
    routes = []
    for path, raw in (document.get("paths") or {}).items():
        item = documents.resolved(document, raw)
        for key in _METHODS:
            if key in item:
                each = item[key] or {}
                routes.append(_route(document, schemes, path, key, each))
    tags = {
        str(tag["name"]): str(tag[f"{EXTENSION}tag-value"])
        for tag in document.get("tags") or []
        if f"{EXTENSION}tag-value" in tag
    }
    settings: dict[str, Any] = {"Name": name, "Tags": tags}
    for member in ("description", "version"):
        if info.get(member) is not None:
            settings[member.capitalize()] = str(info[member])
    cors = document.get(f"{EXTENSION}cors")
    settings["CorsConfiguration"] = None if cors is None else msgspec.to_builtins(_cors(cors))
    return Definition(
        name=name,
        settings=settings,
        routes=routes,
        authorizers=[
            _authorizer(each, scheme[f"{EXTENSION}authorizer"])
            for each, scheme in schemes.items()
            if scheme.get(f"{EXTENSION}authorizer") is not None
        ],
    )


def _cors(found: Document) -> Cors:
    def listed(member: str) -> list[str]:
        value = found.get(member) or []
        return [value] if isinstance(value, str) else [str(each) for each in value]

    return Cors(
        allow_credentials=found.get("allowCredentials"),
        allow_headers=listed("allowHeaders"),
        allow_methods=listed("allowMethods"),
        allow_origins=listed("allowOrigins"),
        expose_headers=listed("exposeHeaders"),
        max_age=found.get("maxAge"),
    )


def _route(
    document: Document, schemes: Document, path: str, key: str, each: Document
) -> tuple[Route, Integration | None]:
    method = "ANY" if key.startswith("x-") else key.upper()
    default = path in ("$default", "/$default")
    authorization, authorizer, scopes = _security(document, schemes, each)
    route = Route(
        route_id="",
        route_key="$default" if default else f"{method} {path}",
        authorization_type=authorization,
        authorizer_id=authorizer,
        authorization_scopes=scopes,
        operation_name=each.get("operationId"),
    )
    found = documents.resolved(document, each.get(f"{EXTENSION}integration"))
    if not found:
        return route, None
    integration = Integration(
        integration_id="",
        integration_type=str(found.get("type", "")).upper(),
        integration_uri=found.get("uri"),
        integration_method=found.get("httpMethod"),
        integration_subtype=found.get("integrationSubtype"),
        connection_type=found.get("connectionType", "INTERNET"),
        credentials_arn=found.get("credentials"),
        payload_format_version=str(found.get("payloadFormatVersion", "1.0")),
        request_parameters=found.get("requestParameters") or {},
        response_parameters=found.get("responseParameters") or {},
        timeout_in_millis=int(found.get("timeoutInMillis", 30_000)),
    )
    rules.check_integration(integration)
    return route, integration


def _security(
    document: Document, schemes: Document, each: Document
) -> tuple[str, str | None, list[str]]:
    """Authorization type, authorizer's name and scopes."""
    for requirement in each.get("security", document.get("security")) or []:
        for name, scopes in requirement.items():
            scheme = schemes.get(name) or {}
            authorizer = scheme.get(f"{EXTENSION}authorizer")
            if authorizer is not None:
                kind = "JWT" if authorizer.get("type") == "jwt" else "CUSTOM"
                return kind, name, [str(scope) for scope in scopes or []]
    if str((each.get(f"{EXTENSION}auth") or {}).get("type", "")).upper() == "AWS_IAM":
        return "AWS_IAM", None, []
    return "NONE", None, []


def _jwt(found: Document | None) -> JwtConfiguration | None:
    if found is None:
        return None
    audience = found.get("audience") or []
    listed = [audience] if isinstance(audience, str) else [str(each) for each in audience]
    return JwtConfiguration(audience=listed, issuer=str(found.get("issuer", "")))


def _authorizer(name: str, each: Document) -> Authorizer:
    source = each.get("identitySource") or []
    sources = [part.strip() for part in source.split(",")] if isinstance(source, str) else source
    authorizer = Authorizer(
        authorizer_id="",
        name=name,
        authorizer_type=str(each.get("type", "")).upper(),
        authorizer_uri=each.get("authorizerUri"),
        authorizer_credentials_arn=each.get("authorizerCredentials"),
        authorizer_payload_format_version=str(each.get("authorizerPayloadFormatVersion", ""))
        or None,
        authorizer_result_ttl_in_seconds=int(each.get("authorizerResultTtlInSeconds", 0)),
        enable_simple_responses=bool(each.get("enableSimpleResponses", False)),
        identity_source=sources,
        jwt_configuration=_jwt(each.get("jwtConfiguration")),
    )
    rules.check_authorizer(authorizer)
    return authorizer
