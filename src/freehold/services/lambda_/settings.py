"""What belongs to a function as a whole, or to the account: tags, concurrency, limits."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from freehold.kernel import arn as arns
from freehold.kernel.call import Call
from freehold.kernel.service import Access
from freehold.services.lambda_ import errors, find, names, rules, store
from freehold.services.lambda_.names import Target
from freehold.services.lambda_.service import service

Params = dict[str, Any]

TOTAL_CODE_BYTES_MAX = 80_530_636_800


def _on_tagged(action: str) -> Any:
    def rule(call: Call, params: Params) -> tuple[Access, ...]:
        return (Access(action=f"lambda:{action}", resource=params["Resource"]),)

    return rule


@service.operation("TagResource", access=_on_tagged("TagResource"))
def tag_resource(call: Call, params: Params) -> None:
    target = _tagged(call, params)
    function = find.function(call, target)
    tags = {**function.tags, **params["Tags"]}
    rules.check_tags(tags)
    store.save_function(call.tx, call.scope, replace(function, tags=tags))


@service.operation("UntagResource", access=_on_tagged("UntagResource"))
def untag_resource(call: Call, params: Params) -> None:
    function = find.function(call, _tagged(call, params))
    left = {key: value for key, value in function.tags.items() if key not in params["TagKeys"]}
    store.save_function(call.tx, call.scope, replace(function, tags=left))


@service.operation("ListTags", reads=True, access=_on_tagged("ListTags"))
def list_tags(call: Call, params: Params) -> Params:
    return {"Tags": find.function(call, _tagged(call, params)).tags}


@service.operation("PutFunctionConcurrency", access=names.on_function("PutFunctionConcurrency"))
def put_function_concurrency(call: Call, params: Params) -> Params:
    target = names.unqualified(call, params)
    function = find.function(call, target)
    wanted = params["ReservedConcurrentExecutions"]
    more = wanted - (function.reserved_concurrency or 0)
    reserved = store.load_usage(call.tx, call.scope).reserved_concurrency + more
    if rules.CONCURRENCY_OF_ACCOUNT - reserved < rules.CONCURRENCY_UNRESERVED_MIN:
        raise errors.invalid(
            "Specified ReservedConcurrentExecutions for function decreases account's "
            "UnreservedConcurrentExecution below its minimum value of "
            f"[{rules.CONCURRENCY_UNRESERVED_MIN}]."
        )
    store.save_function(call.tx, call.scope, replace(function, reserved_concurrency=wanted))
    store.add_usage(call.tx, call.scope, reserved=more)
    return {"ReservedConcurrentExecutions": wanted}


@service.operation(
    "GetFunctionConcurrency", reads=True, access=names.on_function("GetFunctionConcurrency")
)
def get_function_concurrency(call: Call, params: Params) -> Params:
    function = find.function(call, names.unqualified(call, params))
    return {"ReservedConcurrentExecutions": function.reserved_concurrency}


@service.operation(
    "DeleteFunctionConcurrency", access=names.on_function("DeleteFunctionConcurrency")
)
def delete_function_concurrency(call: Call, params: Params) -> None:
    function = find.function(call, names.unqualified(call, params))
    store.add_usage(call.tx, call.scope, reserved=-(function.reserved_concurrency or 0))
    store.save_function(call.tx, call.scope, replace(function, reserved_concurrency=None))


@service.operation(
    "GetFunctionCodeSigningConfig",
    reads=True,
    access=names.on_function("GetFunctionCodeSigningConfig"),
)
def get_function_code_signing_config(call: Call, params: Params) -> Params:
    """No function has one: putting one is refused."""
    target = names.unqualified(call, params)
    return {"FunctionName": find.function(call, target).name}


@service.operation(
    "GetRuntimeManagementConfig",
    reads=True,
    access=names.on_function("GetRuntimeManagementConfig"),
)
def get_runtime_management_config(call: Call, params: Params) -> Params:
    """Always Auto, the default: runtimes are as new as the machine's interpreters."""
    target = names.target(call, params)
    find.ensure_qualifier(call, target)
    return {"UpdateRuntimeOn": "Auto", "FunctionArn": target.arn}


@service.operation("GetAccountSettings", reads=True)
def get_account_settings(call: Call, params: Params) -> Params:
    usage = store.load_usage(call.tx, call.scope)
    return {
        "AccountLimit": {
            "TotalCodeSize": TOTAL_CODE_BYTES_MAX,
            "CodeSizeUnzipped": rules.UNZIPPED_BYTES_MAX,
            "CodeSizeZipped": rules.ZIP_UPLOAD_BYTES_MAX,
            "ConcurrentExecutions": rules.CONCURRENCY_OF_ACCOUNT,
            "UnreservedConcurrentExecutions": rules.CONCURRENCY_OF_ACCOUNT
            - usage.reserved_concurrency,
        },
        "AccountUsage": {"TotalCodeSize": usage.code_bytes, "FunctionCount": usage.functions},
    }


def _tagged(call: Call, params: Params) -> Target:
    resource = arns.parse(params["Resource"]).resource
    if not resource.startswith("function:"):
        raise errors.not_found(f"The resource {params['Resource']} does not exist.")
    target = names.parse(call, params["Resource"])
    if target.qualifier:
        raise errors.invalid(
            "Tags on function aliases and versions are not supported. Please specify a function "
            "ARN."
        )
    return target
