"""The #names and :values of one request: resolved, and counted, since each must be used."""

from __future__ import annotations

import re
from typing import Any

from freehold.kernel.errors import AwsError
from freehold.services.dynamodb import errors, values
from freehold.services.dynamodb.expressions.nodes import Path, Placeholder
from freehold.services.dynamodb.values import Value

ALIASES_BYTES_MAX = 2 * 1024 * 1024
_ALIAS = re.compile(r"#[A-Za-z0-9_]+")
_PLACEHOLDER = re.compile(r":[A-Za-z0-9_]+")

Steps = tuple[str | int, ...]


class Placeholders:
    """`params` may hold ExpressionAttributeNames and ExpressionAttributeValues; `uses` are the
    parameters whose expressions may refer to them, for the error that says that there are none.
    """

    __slots__ = ("_names", "_unused_names", "_unused_values", "_values")

    def __init__(self, params: dict[str, Any], *uses: str) -> None:
        names = params.get("ExpressionAttributeNames")
        bound = params.get("ExpressionAttributeValues")
        self._names: dict[str, str] = names or {}
        self._values: dict[str, Value] = bound or {}
        if names is None and bound is None:
            self._unused_names: set[str] = set()
            self._unused_values: set[str] = set()
            return
        if not any(use in params for use in uses):
            raise _no_expressions(names is not None, uses)
        if names is not None:
            _check_names(names)
        if bound is not None:
            _check_values(bound)
        self._unused_names = set(self._names)
        self._unused_values = set(self._values)

    def steps(self, kind: str, path: Path) -> Steps:
        """The path with its real attribute names."""
        if not path.aliased:
            return path.steps
        return tuple(
            self._name(kind, step) if type(step) is str and step[0] == "#" else step
            for step in path.steps
        )

    def value(self, kind: str, placeholder: Placeholder) -> Value:
        found = self._values.get(placeholder.name)
        if found is None:
            raise errors.invalid_expression(
                kind,
                "An expression attribute value used in expression is not defined; "
                f"attribute value: {placeholder.name}",
            )
        self._unused_values.discard(placeholder.name)
        return found

    def finish(self) -> None:
        """Raise if some have not been used: AWS takes that for a mistake."""
        if self._unused_names:
            raise _unused("ExpressionAttributeNames", self._names, self._unused_names)
        if self._unused_values:
            raise _unused("ExpressionAttributeValues", self._values, self._unused_values)

    def _name(self, kind: str, alias: str) -> str:
        found = self._names.get(alias)
        if found is None:
            raise errors.invalid_expression(
                kind,
                "An expression attribute name used in the document path is not defined; "
                f"attribute name: {alias}",
            )
        self._unused_names.discard(alias)
        return found


def _no_expressions(names: bool, uses: tuple[str, ...]) -> AwsError:
    which = "ExpressionAttributeNames" if names else "ExpressionAttributeValues"
    uses = tuple(use for use in uses if use != "ProjectionExpression")
    reason = f": {' and '.join(uses)} {'is' if len(uses) == 1 else 'are'} null"
    return errors.invalid(
        f"{which} can only be specified when using expressions{'' if names else reason}"
    )


def _check_names(names: dict[str, str]) -> None:
    if not names:
        raise errors.invalid("ExpressionAttributeNames must not be empty")
    for alias, name in names.items():
        if _ALIAS.fullmatch(alias) is None:
            raise errors.invalid(
                f'ExpressionAttributeNames contains invalid key: Syntax error; key: "{alias}"'
            )
        if not name:
            raise errors.invalid(
                "ExpressionAttributeNames contains invalid value: "
                f"Attribute name must not be empty; key: {alias}"
            )
    if sum(map(values.text_bytes, names.values())) > ALIASES_BYTES_MAX:
        raise errors.invalid("ExpressionAttributeNames exceeds max size")


def _check_values(bound: dict[str, Value]) -> None:
    if not bound:
        raise errors.invalid("ExpressionAttributeValues must not be empty")
    size = 0
    for name, value in bound.items():
        if _PLACEHOLDER.fullmatch(name) is None:
            raise errors.invalid(
                f'ExpressionAttributeValues contains invalid key: Syntax error; key: "{name}"'
            )
        try:
            size += values.checked(value)
        except AwsError as error:
            if error.code != "ValidationException":
                raise
            raise errors.invalid(
                f"ExpressionAttributeValues contains invalid value: {error.message} for key {name}"
            ) from error
    if size > ALIASES_BYTES_MAX:
        raise errors.invalid("ExpressionAttributeValues exceeds max size")


def _unused(parameter: str, given: dict[str, Any], unused: set[str]) -> AwsError:
    shown = ", ".join(name for name in given if name in unused)
    return errors.invalid(f"Value provided in {parameter} unused in expressions: keys: {{{shown}}}")
