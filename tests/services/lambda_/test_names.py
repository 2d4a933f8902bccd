"""Names of functions and layers, from the patterns of FunctionName and LayerName in the
reference."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from freehold.kernel.errors import AwsError
from freehold.services.lambda_ import names

HERE: Any = SimpleNamespace(account="111122223333", region="us-east-1")


@pytest.mark.parametrize(
    ("text", "account", "name", "qualifier"),
    [
        ("f", "111122223333", "f", ""),
        ("f:live", "111122223333", "f", "live"),
        ("f:12", "111122223333", "f", "12"),
        ("f:$LATEST", "111122223333", "f", "$LATEST"),
        ("function:f", "111122223333", "f", ""),
        ("444455556666:function:f", "444455556666", "f", ""),
        ("444455556666:function:f:live", "444455556666", "f", "live"),
        ("us-east-1:444455556666:function:f", "444455556666", "f", ""),
        ("arn:aws:lambda:us-east-1:444455556666:function:f", "444455556666", "f", ""),
        ("arn:aws:lambda:us-east-1:444455556666:function:f:7", "444455556666", "f", "7"),
    ],
)
def test_every_form_of_a_name(text: str, account: str, name: str, qualifier: str) -> None:
    found = names.parse(HERE, text)
    assert (found.account, found.name, found.qualifier) == (account, name, qualifier)
    arn = f"arn:aws:lambda:us-east-1:{account}:function:{name}"
    assert found.arn == (f"{arn}:{qualifier}" if qualifier else arn)


@pytest.mark.parametrize("text", ["f.g", "f:live:more", "arn:aws:s3:::b", "a b", "x" * 65])
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(AwsError):
        names.parse(HERE, text)


def test_a_layer_version_has_an_arn_of_its_own() -> None:
    found = names.layer_version("arn:aws:lambda:us-east-1:444455556666:layer:l:3")
    assert (found.account, found.name, found.number) == ("444455556666", "l", 3)
    assert found.arn.endswith(":layer:l:3")
    with pytest.raises(AwsError, match="Invalid Layer arn"):
        names.layer_version("arn:aws:lambda:us-east-1:444455556666:layer:l")
