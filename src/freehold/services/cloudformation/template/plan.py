"""From a template and its values to targets: each resource as it is wanted, with nothing left to
evaluate but references to other resources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from freehold.services.cloudformation import errors
from freehold.services.cloudformation.template import conditions, functions
from freehold.services.cloudformation.template.functions import NO_VALUE, Environment, Imports
from freehold.services.cloudformation.template.schema import schema
from freehold.services.cloudformation.template.sections import POLICIES, Template


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A resource as the template wants it."""

    type: str
    properties: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    depends_on: list[str] = []
    deletion_policy: str = "Delete"
    update_replace_policy: str = "Delete"
    description: str = ""


class OutputTarget(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    value: Any
    description: str = ""
    export: str = ""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a stack is to become. `imports` are the exports it takes, with their values."""

    description: str
    targets: dict[str, Target]
    outputs: list[OutputTarget]
    imports: dict[str, str]


def build(template: Template, env: Environment, types: dict[str, str]) -> Plan:
    """The plan. `env` has the parameters and pseudo parameters; `types` are the parameters' types.

    Exports that `env.imports` does not know yet count as empty: look at its `missing` before use.
    """
    check_references(template)
    env = msgspec.structs.replace(env, mappings=template.mappings, extended=template.extended)
    env = conditions.decide(template.conditions, template.rules, env, types)
    present = {
        name: resource
        for name, resource in template.resources.items()
        if env.conditions.get(resource.get("Condition", ""), True)
    }
    env = msgspec.structs.replace(env, resource_names=frozenset(present))
    targets = {name: _target(name, resource, env) for name, resource in present.items()}
    check_acyclic({name: target.depends_on for name, target in targets.items()})
    outputs = _outputs(template, env)
    _check_attributes(targets, outputs)
    imports = env.imports or Imports({})
    return Plan(
        description=template.description,
        targets=targets,
        outputs=outputs,
        imports={name: imports.known.get(name, "") for name in sorted(imports.asked)},
    )


def check_references(template: Template) -> None:
    """Raise for names that nothing in the template has."""
    names = {*template.resources, *template.parameters}
    unresolved: list[str] = []
    for name, resource in template.resources.items():
        condition = resource.get("Condition")
        if condition is not None and condition not in template.conditions:
            raise errors.template_format(
                f"Unresolved condition dependency {condition} in the Resources block "
                "of the template"
            )
        depends_on = resource.get("DependsOn", [])
        depends_on = [depends_on] if isinstance(depends_on, str) else depends_on
        unresolved += [other for other in depends_on if other not in template.resources]
        for other, attribute in references(resource.get("Properties", {})):
            _check_reference(other, attribute, names, template, unresolved, name)
    _raise_unresolved(unresolved, "Resources")
    for name, output in template.outputs.items():
        condition = output.get("Condition")
        if condition is not None and condition not in template.conditions:
            raise errors.template_format(
                f"Unresolved condition dependency {condition} in the Outputs block of the template"
            )
        for other, attribute in references(output):
            _check_reference(other, attribute, names, template, unresolved, name)
    _raise_unresolved(unresolved, "Outputs")


def references(value: Any) -> Iterator[tuple[str, str | None]]:
    """(name, attribute or None) of every Ref, Fn::GetAtt and Fn::Sub in an unevaluated value."""
    if isinstance(value, list):
        for inner in value:
            yield from references(inner)
        return
    if not isinstance(value, dict):
        return
    if len(value) == 1:
        name, argument = next(iter(value.items()))
        if name == "Ref" and isinstance(argument, str):
            yield argument, None
            return
        if name == "Fn::GetAtt":
            resource, attribute = functions.get_att_parts(argument)
            if isinstance(resource, str):
                yield resource, attribute if isinstance(attribute, str) else ""
            yield from references(argument)
            return
        if name == "Fn::Sub":
            yield from _sub_references(argument)
            return
    for inner in value.values():
        yield from references(inner)


def check_acyclic(graph: Mapping[str, list[str]]) -> None:
    """Raise if resources depend on each other in a circle."""
    waiting = {name: {other for other in needs if other in graph} for name, needs in graph.items()}
    waiting = _without_leaves(waiting)
    if not waiting:
        return
    # Those that merely depend on the circle are not part of it.
    backwards: dict[str, set[str]] = {name: set() for name in waiting}
    for name, needs in waiting.items():
        for other in needs:
            backwards[other].add(name)
    circle = _without_leaves(backwards)
    raise errors.circular(sorted(circle))


def _without_leaves(waiting: dict[str, set[str]]) -> dict[str, set[str]]:
    users: dict[str, list[str]] = {}
    for name, needs in waiting.items():
        for other in needs:
            users.setdefault(other, []).append(name)
    left = {name: set(needs) for name, needs in waiting.items()}
    ready = [name for name, needs in left.items() if not needs]
    while ready:
        done = ready.pop()
        del left[done]
        for user in users.get(done, ()):
            left[user].discard(done)
            if not left[user]:
                ready.append(user)
    return left


def _check_reference(
    name: str,
    attribute: str | None,
    names: set[str],
    template: Template,
    unresolved: list[str],
    where: str,
) -> None:
    if attribute is not None:
        if name not in template.resources:
            raise errors.template_error(
                f"instance of Fn::GetAtt references undefined resource {name}"
            )
    elif name not in (PSEUDO_PARAMETERS if name.startswith("AWS::") else names):
        unresolved.append(name)


PSEUDO_PARAMETERS = frozenset(
    (
        "AWS::AccountId", "AWS::NoValue", "AWS::NotificationARNs", "AWS::Partition", "AWS::Region",
        "AWS::StackId", "AWS::StackName", "AWS::URLSuffix",
    )
)  # fmt: skip


def _raise_unresolved(unresolved: list[str], section: str) -> None:
    if unresolved:
        names = ", ".join(sorted(set(unresolved)))
        raise errors.template_format(
            f"Unresolved resource dependencies [{names}] in the {section} block of the template"
        )


def _check_attributes(targets: Mapping[str, Target], outputs: list[OutputTarget]) -> None:
    """Raise for an Fn::GetAtt of what the other resource's type does not have."""
    properties = [target.properties for target in targets.values()]
    for value in (*properties, *(output.value for output in outputs)):
        for name, attribute in functions.pending_references(value):
            if attribute is None or targets[name].type in _ANY_ATTRIBUTE:
                continue
            described = schema(targets[name].type)
            if described is not None and not described.has_attribute(attribute):
                raise errors.template_error(
                    f"resource {name} does not support attribute type {attribute} in Fn::GetAtt"
                )


_ANY_ATTRIBUTE = ("AWS::CloudFormation::CustomResource", "AWS::CloudFormation::Stack")


def _sub_references(argument: Any) -> Iterator[tuple[str, str | None]]:
    text, variables = argument, {}
    if isinstance(argument, list) and len(argument) == 2:
        text, variables = argument
    if not isinstance(text, str) or not isinstance(variables, dict):
        return
    for inner in variables.values():
        yield from references(inner)
    for _, name in functions.sub_parts(text):
        if name is None or name in variables:
            continue
        if "." in name:
            resource, attribute = name.split(".", 1)
            yield resource, attribute
        else:
            yield name, None


def _target(name: str, resource: dict[str, Any], env: Environment) -> Target:
    properties = functions.evaluate(resource.get("Properties", {}), env)
    metadata = functions.evaluate(resource.get("Metadata", {}), env)
    depends_on = resource.get("DependsOn", [])
    depends_on = [depends_on] if isinstance(depends_on, str) else depends_on
    needs = {other for other in depends_on if other in env.resource_names}
    needs.update(other for other, _ in functions.pending_references(properties))
    needs.update(other for other, _ in functions.pending_references(metadata))
    policies = [
        _policy(name, attribute, resource, env)
        for attribute in ("DeletionPolicy", "UpdateReplacePolicy")
    ]
    return Target(
        type=resource["Type"],
        properties={} if properties is NO_VALUE else properties,
        metadata={} if metadata is NO_VALUE else metadata,
        depends_on=sorted(needs),
        deletion_policy=policies[0],
        update_replace_policy=policies[1],
        description=str(resource.get("Description", "")),
    )


def _policy(name: str, attribute: str, resource: dict[str, Any], env: Environment) -> str:
    policy = functions.evaluate(resource.get(attribute, "Delete"), env)
    if policy is NO_VALUE:
        return "Delete"
    if policy not in POLICIES:
        raise errors.template_error(f"Unrecognized {attribute} {policy} for resource {name}")
    if policy == "Snapshot":
        raise errors.template_error(
            f"resource type {resource['Type']} does not support deletion policy Snapshot"
        )
    if policy == "RetainExceptOnCreate" and attribute == "UpdateReplacePolicy":
        raise errors.template_error(f"Unrecognized {attribute} {policy} for resource {name}")
    return str(policy)


def _outputs(template: Template, env: Environment) -> list[OutputTarget]:
    outputs = []
    exports: set[str] = set()
    for name, output in template.outputs.items():
        if not env.conditions.get(output.get("Condition", ""), True):
            continue
        value = functions.evaluate(output["Value"], env)
        if value is NO_VALUE:
            raise errors.template_format("Every Outputs member must contain a Value object")
        export = ""
        if "Export" in output:
            export = functions.evaluate(output["Export"]["Name"], env)
            if not isinstance(export, str) or not export:
                raise errors.template_error(
                    f"the Name field of Export of output {name} must be a string that does "
                    "not depend on any resources"
                )
            if export in exports:
                raise errors.template_error(f"Duplicate Export names found: {export}")
            exports.add(export)
        outputs.append(
            OutputTarget(
                name=name,
                value=value,
                description=str(output.get("Description", "")),
                export=export,
            )
        )
    return outputs
