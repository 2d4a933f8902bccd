"""Conditions: a tree and a request's placeholders become a function item -> bool.

What can be known without an item (types of literals, bounds in the wrong order) is refused while
binding.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

from freehold.kernel.errors import AwsError
from freehold.services.dynamodb import errors, values
from freehold.services.dynamodb.expressions import parser, paths
from freehold.services.dynamodb.expressions.nodes import (
    And,
    Between,
    Call,
    Compare,
    In,
    Node,
    Not,
    Or,
    Path,
    Placeholder,
)
from freehold.services.dynamodb.expressions.placeholders import Placeholders
from freehold.services.dynamodb.values import Item, Value

Test = Callable[[Item], bool]
Finder = Callable[[Item], Value | None]

_ORDERED = frozenset(("S", "N", "B"))
_ORDERINGS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def bind(kind: str, text: str, placeholders: Placeholders) -> Test:
    return bind_node(kind, parser.condition(kind, text), placeholders)


def bind_node(kind: str, node: Node, placeholders: Placeholders) -> Test:
    return _Binder(kind, placeholders).test(node)


def attribute_names(node: Node, kind: str, placeholders: Placeholders) -> Iterator[str]:
    """The top-level attributes that a condition looks at."""
    if isinstance(node, Path):
        yield str(placeholders.steps(kind, node)[0])
    elif isinstance(node, (And, Or)):
        for term in node.terms:
            yield from attribute_names(term, kind, placeholders)
    else:
        for field in node.__struct_fields__:
            inner = getattr(node, field)
            for child in inner if isinstance(inner, tuple) else (inner,):
                if isinstance(child, Node):
                    yield from attribute_names(child, kind, placeholders)


class _Binder:
    def __init__(self, kind: str, placeholders: Placeholders) -> None:
        self.kind = kind
        self.placeholders = placeholders

    def test(self, node: Node) -> Test:
        match node:
            case And(terms):
                return _all([self.test(term) for term in terms])
            case Or(terms):
                return _any([self.test(term) for term in terms])
            case Not(term):
                return _not(self.test(term))
            case Compare():
                return self.compare(node)
            case Between():
                return self.between(node)
            case In():
                return self.among(node)
            case Call():
                return self.function(node)
        raise AssertionError(f"not a condition: {node}")

    def operand(self, node: Node) -> Finder:
        match node:
            case Path():
                steps = self.placeholders.steps(self.kind, node)
                if len(steps) == 1:
                    name = str(steps[0])
                    return lambda item: item.get(name)
                return lambda item: paths.find(item, steps)
            case Placeholder():
                value = self.placeholders.value(self.kind, node)
                return lambda item: value
            case Call("size", arguments):
                return _sized(self.path("size", arguments[0]))
        raise AssertionError(f"not an operand: {node}")

    def literal(self, node: Node) -> Value | None:
        if not isinstance(node, Placeholder):
            return None
        return self.placeholders.value(self.kind, node)

    def path(self, function: str, node: Node) -> Finder:
        if not isinstance(node, Path):
            raise self.wrong(
                f"Operator or function requires a document path; operator or function: {function}"
            )
        return self.operand(node)

    def compare(self, node: Compare) -> Test:
        self.require_distinct(node.operator, node.left, node.right)
        left, right = self.operand(node.left), self.operand(node.right)
        if node.operator == "=":
            return _equal(left, right)
        if node.operator == "<>":
            return _not(_equal(left, right))
        self.require_types(node.operator, _ORDERED, node.left, node.right)
        return _ordering(_ORDERINGS[node.operator], left, right)

    def between(self, node: Between) -> Test:
        self.require_types("BETWEEN", _ORDERED, node.operand, node.low, node.high)
        low, high = self.literal(node.low), self.literal(node.high)
        if low is not None and high is not None:
            check_bounds(self.kind, low, high)
        self.require_distinct("BETWEEN", node.operand, node.low, node.high)
        operand = self.operand(node.operand)
        above = _ordering(operator.ge, operand, self.operand(node.low))
        below = _ordering(operator.le, operand, self.operand(node.high))
        return lambda item: above(item) and below(item)

    def among(self, node: In) -> Test:
        self.require_distinct("IN", node.operand, *node.options)
        operand = self.operand(node.operand)
        return _any([_equal(operand, self.operand(option)) for option in node.options])

    def function(self, node: Call) -> Test:
        name, arguments = node.function, node.arguments
        if name == "attribute_exists":
            found = self.path(name, arguments[0])
            return lambda item: found(item) is not None
        if name == "attribute_not_exists":
            found = self.path(name, arguments[0])
            return lambda item: found(item) is None
        if name == "attribute_type":
            return self.attribute_type(arguments[0], arguments[1])
        self.require_distinct(name, *arguments)
        if name == "begins_with":
            self.require_types(name, frozenset(("S", "B")), *arguments)
            return _begins_with(self.operand(arguments[0]), self.operand(arguments[1]))
        assert name == "contains"
        return _contains(self.operand(arguments[0]), self.operand(arguments[1]))

    def attribute_type(self, where: Node, which: Node) -> Test:
        found = self.path("attribute_type", where)
        literal = self.literal(which)
        if literal is None or "S" not in literal:
            kind = "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}" if literal is None else values.kind_of(literal)
            raise self.operand_type("attribute_type", kind)
        wanted = literal["S"]
        if wanted not in values.TYPES:
            raise self.wrong(
                f"Invalid attribute type name found; type: {wanted}, "
                "valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}"
            )

        def test(item: Item) -> bool:
            value = found(item)
            return value is not None and wanted in value

        return test

    def require_distinct(self, name: str, first: Node, *others: Node) -> None:
        if not isinstance(first, Path):
            return
        steps = self.placeholders.steps(self.kind, first)
        for other in others:
            if isinstance(other, Path) and self.placeholders.steps(self.kind, other) == steps:
                raise self.wrong(
                    "The first operand must be distinct from the remaining operands for this "
                    f"operator or function; operator: {name}, first operand: {paths.shown(steps)}"
                )

    def require_types(self, name: str, allowed: frozenset[str], *operands: Node) -> None:
        for node in operands:
            literal = self.literal(node)
            if literal is not None and values.kind_of(literal) not in allowed:
                raise self.operand_type(name, values.kind_of(literal))

    def operand_type(self, name: str, kind: str) -> AwsError:
        return self.wrong(
            "Incorrect operand type for operator or function; "
            f"operator or function: {name}, operand type: {kind}"
        )

    def wrong(self, message: str) -> AwsError:
        return errors.invalid_expression(self.kind, message)


def check_bounds(kind: str, low: Value, high: Value) -> None:
    """Refuse bounds of BETWEEN that are of two types or the wrong way round."""
    shown = (
        f"lower bound operand: {values.described(low)}, "
        f"upper bound operand: {values.described(high)}"
    )
    if values.kind_of(low) != values.kind_of(high):
        raise errors.invalid_expression(
            kind,
            "The BETWEEN operator requires same data type for lower and upper bounds; " + shown,
        )
    if values.order(low) > values.order(high):
        raise errors.invalid_expression(
            kind,
            "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; "
            + shown,
        )


def size(value: Value) -> int | None:
    """What the function `size` says; None for a type that has no size."""
    ((kind, content),) = value.items()
    if kind == "S":
        return len(content)
    if kind == "B":
        return len(values.decoded(content))
    if kind in ("SS", "NS", "BS", "L", "M"):
        return len(content)
    return None


def contains(value: Value, part: Value) -> bool:
    """A substring, an element of a set, or an element of a list."""
    ((kind, content),) = value.items()
    ((part_kind, part_content),) = part.items()
    if kind == "S" or kind == "B":
        if part_kind != kind:
            return False
        if kind == "S":
            return part_content in content
        return values.decoded(part_content) in values.decoded(content)
    if kind in ("SS", "NS", "BS"):
        return part_kind == kind[0] and part_content in content
    return kind == "L" and any(values.equal(element, part) for element in content)


def begins_with(value: Value, start: Value) -> bool:
    if "S" in value and "S" in start:
        return bool(value["S"].startswith(start["S"]))
    if "B" in value and "B" in start:
        return values.decoded(value["B"]).startswith(values.decoded(start["B"]))
    return False


def compares(ordering: Callable[[Any, Any], bool], left: Value, right: Value) -> bool:
    """Whether the ordering holds; false for two types, or types without order."""
    if values.kind_of(left) not in right:
        return False
    mine = values.order(left)
    return mine is not None and ordering(mine, values.order(right))


def _all(tests: list[Test]) -> Test:
    if len(tests) == 2:
        first, second = tests
        return lambda item: first(item) and second(item)
    return lambda item: all(test(item) for test in tests)


def _any(tests: list[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]
    return lambda item: any(test(item) for test in tests)


def _not(test: Test) -> Test:
    return lambda item: not test(item)


def _equal(left: Finder, right: Finder) -> Test:
    def test(item: Item) -> bool:
        one, other = left(item), right(item)
        return one is not None and other is not None and values.equal(one, other)

    return test


def _ordering(ordering: Callable[[Any, Any], bool], left: Finder, right: Finder) -> Test:
    def test(item: Item) -> bool:
        one, other = left(item), right(item)
        return one is not None and other is not None and compares(ordering, one, other)

    return test


def _begins_with(left: Finder, right: Finder) -> Test:
    def test(item: Item) -> bool:
        one, other = left(item), right(item)
        return one is not None and other is not None and begins_with(one, other)

    return test


def _contains(left: Finder, right: Finder) -> Test:
    def test(item: Item) -> bool:
        one, other = left(item), right(item)
        return one is not None and other is not None and contains(one, other)

    return test


def _sized(found: Finder) -> Finder:
    def measure(item: Item) -> Value | None:
        value = found(item)
        count = None if value is None else size(value)
        return None if count is None else {"N": str(count)}

    return measure
