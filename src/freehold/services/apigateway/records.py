"""What API Gateway stores. A record's fields, renamed to camel case, are the members of its
answers.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

Strings = dict[str, str]


class Record(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`answer` gives a record in the words of the model."""


R = TypeVar("R", bound=Record)


class EndpointConfiguration(Record, frozen=True, kw_only=True):
    types: list[str] = msgspec.field(default_factory=lambda: ["EDGE"])
    ip_address_type: str = "ipv4"


class RestApi(Record, frozen=True, kw_only=True):
    id: str
    name: str
    description: str | None = None
    created_date: float
    version: str | None = None
    binary_media_types: list[str] = []
    minimum_compression_size: int | None = None
    api_key_source: str = "HEADER"
    endpoint_configuration: EndpointConfiguration = EndpointConfiguration()
    policy: str | None = None
    tags: Strings = {}
    disable_execute_api_endpoint: bool = False
    root_resource_id: str = ""


class IntegrationResponse(Record, frozen=True, kw_only=True):
    status_code: str
    selection_pattern: str | None = None
    response_parameters: Strings = {}
    response_templates: dict[str, str | None] = {}
    content_handling: str | None = None


class Integration(Record, frozen=True, kw_only=True):
    type: str
    http_method: str | None = None
    uri: str | None = None
    connection_type: str | None = None
    credentials: str | None = None
    request_parameters: Strings = {}
    request_templates: dict[str, str | None] = {}
    passthrough_behavior: str = "WHEN_NO_MATCH"
    content_handling: str | None = None
    timeout_in_millis: int = 29_000
    cache_namespace: str | None = None
    cache_key_parameters: list[str] = []
    integration_responses: dict[str, IntegrationResponse] = {}


class MethodResponse(Record, frozen=True, kw_only=True):
    status_code: str
    response_parameters: dict[str, bool] = {}
    response_models: Strings = {}


class Method(Record, frozen=True, kw_only=True):
    http_method: str
    authorization_type: str = "NONE"
    authorizer_id: str | None = None
    api_key_required: bool = False
    request_validator_id: str | None = None
    operation_name: str | None = None
    request_parameters: dict[str, bool] = {}
    request_models: Strings = {}
    method_responses: dict[str, MethodResponse] = {}
    method_integration: Integration | None = None
    authorization_scopes: list[str] = []


class Resource(Record, frozen=True, kw_only=True):
    """A path, with its methods by their names ("GET", "ANY")."""

    id: str
    parent_id: str | None = None
    path_part: str | None = None
    path: str
    resource_methods: dict[str, Method] = {}


class Model(Record, frozen=True, kw_only=True):
    id: str
    name: str
    description: str | None = None
    schema: str | None = None
    content_type: str = "application/json"


class RequestValidator(Record, frozen=True, kw_only=True):
    id: str
    name: str | None = None
    validate_request_body: bool = False
    validate_request_parameters: bool = False


class Authorizer(Record, frozen=True, kw_only=True):
    id: str
    name: str
    type: str
    auth_type: str | None = None
    authorizer_uri: str | None = None
    authorizer_credentials: str | None = None
    identity_source: str | None = None
    identity_validation_expression: str | None = None
    authorizer_result_ttl_in_seconds: int = 300


class GatewayResponse(Record, frozen=True, kw_only=True):
    response_type: str
    status_code: str | None = None
    response_parameters: Strings = {}
    response_templates: Strings = {}
    default_response: bool = False


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """All of an API as it was when it was deployed."""

    api: RestApi
    resources: list[Resource]
    models: list[Model]
    validators: list[RequestValidator]
    authorizers: list[Authorizer]
    gateway_responses: list[GatewayResponse]


class Deployment(Record, frozen=True, kw_only=True):
    """`digest` is of its snapshot, which is stored beside it."""

    id: str
    description: str | None = None
    created_date: float
    digest: str


class MethodSetting(Record, frozen=True, kw_only=True):
    metrics_enabled: bool = False
    logging_level: str = "OFF"
    data_trace_enabled: bool = False
    throttling_burst_limit: int = 5000
    throttling_rate_limit: float = 10000.0
    caching_enabled: bool = False
    cache_ttl_in_seconds: int = 300
    cache_data_encrypted: bool = False
    require_authorization_for_cache_control: bool = True
    unauthorized_cache_control_header_strategy: str = "SUCCEED_WITH_RESPONSE_HEADER"


class AccessLogSettings(Record, frozen=True, kw_only=True):
    format: str | None = None
    destination_arn: str | None = None


class Stage(Record, frozen=True, kw_only=True):
    """`digest` is that of the deployment it points to, and `policy` the API's when that was
    made.
    """

    stage_name: str
    deployment_id: str
    digest: str
    description: str | None = None
    variables: Strings = {}
    method_settings: dict[str, MethodSetting] = {}
    access_log_settings: AccessLogSettings | None = None
    documentation_version: str | None = None
    cache_cluster_enabled: bool = False
    cache_cluster_status: str = "NOT_AVAILABLE"
    tracing_enabled: bool = False
    tags: Strings = {}
    created_date: float
    last_updated_date: float


class ApiKey(Record, frozen=True, kw_only=True):
    id: str
    value: str
    name: str | None = None
    customer_id: str | None = None
    description: str | None = None
    enabled: bool = False
    created_date: float
    last_updated_date: float
    stage_keys: list[str] = []
    tags: Strings = {}


class ApiStage(Record, frozen=True, kw_only=True):
    api_id: str
    stage: str


class Throttle(Record, frozen=True, kw_only=True):
    burst_limit: int = 0
    rate_limit: float = 0.0


class Quota(Record, frozen=True, kw_only=True):
    limit: int
    offset: int = 0
    period: str


class UsagePlan(Record, frozen=True, kw_only=True):
    id: str
    name: str
    description: str | None = None
    api_stages: list[ApiStage] = []
    throttle: Throttle | None = None
    quota: Quota | None = None
    tags: Strings = {}


class UsagePlanKey(Record, frozen=True, kw_only=True):
    id: str
    type: str
    value: str | None = None
    name: str | None = None


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What a key has used of a plan: requests in the quota's period, and the throttle's token
    bucket.
    """

    period: str = ""
    used: int = 0
    tokens: float = 0.0
    filled_at: float = 0.0


class Account(Record, frozen=True, kw_only=True):
    cloudwatch_role_arn: str | None = None


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a Lambda authorizer said: a policy, and what it wants passed on."""

    principal_id: str
    policy: str
    context: dict[str, Any] = {}
    usage_identifier_key: str | None = None
    expires_at: float = 0.0


def answer(record: Record, *hidden: str) -> dict[str, Any]:
    """The record as the model names it; empty lists and maps are left out, as API Gateway does."""
    members = msgspec.to_builtins(record)
    return {
        name: value
        for name, value in members.items()
        if value is not None and value != {} and value != [] and name not in hidden
    }
