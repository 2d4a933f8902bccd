"""Constraint messages as AWS's services word them, on real models."""

from __future__ import annotations

from typing import Any

import pytest

from freehold.wire.messages import InvalidParams, WireError, WireRequest
from freehold.wire.model import load_model

ROLE = "arn:aws:iam::123456789012:role/r"
HASH = {"AttributeName": "a", "KeyType": "HASH"}
DEFINITION = {"AttributeName": "a", "AttributeType": "S"}

# (service, operation, params, what is said of each breach)
BREACHES: list[tuple[str, str, dict[str, Any], list[str]]] = [
    ("dynamodb", "CreateTable", {}, ["Value null at 'tableName' {f}: Member must not be null"]),
    (
        "dynamodb",
        "CreateTable",
        {
            "TableName": "",
            "KeySchema": [],
            "AttributeDefinitions": [{"AttributeName": "a", "AttributeType": "X"}],
            "BillingMode": "FREE",
        },
        [
            "Value '' at 'tableName' {f}: Member must have length greater than or equal to 1",
            "Value '[]' at 'keySchema' {f}: Member must have length greater than or equal to 1",
            "Value 'X' at 'attributeDefinitions.1.member.attributeType' {f}: "
            "Member must satisfy enum value set: [S, N, B]",
            "Value 'FREE' at 'billingMode' {f}: "
            "Member must satisfy enum value set: [PROVISIONED, PAY_PER_REQUEST]",
        ],
    ),
    (
        "dynamodb",
        "CreateTable",
        {
            "TableName": "abc",
            "KeySchema": [HASH, {"KeyType": "RANGE"}],
            "AttributeDefinitions": [DEFINITION],
            "ProvisionedThroughput": {"ReadCapacityUnits": 0, "WriteCapacityUnits": 1},
            "Tags": [{"Key": "", "Value": "v"}],
        },
        [
            "Value null at 'keySchema.2.member.attributeName' {f}: Member must not be null",
            "Value '0' at 'provisionedThroughput.readCapacityUnits' {f}: "
            "Member must have value greater than or equal to 1",
            "Value '' at 'tags.1.member.key' {f}: "
            "Member must have length greater than or equal to 1",
        ],
    ),
    (
        "dynamodb",
        "BatchGetItem",
        {"RequestItems": {"tab": {"Keys": []}}},
        [
            "Value '[]' at 'requestItems.tab.member.keys' {f}: "
            "Member must have length greater than or equal to 1"
        ],
    ),
    (
        "dynamodb",
        "BatchWriteItem",
        {"RequestItems": {"tab": []}},
        [
            "Value '{tab=[]}' at 'requestItems' {f}: Map value must satisfy constraint: "
            "[Member must have length less than or equal to 25, "
            "Member must have length greater than or equal to 1]"
        ],
    ),
    (
        "lambda",
        "CreateFunction",
        {"FunctionName": "f", "Role": ROLE, "Code": {}, "Timeout": 0, "MemorySize": 1},
        [
            "Value '0' at 'timeout' {f}: Member must have value greater than or equal to 1",
            "Value '1' at 'memorySize' {f}: Member must have value greater than or equal to 128",
        ],
    ),
    (
        "lambda",
        "CreateFunction",
        {"FunctionName": "f", "Role": ROLE, "Code": {}, "VpcConfig": {"SubnetIds": ["a", "b"]}},
        [
            "Value '[a, b]' at 'vpcConfig.subnetIds' {f}: Member must satisfy constraint: "
            "[Member must have length less than or equal to 1024, "
            "Member must have length greater than or equal to 0, "
            "Member must satisfy regular expression pattern: subnet-[0-9a-z]*]"
        ],
    ),
    (
        "lambda",
        "CreateFunction",
        {"FunctionName": "f", "Role": "r", "Code": {}, "Environment": {"Variables": {"1": "x"}}},
        [
            r"Value 'r' at 'role' {f}: Member must satisfy regular expression pattern: "
            r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+",
            "Value '{1=x}' at 'environment.variables' {f}: Map keys must satisfy constraint: "
            "[Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]",
        ],
    ),
    (
        "iam",
        "CreateRole",
        {"RoleName": "a b", "AssumeRolePolicyDocument": "{}", "MaxSessionDuration": 1},
        [
            r"Value 'a b' at 'roleName' {f}: "
            r"Member must satisfy regular expression pattern: [\w+=,.@-]+",
            "Value '1' at 'maxSessionDuration' {f}: "
            "Member must have value greater than or equal to 3600",
        ],
    ),
    (
        "iam",
        "CreateRole",
        {"RoleName": "r" * 65, "AssumeRolePolicyDocument": "{}", "Tags": [{"Key": "k"}]},
        [
            f"Value '{'r' * 65}' at 'roleName' {{f}}: "
            "Member must have length less than or equal to 64",
            "Value null at 'tags.1.member.value' {f}: Member must not be null",
        ],
    ),
    (
        "logs",
        "PutLogEvents",
        {
            "logGroupName": "g",
            "logStreamName": "s",
            "logEvents": [{"timestamp": 1, "message": "m"}, {"timestamp": -1}],
        },
        [
            "Value null at 'logEvents.2.member.message' {f}: Member must not be null",
            "Value '-1' at 'logEvents.2.member.timestamp' {f}: "
            "Member must have value greater than or equal to 0",
        ],
    ),
    (
        "s3",
        "PutObject",
        {"Bucket": "", "StorageClass": "NONE"},
        # S3 has an error of its own for everything but what is missing.
        ["Value null at 'key' {f}: Member must not be null"],
    ),
]


@pytest.mark.parametrize(
    ("service", "operation", "params", "said"),
    BREACHES,
    ids=[f"{service}-{operation}-{len(said)}" for service, operation, _, said in BREACHES],
)
def test_every_breach_is_named_in_one_message(service, operation, params, said):
    with pytest.raises(InvalidParams) as refusal:
        load_model(service).operation(operation).validate(params)
    said = [text.replace("{f}", "failed to satisfy constraint") for text in said]
    count, _, rest = refusal.value.message.partition(" detected: ")
    assert count == ("1 validation error" if len(said) == 1 else f"{len(said)} validation errors")
    assert sorted(rest.split("; ")) == sorted(said)


VALID: list[tuple[str, str, dict[str, Any]]] = [
    (
        "dynamodb",
        "CreateTable",
        {"TableName": "abc", "KeySchema": [HASH], "AttributeDefinitions": [DEFINITION]},
    ),
    ("dynamodb", "PutItem", {"TableName": "abc", "Item": {"a": {"M": {"b": {"L": []}}}}}),
    (
        "lambda",
        "CreateFunction",
        {"FunctionName": "f", "Role": ROLE, "Code": {"ZipFile": b"x"}, "Tags": {"k": ""}},
    ),
    ("iam", "CreateRole", {"RoleName": "r", "AssumeRolePolicyDocument": "{}\n\u00ff"}),
    ("s3", "ListBuckets", {}),
]


@pytest.mark.parametrize(("service", "operation", "params"), VALID)
def test_what_keeps_the_constraints_passes(service, operation, params):
    load_model(service).operation(operation).validate(params)


def test_a_null_among_structures_is_refused_before_it_is_checked():
    operation = load_model("dynamodb").operation("CreateTable")
    with pytest.raises(WireError):
        operation.parse(WireRequest(body=b'{"KeySchema": [null]}'))


def test_a_null_among_scalars_with_constraints_is_named():
    operation = load_model("lambda").operation("CreateFunction")
    params = {"FunctionName": "f", "Role": ROLE, "Code": {}, "Layers": [None]}
    with pytest.raises(InvalidParams) as refusal:
        operation.validate(params)
    assert "Value null at 'layers.1.member'" in refusal.value.message
