"""What a request asks of IAM: the HTTP verb of the operation, on the path that it names.

"apigateway:GET" on "arn:aws:apigateway:us-east-1::/restapis/abc/resources" (Service Authorization
Reference, "Amazon API Gateway Management"): no action is named after its operation, and no
account is in the ARN.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from freehold.kernel.call import Call
from freehold.kernel.service import Access, Handler, Service
from freehold.services.apigateway import errors

# As credentials: not a role, but whoever calls.
CALLERS_OWN = "arn:aws:iam::*:user/*"
_MEMBER = re.compile(r"\{(\w+)\}")

service = Service("apigateway")


def operation(
    name: str, verb_and_path: str, *, reads: bool = False
) -> Callable[[Handler], Handler]:
    """Register an operation: operation("GetStage", "GET
    /restapis/{restApiId}/stages/{stageName}").
    """
    verb, _, template = verb_and_path.partition(" ")

    def access(call: Call, params: dict[str, Any]) -> Iterator[Access]:
        path = _MEMBER.sub(lambda match: str(params.get(match.group(1), "")), template)
        yield Access(
            action=f"apigateway:{verb}", resource=f"arn:aws:apigateway:{call.region}::{path}"
        )
        if params.get("policy"):
            yield Access(
                action="apigateway:UpdateRestApiPolicy",
                resource=f"arn:aws:apigateway:{call.region}::{path}",
            )

    return service.operation(name, reads=reads, access=access)


def check_role(call: Call, role_arn: str | None) -> None:
    """Whoever lets the gateway act as a role must be allowed to pass it on."""
    if role_arn and role_arn != CALLERS_OWN:
        context = {"iam:passedtoservice": ["apigateway.amazonaws.com"]}
        call.require("iam:PassRole", role_arn, context=context)


def tagged_path(arn: str) -> list[str]:
    """The steps of the path in the ARN of something that has tags."""
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[2] != "apigateway" or not parts[5].startswith("/"):
        raise errors.bad_request(f"Invalid resource ARN specified: {arn}")
    return parts[5][1:].split("/")
