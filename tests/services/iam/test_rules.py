"""IAM's rules, as tables of cases."""

from __future__ import annotations

import json

import pytest

from freehold.kernel.errors import AwsError
from freehold.kernel.policy import document as policy_document
from freehold.services.iam import aws_managed, rules
from freehold.services.iam.nouns import ROLE, USER


def trust(**statement):
    filled = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "*", **statement}
    given = {key: value for key, value in filled.items() if value is not None}
    return json.dumps({"Version": "2012-10-17", "Statement": [given]})


@pytest.mark.parametrize("arn", aws_managed.table())
def test_every_policy_of_aws_is_a_policy(arn):
    """The table is data; nobody else checks it."""
    policy = aws_managed.table()[arn]
    policy_document.parse(policy.document, "identity")
    assert policy.arn == arn
    assert len(policy.id) == 21
    assert rules.policy_name(arn) == policy.name


@pytest.mark.parametrize(
    "name",
    [
        "service-role/AWSLambdaBasicExecutionRole",
        "service-role/AWSLambdaVPCAccessExecutionRole",
        "service-role/AWSLambdaSQSQueueExecutionRole",
        "service-role/AWSLambdaDynamoDBExecutionRole",
        "service-role/AWSLambdaKinesisExecutionRole",
        "service-role/AmazonAPIGatewayPushToCloudWatchLogs",
        "AWSXRayDaemonWriteAccess",
        "AWSXrayWriteOnlyAccess",
        "AdministratorAccess",
        "AWSStepFunctionsFullAccess",
        "CloudWatchLambdaInsightsExecutionRolePolicy",
        "job-function/ViewOnlyAccess",
    ],
)
def test_the_usual_policies_are_under_aws_s_own_arns(name):
    """Templates name them by ARN (AWS managed policy reference)."""
    assert aws_managed.find(f"arn:aws:iam::aws:policy/{name}") is not None


@pytest.mark.parametrize(
    "action",
    ["sts:AssumeRole", "sts:AssumeRoleWithWebIdentity", ["sts:AssumeRole", "sts:TagSession"]],
)
def test_a_trust_policy_may_allow_what_sts_does(action):
    """Including sessions' tags and identity providers (IAM user guide)."""
    rules.check_trust_policy(trust(Action=action))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"Action": "*"}, "may only specify STS"),
        ({"Action": ["sts:AssumeRole", "s3:GetObject"]}, "may only specify STS"),
        ({"Resource": "*"}, "prohibited field Resource"),
        ({"Principal": None, "NotPrincipal": "*"}, "prohibited field NotPrincipal"),
        ({"Principal": None}, "Missing required field Principal"),
        ({"Action": None}, "must contain actions"),
    ],
)
def test_a_trust_policy_allows_nothing_else(changed, message):
    """IAM's messages."""
    with pytest.raises(AwsError, match=message) as error:
        rules.check_trust_policy(trust(**changed))
    assert error.value.code == "MalformedPolicyDocumentException"


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        ("*", []),
        ({"AWS": "*"}, []),
        ({"Service": "lambda.amazonaws.com"}, []),
        ({"AWS": "123456789012"}, []),
        ({"AWS": "arn:aws:iam::123456789012:root"}, []),
        ({"AWS": ["arn:aws:iam::123456789012:role/a/b"]}, ["role/a/b"]),
        ({"AWS": "arn:aws:sts::123456789012:assumed-role/r/s"}, []),
    ],
)
def test_users_and_roles_in_a_trust_policy_are_found(principal, expected):
    """They are those that have to exist."""
    found = rules.trusted_entities(trust(Principal=principal))
    assert [arn.resource for arn in found] == expected


@pytest.mark.parametrize(
    "name",
    [
        "ada",
        "12345",
        "arn:aws:iam::123456789012:group/g",
        "arn:aws:iam::123456789012:*",
        "arn:aws:iam::12:root",
        "arn:aws:iam:us-east-1:123456789012:root",
        "arn:aws:s3:::bucket",
    ],
)
def test_what_is_no_principal_is_refused(name):
    """Groups and wildcards are no principals (IAM user guide, Principal element)."""
    with pytest.raises(AwsError, match="Invalid principal in policy"):
        rules.trusted_entities(trust(Principal={"AWS": name}))


@pytest.mark.parametrize(
    ("service_name", "suffix", "expected"),
    [
        ("lambda.amazonaws.com", None, "AWSServiceRoleForLambda"),
        ("replicator.lambda.amazonaws.com", None, "AWSServiceRoleForLambdaReplicator"),
        ("autoscaling.amazonaws.com", "mine", "AWSServiceRoleForAutoscaling_mine"),
    ],
)
def test_a_service_linked_role_is_named_after_its_service(service_name, suffix, expected):
    """The path holds the service's principal (IAM user guide, service-linked roles)."""
    path, name = rules.service_linked_role(service_name, suffix)
    assert (path, name) == (f"/aws-service-role/{service_name}/", expected)


def test_only_what_is_not_white_space_counts():
    """IAM does not count white space towards quotas (IAM quotas)."""
    assert rules.size_chars(' { "a" :\n\t1 } ') == len('{"a":1}')


def test_inline_policies_are_limited_together():
    """2,048 characters for users, 10,240 for roles (IAM quotas)."""
    half = "x" * 1025
    rules.check_inline_policies(ROLE, "r", [half, half])
    with pytest.raises(AwsError, match="Maximum policy size of 2048 bytes exceeded for user u"):
        rules.check_inline_policies(USER, "u", [half, half])


@pytest.mark.parametrize("arn", ["arn:aws:s3:::a", "policy/x", "arn:aws:iam::aws:role/x", "x"])
def test_what_is_no_policys_arn_is_refused(arn):
    """InvalidInput, before anything is looked up."""
    with pytest.raises(AwsError, match="is not valid"):
        rules.policy_name(arn)


@pytest.mark.parametrize("alias", ["-a", "a-", "a--b", "123456789012", "A"])
def test_an_alias_is_a_name_for_hosts(alias):
    """Lower-case letters, digits and single dashes, and no account's number (reference)."""
    with pytest.raises(AwsError, match="invalid"):
        rules.check_alias(alias)
