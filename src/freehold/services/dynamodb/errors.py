"""DynamoDB's errors, in its words."""

from __future__ import annotations

from typing import Any

from freehold.kernel.errors import AwsError


class ItemError(AwsError):
    """What is wrong with one item: a transaction tells it among its cancellation reasons."""


def invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)


def invalid_values(message: str) -> AwsError:
    """What is wrong with values rather than with the request's form."""
    return invalid(f"One or more parameter values were invalid: {message}")


def invalid_item(message: str) -> ItemError:
    return ItemError("ValidationException", message)


def invalid_item_values(message: str) -> ItemError:
    return invalid_item(f"One or more parameter values were invalid: {message}")


def invalid_expression(kind: str, message: str) -> AwsError:
    """`kind` is the parameter: ConditionExpression, UpdateExpression, ..."""
    return invalid(f"Invalid {kind}: {message}")


def bad_base64(text: str) -> AwsError:
    if len(text) % 4:
        reason = f"Base64 encoded length is expected a multiple of 4 bytes but found: {len(text)}"
    else:
        reason = "Invalid Base64 character"
    return AwsError("SerializationException", reason)


def key_mismatch() -> ItemError:
    return invalid_item("The provided key element does not match the schema")


def missing_key(name: str) -> ItemError:
    return invalid_item_values(f"Missing the key {name} in the item")


def key_type(name: str, expected: str, actual: str) -> ItemError:
    return invalid_item_values(
        f"Type mismatch for key {name} expected: {expected} actual: {actual}"
    )


def index_key_type(name: str, index: str, expected: str, actual: str) -> ItemError:
    return invalid_item_values(
        f"Type mismatch for Index Key {name} Expected: {expected} Actual: {actual} "
        f"IndexName: {index}"
    )


def empty_key(name: str, kind: str) -> ItemError:
    return invalid_item(
        "One or more parameter values are not valid. The AttributeValue for a key attribute "
        f"cannot contain an empty {kind} value. Key: {name}"
    )


def empty_index_key(name: str, index: str, kind: str) -> ItemError:
    return invalid_item(
        "One or more parameter values are not valid. A value specified for a secondary index key "
        "is not supported. The AttributeValue for a key attribute cannot contain an empty "
        f"{kind} value. IndexName: {index}, IndexKey: {name}"
    )


def hash_key_size() -> ItemError:
    return invalid_item_values("Size of hashkey has exceeded the maximum size limit of2048 bytes")


def range_key_size() -> ItemError:
    return invalid_item_values(
        "Aggregated size of all range keys has exceeded the size limit of 1024 bytes"
    )


def item_size() -> ItemError:
    return invalid_item("Item size has exceeded the maximum allowed size")


def updated_item_size() -> ItemError:
    return invalid_item("Item size to update has exceeded the maximum allowed size")


def nesting() -> ItemError:
    return invalid_item(
        "Nesting Levels have exceeded supported limits: "
        "Attributes in the item have nested levels beyond supported limit"
    )


def key_count() -> ItemError:
    return invalid_item("The number of conditions on the keys is invalid")


def key_is_fixed(name: str) -> ItemError:
    return invalid_item_values(f"Cannot update attribute {name}. This attribute is part of the key")


def operand_type() -> ItemError:
    return invalid_item("An operand in the update expression has an incorrect data type")


def operand_missing() -> ItemError:
    return invalid_item(
        "The provided expression refers to an attribute that does not exist in the item"
    )


def update_path() -> ItemError:
    return invalid_item("The document path provided in the update expression is invalid for update")


def table_not_found(name: str) -> AwsError:
    """What the table operations say."""
    return AwsError(
        "ResourceNotFoundException", f"Requested resource not found: Table: {name} not found"
    )


def resource_not_found() -> AwsError:
    """What the item operations say of a table that is not there or not ready."""
    return AwsError("ResourceNotFoundException", "Requested resource not found")


def tagged_not_found(arn: str) -> AwsError:
    return AwsError(
        "ResourceNotFoundException", f"Requested resource not found: ResourcArn: {arn} not found"
    )


def index_not_found(name: str) -> AwsError:
    return invalid(f"The table does not have the specified index: {name}")


def update_index_not_found(name: str) -> AwsError:
    return AwsError(
        "ResourceNotFoundException", f"Requested resource not found: Index: {name} not found"
    )


def backups_table_not_found(name: str) -> AwsError:
    return AwsError("TableNotFoundException", f"Table not found: {name}")


def table_exists(name: str) -> AwsError:
    return AwsError("ResourceInUseException", f"Table already exists: {name}")


def table_busy(name: str, status: str) -> AwsError:
    doing = {"CREATING": "created", "DELETING": "deleted", "UPDATING": "updated"}[status]
    return AwsError(
        "ResourceInUseException",
        f"Attempt to change a resource which is still in use: Table is being {doing}: {name}",
    )


def limit_exceeded(message: str) -> AwsError:
    return AwsError("LimitExceededException", message)


def condition_failed(item: Any = None) -> AwsError:
    """`item` is what the caller asked to see of the item that failed (ReturnValuesOn...)."""
    members = {} if item is None else {"Item": item}
    return AwsError("ConditionalCheckFailedException", "The conditional request failed", **members)


def collection_size() -> AwsError:
    return AwsError(
        "ItemCollectionSizeLimitExceededException",
        "Item collection size limit of 10 GB exceeded",
    )


def transaction_canceled(reasons: list[dict[str, Any]]) -> AwsError:
    codes = ", ".join(reason["Code"] for reason in reasons)
    return AwsError(
        "TransactionCanceledException",
        f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]",
        CancellationReasons=reasons,
    )


def token_mismatch() -> AwsError:
    return AwsError(
        "IdempotentParameterMismatchException",
        "The request uses the same client token as a previous, but non-identical request. "
        "Do not reuse a client token with different requests, unless the requests are identical",
    )
