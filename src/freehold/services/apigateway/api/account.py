"""The account's settings, and tags of everything that has them."""

from __future__ import annotations

from typing import Any

import msgspec

from freehold.kernel.call import Call
from freehold.services.apigateway import errors, patch, rules, store
from freehold.services.apigateway.access import operation, tagged_path
from freehold.services.apigateway.records import Account, answer

Params = dict[str, Any]


@operation("GetAccount", "GET /account", reads=True)
def get_account(call: Call, params: Params) -> dict[str, Any]:
    return _shown(store.load_account(call))


@operation("UpdateAccount", "PATCH /account")
def update_account(call: Call, params: Params) -> dict[str, Any]:
    """The role is recorded: execution logs are not written yet."""
    operations = params.get("patchOperations") or []
    account = patch.patched(store.load_account(call), operations, "cloudwatchRoleArn")
    if account.cloudwatch_role_arn and not account.cloudwatch_role_arn.startswith("arn:aws:iam::"):
        raise errors.bad_request("Role ARN is not well formed")
    if account.cloudwatch_role_arn:
        call.require("iam:PassRole", account.cloudwatch_role_arn)
    store.save_account(call, account)
    return _shown(account)


@operation("TagResource", "PUT /tags/{resourceArn}")
def tag_resource(call: Call, params: Params) -> None:
    rules.check_tags(params["tags"])
    table, key, record = _tagged(call, params["resourceArn"])
    tags = {**record.tags, **params["tags"]}
    table.save(call, msgspec.structs.replace(record, tags=tags), *key)


@operation("UntagResource", "DELETE /tags/{resourceArn}")
def untag_resource(call: Call, params: Params) -> None:
    table, key, record = _tagged(call, params["resourceArn"])
    tags = {name: value for name, value in record.tags.items() if name not in params["tagKeys"]}
    table.save(call, msgspec.structs.replace(record, tags=tags), *key)


@operation("GetTags", "GET /tags/{resourceArn}", reads=True)
def get_tags(call: Call, params: Params) -> dict[str, Any]:
    return {"tags": _tagged(call, params["resourceArn"])[2].tags}


def _shown(account: Account) -> dict[str, Any]:
    return {
        **answer(account),
        "throttleSettings": {"burstLimit": 5000, "rateLimit": 10000.0},
        "features": ["UsagePlans"],
        "apiKeyVersion": "4",
    }


def _tagged(call: Call, arn: str) -> tuple[store.Table[Any], tuple[str, ...], Any]:
    """The table, key and record of what the ARN names."""
    steps = tagged_path(arn)
    table: store.Table[Any]
    key: tuple[str, ...]
    match steps:
        case ["restapis", api_id]:
            table, key = store.rest_apis, (api_id,)
        case ["restapis", api_id, "stages", name]:
            table, key = store.stages, (api_id, name)
        case ["apikeys", key_id]:
            table, key = store.keys, (key_id,)
        case ["usageplans", plan_id]:
            table, key = store.plans, (plan_id,)
        case _:
            raise errors.bad_request(f"Invalid resource ARN specified: {arn}")
    return table, key, table.load(call, *key)
