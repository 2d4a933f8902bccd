"""Parameter Store's errors, in its words."""

from __future__ import annotations

from freehold.kernel.errors import AwsError

_TIERS_URL = (
    "https://docs.aws.amazon.com/systems-manager/latest/userguide/"
    "parameter-store-advanced-parameters.html"
)


def validation(message: str) -> AwsError:
    return AwsError("ValidationException", message)


def invalid_name() -> AwsError:
    return validation(
        'Parameter name: can\'t be prefixed with "ssm" (case-insensitive). If formed as a path, it '
        "can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of "
        "letters, numbers and the following 3 symbols .-_"
    )


def name_not_qualified() -> AwsError:
    return validation("Parameter name must be a fully qualified name.")


def name_too_long(maximum: int) -> AwsError:
    return validation(f"Parameter name must not be longer than {maximum} characters.")


def reserved_name(name: str) -> AwsError:
    return AwsError("AccessDeniedException", f"No access to reserved parameter name: {name}.")


def invalid_path() -> AwsError:
    return validation(
        "The parameter doesn't meet the parameter name requirements. The parameter name must begin "
        'with a forward slash "/". It can\'t be prefixed with "aws" or "ssm" '
        "(case-insensitive). It must use only letters, numbers, or the following symbols: "
        ". (period), - (hyphen), _ (underscore). Special characters are not allowed. All "
        "sub-paths, if specified, must use the forward slash symbol /. Valid example: "
        "/get/parameters2-/by1./path0_."
    )


def too_deep(maximum: int) -> AwsError:
    return AwsError(
        "HierarchyLevelLimitExceededException",
        f"The parameter name exceeds the maximum depth of {maximum} levels.",
    )


def parameter_not_found(name: str) -> AwsError:
    return AwsError("ParameterNotFound", f"Parameter {name} not found.")


def version_not_found(name: str, selector: str) -> AwsError:
    return AwsError(
        "ParameterVersionNotFound",
        f"Systems Manager could not find version {selector} of {name}. "
        "Verify the version and try again.",
    )


def parameter_exists() -> AwsError:
    return AwsError(
        "ParameterAlreadyExists",
        "The parameter already exists. To overwrite this value, set the overwrite option in the "
        "request to true.",
    )


def type_needed() -> AwsError:
    return validation("A parameter type is required when you create a parameter.")


def type_changed() -> AwsError:
    return AwsError(
        "HierarchyTypeMismatchException",
        "Parameter Store does not support changing a parameter type in a hierarchy. For example, "
        "you can't change a parameter from a String type to a SecureString type. You must create a "
        "new, unique parameter.",
    )


def tags_with_overwrite() -> AwsError:
    return validation(
        "Invalid request: tags and overwrite can't be used together. To create a parameter with "
        "tags, please remove overwrite flag. To update tags for an existing parameter, please use "
        "AddTagsToResource or RemoveTagsFromResource."
    )


def key_without_secure_string() -> AwsError:
    return validation("KeyId is only supported for parameters of type SecureString.")


def value_too_long(tier: str, maximum: int) -> AwsError:
    message = f"{tier} tier parameters support a maximum parameter value of {maximum} characters."
    if tier == "Standard":
        message += (
            " To create a larger parameter value, upgrade the parameter to use the "
            f"advanced-parameter tier. For more information, see {_TIERS_URL}"
        )
    return validation(message)


def nested_reference() -> AwsError:
    return validation(
        'Parameter value can\'t nest another parameter. Do not use "{{}}" in the value.'
    )


def tier_lowered() -> AwsError:
    return validation(
        "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the "
        "advanced-parameter tier to the standard-parameter tier. If necessary, you can delete the "
        "advanced parameter and recreate it as a standard parameter."
    )


def too_many_parameters(tier: str) -> AwsError:
    return AwsError(
        "ParameterLimitExceeded",
        f"You have exceeded the number of {tier.lower()} parameters for this account and region. "
        "Delete one or more parameters and try again.",
    )


def oldest_version_labelled(name: str, number: int) -> AwsError:
    return AwsError(
        "ParameterMaxVersionLimitExceeded",
        f"You attempted to create a new version of {name} by calling the PutParameter API with the "
        f"overwrite flag. Version {number}, the oldest version, can't be deleted because it has a "
        "label associated with it. Move the label to another version of the parameter, and try "
        "again.",
    )


def bad_pattern(pattern: str) -> AwsError:
    return AwsError(
        "InvalidAllowedPatternException",
        f"The allowed pattern {pattern} is not a regular expression.",
    )


def pattern_mismatch(pattern: str) -> AwsError:
    return AwsError(
        "ParameterPatternMismatchException",
        f"Parameter value, cannot be validated against allowedPattern: {pattern}",
    )


def too_many_labels() -> AwsError:
    return AwsError(
        "ParameterVersionLabelLimitExceeded",
        "A parameter version can have a maximum of ten labels. Move one or more labels to "
        "another version and try again.",
    )


def invalid_resource_id() -> AwsError:
    return AwsError(
        "InvalidResourceId", "The resource ID is not valid. Verify the ID and try again."
    )


def too_many_tags() -> AwsError:
    return AwsError("TooManyTagsError", "A parameter can have at most 50 tags.")


def invalid_filter_key(key: str) -> AwsError:
    return AwsError("InvalidFilterKey", f"The filter key {key} is not valid for this operation.")


def invalid_filter_option(option: str) -> AwsError:
    return AwsError("InvalidFilterOption", f"The following filter option is not valid: {option}.")


def invalid_filter_value(message: str) -> AwsError:
    return AwsError("InvalidFilterValue", message)


def invalid_next_token() -> AwsError:
    return AwsError("InvalidNextToken", "The specified token isn't valid.")
