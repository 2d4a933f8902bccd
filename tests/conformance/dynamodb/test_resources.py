"""AWS::DynamoDB::Table, as CloudFormation will ask for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from freehold.kernel import principal
from freehold.kernel.call import Call
from freehold.kernel.errors import AwsError
from freehold.kernel.resources import Made, Wanted
from freehold.services.dynamodb.resources import TableResource
from tests.conftest import Aws, Node

from .conftest import index, is_active, is_gone, key_schema, new_name, until

PROPERTIES: dict[str, Any] = {
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "KeySchema": key_schema("id"),
    "ProvisionedThroughput": {"ReadCapacityUnits": "5", "WriteCapacityUnits": 5},
    "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": "false"},
    "SSESpecification": {"SSEEnabled": False},
    "Tags": [{"Key": "own", "Value": "tag"}],
}


class Stack:
    """Calls the type as CloudFormation does: in the transaction that records the outcome."""

    def __init__(self, node: Node, account: str) -> None:
        self.node = node
        self.account = account

    def call(self) -> Call:
        root = principal.root(self.account)
        node = self.node.running.node
        return node.call("dynamodb", "stack", self.account, "us-east-1", root)

    def run(self, function: Callable[..., Any], *args: Any) -> Any:
        call = self.call()
        return self.node.write(lambda tx: function(call.within(tx), *args))

    def delete(self, made: Made) -> None:
        self.node.run(TableResource.delete(self.call(), made))

    def wanted(self, properties: dict[str, Any], **options: Any) -> Wanted:
        return Wanted(
            type="AWS::DynamoDB::Table",
            logical_id="Orders",
            properties=properties,
            stack_id=new_name(),
            stack_name="shop",
            **options,
        )

    def settle(self, made: Made) -> Made:
        settled: Made = until(lambda: self.run(TableResource.settled, made))
        return settled


@pytest.fixture
def stack(shared_node: Node, home: Aws) -> Stack:
    return Stack(shared_node, home.account)


def test_a_table_is_made_from_a_template(stack: Stack, client: Any) -> None:
    ttl = {"AttributeName": "expires", "Enabled": "true"}
    made = stack.run(
        TableResource.create, stack.wanted({**PROPERTIES, "TimeToLiveSpecification": ttl})
    )
    assert made.physical_id.startswith("shop-Orders-")
    stack.settle(made)
    table = client.describe_table(TableName=made.physical_id)["Table"]
    assert table["TableArn"] == made.attributes["Arn"]
    assert table["ProvisionedThroughput"]["ReadCapacityUnits"] == 5
    tags = {
        tag["Key"]: tag["Value"]
        for tag in client.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"]
    }
    assert tags["own"] == "tag"
    assert tags["aws:cloudformation:logical-id"] == "Orders"
    described = client.describe_time_to_live(TableName=made.physical_id)
    assert described["TimeToLiveDescription"]["AttributeName"] == "expires"
    stack.delete(made)
    assert is_gone(client, made.physical_id)
    stack.delete(made)


def test_a_change_of_the_template_changes_the_table(stack: Stack, client: Any) -> None:
    made = stack.run(TableResource.create, stack.wanted(PROPERTIES))
    stack.settle(made)
    definitions = [
        *PROPERTIES["AttributeDefinitions"],
        {"AttributeName": "g", "AttributeType": "N"},
    ]
    changed = {
        **PROPERTIES,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": definitions,
        "GlobalSecondaryIndexes": [index("by-g", "g")],
        "DeletionProtectionEnabled": "true",
    }
    del changed["ProvisionedThroughput"]
    made = stack.run(TableResource.update, stack.wanted(changed, previous=PROPERTIES), made)
    stack.settle(made)
    assert is_active(client, made.physical_id)
    table = client.describe_table(TableName=made.physical_id)["Table"]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert [each["IndexName"] for each in table["GlobalSecondaryIndexes"]] == ["by-g"]
    assert table["DeletionProtectionEnabled"] is True


@pytest.mark.parametrize(
    "properties",
    [
        {"StreamSpecification": {"StreamViewType": "NEW_IMAGE"}},
        {"SSESpecification": {"SSEEnabled": True}},
        {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": "true"}},
        {"KinesisStreamSpecification": {"StreamArn": "arn"}},
    ],
)
def test_properties_that_are_not_honoured_are_refused(
    stack: Stack, properties: dict[str, Any]
) -> None:
    with pytest.raises(AwsError) as refused:
        stack.run(TableResource.create, stack.wanted({**PROPERTIES, **properties}))
    assert refused.value.code == "NotImplemented"
    assert next(iter(properties)) in refused.value.message
