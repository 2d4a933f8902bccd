"""What HTTP APIs are made of. Fields, renamed to Pascal case, are the members of the model's
answers.
"""

from __future__ import annotations

from typing import Any

import msgspec

Strings = dict[str, str]


class Record(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """`answer` gives a record in the words of the model."""


class Cors(Record, frozen=True, kw_only=True):
    allow_credentials: bool | None = None
    allow_headers: list[str] = []
    allow_methods: list[str] = []
    allow_origins: list[str] = []
    expose_headers: list[str] = []
    max_age: int | None = None


class Api(Record, frozen=True, kw_only=True):
    api_id: str
    name: str
    protocol_type: str = "HTTP"
    description: str | None = None
    version: str | None = None
    route_selection_expression: str = "$request.method $request.path"
    api_key_selection_expression: str = "$request.header.x-api-key"
    cors_configuration: Cors | None = None
    disable_execute_api_endpoint: bool = False
    ip_address_type: str = "ipv4"
    created_date: float
    tags: Strings = {}


class Integration(Record, frozen=True, kw_only=True):
    integration_id: str
    integration_type: str
    integration_uri: str | None = None
    integration_method: str | None = None
    integration_subtype: str | None = None
    connection_type: str = "INTERNET"
    credentials_arn: str | None = None
    description: str | None = None
    payload_format_version: str = "1.0"
    request_parameters: Strings = {}
    response_parameters: dict[str, Strings] = {}
    timeout_in_millis: int = 30_000
    api_gateway_managed: bool | None = None


class Route(Record, frozen=True, kw_only=True):
    route_id: str
    route_key: str
    target: str | None = None
    authorization_type: str = "NONE"
    authorizer_id: str | None = None
    authorization_scopes: list[str] = []
    api_key_required: bool = False
    operation_name: str | None = None
    api_gateway_managed: bool | None = None


class JwtConfiguration(Record, frozen=True, kw_only=True):
    audience: list[str] = []
    issuer: str = ""


class IssuerKeys(msgspec.Struct, frozen=True, kw_only=True):
    """The public keys of a token issuer, as it published them."""

    keys: list[dict[str, Any]]
    fetched_at: float


class Authorizer(Record, frozen=True, kw_only=True):
    authorizer_id: str
    name: str
    authorizer_type: str
    authorizer_uri: str | None = None
    authorizer_credentials_arn: str | None = None
    authorizer_payload_format_version: str | None = None
    authorizer_result_ttl_in_seconds: int = 0
    enable_simple_responses: bool = False
    identity_source: list[str] = []
    jwt_configuration: JwtConfiguration | None = None


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """All of an API as it was when it was deployed."""

    api: Api
    routes: list[Route]
    integrations: list[Integration]
    authorizers: list[Authorizer]


class Deployment(Record, frozen=True, kw_only=True):
    """`digest` is of its snapshot, which is stored beside it."""

    deployment_id: str
    description: str | None = None
    auto_deployed: bool = False
    deployment_status: str = "DEPLOYED"
    created_date: float
    digest: str


class RouteSettings(Record, frozen=True, kw_only=True):
    data_trace_enabled: bool | None = None
    detailed_metrics_enabled: bool = False
    logging_level: str | None = None
    throttling_burst_limit: int | None = None
    throttling_rate_limit: float | None = None


class Stage(Record, frozen=True, kw_only=True):
    """`digest` is that of the deployment it serves; both are empty before the first one."""

    stage_name: str
    auto_deploy: bool = False
    deployment_id: str | None = None
    digest: str = ""
    description: str | None = None
    default_route_settings: RouteSettings = RouteSettings()
    route_settings: dict[str, RouteSettings] = {}
    stage_variables: Strings = {}
    access_log_settings: dict[str, Any] | None = None
    api_gateway_managed: bool | None = None
    last_deployment_status_message: str | None = None
    created_date: float
    last_updated_date: float
    tags: Strings = {}


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a Lambda authorizer said: yes or no, or a policy; and what it wants passed on."""

    allowed: bool = False
    principal_id: str = ""
    policy: str | None = None
    context: dict[str, Any] = {}
    expires_at: float = 0.0


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """The token bucket of a throttled route."""

    tokens: float
    filled_at: float


def answer(record: Record, *hidden: str) -> dict[str, Any]:
    """The record as the model names it; empty lists and maps are left out."""
    members = msgspec.to_builtins(record)
    return {
        name: _trimmed(value)
        for name, value in members.items()
        if value is not None and value not in ({}, []) and name not in hidden
    }


def _trimmed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: _trimmed(inner) for name, inner in value.items() if inner not in (None, [])}
