"""Intrinsic functions.

`evaluate` computes all that is known and leaves what is not: a reference to a resource that is yet
to be made stays `{"Ref": name}` or `{"Fn::GetAtt": [name, attribute]}`, and so does a function
around it. Such a value is pending; evaluated again in an environment that knows the resources, it
becomes plain.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from freehold.services.cloudformation import errors

Lookup = Callable[[str, "str | None"], Any]


class _NoValue:
    """The value of AWS::NoValue: what has it is not there."""


NO_VALUE = _NoValue()


class Imports:
    """The exports that are known by now, and those that were asked for."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self.known = known
        self.asked: set[str] = set()

    @property
    def missing(self) -> list[str]:
        return sorted(name for name in self.asked if name not in self.known)


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """What names mean. `lookup(name, attribute)` gives a resource's value (attribute None: its
    Ref); None where resources are not made yet."""

    pseudo: dict[str, Any]
    parameters: dict[str, Any] = {}
    mappings: dict[str, Any] = {}
    conditions: dict[str, bool] = {}
    resource_names: frozenset[str] = frozenset()
    zones: tuple[str, ...] = ()
    imports: Imports | None = None
    lookup: Lookup | None = None
    # Whether the template has asked for AWS::LanguageExtensions.
    extended: bool = True


def evaluate(value: Any, env: Environment) -> Any:
    """The value with everything evaluated that can be. NO_VALUE if it is to be left out."""
    if isinstance(value, dict):
        if len(value) == 1:
            name, argument = next(iter(value.items()))
            function = FUNCTIONS.get(name)
            if function is not None:
                return function(argument, env)
            if name.startswith("Fn::"):
                raise errors.template_error(f"unsupported function {name}")
        evaluated = {key: evaluate(inner, env) for key, inner in value.items()}
        return {key: inner for key, inner in evaluated.items() if inner is not NO_VALUE}
    if isinstance(value, list):
        members = [evaluate(inner, env) for inner in value]
        return [inner for inner in members if inner is not NO_VALUE]
    return value


def is_pending(value: Any) -> bool:
    """Whether an evaluated value still refers to resources."""
    if isinstance(value, dict):
        if len(value) == 1 and next(iter(value)) in FUNCTIONS:
            return True
        return any(is_pending(inner) for inner in value.values())
    if isinstance(value, list):
        return any(is_pending(inner) for inner in value)
    return False


def pending_references(value: Any) -> Iterator[tuple[str, str | None]]:
    """(resource, attribute or None) of every reference left in an evaluated value."""
    if isinstance(value, dict):
        if len(value) == 1:
            name, argument = next(iter(value.items()))
            if name == "Ref" and isinstance(argument, str):
                yield argument, None
                return
            if name == "Fn::GetAtt" and isinstance(argument, list):
                yield argument[0], argument[1]
                return
        for inner in value.values():
            yield from pending_references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from pending_references(inner)


def text_of(value: Any) -> str | None:
    """A scalar as text, the way CloudFormation prints it; None for what is no scalar."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return value if isinstance(value, str) else None


_TOKEN = re.compile(r"\$\{([^}]*)\}")


def sub_parts(text: str) -> Iterator[tuple[str, str | None]]:
    """(literal, name): a piece of an Fn::Sub string and the name that follows it; None at the
    end."""
    literal, position = "", 0
    for match in _TOKEN.finditer(text):
        literal += text[position : match.start()]
        position = match.end()
        name = match.group(1)
        if name.startswith("!"):
            literal += "${" + name[1:] + "}"
            continue
        yield literal, name.strip()
        literal = ""
    yield literal + text[position:], None


def _ref(name: Any, env: Environment) -> Any:
    if not isinstance(name, str):
        name = evaluate(name, env)
        if not isinstance(name, str):
            raise errors.template_error("every Ref object must have a single String value.")
    if name == "AWS::NoValue":
        return NO_VALUE
    if name in env.pseudo:
        return env.pseudo[name]
    if name in env.parameters:
        return env.parameters[name]
    if name not in env.resource_names:
        raise errors.template_format(
            f"Unresolved resource dependencies [{name}] in the Resources block of the template"
        )
    return {"Ref": name} if env.lookup is None else env.lookup(name, None)


def _get_att(argument: Any, env: Environment) -> Any:
    name, attribute = get_att_parts(argument)
    name = evaluate(name, env)
    attribute = evaluate(attribute, env)
    if not isinstance(name, str) or not isinstance(attribute, str):
        raise _get_att_form()
    if name not in env.resource_names:
        raise errors.template_error(f"instance of Fn::GetAtt references undefined resource {name}")
    if env.lookup is None:
        return {"Fn::GetAtt": [name, attribute]}
    return env.lookup(name, attribute)


def get_att_parts(argument: Any) -> tuple[Any, Any]:
    """(resource, attribute) of an Fn::GetAtt in any of its forms."""
    if isinstance(argument, str) and "." in argument:
        name, attribute = argument.split(".", 1)
        return name, attribute
    if isinstance(argument, list) and len(argument) >= 2:
        if len(argument) == 2:
            return argument[0], argument[1]
        if all(isinstance(part, str) for part in argument):
            return argument[0], ".".join(argument[1:])
    raise _get_att_form()


def _get_att_form() -> Exception:
    return errors.template_error(
        "every Fn::GetAtt object requires two non-empty parameters, "
        "the resource name and the resource attribute"
    )


def _sub(argument: Any, env: Environment) -> Any:
    text, variables = _sub_arguments(argument)
    values = {name: evaluate(value, env) for name, value in variables.items()}
    parts: list[Any] = []
    for literal, name in sub_parts(text):
        if literal:
            parts.append(literal)
        if name is None:
            break
        value = values[name] if name in values else _sub_name(name, env)
        plain = text_of(value)
        if plain is not None:
            parts.append(plain)
        elif is_pending(value):
            parts.append(value)
        else:
            raise errors.template_error(
                f"variable {name} in Fn::Sub expression does not resolve to a string"
            )
    return _joined("", parts)


def _sub_arguments(argument: Any) -> tuple[str, dict[str, Any]]:
    if isinstance(argument, str):
        return argument, {}
    if (
        isinstance(argument, list)
        and len(argument) == 2
        and isinstance(argument[0], str)
        and isinstance(argument[1], dict)
    ):
        return argument[0], argument[1]
    raise errors.template_error(
        "One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a "
        "string as first argument, and an optional second argument to specify a mapping of values "
        "to replace in the string"
    )


def _sub_name(name: str, env: Environment) -> Any:
    if "." in name:
        return _get_att(name, env)
    return _ref(name, env)


def _join(argument: Any, env: Environment) -> Any:
    if not isinstance(argument, list) or len(argument) != 2:
        raise _join_form()
    delimiter = evaluate(argument[0], env)
    members = evaluate(argument[1], env)
    if not isinstance(delimiter, str):
        raise _join_form()
    if not isinstance(members, list):
        if is_pending(members):
            return {"Fn::Join": [delimiter, members]}
        raise _join_form()
    return _joined(delimiter, members)


def _joined(delimiter: str, members: list[Any]) -> Any:
    texts = []
    pending = False
    for member in members:
        text = text_of(member)
        if text is None:
            if not is_pending(member):
                raise _join_form()
            pending = True
        texts.append(member if text is None else text)
    if pending:
        return {"Fn::Join": [delimiter, texts]}
    return delimiter.join(texts)


def _join_form() -> Exception:
    return errors.template_error(
        "every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of "
        "strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) "
        "to be joined."
    )


def _select(argument: Any, env: Environment) -> Any:
    if not isinstance(argument, list) or len(argument) != 2:
        raise errors.template_error(
            "Fn::Select requires a list argument with two elements: an integer index and a list"
        )
    index = evaluate(argument[0], env)
    members = evaluate(argument[1], env)
    if is_pending(index) or (not isinstance(members, list) and is_pending(members)):
        return {"Fn::Select": [index, members]}
    digits = text_of(index) or ""
    if not digits.isdigit() or not isinstance(members, list):
        raise errors.template_error(
            "Fn::Select requires a list argument with two elements: an integer index and a list"
        )
    if int(digits) >= len(members):
        raise errors.template_error(f"Fn::Select cannot select nonexistent value at index {digits}")
    return members[int(digits)]


def _split(argument: Any, env: Environment) -> Any:
    form = errors.template_error(
        "every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string "
        "to be split or a function that returns a string to be split."
    )
    if not isinstance(argument, list) or len(argument) != 2:
        raise form
    delimiter = evaluate(argument[0], env)
    source = evaluate(argument[1], env)
    if is_pending(source):
        return {"Fn::Split": [delimiter, source]}
    text = text_of(source)
    if text is None or not isinstance(delimiter, str) or not delimiter:
        raise form
    return text.split(delimiter)


def _find_in_map(argument: Any, env: Environment) -> Any:
    if not isinstance(argument, list) or len(argument) not in (3, 4):
        raise errors.template_error(
            "every Fn::FindInMap object requires three parameters, "
            "the map name, map key and the attribute for return value"
        )
    name, key, attribute = (text_of(evaluate(part, env)) for part in argument[:3])
    if name is None or key is None or attribute is None:
        raise errors.template_error(
            "every Fn::FindInMap object requires three parameters, "
            "the map name, map key and the attribute for return value"
        )
    mapping = env.mappings.get(name)
    found = mapping.get(key, {}).get(attribute) if mapping is not None else None
    if found is not None:
        return found
    if len(argument) == 4 and isinstance(argument[3], dict) and "DefaultValue" in argument[3]:
        _check_extended("DefaultValue of Fn::FindInMap", env)
        return evaluate(argument[3]["DefaultValue"], env)
    if mapping is None:
        raise errors.template_error(
            f"Mapping named '{name}' is not present in the 'Mappings' section of template."
        )
    raise errors.template_error(f"Unable to get mapping for {name}::{key}::{attribute}")


def _get_azs(argument: Any, env: Environment) -> Any:
    region = evaluate(argument, env)
    if not isinstance(region, str):
        raise errors.template_error("every Fn::GetAZs object requires a String value.")
    if region in ("", env.pseudo["AWS::Region"]):
        return list(env.zones)
    return [f"{region}{letter}" for letter in "abc"]


def _base64(argument: Any, env: Environment) -> Any:
    value = evaluate(argument, env)
    if is_pending(value):
        return {"Fn::Base64": value}
    text = text_of(value)
    if text is None:
        raise errors.template_error("every Fn::Base64 object must have a String-typed value.")
    return base64.b64encode(text.encode()).decode()


def _if(argument: Any, env: Environment) -> Any:
    if not isinstance(argument, list) or len(argument) != 3 or not isinstance(argument[0], str):
        raise errors.template_error(
            "every Fn::If object requires a list of three elements: "
            "a condition name, a value if true and a value if false"
        )
    name, if_true, if_false = argument
    if name not in env.conditions:
        raise errors.template_format(f"Unresolved condition dependency {name} in Fn::If")
    return evaluate(if_true if env.conditions[name] else if_false, env)


def _import_value(argument: Any, env: Environment) -> Any:
    name = evaluate(argument, env)
    if not isinstance(name, str):
        raise errors.template_error(
            "the attribute in Fn::ImportValue must not depend on any resources, "
            "imported values, or Fn::GetAZs"
        )
    assert env.imports is not None, "imports are evaluated while planning"
    env.imports.asked.add(name)
    return env.imports.known.get(name, "")


def _cidr(argument: Any, env: Environment) -> Any:
    parts = evaluate(argument, env)
    if not isinstance(parts, list) or len(parts) not in (2, 3):
        raise errors.template_error("Fn::Cidr requires a list of an ipBlock, a count and cidrBits")
    if is_pending(parts):
        return {"Fn::Cidr": parts}
    try:
        network = ipaddress.ip_network(str(parts[0]), strict=False)
        count = int(parts[1])
        bits = int(parts[2]) if len(parts) == 3 else 8
        blocks = network.subnets(new_prefix=network.max_prefixlen - bits)
        if not 1 <= count <= 256:
            raise ValueError(count)
        found = [str(block) for _, block in zip(range(count), blocks, strict=False)]
    except ValueError as error:
        raise errors.template_error(f"Fn::Cidr cannot divide {parts[0]}") from error
    if len(found) < count:
        raise errors.template_error(f"Fn::Cidr cannot take {count} blocks from {parts[0]}")
    return found


def _to_json_string(argument: Any, env: Environment) -> Any:
    _check_extended("Fn::ToJsonString", env)
    value = evaluate(argument, env)
    if is_pending(value):
        return {"Fn::ToJsonString": value}
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _check_extended(name: str, env: Environment) -> None:
    if not env.extended:
        raise errors.template_error(f"{name} needs the transform AWS::LanguageExtensions")


def _length(argument: Any, env: Environment) -> Any:
    _check_extended("Fn::Length", env)
    value = evaluate(argument, env)
    if isinstance(value, list):
        return len(value)
    if is_pending(value):
        return {"Fn::Length": value}
    raise errors.template_error("Fn::Length requires a list")


def _transform(argument: Any, env: Environment) -> Any:
    name = argument.get("Name") if isinstance(argument, dict) else None
    raise errors.validation(f"No transform named {name} found.")


FUNCTIONS: dict[str, Callable[[Any, Environment], Any]] = {
    "Ref": _ref,
    "Fn::Base64": _base64,
    "Fn::Cidr": _cidr,
    "Fn::FindInMap": _find_in_map,
    "Fn::GetAZs": _get_azs,
    "Fn::GetAtt": _get_att,
    "Fn::If": _if,
    "Fn::ImportValue": _import_value,
    "Fn::Join": _join,
    "Fn::Length": _length,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::Sub": _sub,
    "Fn::ToJsonString": _to_json_string,
    "Fn::Transform": _transform,
}
