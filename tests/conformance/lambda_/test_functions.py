"""The life of functions."""

from __future__ import annotations

import base64
import hashlib
import urllib.error
import urllib.request

import pytest

from tests.conformance.lambda_.conftest import Functions, archive
from tests.conftest import Aws


def test_a_new_function_is_pending_and_then_active(functions: Functions) -> None:
    """Developer guide, "Lambda function states"."""
    created = functions.create(Description="d", Environment={"Variables": {"KEY": "1"}})
    assert created["State"] == "Pending"
    assert created["StateReasonCode"] == "Creating"
    assert created["Version"] == "$LATEST"
    assert created["FunctionArn"].endswith(":function:f")
    assert created["CodeSha256"] == base64.b64encode(hashlib.sha256(archive()).digest()).decode()
    functions.client.get_waiter("function_active_v2").wait(
        FunctionName="f", WaiterConfig={"Delay": 0, "MaxAttempts": 100}
    )
    known = functions.client.get_function_configuration(FunctionName="f")
    assert known["State"] == "Active"
    assert known["LastUpdateStatus"] == "Successful"
    assert known["Environment"] == {"Variables": {"KEY": "1"}}
    assert (known["MemorySize"], known["Timeout"]) == (128, 3)
    assert "StateReason" not in known


def test_the_state_reason_says_when_another_interpreter_runs_the_function(
    functions: Functions,
) -> None:
    """What is run by its nearest kin is said, never hidden."""
    functions.create(Runtime="python3.12")
    functions.client.get_waiter("function_active_v2").wait(
        FunctionName="f", WaiterConfig={"Delay": 0, "MaxAttempts": 100}
    )
    known = functions.client.get_function_configuration(FunctionName="f")
    assert known["StateReason"] == "Runs on Python 3.11."


def test_a_runtime_that_nothing_here_runs_is_refused(functions: Functions) -> None:
    with pytest.raises(functions.client.exceptions.InvalidParameterValueException, match="java21"):
        functions.create(Runtime="java21")


def test_two_functions_cannot_have_one_name(functions: Functions) -> None:
    functions.create()
    exceptions = functions.client.exceptions
    with pytest.raises(exceptions.ResourceConflictException, match="Function already exist: f"):
        functions.create()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"Code": {"ZipFile": b"no zip"}}, "Could not unzip uploaded file"),
        ({"Code": {}}, "Please provide a source for function code"),
        ({"Role": "arn:aws:iam::{account}:role/nobody"}, "cannot be assumed by Lambda"),
        ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, "reserved keys .* AWS_REGION"),
        ({"Environment": {"Variables": {"KEY": "x" * 5000}}}, "exceeded the 4KB limit"),
        ({"Layers": [f"arn:aws:lambda:us-east-1:1{0:011d}:layer:l{n}:1" for n in range(6)]},
         "more than 5 layers"),
    ],
)  # fmt: skip
def test_what_a_function_cannot_be(
    functions: Functions, options: dict[str, object], message: str
) -> None:
    role = options.get("Role")
    if isinstance(role, str):
        options = {**options, "Role": role.format(account=functions.aws.account)}
    exceptions = functions.client.exceptions
    with pytest.raises(exceptions.InvalidParameterValueException, match=message):
        functions.create(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"MemorySize": 10241}, "'memorySize' .* less than or equal to 10240"),
        ({"Timeout": 901}, "'timeout' .* less than or equal to 900"),
    ],
)
def test_limits_that_the_model_states_too_loosely(
    functions: Functions, options: dict[str, int], message: str
) -> None:
    with pytest.raises(functions.client.exceptions.ClientError, match=message) as caught:
        functions.create(**options)
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_the_caller_must_be_allowed_to_pass_the_role(functions: Functions) -> None:
    """iam:PassRole: else whoever may create functions could have any role's rights."""
    role = functions.role
    statement = {"Effect": "Allow", "Action": "lambda:*", "Resource": "*"}
    developer = functions.aws.as_user("developer", statement).client("lambda")
    with pytest.raises(developer.exceptions.ClientError, match="iam:PassRole") as caught:
        developer.create_function(
            FunctionName="f",
            Runtime="python3.11",
            Role=role,
            Handler="index.handler",
            Code={"ZipFile": archive()},
        )
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


@pytest.mark.parametrize(
    "form",
    [
        "f",
        "{account}:f",
        "{account}:function:f",
        "function:f",
        "arn:aws:lambda:us-east-1:{account}:function:f",
        "f:$LATEST",
        "arn:aws:lambda:us-east-1:{account}:function:f:$LATEST",
    ],
)
def test_a_function_is_found_by_every_form_of_its_name(functions: Functions, form: str) -> None:
    """The reference of FunctionName: name, partial ARN, full ARN, each with a qualifier."""
    functions.create()
    name = form.format(account=functions.aws.account)
    assert functions.client.get_function_configuration(FunctionName=name)["FunctionName"] == "f"


def test_two_qualifiers_must_agree(functions: Functions) -> None:
    functions.create()
    with pytest.raises(
        functions.client.exceptions.InvalidParameterValueException, match="derived qualifier"
    ):
        functions.client.get_function(FunctionName="f:1", Qualifier="2")


def test_an_unknown_function_is_named_by_its_arn(functions: Functions) -> None:
    arn = f"arn:aws:lambda:us-east-1:{functions.aws.account}:function:none"
    exceptions = functions.client.exceptions
    for operation in ("get_function", "delete_function", "invoke", "get_function_configuration"):
        with pytest.raises(exceptions.ResourceNotFoundException, match=f"not found: {arn}$"):
            getattr(functions.client, operation)(FunctionName="none")


def test_changed_code_has_another_hash_and_revision(functions: Functions) -> None:
    created = functions.create()
    new = archive("def handler(event, context): return 2")
    changed = functions.client.update_function_code(FunctionName="f", ZipFile=new)
    assert changed["CodeSha256"] != created["CodeSha256"]
    assert changed["RevisionId"] != created["RevisionId"]
    assert changed["LastUpdateStatus"] == "InProgress"
    functions.client.get_waiter("function_updated_v2").wait(
        FunctionName="f", WaiterConfig={"Delay": 0, "MaxAttempts": 100}
    )
    with pytest.raises(functions.client.exceptions.PreconditionFailedException):
        functions.client.update_function_code(
            FunctionName="f", ZipFile=new, RevisionId=created["RevisionId"]
        )


def test_a_dry_run_changes_no_code(functions: Functions) -> None:
    created = functions.create()
    functions.client.update_function_code(FunctionName="f", ZipFile=archive("2"), DryRun=True)
    known = functions.client.get_function_configuration(FunctionName="f")
    assert known["CodeSha256"] == created["CodeSha256"]


def test_a_change_of_settings_leaves_the_others_alone(functions: Functions) -> None:
    functions.create(Description="d", Environment={"Variables": {"KEY": "1"}})
    changed = functions.client.update_function_configuration(FunctionName="f", Timeout=10)
    assert (changed["Timeout"], changed["Description"]) == (10, "d")
    assert changed["Environment"] == {"Variables": {"KEY": "1"}}
    changed = functions.client.update_function_configuration(
        FunctionName="f", Environment={"Variables": {}}, MemorySize=256
    )
    assert (changed["MemorySize"], changed["Environment"]) == (256, {"Variables": {}})


def test_the_code_can_be_downloaded_for_a_while(timed: Functions) -> None:
    """GetFunction's Code.Location is a link that works for ten minutes."""
    timed.create()
    link = timed.client.get_function(FunctionName="f")["Code"]["Location"]
    with urllib.request.urlopen(link) as response:
        assert response.read() == archive()
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(link[:-1] + ("0" if link[-1] != "0" else "1"))
    timed.aws.node.advance(601)
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(link)


def test_functions_are_listed_in_pages(functions: Functions) -> None:
    for name in ("a", "b", "c"):
        functions.create(name)
    functions.client.publish_version(FunctionName="b")
    pages = functions.client.get_paginator("list_functions")
    listed = pages.paginate(PaginationConfig={"PageSize": 2}).build_full_result()["Functions"]
    assert [f["FunctionName"] for f in listed] == ["a", "b", "c"]
    assert "State" not in listed[0]
    every = pages.paginate(FunctionVersion="ALL", PaginationConfig={"PageSize": 2})
    arns = [f["FunctionArn"].split(":", 6)[6] for page in every for f in page["Functions"]]
    assert arns == ["a:$LATEST", "b:$LATEST", "b:1", "c:$LATEST"]


def test_a_deleted_function_is_gone_with_all_that_hung_on_it(functions: Functions) -> None:
    functions.create()
    functions.client.publish_version(FunctionName="f")
    functions.client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    functions.client.create_function_url_config(FunctionName="f", AuthType="NONE")
    answer = functions.client.delete_function(FunctionName="f")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    usage = functions.client.get_account_settings()["AccountUsage"]
    assert (usage["FunctionCount"], usage["TotalCodeSize"]) == (0, 0)
    functions.create()
    assert functions.client.list_aliases(FunctionName="f")["Aliases"] == []
    assert functions.client.publish_version(FunctionName="f")["Version"] == "1"


def test_tags_of_a_function(functions: Functions) -> None:
    arn = functions.create(Tags={"a": "1"})["FunctionArn"]
    functions.client.tag_resource(Resource=arn, Tags={"b": "2"})
    functions.client.untag_resource(Resource=arn, TagKeys=["a"])
    assert functions.client.list_tags(Resource=arn)["Tags"] == {"b": "2"}
    assert functions.client.get_function(FunctionName="f")["Tags"] == {"b": "2"}


def test_what_is_not_implemented_is_refused_by_name(functions: Functions) -> None:
    """Nothing is silently ignored."""
    refusals = {
        "SnapStart": {"ApplyOn": "PublishedVersions"},
        "VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": []},
        "LoggingConfig": {"LogFormat": "JSON"},
        "PackageType": "Image",
    }
    for name, value in refusals.items():
        with pytest.raises(functions.client.exceptions.ClientError, match=name):
            functions.create(**{name: value})
    functions.create(VpcConfig={"SubnetIds": [], "SecurityGroupIds": []})


def test_regions_and_accounts_are_apart(functions: Functions) -> None:
    functions.create()
    elsewhere = functions.aws.in_region("eu-west-1").client("lambda")
    assert elsewhere.list_functions()["Functions"] == []
    arn = f"arn:aws:lambda:us-east-1:{functions.aws.account}:function:f"
    with pytest.raises(elsewhere.exceptions.ResourceNotFoundException, match="not reachable"):
        elsewhere.get_function(FunctionName=arn)
    stranger: Aws = functions.aws.node.new_account()
    with pytest.raises(functions.client.exceptions.ClientError, match="not authorized"):
        stranger.client("lambda").get_function(FunctionName=arn)
