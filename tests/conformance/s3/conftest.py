"""Clients and buckets for the S3 tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def s3(aws: Any) -> Any:
    return aws.client("s3")


@pytest.fixture
def bucket(s3: Any, aws: Any) -> str:
    name = f"bucket-{aws.account}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def fails() -> Callable[..., dict[str, Any]]:
    """fails("NoSuchKey", 404, s3.get_object, Bucket=...): the error's members."""

    def check(code: str, status: int, function: Any, **params: Any) -> dict[str, Any]:
        with pytest.raises(ClientError) as raised:
            function(**params)
        answer = raised.value.response
        got = (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"])
        assert got == (code, status), answer["Error"]
        return dict(answer["Error"])

    return check
