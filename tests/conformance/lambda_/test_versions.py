"""Versions, aliases and layers."""

from __future__ import annotations

import pytest

from freehold.runtime.contract import FunctionSpec, Invocation, Outcome
from tests.conformance.lambda_.conftest import Functions, archive


def say_version(spec: FunctionSpec, invocation: Invocation) -> Outcome:
    return Outcome(payload=spec.version.encode())


def test_a_version_keeps_the_code_that_was_published(functions: Functions) -> None:
    created = functions.create()
    first = functions.client.publish_version(FunctionName="f", Description="first")
    assert (first["Version"], first["Description"]) == ("1", "first")
    assert first["FunctionArn"].endswith(":f:1")
    functions.client.update_function_code(FunctionName="f", ZipFile=archive("2"), Publish=True)
    kept = functions.client.get_function_configuration(FunctionName="f", Qualifier="1")
    assert kept["CodeSha256"] == created["CodeSha256"]
    listed = functions.client.list_versions_by_function(FunctionName="f")["Versions"]
    assert [version["Version"] for version in listed] == ["$LATEST", "1", "2"]


def test_publishing_again_without_a_change_makes_no_version(functions: Functions) -> None:
    """Reference of PublishVersion: no version if nothing changed since the last one."""
    functions.create()
    assert functions.client.publish_version(FunctionName="f")["Version"] == "1"
    assert functions.client.publish_version(FunctionName="f")["Version"] == "1"
    functions.client.update_function_configuration(FunctionName="f", Timeout=4)
    assert functions.client.publish_version(FunctionName="f")["Version"] == "2"


def test_a_version_is_published_only_of_the_expected_code(functions: Functions) -> None:
    functions.create()
    with pytest.raises(
        functions.client.exceptions.InvalidParameterValueException, match="CodeSHA256"
    ):
        functions.client.publish_version(FunctionName="f", CodeSha256="x")


def test_a_version_in_use_by_an_alias_is_not_deleted(functions: Functions) -> None:
    functions.create()
    functions.client.publish_version(FunctionName="f")
    functions.client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    with pytest.raises(functions.client.exceptions.ResourceConflictException, match="live"):
        functions.client.delete_function(FunctionName="f", Qualifier="1")
    functions.client.delete_alias(FunctionName="f", Name="live")
    functions.client.delete_function(FunctionName="f", Qualifier="1")
    with pytest.raises(functions.client.exceptions.ResourceNotFoundException, match=r":f:1$"):
        functions.client.get_function(FunctionName="f", Qualifier="1")


def test_an_alias_moves_from_version_to_version(functions: Functions) -> None:
    functions.create(do=say_version)
    functions.client.publish_version(FunctionName="f")
    functions.client.update_function_code(FunctionName="f", ZipFile=archive("2"), Publish=True)
    made = functions.client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    assert made["AliasArn"].endswith(":f:live")
    answer = functions.client.invoke(FunctionName="f", Qualifier="live")
    assert (answer["Payload"].read(), answer["ExecutedVersion"]) == (b"1", "1")
    functions.client.update_alias(FunctionName="f", Name="live", FunctionVersion="2")
    assert functions.client.invoke(FunctionName="f:live")["ExecutedVersion"] == "2"
    with pytest.raises(functions.client.exceptions.PreconditionFailedException):
        functions.client.update_alias(
            FunctionName="f", Name="live", RevisionId=made["RevisionId"], Description="x"
        )


def test_a_weighted_alias_splits_its_invocations(functions: Functions) -> None:
    """Developer guide, "Implement Lambda canary deployments using a weighted alias"."""
    functions.create(do=say_version)
    functions.client.publish_version(FunctionName="f")
    functions.client.update_function_code(FunctionName="f", ZipFile=archive("2"), Publish=True)
    functions.client.create_alias(
        FunctionName="f",
        Name="live",
        FunctionVersion="1",
        RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}},
    )
    versions = [
        functions.client.invoke(FunctionName="f", Qualifier="live")["ExecutedVersion"]
        for _ in range(40)
    ]
    assert set(versions) == {"1", "2"}


@pytest.mark.parametrize(
    ("version", "weights", "message"),
    [
        ("1", {"2": 0.1, "3": 0.1}, "cannot be greater than 1"),
        ("$LATEST", {"1": 0.1}, r"\$LATEST is not supported"),
        ("1", {"1": 0.1}, "already included"),
    ],
)
def test_weights_that_an_alias_cannot_have(
    functions: Functions, version: str, weights: dict[str, float], message: str
) -> None:
    functions.create()
    functions.client.publish_version(FunctionName="f")
    with pytest.raises(functions.client.exceptions.InvalidParameterValueException, match=message):
        functions.client.create_alias(
            FunctionName="f",
            Name="live",
            FunctionVersion=version,
            RoutingConfig={"AdditionalVersionWeights": weights},
        )


def test_an_alias_needs_a_version_that_exists(functions: Functions) -> None:
    functions.create()
    with pytest.raises(functions.client.exceptions.ResourceNotFoundException, match=r":f:7$"):
        functions.client.create_alias(FunctionName="f", Name="live", FunctionVersion="7")


def test_layers_are_numbered_and_come_to_the_function_in_order(functions: Functions) -> None:
    layers = [
        functions.client.publish_layer_version(
            LayerName=name, Content={"ZipFile": archive(name)}, CompatibleRuntimes=["python3.11"]
        )
        for name in ("a", "b", "a")
    ]
    assert [layer["Version"] for layer in layers] == [1, 1, 2]
    arns = [layers[2]["LayerVersionArn"], layers[1]["LayerVersionArn"]]
    created = functions.create(Layers=arns)
    assert [layer["Arn"] for layer in created["Layers"]] == arns
    functions.client.invoke(FunctionName="f")
    spec, _ = functions.runtime.asked[-1]
    assert len(spec.layers) == 2
    listed = functions.client.list_layers(CompatibleRuntime="python3.11")["Layers"]
    assert [(one["LayerName"], one["LatestMatchingVersion"]["Version"]) for one in listed] == [
        ("a", 2),
        ("b", 1),
    ]
    assert functions.client.list_layers(CompatibleRuntime="nodejs22.x")["Layers"] == []


def test_a_deleted_layer_stays_with_the_functions_that_use_it(functions: Functions) -> None:
    """Reference of DeleteLayerVersion: deleted versions stay usable by existing functions."""
    layer = functions.client.publish_layer_version(LayerName="l", Content={"ZipFile": archive()})
    functions.create(Layers=[layer["LayerVersionArn"]])
    functions.client.delete_layer_version(LayerName="l", VersionNumber=1)
    with pytest.raises(functions.client.exceptions.ResourceNotFoundException):
        functions.client.get_layer_version(LayerName="l", VersionNumber=1)
    functions.client.invoke(FunctionName="f")
    spec, _ = functions.runtime.asked[-1]
    blobs = functions.aws.node.running.node.blobs
    assert blobs.path(spec.layers[0]).exists()
    with pytest.raises(
        functions.client.exceptions.InvalidParameterValueException, match="does not exist"
    ):
        functions.create("g", Layers=[layer["LayerVersionArn"]])


def test_another_account_uses_a_layer_that_is_shared_with_it(functions: Functions) -> None:
    layer = functions.client.publish_layer_version(LayerName="l", Content={"ZipFile": archive()})
    stranger = Functions(functions.aws.node.new_account(), functions.runtime)
    with pytest.raises(stranger.client.exceptions.ClientError, match="lambda:GetLayerVersion"):
        stranger.create(Layers=[layer["LayerVersionArn"]])
    functions.client.add_layer_version_permission(
        LayerName="l",
        VersionNumber=1,
        StatementId="share",
        Action="lambda:GetLayerVersion",
        Principal=stranger.aws.account,
    )
    stranger.create(Layers=[layer["LayerVersionArn"]])
