"""STS's rules, as tables of cases."""

from __future__ import annotations

import pytest

from freehold.kernel import principal
from freehold.kernel.errors import AwsError
from freehold.kernel.principal import Principal, TrustedRole
from freehold.services.sts import rules

ROLE = TrustedRole(
    account="123456789012",
    arn="arn:aws:iam::123456789012:role/x/r",
    id="AROA1",
    name="r",
    trust="{}",
    session_s_max=7200,
    tags={"Team": "blue", "a": "b"},
)
USER = Principal(kind="user", account="123456789012", arn="arn:aws:iam::123456789012:user/u")
SESSION = Principal(kind="role", account="123456789012", arn="arn:aws:sts::1:assumed-role/r/s")


@pytest.mark.parametrize(
    ("wanted_s", "caller", "expected_s"),
    [
        (None, USER, 3600),
        (900, USER, 900),
        (7200, USER, 7200),
        (3600, SESSION, 3600),
        (7201, USER, None),
        (3601, SESSION, None),
    ],
)
def test_a_roles_session_lasts_as_long_as_allowed(wanted_s, caller, expected_s):
    """The role's maximum; an hour for chained roles (AssumeRole reference)."""
    params = {} if wanted_s is None else {"DurationSeconds": wanted_s}
    if expected_s is None:
        with pytest.raises(AwsError, match="exceeds"):
            rules.role_session_s(params, ROLE, caller)
    else:
        assert rules.role_session_s(params, ROLE, caller) == expected_s


def test_a_root_users_token_lasts_an_hour():
    """Longer ones are cut (GetSessionToken reference)."""
    root = principal.root("123456789012")
    assert rules.token_s({"DurationSeconds": 43200}, root) == 3600
    assert rules.token_s({}, USER) == 43200


def test_a_sessions_tag_hides_the_roles():
    """Whatever the case of its key (IAM user guide, session tags)."""
    session = rules.role_session(ROLE, "s", policies=(), tags={"team": "red"}, now=1.0)
    assert session.tags == {"team": "red", "a": "b"}
    assert session.arn == "arn:aws:sts::123456789012:assumed-role/r/s"
    assert (session.id, session.role_arn) == ("AROA1:s", ROLE.arn)


@pytest.mark.parametrize(
    "tags", [[("a", "1"), ("A", "2")], [("aws:x", "1")], [("AWS:PrincipalTag", "1")]]
)
def test_session_tags_are_unique_and_not_awss(tags):
    """Or a session could pretend to tags that only AWS sets."""
    with pytest.raises(AwsError):
        rules.session_tags([{"Key": key, "Value": value} for key, value in tags])


def test_what_narrows_a_session_has_room():
    """2,048 characters of policies; nothing said where there are none."""
    assert rules.packed_percent({}) is None
    assert rules.packed_percent({"Policy": '{"Version":"2012-10-17"}'}) in range(1, 10)
    with pytest.raises(AwsError, match="of allotted space"):
        rules.packed_percent({"Policy": "x" * 2049})
