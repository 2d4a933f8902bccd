"""Rules of Lambda that no request is needed for."""

from __future__ import annotations

from typing import Any

import pytest

from freehold.kernel.errors import AwsError
from freehold.services.lambda_ import rules
from freehold.services.lambda_.records import Alias, Code, UsedLayer

ARN = "arn:aws:lambda:us-east-1:111122223333:function:f"


@pytest.mark.parametrize(
    ("given", "principal", "condition"),
    [
        ({"Principal": "s3.amazonaws.com"}, {"Service": "s3.amazonaws.com"}, None),
        ({"Principal": "444455556666"}, {"AWS": "arn:aws:iam::444455556666:root"}, None),
        ({"Principal": "*"}, "*", None),
        (
            {"Principal": "arn:aws:iam::444455556666:role/r"},
            {"AWS": "arn:aws:iam::444455556666:role/r"},
            None,
        ),
        (
            {"Principal": "*", "PrincipalOrgID": "o-a1b2c3d4e5"},
            "*",
            {"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}},
        ),
        (
            {
                "Principal": "*",
                "Action": "lambda:InvokeFunctionUrl",
                "FunctionUrlAuthType": "NONE",
            },
            "*",
            {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}},
        ),
    ],
)
def test_statements_have_the_forms_that_aws_writes(
    given: dict[str, Any], principal: Any, condition: Any
) -> None:
    params = {"StatementId": "s", "Action": "lambda:InvokeFunction", **given}
    built = rules.statement(params, ARN)
    assert built["Principal"] == principal
    assert built.get("Condition") == condition
    assert (built["Sid"], built["Effect"], built["Resource"]) == ("s", "Allow", ARN)


@pytest.mark.parametrize("principal", ["nobody", "12345"])
def test_a_principal_is_a_service_an_account_or_an_arn(principal: str) -> None:
    params = {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": principal}
    with pytest.raises(AwsError, match="principal was invalid"):
        rules.statement(params, ARN)


@pytest.mark.parametrize(("draw", "version"), [(0.0, "2"), (0.09, "2"), (0.1, "1"), (0.99, "1")])
def test_an_alias_draws_its_version_by_weight(draw: float, version: str) -> None:
    alias = Alias(name="a", version="1", revision="r", weights={"2": 0.1})
    assert rules.version_of(alias, draw) == version


def test_code_and_layers_together_have_a_limit() -> None:
    half = Code(blob="b", sha256="", size=1, unzipped_size=rules.UNZIPPED_BYTES_MAX // 2)
    layer = UsedLayer(arn=f"{ARN}:layer:l:1", code=half)
    rules.check_unzipped(half, [layer])
    with pytest.raises(AwsError, match="combined with layers"):
        rules.check_unzipped(half, [layer, layer])


def test_two_versions_of_a_layer_do_not_go_together() -> None:
    with pytest.raises(AwsError, match="Two different versions"):
        rules.check_layer_arns(["a:layer:l:1", "a:layer:l:2"])
