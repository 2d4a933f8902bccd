"""Templates that AWS refuses are refused, in words that a person can act on, by each client."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.apps.conftest import Town

FUNCTION = {
    "Type": "AWS::Serverless::Function",
    "Properties": {"Runtime": "python3.12", "Handler": "index.handler", "InlineCode": "x = 1"},
}
BUCKET = {"Type": "AWS::S3::Bucket"}
SAM = "AWS::Serverless-2016-10-31"

# A template, and what is said of it.
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no transform": (
        {"Resources": {"Function": FUNCTION}},
        r"AWS::Serverless::Function",
    ),
    "circle": (
        {
            "Resources": {
                "A": {**BUCKET, "DependsOn": "B"},
                "B": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": {"Ref": "A"}}},
            }
        },
        r"Circular dependency between resources: \[A, B\]",
    ),
    "reference": (
        {"Resources": {"A": {**BUCKET, "Properties": {"BucketName": {"Ref": "Missing"}}}}},
        r"Unresolved resource dependencies \[Missing\] in the Resources block",
    ),
    "attribute": (
        {"Resources": {"A": BUCKET}, "Outputs": {"O": {"Value": {"Fn::GetAtt": ["A", "Nothing"]}}}},
        r"Nothing",
    ),
    "type": (
        {"Resources": {"A": {"Type": "AWS::Imaginary::Thing"}}},
        r"AWS::Imaginary::Thing",
    ),
    "event": (
        {
            "Transform": SAM,
            "Resources": {
                "Function": {
                    **FUNCTION,
                    "Properties": {
                        **FUNCTION["Properties"],  # type: ignore[dict-item]
                        "Events": {"E": {"Type": "Telepathy", "Properties": {}}},
                    },
                }
            },
        },
        r"Function",
    ),
    "parameter": (
        {
            "Parameters": {"Size": {"Type": "Number", "MaxValue": 5, "Default": 7}},
            "Resources": {"A": BUCKET},
        },
        r"Size",
    ),
    "import": (
        {
            "Resources": {
                "A": {
                    "Type": "AWS::SSM::Parameter",
                    "Properties": {"Type": "String", "Value": {"Fn::ImportValue": "no-export"}},
                }
            }
        },
        r"No export named no-export found",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_bad_template_makes_no_stack(town: Town, kind: str) -> None:
    body, words = REFUSED[kind]
    stack = f"refused-{kind.replace(' ', '-')}"
    with pytest.raises(ClientError) as refused:
        town.create(stack, body)
    assert refused.value.response["Error"]["Code"] == "ValidationError"
    assert re.search(words, refused.value.response["Error"]["Message"])
    with pytest.raises(ClientError, match="does not exist"):
        town.status(stack)


def test_roles_need_to_be_acknowledged(town: Town) -> None:
    """A stack that makes roles gives away permissions: CAPABILITY_IAM says that this is known."""
    body = {"Transform": SAM, "Resources": {"Function": FUNCTION}}
    client = town.client("cloudformation")
    with pytest.raises(ClientError) as refused:
        client.create_stack(StackName="unacknowledged", TemplateBody=json.dumps(body))
    assert refused.value.response["Error"]["Code"] == "InsufficientCapabilitiesException"
    assert "CAPABILITY_AUTO_EXPAND" in refused.value.response["Error"]["Message"]


def test_awscli_says_what_is_wrong(town: Town, tmp_path: Path) -> None:
    body, words = REFUSED["no transform"]
    (tmp_path / "t.json").write_text(json.dumps(body))
    output = town.aws(
        *("cloudformation", "deploy", "--template-file", "t.json"),
        *("--stack-name", "refused-by-awscli"),
        cwd=tmp_path,
    ).failed()
    assert re.search(words, output), output


def test_sam_says_which_capability_is_missing(town: Town, tmp_path: Path) -> None:
    body = {"Transform": SAM, "Resources": {"Function": FUNCTION}}
    (tmp_path / "t.json").write_text(json.dumps(body))
    town.client("s3").create_bucket(Bucket="refused-by-sam")
    output = town.sam(
        *("deploy", "--template-file", "t.json", "--stack-name", "refused-by-sam"),
        *("--s3-bucket", "refused-by-sam"),
        cwd=tmp_path,
    ).failed()
    assert re.search(r"Requires\s+capabilities\s*:\s*\[CAPABILITY_IAM\]", output), output
