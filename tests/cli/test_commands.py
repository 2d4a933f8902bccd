"""Commands as they are typed."""

from __future__ import annotations

import json
import shlex
import urllib.request
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest

from freehold.cli.addresses import local_address
from freehold.cli.commands import spread
from tests.cli.conftest import Typed

Type = Callable[..., Typed]

GREETER = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Greeting: {Type: String, Default: Hello}
Resources:
  Greeter:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: src/
      Handler: app.handler
      Runtime: python3.12
      Environment: {Variables: {GREETING: !Ref Greeting}}
      Events:
        Any: {Type: Api, Properties: {Path: /, Method: get}}
Outputs:
  Url:
    Value: !Sub https://${ServerlessRestApi}.execute-api.${AWS::Region}.amazonaws.com/Prod/
"""
CODE = """
import os

def handler(event, context):
    print("greeting", event.get("name", "nobody"))
    if event.get("name") == "nemo":
        raise ValueError("nobody of that name")
    return {"statusCode": 200, "body": os.environ["GREETING"] + " " + event.get("name", "nobody")}
"""


@pytest.fixture
def greeter(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "app.py").write_text(CODE)
    (tmp_path / "template.yaml").write_text(GREETER)
    return tmp_path / "template.yaml"


def test_an_application_is_deployed_used_changed_and_deleted(freehold: Type, greeter: Path) -> None:
    """The way of the first guide, from a template with code beside it to nothing left."""
    deployed = freehold("deploy", greeter, "--stack-name", "greeter")
    assert deployed.status == 0, deployed.err
    assert "CREATE_COMPLETE" in deployed.err
    assert "Uploading" in deployed.err
    address = deployed.out.partition("here: ")[2].split()[0]
    with urllib.request.urlopen(address) as answer:
        assert answer.read() == b"Hello nobody"

    assert "greeter" in freehold("status").out
    invoked = freehold("invoke", "greeter-greeter", "--payload", '{"name": "you"}')
    assert json.loads(invoked.out) == {"statusCode": 200, "body": "Hello you"}
    assert "greeting you" in invoked.err
    failed = freehold("invoke", "Greeter", "--payload", '{"name": "nemo"}')
    assert failed.status == 1
    assert json.loads(failed.out)["errorMessage"] == "nobody of that name"
    assert "greeting nobody" in freehold("logs", "Greeter").out

    again = freehold("deploy", greeter, "--stack-name", "greeter")
    assert again.status == 0
    assert "up to date" in again.err
    assert "Uploading" not in again.err
    other = ("--parameter-overrides", "Greeting=Ciao")
    shown = freehold("deploy", greeter, "--stack-name", "greeter", *other, "--no-execute-changeset")
    assert "Modify" in shown.out
    assert freehold("deploy", greeter, "--stack-name", "greeter", *other).status == 0
    with urllib.request.urlopen(address) as answer:
        assert answer.read() == b"Ciao nobody"

    assert freehold("delete", "--stack-name", "greeter").status == 0
    assert "Stacks: none" in freehold("status").out
    assert freehold("delete", "--stack-name", "greeter").status == 0


def test_a_stack_that_fails_says_why_and_what_to_do(freehold: Type, tmp_path: Path) -> None:
    """The status is for scripts, the reason for people."""
    template = tmp_path / "t.yaml"
    template.write_text(
        "Resources:\n"
        "  Good: {Type: AWS::S3::Bucket}\n"
        "  Bad:\n"
        "    Type: AWS::S3::Bucket\n"
        "    DependsOn: Good\n"
        "    Properties: {BucketName: 192.168.5.4}\n"
    )
    failed = freehold("deploy", template, "--stack-name", "wrong")
    assert failed.status == 1
    assert "Stack wrong ended in ROLLBACK_COMPLETE" in failed.err
    assert "Bad (AWS::S3::Bucket)" in failed.err
    assert "freehold delete --stack-name wrong" in failed.err
    again = freehold("deploy", template, "--stack-name", "wrong")
    assert again.status == 1
    assert "cannot be updated" in again.err
    assert freehold("delete", "--stack-name", "wrong").status == 0


def test_env_prints_what_boto3_needs(freehold: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    """eval "$(freehold env)" is the one step between a node and AWS's own tools."""
    printed = freehold("env")
    for line in printed.out.splitlines():
        name, _, value = line.removeprefix("export ").partition("=")
        monkeypatch.setenv(name, shlex.split(value)[0])
    identity = boto3.client("sts").get_caller_identity()
    assert identity["Arn"] == "arn:aws:iam::000000000000:root"


def test_credentials_in_the_environment_are_used_without_data(
    freehold: Type, type_in: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the commands work with a node elsewhere, as whoever they are run by."""
    for line in freehold("env").out.splitlines():
        name, _, value = line.removeprefix("export ").partition("=")
        monkeypatch.setenv(name, shlex.split(value)[0])
    assert type_in("status").status == 0
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    refused = type_in("status")
    assert refused.status == 1
    assert "Unset AWS_ENDPOINT_URL" in refused.err


@pytest.mark.parametrize(
    "words",
    [
        ("env",),
        ("status",),
        ("logs", "f"),
        ("invoke", "f"),
        ("delete", "--stack-name", "s"),
        ("deploy", "t.yaml", "--stack-name", "s"),
    ],
)
def test_where_no_node_has_run_the_way_to_start_one_is_said(
    type_in: Type, words: tuple[str, ...]
) -> None:
    """An error says what to do next, without a traceback."""
    typed = type_in(*words)
    assert typed.status == 1
    assert "freehold up" in typed.err
    assert "Traceback" not in typed.err


def test_a_node_that_has_stopped_is_said_not_to_answer(
    type_in: Type, node_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its data directory still says where it was."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    typed = type_in("status")
    assert typed.status == 1
    assert "No node answers at http://127.0.0.1:9" in typed.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("logs", "nothing"), "There is no function nothing"),
        (("invoke", "nothing"), "There is no function nothing"),
        (("deploy", "missing.yaml", "--stack-name", "s"), "Cannot read missing.yaml"),
        (
            ("deploy", "t.yaml", "--stack-name", "s", "--parameter-overrides", "Wrong=1"),
            "has no parameter Wrong",
        ),
        (("deploy", "t.yaml", "--stack-name", "s"), "--parameter-overrides Needed=..."),
        (
            ("deploy", "t.yaml", "--stack-name", "s", "--parameter-overrides", "Wrong"),
            "Write KEY=VALUE",
        ),
    ],
)
def test_what_is_wrong_is_named(
    freehold: Type, tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    """Before anything is changed on the node."""
    (tmp_path / "t.yaml").write_text(
        "Parameters: {Needed: {Type: String}}\nResources: {B: {Type: AWS::S3::Bucket}}"
    )
    typed = freehold(*words)
    assert typed.status != 0
    assert says in typed.err


def test_doctor_works_without_a_node(type_in: Type) -> None:
    """It is what one runs before anything else."""
    typed = type_in("doctor")
    assert typed.status == 0, typed.out
    for word in ("Python 3", "namespaces", "PostgreSQL", "no node has run"):
        assert word in typed.out


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["--capabilities", "CAPABILITY_IAM"], ["--capabilities", "CAPABILITY_IAM"]),
        (
            ["--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND", "t.yaml"],
            [
                "--capabilities",
                "CAPABILITY_IAM",
                "--capabilities",
                "CAPABILITY_AUTO_EXPAND",
                "t.yaml",
            ],
        ),
        (
            ["--parameter-overrides", "A=1", "B=x=2", "--stack-name", "s", "C=3"],
            [
                *("--parameter-overrides", "A=1", "--parameter-overrides", "B=x=2"),
                *("--stack-name", "s", "C=3"),
            ],
        ),
    ],
)
def test_options_take_several_values_as_awss_do(typed: list[str], meant: list[str]) -> None:
    """`aws cloudformation deploy --parameter-overrides A=1 B=2` is what people's fingers know."""
    assert spread(typed) == meant


@pytest.mark.parametrize(
    ("value", "address"),
    [
        (
            "https://a1.execute-api.eu-west-1.amazonaws.com/Prod/x",
            "http://10.0.0.9:4566/_aws/execute-api/a1/Prod/x",
        ),
        ("https://u1.lambda-url.us-east-1.on.aws/", "http://10.0.0.9:4566/_aws/lambda-url/u1/"),
        ("https://example.com/", None),
        ("arn:aws:iam::000000000000:role/r", None),
    ],
)
def test_addresses_on_aws_have_one_on_the_node(value: str, address: str | None) -> None:
    """Outputs name AWS's hosts, which lead elsewhere from outside a function."""
    assert local_address(value, "http://10.0.0.9:4566") == address
