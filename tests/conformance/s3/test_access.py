"""Who may do what: identity policies, bucket policies, public access."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest


def _policy(bucket: str, **statement: Any) -> str:
    found = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
        **statement,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [found]})


def _open_up(s3: Any, bucket: str) -> None:
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={})
    s3.put_bucket_policy(Bucket=bucket, Policy=_policy(bucket))


def _fetch(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_a_user_does_what_its_policies_allow(s3: Any, bucket: str, aws: Any, fails: Any) -> None:
    s3.put_object(Bucket=bucket, Key="a/1", Body=b"x")
    s3.put_object(Bucket=bucket, Key="b/1", Body=b"x")
    arn = f"arn:aws:s3:::{bucket}"
    user = aws.as_user(
        "reader",
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"{arn}/a/*"},
        {
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": arn,
            "Condition": {"StringLike": {"s3:prefix": "a/*"}},
        },
    ).client("s3")
    assert user.get_object(Bucket=bucket, Key="a/1")["Body"].read() == b"x"
    fails("AccessDenied", 403, user.get_object, Bucket=bucket, Key="b/1")
    fails("AccessDenied", 403, user.put_object, Bucket=bucket, Key="a/1", Body=b"")
    assert user.list_objects_v2(Bucket=bucket, Prefix="a/")["KeyCount"] == 1
    fails("AccessDenied", 403, user.list_objects_v2, Bucket=bucket)
    fails("NoSuchBucket", 404, user.get_object, Bucket=f"{bucket}-none", Key="x")


def test_only_who_may_list_learns_that_a_key_is_missing(
    s3: Any, bucket: str, aws: Any, fails: Any
) -> None:
    """GetObject, API reference: 404 with s3:ListBucket, 403 without."""
    allowed = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    lists = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{bucket}"}
    blind = aws.as_user("blind", allowed).client("s3")
    seeing = aws.as_user("seeing", allowed, lists).client("s3")
    fails("AccessDenied", 403, blind.get_object, Bucket=bucket, Key="none")
    fails("NoSuchKey", 404, seeing.get_object, Bucket=bucket, Key="none")


def test_deleting_many_asks_for_each(s3: Any, bucket: str, aws: Any) -> None:
    for key in ("a", "b"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    statement = {
        "Effect": "Allow",
        "Action": "s3:DeleteObject",
        "Resource": f"arn:aws:s3:::{bucket}/a",
    }
    user = aws.as_user("deleter", statement).client("s3")
    answer = user.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a"}, {"Key": "b"}]})
    assert [found["Key"] for found in answer["Deleted"]] == ["a"]
    assert [(found["Key"], found["Code"]) for found in answer["Errors"]] == [("b", "AccessDenied")]


def test_tags_of_the_object_decide(s3: Any, bucket: str, aws: Any, fails: Any) -> None:
    s3.put_object(Bucket=bucket, Key="open", Body=b"x", Tagging="level=public")
    s3.put_object(Bucket=bucket, Key="closed", Body=b"x", Tagging="level=secret")
    statement = {
        "Effect": "Allow",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
        "Condition": {"StringEquals": {"s3:ExistingObjectTag/level": "public"}},
    }
    user = aws.as_user("tagged", statement).client("s3")
    assert user.get_object(Bucket=bucket, Key="open")["Body"].read() == b"x"
    fails("AccessDenied", 403, user.get_object, Bucket=bucket, Key="closed")


def test_public_policies_are_blocked_until_that_is_turned_off(
    s3: Any, bucket: str, fails: Any
) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello")
    url = f"{s3.meta.endpoint_url}/{bucket}/k"
    fails("AccessDenied", 403, s3.put_bucket_policy, Bucket=bucket, Policy=_policy(bucket))
    assert _fetch(url)[0] == 403
    _open_up(s3, bucket)
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is True
    assert _fetch(url) == (200, b"hello")
    assert _fetch(f"{s3.meta.endpoint_url}/{bucket}")[0] == 403
    block = {"RestrictPublicBuckets": True}
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)
    assert _fetch(url)[0] == 403
    s3.delete_public_access_block(Bucket=bucket)
    assert _fetch(url)[0] == 200
    fails("NoSuchPublicAccessBlockConfiguration", 404, s3.get_public_access_block, Bucket=bucket)
    s3.delete_bucket_policy(Bucket=bucket)
    assert _fetch(url)[0] == 403


def test_another_account_comes_in_by_the_bucket_policy(
    s3: Any, bucket: str, shared_node: Any, fails: Any
) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    other = shared_node.new_account()
    fails("AccessDenied", 403, other.client("s3").get_object, Bucket=bucket, Key="k")
    principal = {"AWS": f"arn:aws:iam::{other.account}:root"}
    s3.put_bucket_policy(Bucket=bucket, Policy=_policy(bucket, Principal=principal))
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is False
    assert other.client("s3").get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_a_deny_binds_the_owner_too_but_not_out_of_the_policy(
    s3: Any, bucket: str, fails: Any
) -> None:
    """The account's root may always change the policy ("PutBucketPolicy", API reference)."""
    arn = f"arn:aws:s3:::{bucket}"
    policy = _policy(bucket, Effect="Deny", Action="s3:*", Resource=[arn, f"{arn}/*"])
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    fails("AccessDenied", 403, s3.put_object, Bucket=bucket, Key="k", Body=b"")
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"]) == json.loads(policy)
    s3.delete_bucket_policy(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"")


@pytest.mark.parametrize(
    "statement",
    [
        {"Resource": "arn:aws:s3:::another/*"},
        {"Action": "sqs:SendMessage"},
        {"Principal": {"Nobody": "*"}},
        {"Effect": "Maybe"},
        {"Surprise": 1},
    ],
)
def test_malformed_policies(s3: Any, bucket: str, statement: dict[str, Any], fails: Any) -> None:
    policy = _policy(bucket, **statement)
    fails("MalformedPolicy", 400, s3.put_bucket_policy, Bucket=bucket, Policy=policy)


def test_secure_transport_policies_let_the_loopback_in(s3: Any, bucket: str) -> None:
    """CDK's enforceSSL."""
    arn = f"arn:aws:s3:::{bucket}"
    condition = {"Bool": {"aws:SecureTransport": "false"}}
    policy = _policy(
        bucket, Effect="Deny", Action="s3:*", Resource=[arn, f"{arn}/*"], Condition=condition
    )
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    s3.put_object(Bucket=bucket, Key="k", Body=b"")


def test_websites(s3: Any, bucket: str, aws: Any) -> None:
    """Index and error documents, folders, redirects ("Hosting a static website", S3 user guide)."""
    _open_up(s3, bucket)
    for key in ("index.html", "docs/index.html", "error.html"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode(), ContentType="text/html")
    s3.put_object(Bucket=bucket, Key="moved", Body=b"", WebsiteRedirectLocation="/docs/")
    site = f"{s3.meta.endpoint_url}/_aws/s3-website/{bucket}"
    assert _fetch(site + "/")[0] == 403
    s3.put_bucket_website(
        Bucket=bucket,
        WebsiteConfiguration={
            "IndexDocument": {"Suffix": "index.html"},
            "ErrorDocument": {"Key": "error.html"},
            "RoutingRules": [
                {
                    "Condition": {"KeyPrefixEquals": "old/"},
                    "Redirect": {"ReplaceKeyPrefixWith": "docs/"},
                }
            ],
        },
    )
    assert _fetch(site + "/") == (200, b"index.html")
    assert _fetch(site + "/docs/") == (200, b"docs/index.html")
    assert _fetch(site + "/docs") == (200, b"docs/index.html")
    assert _fetch(site + "/old/") == (200, b"docs/index.html")
    status, body = _fetch(site + "/none")
    assert (status, body) == (403, b"error.html")
    request = urllib.request.Request(site + "/", method="HEAD")
    with urllib.request.urlopen(request) as answer:
        assert answer.headers["content-length"] == "10"
        assert answer.headers["content-type"] == "text/html"
    s3.delete_bucket_website(Bucket=bucket)
    assert _fetch(site + "/")[0] == 403
