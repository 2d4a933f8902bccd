"""IAM's errors, in its words."""

from __future__ import annotations

from freehold.kernel.errors import AwsError


def entity_not_found(title: str, name: str) -> AwsError:
    return AwsError(
        "NoSuchEntityException", f"The {title.lower()} with name {name} cannot be found."
    )


def inline_policy_not_found(title: str, name: str) -> AwsError:
    message = f"The {title.lower()} policy with name {name} cannot be found."
    return AwsError("NoSuchEntityException", message)


def policy_not_found(arn: str) -> AwsError:
    return AwsError("NoSuchEntityException", f"Policy {arn} was not found.")


def policy_not_attachable(arn: str) -> AwsError:
    return AwsError("NoSuchEntityException", f"Policy {arn} does not exist or is not attachable.")


def version_not_found(arn: str, version: str) -> AwsError:
    message = f"Policy {arn} version {version} does not exist or is not attachable."
    return AwsError("NoSuchEntityException", message)


def boundary_not_found(title: str, name: str) -> AwsError:
    message = f"{title} {name} does not have a permissions boundary."
    return AwsError("NoSuchEntityException", message)


def key_not_found(key_id: str) -> AwsError:
    return AwsError("NoSuchEntityException", f"The Access Key with id {key_id} cannot be found.")


def instance_profile_not_found(name: str) -> AwsError:
    return AwsError("NoSuchEntityException", f"Instance Profile {name} cannot be found.")


def alias_not_found(alias: str) -> AwsError:
    return AwsError("NoSuchEntityException", f"The account alias {alias} does not exist.")


def entity_exists(title: str, name: str) -> AwsError:
    return AwsError("EntityAlreadyExistsException", f"{title} with name {name} already exists.")


def policy_exists(name: str) -> AwsError:
    message = f"A policy called {name} already exists. Duplicate names are not allowed."
    return AwsError("EntityAlreadyExistsException", message)


def instance_profile_exists(name: str) -> AwsError:
    return AwsError("EntityAlreadyExistsException", f"Instance Profile {name} already exists.")


def alias_exists(alias: str) -> AwsError:
    return AwsError("EntityAlreadyExistsException", f"The account alias {alias} already exists.")


def delete_conflict(message: str) -> AwsError:
    return AwsError("DeleteConflictException", message)


def must_first(what: str) -> AwsError:
    return delete_conflict(f"Cannot delete entity, must {what} first.")


def quota(name: str, maximum: int) -> AwsError:
    return AwsError("LimitExceededException", f"Cannot exceed quota for {name}: {maximum}")


def inline_too_large(title: str, name: str, maximum: int) -> AwsError:
    message = f"Maximum policy size of {maximum} bytes exceeded for {title.lower()} {name}"
    return AwsError("LimitExceededException", message)


def too_many_versions() -> AwsError:
    message = (
        "A managed policy can have up to 5 versions. Before you create a new version, you must "
        "delete an existing version."
    )
    return AwsError("LimitExceededException", message)


def malformed_policy(message: str) -> AwsError:
    return AwsError("MalformedPolicyDocumentException", message)


def invalid_input(message: str) -> AwsError:
    return AwsError("InvalidInputException", message)


def validation(message: str) -> AwsError:
    return AwsError("ValidationError", message)


def protected_role(name: str) -> AwsError:
    message = (
        f"Cannot perform the operation on the protected role '{name}' - "
        "this role is only modifiable by AWS"
    )
    return AwsError("UnmodifiableEntityException", message)


def aws_policy_not_yours(arn: str) -> AwsError:
    return AwsError("AccessDenied", f"Policy {arn} is managed by AWS.", status=403)


def user_name_needed() -> AwsError:
    return validation("Must specify userName when calling with non-User credentials")


def session_refused() -> AwsError:
    """IAM takes no credentials of GetSessionToken without MFA, nor of GetFederationToken."""
    return AwsError(
        "InvalidClientTokenId", "The security token included in the request is invalid", status=403
    )
