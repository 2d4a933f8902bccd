"""Templates: shown, summed up, checked."""

from __future__ import annotations

from typing import Any

import orjson

from freehold.kernel.call import Call
from freehold.kernel.errors import not_implemented
from freehold.services.cloudformation import access, errors, fetch, find, prepare, store
from freehold.services.cloudformation.api.stack import original_template
from freehold.services.cloudformation.service import service
from freehold.services.cloudformation.template import plan, schema, sections, summary
from freehold.services.cloudformation.template.functions import text_of
from freehold.services.cloudformation.template.parse import Document

Params = dict[str, Any]


@service.operation("GetTemplate", reads=True, resource=access.stack_arn)
def get_template(call: Call, params: Params) -> Params:
    """The template as it was given, or as its transforms left it."""
    stage = params.get("TemplateStage", "Original")
    if "ChangeSetName" in params:
        name = params["ChangeSetName"]
        change_set, _ = find.change_set(call, name, params.get("StackName"))
        templates = store.load_templates(call.tx, call.scope, change_set.id, 0)
        whole = change_set.status == "CREATE_COMPLETE"
    else:
        if "StackName" not in params:
            raise errors.validation("StackName is required if ChangeSetName is not specified.")
        stack = find.any_stack(call, params["StackName"])
        if stack is None:
            raise errors.no_such_stack(params["StackName"])
        templates = store.load_templates(call.tx, call.scope, stack.id, stack.revision.number)
        whole = True
    if templates is None:
        raise errors.validation(f"Template for {params.get('StackName', '')} does not exist")
    text = templates.original
    if stage == "Processed":
        if not whole:
            raise errors.validation("The processed template is not available yet")
        text = templates.processed or templates.original
    stages = ["Original", "Processed"] if whole else ["Original"]
    return {"TemplateBody": text, "StagesAvailable": stages}


@service.operation("GetTemplateSummary", resource=access.stack_arn)
async def get_template_summary(call: Call, params: Params) -> Params:
    if "StackSetName" in params:
        raise not_implemented("stack sets")
    text = await fetch.template_text(call, params)
    if "StackName" in params:
        if text is not None:
            raise errors.validation("Specify one of StackName, TemplateBody or TemplateURL")
        stack = await call.read(find.stack, params["StackName"])
        text = await call.read(original_template, stack)
    if text is None:
        raise errors.one_template()
    document = await prepare.read(text)
    resources = await prepare.resources_of(call, document)
    capabilities, reason = _capabilities(document, resources)
    metadata = document.get("Metadata")
    return _present(
        {
            "Parameters": [_declaration(*entry) for entry in _declared(document).items()],
            "Description": document.get("Description"),
            "Capabilities": capabilities,
            "CapabilitiesReason": reason or None,
            "ResourceTypes": summary.resource_types(resources),
            "Version": document.get("AWSTemplateFormatVersion"),
            "Metadata": orjson.dumps(metadata).decode() if metadata else None,
            "DeclaredTransforms": sections.transforms(document),
            "ResourceIdentifierSummaries": _identifiers(resources),
        }
    )


@service.operation("ValidateTemplate")
async def validate_template(call: Call, params: Params) -> Params:
    text = await fetch.template_text(call, params)
    if text is None:
        raise errors.one_template()
    document = await prepare.read(text)
    if not sections.transforms(document):
        template = sections.read(document)
        plan.check_references(template)
        unknown = [name for name in summary.resource_types(template.resources) if _unknown(name)]
        if unknown:
            raise errors.template_format(f"Unrecognized resource types: [{', '.join(unknown)}]")
        plan.check_acyclic(_graph(template))
    resources = await prepare.resources_of(call, document)
    capabilities, reason = _capabilities(document, resources)
    return _present(
        {
            "Parameters": [_shown(*entry) for entry in _declared(document).items()],
            "Description": document.get("Description"),
            "Capabilities": capabilities,
            "CapabilitiesReason": reason or None,
            "DeclaredTransforms": sections.transforms(document),
        }
    )


def _unknown(type_name: str) -> bool:
    return not type_name.startswith("Custom::") and not schema.exists(type_name)


def _graph(template: sections.Template) -> dict[str, list[str]]:
    graph = {}
    for name, resource in template.resources.items():
        depends_on = resource.get("DependsOn", [])
        needs = {depends_on} if isinstance(depends_on, str) else set(depends_on)
        needs.update(other for other, _ in plan.references(resource.get("Properties", {})))
        graph[name] = sorted(needs)
    return graph


def _capabilities(document: Document, resources: dict[str, Any]) -> tuple[list[str], str]:
    capabilities, reason = summary.iam_capabilities(resources)
    if prepare.needs_auto_expand(document):
        names = ", ".join(sections.transforms(document))
        capabilities = [*capabilities, "CAPABILITY_AUTO_EXPAND"]
        reason = reason or f"The following transform(s) require capabilities: [{names}]"
    return capabilities, reason


def _declared(document: Document) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = document.get("Parameters", {})
    return found


def _shown(name: str, declaration: dict[str, Any]) -> Params:
    return _present(
        {
            "ParameterKey": name,
            "DefaultValue": text_of(declaration.get("Default")),
            "NoEcho": text_of(declaration.get("NoEcho", False)) == "true",
            "Description": declaration.get("Description"),
        }
    )


def _declaration(name: str, declaration: dict[str, Any]) -> Params:
    allowed = declaration.get("AllowedValues")
    constraints = {"AllowedValues": [text_of(value) for value in allowed]} if allowed else {}
    return {
        **_shown(name, declaration),
        "ParameterType": declaration.get("Type", "String"),
        "ParameterConstraints": constraints,
    }


def _identifiers(resources: dict[str, Any]) -> list[Params]:
    names: dict[str, list[str]] = {}
    for logical_id, resource in resources.items():
        if isinstance(resource, dict):
            names.setdefault(str(resource.get("Type")), []).append(logical_id)
    shown = []
    for type_name, logical_ids in names.items():
        found = schema.schema(type_name)
        if found is not None and found.identifier:
            shown.append(
                {
                    "ResourceType": type_name,
                    "LogicalResourceIds": logical_ids,
                    "ResourceIdentifiers": found.identifier,
                }
            )
    return shown


def _present(shown: Params) -> Params:
    return {key: value for key, value in shown.items() if value is not None}
