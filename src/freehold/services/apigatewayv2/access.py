"""What a request asks of IAM: the HTTP verb of the operation on the path that it names.

"apigateway:GET" on "arn:aws:apigateway:us-east-1::/apis/abc" (Service Authorization Reference,
"Amazon API Gateway Management V2"): no action is named after its operation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from freehold.kernel.call import Call
from freehold.kernel.service import Access, Handler, Service

# As credentials: not a role, but whoever calls.
CALLERS_OWN = "arn:aws:iam::*:user/*"
_MEMBER = re.compile(r"\{(\w+)\}")

service = Service("apigatewayv2", iam="apigateway")


def operation(
    name: str, verb_and_path: str, *, reads: bool = False
) -> Callable[[Handler], Handler]:
    """Register an operation: operation("GetStage", "GET /apis/{ApiId}/stages/{StageName}")."""
    verb, _, template = verb_and_path.partition(" ")

    def access(call: Call, params: dict[str, Any]) -> Iterator[Access]:
        path = _MEMBER.sub(lambda match: str(params.get(match.group(1), "")), template)
        arn = f"arn:aws:apigateway:{call.region}::{path}"
        yield Access(action=f"apigateway:{verb}", resource=arn)

    return service.operation(name, reads=reads, access=access)


def check_role(call: Call, role_arn: str | None) -> None:
    """Whoever lets the gateway act as a role must be allowed to pass it on."""
    if role_arn and role_arn != CALLERS_OWN:
        context = {"iam:passedtoservice": ["apigateway.amazonaws.com"]}
        call.require("iam:PassRole", role_arn, context=context)
