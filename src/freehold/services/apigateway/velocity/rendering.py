"""From a tree and its variables to text."""

from __future__ import annotations

from typing import Any

from freehold.services.apigateway.velocity import methods, parsing
from freehold.services.apigateway.velocity.parsing import TemplateError

# "$foreach ... limited to 1000 iterations" (API Gateway quotas); here for all loops of a template.
ITERATIONS_MAX = 10_000
# Of these, what is not there is written as nothing; other references stay as they are written.
_KNOWN = frozenset({"context", "stageVariables", "input", "util"})
_MISSING = object()


class _Break(Exception):
    pass


class _Stop(Exception):
    pass


def render(template: str, variables: dict[str, Any]) -> str:
    """The text of a template. It may change what it finds in the variables, as #set does.

    A value with a method `reference_NAME` (see mapping.py) answers calls of that method itself.
    """
    rendering = _Rendering(variables)
    try:
        rendering.body(parsing.parse(template))
    except _Stop:
        pass
    except (_Break, RecursionError, ArithmeticError) as error:
        raise TemplateError(str(error) or type(error).__name__) from None
    return "".join(rendering.parts)


class _Rendering:
    def __init__(self, variables: dict[str, Any]) -> None:
        self.variables = variables
        self.parts: list[str] = []
        self.iterations = 0
        self.size = 0

    def body(self, nodes: tuple[Any, ...]) -> None:
        for node in nodes:
            if isinstance(node, parsing.Text):
                self._write(node.text)
            elif isinstance(node, parsing.Reference):
                value = self.value(node, _MISSING)
                if value is not _MISSING and value is not None:
                    self._write(methods.text(value))
                elif not node.quiet and node.name not in _KNOWN:
                    self._write(node.source)
            elif isinstance(node, parsing.Set):
                self._assign(node.target, self.value(node.value))
            elif isinstance(node, parsing.If):
                self._choose(node)
            elif isinstance(node, parsing.Foreach):
                self._loop(node)
            elif isinstance(node, parsing.Leave):
                raise _Break if node.word == "break" else _Stop

    def value(self, node: Any, missing: Any = None) -> Any:
        if isinstance(node, parsing.Literal):
            return node.value
        if isinstance(node, parsing.Reference):
            return self._reference(node, missing)
        if isinstance(node, parsing.Interpolated):
            inner = _Rendering(self.variables)
            inner.body(node.body)
            return "".join(inner.parts)
        if isinstance(node, parsing.ListOf):
            return [self.value(item) for item in node.items]
        if isinstance(node, parsing.MapOf):
            return {self.value(key): self.value(each) for key, each in node.entries}
        if isinstance(node, parsing.RangeOf):
            return self._range(self.value(node.first), self.value(node.last))
        if isinstance(node, parsing.Not):
            return not _truth(self.value(node.operand))
        assert isinstance(node, parsing.Binary)
        return self._binary(node)

    def _reference(self, node: parsing.Reference, missing: Any) -> Any:
        if node.name not in self.variables:
            return missing
        found = self.variables[node.name]
        for step in node.steps:
            if found is None:
                return missing
            if step[0] == "call":
                arguments = [self.value(each) for each in step[2]]
                own = getattr(found, f"reference_{step[1]}", None)
                if own is not None:
                    found = own(*arguments)
                else:
                    found = methods.call(found, step[1], arguments)
            else:
                key = step[1] if step[0] == "name" else self.value(step[1])
                found = _member(found, key)
        return missing if found is None else found

    def _assign(self, target: parsing.Reference, value: Any) -> None:
        if isinstance(value, str) and len(value) > methods.TEXT_MAX:
            raise TemplateError("a text is too long")
        if not target.steps:
            self.variables[target.name] = value
            return
        holder = self.variables.setdefault(target.name, {})
        for step in target.steps[:-1]:
            key = step[1] if step[0] == "name" else self.value(step[1])
            if not isinstance(holder, dict):
                raise TemplateError(f"{target.source} cannot be set")
            holder = holder.setdefault(key, {})
        kind, last = target.steps[-1][0], target.steps[-1][1]
        if kind == "call":
            raise TemplateError(f"{target.source} cannot be set")
        key = last if kind == "name" else self.value(last)
        if isinstance(holder, dict) or (
            isinstance(holder, list) and isinstance(key, int) and 0 <= key < len(holder)
        ):
            holder[key] = value
        else:
            raise TemplateError(f"{target.source} cannot be set")

    def _choose(self, node: parsing.If) -> None:
        for condition, body in node.branches:
            if _truth(self.value(condition)):
                self.body(body)
                return

    def _loop(self, node: parsing.Foreach) -> None:
        source = self.value(node.source)
        items = list(source.values()) if isinstance(source, dict) else source
        if not isinstance(items, list):
            return
        kept = {name: self.variables.get(name, _MISSING) for name in (node.name, "foreach")}
        for index, item in enumerate(list(items)):
            self.iterations += 1
            if self.iterations > ITERATIONS_MAX:
                raise TemplateError("too many iterations")
            more = index + 1 < len(items)
            place = {"index": index, "count": index + 1, "hasNext": more, "first": index == 0}
            self.variables.update({node.name: item, "foreach": {**place, "last": not more}})
            self.variables["velocityCount"] = index + 1
            try:
                self.body(node.body)
            except _Break:
                break
        for name, value in kept.items():
            if value is _MISSING:
                self.variables.pop(name, None)
            else:
                self.variables[name] = value

    def _binary(self, node: parsing.Binary) -> Any:
        operator = node.operator
        left = self.value(node.left)
        if operator in ("&&", "and"):
            return _truth(left) and _truth(self.value(node.right))
        if operator in ("||", "or"):
            return _truth(left) or _truth(self.value(node.right))
        right = self.value(node.right)
        if operator in ("==", "!="):
            same = left == right or (
                not isinstance(left, type(right)) and methods.text(left) == methods.text(right)
            )
            return same if operator == "==" else not same
        if operator == "+" and (isinstance(left, str) or isinstance(right, str)):
            return methods.text(left) + methods.text(right)
        if not _is_number(left) or not _is_number(right):
            return None if operator in ("+", "-", "*", "/", "%") else False
        return _calculated(operator, left, right)

    def _range(self, first: Any, last: Any) -> list[int]:
        if not isinstance(first, int) or not isinstance(last, int):
            raise TemplateError("a range needs numbers")
        if abs(last - first) > ITERATIONS_MAX:
            raise TemplateError("too many iterations")
        step = 1 if first <= last else -1
        return list(range(first, last + step, step))

    def _write(self, text: str) -> None:
        self.size += len(text)
        if self.size > methods.TEXT_MAX:
            raise TemplateError("the template's output is too long")
        self.parts.append(text)


def _member(value: Any, key: Any) -> Any:
    if isinstance(value, dict):
        return value.get(key)
    if isinstance(value, list) and isinstance(key, int):
        return value[key] if -len(value) <= key < len(value) else None
    if isinstance(value, list) and key == "size":
        return len(value)
    return getattr(value, f"member_{key}", None)


def _truth(value: Any) -> bool:
    """API Gateway's Velocity is of the 1.x line: only false and null are false, not an empty
    string.
    """
    return value is not None and value is not False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _calculated(operator: str, left: Any, right: Any) -> Any:
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "%":
            return left % right if right else None
        case "<":
            return left < right
        case ">":
            return left > right
        case "<=":
            return left <= right
        case ">=":
            return left >= right
    if not right:
        return None
    whole = isinstance(left, int) and isinstance(right, int)
    # Java divides integers towards zero.
    return int(left / right) if whole else left / right
