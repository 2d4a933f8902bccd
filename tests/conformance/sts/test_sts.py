"""STS: who one is, and roles for a while."""

from __future__ import annotations

import time

import pytest
from botocore.exceptions import ClientError

from freehold.kernel import principal
from freehold.kernel.clock import ManualClock
from freehold.services.iam import store
from tests.conformance.iam.documents import LAMBDA_TRUST, allow, policy


def trust(who, **more):
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": who}, **more}
    return policy(statement)


def role(aws, name, document, *statements, **more):
    """Make a role of this account; its ARN."""
    iam = aws.client("iam")
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document, **more)["Role"]
    if statements:
        inline = policy(*statements)
        iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=inline)
    return made["Arn"]


def assume(aws, arn, **more):
    """A view of the node through a session of the role."""
    params = {"RoleArn": arn, "RoleSessionName": "session", **more}
    return aws.with_keys(aws.client("sts").assume_role(**params)["Credentials"])


def as_service(node, aws, name, arn):
    """AssumeRole the way another service of the node calls it."""

    async def invoke():
        inner = node.running.node
        call = inner.call("sts", "test", aws.account, "us-east-1", principal.service(name))
        params = {"RoleArn": arn, "RoleSessionName": "worker"}
        return await call.invoke("sts", "AssumeRole", params, principal=principal.service(name))

    return node.run(invoke())


def denied(match="is not authorized to perform: sts:AssumeRole"):
    return pytest.raises(ClientError, match=match)


def test_everybody_may_ask_who_he_is(aws):
    """GetCallerIdentity needs no permissions, whatever policies deny (STS reference)."""
    assert aws.client("sts").get_caller_identity()["Arn"] == f"arn:aws:iam::{aws.account}:root"
    ada = aws.as_user("ada", {"Effect": "Deny", "Action": "*", "Resource": "*"})
    identity = ada.client("sts").get_caller_identity()
    assert identity["Arn"] == f"arn:aws:iam::{aws.account}:user/ada"
    assert identity["UserId"].startswith("AIDA")
    assert identity["Account"] == aws.account


def test_a_session_has_its_roles_rights_and_a_name_of_its_own(aws):
    """The assumed-role ARN has the role's name without its path (IAM identifiers)."""
    ada = aws.as_user("ada")
    who = f"arn:aws:iam::{aws.account}:user/ada"
    arn = role(aws, "lister", trust(who), allow("iam:ListUsers"), Path="/x/")
    answer = ada.client("sts").assume_role(RoleArn=arn, RoleSessionName="session")
    assert answer["Credentials"]["AccessKeyId"].startswith("ASIA")
    session = ada.with_keys(answer["Credentials"])
    expected = f"arn:aws:sts::{aws.account}:assumed-role/lister/session"
    assert answer["AssumedRoleUser"]["Arn"] == expected
    identity = session.client("sts").get_caller_identity()
    assert identity["Arn"] == expected
    assert identity["UserId"].startswith("AROA")
    assert identity["UserId"].endswith(":session")
    assert session.client("iam").list_users()["Users"]
    with pytest.raises(ClientError, match=f"User: {expected} is not authorized"):
        session.client("iam").list_roles()


@pytest.mark.parametrize("kind", ["service", "other user", "nobody's", "condition"])
def test_a_role_that_does_not_trust_the_caller_is_not_assumed(aws, kind):
    """Whatever his own policies allow: the trust policy has to (IAM user guide, roles terms)."""
    eve = aws.as_user("eve", allow("*"))
    aws.as_user("ada")
    documents = {
        "service": LAMBDA_TRUST,
        "other user": trust(f"arn:aws:iam::{aws.account}:user/ada"),
        "nobody's": trust("999999999999"),
        "condition": trust(
            f"arn:aws:iam::{aws.account}:user/eve",
            Condition={"StringEquals": {"sts:ExternalId": "secret"}},
        ),
    }
    arn = role(aws, "admin", documents[kind], allow("*"))
    with denied():
        assume(eve, arn)
    with denied():
        assume(eve, arn, ExternalId="guess")


def test_a_role_that_does_not_exist_is_denied_like_one_that_does_not_trust(aws):
    """Or else one could find out which roles there are."""
    eve = aws.as_user("eve", allow("*"))
    hidden = role(aws, "hidden", LAMBDA_TRUST)
    messages = []
    for arn in (hidden, f"{hidden}x"):
        with denied() as error:
            assume(eve, arn)
        messages.append(error.value.response["Error"]["Message"].replace(arn, "ARN"))
    assert messages[0] == messages[1]


def test_trust_in_an_account_leaves_the_choice_to_that_account(aws):
    """Naming the account delegates: its users need permission of their own (IAM user guide)."""
    arn = role(aws, "shared", trust(f"arn:aws:iam::{aws.account}:root"), allow("iam:ListUsers"))
    eve, ada = aws.as_user("eve"), aws.as_user("ada", allow("sts:AssumeRole", arn))
    with denied():
        assume(eve, arn)
    assert assume(ada, arn).client("iam").list_users()


def test_across_accounts_both_sides_must_allow(aws, shared_node):
    """Cross-account access needs the trust and the caller's policy (policy evaluation logic)."""
    other = shared_node.new_account()
    arn = role(aws, "shared", trust(other.account), allow("iam:ListUsers"))
    ada = other.as_user("ada", allow("sts:AssumeRole", arn))
    eve = other.as_user("eve")
    session = assume(ada, arn)
    assert session.client("sts").get_caller_identity()["Account"] == aws.account
    assert session.client("iam").list_users()["Users"] == []
    with denied():
        assume(eve, arn)
    stranger = shared_node.new_account().as_user("ada", allow("*"))
    with denied():
        assume(stranger, arn)
    named = role(aws, "named", trust(f"arn:aws:iam::{other.account}:user/eve"))
    with denied():
        assume(eve, named)


def test_an_external_id_must_be_the_one_that_the_trust_names(aws):
    """The confused deputy (IAM user guide, external ID)."""
    ada = aws.as_user("ada")
    who = f"arn:aws:iam::{aws.account}:user/ada"
    condition = {"StringEquals": {"sts:ExternalId": "12345"}}
    arn = role(aws, "r", trust(who, Condition=condition))
    with denied():
        assume(ada, arn)
    assume(ada, arn, ExternalId="12345")


def test_a_root_user_assumes_no_roles(aws):
    """Roles may not be assumed by root accounts (AssumeRole reference)."""
    arn = role(aws, "r", trust("*"))
    with denied("Roles may not be assumed by root accounts"):
        assume(aws, arn)


def test_a_session_policy_narrows_and_never_widens(aws):
    """The session may do what both the role and the session policy allow (AssumeRole reference)."""
    ada = aws.as_user("ada")
    arn = role(
        aws, "r", trust(f"arn:aws:iam::{aws.account}:user/ada"), allow(["iam:List*", "iam:Get*"])
    )
    session = assume(ada, arn, Policy=policy(allow(["iam:ListUsers", "iam:CreateUser"])))
    iam = session.client("iam")
    assert iam.list_users()
    with pytest.raises(ClientError, match="AccessDenied"):
        iam.list_roles()
    with pytest.raises(ClientError, match="AccessDenied"):
        iam.create_user(UserName="eve")
    read_only = [{"arn": "arn:aws:iam::aws:policy/AmazonSQSFullAccess"}]
    with pytest.raises(ClientError, match="AccessDenied"):
        assume(ada, arn, PolicyArns=read_only).client("iam").list_users()
    with pytest.raises(ClientError, match="MalformedPolicyDocument"):
        assume(ada, arn, Policy="{}")
    many = [f"arn:aws:s3:::bucket-{n:04}/*" for n in range(80)]
    with pytest.raises(ClientError, match="PackedPolicyTooLarge"):
        assume(ada, arn, Policy=policy(allow("s3:*", many)))


def test_session_tags_are_for_policies_to_read_and_need_leave_to_be_set(aws):
    """sts:TagSession in the trust; aws:PrincipalTag in the session (IAM user guide)."""
    ada = aws.as_user("ada")
    who = f"arn:aws:iam::{aws.account}:user/ada"
    condition = {"StringEquals": {"aws:PrincipalTag/team": "blue"}}
    granted = allow("iam:ListUsers", Condition=condition)
    arn = role(aws, "r", trust(who), granted)
    blue = {"Tags": [{"Key": "team", "Value": "blue"}]}
    with denied("sts:TagSession"):
        assume(ada, arn, **blue)
    both = trust(who, Action=["sts:AssumeRole", "sts:TagSession"])
    aws.client("iam").update_assume_role_policy(RoleName="r", PolicyDocument=both)
    assert assume(ada, arn, **blue).client("iam").list_users()
    with pytest.raises(ClientError, match="AccessDenied"):
        assume(ada, arn).client("iam").list_users()


def test_durations_are_limited_by_the_role_and_by_chaining(aws):
    """An hour from another role's session, else the role's own maximum (AssumeRole reference)."""
    ada = aws.as_user("ada")
    everybody = trust(f"arn:aws:iam::{aws.account}:root")
    long = role(aws, "long", everybody, allow("sts:AssumeRole"), MaxSessionDuration=43200)
    short = role(aws, "short", trust(f"arn:aws:iam::{aws.account}:user/ada"))
    user = aws.client("iam")
    user.put_user_policy(UserName="ada", PolicyName="p", PolicyDocument=policy(allow("sts:*")))
    with pytest.raises(ClientError, match="exceeds the MaxSessionDuration set for this role"):
        assume(ada, short, DurationSeconds=3601)
    session = assume(ada, long, DurationSeconds=43200)
    with pytest.raises(ClientError, match="1 hour session limit for roles assumed by role chain"):
        assume(session, long, DurationSeconds=3601)
    assume(session, long)


def test_credentials_end(new_node):
    """An expired token is refused, and so are a wrong and a missing one."""
    clock = ManualClock(float(int(time.time())))
    node = new_node(clock=clock)
    aws = node.new_account()
    ada = aws.as_user("ada")
    arn = role(aws, "r", trust(f"arn:aws:iam::{aws.account}:user/ada"))
    credentials = ada.client("sts").assume_role(
        RoleArn=arn, RoleSessionName="session", DurationSeconds=900
    )["Credentials"]
    assert credentials["Expiration"].timestamp() == clock.now() + 900
    session = ada.with_keys(credentials)
    session.client("sts").get_caller_identity()
    for token in (None, "made up"):
        forged = ada.with_keys({**credentials, "SessionToken": token})
        with pytest.raises(ClientError, match="InvalidClientTokenId"):
            forged.client("sts").get_caller_identity()
    node.advance(899)
    session.client("sts").get_caller_identity()
    node.advance(1)
    with pytest.raises(ClientError, match="ExpiredToken"):
        session.client("sts").get_caller_identity()


def test_a_deleted_roles_sessions_can_do_nothing(aws):
    """Not even when a role of the same name comes back (IAM user guide, unique identifiers)."""
    iam, ada = aws.client("iam"), aws.as_user("ada")
    document = trust(f"arn:aws:iam::{aws.account}:user/ada")
    session = assume(ada, role(aws, "r", document, allow("iam:ListUsers")))
    assert session.client("iam").list_users()
    iam.delete_role_policy(RoleName="r", PolicyName="inline")
    iam.delete_role(RoleName="r")
    with pytest.raises(ClientError, match="AccessDenied"):
        session.client("iam").list_users()
    role(aws, "r", document, allow("*"))
    with pytest.raises(ClientError, match="AccessDenied"):
        session.client("iam").list_users()


def test_trust_in_a_user_is_not_trust_in_the_next_of_his_name(aws):
    """AWS keeps the id of whoever a trust policy names (IAM user guide, Principal element)."""
    iam, ada = aws.client("iam"), aws.as_user("ada")
    user_id = ada.client("sts").get_caller_identity()["UserId"]
    who = f"arn:aws:iam::{aws.account}:user/ada"
    arn = role(aws, "r", trust(who), allow("*"))
    assume(ada, arn)
    iam.delete_access_key(UserName="ada", AccessKeyId=ada.access_key_id)
    iam.delete_user(UserName="ada")
    shown = iam.get_role(RoleName="r")["Role"]["AssumeRolePolicyDocument"]
    assert shown["Statement"][0]["Principal"]["AWS"] == [user_id]
    impostor = aws.as_user("ada", allow("sts:*"))
    with denied():
        assume(impostor, arn)
    iam.update_assume_role_policy(RoleName="r", PolicyDocument=trust(who))
    assume(impostor, arn)


def test_a_session_token_is_the_user_himself_but_for_iam_and_sts(aws):
    """Without MFA it cannot call IAM, nor STS but AssumeRole and GetCallerIdentity."""
    ada = aws.as_user("ada", allow("*"))
    keys = ada.client("sts").get_session_token(DurationSeconds=900)["Credentials"]
    session = ada.with_keys(keys)
    arn = f"arn:aws:iam::{aws.account}:user/ada"
    assert session.client("sts").get_caller_identity()["Arn"] == arn
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        session.client("iam").list_users()
    with pytest.raises(ClientError, match="Cannot call GetSessionToken with session credentials"):
        session.client("sts").get_session_token()
    assume(session, role(aws, "r", trust(arn)))
    assert session.client("ssm").describe_parameters()["Parameters"] == []


def test_a_federated_user_may_do_what_both_the_user_and_the_session_allow(aws):
    """And nothing without a session policy; no IAM, no STS (GetFederationToken reference)."""
    allowed = ["ssm:*", "iam:*", "sts:GetFederationToken"]
    ada, eve = aws.as_user("ada", allow(allowed)), aws.as_user("eve")
    sts = ada.client("sts")
    narrow = policy(allow(["ssm:DescribeParameters", "logs:*", "iam:*", "sts:*"]))
    answer = sts.get_federation_token(Name="bob", Policy=narrow)
    arn = f"arn:aws:sts::{aws.account}:federated-user/bob"
    assert answer["FederatedUser"] == {"Arn": arn, "FederatedUserId": f"{aws.account}:bob"}
    bob = aws.with_keys(answer["Credentials"])
    identity = bob.client("sts").get_caller_identity()
    assert (identity["Arn"], identity["UserId"]) == (arn, f"{aws.account}:bob")
    assert bob.client("ssm").describe_parameters()["Parameters"] == []
    with pytest.raises(ClientError, match="AccessDenied"):
        bob.client("ssm").get_parameter(Name="/p")
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        bob.client("iam").list_users()
    for attempt in (
        bob.client("sts").get_session_token,
        lambda: bob.client("sts").get_federation_token(Name="eve"),
        lambda: assume(bob, role(aws, "r", trust(aws.account))),
    ):
        with denied("AccessDenied"):
            attempt()
    nothing = aws.with_keys(sts.get_federation_token(Name="bob")["Credentials"])
    with pytest.raises(ClientError, match="AccessDenied"):
        nothing.client("ssm").describe_parameters()
    with denied("sts:GetFederationToken"):
        eve.client("sts").get_federation_token(Name="bob")
    with denied("sts:TagSession"):
        sts.get_federation_token(Name="bob", Tags=[{"Key": "a", "Value": "b"}])


def test_a_key_tells_its_account(aws):
    """GetAccessKeyInfo, of keys that are in use here."""
    sts = aws.client("sts")
    answer = sts.get_access_key_info(AccessKeyId=aws.access_key_id)
    assert answer["Account"] == aws.account
    with pytest.raises(ClientError, match="ValidationError"):
        sts.get_access_key_info(AccessKeyId="AKIAIOSFODNN7EXAMPLE")


def test_a_service_assumes_the_roles_that_trust_it(aws, shared_node):
    """How a function gets its execution role's credentials (Lambda developer guide)."""
    arn = role(aws, "worker", LAMBDA_TRUST, allow("iam:ListUsers"))
    answer = as_service(shared_node, aws, "lambda.amazonaws.com", arn)
    assert aws.with_keys(answer["Credentials"]).client("iam").list_users()["Users"] == []
    with pytest.raises(Exception, match="is not authorized to perform: sts:AssumeRole"):
        as_service(shared_node, aws, "events.amazonaws.com", arn)


def test_expired_credentials_are_swept_as_others_are_issued(new_node):
    """So that a store does not fill with credentials that nobody can use."""
    clock = ManualClock(float(int(time.time())))
    node = new_node(clock=clock)
    aws = node.new_account()
    arn = role(aws, "worker", LAMBDA_TRUST)

    def issue():
        answer = as_service(node, aws, "lambda.amazonaws.com", arn)
        return answer["Credentials"]["AccessKeyId"]

    def is_kept(key_id):
        return node.write(lambda tx: store.load_credential(tx, key_id)) is not None

    first = issue()
    node.advance(3600 + store.EXPIRED_KEPT_S - 1)
    issue()
    assert is_kept(first)
    node.advance(2)
    assert is_kept(issue())
    assert not is_kept(first)
