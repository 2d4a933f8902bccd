"""Condition operators ("IAM JSON policy elements: Condition operators"), and variables."""

from __future__ import annotations

import pytest

from freehold.kernel.policy.document import PolicyError, parse
from tests.kernel.policies import USER, allow, decide, policy, statement


def met(operator, wanted, *values, context=None, version="2012-10-17", key="k"):
    """Whether a condition on a key is met by these values of the request; none: it is absent."""
    text = policy(statement("Allow", Condition={operator: {key: wanted}}), version=version)
    found = {key.lower(): list(values)} if values else {}
    return decide(USER, text, context={**found, **(context or {})}).allowed


OPERATORS = [
    ("StringEquals", "a", "a", True),
    ("StringEquals", "a", "A", False),
    ("StringEquals", "a*", "ab", False),
    ("StringEquals", ["a", "b"], "b", True),
    ("StringNotEquals", "a", "b", True),
    ("StringNotEquals", ["a", "b"], "b", False),
    ("StringNotEquals", ["a", "b"], "c", True),
    ("StringEqualsIgnoreCase", "a", "A", True),
    ("StringNotEqualsIgnoreCase", "a", "A", False),
    ("StringLike", "a*", "abc", True),
    ("StringLike", "a*", "ABC", False),
    ("StringLike", "a?c", "abc", True),
    ("StringLike", "a?c", "ac", False),
    ("StringLike", "*", "", True),
    ("StringLike", "a.c", "abc", False),
    ("StringLike", "a*", "a\nb", True),
    ("StringNotLike", "a*", "abc", False),
    ("StringNotLike", "a*", "bcd", True),
    ("NumericEquals", "10", "10", True),
    ("NumericEquals", "10", "10.0", True),
    ("NumericEquals", 10, "10", True),
    ("NumericEquals", "10", "ten", False),
    ("NumericNotEquals", "10", "11", True),
    ("NumericNotEquals", "10", "10.0", False),
    ("NumericLessThan", "10", "9.5", True),
    ("NumericLessThan", "10", "10", False),
    ("NumericLessThanEquals", "10", "10", True),
    ("NumericGreaterThan", "9", "10", True),
    ("NumericGreaterThan", "10", "9", False),
    ("NumericGreaterThanEquals", "10", "10", True),
    ("NumericLessThan", "NaN", "1", False),
    ("DateEquals", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", True),
    ("DateEquals", "2026-01-01T00:00:00Z", "1767225600", True),
    ("DateEquals", "2026-01-01T01:00:00+01:00", "1767225600", True),
    ("DateEquals", "2026-01-01", "1767225600", True),
    ("DateNotEquals", "2026-01-01T00:00:00Z", "1767225601", True),
    ("DateLessThan", "2026-01-01T00:00:00Z", "1767225599.5", True),
    ("DateLessThan", "2026-01-01T00:00:00Z", "1767225600", False),
    ("DateLessThanEquals", "2026-01-01T00:00:00Z", "1767225600", True),
    ("DateGreaterThan", "2026-01-01T00:00:00Z", "1767225601", True),
    ("DateGreaterThanEquals", "1767225600", "2026-01-01T00:00:00Z", True),
    ("DateGreaterThan", "yesterday", "1767225601", False),
    ("Bool", "true", "true", True),
    ("Bool", True, "true", True),
    ("Bool", "True", "true", True),
    ("Bool", "false", "true", False),
    ("BinaryEquals", "QmluYXJ5", "QmluYXJ5", True),
    ("BinaryEquals", "QmluYXJ5", "QmluYXJ6", False),
    ("BinaryEquals", "not base64!", "not base64!", False),
    ("IpAddress", "203.0.113.0/24", "203.0.113.7", True),
    ("IpAddress", "203.0.113.7", "203.0.113.7", True),
    ("IpAddress", "203.0.113.0/24", "203.0.114.7", False),
    ("IpAddress", ["10.0.0.0/8", "2001:db8::/32"], "2001:db8::1", True),
    ("IpAddress", "2001:db8::/32", "203.0.113.7", False),
    ("IpAddress", "somewhere", "203.0.113.7", False),
    ("NotIpAddress", "203.0.113.0/24", "203.0.114.7", True),
    ("NotIpAddress", "203.0.113.0/24", "203.0.113.7", False),
    ("ArnEquals", "arn:aws:sns:us-east-1:1:t", "arn:aws:sns:us-east-1:1:t", True),
    ("ArnEquals", "arn:aws:sns:*:1:t*", "arn:aws:sns:us-east-1:1:topic", True),
    ("ArnLike", "arn:aws:sns:*:*:*", "arn:aws:sns:us-east-1:1:t:sub", True),
    ("ArnLike", "arn:aws:*:us-east-1:1:t", "arn:aws:sns:x:us-east-1:1:t", False),
    ("ArnLike", "arn:aws:sns:us-east-?:1:t", "arn:aws:sns:us-east-1:1:t", True),
    ("ArnNotEquals", "arn:aws:sns:*:1:t", "arn:aws:sns:us-east-1:1:t", False),
    ("ArnNotLike", "arn:aws:sns:*:1:t", "arn:aws:sns:us-east-1:2:t", True),
]  # fmt: skip
NEGATED = ("StringNot", "NumericNot", "DateNot", "ArnNot", "NotIp")


@pytest.mark.parametrize(("operator", "wanted", "value", "is_met"), OPERATORS)
def test_an_operator_compares(operator, wanted, value, is_met):
    assert met(operator, wanted, value) == is_met
    assert met(operator + "IfExists", wanted, value) == is_met
    assert met(operator.lower(), wanted, value, key="K") == is_met


@pytest.mark.parametrize("operator", sorted({operator for operator, *_ in OPERATORS}))
def test_a_missing_key_meets_only_what_is_negated_or_ifexists(operator):
    """ "If the key ... is not present in the request context, the values do not match"."""
    wanted = {"Bool": "true"}.get(operator, "1")
    assert met(operator, wanted) == operator.startswith(NEGATED)
    assert met(operator + "IfExists", wanted)


@pytest.mark.parametrize(
    ("wanted", "values", "is_met"),
    [
        ("true", (), True),
        ("true", ("v",), False),
        ("false", (), False),
        ("false", ("v",), True),
        (True, (), True),
        (False, ("v",), True),
        ("True", (), True),
    ],
)
def test_null_asks_whether_a_key_is_there(wanted, values, is_met):
    assert met("Null", wanted, *values) == is_met


@pytest.mark.parametrize(
    ("operator", "wanted", "values", "is_met"),
    [
        # Every value of the request is among the policy's.
        ("ForAllValues:StringEquals", ["a", "b"], ("a",), True),
        ("ForAllValues:StringEquals", ["a", "b"], ("a", "b"), True),
        ("ForAllValues:StringEquals", ["a", "b"], ("a", "c"), False),
        ("ForAllValues:StringEquals", ["a", "b"], (), True),
        ("ForAllValues:StringLike", ["a*"], ("a1", "a2"), True),
        ("ForAllValues:StringNotEquals", ["a", "b"], ("c", "d"), True),
        ("ForAllValues:StringNotEquals", ["a", "b"], ("c", "a"), False),
        # At least one is.
        ("ForAnyValue:StringEquals", ["a", "b"], ("a", "c"), True),
        ("ForAnyValue:StringEquals", ["a", "b"], ("c", "d"), False),
        ("ForAnyValue:StringEquals", ["a", "b"], (), False),
        ("ForAnyValue:StringNotEquals", ["a"], ("a", "b"), True),
        ("ForAnyValue:StringNotEquals", ["a"], ("a",), False),
        ("ForAnyValue:StringNotEquals", ["a"], (), False),
        ("ForAnyValue:StringEqualsIfExists", ["a"], (), True),
        ("foranyvalue:stringequals", ["a"], ("a",), True),
        # Without a set operator: any value fits, and for a negated operator none.
        ("StringEquals", ["a"], ("a", "b"), True),
        ("StringNotEquals", ["a"], ("a", "b"), False),
    ],
)
def test_set_operators_compare_many_values(operator, wanted, values, is_met):
    """ "Set operators for multivalued context keys"."""
    assert met(operator, wanted, *values) == is_met


def test_all_operators_and_all_keys_must_be_met():
    """Keys and operators are joined by AND, values by OR."""
    text = allow(Condition={"StringEquals": {"a": ["1", "2"], "b": "1"}, "Bool": {"c": "true"}})

    def allowed(a, b, c):
        return decide(USER, text, context={"a": [a], "b": [b], "c": [c]}).allowed

    assert allowed("2", "1", "true")
    assert not allowed("3", "1", "true")
    assert not allowed("1", "2", "true")
    assert not allowed("1", "1", "false")


VARIABLES = [
    ("StringEquals", "${aws:username}", "bob", True),
    ("StringEquals", "${AWS:UserName}", "bob", True),
    ("StringEquals", "home/${aws:username}/x", "home/bob/x", True),
    ("StringEquals", "${aws:username}", "${aws:username}", False),
    ("StringLike", "${aws:username}/*", "bob/x", True),
    ("StringLike", "${star}", "anything", False),
    ("StringLike", "${star}", "*", True),
    ("StringLike", "a${*}b", "a*b", True),
    ("StringLike", "a${*}b", "axb", False),
    ("StringLike", "a${?}b", "a?b", True),
    ("StringLike", "a${?}b", "axb", False),
    ("StringEquals", "${$}{x}", "${x}", True),
    ("StringEquals", "${missing, 'else'}", "else", True),
    ("StringEquals", "${missing,'else'}", "else", True),
    ("StringEquals", "${aws:username, 'else'}", "bob", True),
    ("StringEquals", "${missing}", "", False),
    ("StringEquals", ["${missing}", "bob"], "bob", True),
    ("StringLike", ["${missing}", "b*"], "bob", True),
    # "Inverted condition operators ... match against a null value".
    ("StringNotEquals", "${missing}", "bob", True),
    ("StringNotLike", "${missing}", "bob", True),
    ("StringNotEquals", ["${missing}", "bob"], "bob", False),
    # A key of several values has none as a variable.
    ("StringEquals", "${many}", "1", False),
    ("ArnLike", "arn:aws:s3:::${aws:username}/*", "arn:aws:s3:::bob/x", True),
    ("ArnLike", "arn:aws:s3:::${aws:username}/*", "arn:aws:s3:::ann/x", False),
    ("NumericLessThan", "${ten}", "9", True),
    ("Bool", "${yes}", "true", True),
]  # fmt: skip
CONTEXT = {
    "aws:username": ["bob"],
    "star": ["*"],
    "many": ["1", "2"],
    "ten": ["10"],
    "yes": ["true"],
}


@pytest.mark.parametrize(("operator", "wanted", "value", "is_met"), VARIABLES)
def test_variables_stand_for_values_of_the_request(operator, wanted, value, is_met):
    """ "IAM policy elements: Variables and tags". A value never works as a pattern."""
    assert met(operator, wanted, value, context=CONTEXT) == is_met


@pytest.mark.parametrize("version", ["2008-10-17", None])
@pytest.mark.parametrize("operator", ["StringEquals", "StringLike", "ArnLike"])
def test_before_2012_variables_are_text(version, operator):
    """ "In previous versions ... ${aws:username} are treated as literal strings"."""
    for wanted, value, is_met in (
        ("${aws:username}", "bob", False),
        ("${aws:username}", "${aws:username}", True),
    ):
        assert met(operator, wanted, value, context=CONTEXT, version=version) == is_met
    resource = policy(statement("Allow", Resource="arn:aws:s3:::${aws:username}"), version=version)
    assert decide(USER, resource, on="arn:aws:s3:::${aws:username}", context=CONTEXT).allowed
    assert not decide(USER, resource, on="arn:aws:s3:::bob", context=CONTEXT).allowed


@pytest.mark.parametrize(
    ("resource", "on", "fits"),
    [
        ("arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::b/bob/x", True),
        ("arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::b/ann/x", False),
        ("arn:aws:s3:::b/${aws:username}", "arn:aws:s3:::b/bob/x", False),
        ("arn:aws:s3:::b/${missing}*", "arn:aws:s3:::b/x", False),
        ("arn:aws:s3:::b/${missing, 'x'}", "arn:aws:s3:::b/x", True),
        ("arn:aws:s3:::b/${star}", "arn:aws:s3:::b/x", False),
        ("arn:aws:s3:::b/${*}", "arn:aws:s3:::b/x", False),
        ("arn:aws:s3:::b/${*}", "arn:aws:s3:::b/*", True),
        ("arn:aws:${aws:username}:::b", "arn:aws:bob:::b", True),
    ],
)
def test_variables_in_resources(resource, on, fits):
    assert decide(USER, allow(Resource=resource), on=on, context=CONTEXT).allowed == fits
    assert (
        decide(
            USER, allow(), policy(statement("Deny", Resource=resource)), on=on, context=CONTEXT
        ).allowed
        != fits
    )


@pytest.mark.parametrize(
    "operator",
    ["StringIs", "NullIfExists", "ForSomeValues:StringEquals", "ForAllValues:", "IfExists", ""],
)
def test_there_are_no_other_operators(operator):
    with pytest.raises(PolicyError, match="Invalid Condition type"):
        parse(allow(Condition={operator: {"k": "v"}}))


HARD = ["*a" * 30 + "b", "a*" * 30 + "b", "?*" * 30 + "b", "*" * 1000 + "b", "*aa*a" * 20 + "*b"]


@pytest.mark.parametrize("pattern", HARD)
@pytest.mark.parametrize("element", ["Action", "Resource", "StringLike", "ArnLike", "variable"])
def test_no_pattern_takes_exponential_time(pattern, element):
    """Whoever may write a policy could stop the node for all. (Were it so, this would not end.)"""
    value = "a" * 2000
    given = {
        "Action": {"Action": f"sqs:{pattern}"},
        "Resource": {"Resource": f"arn:aws:s3:::{pattern}"},
        "StringLike": {"Condition": {"StringLike": {"k": pattern}}},
        "ArnLike": {"Condition": {"ArnLike": {"k": f"arn:aws:s3:::{pattern}"}}},
        "variable": {"Condition": {"StringLike": {"k": "${aws:username}" + pattern}}},
    }[element]
    found = f"arn:aws:s3:::{value}" if element == "ArnLike" else f"bob{value}"
    decision = decide(
        USER,
        allow(**given),
        action=f"sqs:{value}",
        on=f"arn:aws:s3:::{value}",
        context={"k": [found], "aws:username": ["bob"]},
    )
    assert not decision.allowed
