"""The resources that IAM sees in CloudWatch Logs.

Actions on a group are checked on `log-group:NAME:log-stream:`, as AWS's own refusals show, so that
the usual `log-group:NAME:*` of policies covers them; tags and deletion protection are checked on
the plain group.
"""

from __future__ import annotations

from typing import Any

from freehold.kernel.call import Call
from freehold.services.logs import rules

Params = dict[str, Any]


def all_groups(call: Call, params: Params) -> str:
    return call.arn("log-group::log-stream:")


def group(call: Call, params: Params) -> str:
    return call.arn(f"log-group:{rules.group_name(params)}:log-stream:")


def stream(call: Call, params: Params) -> str:
    return call.arn(f"log-group:{rules.group_name(params)}:log-stream:{params['logStreamName']}")


def plain_group(call: Call, params: Params) -> str:
    return group_arn(call, rules.group_name(params))


def identified_group(call: Call, params: Params) -> str:
    return group_arn(call, rules.name_in_identifier(params["logGroupIdentifier"]))


def tagged(call: Call, params: Params) -> str:
    return str(params["resourceArn"]).removesuffix(":*")


def group_arn(call: Call, name: str) -> str:
    return call.arn(f"log-group:{name}")
