"""Capacity units: what reads and writes consume, and how an answer says it."""

from __future__ import annotations

from typing import Any

READ_UNIT_BYTES = 4096
WRITE_UNIT_BYTES = 1024


def read_units(size: int, *, consistent: bool) -> float:
    """Units of one read of that many bytes; one of nothing costs as much as the smallest."""
    units = max(-(-size // READ_UNIT_BYTES), 1)
    return float(units) if consistent else units / 2


def write_units(size: int) -> float:
    return float(max(-(-size // WRITE_UNIT_BYTES), 1))


class Consumed:
    """Units of one table and its indexes. `mode` is ReturnConsumedCapacity."""

    __slots__ = ("global_indexes", "local_indexes", "table", "table_name")

    def __init__(self, table_name: str) -> None:
        self.table_name = table_name
        self.table = 0.0
        self.local_indexes: dict[str, float] = {}
        self.global_indexes: dict[str, float] = {}

    def add_index(self, name: str, units: float, *, local: bool) -> None:
        indexes = self.local_indexes if local else self.global_indexes
        indexes[name] = indexes.get(name, 0.0) + units

    def add_twice(self, other: Consumed) -> None:
        """What a transaction costs: one write or read prepares, one commits."""
        self.table += 2 * other.table
        for name, units in other.local_indexes.items():
            self.add_index(name, 2 * units, local=True)
        for name, units in other.global_indexes.items():
            self.add_index(name, 2 * units, local=False)

    def answer(self, mode: str | None, direction: str | None = None) -> dict[str, Any] | None:
        """The ConsumedCapacity member. Transactions say the `direction` too (Read or Write)."""
        if mode is None or mode == "NONE":
            return None
        total = self.table + sum(self.local_indexes.values()) + sum(self.global_indexes.values())
        result: dict[str, Any] = {"TableName": self.table_name, **_units(total, direction)}
        if mode == "INDEXES":
            result["Table"] = _units(self.table, direction)
            if self.local_indexes:
                result["LocalSecondaryIndexes"] = _each(self.local_indexes, direction)
            if self.global_indexes:
                result["GlobalSecondaryIndexes"] = _each(self.global_indexes, direction)
        return result


def _each(indexes: dict[str, float], direction: str | None) -> dict[str, Any]:
    return {name: _units(units, direction) for name, units in indexes.items()}


def _units(units: float, direction: str | None) -> dict[str, float]:
    if direction is None:
        return {"CapacityUnits": units}
    return {"CapacityUnits": units, f"{direction}CapacityUnits": units}
