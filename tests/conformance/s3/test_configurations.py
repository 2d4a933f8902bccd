"""What is configured on a bucket."""

from __future__ import annotations

from typing import Any

import pytest


def test_a_new_bucket_is_private_encrypted_and_without_acls(s3: Any, bucket: str) -> None:
    """The defaults of April 2023 ("Default settings for new buckets", S3 user guide)."""
    block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}
    (rule,) = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert rule["ObjectOwnership"] == "BucketOwnerEnforced"
    (rule,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert [grant["Permission"] for grant in s3.get_bucket_acl(Bucket=bucket)["Grants"]] == [
        "FULL_CONTROL"
    ]
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
    assert "Status" not in s3.get_bucket_accelerate_configuration(Bucket=bucket)
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)
    notifications = s3.get_bucket_notification_configuration(Bucket=bucket)
    assert set(notifications) == {"ResponseMetadata"}


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("get_bucket_policy", "NoSuchBucketPolicy"),
        ("get_bucket_policy_status", "NoSuchBucketPolicy"),
        ("get_bucket_tagging", "NoSuchTagSet"),
        ("get_bucket_cors", "NoSuchCORSConfiguration"),
        ("get_bucket_website", "NoSuchWebsiteConfiguration"),
        ("get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration"),
        ("get_bucket_replication", "ReplicationConfigurationNotFoundError"),
        ("get_object_lock_configuration", "ObjectLockConfigurationNotFoundError"),
    ],
)
def test_what_is_not_configured_is_404(
    s3: Any, bucket: str, operation: str, code: str, fails: Any
) -> None:
    fails(code, 404, getattr(s3, operation), Bucket=bucket)


def test_tags(s3: Any, bucket: str, fails: Any) -> None:
    tag_set = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tag_set})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tag_set
    system = {"TagSet": [{"Key": "aws:x", "Value": "1"}]}
    fails("InvalidTag", 400, s3.put_bucket_tagging, Bucket=bucket, Tagging=system)
    s3.delete_bucket_tagging(Bucket=bucket)
    fails("NoSuchTagSet", 404, s3.get_bucket_tagging, Bucket=bucket)


def test_cors(s3: Any, bucket: str, fails: Any) -> None:
    rules = [
        {
            "AllowedMethods": ["GET", "PUT"],
            "AllowedOrigins": ["https://*.example.com"],
            "AllowedHeaders": ["*"],
            "ExposeHeaders": ["ETag"],
            "MaxAgeSeconds": 60,
        }
    ]
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": rules})
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == rules
    bad = {"CORSRules": [{"AllowedMethods": ["PATCH"], "AllowedOrigins": ["*"]}]}
    fails("InvalidRequest", 400, s3.put_bucket_cors, Bucket=bucket, CORSConfiguration=bad)
    s3.delete_bucket_cors(Bucket=bucket)


def test_lifecycle(s3: Any, bucket: str, fails: Any) -> None:
    rules = [
        {
            "ID": "old",
            "Status": "Enabled",
            "Filter": {"Prefix": "logs/"},
            "Expiration": {"Days": 30},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 5},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
            "Transitions": [{"Days": 10, "StorageClass": "STANDARD_IA"}],
        }
    ]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    found = s3.get_bucket_lifecycle_configuration(Bucket=bucket)
    assert found["Rules"] == rules
    assert found["TransitionDefaultMinimumObjectSize"] == "all_storage_classes_128K"
    put = s3.put_bucket_lifecycle_configuration
    glacier = {
        "Status": "Enabled",
        "Filter": {},
        "Transitions": [{"Days": 1, "StorageClass": "GLACIER"}],
    }
    fails("NotImplemented", 501, put, Bucket=bucket, LifecycleConfiguration={"Rules": [glacier]})
    nothing = {"Status": "Enabled", "Filter": {}}
    fails("InvalidRequest", 400, put, Bucket=bucket, LifecycleConfiguration={"Rules": [nothing]})
    s3.delete_bucket_lifecycle(Bucket=bucket)
    fails(
        "NoSuchLifecycleConfiguration",
        404,
        s3.get_bucket_lifecycle_configuration,
        Bucket=bucket,
    )


def test_kms_and_logging_are_refused_by_name(s3: Any, bucket: str, fails: Any) -> None:
    kms = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]}
    error = fails(
        "NotImplemented",
        501,
        s3.put_bucket_encryption,
        Bucket=bucket,
        ServerSideEncryptionConfiguration=kms,
    )
    assert "aws:kms" in error["Message"]
    logging = {"LoggingEnabled": {"TargetBucket": bucket, "TargetPrefix": ""}}
    fails("NotImplemented", 501, s3.put_bucket_logging, Bucket=bucket, BucketLoggingStatus=logging)
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})


def test_notifications_name_their_targets(s3: Any, bucket: str, aws: Any, fails: Any) -> None:
    arn = f"arn:aws:lambda:us-east-1:{aws.account}:function:f"
    entry = {
        "LambdaFunctionArn": arn,
        "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".jpg"}]}},
    }
    put = s3.put_bucket_notification_configuration
    put(Bucket=bucket, NotificationConfiguration={"LambdaFunctionConfigurations": [entry]})
    (found,) = s3.get_bucket_notification_configuration(Bucket=bucket)[
        "LambdaFunctionConfigurations"
    ]
    assert found["LambdaFunctionArn"] == arn
    assert found["Id"]
    entry["Events"] = ["s3:ReducedRedundancyLostObject"]
    fails(
        "NotImplemented",
        501,
        put,
        Bucket=bucket,
        NotificationConfiguration={"LambdaFunctionConfigurations": [entry]},
    )
    put(Bucket=bucket, NotificationConfiguration={})
    assert set(s3.get_bucket_notification_configuration(Bucket=bucket)) == {"ResponseMetadata"}
