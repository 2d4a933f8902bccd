"""Filter patterns, from the examples and rules of "Filter pattern syntax" in the user guide."""

from __future__ import annotations

import pytest

from freehold.kernel.errors import AwsError
from freehold.services.logs.patterns import compile_pattern

UNAUTHORIZED = "[ERROR 401] UNAUTHORIZED REQUEST"
EVENT = (
    '{"eventType": "UpdateTrail", "sourceIPAddress": "111.111.111.111", "arrayKey": ["value", '
    '"another value"], "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}], '
    '"SomeObject": null, "latency": 250.5, "ok": true, "cluster.name": "c"}'
)
ACCESS = '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'


@pytest.mark.parametrize(
    ("pattern", "message", "matches"),
    [
        ("", "anything", True),
        ("ERROR", UNAUTHORIZED, True),
        ("error", UNAUTHORIZED, False),
        ("ERROR 401", UNAUTHORIZED, True),
        ("ERROR 402", UNAUTHORIZED, False),
        ("ERROR -401", UNAUTHORIZED, False),
        ("ERROR -500", UNAUTHORIZED, True),
        ("-ERROR", UNAUTHORIZED, False),
        ("?ERROR ?WARN", "WARN disk", True),
        ("?ERROR ?WARN", "INFO disk", False),
        ('"UNAUTHORIZED REQUEST"', UNAUTHORIZED, True),
        ('"REQUEST UNAUTHORIZED"', UNAUTHORIZED, False),
        ('-"UNAUTHORIZED REQUEST"', UNAUTHORIZED, False),
        ('?"no such" ?ERROR', UNAUTHORIZED, True),
        ("%AUTHORIZED%", UNAUTHORIZED, True),
        ("%^AUTHORIZED%", UNAUTHORIZED, False),
        (r"%4[0-9]{2}%", UNAUTHORIZED, True),
    ],
)
def test_terms(pattern: str, message: str, matches: bool) -> None:
    assert compile_pattern(pattern)(message) is matches


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ('{ $.eventType = "UpdateTrail" }', True),
        ("{ $.eventType = UpdateTrail }", True),
        ("{ $.eventType = Update* }", True),
        ('{ $.eventType != "UpdateTrail" }', False),
        ("{ $.eventType = %Trail$% }", True),
        ("{ $.sourceIPAddress = 111.111.* }", True),
        ("{ $.sourceIPAddress != 123.123.* }", True),
        ("{ $.arrayKey[0] = value }", True),
        ("{ $.arrayKey[1] = value }", False),
        ('{ $.arrayKey[*] = "another value" }', True),
        ("{ $.objectList[1].id = 2 }", True),
        ("{ $.objectList[7].id = 2 }", False),
        ("{ $.SomeObject IS NULL }", True),
        ("{ $.ok IS TRUE }", True),
        ("{ $.ok IS FALSE }", False),
        ("{ $.SomeOtherObject NOT EXISTS }", True),
        ("{ $.eventType NOT EXISTS }", False),
        ("{ $.latency > 250 }", True),
        ("{ $.latency >= 250.5 && $.ok IS TRUE }", True),
        ("{ $.latency < 250 || $.eventType = UpdateTrail }", True),
        ("{ ($.latency < 250 || $.ok IS TRUE) && $.eventType = Nothing }", False),
        ("{ $.latency < 250 || $.ok IS TRUE && $.eventType = Nothing }", False),
        ("{ $.['cluster.name'] = c }", True),
    ],
)
def test_conditions_on_json(pattern: str, matches: bool) -> None:
    assert compile_pattern(pattern)(EVENT) is matches


def test_a_json_pattern_matches_only_json() -> None:
    test = compile_pattern("{ $.a NOT EXISTS }")
    assert test("{}")
    assert not test("plain text")
    assert not test("{ not json")
    assert not test("[1]")


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("[ip, user, username, timestamp, request, status_code, bytes]", True),
        ("[ip, user, username, timestamp, request, status_code]", False),
        ("[ip, user, username, timestamp, request = *index.html*, status_code = 4*, bytes]", True),
        ("[..., status_code = 404, bytes]", True),
        ("[ip = 127.0.*, ...]", True),
        ("[ip, ..., bytes > 1000]", True),
        ("[ip, ..., bytes > 2000]", False),
        ("[ip, ..., status_code = 404 || status_code = 410, bytes]", True),
        ("[ip, ..., status_code != 404, bytes]", False),
        ("[ip = %127\\.0\\.0\\.[0-9]%, ...]", True),
        ('[ip, user, username, timestamp, request = "*GET*", ...]', True),
    ],
)
def test_fields_between_spaces(pattern: str, matches: bool) -> None:
    assert compile_pattern(pattern)(ACCESS) is matches


@pytest.mark.parametrize(
    "pattern",
    [
        "{ $.a = }",
        "{ $.a = 1",
        "{ $.a > text }",
        "{ $.a IS NOTHING }",
        "{ ($.a = 1 }",
        "[a, b",
        "[..., a, ...]",
        "%(a+)+%",
        "%something!%",
        '"open',
        "{ $.a = %x% || $.a = %y% || $.a = %z% }",
    ],
)
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(AwsError, match="InvalidParameterException: Invalid filter pattern"):
        compile_pattern(pattern)
