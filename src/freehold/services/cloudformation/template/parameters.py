"""Parameters: what a template declares, what the caller gave, and the values that come of both."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from freehold.services.cloudformation import errors
from freehold.services.cloudformation.template.functions import text_of

VALUE_BYTES_MAX = 4096

_SSM_VALUE = re.compile(r"AWS::SSM::Parameter::Value<(.+)>\Z")
_LIST = re.compile(r"List<(.+)>\Z")
_PLAIN_TYPES = frozenset(("String", "Number", "CommaDelimitedList", "AWS::SSM::Parameter::Name"))
_AWS_TYPES = frozenset(
    (
        "AWS::EC2::AvailabilityZone::Name", "AWS::EC2::Image::Id", "AWS::EC2::Instance::Id",
        "AWS::EC2::KeyPair::KeyName", "AWS::EC2::SecurityGroup::GroupName",
        "AWS::EC2::SecurityGroup::Id", "AWS::EC2::Subnet::Id", "AWS::EC2::Volume::Id",
        "AWS::EC2::VPC::Id", "AWS::Route53::HostedZone::Id",
    )
)  # fmt: skip


class Given(msgspec.Struct, frozen=True):
    """A parameter's value as text, and for AWS::SSM::Parameter::Value what the store had under
    it."""

    value: str
    resolved: str | None = None
    no_echo: bool = False


def collect(
    declared: Mapping[str, dict[str, Any]],
    given: Iterable[dict[str, Any]],
    previous: Mapping[str, Given] | None,
) -> dict[str, Given]:
    """The value of every declared parameter, checked; not yet looked up in the parameter store."""
    asked = _by_key(given)
    unknown = sorted(name for name in asked if name not in declared)
    if unknown:
        raise errors.validation(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    values: dict[str, Given] = {}
    missing = []
    for name, declaration in declared.items():
        _check_type(declaration["Type"])
        text = _text(name, declaration, asked.get(name), previous)
        if text is None:
            missing.append(name)
            continue
        no_echo = text_of(declaration.get("NoEcho", False)) == "true"
        values[name] = Given(text, no_echo=no_echo)
    if missing:
        raise errors.validation(f"Parameters: [{', '.join(missing)}] must have values")
    for name, value in values.items():
        _check_value(name, declared[name], value.value)
    return values


def stored_names(
    declared: Mapping[str, dict[str, Any]], values: Mapping[str, Given]
) -> dict[str, str]:
    """parameter -> name in the parameter store, for those whose value is looked up there."""
    return {
        name: values[name].value
        for name, declaration in declared.items()
        if name in values and _SSM_VALUE.match(declaration["Type"])
    }


def typed(declared: Mapping[str, dict[str, Any]], values: Mapping[str, Given]) -> dict[str, Any]:
    """The values as Ref gives them: text, or a list of texts."""
    result: dict[str, Any] = {}
    for name, value in values.items():
        type_name = declared[name]["Type"]
        stored = _SSM_VALUE.match(type_name)
        text = value.value
        if stored:
            type_name = stored.group(1)
            text = value.resolved if value.resolved is not None else ""
        if type_name == "CommaDelimitedList" or _LIST.match(type_name):
            result[name] = [part.strip() for part in text.split(",")] if text else []
        else:
            result[name] = text
    return result


def types(declared: Mapping[str, dict[str, Any]]) -> dict[str, str]:
    return {name: declaration["Type"] for name, declaration in declared.items()}


def _by_key(given: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    asked: dict[str, dict[str, Any]] = {}
    for parameter in given:
        name = parameter.get("ParameterKey", "")
        if name in asked:
            raise errors.validation(f"Duplicate parameter key: {name}")
        if "ParameterValue" in parameter and parameter.get("UsePreviousValue"):
            raise errors.validation(
                f"Invalid input for parameter key {name}. "
                "Cannot specify usePreviousValue as true and non empty value for a parameter"
            )
        asked[name] = parameter
    return asked


def _text(
    name: str,
    declaration: dict[str, Any],
    asked: dict[str, Any] | None,
    previous: Mapping[str, Given] | None,
) -> str | None:
    if asked is not None:
        if asked.get("UsePreviousValue"):
            if previous is None:
                raise errors.validation(
                    f"Invalid input for parameter key {name}. "
                    "Cannot specify usePreviousValue as true for a parameter key not in the "
                    "previous template"
                )
            if name in previous:
                return previous[name].value
        elif "ParameterValue" in asked:
            return str(asked["ParameterValue"])
    return text_of(declaration.get("Default"))


def _check_type(type_name: Any) -> None:
    if not isinstance(type_name, str):
        raise errors.template_format("Every Type member of a parameter must be a string.")
    stored = _SSM_VALUE.match(type_name)
    inner = stored.group(1) if stored else type_name
    listed = _LIST.match(inner)
    element = listed.group(1) if listed else inner
    known = element in _AWS_TYPES or inner in _PLAIN_TYPES
    if not known and not (listed and element in ("String", "Number")):
        raise errors.template_format(f"Unrecognized parameter type: {type_name}")
    # The store has strings and lists of strings; List<String> exists only there.
    if not stored and listed and element == "String":
        raise errors.template_format(f"Unrecognized parameter type: {type_name}")


def _check_value(name: str, declaration: dict[str, Any], text: str) -> None:
    def fail(message: str) -> Exception:
        description = declaration.get("ConstraintDescription")
        if description:
            message = f"failed to satisfy constraint: {description}"
        return errors.validation(f"Parameter '{name}' {message}")

    if len(text.encode()) > VALUE_BYTES_MAX:
        raise errors.validation(
            f"Parameter '{name}' must be no longer than {VALUE_BYTES_MAX} bytes."
        )
    type_name = declaration["Type"]
    listed = type_name == "CommaDelimitedList" or _LIST.match(type_name)
    members = [part.strip() for part in text.split(",")] if listed else [text]
    allowed = declaration.get("AllowedValues")
    if allowed is not None:
        texts = [text_of(value) for value in allowed]
        if any(member not in texts for member in members):
            raise fail(f"must be one of AllowedValues: [{', '.join(str(t) for t in texts)}]")
    if type_name == "Number" or type_name == "List<Number>":
        for member in members:
            _check_number(declaration, member, fail)
        return
    pattern = declaration.get("AllowedPattern")
    if pattern is not None and not all(_matches(name, pattern, member) for member in members):
        raise fail(f"must match pattern {pattern}")
    shortest, longest = _bound(declaration, "MinLength"), _bound(declaration, "MaxLength")
    if shortest is not None and len(text) < shortest:
        raise fail(f"must contain at least {shortest:g} characters")
    if longest is not None and len(text) > longest:
        raise fail(f"must contain at most {longest:g} characters")


def _check_number(declaration: dict[str, Any], text: str, fail: Any) -> None:
    try:
        number = float(text)
    except ValueError as error:
        raise fail("must be a number.") from error
    least, most = _bound(declaration, "MinValue"), _bound(declaration, "MaxValue")
    if least is not None and number < least:
        raise fail(f"must be a number not less than {least:g}")
    if most is not None and number > most:
        raise fail(f"must be a number not greater than {most:g}")


def _bound(declaration: dict[str, Any], attribute: str) -> float | None:
    value = declaration.get(attribute)
    if value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise errors.template_format(f"{attribute} must be a number.") from error


def _matches(name: str, pattern: str, text: str) -> bool:
    try:
        return re.fullmatch(pattern, text) is not None
    except re.error as error:
        raise errors.template_format(
            f"Invalid AllowedPattern {pattern} for parameter {name}"
        ) from error
