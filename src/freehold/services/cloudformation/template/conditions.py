"""Conditions and rules: what a template decides from its parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from freehold.services.cloudformation import errors
from freehold.services.cloudformation.template.functions import Environment, evaluate, text_of


def evaluate_conditions(conditions: dict[str, Any], env: Environment) -> dict[str, bool]:
    """The value of every condition."""
    known: dict[str, bool] = {}
    for name in conditions:
        _condition(name, conditions, env, known, ())
    return known


def _condition(
    name: Any,
    conditions: dict[str, Any],
    env: Environment,
    known: dict[str, bool],
    path: tuple[str, ...],
) -> bool:
    if name in known:
        return known[name]
    if name in path:
        raise errors.template_format(f"Circular dependency between conditions: [{', '.join(path)}]")
    if not isinstance(name, str) or name not in conditions:
        raise errors.template_format(
            f"Unresolved dependencies [{name}]. Cannot reference resources in the Conditions block "
            "of the template"
        )

    def inner(other: Any) -> bool:
        return _condition(other, conditions, env, known, (*path, name))

    known[name] = _truth(conditions[name], env, inner)
    return known[name]


def check_rules(rules: dict[str, dict[str, Any]], env: Environment, types: dict[str, str]) -> None:
    """Raise for the first rule whose assertions do not hold. `types` are the parameters' types."""
    for name, rule in rules.items():
        for member in rule:
            if member not in ("RuleCondition", "Assertions"):
                raise errors.template_format(f"Unrecognized member {member} of rule {name}")
        condition = rule.get("RuleCondition")
        if condition is not None and not _truth(condition, env, _no_conditions, types):
            continue
        for assertion in rule.get("Assertions", []):
            if not _truth(assertion.get("Assert"), env, _no_conditions, types):
                description = assertion.get("AssertDescription", "")
                raise errors.template_error(f"Rule {name} assertion failed: {description}")


def _no_conditions(name: Any) -> bool:
    raise errors.template_format(f"Rules cannot refer to the condition {name}")


def _truth(
    value: Any, env: Environment, condition: Any, types: dict[str, str] | None = None
) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in ("true", "false"):
        return value == "true"
    if not isinstance(value, dict) or len(value) != 1:
        raise _not_boolean()
    name, argument = next(iter(value.items()))
    if name == "Condition":
        return bool(condition(argument))
    if name == "Fn::Equals":
        return _equals(_pair(name, argument), env, types)
    if name == "Fn::Not":
        if not isinstance(argument, list) or len(argument) != 1:
            raise errors.template_error(
                "every Fn::Not object requires a list with exactly one boolean parameter."
            )
        return not _truth(argument[0], env, condition, types)
    if name in ("Fn::And", "Fn::Or"):
        if not isinstance(argument, list) or not 2 <= len(argument) <= 10:
            raise errors.template_error(
                f"every {name} object requires a list of at least 2 and at most 10 "
                "boolean parameters."
            )
        truths = [_truth(member, env, condition, types) for member in argument]
        return all(truths) if name == "Fn::And" else any(truths)
    if types is not None and name in _MEMBERSHIP:
        left, right = (_members(part, env, types) for part in _pair(name, argument))
        return _MEMBERSHIP[name](left, right)
    raise _not_boolean()


_MEMBERSHIP: dict[str, Callable[[list[str], list[str]], bool]] = {
    "Fn::Contains": lambda members, wanted: wanted[0] in members,
    "Fn::EachMemberEquals": lambda members, wanted: all(m == wanted[0] for m in members),
    "Fn::EachMemberIn": lambda members, allowed: all(m in allowed for m in members),
}


def _pair(name: str, argument: Any) -> list[Any]:
    if not isinstance(argument, list) or len(argument) != 2:
        raise errors.template_error(f"every {name} object requires a list of 2 string parameters.")
    return argument


def _equals(pair: list[Any], env: Environment, types: dict[str, str] | None) -> bool:
    left, right = (
        _members(part, env, types) if types is not None else evaluate(part, env) for part in pair
    )
    if isinstance(left, list) or isinstance(right, list):
        return bool(left == right)
    return (text_of(left) or "") == (text_of(right) or "")


def _members(value: Any, env: Environment, types: dict[str, str]) -> list[str]:
    if isinstance(value, dict) and len(value) == 1:
        name, argument = next(iter(value.items()))
        if name == "Fn::RefAll":
            return [
                text
                for parameter, type_name in types.items()
                if type_name == argument
                for text in _texts(env.parameters.get(parameter, ""))
            ]
        if name in ("Fn::ValueOf", "Fn::ValueOfAll"):
            raise errors.validation(f"Freehold does not implement {name} in Rules yet.")
    return _texts(evaluate(value, env))


def _texts(value: Any) -> list[str]:
    members = value if isinstance(value, list) else [value]
    return [text_of(member) or "" for member in members]


def _not_boolean() -> Exception:
    return errors.template_format(
        "Conditions can only be boolean operations on parameters and other conditions"
    )


def decide(
    conditions: dict[str, Any],
    rules: dict[str, dict[str, Any]],
    env: Environment,
    types: dict[str, str],
) -> Environment:
    """The environment with the template's conditions evaluated, once its rules hold."""
    check_rules(rules, env, types)
    return msgspec.structs.replace(env, conditions=evaluate_conditions(conditions, env))
