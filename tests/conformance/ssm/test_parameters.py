"""Parameter Store."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from freehold.kv.keys import Scope
from freehold.services.ssm import pages, store
from freehold.services.ssm.records import Parameter, Version


@pytest.fixture
def ssm(aws):
    return aws.client("ssm")


def put(ssm, name, value="value", **more):
    return ssm.put_parameter(**{"Name": name, "Value": value, "Type": "String", **more})


def test_a_parameter_is_put_read_overwritten_and_deleted(aws, ssm):
    """The whole life; versions count up (PutParameter reference)."""
    created = put(ssm, "/app/url", "http://a")
    assert (created["Version"], created["Tier"]) == (1, "Standard")
    found = ssm.get_parameter(Name="/app/url")["Parameter"]
    assert found["ARN"] == f"arn:aws:ssm:us-east-1:{aws.account}:parameter/app/url"
    assert (found["Value"], found["Version"], found["DataType"]) == ("http://a", 1, "text")
    with pytest.raises(ssm.exceptions.ParameterAlreadyExists, match="set the overwrite option"):
        put(ssm, "/app/url")
    assert put(ssm, "/app/url", "http://b", Overwrite=True)["Version"] == 2
    assert ssm.get_parameter(Name="/app/url:1")["Parameter"]["Value"] == "http://a"
    by_arn = ssm.get_parameter(Name=f"{found['ARN']}:2")["Parameter"]
    assert (by_arn["Value"], by_arn["Selector"]) == ("http://b", ":2")
    with pytest.raises(ssm.exceptions.ParameterVersionNotFound):
        ssm.get_parameter(Name="/app/url:3")
    ssm.delete_parameter(Name="/app/url")
    with pytest.raises(ssm.exceptions.ParameterNotFound):
        ssm.get_parameter(Name="/app/url")
    with pytest.raises(ssm.exceptions.ParameterNotFound):
        ssm.delete_parameter(Name="/app/url")
    assert put(ssm, "/app/url")["Version"] == 1


def test_a_secure_string_is_sealed_until_decryption_is_asked_for(aws, ssm):
    """Without WithDecryption the value is ciphertext, and so it is on disk."""
    put(ssm, "/secret", "hunter2", Type="SecureString")
    sealed = ssm.get_parameter(Name="/secret")["Parameter"]
    assert sealed["Type"] == "SecureString"
    assert "hunter2" not in sealed["Value"]
    opened = ssm.get_parameter(Name="/secret", WithDecryption=True)["Parameter"]
    assert opened["Value"] == "hunter2"
    kept = aws.node.write(
        lambda tx: store.load_parameter(tx, Scope(aws.account, "us-east-1"), "/secret")
    )
    assert kept.newest.value == sealed["Value"]
    put(ssm, "/secret", "hunter3", Type="SecureString", Overwrite=True)
    history = ssm.get_parameter_history(Name="/secret", WithDecryption=True)["Parameters"]
    assert [each["Value"] for each in history] == ["hunter2", "hunter3"]
    assert ssm.describe_parameters()["Parameters"][0]["KeyId"] == "alias/aws/ssm"
    with pytest.raises(ClientError, match="does not implement"):
        put(ssm, "/other", Type="SecureString", KeyId="alias/mine")


def test_several_parameters_are_read_and_deleted_at_once(ssm):
    """What is not there is named, not an error (GetParameters, DeleteParameters reference)."""
    put(ssm, "a")
    put(ssm, "b")
    answer = ssm.get_parameters(Names=["a", "b:1", "c", "a:7"])
    assert [each["Name"] for each in answer["Parameters"]] == ["a", "b"]
    assert answer["InvalidParameters"] == ["c", "a:7"]
    answer = ssm.delete_parameters(Names=["a", "c"])
    assert (answer["DeletedParameters"], answer["InvalidParameters"]) == (["a"], ["c"])


def test_parameters_are_found_by_path(ssm):
    """One level, or all below with Recursive (GetParametersByPath reference)."""
    for name in ("/a/one", "/a/two", "/a/b/three", "/a/b/c/four", "/ab/five", "plain"):
        put(ssm, name)

    def names(**params):
        pages = ssm.get_paginator("get_parameters_by_path").paginate(
            PaginationConfig={"PageSize": 2}, **params
        )
        return [each["Name"] for page in pages for each in page["Parameters"]]

    assert names(Path="/a") == ["/a/one", "/a/two"]
    assert names(Path="/a/") == ["/a/one", "/a/two"]
    assert names(Path="/a", Recursive=True) == ["/a/b/c/four", "/a/b/three", "/a/one", "/a/two"]
    assert names(Path="/") == ["plain"]
    assert len(names(Path="/", Recursive=True)) == 6
    assert names(Path="/nothing") == []
    with pytest.raises(ClientError, match="must begin with a forward slash"):
        names(Path="a")
    ssm.label_parameter_version(Name="/a/two", Labels=["live"])
    live = [{"Key": "Label", "Values": ["live"]}]
    assert names(Path="/a", ParameterFilters=live) == ["/a/two"]
    with pytest.raises(ssm.exceptions.InvalidFilterKey):
        names(Path="/a", ParameterFilters=[{"Key": "Name", "Values": ["x"]}])
    with pytest.raises(ssm.exceptions.InvalidNextToken):
        ssm.get_parameters_by_path(Path="/a", NextToken="no token of ours")


def test_many_branches_do_not_hide_what_comes_after_them(aws, ssm):
    """A page looks at so many records and no more; its token goes on behind them."""
    version = Version(
        number=1, type="String", value="v", tier="Standard", modified_at=0.0, modified_by=""
    )
    scope = Scope(aws.account, "us-east-1")

    def fill(tx):
        for number in range(pages.EXAMINED_MAX + 5):
            branch = Parameter(name=f"/a/{number:04}/x", newest=version)
            store.save_parameter(tx, scope, branch)
        store.save_parameter(tx, scope, Parameter(name="/a/z", newest=version))

    aws.node.write(fill)
    first = ssm.get_parameters_by_path(Path="/a")
    assert first["Parameters"] == []
    second = ssm.get_parameters_by_path(Path="/a", NextToken=first["NextToken"])
    assert [each["Name"] for each in second["Parameters"]] == ["/a/z"]
    assert "NextToken" not in second


def test_parameters_are_described_by_filters(ssm):
    """Filters are combined with and, their values with or (ParameterStringFilter reference)."""
    put(ssm, "/app/url", Tags=[{"Key": "env", "Value": "dev"}])
    put(ssm, "/app/key", Type="SecureString")
    put(ssm, "list", "a,b", Type="StringList", Tier="Advanced")

    def names(*filters):
        listed = [dict(zip(("Key", "Option", "Values"), each, strict=True)) for each in filters]
        found = ssm.describe_parameters(ParameterFilters=listed)["Parameters"]
        return sorted(each["Name"] for each in found)

    assert names(("Name", "Equals", ["list"])) == ["list"]
    assert names(("Name", "BeginsWith", ["/app"])) == ["/app/key", "/app/url"]
    assert names(("Name", "Contains", ["ur", "is"])) == ["/app/url", "list"]
    assert names(("Path", "Recursive", ["/"])) == ["/app/key", "/app/url", "list"]
    assert names(("Path", "OneLevel", ["/app"])) == ["/app/key", "/app/url"]
    assert names(("Type", "Equals", ["SecureString"])) == ["/app/key"]
    assert names(("KeyId", "Equals", ["alias/aws/ssm"])) == ["/app/key"]
    assert names(("Tier", "Equals", ["Advanced"])) == ["list"]
    assert names(("tag:env", "Equals", ["dev"])) == ["/app/url"]
    assert names(("Path", "Recursive", ["/app"]), ("Type", "Equals", ["String"])) == ["/app/url"]
    with pytest.raises(ssm.exceptions.InvalidFilterOption):
        names(("Type", "Contains", ["S"]))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"Name": "a/b"}, "fully qualified name"),
        ({"Name": "/aws/x"}, "reserved parameter name"),
        ({"Name": "SSM-x"}, "can't be prefixed with"),
        ({"Name": "/a b"}, "can't be prefixed with"),
        ({"Name": "/a//b"}, "can't be prefixed with"),
        ({"Name": "/x" * 16}, "15 levels"),
        ({"Name": "a" * 1000}, "longer than"),
        ({"Value": ""}, "greater than or equal to 1"),
        ({"Value": "{{ssm:other}}"}, "nest"),
        ({"Value": "a" * 4097}, "maximum parameter value of 4096"),
        ({"Value": "a" * 8193, "Tier": "Advanced"}, "maximum parameter value of 8192"),
        ({"Value": "abc", "AllowedPattern": r"\d+"}, "allowedPattern"),
        ({"AllowedPattern": "("}, "regular expression"),
        ({"KeyId": "alias/aws/ssm"}, "SecureString"),
        ({"DataType": "aws:ec2:image"}, "does not implement"),
        ({"Policies": "[]"}, "does not implement"),
    ],
)
def test_what_cannot_be_a_parameter_is_refused(ssm, params, message):
    """Names and values as PutParameter's reference limits them."""
    with pytest.raises(ClientError, match=message):
        put(ssm, **{"name": params.pop("Name", "/p"), "value": params.pop("Value", "v"), **params})
    assert ssm.describe_parameters()["Parameters"] == []


def test_a_pattern_that_never_ends_matches_nothing(ssm):
    """A caller's pattern must not be able to stop the node: its time is limited."""
    with pytest.raises(ssm.exceptions.ParameterPatternMismatchException):
        put(ssm, "/p", "a" * 4000 + "!", AllowedPattern="(a|a)*b|(a|aa)+$")


def test_what_a_parameter_is_does_not_change(ssm):
    """Its type never, its tier only upwards (PutParameter reference)."""
    with pytest.raises(ClientError, match="type is required when you create"):
        ssm.put_parameter(Name="/p", Value="v")
    put(ssm, "/p", Tier="Intelligent-Tiering")
    with pytest.raises(ssm.exceptions.HierarchyTypeMismatchException):
        put(ssm, "/p", Type="StringList", Overwrite=True)
    large = "a" * 5000
    answer = ssm.put_parameter(Name="/p", Value=large, Overwrite=True, Tier="Intelligent-Tiering")
    assert answer["Tier"] == "Advanced"
    with pytest.raises(ClientError, match="can't downgrade"):
        ssm.put_parameter(Name="/p", Value="v", Overwrite=True, Tier="Standard")
    assert ssm.put_parameter(Name="/p", Value="v", Overwrite=True)["Tier"] == "Advanced"
    with pytest.raises(ClientError, match="tags and overwrite can't be used together"):
        put(ssm, "/p", Overwrite=True, Tags=[{"Key": "a", "Value": "b"}])


def test_a_label_names_one_version_and_moves(ssm):
    """Labels (LabelParameterVersion reference)."""
    for number in range(3):
        put(ssm, "/p", f"v{number + 1}", Overwrite=True)
    answer = ssm.label_parameter_version(
        Name="/p", ParameterVersion=1, Labels=["live", "1x", "awsx"]
    )
    assert answer["InvalidLabels"] == ["1x", "awsx"]
    found = ssm.get_parameter(Name="/p:live")["Parameter"]
    assert (found["Value"], found["Selector"]) == ("v1", ":live")
    assert ssm.label_parameter_version(Name="/p", Labels=["live"])["ParameterVersion"] == 3
    assert ssm.get_parameter(Name="/p:live")["Parameter"]["Value"] == "v3"
    history = ssm.get_parameter_history(Name="/p")["Parameters"]
    assert [each["Labels"] for each in history] == [[], [], ["live"]]
    answer = ssm.unlabel_parameter_version(Name="/p", ParameterVersion=3, Labels=["live", "x"])
    assert (answer["RemovedLabels"], answer["InvalidLabels"]) == (["live"], ["x"])
    with pytest.raises(ssm.exceptions.ParameterVersionNotFound):
        ssm.get_parameter(Name="/p:live")
    with pytest.raises(ssm.exceptions.ParameterVersionLabelLimitExceeded):
        for batch in ("a", "b"):
            labels = [f"{batch}{n}" for n in range(6)]
            ssm.label_parameter_version(Name="/p", Labels=labels)


def test_a_hundred_versions_are_kept_but_a_labelled_one_is_not_dropped(ssm):
    """The oldest makes room, unless it has a label (PutParameter reference)."""
    for _ in range(101):
        put(ssm, "/p", Overwrite=True)
    history = ssm.get_paginator("get_parameter_history").paginate(Name="/p")
    numbers = [each["Version"] for page in history for each in page["Parameters"]]
    assert numbers == list(range(2, 102))
    ssm.label_parameter_version(Name="/p", ParameterVersion=2, Labels=["keep"])
    with pytest.raises(ssm.exceptions.ParameterMaxVersionLimitExceeded, match="Version 2"):
        put(ssm, "/p", Overwrite=True)


def test_tags_are_added_listed_and_removed(ssm):
    """Only parameters can be tagged here; another kind of resource is refused by name."""
    put(ssm, "/p", Tags=[{"Key": "a", "Value": "1"}])
    what = {"ResourceType": "Parameter", "ResourceId": "/p"}
    ssm.add_tags_to_resource(**what, Tags=[{"Key": "b", "Value": "2"}])
    ssm.remove_tags_from_resource(**what, TagKeys=["a"])
    assert ssm.list_tags_for_resource(**what)["TagList"] == [{"Key": "b", "Value": "2"}]
    with pytest.raises(ssm.exceptions.InvalidResourceId):
        ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId="/q")
    with pytest.raises(ClientError, match="does not implement"):
        ssm.list_tags_for_resource(ResourceType="Document", ResourceId="d")


def test_a_user_reads_what_his_policy_names_and_nothing_else(aws, ssm):
    """Neither by another spelling, nor by ARN, nor among others, nor by path."""
    for name in ("/mine/a", "/theirs/a"):
        put(ssm, name)
    own = f"arn:aws:ssm:us-east-1:{aws.account}:parameter/mine/*"
    ada = aws.as_user("ada", {"Effect": "Allow", "Action": "ssm:*", "Resource": own}).client("ssm")
    assert ada.get_parameter(Name="/mine/a")
    assert ada.get_parameter(Name=f"{own[:-1]}a")
    assert ada.get_parameters_by_path(Path="/mine/")["Parameters"]
    theirs = own.replace("mine/*", "theirs/a")
    for attempt in (
        lambda: ada.get_parameter(Name="/theirs/a"),
        lambda: ada.get_parameter(Name=theirs),
        lambda: ada.get_parameter(Name=" /theirs/a "),
        lambda: ada.get_parameters(Names=["/mine/a", "/theirs/a"]),
        lambda: ada.get_parameters_by_path(Path="/", Recursive=True),
        lambda: ada.put_parameter(Name="/theirs/a", Value="x", Overwrite=True),
        lambda: ada.describe_parameters(),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            attempt()


def test_accounts_and_regions_do_not_see_each_other(aws, ssm, shared_node):
    """The same name elsewhere is another parameter."""
    put(ssm, "/p")
    arn = ssm.get_parameter(Name="/p")["Parameter"]["ARN"]
    for elsewhere in (aws.in_region("eu-west-1"), shared_node.new_account()):
        with pytest.raises(ClientError, match="ParameterNotFound"):
            elsewhere.client("ssm").get_parameter(Name="/p")
        with pytest.raises(ClientError, match="ParameterNotFound"):
            elsewhere.client("ssm").get_parameter(Name=arn)
