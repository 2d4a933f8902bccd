"""What a call brings to the evaluation of policies: the caller's policies and the global keys."""

from __future__ import annotations

import json
from types import SimpleNamespace

import msgspec
import pytest

from freehold.kernel.authorize import decide
from freehold.kernel.principal import ANONYMOUS, Policies
from freehold.kernel.service import Access
from tests.kernel.policies import (
    FEDERATED,
    MINE,
    OTHER,
    QUEUE,
    ROOT,
    SESSION,
    SNS,
    USER,
    allow,
    policy,
    statement,
)


class Directory:
    """IAM with one answer, that says whom it was asked for."""

    def __init__(self, *identity):
        self.identity = identity
        self.asked = []

    def policies(self, tx, principal):
        self.asked.append(principal)
        return Policies(identity=self.identity)


def call(principal, *identity, **given):
    return SimpleNamespace(
        **{
            "principal": principal,
            "account": MINE,
            "region": "us-east-1",
            "now": 1_767_225_600.5,
            "node": SimpleNamespace(directory=Directory(*identity)),
            "tx": None,
            "secure": True,
            "source_ip": "203.0.113.7",
            "user_agent": "aws-cli",
            "source_arn": None,
            "source_account": None,
            "via": "",
            **given,
        }
    )


ACCESS = Access(action="sqs:SendMessage", resource=QUEUE)

KEYS = [
    (USER, {}, "aws:username", "bob"),
    (USER, {}, "aws:userid", "AIDABOB"),
    (USER, {}, "aws:PrincipalArn", USER.arn),
    (USER, {}, "aws:PrincipalAccount", MINE),
    (USER, {}, "aws:PrincipalType", "User"),
    (USER, {}, "aws:ResourceAccount", MINE),
    (USER, {}, "aws:RequestedRegion", "us-east-1"),
    (USER, {}, "aws:EpochTime", "1767225600"),
    (USER, {}, "aws:SecureTransport", "true"),
    (USER, {"secure": False}, "aws:SecureTransport", "false"),
    (USER, {}, "aws:SourceIp", "203.0.113.7"),
    (USER, {"source_ip": None}, "aws:SourceIp", None),
    (USER, {}, "aws:UserAgent", "aws-cli"),
    (USER, {}, "aws:ViaAWSService", "false"),
    (USER, {"via": "cloudformation"}, "aws:ViaAWSService", "true"),
    (USER, {"via": "cloudformation"}, "aws:CalledVia", "cloudformation.amazonaws.com"),
    (USER, {}, "aws:PrincipalIsAWSService", "false"),
    (USER, {}, "aws:TokenIssueTime", None),
    (USER, {}, "aws:SourceArn", None),
    # A user's session in another's name has no name of its own.
    (msgspec.structs.replace(USER, name=""), {}, "aws:username", None),
    (SESSION, {}, "aws:username", None),
    (SESSION, {}, "aws:userid", "AROAWORKER:one"),
    (SESSION, {}, "aws:PrincipalArn", SESSION.role_arn),
    (SESSION, {}, "aws:PrincipalType", "AssumedRole"),
    (msgspec.structs.replace(SESSION, tags={"Team": "a"}), {}, "aws:PrincipalTag/team", "a"),
    (msgspec.structs.replace(SESSION, token_issued_at=5.0), {}, "aws:TokenIssueTime", "5.0"),
    (FEDERATED, {}, "aws:username", None),
    (FEDERATED, {}, "aws:PrincipalType", "FederatedUser"),
]


@pytest.mark.parametrize(("who", "given", "key", "value"), KEYS)
def test_a_global_key_has_its_value_or_is_absent(who, given, key, value):
    """ "AWS global condition context keys" (IAM user guide)."""
    wanted = {"Null": {key: "true"}} if value is None else {"StringEquals": {key: value}}
    assert decide(call(who, allow(Condition=wanted), **given), ACCESS).allowed


@pytest.mark.parametrize(
    ("who", "key", "value"),
    [
        (SNS, "aws:PrincipalServiceName", "sns.amazonaws.com"),
        (SNS, "aws:PrincipalIsAWSService", "true"),
        (SNS, "aws:SourceArn", "arn:aws:sns:us-east-1:1:t"),
        (SNS, "aws:SourceAccount", OTHER),
        (SNS, "aws:PrincipalArn", None),
        (ANONYMOUS, "aws:PrincipalArn", None),
        (ANONYMOUS, "aws:PrincipalAccount", "anonymous"),
        (ANONYMOUS, "aws:PrincipalType", "Anonymous"),
        (ANONYMOUS, "aws:userid", "anonymous"),
    ],
)
def test_services_and_nobody_have_their_keys(who, key, value):
    wanted = {"Null": {key: "true"}} if value is None else {"StringEquals": {key: value}}
    access = msgspec.structs.replace(ACCESS, policy=allow(Principal="*", Condition=wanted))
    given = {"source_arn": "arn:aws:sns:us-east-1:1:t", "source_account": OTHER}
    assert decide(call(who, **given), access).allowed


def test_a_services_own_keys_are_added_in_any_case():
    access = msgspec.structs.replace(ACCESS, context={"sqs:Color": ["red"]})
    wanted = allow(Condition={"StringEquals": {"SQS:color": "red"}})
    assert decide(call(USER, wanted), access).allowed
    assert not decide(call(USER, wanted), ACCESS).allowed


@pytest.mark.parametrize("who", [USER, SESSION, FEDERATED])
def test_identity_policies_are_asked_for(who):
    asked = call(who, allow())
    assert decide(asked, ACCESS).allowed
    assert asked.node.directory.asked == [who]


def test_the_root_user_is_asked_for_nothing_and_may_all_in_its_account():
    asked = call(ROOT)
    assert decide(asked, ACCESS).allowed
    assert not decide(asked, msgspec.structs.replace(ACCESS, owner=OTHER)).allowed
    assert not decide(asked, msgspec.structs.replace(ACCESS, policy_required=True)).allowed
    assert asked.node.directory.asked == []


def test_a_session_of_root_is_narrowed_by_its_policies():
    """And root itself by a resource's explicit deny."""
    narrowed = msgspec.structs.replace(ROOT, session_policies=(allow(Action="iam:*"),))
    assert not decide(call(narrowed), ACCESS).allowed
    denies = policy(statement("Deny", Principal="*"))
    assert not decide(call(ROOT), msgspec.structs.replace(ACCESS, policy=denies)).allowed


def test_a_refusal_says_who_what_and_why():
    """As AWS words it since 2021, with the policy type."""
    from freehold.kernel.authorize import require
    from freehold.kernel.errors import AwsError

    asked = call(USER, json.dumps({"Statement": [statement("Deny")]}))
    asked.service = "sqs"
    for protocol, code, status in (
        ("json", "AccessDeniedException", 400),
        ("rest-json", "AccessDeniedException", 403),
        ("query", "AccessDenied", 403),
        ("rest-xml", "AccessDenied", 403),
    ):
        asked.node.model = lambda name, protocol=protocol: SimpleNamespace(protocol=protocol)
        with pytest.raises(AwsError) as raised:
            require(asked, [ACCESS])
        assert (raised.value.code, raised.value.status) == (code, status)
        assert raised.value.message == (
            f"User: {USER.arn} is not authorized to perform: sqs:SendMessage on resource: {QUEUE} "
            "with an explicit deny in an identity-based policy"
        )
