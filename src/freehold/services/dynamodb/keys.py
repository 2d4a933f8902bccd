"""Key attributes: what a request gives as a key, held against the schema."""

from __future__ import annotations

from freehold.services.dynamodb import errors, values
from freehold.services.dynamodb.records import Index, Key, KeyAttribute, Table
from freehold.services.dynamodb.values import Item, Value

HASH_BYTES_MAX = 2048
RANGE_BYTES_MAX = 1024
# No text takes more than four bytes a character: one this short fits any key.
_PLAIN_CHARACTERS_MAX = 256


def checked_key(schema: Key, key: Item) -> Item:
    """The key of a Get, Update or Delete: exactly the schema's attributes, of its types."""
    if (
        len(key) == (1 if schema.range is None else 2)
        and _is_plain(schema.hash, key)
        and (schema.range is None or _is_plain(schema.range, key))
    ):
        return key
    if len(key) != (1 if schema.range is None else 2):
        for value in key.values():
            values.checked(value)
        raise errors.key_count()
    for attribute in schema.attributes:
        given = key.get(attribute.name)
        if given is None:
            for each in key.values():
                values.checked(each)
            raise errors.key_mismatch()
        size = values.checked(given)
        if attribute.type not in given:
            raise errors.key_mismatch()
        _check_size(schema, attribute, given, size)
    return key


def _is_plain(attribute: KeyAttribute, key: Item) -> bool:
    """Whether this is a text of a length that is right for any key: nearly all are."""
    value = key.get(attribute.name)
    if value is None or attribute.type != "S" or len(value) != 1:
        return False
    text = value.get("S")
    return text is not None and 0 < len(text) <= _PLAIN_CHARACTERS_MAX


def check_item_key(schema: Key, item: Item) -> None:
    """The key attributes within an item that is put, whose values have been checked."""
    for attribute in schema.attributes:
        value = item.get(attribute.name)
        if value is None:
            raise errors.missing_key(attribute.name)
        if attribute.type not in value:
            raise errors.key_type(attribute.name, attribute.type, values.kind_of(value))
        content = value[attribute.type]
        if not content or len(content) > _PLAIN_CHARACTERS_MAX:
            _check_size(schema, attribute, value, values.value_size(value))


def key_of(schema: Key, item: Item) -> Item:
    return {name: item[name] for name in schema.names}


def start_key(table: Table, index: Index | None, start: Item) -> Item:
    """An ExclusiveStartKey: the key attributes of the table and, for an index, of the index."""
    names = set(table.key.names)
    if index is not None:
        names.update(index.key.names)
    if set(start) != names:
        raise errors.invalid("The provided starting key is invalid")
    types = {attribute.name: attribute.type for attribute in table.definitions}
    for name, value in start.items():
        values.checked(value)
        if types[name] not in value:
            raise errors.invalid(
                "The provided starting key is invalid: "
                "The provided key element does not match the schema"
            )
        if not value[types[name]]:
            raise errors.empty_key(name, "binary" if types[name] == "B" else "string")
    return start


def is_indexed(index: Index, item: Item) -> bool:
    """Whether the item has the index's key attributes, of its types: an index is sparse."""
    for attribute in index.key.attributes:
        value = item.get(attribute.name)
        if value is None or not value.get(attribute.type):
            return False
    return True


def check_index_keys(table: Table, item: Item) -> None:
    """An item may lack the key attributes of an index, but not have them of another type."""
    for index in table.indexes:
        for attribute in index.key.attributes:
            value = item.get(attribute.name)
            if value is None:
                continue
            if attribute.type not in value:
                kind = values.kind_of(value)
                raise errors.index_key_type(attribute.name, index.name, attribute.type, kind)
            content = value[attribute.type]
            if not content:
                kind = "binary" if attribute.type == "B" else "string"
                raise errors.empty_index_key(attribute.name, index.name, kind)
            if len(content) > _PLAIN_CHARACTERS_MAX:
                _check_size(index.key, attribute, value, values.value_size(value))


def _check_size(schema: Key, attribute: KeyAttribute, value: Value, size: int) -> None:
    if size == 0:
        raise errors.empty_key(attribute.name, "binary" if attribute.type == "B" else "string")
    if attribute == schema.hash and size > HASH_BYTES_MAX:
        raise errors.hash_key_size()
    if attribute != schema.hash and size > RANGE_BYTES_MAX:
        raise errors.range_key_size()
