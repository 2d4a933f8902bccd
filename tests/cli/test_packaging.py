"""Local paths in templates become objects, and nothing else in them changes."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path

import pytest
import yaml

from freehold.cli.packaging import package, zipped
from freehold.cli.problems import Problem


def write(directory: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def packaged(directory: Path, template: str) -> tuple[str, dict[str, bytes], list[str]]:
    write(
        directory, {"template.yaml": template, "src/app.py": "pass", "api.yaml": "openapi: 3.0.1"}
    )
    made = package(directory / "template.yaml", "code", "us-east-1")
    return made.text, {key: each.body for key, each in made.uploads.items()}, made.warnings


ZIPPED = [
    ("AWS::Serverless::Function", "CodeUri"),
    ("AWS::Serverless::LayerVersion", "ContentUri"),
]
PLACED = [
    ("AWS::Lambda::Function", "Code", "src", ("S3Bucket", "S3Key")),
    ("AWS::Lambda::LayerVersion", "Content", "src", ("S3Bucket", "S3Key")),
    ("AWS::ApiGateway::RestApi", "BodyS3Location", "api.yaml", ("Bucket", "Key")),
    ("AWS::StepFunctions::StateMachine", "DefinitionS3Location", "api.yaml", ("Bucket", "Key")),
]


@pytest.mark.parametrize(("kind", "name"), ZIPPED)
def test_a_directory_becomes_an_archive_at_an_s3_address(
    tmp_path: Path, kind: str, name: str
) -> None:
    """The properties that `aws cloudformation package` documents."""
    text, uploads, _ = packaged(
        tmp_path, f"Resources: {{R: {{Type: '{kind}', Properties: {{{name}: src/}}}}}}"
    )
    (key,) = uploads
    assert yaml.safe_load(text)["Resources"]["R"]["Properties"][name] == f"s3://code/{key}"
    assert zipfile.ZipFile(io.BytesIO(uploads[key])).namelist() == ["app.py"]


@pytest.mark.parametrize(("kind", "name", "path", "members"), PLACED)
def test_properties_that_are_mappings_become_mappings(
    tmp_path: Path, kind: str, name: str, path: str, members: tuple[str, str]
) -> None:
    """AWS::Lambda::Function's Code takes a bucket and a key, not an address."""
    text, uploads, _ = packaged(
        tmp_path, f"Resources: {{R: {{Type: '{kind}', Properties: {{{name}: {path}}}}}}}"
    )
    (key,) = uploads
    expected = dict(zip(members, ("code", key), strict=True))
    assert yaml.safe_load(text)["Resources"]["R"]["Properties"][name] == expected


@pytest.mark.parametrize(
    "value", ["s3://elsewhere/key", "{ZipFile: 'pass'}", "{S3Bucket: b, S3Key: k}"]
)
def test_what_is_no_local_path_stays(tmp_path: Path, value: str) -> None:
    """Templates are deployed after other tools have packaged them, too."""
    _, uploads, _ = packaged(
        tmp_path,
        f"Resources: {{R: {{Type: 'AWS::Lambda::Function', Properties: {{Code: {value}}}}}}}",
    )
    assert uploads == {}


def test_tags_dates_and_zeros_stay_as_they_were_written(tmp_path: Path) -> None:
    """CloudFormation reads these as text where YAML 1.1 makes them dates and octal numbers."""
    text, _, _ = packaged(
        tmp_path,
        "Resources:\n"
        "  R:\n"
        "    Type: AWS::IAM::Role\n"
        "    Properties:\n"
        "      Version: 2012-10-17\n"
        "      Account: 012345678901\n"
        "      Name: !Sub '${AWS::StackName}-x'\n"
        "      Arn: !GetAtt Other.Arn\n",
    )
    for piece in ("2012-10-17\n", "Account: 012345678901", "!Sub '${AWS::StackName}-x'", "!GetAtt"):
        assert piece in text


def test_json_templates_may_have_tabs(tmp_path: Path) -> None:
    """JSON allows tabs between tokens, YAML does not."""
    document = {"Resources": {"R": {"Type": "AWS::S3::Bucket"}}}
    text, _, _ = packaged(tmp_path, json.dumps(document, indent="\t"))
    assert yaml.safe_load(text) == document


def test_code_from_globals_is_packaged(tmp_path: Path) -> None:
    """SAM's Globals may hold CodeUri for all functions."""
    text, uploads, _ = packaged(
        tmp_path,
        "Globals: {Function: {CodeUri: src/}}\n"
        "Resources: {R: {Type: 'AWS::Serverless::Function', Properties: {Handler: app.handler}}}",
    )
    document = yaml.safe_load(text)
    assert document["Globals"]["Function"]["CodeUri"] == f"s3://code/{next(iter(uploads))}"
    assert "CodeUri" not in document["Resources"]["R"]["Properties"]


def test_nested_templates_are_packaged_first(tmp_path: Path) -> None:
    """The inner template's own paths are relative to it."""
    write(
        tmp_path,
        {
            "inner/t.yaml": "Resources: {F: {Type: 'AWS::Serverless::Function', Properties: {CodeUri: .}}}",
        },
    )
    text, uploads, _ = packaged(
        tmp_path,
        "Resources: {N: {Type: 'AWS::CloudFormation::Stack', Properties: {TemplateURL: inner/t.yaml}}}",
    )
    url = yaml.safe_load(text)["Resources"]["N"]["Properties"]["TemplateURL"]
    assert url.startswith("https://s3.us-east-1.amazonaws.com/code/")
    inner = yaml.safe_load(uploads[url.rpartition("/")[2]])
    assert inner["Resources"]["F"]["Properties"]["CodeUri"].startswith("s3://code/")


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    """The person at the keyboard has to know which path was looked for."""
    with pytest.raises(Problem, match="names nowhere/, which is not there"):
        packaged(
            tmp_path,
            "Resources: {R: {Type: 'AWS::Serverless::Function', Properties: {CodeUri: nowhere/}}}",
        )


def test_an_archive_depends_on_content_alone(tmp_path: Path) -> None:
    """Else a function would be updated each time that somebody touches a file."""
    write(tmp_path, {"a/b.py": "1", "a/c/d.py": "2", "a/__pycache__/b.pyc": "x"})
    before = zipped(tmp_path / "a")
    os.utime(tmp_path / "a/b.py", (1, 1))
    write(tmp_path, {"a/__pycache__/b.pyc": "y"})
    assert zipped(tmp_path / "a") == before
    assert zipfile.ZipFile(io.BytesIO(before)).namelist() == ["b.py", "c/d.py"]


def test_executables_stay_executable(tmp_path: Path) -> None:
    """A custom runtime's bootstrap must be one."""
    write(tmp_path, {"a/bootstrap": "#!/bin/sh"})
    (tmp_path / "a/bootstrap").chmod(0o744)
    (entry,) = zipfile.ZipFile(io.BytesIO(zipped(tmp_path / "a"))).infolist()
    assert entry.external_attr >> 16 == 0o100755


def test_packages_that_were_not_built_are_warned_of(tmp_path: Path) -> None:
    """`deploy` packages what is there; a function without its packages fails when it is invoked."""
    write(tmp_path, {"src/requirements.txt": "# what we need\nboto3\nrequests==2.32\n"})
    _, _, warnings = packaged(
        tmp_path, "Resources: {R: {Type: 'AWS::Serverless::Function', Properties: {CodeUri: src/}}}"
    )
    assert len(warnings) == 1
    assert "build first" in warnings[0]


@pytest.mark.parametrize(
    ("text", "says"),
    [("- a list", "is no template"), ("a: [", "is not YAML"), ("{", "is not JSON")],
)
def test_what_is_no_template_is_said_to_be_none(tmp_path: Path, text: str, says: str) -> None:
    """Before anything is uploaded."""
    write(tmp_path, {"t.yaml": text})
    with pytest.raises(Problem, match=says):
        package(tmp_path / "t.yaml", "code", "us-east-1")
