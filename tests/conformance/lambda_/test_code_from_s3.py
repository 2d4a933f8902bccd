"""Code that a bucket holds, read in the caller's name."""

from __future__ import annotations

import base64
import hashlib

import pytest

from tests.conformance.lambda_.conftest import Functions, archive


def test_code_comes_from_a_bucket(functions: Functions) -> None:
    s3 = functions.aws.client("s3")
    s3.create_bucket(Bucket="code-of-f")
    s3.put_object(Bucket="code-of-f", Key="f.zip", Body=archive())
    created = functions.create(Code={"S3Bucket": "code-of-f", "S3Key": "f.zip"})
    assert created["CodeSha256"] == base64.b64encode(hashlib.sha256(archive()).digest()).decode()
    s3.put_object(Bucket="code-of-f", Key="g.zip", Body=archive("2"))
    changed = functions.client.update_function_code(
        FunctionName="f", S3Bucket="code-of-f", S3Key="g.zip"
    )
    assert changed["CodeSha256"] != created["CodeSha256"]


def test_code_that_is_not_there_is_said_in_s3s_words(functions: Functions) -> None:
    functions.aws.client("s3").create_bucket(Bucket="empty-of-f")
    with pytest.raises(
        functions.client.exceptions.InvalidParameterValueException,
        match=r"Error occurred while GetObject\. S3 Error Code: NoSuchKey",
    ):
        functions.create(Code={"S3Bucket": "empty-of-f", "S3Key": "none.zip"})


def test_the_caller_must_be_allowed_to_read_the_code(functions: Functions) -> None:
    s3 = functions.aws.client("s3")
    s3.create_bucket(Bucket="secret-of-f")
    s3.put_object(Bucket="secret-of-f", Key="f.zip", Body=archive())
    role = functions.role
    statement = {"Effect": "Allow", "Action": ["lambda:*", "iam:PassRole"], "Resource": "*"}
    developer = functions.aws.as_user("developer", statement).client("lambda")
    with pytest.raises(developer.exceptions.ClientError, match="s3:GetObject"):
        developer.create_function(
            FunctionName="f",
            Runtime="python3.11",
            Role=role,
            Handler="index.handler",
            Code={"S3Bucket": "secret-of-f", "S3Key": "f.zip"},
        )
