"""Concurrency is counted while invocations run."""

from __future__ import annotations

import pytest

from freehold.kernel.errors import AwsError
from freehold.runtime.contract import FunctionSpec
from freehold.services.lambda_ import rules
from freehold.services.lambda_.invoke import Chosen, Running


def chosen(name: str, reserved: int | None) -> Chosen:
    spec = FunctionSpec(
        arn=f"arn:{name}",
        name=name,
        version="$LATEST",
        account="111122223333",
        region="us-east-1",
        runtime="python3.12",
        handler="h",
        memory_mb=128,
        timeout_s=3,
        code="c",
        code_sha256="s",
        revision="r",
    )
    return Chosen(spec, reserved)


def test_a_reserved_concurrency_is_the_functions_own() -> None:
    running = Running()
    mine = chosen("f", 2)
    running.begin(mine)
    running.begin(mine)
    with pytest.raises(AwsError, match="Rate Exceeded") as caught:
        running.begin(mine)
    assert caught.value.members["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    running.begin(chosen("g", 1))
    running.end(mine)
    running.begin(mine)


def test_functions_without_one_share_the_accounts() -> None:
    running = Running()
    for number in range(rules.CONCURRENCY_OF_ACCOUNT):
        running.begin(chosen(f"f{number % 7}", None))
    with pytest.raises(AwsError) as caught:
        running.begin(chosen("f", None))
    assert caught.value.members["Reason"] == "ConcurrentInvocationLimitExceeded"
    running.begin(chosen("reserved", 1))
