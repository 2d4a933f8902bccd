"""CloudFormation's types of S3, as the stack engine drives them."""

from __future__ import annotations

from typing import Any

import pytest

from freehold.kernel import principal
from freehold.kernel.errors import AwsError
from freehold.kernel.resources import Made, Wanted
from freehold.services.s3 import service

TYPE = service.resource_types["AWS::S3::Bucket"]
POLICY = service.resource_types["AWS::S3::BucketPolicy"]


def _wanted(aws: Any, properties: dict[str, Any], previous: dict[str, Any] | None = None) -> Wanted:
    return Wanted(
        type="AWS::S3::Bucket",
        logical_id="Bucket",
        properties=properties,
        previous=previous or {},
        stack_id=f"arn:aws:cloudformation:us-east-1:{aws.account}:stack/S/1",
        stack_name="S",
        stack_tags={"team": "a"},
    )


def _do(aws: Any, step: Any, *arguments: Any) -> Any:
    node = aws.node.running.node
    call = node.call("s3", "test", aws.account, "us-east-1", principal.root(aws.account))
    return aws.node.write(lambda tx: step(call.within(tx), *arguments))


EVERYTHING = {
    "VersioningConfiguration": {"Status": "Enabled"},
    "BucketEncryption": {
        "ServerSideEncryptionConfiguration": [
            {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        ]
    },
    "PublicAccessBlockConfiguration": {"BlockPublicAcls": "true", "BlockPublicPolicy": False},
    "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
    "CorsConfiguration": {
        "CorsRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "MaxAge": "60"}]
    },
    "WebsiteConfiguration": {"IndexDocument": "index.html", "ErrorDocument": "error.html"},
    "LifecycleConfiguration": {
        "Rules": [
            {
                "Status": "Enabled",
                "ExpirationInDays": "7",
                "NoncurrentVersionExpirationInDays": 3,
                "TagFilters": [{"Key": "a", "Value": "1"}],
            }
        ]
    },
    "NotificationConfiguration": {
        "LambdaConfigurations": [
            {
                "Event": "s3:ObjectCreated:*",
                "Function": "arn:aws:lambda:us-east-1:111122223333:function:f",
                "Filter": {"S3Key": {"Rules": [{"Name": "suffix", "Value": ".jpg"}]}},
            }
        ]
    },
    "Tags": [{"Key": "own", "Value": "1"}],
}


def test_a_bucket_with_everything_and_then_with_nothing(aws: Any) -> None:
    s3 = aws.client("s3")
    made: Made = _do(aws, TYPE.create, _wanted(aws, EVERYTHING))
    name = made.physical_id
    assert name == name.lower()
    assert made.attributes["Arn"] == f"arn:aws:s3:::{name}"
    assert name in made.attributes["WebsiteURL"]
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    block = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    assert (block["BlockPublicAcls"], block["BlockPublicPolicy"]) == (True, False)
    assert s3.get_bucket_cors(Bucket=name)["CORSRules"][0]["MaxAgeSeconds"] == 60
    assert s3.get_bucket_website(Bucket=name)["IndexDocument"] == {"Suffix": "index.html"}
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    assert rule["Expiration"] == {"Days": 7}
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 3}
    (target,) = s3.get_bucket_notification_configuration(Bucket=name)[
        "LambdaFunctionConfigurations"
    ]
    assert target["Events"] == ["s3:ObjectCreated:*"]
    tags = {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=name)["TagSet"]}
    assert (tags["own"], tags["team"]) == ("1", "a")
    assert tags["aws:cloudformation:stack-name"] == "S"

    _do(aws, TYPE.update, _wanted(aws, {}, EVERYTHING), made)
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Suspended"
    for operation in ("get_bucket_cors", "get_bucket_website"):
        with pytest.raises(s3.exceptions.ClientError):
            getattr(s3, operation)(Bucket=name)
    _do(aws, TYPE.delete, made)
    _do(aws, TYPE.delete, made)


@pytest.mark.parametrize(
    ("properties", "named"),
    [
        ({"ReplicationConfiguration": {}}, "ReplicationConfiguration"),
        ({"LoggingConfiguration": {}}, "LoggingConfiguration"),
        ({"ObjectLockEnabled": "true"}, "ObjectLockEnabled"),
    ],
)
def test_properties_that_are_not_honoured_are_refused_by_name(
    aws: Any, properties: dict[str, Any], named: str
) -> None:
    with pytest.raises(AwsError) as raised:
        _do(aws, TYPE.create, _wanted(aws, properties))
    assert named in raised.value.message


def test_a_bucket_policy(aws: Any) -> None:
    made: Made = _do(aws, TYPE.create, _wanted(aws, {}))
    arn = made.attributes["Arn"]
    document = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [arn, f"{arn}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }
    properties = {"Bucket": made.physical_id, "PolicyDocument": document}
    policy = _do(aws, POLICY.create, _wanted(aws, properties))
    s3 = aws.client("s3")
    assert "SecureTransport" in s3.get_bucket_policy(Bucket=made.physical_id)["Policy"]
    with pytest.raises(AwsError):
        _do(aws, POLICY.create, _wanted(aws, properties))
    _do(aws, POLICY.delete, policy)
    _do(aws, TYPE.delete, made)
