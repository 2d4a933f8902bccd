"""Parameter Store's rules, as tables of cases."""

from __future__ import annotations

import pytest

from freehold.kernel.errors import AwsError
from freehold.services.ssm import rules
from freehold.services.ssm.records import Parameter, Version

PREFIX = "arn:aws:ssm:us-east-1:123456789012:parameter"


def parameter(name, **newest):
    version = {"number": 1, "type": "String", "value": "v", "tier": "Standard", **newest}
    made = Version(modified_at=0.0, modified_by="root", **version)
    return Parameter(name=name, newest=made, labels={"live": 1}, tags={"env": "dev"})


@pytest.mark.parametrize(
    ("text", "arn", "names", "selector"),
    [
        ("a", f"{PREFIX}/a", ("a",), (None, None)),
        ("/a/b:3", f"{PREFIX}/a/b", ("/a/b",), (3, None)),
        ("/a:live", f"{PREFIX}/a", ("/a",), (None, "live")),
        (" /a ", f"{PREFIX}/a", ("/a",), (None, None)),
        (f"{PREFIX}/a", f"{PREFIX}/a", ("/a", "a"), (None, None)),
        (f"{PREFIX}/a/b:7", f"{PREFIX}/a/b", ("/a/b", "a/b"), (7, None)),
        (f"{PREFIX}s/a", f"{PREFIX}s/a", (), (None, None)),
        (
            PREFIX.replace("123456789012", "999999999999") + "/a",
            PREFIX.replace("123456789012", "999999999999") + "/a",
            (),
            (None, None),
        ),
    ],
)
def test_a_name_is_understood_in_all_its_forms(text, arn, names, selector):
    """Names and ARNs, with versions and labels (GetParameter reference)."""
    found = rules.resolve(text, PREFIX)
    assert (found.arn, found.names) == (arn, names)
    assert (found.selector.number, found.selector.label) == selector


@pytest.mark.parametrize("name", ["a", "/a", "/a/b.c-d_e", "A1", "/" + "/".join("x" * 15)])
def test_names_that_are_allowed(name):
    """Letters, digits and .-_ in at most fifteen levels (PutParameter reference)."""
    rules.check_new_name(name, f"{PREFIX}/{name.removeprefix('/')}")


@pytest.mark.parametrize(
    "name", ["/", "//a", "/a/", "a:b", "é", "awsome", "/AWS/x", "ssm", "/ssm/x", "a/b", ""]
)
def test_names_that_are_not(name):
    """The prefixes aws and ssm are reserved, whatever their case and however they go on."""
    with pytest.raises(AwsError):
        rules.check_new_name(name, PREFIX + name)


@pytest.mark.parametrize(
    ("each", "passes"),
    [
        ({"Key": "Name", "Values": ["/a/b"]}, True),
        ({"Key": "Name", "Option": "BeginsWith", "Values": ["/a"]}, True),
        ({"Key": "Name", "Option": "Contains", "Values": ["x", "a/"]}, True),
        ({"Key": "Name", "Values": ["/a"]}, False),
        ({"Key": "Path", "Values": ["/a"]}, True),
        ({"Key": "Path", "Values": ["/"]}, False),
        ({"Key": "Path", "Option": "Recursive", "Values": ["/"]}, True),
        ({"Key": "Label", "Values": ["live"]}, True),
        ({"Key": "KeyId", "Values": ["alias/aws/ssm"]}, False),
        ({"Key": "tag:env", "Values": ["dev"]}, True),
        ({"Key": "tag:env", "Values": []}, True),
        ({"Key": "tag:other", "Values": []}, False),
        ({"Key": "DataType", "Values": ["text"]}, True),
    ],
)
def test_a_filter_passes_what_it_names(each, passes):
    """ParameterStringFilter's keys and options."""
    assert rules.passes(parameter("/a/b"), [each]) is passes


def test_labels_move_and_are_limited():
    """A label has one version at most (LabelParameterVersion reference)."""
    moved, invalid = rules.attach_labels(parameter("/p"), 2, ["live", "9", "ssm-x", "ok"])
    assert moved.labels == {"live": 2, "ok": 2}
    assert invalid == ["9", "ssm-x"]
    with pytest.raises(AwsError, match="maximum of ten"):
        rules.attach_labels(parameter("/p"), 1, [f"l{n}" for n in range(10)])
