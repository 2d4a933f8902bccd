"""Who may do what: the cases of "Policy evaluation logic" (IAM user guide)."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freehold.kernel.principal import ANONYMOUS, root
from tests.kernel.policies import (
    ACTION,
    FEDERATED,
    MINE,
    OTHER,
    PROVIDERS,
    QUEUE,
    ROLE_ARN,
    ROOT,
    SESSION,
    SNS,
    USER,
    allow,
    decide,
    deny,
    policy,
    statement,
)

ALLOW, DENY = allow(), deny()
NOTHING = allow(Action="iam:GetUser")
ACCOUNT_ARN = f"arn:aws:iam::{MINE}:root"


def names(*principals, effect="Allow", **more):
    """A resource's policy that names principals of AWS."""
    return policy(statement(effect, Principal={"AWS": list(principals)}, **more))


# Each with whom, what policies, and the end of the reason: "" where it is allowed.
IDENTITY = "no identity-based policy allows"
RESOURCE = "no resource-based policy allows"
BOUNDARY = "no permissions boundary allows"
SESSIONS = "no session policy allows"

SAME_ACCOUNT = [
    # "By default, all requests are implicitly denied", but the root user's.
    (USER, (), {}, IDENTITY),
    (SESSION, (), {}, IDENTITY),
    (FEDERATED, (), {}, IDENTITY),
    (ROOT, (), {}, ""),
    (SNS, (), {}, RESOURCE),
    (ANONYMOUS, (), {}, RESOURCE),
    (PROVIDERS, (), {}, RESOURCE),
    # Identity policies.
    (USER, (ALLOW,), {}, ""),
    (USER, (NOTHING, ALLOW), {}, ""),
    (USER, (NOTHING,), {}, IDENTITY),
    (SESSION, (ALLOW,), {}, ""),
    (FEDERATED, (ALLOW,), {}, ""),
    # A boundary limits and does not give.
    (USER, (ALLOW,), {"boundary": ALLOW}, ""),
    (USER, (ALLOW,), {"boundary": NOTHING}, BOUNDARY),
    (USER, (), {"boundary": ALLOW}, IDENTITY),
    (SESSION, (ALLOW,), {"boundary": NOTHING}, BOUNDARY),
    # So do a session's policies: any of them may allow.
    (SESSION, (ALLOW,), {"sessions": (ALLOW,)}, ""),
    (SESSION, (ALLOW,), {"sessions": (NOTHING,)}, SESSIONS),
    (SESSION, (ALLOW,), {"sessions": (NOTHING, ALLOW)}, ""),
    (SESSION, (), {"sessions": (ALLOW,)}, IDENTITY),
    (FEDERATED, (ALLOW,), {"sessions": (ALLOW,)}, ""),
    (FEDERATED, (ALLOW,), {"sessions": (NOTHING,)}, SESSIONS),
    (FEDERATED, (), {"sessions": (ALLOW,)}, IDENTITY),
    (USER, (ALLOW,), {"sessions": (NOTHING,)}, SESSIONS),
    (ROOT, (), {"sessions": (NOTHING,)}, SESSIONS),
    (ROOT, (), {"sessions": (ALLOW,)}, ""),
    # Within an account either side allows. A user or a session that is named is not limited...
    (USER, (), {"resource": names(USER.arn)}, ""),
    (USER, (), {"resource": names(USER.arn), "boundary": NOTHING}, ""),
    (SESSION, (), {"resource": names(SESSION.arn)}, ""),
    (SESSION, (), {"resource": names(SESSION.arn), "boundary": NOTHING}, ""),
    (SESSION, (), {"resource": names(SESSION.arn), "sessions": (NOTHING,)}, ""),
    (FEDERATED, (), {"resource": names(FEDERATED.arn), "sessions": (NOTHING,)}, ""),
    # ...a role that is named is, by boundary and session...
    (SESSION, (), {"resource": names(ROLE_ARN)}, ""),
    (SESSION, (), {"resource": names(ROLE_ARN), "boundary": NOTHING}, BOUNDARY),
    (SESSION, (), {"resource": names(ROLE_ARN), "sessions": (NOTHING,)}, SESSIONS),
    (SESSION, (), {"resource": names(ROLE_ARN), "sessions": (ALLOW,)}, ""),
    # ...and an account that is named has only been told to decide.
    (USER, (), {"resource": names(MINE)}, IDENTITY),
    (USER, (), {"resource": names(ACCOUNT_ARN)}, IDENTITY),
    (USER, (ALLOW,), {"resource": names(ACCOUNT_ARN)}, ""),
    (SESSION, (), {"resource": names(ACCOUNT_ARN)}, IDENTITY),
    (FEDERATED, (), {"resource": names(ACCOUNT_ARN)}, IDENTITY),
    # The strongest name counts, wherever it stands.
    (SESSION, (), {"resource": names(MINE, ROLE_ARN)}, ""),
    (SESSION, (), {"resource": names(ROLE_ARN, MINE)}, ""),
    (SESSION, (), {"resource": names(ROLE_ARN, SESSION.arn), "boundary": NOTHING}, ""),
    # Everyone.
    (USER, (), {"resource": names("*")}, ""),
    (USER, (), {"resource": allow(Principal="*")}, ""),
    (ANONYMOUS, (), {"resource": allow(Principal="*")}, ""),
    (SNS, (), {"resource": allow(Principal="*")}, ""),
    # Others' names.
    (USER, (), {"resource": names(USER.arn + "by")}, IDENTITY),
    (USER, (), {"resource": names("arn:aws:iam::111111111111:user/*")}, IDENTITY),
    (USER, (), {"resource": names(ROLE_ARN)}, IDENTITY),
    (SESSION, (), {"resource": names(SESSION.arn + "2")}, IDENTITY),
    (ANONYMOUS, (), {"resource": names(ACCOUNT_ARN)}, RESOURCE),
    (SNS, (), {"resource": names(ACCOUNT_ARN, "sns.amazonaws.com")}, RESOURCE),
    (SNS, (), {"resource": allow(Principal={"Service": "sns.amazonaws.com"})}, ""),
    (SNS, (), {"resource": allow(Principal={"Service": ["s3.amazonaws.com"]})}, RESOURCE),
    (USER, (), {"resource": allow(Principal={"Service": "sns.amazonaws.com"})}, IDENTITY),
    (PROVIDERS, (), {"resource": allow(Principal={"Federated": PROVIDERS.name})}, ""),
    (PROVIDERS, (), {"resource": allow(Principal={"Federated": "else.example.com"})}, RESOURCE),
    (PROVIDERS, (), {"resource": names(ACCOUNT_ARN)}, RESOURCE),
    # A statement without Principal names nobody.
    (USER, (), {"resource": ALLOW}, IDENTITY),
    (USER, (ALLOW,), {"resource": DENY}, ""),
    # Where a resource's policy must speak (roles' trust, keys), identity policies are not enough.
    (USER, (ALLOW,), {"required": True}, RESOURCE),
    (ROOT, (), {"required": True}, RESOURCE),
    (USER, (ALLOW,), {"required": True, "resource": names(MINE)}, ""),
    (USER, (), {"required": True, "resource": names(MINE)}, IDENTITY),
    (USER, (), {"required": True, "resource": names(USER.arn)}, ""),
    (ROOT, (), {"required": True, "resource": names(ACCOUNT_ARN)}, ""),
]  # fmt: skip


@pytest.mark.parametrize(("who", "identity", "more", "because"), SAME_ACCOUNT)
def test_within_an_account(who, identity, more, because):
    """ "Evaluating policies within a single account"."""
    decision = decide(who, *identity, **more)
    assert decision.allowed == (because == "")
    assert because in decision.reason


ACROSS_ACCOUNTS = [
    (USER, (ALLOW,), {}, RESOURCE),
    (USER, (), {"resource": names(USER.arn)}, IDENTITY),
    (USER, (ALLOW,), {"resource": names(USER.arn)}, ""),
    (USER, (ALLOW,), {"resource": names(MINE)}, ""),
    (USER, (), {"resource": names(MINE)}, IDENTITY),
    (USER, (ALLOW,), {"resource": names(OTHER)}, RESOURCE),
    (USER, (ALLOW,), {"resource": names("*")}, ""),
    (USER, (), {"resource": names("*")}, IDENTITY),
    (USER, (ALLOW,), {"resource": names(USER.arn), "boundary": NOTHING}, BOUNDARY),
    (SESSION, (ALLOW,), {"resource": names(ROLE_ARN)}, ""),
    (SESSION, (), {"resource": names(ROLE_ARN)}, IDENTITY),
    (SESSION, (), {"resource": names(SESSION.arn)}, IDENTITY),
    (SESSION, (ALLOW,), {"resource": names(SESSION.arn), "sessions": (NOTHING,)}, SESSIONS),
    (FEDERATED, (ALLOW,), {"resource": names(MINE), "sessions": (NOTHING,)}, SESSIONS),
    (ROOT, (), {}, RESOURCE),
    (ROOT, (), {"resource": names(MINE)}, ""),
    (ROOT, (), {"resource": names(OTHER)}, RESOURCE),
    (SNS, (), {"resource": allow(Principal={"Service": "sns.amazonaws.com"})}, ""),
    (ANONYMOUS, (), {"resource": names("*")}, ""),
]  # fmt: skip


@pytest.mark.parametrize(("who", "identity", "more", "because"), ACROSS_ACCOUNTS)
def test_across_accounts_both_sides_must_allow(who, identity, more, because):
    """ "Cross-account policy evaluation logic"."""
    decision = decide(who, *identity, owner=OTHER, **more)
    assert decision.allowed == (because == "")
    assert because in decision.reason


EVERYWHERE = {"Principal": "*"}


@pytest.mark.parametrize("who", [USER, SESSION, FEDERATED, ROOT, SNS, ANONYMOUS, PROVIDERS])
@pytest.mark.parametrize("where", ["identity", "boundary", "sessions", "resource"])
def test_a_deny_anywhere_wins(who, where):
    """Over every allow, of whomever."""
    if not who.account and where != "resource":
        pytest.skip("it has no such policies")
    everyone = allow(**EVERYWHERE)
    allowed = {"resource": everyone, "boundary": ALLOW, "sessions": (ALLOW,)}
    assert decide(who, ALLOW, **allowed).allowed
    both = policy(statement("Allow", **EVERYWHERE), statement("Deny", **EVERYWHERE))
    denied = {
        "identity": ((ALLOW, DENY), allowed),
        "boundary": ((ALLOW,), {**allowed, "boundary": policy(*_both())}),
        "sessions": ((ALLOW,), {**allowed, "sessions": (ALLOW, DENY)}),
        "resource": ((ALLOW,), {**allowed, "resource": both}),
    }
    identity, more = denied[where]
    decision = decide(who, *identity, **more)
    assert not decision.allowed
    assert "explicit deny" in decision.reason


def _both():
    return statement("Allow"), statement("Deny")


@pytest.mark.parametrize(
    ("who", "named"),
    [
        (USER, USER.arn),
        (USER, MINE),
        (USER, ACCOUNT_ARN),
        (SESSION, SESSION.arn),
        (SESSION, ROLE_ARN),
        (SESSION, ACCOUNT_ARN),
        (FEDERATED, MINE),
        (ROOT, ACCOUNT_ARN),
        (SNS, "*"),
    ],
)
def test_a_deny_holds_however_the_policy_names_the_caller(who, named):
    """An account's name in a deny means all its principals; that of a role, all its sessions."""
    resource = policy(
        statement("Allow", Principal="*"), statement("Deny", Principal={"AWS": named})
    )
    assert not decide(who, ALLOW, resource=resource).allowed


@pytest.mark.parametrize(
    ("who", "excepted", "denied"),
    [
        (USER, [USER.arn, ACCOUNT_ARN], False),
        (USER, [USER.arn, MINE], False),
        (USER, [USER.arn], True),
        (USER, [ACCOUNT_ARN], True),
        (USER, [USER.arn + "2", ACCOUNT_ARN], True),
        (USER, ["*"], False),
        (SESSION, [SESSION.arn, ROLE_ARN, ACCOUNT_ARN], False),
        (SESSION, [SESSION.arn, ROLE_ARN], True),
        (FEDERATED, [FEDERATED.arn, ACCOUNT_ARN], False),
        (FEDERATED, [ACCOUNT_ARN], True),
        (ROOT, [ACCOUNT_ARN], False),
        (ROOT, [OTHER], True),
        (ANONYMOUS, [ACCOUNT_ARN], True),
        (SNS, [ACCOUNT_ARN], True),
    ],
)
def test_notprincipal_excepts_from_a_deny_whom_it_names_whole(who, excepted, denied):
    """ "AWS JSON policy elements: NotPrincipal": the account must be listed with the principal."""
    resource = policy(
        statement("Allow", Principal="*"), statement("Deny", NotPrincipal={"AWS": excepted})
    )
    assert decide(who, ALLOW, resource=resource).allowed != denied


@pytest.mark.parametrize(
    ("who", "excepted", "allowed"),
    [
        (USER, [USER.arn], False),
        (USER, [ACCOUNT_ARN], False),
        (SESSION, [ROLE_ARN], False),
        (USER, [OTHER], True),
        (ANONYMOUS, [ACCOUNT_ARN], True),
        (USER, ["*"], False),
    ],
)
def test_notprincipal_in_an_allow_gives_to_nobody_it_names(who, excepted, allowed):
    """Of two readings, the one that gives less."""
    resource = policy(statement("Allow", NotPrincipal={"AWS": excepted}))
    assert decide(who, resource=resource).allowed == allowed


@pytest.mark.parametrize(
    ("given", "fits"),
    [
        ({"Action": "sqs:SendMessage"}, True),
        ({"Action": "SQS:sendmessage"}, True),
        ({"Action": "sqs:Send*"}, True),
        ({"Action": "sqs:*Message"}, True),
        ({"Action": "s?s:SendMessage"}, True),
        ({"Action": ["iam:*", "sqs:*"]}, True),
        ({"Action": "*"}, True),
        ({"Action": "sqs:Send"}, False),
        ({"Action": "sqs:SendMessageBatch"}, False),
        ({"Action": "sns:*"}, False),
        ({"NotAction": "sns:*"}, True),
        ({"NotAction": "sqs:*"}, False),
        ({"NotAction": ["iam:*", "SQS:SENDMESSAGE"]}, False),
        ({"Resource": QUEUE}, True),
        ({"Resource": QUEUE.upper()}, False),
        ({"Resource": "arn:aws:sqs:*:*:*"}, True),
        ({"Resource": f"arn:aws:sqs:us-*-1:{MINE}:q"}, True),
        ({"Resource": f"arn:*:sqs:us-east-1:{MINE}:?"}, True),
        ({"Resource": f"arn:aws:sqs:us-east-1:{MINE}:??"}, False),
        ({"Resource": "arn:aws:sqs:*"}, True),
        ({"Resource": ["arn:aws:sns:*", QUEUE]}, True),
        ({"Resource": f"arn:aws:sqs:us-east-1:{OTHER}:q"}, False),
        ({"Resource": f"arn:aws:sqs:us-east-1:{MINE}:Q"}, False),
        ({"NotResource": "arn:aws:sns:*"}, True),
        ({"NotResource": QUEUE}, False),
        ({"NotResource": ["arn:aws:sns:*", "arn:aws:sqs:*"]}, False),
        ({"NotAction": "iam:*", "NotResource": "arn:aws:s3:::*"}, True),
    ],
)
def test_a_statement_applies_by_action_and_resource(given, fits):
    """Actions in any case, resources in theirs; Not- turns each around."""
    assert decide(USER, allow(**given)).allowed == fits
    assert decide(USER, ALLOW, deny(**given)).allowed != fits


def test_an_action_without_a_resource_needs_a_star():
    """ "...you must specify all resources ("*") in the Resource element"."""
    assert decide(USER, ALLOW, on="*").allowed
    assert not decide(USER, allow(Resource=QUEUE), on="*").allowed
    assert not decide(USER, allow(Resource="arn:aws:sqs:*:*:*"), on="*").allowed


@pytest.mark.parametrize(
    ("context", "allowed"),
    [
        ({"aws:sourcearn": ["arn:aws:sns:us-east-1:111111111111:t"]}, True),
        ({"aws:sourcearn": ["arn:aws:sns:us-east-1:222222222222:t"]}, False),
        ({}, False),
    ],
)
@pytest.mark.parametrize("principal", ["*", {"AWS": "*"}, {"Service": "sns.amazonaws.com"}])
def test_a_service_is_let_in_for_one_source(principal, context, allowed):
    """The queue policy that templates write for a topic (SQS developer guide, and SAM's own)."""
    resource = policy(
        statement(
            "Allow",
            Principal=principal,
            Action=ACTION,
            Condition={"ArnEquals": {"aws:SourceArn": "arn:aws:sns:us-east-1:111111111111:t"}},
        )
    )
    assert decide(SNS, resource=resource, context=context).allowed == allowed


def test_the_confused_deputy_is_kept_out():
    """A service that acts for another account's resource ("The confused deputy problem")."""
    resource = allow(
        Principal={"Service": "sns.amazonaws.com"},
        Condition={"StringEquals": {"aws:SourceAccount": MINE}},
    )
    mine, other = ({"aws:sourceaccount": [account]} for account in (MINE, OTHER))
    assert decide(SNS, resource=resource, context=mine).allowed
    assert not decide(SNS, resource=resource, context=other).allowed


def test_a_deny_for_all_but_services_spares_services():
    """With aws:PrincipalIsAWSService, as the user guide has it for buckets that log."""
    resource = policy(
        statement("Allow", Principal="*"),
        statement(
            "Deny", Principal="*", Condition={"Bool": {"aws:PrincipalIsAWSService": "false"}}
        ),
    )
    assert decide(SNS, resource=resource, context={"aws:principalisawsservice": ["true"]}).allowed
    context = {"aws:principalisawsservice": ["false"]}
    assert not decide(USER, ALLOW, resource=resource, context=context).allowed


def test_the_root_of_another_account_is_no_root_here():
    assert not decide(root(OTHER), owner=MINE).allowed


# -- what holds for all policies --

_actions = st.sampled_from(["*", "sqs:*", "sqs:SendMessage", "sqs:Receive*", "iam:*"])
_resources = st.sampled_from(["*", QUEUE, "arn:aws:sqs:*:*:*", "arn:aws:s3:::b"])
_principals = st.sampled_from(
    ["*", {"AWS": MINE}, {"AWS": USER.arn}, {"AWS": ROLE_ARN}, {"Service": SNS.name}]
)
_conditions = st.sampled_from(
    [
        None,
        {"StringEquals": {"k": "v"}},
        {"StringNotEquals": {"k": "v"}},
        {"Null": {"k": "true"}},
        {"StringLike": {"k": "${aws:username}*"}},
    ]
)


def _statements(effects=("Allow", "Deny"), with_principal=False):
    parts = {
        "effect": st.sampled_from(effects),
        "Condition": _conditions,
        **({"Principal": _principals} if with_principal else {}),
    }
    how = st.sampled_from(
        [("Action", "Resource"), ("NotAction", "Resource"), ("Action", "NotResource")]
    )
    return st.builds(
        lambda how, action, resource, given: statement(
            given.pop("effect"), **{how[0]: action, how[1]: resource}, **given
        ),
        how,
        _actions,
        _resources,
        st.fixed_dictionaries(parts),
    )


_lists = st.lists(_statements(), min_size=1, max_size=4)
_resource_lists = st.lists(_statements(with_principal=True), min_size=1, max_size=4)
_callers = st.sampled_from([USER, SESSION, FEDERATED, ROOT, SNS, ANONYMOUS, PROVIDERS])
_contexts = st.sampled_from(
    [{}, {"k": ["v"]}, {"k": ["w"]}, {"k": ["bobby"], "aws:username": ["bob"]}]
)
_settings = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@_settings
@given(
    who=_callers, identity=_lists, resource=_resource_lists, boundary=_lists, session=_lists,
    context=_contexts, owner=st.sampled_from([MINE, OTHER]), data=st.data(),
)  # fmt: skip
def test_a_further_deny_never_allows_more(
    who, identity, resource, boundary, session, context, owner, data
):
    """Whichever policy it is added to."""

    def decided():
        return decide(
            who,
            policy(*identity),
            resource=policy(*resource),
            boundary=policy(*boundary),
            sessions=(policy(*session),),
            context=context,
            owner=owner,
        )

    before = decided()
    where = data.draw(st.sampled_from(["identity", "resource", "boundary", "session"]))
    added = data.draw(_statements(effects=("Deny",), with_principal=where == "resource"))
    {"identity": identity, "resource": resource, "boundary": boundary, "session": session}[
        where
    ].append(added)
    assert before.allowed or not decided().allowed


@_settings
@given(who=_callers, identity=_lists, resource=_resource_lists, context=_contexts, data=st.data())
def test_the_order_of_statements_is_nothing(who, identity, resource, context, data):
    """And that of policies."""
    first = decide(who, policy(*identity), resource=policy(*resource), context=context)
    shuffled = data.draw(st.permutations(identity))
    apart = [policy(one) for one in shuffled]
    turned = policy(*data.draw(st.permutations(resource)))
    assert decide(who, *apart, resource=turned, context=context).allowed == first.allowed


@_settings
@given(who=_callers, identity=_lists, limit=_lists, context=_contexts)
def test_a_boundary_and_a_session_policy_never_allow_more(who, identity, limit, context):
    plain = decide(who, policy(*identity), context=context).allowed
    limited = decide(who, policy(*identity), boundary=policy(*limit), context=context).allowed
    narrowed = decide(who, policy(*identity), sessions=(policy(*limit),), context=context).allowed
    assert plain or not (limited or narrowed)
