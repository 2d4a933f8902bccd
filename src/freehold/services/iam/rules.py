"""What IAM decides without looking anything up: names, ARNs, quotas, what a document may say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from freehold.kernel import arn as arns
from freehold.kernel.policy import document as policy_document
from freehold.services.iam import errors
from freehold.services.iam.nouns import Noun
from freehold.services.iam.records import Entity, InstanceProfile, Policy

ID_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
SECRET_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"  # noqa: S105

TAGS_MAX = 50
KEYS_PER_USER_MAX = 2
GROUPS_PER_USER_MAX = 10
POLICIES_MAX = 1500
VERSIONS_MAX = 5
INSTANCE_PROFILES_MAX = 1000
POLICY_CHARS_MAX = 6144
TRUST_CHARS_MAX = 2048

AWS_POLICY_PREFIX = "arn:aws:iam::aws:policy/"
SERVICE_LINKED_PATH = "/aws-service-role/"

_ASSUME_ACTIONS = re.compile(r"^sts:[A-Za-z*?]+$", re.IGNORECASE)
_ALIAS = re.compile(r"^[a-z0-9]([a-z0-9]|-(?!-))*[a-z0-9]$")
# Services choose these names themselves; each one's documentation gives its own.
_SERVICE_LINKED_NAMES = {
    "apidestinations.events.amazonaws.com": "AWSServiceRoleForAmazonEventBridgeApiDestinations",
    "dynamodb.application-autoscaling.amazonaws.com": (
        "AWSServiceRoleForApplicationAutoScaling_DynamoDBTable"
    ),
    "ecs.amazonaws.com": "AWSServiceRoleForECS",
    "events.amazonaws.com": "AWSServiceRoleForCloudWatchEvents",
    "lambda.application-autoscaling.amazonaws.com": (
        "AWSServiceRoleForApplicationAutoScaling_LambdaConcurrency"
    ),
    "logger.cloudfront.amazonaws.com": "AWSServiceRoleForCloudFrontLogger",
    "ops.apigateway.amazonaws.com": "AWSServiceRoleForAPIGateway",
    "replicator.lambda.amazonaws.com": "AWSServiceRoleForLambdaReplicator",
}
_ACCOUNT_ID = re.compile(r"^[0-9]{12}$")


# ARNs


def entity_arn(account: str, noun: Noun, entity: Entity) -> str:
    return named_arn(account, noun.kind, entity.path, entity.name)


def policy_arn(account: str, policy: Policy) -> str:
    return named_arn(account, "policy", policy.path, policy.name)


def instance_profile_arn(account: str, profile: InstanceProfile) -> str:
    return named_arn(account, "instance-profile", profile.path, profile.name)


def named_arn(account: str, kind: str, path: str, name: str) -> str:
    return f"arn:aws:iam::{account}:{kind}{path}{name}"


def policy_name(arn: str) -> str:
    """The name in a managed policy's ARN; what is no such ARN is refused as IAM refuses it."""
    resource = arns.parse(arn).resource if arns.is_arn(arn) and arn.count(":") == 5 else ""
    if not resource.startswith("policy/") or not resource.rpartition("/")[2]:
        raise errors.invalid_input(f"ARN {arn} is not valid.")
    return resource.rpartition("/")[2]


def is_aws_policy(arn: str) -> bool:
    return arn.startswith(AWS_POLICY_PREFIX)


# Tags


def tags(listed: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Tags as a dict. IAM compares their keys without regard to case."""
    found: dict[str, str] = {}
    seen: set[str] = set()
    for tag in listed:
        key = tag["Key"]
        if key.lower() in seen:
            raise errors.invalid_input(
                "Duplicate tag keys found. Please note that Tag keys are case insensitive."
            )
        if key.lower().startswith("aws:"):
            raise errors.invalid_input(
                "aws: prefixed tag key names are not allowed for external use."
            )
        seen.add(key.lower())
        found[key] = tag["Value"]
    return found


def with_tags(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """A tag whose key differs from an old one's only in case replaces it, and keeps the old
    case."""
    merged = dict(old)
    spelled = {key.lower(): key for key in old}
    for key, value in new.items():
        merged[spelled.get(key.lower(), key)] = value
    if sum(not key.startswith("aws:") for key in merged) > TAGS_MAX:
        raise errors.quota("TagsPerResource", TAGS_MAX)
    return merged


def without_tags(old: Mapping[str, str], keys: Iterable[str]) -> dict[str, str]:
    gone = {key.lower() for key in keys}
    return {key: value for key, value in old.items() if key.lower() not in gone}


# Documents


def size_chars(document: str) -> int:
    """What a document counts towards its quota: IAM does not count white space."""
    return sum(not char.isspace() for char in document)


def check_identity_policy(document: str) -> None:
    """A policy that is attached to somebody: it says what, and not who."""
    _parse(document, "identity")


def check_managed_policy(document: str) -> None:
    check_identity_policy(document)
    if size_chars(document) > POLICY_CHARS_MAX:
        raise errors.quota("PolicySize", POLICY_CHARS_MAX)


def check_inline_policies(noun: Noun, name: str, documents: Iterable[str]) -> None:
    """The quota holds for all inline policies of an entity together."""
    if sum(size_chars(document) for document in documents) > noun.inline_chars_max:
        raise errors.inline_too_large(noun.title, name, noun.inline_chars_max)


def check_trust_policy(document: str) -> None:
    """A role's trust policy: it says who, and that they may assume it."""
    _parse(document, "trust")
    for statement in _statements(document):
        if "NotPrincipal" in statement:
            raise errors.malformed_policy("Has prohibited field NotPrincipal")
        if not all(
            _ASSUME_ACTIONS.match(action) for action in _listed(statement.get("Action", []))
        ):
            raise errors.malformed_policy(
                "AssumeRole policy may only specify STS AssumeRole actions."
            )
    if size_chars(document) > TRUST_CHARS_MAX:
        raise errors.quota("ACLSizePerRole", TRUST_CHARS_MAX)


def trusted_entities(document: str) -> list[arns.Arn]:
    """The users and roles that a trust policy names; anything else that claims to be one is
    refused."""
    found = []
    for statement in _statements(document):
        principal = statement.get("Principal")
        named = principal.get("AWS", []) if isinstance(principal, dict) else []
        for text in _listed(named):
            if text == "*" or _ACCOUNT_ID.match(text):
                continue
            arn = _principal_arn(text)
            if arn.service == "iam" and arn.resource != "root":
                found.append(arn)
    return found


def invalid_principal(text: str) -> Exception:
    return errors.malformed_policy(f'Invalid principal in policy: "AWS":"{text}"')


def _principal_arn(text: str) -> arns.Arn:
    try:
        arn = arns.parse(text)
    except ValueError as error:
        raise invalid_principal(text) from error
    kind = arn.resource.partition("/")[0]
    known = {"iam": ("root", "user", "role"), "sts": ("assumed-role", "federated-user", "self")}
    if kind not in known.get(arn.service, ()) or arn.region or not _ACCOUNT_ID.match(arn.account):
        raise invalid_principal(text)
    return arn


def _parse(document: str, kind: policy_document.Kind) -> None:
    try:
        policy_document.parse(document, kind)
    except policy_document.PolicyError as error:
        raise errors.malformed_policy(str(error)) from error


def _statements(document: str) -> list[dict[str, Any]]:
    """The statements of a document that has been parsed."""
    statements = json.loads(document)["Statement"]
    return statements if isinstance(statements, list) else [statements]


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


# Names


def check_alias(alias: str) -> None:
    if not _ALIAS.match(alias) or _ACCOUNT_ID.match(alias):
        raise errors.validation(f"The account alias {alias} is invalid.")


def service_linked_role(service_name: str, suffix: str | None) -> tuple[str, str]:
    """(path, name) of a service-linked role: AWSServiceRoleForLambda for lambda.amazonaws.com."""
    if not service_name.endswith(".amazonaws.com"):
        raise errors.invalid_input(f"Service name {service_name} is not a valid service principal.")
    name = _SERVICE_LINKED_NAMES.get(service_name)
    if name is None:
        words = re.split(r"[.-]", service_name.removesuffix(".amazonaws.com"))
        name = "AWSServiceRoleFor" + "".join(word.capitalize() for word in reversed(words))
    return f"{SERVICE_LINKED_PATH}{service_name}/", f"{name}_{suffix}" if suffix else name


def service_trust(service_name: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service_name},
        "Action": "sts:AssumeRole",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
