"""Shapes of a service model, and references to them with what the referring member adds."""

from __future__ import annotations

from typing import Any


class Shape:
    """A shape as one member sees it: the shape's own traits, under those of the reference.

    `name` is the shape's; `traits` is the union of both dicts, the reference's winning.
    """

    __slots__ = ("_shapes", "name", "traits", "type")

    def __init__(self, shapes: dict[str, Any], reference: dict[str, Any]) -> None:
        self._shapes = shapes
        self.name: str = reference["shape"]
        own = shapes[self.name]
        self.traits: dict[str, Any] = {**own, **reference}
        self.type: str = own["type"]

    def get(self, trait: str, default: Any = None) -> Any:
        return self.traits.get(trait, default)

    @property
    def members(self) -> dict[str, Shape]:
        members: dict[str, Any] = self.traits.get("members", {})
        return {name: Shape(self._shapes, reference) for name, reference in members.items()}

    def member(self, trait: str) -> Shape:
        """The shape of a list's `member`, a map's `key` or `value`."""
        return Shape(self._shapes, self.traits[trait])

    @property
    def required(self) -> list[str]:
        required: list[str] = self.traits.get("required", [])
        return required

    def wire_name(self, member: str) -> str:
        """The name of this member's value in a document or header."""
        name: str = self.traits.get("locationName", member)
        return name
