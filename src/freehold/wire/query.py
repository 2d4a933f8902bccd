"""Requests of the query and ec2 protocols: forms whose names are paths."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from freehold.wire.messages import WireError
from freehold.wire.scalars import text_reader
from freehold.wire.shapes import Shape

DEPTH_MAX = 32
PARAMETERS_MAX = 20_000

_INDEX = re.compile(r"[0-9]{1,9}")

Tree = dict[str, Any]
# No part of a name holds a dot, so no form can name this.
_LEAF = "."


def tree(pairs: list[tuple[str, str]]) -> Tree:
    """Return nested dicts of a form: `A.1.B=x` is {"A": {"1": {"B": {"": "x"}}}}."""
    if len(pairs) > PARAMETERS_MAX:
        raise WireError("MalformedQueryString", "The query string has too many parameters")
    root: Tree = {}
    for name, text in pairs:
        node = root
        parts = name.split(".")
        if len(parts) > DEPTH_MAX:
            raise WireError("MalformedQueryString", "A parameter is nested too deeply")
        for part in parts:
            node = node.setdefault(part, {})
        node[_LEAF] = text
    return root


class QueryReaders:
    """Compiled functions from trees to values."""

    def __init__(self, *, is_ec2: bool = False) -> None:
        self._is_ec2 = is_ec2
        self._compiled: dict[tuple[str, bool], list[Callable[[Tree], Any]]] = {}

    def reader(self, shape: Shape) -> Callable[[Tree], Any]:
        if shape.type not in ("structure", "list", "map"):
            convert = text_reader(shape, timestamp_form="iso8601", malformed="MalformedInput")
            return lambda node: convert(_leaf(node))
        key = (shape.name, bool(shape.get("flattened")))
        if key in self._compiled:
            holder = self._compiled[key]
            return holder[0] if holder else lambda node: holder[0](node)
        holder = self._compiled[key] = []
        compiled = {
            "structure": self._structure,
            "list": self._list,
            "map": self._map,
        }[shape.type](shape)
        holder.append(compiled)
        return compiled

    def _structure(self, shape: Shape) -> Callable[[Tree], Any]:
        members = {
            self._name(name, member): (name, self.reader(member))
            for name, member in shape.members.items()
        }

        def read(node: Tree) -> dict[str, Any]:
            result = {}
            for key, inner in node.items():
                found = members.get(key)
                if found is not None:
                    name, convert = found
                    result[name] = convert(inner)
            return result

        return read

    def _name(self, name: str, member: Shape) -> str:
        if self._is_ec2:
            if member.get("queryName"):
                return str(member.get("queryName"))
            wire_name = member.wire_name(name)
            return wire_name[:1].upper() + wire_name[1:]
        if member.type == "list" and member.get("flattened"):
            # A flattened list is named as its member is, where that has a name of its own.
            return member.member("member").wire_name(member.wire_name(name))
        return member.wire_name(name)

    def _list(self, shape: Shape) -> Callable[[Tree], Any]:
        convert = self.reader(shape.member("member"))
        flat = self._is_ec2 or bool(shape.get("flattened"))
        item_name = shape.member("member").wire_name("member")

        def read(node: Tree) -> list[Any]:
            if node.get(_LEAF) == "" and len(node) == 1:
                return []
            # Older clients leave the member's name out, or call it "member" whatever the model says.
            items: Any = node if flat else node.get(item_name, node.get("member", node))
            return [convert(items[index]) for index in _indexes(items)]

        return read

    def _map(self, shape: Shape) -> Callable[[Tree], Any]:
        key_name = shape.member("key").wire_name("key")
        value_name = shape.member("value").wire_name("value")
        convert = self.reader(shape.member("value"))
        flat = bool(shape.get("flattened"))

        def read(node: Tree) -> dict[str, Any]:
            entries = node if flat else node.get("entry", node)
            result = {}
            for index in _indexes(entries):
                entry = entries[index]
                if key_name not in entry or value_name not in entry:
                    raise WireError("MalformedInput", "A map entry needs a key and a value")
                result[_leaf(entry[key_name])] = convert(entry[value_name])
            return result

        return read


def _indexes(items: Tree) -> list[str]:
    return sorted((key for key in items if _INDEX.fullmatch(key)), key=int)


def _leaf(node: Tree) -> str:
    text = node.get(_LEAF)
    if text is None:
        raise WireError("MalformedInput", "Found a structure where a value was expected")
    return str(text)
