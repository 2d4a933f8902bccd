"""What expressions are made of. Names and values are as written, `#n` and `:v`."""

from __future__ import annotations

import msgspec


class Node(msgspec.Struct, frozen=True):
    """Any of the below."""


class Path(Node, frozen=True):
    """Attribute names (or, where it is `aliased`, #placeholders among them) and list indexes."""

    steps: tuple[str | int, ...]
    aliased: bool = False


class Placeholder(Node, frozen=True):
    """:name"""

    name: str


class Call(Node, frozen=True):
    function: str
    arguments: tuple[Node, ...]


class Compare(Node, frozen=True):
    operator: str
    left: Node
    right: Node


class Between(Node, frozen=True):
    operand: Node
    low: Node
    high: Node


class In(Node, frozen=True):
    operand: Node
    options: tuple[Node, ...]


class And(Node, frozen=True):
    terms: tuple[Node, ...]


class Or(Node, frozen=True):
    terms: tuple[Node, ...]


class Not(Node, frozen=True):
    term: Node


class Arithmetic(Node, frozen=True):
    """`operator` is + or -."""

    operator: str
    left: Node
    right: Node


class Action(Node, frozen=True):
    """One action of an update: SET path = operand, REMOVE path, ADD path operand, DELETE path
    operand.
    """

    section: str
    path: Path
    operand: Node | None = None


Operand = (Path, Placeholder, Call)
CONDITION_FUNCTIONS = {
    "attribute_exists": 1,
    "attribute_not_exists": 1,
    "attribute_type": 2,
    "begins_with": 2,
    "contains": 2,
    "size": 1,
}
UPDATE_FUNCTIONS = {"if_not_exists": 2, "list_append": 2}
