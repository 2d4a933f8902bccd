"""A document's sections, checked for form: what CloudFormation refuses before it evaluates
anything."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from freehold.services.cloudformation import errors
from freehold.services.cloudformation.template.parse import Document

RESOURCES_MAX = 500
PARAMETERS_MAX = 200
MAPPINGS_MAX = 200
OUTPUTS_MAX = 200
DESCRIPTION_BYTES_MAX = 1024

_SECTIONS = frozenset(
    (
        "AWSTemplateFormatVersion", "Conditions", "Description", "Hooks", "Mappings", "Metadata",
        "Outputs", "Parameters", "Resources", "Rules", "Transform",
    )
)  # fmt: skip
_RESOURCE_ATTRIBUTES = frozenset(
    (
        "Condition", "CreationPolicy", "DeletionPolicy", "DependsOn", "Description", "Metadata",
        "Properties", "Type", "UpdatePolicy", "UpdateReplacePolicy",
    )
)  # fmt: skip
_PARAMETER_ATTRIBUTES = frozenset(
    (
        "AllowedPattern", "AllowedValues", "ConstraintDescription", "Default", "Description",
        "MaxLength", "MaxValue", "MinLength", "MinValue", "NoEcho", "Type",
    )
)  # fmt: skip
_OUTPUT_ATTRIBUTES = frozenset(("Condition", "Description", "Export", "Value"))
_ALPHANUMERIC = re.compile(r"[a-zA-Z0-9]+\Z")
POLICIES = ("Delete", "Retain", "RetainExceptOnCreate", "Snapshot")

SERVERLESS = "AWS::Serverless-2016-10-31"
LANGUAGE_EXTENSIONS = "AWS::LanguageExtensions"
INCLUDE = "AWS::Include"


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """A document that has the form of a template, after all transforms."""

    description: str = ""
    parameters: dict[str, dict[str, Any]] = {}
    rules: dict[str, dict[str, Any]] = {}
    mappings: dict[str, dict[str, dict[str, Any]]] = {}
    conditions: dict[str, Any] = {}
    resources: dict[str, dict[str, Any]] = {}
    outputs: dict[str, dict[str, Any]] = {}
    metadata: dict[str, Any] = {}
    extended: bool = False


def transforms(document: Document) -> list[str]:
    """The names in the Transform section."""
    return [name for name, _ in transform_entries(document)]


def transform_entries(document: Document) -> list[tuple[str, dict[str, Any]]]:
    """(name, parameters) of each entry in the Transform section."""
    section = document.get("Transform", [])
    entries: list[tuple[str, dict[str, Any]]] = []
    for entry in section if isinstance(section, list) else [section]:
        if isinstance(entry, str):
            entries.append((entry, {}))
        elif isinstance(entry, dict) and isinstance(entry.get("Name"), str):
            entries.append((entry["Name"], entry.get("Parameters", {})))
        else:
            raise errors.template_format("Transform must be a string, a list or an object.")
    return entries


def check_document(document: Document) -> None:
    """What must hold before transforms run, too."""
    allowed = _SECTIONS | {"Globals"} if SERVERLESS in transforms(document) else _SECTIONS
    _check_sections(document, allowed)
    resources = document.get("Resources")
    if not isinstance(resources, dict) or not resources:
        if INCLUDE in transforms(document) and resources is None:
            return
        raise errors.template_format("At least one Resources member must be defined.")
    if SERVERLESS not in transforms(document):
        for name, resource in resources.items():
            type_name = resource.get("Type") if isinstance(resource, dict) else None
            if isinstance(type_name, str) and type_name.startswith("AWS::Serverless::"):
                raise errors.validation(
                    f"Invalid template resource property: resource {name} has type {type_name}, "
                    f"which needs the transform {SERVERLESS}"
                )


def read(document: Document) -> Template:
    """The template of a document in which no transform is left to run."""
    _check_sections(document, _SECTIONS | {"Globals"})
    resources = _objects(document, "Resources")
    if not resources:
        raise errors.template_format("At least one Resources member must be defined.")
    _limit(resources, RESOURCES_MAX, "resources")
    for name, resource in resources.items():
        _check_resource(name, resource)
    parameters = _objects(document, "Parameters")
    _limit(parameters, PARAMETERS_MAX, "parameters")
    for name, parameter in parameters.items():
        _check_parameter(name, parameter)
    outputs = _objects(document, "Outputs")
    _limit(outputs, OUTPUTS_MAX, "outputs")
    for name, output in outputs.items():
        _check_output(name, output)
    return Template(
        description=document.get("Description", ""),
        parameters=parameters,
        rules=_objects(document, "Rules"),
        mappings=_mappings(document),
        conditions=_conditions(document),
        resources=resources,
        outputs=outputs,
        metadata=_objects(document, "Metadata", of_objects=False),
        extended=LANGUAGE_EXTENSIONS in transforms(document),
    )


def _check_sections(document: Document, allowed: frozenset[str]) -> None:
    unknown = [name for name in document if name not in allowed]
    if unknown:
        raise errors.validation(
            f"Invalid template property or properties [{', '.join(sorted(unknown))}]"
        )
    version = document.get("AWSTemplateFormatVersion", "2010-09-09")
    if version != "2010-09-09":
        raise errors.template_error("Template version is not supported: " + str(version))
    description = document.get("Description", "")
    if not isinstance(description, str):
        raise errors.template_format("Every Description member must be a string.")
    if len(description.encode()) > DESCRIPTION_BYTES_MAX:
        raise errors.template_format(
            f"Description must be no longer than {DESCRIPTION_BYTES_MAX} bytes."
        )
    if "Hooks" in document:
        raise errors.validation("Freehold does not implement the Hooks section of templates yet.")


def _objects(document: Document, section: str, *, of_objects: bool = True) -> dict[str, Any]:
    found = document.get(section, {})
    if not isinstance(found, dict):
        raise errors.template_format(f"[/{section}] {section} must be an object.")
    if of_objects:
        for name, member in found.items():
            if not isinstance(member, dict):
                raise errors.template_format(
                    f"[/{section}/{name}] Every {section} member must be an object."
                )
    return found


def _limit(found: dict[str, Any], most: int, what: str) -> None:
    if len(found) > most:
        raise errors.template_format(
            f"Number of {what}, {len(found)}, is greater than maximum allowed, {most}"
        )


def _check_resource(name: str, resource: dict[str, Any]) -> None:
    if not _ALPHANUMERIC.match(name):
        raise errors.template_format(f"Resource name {name} is non alphanumeric.")
    if "Type" not in resource:
        raise errors.template_format(
            f"[/Resources/{name}] Every Resources object must contain a Type member."
        )
    if not isinstance(resource["Type"], str):
        raise errors.template_format(f"[/Resources/{name}/Type] Every Type must be a string.")
    for attribute in resource:
        if attribute not in _RESOURCE_ATTRIBUTES:
            raise errors.validation(f"Invalid template resource property '{attribute}'")
    if not isinstance(resource.get("Properties", {}), dict):
        raise errors.template_format(
            f"[/Resources/{name}/Properties] Properties must be an object."
        )
    if not isinstance(resource.get("Condition", ""), str):
        raise errors.template_format("Every Condition member must be a string.")
    depends_on = resource.get("DependsOn", [])
    if not isinstance(depends_on, str) and not (
        isinstance(depends_on, list) and all(isinstance(entry, str) for entry in depends_on)
    ):
        raise errors.template_format(
            f"[/Resources/{name}/DependsOn] DependsOn must be a string or a list of strings."
        )
    for attribute in ("DeletionPolicy", "UpdateReplacePolicy"):
        policy = resource.get(attribute, "Delete")
        if isinstance(policy, str) and policy not in POLICIES:
            raise errors.template_error(f"Unrecognized {attribute} {policy} for resource {name}")
    if "CreationPolicy" in resource:
        raise errors.validation(
            f"Freehold does not implement CreationPolicy (of resource {name}) yet."
        )


def _check_parameter(name: str, parameter: dict[str, Any]) -> None:
    if not _ALPHANUMERIC.match(name):
        raise errors.template_format(f"Parameter name {name} is non alphanumeric.")
    for attribute in parameter:
        if attribute not in _PARAMETER_ATTRIBUTES:
            raise errors.validation(f"Invalid template parameter property '{attribute}'")
    if "Type" not in parameter:
        raise errors.template_format("Every Parameters object must contain a Type member.")
    if isinstance(parameter.get("Default", ""), dict | list):
        raise errors.template_format("Every Default member must be a string.")


def _check_output(name: str, output: dict[str, Any]) -> None:
    if not _ALPHANUMERIC.match(name):
        raise errors.template_format(f"Output name {name} is non alphanumeric.")
    if "Value" not in output:
        raise errors.template_format("Every Outputs member must contain a Value object")
    for attribute in output:
        if attribute not in _OUTPUT_ATTRIBUTES:
            raise errors.validation(f"Invalid template output property '{attribute}'")
    export = output.get("Export", {"Name": ""})
    if not isinstance(export, dict) or set(export) != {"Name"}:
        raise errors.template_format(f"Output {name} is malformed: Export must have a Name.")


def _mappings(document: Document) -> dict[str, Any]:
    mappings = _objects(document, "Mappings")
    _limit(mappings, MAPPINGS_MAX, "mappings")
    for name, mapping in mappings.items():
        if not _ALPHANUMERIC.match(name):
            raise errors.template_format(f"Mappings name '{name}' is non alphanumeric.")
        for row in mapping.values():
            if not isinstance(row, dict):
                raise errors.template_format(f"Every Mappings attribute must be a map ({name}).")
    return mappings


def _conditions(document: Document) -> dict[str, Any]:
    conditions = document.get("Conditions", {})
    if not isinstance(conditions, dict):
        raise errors.template_format("Conditions must be an object.")
    for condition in conditions.values():
        if not isinstance(condition, dict) or len(condition) != 1:
            raise errors.template_format(
                "Conditions can only be boolean operations on parameters and other conditions"
            )
    return conditions
