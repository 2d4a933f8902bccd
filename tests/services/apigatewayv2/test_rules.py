"""HTTP APIs' rules, as tables."""

from __future__ import annotations

import pytest

from freehold.kernel.errors import AwsError
from freehold.services.apigatewayv2 import cors, rules
from freehold.services.apigatewayv2.records import Cors, Route
from freehold.services.apigatewayv2.routing import Router

KEYS = (
    "GET /pets/dog/1",
    "GET /pets/dog/{id}",
    "GET /pets/{proxy+}",
    "ANY /{proxy+}",
    "$default",
)


@pytest.mark.parametrize(
    ("method", "path", "key", "parameters"),
    [
        # The table of "Routes for HTTP APIs", developer guide.
        ("GET", "/pets/dog/1", "GET /pets/dog/1", {}),
        ("GET", "/pets/dog/2", "GET /pets/dog/{id}", {"id": "2"}),
        ("GET", "/pets/cat/1", "GET /pets/{proxy+}", {"proxy": "cat/1"}),
        ("POST", "/test/5", "ANY /{proxy+}", {"proxy": "test/5"}),
        # What it follows from.
        ("POST", "/pets/dog/1", "ANY /{proxy+}", {"proxy": "pets/dog/1"}),
        ("GET", "/", "$default", {}),
        ("GET", "/pets/dog/", "GET /pets/{proxy+}", {"proxy": "dog/"}),
    ],
)
def test_the_most_specific_route_wins(
    method: str, path: str, key: str, parameters: dict[str, str]
) -> None:
    match = Router(Route(route_id=each, route_key=each) for each in KEYS).match(method, path)
    assert match is not None
    assert (match.route.route_key, match.path_parameters) == (key, parameters)


def test_without_a_default_there_may_be_no_route() -> None:
    router = Router([Route(route_id="r", route_key="GET /pets")])
    assert router.match("GET", "/pets/") is None
    assert router.match("POST", "/pets") is None


def test_a_method_wins_over_any() -> None:
    keys = ("ANY /a", "GET /a")
    router = Router(Route(route_id=key, route_key=key) for key in keys)
    for method, expected in (("GET", "GET /a"), ("PUT", "ANY /a")):
        match = router.match(method, "/a")
        assert match is not None
        assert match.route.route_key == expected


@pytest.mark.parametrize(
    "key",
    ["GET", "get /a", "FETCH /a", "GET a", "GET /{a", "GET /{a+}/b", "GET /{a}/{a}", "$connect"],
)
def test_route_keys_that_are_none(key: str) -> None:
    with pytest.raises(AwsError):
        rules.check_route_key(key)


@pytest.mark.parametrize(
    ("allowed", "origin", "answer"),
    [
        (["*"], "https://a.example", "*"),
        (["https://a.example"], "https://a.example", "https://a.example"),
        (["https://*"], "https://a.example", "https://a.example"),
        (["https://*"], "http://a.example", None),
        (["https://a.example"], "https://a.example.evil", None),
        ([], "https://a.example", None),
    ],
)
def test_allowed_origins(allowed: list[str], origin: str, answer: str | None) -> None:
    assert cors.allowed_origin(Cors(allow_origins=allowed), origin) == answer
