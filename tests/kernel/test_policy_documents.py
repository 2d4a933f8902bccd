"""Documents that are no policies, and patterns against the simplest thing that could be right."""

from __future__ import annotations

import contextlib
import json
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freehold.kernel.policy.document import PolicyError, parse
from freehold.kernel.policy.patterns import text_pattern
from tests.kernel.policies import policy, statement

GOOD = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}

MALFORMED = [
    "",
    "null",
    "[]",
    '"a"',
    "{",
    "{}",
    '{"Statement": null}',
    '{"Statement": []}',
    '{"Statement": "a"}',
    '{"Statement": [null]}',
    '{"Statement": [[]]}',
    "[" * 2000,
    '{"Statement": [' + "[" * 5000,
    json.dumps({"Version": "2012-10-18", "Statement": [GOOD]}),
    json.dumps({"Version": 2012, "Statement": [GOOD]}),
    json.dumps({"Version": ["2012-10-17"], "Statement": [GOOD]}),
    json.dumps({"version": "2012-10-17", "Statement": [GOOD]}),
    json.dumps({"Statement": [GOOD], "More": 1}),
    *(
        policy(each)
        for each in (
            {**GOOD, "Effect": "allow"},
            {**GOOD, "Effect": None},
            {**GOOD, "Effect": ["Allow"]},
            {"Action": "*", "Resource": "*"},
            {**GOOD, "More": 1},
            {**GOOD, "NotAction": "*"},
            {**GOOD, "NotResource": "*"},
            {**GOOD, "Principal": "*", "NotPrincipal": "*"},
            {**GOOD, "Action": []},
            {**GOOD, "Action": 1},
            {**GOOD, "Action": ["s3:*", 1]},
            {**GOOD, "Action": {"a": "b"}},
            {**GOOD, "Resource": []},
            {**GOOD, "Resource": [None]},
            {**GOOD, "Principal": "arn:aws:iam::1:root"},
            {**GOOD, "Principal": {}},
            {**GOOD, "Principal": []},
            {**GOOD, "Principal": {"AWS": 1}},
            {**GOOD, "Principal": {"Account": "1"}},
            {**GOOD, "Condition": []},
            {**GOOD, "Condition": {"StringEquals": "a"}},
            {**GOOD, "Condition": {"StringEquals": {"a": None}}},
            {**GOOD, "Condition": {"StringEquals": {"a": {"b": "c"}}}},
            {**GOOD, "Condition": {"Nonsense": {"a": "b"}}},
        )
    ),
]


@pytest.mark.parametrize("text", MALFORMED)
def test_what_is_no_policy_is_refused(text):
    """In IAM's words, and never as our bug."""
    with pytest.raises(PolicyError):
        parse(text)


@pytest.mark.parametrize(
    ("kind", "given", "why"),
    [
        ("identity", {"Principal": "*"}, "should not specify a principal"),
        ("identity", {"Resource": None, "Action": "a:b"}, None),
        ("identity", {"Action": "GetObject"}, "must be prefaced by a vendor"),
        ("identity", {"Action": "s3:"}, "must be prefaced by a vendor"),
        ("identity", {"Action": "s 3:x"}, "Vendor s 3 is not valid"),
        ("identity", {"Resource": "bucket"}, "must be in ARN format"),
        ("identity", {"Resource": "arn:aws:s3"}, "must be in ARN format"),
        ("identity", {"Resource": "arn:azure:s3:::b"}, 'Partition "azure" is not valid'),
        ("resource", {}, "Missing required field Principal"),
        ("trust", {"Principal": "*"}, "prohibited field Resource"),
    ],
)
def test_each_kind_has_its_rules(kind, given, why):
    """MalformedPolicyDocument, as CreatePolicy and PutRolePolicy say it."""
    if why is None:
        text = policy({"Effect": "Allow", "Action": "a:b"})
        why = "must contain resources"
    else:
        text = policy({**GOOD, **given})
    with pytest.raises(PolicyError, match=why):
        parse(text, kind)


def test_statement_ids_are_unique():
    text = policy({**GOOD, "Sid": "a"}, {**GOOD, "Sid": "a"})
    with pytest.raises(PolicyError, match="must be unique"):
        parse(text, "identity")
    parse(text)


def test_one_statement_needs_no_list():
    assert len(parse(json.dumps({"Statement": statement("Allow")})).statements) == 1


# The machine may be busy with something else.
_quiet = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["Version", "Statement", "Effect", "Action", "Resource", "Condition", "k"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@_quiet
@given(_json)
def test_any_json_is_a_policy_or_is_refused(value):
    with contextlib.suppress(PolicyError):
        parse(json.dumps(value), "identity")


def fits(pattern: str, text: str) -> bool:
    """The definition of * and ?."""

    @cache
    def at(i: int, j: int) -> bool:
        if i == len(pattern):
            return j == len(text)
        if pattern[i] == "*":
            return at(i + 1, j) or (j < len(text) and at(i, j + 1))
        return j < len(text) and pattern[i] in ("?", text[j]) and at(i + 1, j + 1)

    return at(0, 0)


@_quiet
@given(st.text("ab*?.", max_size=8), st.text("ab.\n", max_size=10), st.booleans())
def test_a_pattern_is_what_its_definition_says(pattern, text, through_variable):
    """All ways in which patterns are matched: plain, prefix, expression, with variables."""
    if through_variable:
        found = text_pattern("${v}" + pattern, substitutes=True)("*?" + text, {"v": ["*?"]})
    else:
        found = text_pattern(pattern, substitutes=True)(text, {})
    assert found == fits(pattern, text)
