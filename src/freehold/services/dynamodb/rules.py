"""What makes a table: its schema, its indexes, its capacity. Pure: a request and a table give a
table.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from freehold.kernel.errors import not_implemented
from freehold.services.dynamodb import addressing, errors
from freehold.services.dynamodb.records import Index, Key, KeyAttribute, Table, Throughput

GLOBAL_INDEXES_MAX = 20
LOCAL_INDEXES_MAX = 5
# Attributes that all INCLUDE projections of a table may name together.
PROJECTED_MAX = 100
TAGS_MAX = 50

Definitions = dict[str, str]


def new_table(params: dict[str, Any], *, table_id: str, now: float) -> Table:
    """A table as CreateTable wants it, in state CREATING."""
    name = addressing.checked_name(params["TableName"])
    refuse_encryption(params)
    refuse_stream(params)
    definitions = _definitions(params)
    if "KeySchema" not in params:
        raise errors.invalid_values("Missing KeySchema")
    on_demand = params.get("BillingMode", "PROVISIONED") == "PAY_PER_REQUEST"
    key = _key(params["KeySchema"], definitions)
    local = [
        _local_index(each, definitions, key, number)
        for number, each in enumerate(_list(params, "LocalSecondaryIndexes"))
    ]
    first = len(local)
    others = [
        _global_index(each, definitions, first + number, on_demand=on_demand)
        for number, each in enumerate(_list(params, "GlobalSecondaryIndexes"))
    ]
    indexes = (*local, *others)
    table = Table(
        name=name,
        id=table_id,
        status="CREATING",
        created_at=now,
        key=key,
        definitions=tuple(KeyAttribute(*each) for each in definitions.items()),
        on_demand=on_demand,
        on_demand_since=now if on_demand else None,
        throughput=_throughput(params, on_demand=on_demand, what="ReadCapacityUnits"),
        indexes=indexes,
        indexes_made=len(indexes),
        deletion_protected=params.get("DeletionProtectionEnabled", False),
        table_class=params.get("TableClass", ""),
    )
    check_table(table)
    return table


def check_table(table: Table) -> None:
    """What holds of a table as a whole."""
    used = {*table.key.names, *(key for index in table.indexes for key in index.key.names)}
    defined = {definition.name for definition in table.definitions}
    if used != defined:
        raise errors.invalid_values(
            "Number of attributes in KeySchema does not exactly match number of attributes defined "
            "in AttributeDefinitions"
            if not table.indexes
            else "Some AttributeDefinitions are not used. AttributeDefinitions: "
            f"[{', '.join(sorted(defined))}], keys used: [{', '.join(sorted(used))}]"
        )
    names = [index.name for index in table.indexes]
    for name in names:
        if names.count(name) > 1:
            raise errors.invalid_values(f"Duplicate index name: {name}")
    if len(table.local_indexes) > LOCAL_INDEXES_MAX:
        raise errors.invalid_values(
            f"Number of LocalSecondaryIndexes exceeds per-table limit of {LOCAL_INDEXES_MAX}"
        )
    if len(table.global_indexes) > GLOBAL_INDEXES_MAX:
        raise errors.invalid_values(
            f"GlobalSecondaryIndex count exceeds the per-table limit of {GLOBAL_INDEXES_MAX}"
        )
    if sum(len(index.attributes) for index in table.indexes) > PROJECTED_MAX:
        raise errors.invalid_values(
            "The total number of projected non-key attributes exceeds the limit of "
            f"{PROJECTED_MAX} for all indexes of a table"
        )


def updated_table(table: Table, params: dict[str, Any], now: float) -> Table:
    """The table as UpdateTable wants it. Indexes that come are CREATING, those that go DELETING."""
    refuse_encryption(params)
    refuse_stream(params)
    wanted = table
    if "BillingMode" in params:
        wanted = _with_billing(wanted, params, now)
    if "ProvisionedThroughput" in params:
        if wanted.on_demand:
            raise errors.invalid_values(
                "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when "
                "BillingMode is PAY_PER_REQUEST"
            )
        wanted = replace(
            wanted, throughput=_changed(wanted.throughput, params["ProvisionedThroughput"], now)
        )
    if "DeletionProtectionEnabled" in params:
        wanted = replace(wanted, deletion_protected=params["DeletionProtectionEnabled"])
    if "TableClass" in params:
        wanted = replace(wanted, table_class=params["TableClass"])
    updates = _list(params, "GlobalSecondaryIndexUpdates")
    if updates:
        wanted = _with_indexes(wanted, params, updates, now)
    nothing = not any(
        name in params
        for name in (
            "BillingMode",
            "ProvisionedThroughput",
            "DeletionProtectionEnabled",
            "TableClass",
        )
    )
    if nothing and not updates:
        raise errors.invalid(
            "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, "
            "GlobalSecondaryIndexUpdates or SSESpecification or ReplicaUpdates is required"
        )
    return wanted


def without_index(table: Table, name: str) -> Table:
    """The table when an index is gone, and with it the definitions that only it used."""
    indexes = tuple(index for index in table.indexes if index.name != name)
    used = {*table.key.names, *(key for index in indexes for key in index.key.names)}
    definitions = tuple(each for each in table.definitions if each.name in used)
    return replace(table, indexes=indexes, definitions=definitions)


def with_index_status(table: Table, name: str, status: str) -> Table:
    indexes = tuple(
        replace(index, status=status) if index.name == name else index for index in table.indexes
    )
    return replace(table, indexes=indexes)


def settled(table: Table) -> Table:
    """ACTIVE, once nothing is being made or removed any more."""
    if any(index.status != "ACTIVE" for index in table.indexes):
        return table
    return replace(table, status="ACTIVE") if table.status == "UPDATING" else table


def refuse_encryption(params: dict[str, Any]) -> None:
    specification = params.get("SSESpecification") or {}
    if specification.get("Enabled"):
        raise not_implemented("SSESpecification with KMS keys of dynamodb tables")


def refuse_stream(params: dict[str, Any]) -> None:
    if (params.get("StreamSpecification") or {}).get("StreamEnabled"):
        raise not_implemented("StreamSpecification of dynamodb tables")


def _definitions(params: dict[str, Any]) -> Definitions:
    definitions: Definitions = {}
    if not params.get("AttributeDefinitions"):
        raise errors.invalid_values("Missing AttributeDefinitions")
    for each in params["AttributeDefinitions"]:
        if each["AttributeName"] in definitions:
            raise errors.invalid(
                "Cannot have two attributes with the same name: " + each["AttributeName"]
            )
        definitions[each["AttributeName"]] = each["AttributeType"]
    return definitions


def _key(schema: list[dict[str, str]], definitions: Definitions) -> Key:
    kinds = [element["KeyType"] for element in schema]
    if len(schema) > 2:
        raise errors.invalid(
            f"1 validation error detected: Value '{_shown(schema)}' at 'keySchema' failed to "
            "satisfy constraint: Member must have length less than or equal to 2"
        )
    if kinds[0] != "HASH":
        raise errors.invalid_values(
            "Invalid KeySchema: The first KeySchemaElement is not a HASH key type"
        )
    if len(kinds) == 2 and kinds[1] != "RANGE":
        raise errors.invalid_values(
            "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type"
        )
    names = [element["AttributeName"] for element in schema]
    if len(set(names)) != len(names):
        raise errors.invalid(
            "Both the Hash Key and the Range Key element in the KeySchema have the same name"
        )
    for name in names:
        if name not in definitions:
            raise errors.invalid_values(
                "Some index key attributes are not defined in AttributeDefinitions. "
                f"Keys: [{', '.join(names)}], AttributeDefinitions: [{', '.join(definitions)}]"
            )
    attributes = [KeyAttribute(name, definitions[name]) for name in names]
    return Key(attributes[0], attributes[1] if len(attributes) == 2 else None)


def _local_index(each: dict[str, Any], definitions: Definitions, table: Key, number: int) -> Index:
    if table.range is None:
        raise errors.invalid_values(
            "Table KeySchema does not have a range key, which is required when specifying a "
            "LocalSecondaryIndex"
        )
    index = _index(each, definitions, number)
    if index.key.range is None:
        raise errors.invalid_values(
            f"Index KeySchema does not have a range key for index: {index.name}"
        )
    if index.key.hash != table.hash:
        raise errors.invalid_values(
            "Index KeySchema does not have the same leading hash key as table KeySchema for index: "
            f"{index.name}. index hash key: {index.key.hash.name}, "
            f"table hash key: {table.hash.name}"
        )
    return replace(index, local=True)


def _global_index(
    each: dict[str, Any], definitions: Definitions, number: int, *, on_demand: bool
) -> Index:
    for name in ("OnDemandThroughput", "WarmThroughput"):
        if name in each:
            raise not_implemented(f"{name} of dynamodb indexes")
    index = _index(each, definitions, number)
    what = f"ReadCapacityUnits for index: {index.name}"
    return replace(index, throughput=_throughput(each, on_demand=on_demand, what=what))


def _index(each: dict[str, Any], definitions: Definitions, number: int) -> Index:
    name = addressing.checked_name(each["IndexName"], "indexName")
    projection = each.get("Projection") or {}
    kind = projection.get("ProjectionType")
    attributes = projection.get("NonKeyAttributes")
    if kind is None:
        raise errors.invalid_values(f"Unknown ProjectionType: null for index: {name}")
    if kind == "INCLUDE" and not attributes:
        raise errors.invalid_values(
            "ProjectionType is INCLUDE, but NonKeyAttributes is not specified"
        )
    if kind != "INCLUDE" and attributes is not None:
        raise errors.invalid_values(f"ProjectionType is {kind}, but NonKeyAttributes is specified")
    return Index(
        name=name,
        number=number,
        key=_key(each["KeySchema"], definitions),
        projection=kind,
        attributes=tuple(attributes or ()),
    )


def _throughput(params: dict[str, Any], *, on_demand: bool, what: str) -> Throughput:
    given = params.get("ProvisionedThroughput")
    if on_demand:
        if given is not None:
            raise errors.invalid_values(
                "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when "
                "BillingMode is PAY_PER_REQUEST"
            )
        return Throughput()
    if given is None:
        raise errors.invalid_values(
            f"{what} and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"
        )
    return Throughput(given["ReadCapacityUnits"], given["WriteCapacityUnits"])


def _changed(throughput: Throughput, given: dict[str, int], now: float) -> Throughput:
    reads, writes = given["ReadCapacityUnits"], given["WriteCapacityUnits"]
    if (reads, writes) == (throughput.read_units, throughput.write_units):
        raise errors.invalid(
            "The provisioned throughput for the table will not change. The requested value equals "
            f"the current value. Current ReadCapacityUnits provisioned for the table: {reads}. "
            f"Requested ReadCapacityUnits: {reads}. Current WriteCapacityUnits provisioned for the "
            f"table: {writes}. Requested WriteCapacityUnits: {writes}. Refer to the Amazon "
            "DynamoDB Developer Guide for current limits and how to request higher limits."
        )
    grows = reads > throughput.read_units or writes > throughput.write_units
    shrinks = reads < throughput.read_units or writes < throughput.write_units
    return Throughput(
        reads,
        writes,
        now if grows else throughput.increased_at,
        now if shrinks else throughput.decreased_at,
    )


def _with_billing(table: Table, params: dict[str, Any], now: float) -> Table:
    on_demand = params["BillingMode"] == "PAY_PER_REQUEST"
    if on_demand == table.on_demand:
        return table
    if not on_demand:
        if "ProvisionedThroughput" not in params:
            raise errors.invalid_values(
                "ProvisionedThroughput must be specified when BillingMode is PROVISIONED"
            )
        given = {
            each["Update"]["IndexName"]
            for each in _list(params, "GlobalSecondaryIndexUpdates")
            if "Update" in each
        }
        missing = [index.name for index in table.global_indexes if index.name not in given]
        if missing:
            raise errors.invalid_values(
                "ProvisionedThroughput must be specified for index: " + ", ".join(missing)
            )
        return replace(table, on_demand=False)
    indexes = tuple(replace(index, throughput=Throughput()) for index in table.indexes)
    return replace(
        table, on_demand=True, on_demand_since=now, throughput=Throughput(), indexes=indexes
    )


def _with_indexes(
    table: Table, params: dict[str, Any], changes: list[dict[str, Any]], now: float
) -> Table:
    if sum("Create" in each or "Delete" in each for each in changes) > 1:
        raise errors.limit_exceeded(
            "Subscriber limit exceeded: Only 1 online index can be created or deleted "
            "simultaneously per table"
        )
    for change in changes:
        if len(change) != 1:
            raise errors.invalid_values(
                "One of GlobalSecondaryIndexUpdate Create, Update, Delete must be specified"
            )
        ((what, each),) = change.items()
        name = each["IndexName"]
        if what == "Create":
            table = _with_new_index(table, params, each)
            continue
        found = table.index(name)
        if found is None or found.local:
            raise errors.update_index_not_found(name)
        if what == "Delete":
            table = replace(with_index_status(table, name, "DELETING"), status="UPDATING")
        else:
            table = _with_index_throughput(table, found, each, now)
    return table


def _with_new_index(table: Table, params: dict[str, Any], each: dict[str, Any]) -> Table:
    if table.index(each["IndexName"]) is not None:
        raise errors.invalid(
            "Attempting to create an index which already exists: " + each["IndexName"]
        )
    definitions = {definition.name: definition.type for definition in table.definitions}
    for given in _list(params, "AttributeDefinitions"):
        name, kind = given["AttributeName"], given["AttributeType"]
        if definitions.setdefault(name, kind) != kind:
            raise errors.invalid_values(f"Type of attribute {name} cannot be changed")
    index = _global_index(each, definitions, table.indexes_made, on_demand=table.on_demand)
    used = {*index.key.names, *(definition.name for definition in table.definitions)}
    wanted = replace(
        table,
        status="UPDATING",
        indexes=(*table.indexes, replace(index, status="CREATING")),
        indexes_made=table.indexes_made + 1,
        definitions=tuple(
            KeyAttribute(name, kind) for name, kind in definitions.items() if name in used
        ),
    )
    check_table(wanted)
    return wanted


def _with_index_throughput(table: Table, index: Index, each: dict[str, Any], now: float) -> Table:
    for name in ("OnDemandThroughput", "WarmThroughput"):
        if name in each:
            raise not_implemented(f"{name} of dynamodb indexes")
    if table.on_demand:
        raise errors.invalid_values(
            "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when "
            "BillingMode is PAY_PER_REQUEST"
        )
    throughput = _changed(index.throughput, each["ProvisionedThroughput"], now)
    changed = replace(index, throughput=throughput)
    indexes = tuple(changed if each is index else each for each in table.indexes)
    return replace(table, indexes=indexes)


def _list(params: dict[str, Any], name: str) -> list[Any]:
    found: list[Any] = params.get(name) or []
    return found


def _shown(schema: list[dict[str, str]]) -> str:
    elements = (
        f"KeySchemaElement(attributeName={each['AttributeName']}, keyType={each['KeyType']})"
        for each in schema
    )
    return f"[{', '.join(elements)}]"
