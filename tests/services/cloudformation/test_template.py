"""The template language, as tables: text in, values or CloudFormation's own words out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from freehold.kernel.errors import AwsError
from freehold.services.cloudformation.template import (
    changes,
    conditions,
    extensions,
    functions,
    parameters,
    parse,
    plan,
    schema,
    sections,
    summary,
)
from freehold.services.cloudformation.template.changes import Side
from freehold.services.cloudformation.template.functions import Environment, Imports
from freehold.services.cloudformation.template.parameters import Given
from freehold.services.cloudformation.template.plan import Target

ENV = Environment(
    pseudo={"AWS::Region": "us-east-1", "AWS::AccountId": "123456789012", "AWS::StackName": "s"},
    parameters={"Name": "value", "List": ["a", "b"], "Empty": ""},
    mappings={"Map": {"row": {"column": "cell", "list": ["x", "y"]}}},
    conditions={"Yes": True, "No": False},
    resource_names=frozenset(("Queue", "Topic")),
    zones=("us-east-1a", "us-east-1b"),
    imports=Imports({"shared": "imported"}),
)


@pytest.mark.parametrize(
    ("text", "document"),
    [
        ("a: !Ref B", {"a": {"Ref": "B"}}),
        ("a: !GetAtt B.C", {"a": {"Fn::GetAtt": ["B", "C"]}}),
        ("a: !GetAtt B.C.D", {"a": {"Fn::GetAtt": ["B", "C.D"]}}),
        ("a: !GetAtt [B, !Sub '${C}']", {"a": {"Fn::GetAtt": ["B", {"Fn::Sub": "${C}"}]}}),
        ("a: !Join [',', [!Ref B, c]]", {"a": {"Fn::Join": [",", [{"Ref": "B"}, "c"]]}}),
        ("a: !If [X, !Ref B, c]", {"a": {"Fn::If": ["X", {"Ref": "B"}, "c"]}}),
        ("a: !Base64\n  Fn::Sub: x", {"a": {"Fn::Base64": {"Fn::Sub": "x"}}}),
        ("a: !Condition X", {"a": {"Condition": "X"}}),
        ("a: 2012-10-17", {"a": "2012-10-17"}),
        ("a: [1, 1.5, 0123, 1.10, 1e3, 0x1F]", {"a": [1, 1.5, "0123", "1.10", "1e3", "0x1F"]}),
        ("a: [true, no, 'yes', \"1\"]", {"a": [True, False, "yes", "1"]}),
        ("a: |\n  two\n  lines\n", {"a": "two\nlines\n"}),
        ("1: a", {"1": "a"}),
        ('{"a": [1, 1.50, "x", true]}', {"a": [1, "1.50", "x", True]}),
    ],
)
def test_text_becomes_a_document(text: str, document: dict[str, Any]) -> None:
    """Short forms stand for their functions (user guide); numbers keep their looks."""
    assert parse.parse(text) == document


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x [1]\nb: *x", "YAML aliases are not allowed"),
        ("a: 1\na: 2", "Duplicate key: a (line 2, column 1)"),
        ('{"a": 1, "a": 2}', "Duplicate key: a"),
        ("a:\n  b:", "[/a/b] 'null' values are not allowed in templates"),
        ("a: !Nothing x", "YAML not well-formed. (line 1, column 4)"),
        ("a: [b", "YAML not well-formed."),
        ("a: 1\n---\nb: 2", "YAML not well-formed."),
        ("{'a': 1}", "JSON not well-formed. (line 1, column 2)"),
        ('{"a": NaN}', "JSON not well-formed."),
        ("[" * 5000, "YAML not well-formed."),
        ('{"a":' * 5000, "JSON not well-formed."),
        ("- a", "unsupported structure"),
        ("", "unsupported structure"),
        ("? [a]\n: b", "YAML not well-formed."),
    ],
)
def test_text_that_is_no_template_is_refused(text: str, message: str) -> None:
    with pytest.raises(AwsError) as refused:
        parse.parse(text)
    assert refused.value.code == "ValidationError"
    assert message in refused.value.message


QUEUE = {"Ref": "Queue"}
ARN = {"Fn::GetAtt": ["Queue", "Arn"]}


@pytest.mark.parametrize(
    ("value", "evaluated"),
    [
        ({"Ref": "Name"}, "value"),
        ({"Ref": "AWS::Region"}, "us-east-1"),
        ({"Ref": "Queue"}, QUEUE),
        ({"Fn::GetAtt": "Queue.Arn"}, ARN),
        ({"a": {"Ref": "AWS::NoValue"}, "b": [1, {"Ref": "AWS::NoValue"}]}, {"b": [1]}),
        ({"Fn::Sub": "${Name}-${AWS::Region}-${!Literal}"}, "value-us-east-1-${Literal}"),
        ({"Fn::Sub": ["${x}/${Name}", {"x": {"Ref": "Name"}}]}, "value/value"),
        ({"Fn::Sub": "a${Queue}b"}, {"Fn::Join": ["", ["a", QUEUE, "b"]]}),
        ({"Fn::Sub": "${Queue.Arn}"}, {"Fn::Join": ["", [ARN]]}),
        ({"Fn::Sub": "no names, $ or } alone"}, "no names, $ or } alone"),
        ({"Fn::Join": ["-", ["a", 1, True, {"Ref": "Name"}]]}, "a-1-true-value"),
        ({"Fn::Join": [",", {"Ref": "List"}]}, "a,b"),
        ({"Fn::Join": [",", [QUEUE]]}, {"Fn::Join": [",", [QUEUE]]}),
        ({"Fn::Select": ["1", {"Ref": "List"}]}, "b"),
        ({"Fn::Select": [0, {"Fn::GetAZs": ""}]}, "us-east-1a"),
        ({"Fn::Select": [0, [QUEUE, "x"]]}, QUEUE),
        ({"Fn::Split": ["|", "a|b|"]}, ["a", "b", ""]),
        (
            {"Fn::Select": [5, {"Fn::Split": [":", ARN]}]},
            {"Fn::Select": [5, {"Fn::Split": [":", ARN]}]},
        ),
        ({"Fn::FindInMap": ["Map", "row", "column"]}, "cell"),
        ({"Fn::FindInMap": ["Map", "none", "column", {"DefaultValue": "d"}]}, "d"),
        ({"Fn::Base64": "text"}, "dGV4dA=="),
        ({"Fn::If": ["Yes", {"Ref": "Name"}, {"Ref": "Missing"}]}, "value"),
        ({"Fn::If": ["No", "a", {"Ref": "AWS::NoValue"}]}, functions.NO_VALUE),
        ({"Fn::ImportValue": {"Fn::Sub": "shared"}}, "imported"),
        ({"Fn::Cidr": ["10.0.0.0/16", 2, 8]}, ["10.0.0.0/24", "10.0.1.0/24"]),
        ({"Fn::Length": {"Ref": "List"}}, 2),
        ({"Fn::ToJsonString": {"a": [{"Ref": "Name"}]}}, '{"a":["value"]}'),
        (
            {"Condition": {"StringEquals": {"a": {"Ref": "Name"}}}},
            {"Condition": {"StringEquals": {"a": "value"}}},
        ),
    ],
)
def test_functions_are_evaluated_as_far_as_can_be(value: Any, evaluated: Any) -> None:
    assert functions.evaluate(value, ENV) == evaluated


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"Ref": "Missing"}, "Unresolved resource dependencies [Missing]"),
        ({"Ref": ["a"]}, "every Ref object must have a single String value."),
        ({"Fn::GetAtt": "Queue"}, "every Fn::GetAtt object requires two non-empty parameters"),
        ({"Fn::GetAtt": "Missing.Arn"}, "Fn::GetAtt references undefined resource Missing"),
        ({"Fn::Sub": {"a": "b"}}, "don't specify expected arguments"),
        (
            {"Fn::Sub": "${List}"},
            "variable List in Fn::Sub expression does not resolve to a string",
        ),
        ({"Fn::Join": ["a"]}, "every Fn::Join object requires two parameters"),
        ({"Fn::Join": [",", [{"a": "b"}]]}, "every Fn::Join object requires two parameters"),
        ({"Fn::Select": [2, {"Ref": "List"}]}, "cannot select nonexistent value at index 2"),
        ({"Fn::FindInMap": ["No", "row", "a"]}, "Mapping named 'No' is not present"),
        ({"Fn::FindInMap": ["Map", "row", "no"]}, "Unable to get mapping for Map::row::no"),
        ({"Fn::ImportValue": QUEUE}, "must not depend on any resources"),
        ({"Fn::If": ["Maybe", 1, 2]}, "Unresolved condition dependency Maybe"),
        ({"Fn::Nothing": 1}, "unsupported function Fn::Nothing"),
        ({"Fn::Transform": {"Name": "Mine"}}, "No transform named Mine found"),
        ({"Fn::Cidr": ["10.0.0.0/30", 5, 1]}, "Fn::Cidr"),
    ],
)
def test_functions_complain_in_awss_words(value: Any, message: str) -> None:
    with pytest.raises(AwsError) as refused:
        functions.evaluate(value, ENV)
    assert message in refused.value.message


def test_a_value_that_looks_like_a_reference_after_substitution_is_left_alone() -> None:
    """Parameters cannot smuggle references into the template: values are never read again."""
    env = Environment(pseudo={}, parameters={"P": "${Queue}"}, resource_names=frozenset(("Queue",)))
    half = functions.evaluate({"Fn::Sub": "${P} ${Queue}"}, env)
    known = Environment(
        pseudo={}, resource_names=frozenset(("Queue",)), lookup=lambda name, attribute: "url"
    )
    assert functions.evaluate(half, known) == "${Queue} url"


@pytest.mark.parametrize(
    ("condition", "truth"),
    [
        ({"Fn::Equals": [{"Ref": "Name"}, "value"]}, True),
        ({"Fn::Equals": [True, "true"]}, True),
        ({"Fn::Not": [{"Condition": "Base"}]}, False),
        ({"Fn::And": [{"Condition": "Base"}, {"Fn::Equals": ["a", "b"]}]}, False),
        ({"Fn::Or": [{"Condition": "Base"}, {"Fn::Equals": ["a", "b"]}]}, True),
    ],
)
def test_conditions(condition: Any, truth: bool) -> None:
    every = {"Tested": condition, "Base": {"Fn::Equals": [1, 1]}}
    assert conditions.evaluate_conditions(every, ENV)["Tested"] is truth


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ({"Condition": "Tested"}, "Circular dependency between conditions"),
        ({"Condition": "Missing"}, "Unresolved dependencies [Missing]"),
        ({"Ref": "Name"}, "Conditions can only be boolean operations"),
        ({"Fn::Or": [True]}, "at least 2 and at most 10"),
    ],
)
def test_conditions_complain(condition: Any, message: str) -> None:
    with pytest.raises(AwsError) as refused:
        conditions.evaluate_conditions({"Tested": condition}, ENV)
    assert message in refused.value.message


def test_the_bootstrap_rule_of_cdk_holds_from_version_six() -> None:
    rule = {
        "Assertions": [
            {
                "Assert": {"Fn::Not": [{"Fn::Contains": [["1", "2", "5"], {"Ref": "Version"}]}]},
                "AssertDescription": "CDK bootstrap stack version 6 required.",
            }
        ]
    }
    for version, holds in (("6", True), ("5", False)):
        env = Environment(pseudo={}, parameters={"Version": version})
        if holds:
            conditions.check_rules({"Check": rule}, env, {})
        else:
            with pytest.raises(AwsError, match="version 6 required"):
                conditions.check_rules({"Check": rule}, env, {})


def given(value: str) -> list[dict[str, Any]]:
    return [{"ParameterKey": "P", "ParameterValue": value}]


@pytest.mark.parametrize(
    ("declaration", "value", "typed"),
    [
        ({"Type": "String"}, "x", "x"),
        ({"Type": "String", "Default": 5}, None, "5"),
        ({"Type": "Number"}, "1.5", "1.5"),
        ({"Type": "CommaDelimitedList"}, "a, b,c", ["a", "b", "c"]),
        ({"Type": "List<Number>"}, "1,2", ["1", "2"]),
        ({"Type": "List<AWS::EC2::Subnet::Id>"}, "s1,s2", ["s1", "s2"]),
        ({"Type": "AWS::SSM::Parameter::Name"}, "/x", "/x"),
    ],
)
def test_parameters_have_types(declaration: Any, value: str | None, typed: Any) -> None:
    values = parameters.collect({"P": declaration}, given(value) if value else [], None)
    assert parameters.typed({"P": declaration}, values) == {"P": typed}


@pytest.mark.parametrize(
    ("declaration", "value", "message"),
    [
        ({"Type": "String"}, None, "Parameters: [P] must have values"),
        ({"Type": "Strng"}, "x", "Unrecognized parameter type: Strng"),
        ({"Type": "List<String>"}, "x", "Unrecognized parameter type: List<String>"),
        ({"Type": "Number"}, "x", "Parameter 'P' must be a number."),
        ({"Type": "Number", "MinValue": 2}, "1", "must be a number not less than 2"),
        ({"Type": "Number", "MaxValue": "2"}, "3", "must be a number not greater than 2"),
        ({"Type": "String", "MinLength": 2}, "x", "must contain at least 2 characters"),
        ({"Type": "String", "MaxLength": 1}, "xy", "must contain at most 1 characters"),
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, "x1", "must match pattern [a-z]+"),
        ({"Type": "String", "AllowedValues": ["a", 1]}, "b", "must be one of AllowedValues"),
        (
            {"Type": "String", "AllowedPattern": "a", "ConstraintDescription": "only a"},
            "b",
            "Parameter 'P' failed to satisfy constraint: only a",
        ),
    ],
)
def test_parameters_are_checked(declaration: Any, value: str | None, message: str) -> None:
    with pytest.raises(AwsError) as refused:
        parameters.collect({"P": declaration}, given(value) if value else [], None)
    assert message in refused.value.message


def test_parameters_may_keep_their_previous_values() -> None:
    asked = [{"ParameterKey": "P", "UsePreviousValue": True}]
    declared = {"P": {"Type": "String", "Default": "d"}}
    assert parameters.collect(declared, asked, {"P": Given("old")})["P"].value == "old"
    assert parameters.collect(declared, [], {"P": Given("old")})["P"].value == "d"
    with pytest.raises(AwsError, match="do not exist in the template"):
        parameters.collect({}, asked, None)


def built(resources: dict[str, Any], **more: Any) -> plan.Plan:
    return plan.build(sections.read({"Resources": resources, **more}), ENV, {})


def test_a_plan_orders_resources_and_leaves_out_what_its_condition_excludes() -> None:
    made = built(
        {
            "A": {"Type": "AWS::SQS::Queue"},
            "B": {"Type": "T", "Properties": {"x": {"Fn::Sub": "${A}"}}, "DependsOn": "C"},
            "C": {"Type": "T", "Condition": "Never"},
        },
        Conditions={"Never": {"Fn::Equals": ["a", "b"]}},
    )
    assert {name: target.depends_on for name, target in made.targets.items()} == {
        "A": [],
        "B": ["A"],
    }


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ({"A": {"Type": "T", "DependsOn": "X"}}, "[X] in the Resources block"),
        (
            {"A": {"Type": "T", "Properties": {"p": {"Fn::If": ["Y", {"Ref": "X"}, 1]}}}},
            "[X] in the Resources block",
        ),
        ({"A": {"Type": "T", "Condition": "X"}}, "condition dependency X"),
        (
            {
                "A": {"Type": "T", "Properties": {"b": {"Ref": "B"}}},
                "B": {"Type": "T", "Properties": {"a": {"Fn::Sub": "${A.x}"}}},
                "C": {"Type": "T", "DependsOn": "A"},
                "D": {"Type": "T"},
            },
            "Circular dependency between resources: [A, B]",
        ),
        ({"A": {"Type": "T", "Properties": {"a": {"Ref": "A"}}}}, "resources: [A]"),
        ({"A-b": {"Type": "T"}}, "Resource name A-b is non alphanumeric."),
        ({"A": {"Type": "T", "Propertys": {}}}, "Invalid template resource property 'Propertys'"),
        ({"A": {"Type": "T", "DeletionPolicy": "Keep"}}, "Unrecognized DeletionPolicy Keep"),
        (
            {
                "A": {"Type": "AWS::SQS::Queue"},
                "B": {"Type": "T", "Properties": {"x": {"Fn::GetAtt": ["A", "Nope"]}}},
            },
            "resource A does not support attribute type Nope in Fn::GetAtt",
        ),
    ],
)
def test_a_plan_that_cannot_be_is_refused(resources: Any, message: str) -> None:
    with pytest.raises(AwsError) as refused:
        built(resources)
    assert message in refused.value.message


def test_loops_are_unrolled() -> None:
    """Fn::ForEach of AWS::LanguageExtensions, with nesting and &{} for alphanumeric names."""
    document = {
        "Resources": {
            "Fn::ForEach::Names": [
                "Each",
                ["one", "t-wo"],
                {"Queue&{Each}": {"Type": "T", "Properties": {"Name": {"Fn::Sub": "${Each}-x"}}}},
            ]
        }
    }
    assert extensions.expand(document, ENV) == {
        "Resources": {
            "Queueone": {"Type": "T", "Properties": {"Name": {"Fn::Sub": "one-x"}}},
            "Queuetwo": {"Type": "T", "Properties": {"Name": {"Fn::Sub": "t-wo-x"}}},
        }
    }


@pytest.mark.parametrize(
    ("resources", "capabilities"),
    [
        ({"A": {"Type": "AWS::SQS::Queue"}}, []),
        ({"A": {"Type": "AWS::IAM::Role", "Properties": {}}}, ["CAPABILITY_IAM"]),
        (
            {"A": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "r"}}},
            ["CAPABILITY_NAMED_IAM"],
        ),
        (
            {"A": {"Type": "AWS::IAM::Policy", "Properties": {"PolicyName": "r"}}},
            ["CAPABILITY_IAM"],
        ),
    ],
)
def test_capabilities(resources: Any, capabilities: list[str]) -> None:
    assert summary.iam_capabilities(resources)[0] == capabilities
    assert summary.missing_capabilities(capabilities, ["CAPABILITY_NAMED_IAM"]) == []


def test_schemas_tell_what_needs_a_replacement() -> None:
    table = schema.schema("AWS::DynamoDB::Table")
    assert table is not None
    assert table.needs_replacement({"TableName": "a"}, {"TableName": "b"})
    assert not table.needs_replacement({"BillingMode": "a"}, {"BillingMode": "b"})
    assert table.has_attribute("Arn")
    assert schema.schema("AWS::No::Such") is None


@pytest.mark.parametrize(
    ("properties", "problems"),
    [
        ({"QueueName": "q", "DelaySeconds": "5", "FifoQueue": "true"}, []),
        ({"Nope": 1}, ["#: extraneous key [Nope] is not permitted"]),
        ({"DelaySeconds": "x"}, ["#/DelaySeconds: expected type: Integer, found: String"]),
        ({"Tags": [{"Key": "k"}]}, ["#/Tags/0: required key [Value] not found"]),
        ({"QueueName": ["q"]}, ["#/QueueName: expected type: String, found: JSONArray"]),
    ],
)
def test_properties_are_held_against_their_schema(properties: Any, problems: list[str]) -> None:
    assert schema.property_problems("AWS::SQS::Queue", properties) == problems


def test_changes_follow_references() -> None:
    """A queue that is replaced may change whoever refers to it: Dynamic, by ResourceReference."""

    def side(name: str) -> Side:
        return Side(
            targets={
                "Q": Target(type="AWS::SQS::Queue", properties={"QueueName": name}),
                "T": Target(
                    type="AWS::SNS::Topic",
                    properties={"DisplayName": {"Ref": "Q"}},
                    depends_on=["Q"],
                ),
            }
        )

    found = changes.between(side("a"), side("b"), {"Q": "url"})
    queue, topic = (change["ResourceChange"] for change in found)
    assert (queue["Replacement"], queue["PhysicalResourceId"]) == ("True", "url")
    assert queue["PolicyAction"] == "ReplaceAndDelete"
    assert topic["Details"][0] == {
        "Target": {
            "Attribute": "Properties",
            "Name": "DisplayName",
            "RequiresRecreation": "Never",
        },
        "Evaluation": "Dynamic",
        "ChangeSource": "ResourceReference",
        "CausingEntity": "Q",
    }
    assert json.loads(topic["AfterContext"])["Properties"]["DisplayName"].startswith("{{changeSet:")
    assert changes.between(side("a"), side("a"), {}) == []


def test_a_megabyte_of_template_is_read() -> None:
    resources = {f"R{i}": {"Type": "T", "Properties": {"x": "y" * 1900}} for i in range(500)}
    document = parse.parse(json.dumps({"Resources": resources}))
    assert len(built(document["Resources"]).targets) == 500
    with pytest.raises(AwsError, match="greater than maximum allowed, 500"):
        sections.read({"Resources": {**resources, "More": {"Type": "T"}}})
