"""Where a request goes: to an operation of a service, or to an endpoint.

The names here are those that models do not have in their metadata in a usable form, or that would cost
reading every model to find; tests hold them against the models.
"""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import unquote

import msgspec

from freehold.server.messages import Request

# Signing names that are not the service's own name.
SIGNING_NAMES: dict[str, tuple[str, ...]] = {
    "apigateway": ("apigateway", "apigatewayv2"),
    "monitoring": ("cloudwatch",),
    "states": ("stepfunctions",),
    "email": ("ses", "sesv2"),
    "cognito-idp": ("cognito-idp",),
    "s3express": ("s3",),
    "elasticloadbalancing": ("elbv2",),
}

# The first word of X-Amz-Target, for requests without a signature, and its service.
TARGET_PREFIXES = {
    "DynamoDB_20120810": "dynamodb",
    "Logs_20140328": "logs",
    "AmazonSSM": "ssm",
    "AmazonSQS": "sqs",
    "AWSEvents": "events",
    "AWSStepFunctions": "stepfunctions",
    "AWSCognitoIdentityProviderService": "cognito-idp",
    "AWSCognitoIdentityService": "cognito-identity",
    "secretsmanager": "secretsmanager",
    "TrentService": "kms",
}

# Operations of the query protocol that are called without a signature.
UNSIGNED_ACTIONS = {
    "AssumeRoleWithWebIdentity": "sts",
    "AssumeRoleWithSAML": "sts",
}

_SUFFIXES = (".amazonaws.com", ".on.aws")
# In `{name}.{word}.{region}.suffix`, the words that make an endpoint of a deployed thing.
_ENDPOINT_WORDS = frozenset({"execute-api", "lambda-url", "appsync-api", "cloudfront"})
PATH_PREFIX = "/_aws/"


class ToEndpoint(msgspec.Struct, frozen=True):
    """A name under which something deployed answers; `base_path` is what the path had before it."""

    kind: str
    name: str
    path: str
    base_path: str = ""


class Hint(msgspec.Struct, frozen=True):
    """What the host says: a service, a region, a bucket."""

    service: str | None = None
    region: str | None = None
    bucket: str | None = None


def endpoint_of(request: Request, domain: str) -> ToEndpoint | None:
    """The endpoint that the host or the path names, or None."""
    path = request.path
    if path.startswith(PATH_PREFIX):
        parts = path[len(PATH_PREFIX) :].split("/", 2)
        if len(parts) >= 2 and parts[1]:
            base = f"{PATH_PREFIX}{parts[0]}/{parts[1]}"
            return ToEndpoint(parts[0], unquote(parts[1]), path[len(base) :] or "/", base)
    labels = _labels(request.host, domain)
    if labels is None:
        return None
    if len(labels) >= 2 and labels[1] in _ENDPOINT_WORDS:
        return ToEndpoint(labels[1], labels[0], path)
    if len(labels) >= 2:
        website = labels[-1] if labels[-1].startswith("s3-website") else labels[-2]
        if website.startswith("s3-website") and len(labels) > (1 if website == labels[-1] else 2):
            name = ".".join(labels[: labels.index(website)])
            return ToEndpoint("s3-website", name, path)
    return None


@lru_cache(maxsize=1024)
def hint_of(host: str, domain: str) -> Hint:
    """What the host says of service, region and bucket (virtual-hosted style)."""
    labels = _labels(host, domain)
    if not labels:
        return _NO_HINT
    is_aws = host.partition(":")[0].lower().endswith(_SUFFIXES)
    for index in range(len(labels) - 1, -1, -1):
        label = labels[index]
        # s3-us-west-2 is an old name of AWS's; elsewhere a bucket may be called so.
        if label == "s3" or (is_aws and label.startswith("s3-")):
            region = labels[-1] if index + 1 < len(labels) else None
            bucket = ".".join(labels[:index]) or None
            return Hint("s3", region, bucket)
    if len(labels) <= 2 and is_aws:
        return Hint(labels[0], labels[1] if len(labels) == 2 else None)
    if len(labels) == 2 and labels[0] in ("dynamodb", "lambda", "sqs", "sns", "sts", "iam"):
        return Hint(labels[0], labels[1])
    # `bucket.localhost`: what clients make of an endpoint that is a name.
    return Hint("s3", None, ".".join(labels))


_NO_HINT = Hint()


@lru_cache(maxsize=1024)
def _labels(host: str, domain: str) -> list[str] | None:
    """The labels of a host before the platform's domain or AWS's; None for any other host."""
    name = host.rpartition(":")[0] if host[-1:].isdigit() and ":" in host else host
    name = name.lower()
    for suffix in (f".{domain}", *_SUFFIXES):
        if name.endswith(suffix):
            return name[: -len(suffix)].split(".")
    return None
