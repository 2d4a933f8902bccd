"""CloudFormation's errors, in its words. Most of them are ValidationError, which no model names."""

from __future__ import annotations

from collections.abc import Iterable

from freehold.kernel.errors import AwsError


def validation(message: str) -> AwsError:
    return AwsError("ValidationError", message, status=400)


def template_format(message: str) -> AwsError:
    return validation(f"Template format error: {message}")


def template_error(message: str) -> AwsError:
    return validation(f"Template error: {message}")


def no_such_stack(name: str) -> AwsError:
    """What DescribeStacks and the readers of a stack's template and policy say."""
    return validation(f"Stack with id {name} does not exist")


def stack_missing(name: str) -> AwsError:
    """What operations on a stack's parts and updates of it say."""
    return validation(f"Stack [{name}] does not exist")


def stack_exists(name: str) -> AwsError:
    return AwsError("AlreadyExistsException", f"Stack [{name}] already exists")


def wrong_state(arn: str, status: str, what: str) -> AwsError:
    return validation(f"Stack:{arn} is in {status} state and can not be {what}.")


def insufficient_capabilities(needed: Iterable[str]) -> AwsError:
    return AwsError("InsufficientCapabilitiesException", requires_capabilities(needed))


def requires_capabilities(needed: Iterable[str]) -> str:
    return f"Requires capabilities : [{', '.join(needed)}]"


def change_set_not_found(name: str) -> AwsError:
    return AwsError("ChangeSetNotFoundException", f"ChangeSet [{name}] does not exist")


def change_set_exists(name: str) -> AwsError:
    return AwsError("AlreadyExistsException", f"ChangeSet {name} already exists")


def change_set_state(arn: str, status: str, reason: str) -> AwsError:
    return AwsError(
        "InvalidChangeSetStatusException",
        f"ChangeSet [{arn}] cannot be executed in its current status of [{status}]"
        + (f" with status reason: {reason}" if reason else ""),
    )


def token_exists(token: str) -> AwsError:
    return AwsError(
        "TokenAlreadyExistsException",
        f"A client request token already exists with a different operation: {token}",
    )


def no_updates() -> AwsError:
    return validation("No updates are to be performed.")


def no_export(name: str) -> AwsError:
    return validation(f"No export named {name} found.")


def circular(names: Iterable[str]) -> AwsError:
    return validation(f"Circular dependency between resources: [{', '.join(names)}]")


def one_template() -> AwsError:
    return validation("Either Template URL or Template Body must be specified.")


def handler_failed(error: AwsError, token: str) -> AwsError:
    """What the failure of a resource's handler looks like among a stack's events."""
    return validation(
        f'Resource handler returned message: "{error.message}" '
        f"(RequestToken: {token}, HandlerErrorCode: {_handler_code(error.code)})"
    )


def _handler_code(code: str) -> str:
    for part, handler_code in _HANDLER_CODES:
        if part in code:
            return handler_code
    return "GeneralServiceException"


# Parts of services' error codes, and the handler's error code (of the extension development guide).
_HANDLER_CODES = (
    ("AlreadyExist", "AlreadyExists"),
    ("AlreadyOwnedByYou", "AlreadyExists"),
    ("NotFound", "NotFound"),
    ("NoSuch", "NotFound"),
    ("NonExist", "NotFound"),
    ("AccessDenied", "AccessDenied"),
    ("Throttl", "Throttling"),
    ("LimitExceeded", "ServiceLimitExceeded"),
    ("Conflict", "ResourceConflict"),
    ("Validation", "InvalidRequest"),
    ("Invalid", "InvalidRequest"),
    ("Malformed", "InvalidRequest"),
)
