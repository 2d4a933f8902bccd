"""REST APIs' rules, as tables."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from freehold.kernel.errors import AwsError
from freehold.services.apigateway import event, patch, rules, throttling
from freehold.services.apigateway.event import MalformedAnswer
from freehold.services.apigateway.gateway_responses import Refusal
from freehold.services.apigateway.records import Method, Quota, Resource, RestApi, Throttle, Usage
from freehold.services.apigateway.routing import Router

API = RestApi(id="a", name="n", created_date=0.0)


def resource(path: str, *methods: str) -> Resource:
    return Resource(
        id=path, path=path, resource_methods={name: Method(http_method=name) for name in methods}
    )


@pytest.mark.parametrize(
    ("path", "found", "parameters"),
    [
        ("/", "/", {}),
        ("/pets", "/pets", {}),
        ("/pets/", "/pets", {}),
        ("/pets/dog", "/pets/dog", {}),
        ("/pets/cat", "/pets/{id}", {"id": "cat"}),
        ("/pets/a%2Fb", "/pets/{id}", {"id": "a/b"}),
        ("/pets/cat/toys", "/pets/{id}/toys", {"id": "cat"}),
        ("/pets/dog/toys", "/pets/{id}/toys", {"id": "dog"}),
        ("/pets/cat/food/1", "/{proxy+}", {"proxy": "pets/cat/food/1"}),
        ("/other", "/{proxy+}", {"proxy": "other"}),
        ("/files/a/b%20c", "/files/{path+}", {"path": "a/b c"}),
        ("/files", "/{proxy+}", {"proxy": "files"}),
        ("/hollow", "/{proxy+}", {"proxy": "hollow"}),
    ],
)
def test_a_path_finds_its_resource(path: str, found: str, parameters: dict[str, str]) -> None:
    """Literals win over parameters, and those over greedy ones; what leads nowhere is left
    again.
    """
    router = Router(
        [
            resource("/", "GET"),
            resource("/pets", "GET"),
            resource("/pets/dog", "GET"),
            resource("/pets/{id}", "GET"),
            resource("/pets/{id}/toys", "GET"),
            resource("/files/{path+}", "GET"),
            resource("/hollow"),
            resource("/{proxy+}", "ANY"),
        ]
    )
    match = router.match("GET", path)
    assert match is not None
    assert (match.resource.path, match.path_parameters) == (found, parameters)


def test_a_known_path_with_another_method_has_none() -> None:
    router = Router([resource("/a", "GET", "POST"), resource("/b", "GET", "ANY")])
    found = router.match("PUT", "/a")
    assert found is not None
    assert found.method is None
    any_method = router.match("PUT", "/b")
    assert any_method is not None
    assert any_method.method == Method(http_method="ANY")
    assert router.match("GET", "/c") is None


@pytest.mark.parametrize(
    ("change", "member", "value"),
    [
        ({"op": "replace", "path": "/name", "value": "m"}, "name", "m"),
        (
            {"op": "add", "path": "/binaryMediaTypes/image~1png"},
            "binary_media_types",
            ["image/png"],
        ),
        (
            {"op": "replace", "path": "/disableExecuteApiEndpoint", "value": "true"},
            "disable_execute_api_endpoint",
            True,
        ),
        (
            {"op": "replace", "path": "/minimumCompressionSize", "value": "10"},
            "minimum_compression_size",
            10,
        ),
        ({"op": "remove", "path": "/description"}, "description", None),
    ],
)
def test_a_patch_changes_what_its_path_names(
    change: dict[str, Any], member: str, value: Any
) -> None:
    members = (
        "name",
        "binaryMediaTypes",
        "disableExecuteApiEndpoint",
        "minimumCompressionSize",
        "description",
    )
    assert getattr(patch.patched(API, [change], *members), member) == value


def test_a_patch_to_what_cannot_change_says_what_can() -> None:
    with pytest.raises(AwsError, match=r"Must be one of: \[/name\]"):
        patch.patched(API, [{"op": "replace", "path": "/id", "value": "b"}], "name")
    with pytest.raises(AwsError, match="Invalid patch value"):
        bad = {"op": "replace", "path": "/minimumCompressionSize", "value": "x"}
        patch.patched(API, [bad], "minimumCompressionSize")


@pytest.mark.parametrize(
    ("uri", "function"),
    [
        (
            "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/"
            "arn:aws:lambda:us-east-1:1:function:f:${stageVariables.alias}/invocations",
            "arn:aws:lambda:us-east-1:1:function:f:live",
        ),
        ("arn:aws:apigateway:us-east-1:sqs:path/1/queue", None),
        ("http://example.com", None),
    ],
)
def test_an_integration_uri_names_a_function(uri: str, function: str | None) -> None:
    assert rules.function_arn(uri, {"alias": "live"}) == function


@pytest.mark.parametrize(
    ("payload", "status", "headers", "body"),
    [
        (b'{"statusCode": 204}', 204, (("Content-Type", "application/json"),), b""),
        (
            b'{"statusCode": "200", "headers": {"content-type": "text/html", "N": 1}, "body": "h"}',
            200,
            (("content-type", "text/html"), ("N", "1")),
            b"h",
        ),
        (
            b'{"statusCode":200,"headers":{"A":"1","Date":"x"},"multiValueHeaders":{"a":["2","3"]}}',
            200,
            (
                ("x-amzn-Remapped-Date", "x"),
                ("a", "2"),
                ("a", "3"),
                ("Content-Type", "application/json"),
            ),
            b"",
        ),
    ],
)
def test_a_functions_answer_becomes_a_response(
    payload: bytes, status: int, headers: Any, body: bytes
) -> None:
    """ "If you specify values for both, API Gateway merges them": the multi-value one wins a
    name.
    """
    found = event.proxy_response(payload, None, [])
    assert (found.status, found.headers, found.body) == (status, headers, body)


@pytest.mark.parametrize(
    "payload",
    [
        b"[]",
        b'"text"',
        b'{"a": 1}',
        b'{"statusCode": "x"}',
        b'{"statusCode": 99}',
        b'{"statusCode": 200, "headers": []}',
        b'{"statusCode": 200, "headers": {"a": "b\\r\\nc: d"}}',
        b'{"statusCode": 200, "multiValueHeaders": {"a": "b"}}',
    ],
)
def test_what_is_no_answer_is_malformed(payload: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        event.proxy_response(payload, None, [])


@pytest.mark.parametrize(
    ("types", "content_type", "binary"),
    [
        ([], "image/png", False),
        (["image/png"], "image/png; q=1", True),
        (["image/*"], "image/gif", True),
        (["*/*"], None, True),
        (["image/*"], None, False),
    ],
)
def test_binary_media_types(types: list[str], content_type: str | None, binary: bool) -> None:
    assert event.is_binary(content_type, types) is binary


@pytest.mark.parametrize(
    ("quota", "period"),
    [
        # 1 750 000 000 is Sunday 15 June 2025.
        (Quota(limit=1, period="DAY"), "2025-06-15"),
        (Quota(limit=1, period="WEEK"), "2025-06-15"),
        (Quota(limit=1, period="WEEK", offset=1), "2025-06-09"),
        (Quota(limit=1, period="MONTH"), "2025-06-01"),
        (Quota(limit=1, period="MONTH", offset=20), "2025-05-21"),
    ],
)
def test_quota_periods(quota: Quota, period: str) -> None:
    assert throttling.period_of(quota, 1_750_000_000.0) == period


def test_a_throttle_refills_and_a_quota_does_not() -> None:
    throttle, quota = Throttle(burst_limit=2, rate_limit=1.0), Quota(limit=3, period="DAY")
    now = 1_750_000_000.0
    usage = throttling.spent(Usage(), throttle, quota, now)
    usage = throttling.spent(usage, throttle, quota, now)
    with pytest.raises(Refusal) as refused:
        throttling.spent(usage, throttle, quota, now)
    assert refused.value.kind == "THROTTLED"
    usage = throttling.spent(usage, throttle, quota, now + 1)
    with pytest.raises(Refusal) as refused:
        throttling.spent(usage, throttle, quota, now + 60)
    assert refused.value.kind == "QUOTA_EXCEEDED"
    throttling.spent(usage, throttle, quota, now + 86_400)


def test_a_records_members_are_the_models() -> None:
    assert set(msgspec.to_builtins(API)) >= {"id", "binaryMediaTypes", "rootResourceId"}
