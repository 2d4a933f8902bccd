"""All that there is in an account, as its owner sees it and as the store has it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from freehold.kv import Transaction, keys
from tests.apps.conftest import Town

KEYS_MAX = 1_000_000

# Listings: service, operation, where the list is in the answer, what identifies an entry.
LISTINGS = (
    ("apigateway", "get_api_keys", "items", "id"),
    ("apigateway", "get_rest_apis", "items", "id"),
    ("apigateway", "get_usage_plans", "items", "id"),
    ("apigatewayv2", "get_apis", "Items", "ApiId"),
    ("cloudformation", "describe_stacks", "Stacks", "StackId"),
    ("cloudformation", "list_exports", "Exports", "Name"),
    ("dynamodb", "list_tables", "TableNames", None),
    ("iam", "list_groups", "Groups", "Arn"),
    ("iam", "list_instance_profiles", "InstanceProfiles", "Arn"),
    ("iam", "list_policies", "Policies", "Arn"),
    ("iam", "list_roles", "Roles", "Arn"),
    ("iam", "list_users", "Users", "Arn"),
    ("lambda", "list_functions", "Functions", "FunctionArn"),
    ("lambda", "list_layers", "Layers", "LayerArn"),
    ("logs", "describe_log_groups", "logGroups", "arn"),
    ("s3", "list_buckets", "Buckets", "Name"),
    ("ssm", "describe_parameters", "Parameters", "Name"),
)

# What outlives a stack, as at AWS or harmlessly: stacks that are deleted are remembered; logs are
# kept; sessions of roles are there until they end; counters, and tasks that find nothing to do.
REMEMBERED = {
    ("cloudformation", kind)
    for kind in ("event", "listed", "resource", "stack", "target", "template", "token", "names")
}
KEPT = REMEMBERED | {
    ("iam", "counts"),
    ("iam", "credential"),
    ("iam", "expiry"),
    ("iam", "uses"),
    ("kernel", "task"),
    ("lambda", "download-key"),
    ("lambda", "usage"),
    ("ssm", "counts"),
}


def listed(town: Town) -> set[tuple[str, str]]:
    """Everything that the services list: (operation, id)."""
    found = set()
    for service, operation, member, identity in LISTINGS:
        options: dict[str, Any] = {"Scope": "Local"} if operation == "list_policies" else {}
        for entry in getattr(town.client(service), operation)(**options).get(member, ()):
            found.add((f"{service}.{operation}", entry[identity] if identity else entry))
    return found


def stored(town: Town) -> set[tuple[Any, ...]]:
    """The keys of all records, but of those that outlive stacks."""
    return set(town.read(lambda tx: list(_keys(tx))))


def _keys(tx: Transaction) -> Iterator[tuple[Any, ...]]:
    for key, _ in tx.scan(b"", b"\xff", limit=KEYS_MAX):
        found = keys.unpack(key)
        # The node's one address for downloads of code is claimed by its first function, for all.
        is_download_address = found[3:5] == ("endpoint", "lambda-code")
        if found[0] != "logs" and (found[0], found[3]) not in KEPT and not is_download_address:
            yield found
