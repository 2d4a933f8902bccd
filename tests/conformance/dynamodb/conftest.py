"""Tables to test with."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Aws, Node

Make = Callable[..., Any]
POLLS_MAX = 2000


def new_name() -> str:
    return f"table-{uuid.uuid4()}"


def until(found: Callable[[], Any]) -> Any:
    """Ask again until there is an answer: each time is a request, so nothing sleeps."""
    for _ in range(POLLS_MAX):
        answer = found()
        if answer:
            return answer
    raise AssertionError("it did not come to be")


def is_active(client: Any, name: str) -> bool:
    table = client.describe_table(TableName=name)["Table"]
    indexes = table.get("GlobalSecondaryIndexes", [])
    return table["TableStatus"] == "ACTIVE" and all(
        index["IndexStatus"] == "ACTIVE" for index in indexes
    )


def is_gone(client: Any, name: str) -> bool:
    try:
        client.describe_table(TableName=name)
    except client.exceptions.ResourceNotFoundException:
        return True
    return False


def index(name: str, *key: str, projection: str = "ALL", include: tuple[str, ...] = ()) -> Any:
    shape: dict[str, Any] = {"ProjectionType": projection}
    if include:
        shape["NonKeyAttributes"] = list(include)
    return {"IndexName": name, "KeySchema": key_schema(*key), "Projection": shape}


def key_schema(*key: str) -> list[dict[str, str]]:
    """From "pk:S" and "sk:N"."""
    kinds = ("HASH", "RANGE")
    names = [each.partition(":")[0] for each in key]
    return [
        {"AttributeName": name, "KeyType": kind} for name, kind in zip(names, kinds, strict=False)
    ]


@pytest.fixture(scope="session")
def home(shared_node: Node) -> Aws:
    """One account for all these tests, for a new client takes a third of a second. Table names
    are new each time, so that tests do not meet; to list them takes an account of its own."""
    return shared_node.new_account()


@pytest.fixture(scope="session")
def client(home: Aws) -> Any:
    return home.client("dynamodb")


@pytest.fixture(scope="session")
def resource(home: Aws) -> Any:
    return home.resource("dynamodb")


@pytest.fixture
def make_table(client: Any, resource: Any) -> Make:
    """make_table("pk:S", "sk:N", defines=("g:S",), GlobalSecondaryIndexes=[...]): a boto3 Table."""

    def make(*key: str, defines: tuple[str, ...] = (), **options: Any) -> Any:
        name = options.pop("name", None) or new_name()
        definitions = [each.partition(":") for each in (*key, *defines)]
        client.create_table(
            TableName=name,
            KeySchema=key_schema(*key),
            AttributeDefinitions=[
                {"AttributeName": attribute, "AttributeType": kind}
                for attribute, _, kind in definitions
            ],
            **({"BillingMode": "PAY_PER_REQUEST"} | options),
        )
        until(lambda: is_active(client, name))
        return resource.Table(name)

    return make


@pytest.fixture
def table(make_table: Make) -> Any:
    return make_table("pk:S", "sk:N")


@pytest.fixture
def simple(make_table: Make) -> Any:
    return make_table("id:S")
