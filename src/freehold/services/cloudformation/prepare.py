"""From a request's template to a plan: fetch, transform, look up, evaluate. Nothing is stored
here."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import msgspec
import orjson

from freehold.kernel.call import Call
from freehold.kernel.errors import not_implemented
from freehold.services.cloudformation import errors, fetch, handlers, store
from freehold.services.cloudformation.records import Templates
from freehold.services.cloudformation.template import (
    extensions,
    functions,
    parameters,
    parse,
    plan,
    sections,
    summary,
)
from freehold.services.cloudformation.template.functions import Environment, Imports
from freehold.services.cloudformation.template.parameters import Given
from freehold.services.cloudformation.template.parse import Document
from freehold.services.cloudformation.template.plan import Plan
from freehold.services.cloudformation.template.sections import Template

TRANSFORM_S_MAX = 60.0
INCLUDES_MAX = 100
SSM_NAMES_MAX = 10
_SAM_WORKER = Path(__file__).with_name("sam_worker.py")
_KNOWN = (sections.SERVERLESS, sections.LANGUAGE_EXTENSIONS, sections.INCLUDE)


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A template ready to be made. `given` are its parameters' values."""

    templates: Templates
    template: Template
    given: dict[str, Given]
    typed: dict[str, Any]
    plan: Plan


async def prepare(
    call: Call,
    text: str,
    *,
    given: list[dict[str, Any]],
    previous: dict[str, Given] | None,
    stack_name: str,
    stack_arn: str,
    acknowledged: list[str] | None = None,
) -> Prepared:
    """Everything that can be known of a stack before it is made.

    `acknowledged` are the capabilities of a request that makes the stack directly: templates which
    transforms rewrite then need to be acknowledged, too.
    """
    document = await read(text)
    if acknowledged is not None and needs_auto_expand(document):
        summary.check_capabilities(["CAPABILITY_AUTO_EXPAND"], acknowledged)
    transformed = bool(sections.transforms(document)) or _includes(document)
    values, processed = await _process(call, document, given, previous, stack_name, stack_arn)
    template = sections.read(processed)
    typed = parameters.typed(template.parameters, values)
    built = await _build(call, template, typed, stack_name, stack_arn)
    return Prepared(
        templates=Templates(
            original=text,
            processed=orjson.dumps(processed, option=orjson.OPT_INDENT_2).decode()
            if transformed
            else "",
        ),
        template=template,
        given=values,
        typed=typed,
        plan=built,
    )


async def read(text: str) -> Document:
    """The document of a template, of the form that holds before transforms. Off the event loop:
    a megabyte of YAML takes a second."""
    document = await asyncio.to_thread(parse.parse, text)
    sections.check_document(document)
    return document


async def prepare_processed(
    call: Call,
    templates: Templates,
    *,
    given: dict[str, Given],
    stack_name: str,
    stack_arn: str,
) -> Prepared:
    """The same for a template whose transforms have been run and whose values are known."""
    text = templates.processed or templates.original
    template = sections.read(await asyncio.to_thread(parse.parse, text))
    typed = parameters.typed(template.parameters, given)
    built = await _build(call, template, typed, stack_name, stack_arn)
    return Prepared(templates=templates, template=template, given=given, typed=typed, plan=built)


def needs_auto_expand(document: Document) -> bool:
    """Whether making a stack of it directly, without looking at a change set, needs to be
    acknowledged."""
    return any(name != sections.INCLUDE for name in sections.transforms(document))


async def resources_of(call: Call, document: Document) -> dict[str, Any]:
    """The Resources section as far as it can be read without parameters' values."""
    if sections.SERVERLESS in sections.transforms(document):
        return dict(document.get("Resources", {}))
    return sections.read(document).resources if not _includes(document) else {}


def pseudo(call: Call, stack_name: str, stack_arn: str) -> dict[str, Any]:
    return {
        "AWS::AccountId": call.account,
        "AWS::NotificationARNs": [],
        "AWS::Partition": "aws",
        "AWS::Region": call.region,
        "AWS::StackId": stack_arn,
        "AWS::StackName": stack_name,
        "AWS::URLSuffix": "amazonaws.com",
    }


async def _process(
    call: Call,
    document: Document,
    given: list[dict[str, Any]],
    previous: dict[str, Given] | None,
    stack_name: str,
    stack_arn: str,
) -> tuple[dict[str, Given], Document]:
    entries = sections.transform_entries(document)
    for name, _ in entries:
        if name not in _KNOWN:
            raise errors.validation(f"No transform named {call.account}::{name} found.")
    env = Environment(pseudo=pseudo(call, stack_name, stack_arn), zones=_zones(call))
    declared = _declared(document)
    env = msgspec.structs.replace(env, parameters=_roughly(declared, given, previous))
    for name, arguments in entries:
        if name == sections.INCLUDE:
            included = await _snippet(call, arguments, env)
            if not isinstance(included, dict):
                raise _include_failed("the snippet is not an object")
            document = {**included, **document}
    document = await _include_all(call, document, env)
    declared = _declared(document)
    values = parameters.collect(declared, given, previous)
    values = await _stored_values(call, declared, values)
    names = [name for name, _ in entries]
    typed = parameters.typed(declared, values)
    env = msgspec.structs.replace(
        env, parameters=typed, mappings=document.get("Mappings", {}) or {}
    )
    if sections.LANGUAGE_EXTENSIONS in names:
        document = extensions.expand(document, env)
    if sections.SERVERLESS in names:
        document = await _serverless(call, document, typed)
    return values, document


def _declared(document: Document) -> dict[str, dict[str, Any]]:
    found = document.get("Parameters", {})
    if not isinstance(found, dict) or not all(
        isinstance(p, dict) and "Type" in p for p in found.values()
    ):
        raise errors.template_format("Every Parameters object must contain a Type member.")
    return found


def _roughly(
    declared: dict[str, dict[str, Any]],
    given: list[dict[str, Any]],
    previous: dict[str, Given] | None,
) -> dict[str, Any]:
    """Parameters' values as far as they are known before includes have brought all declarations."""
    values = {name: d["Default"] for name, d in declared.items() if "Default" in d}
    values.update({name: value.value for name, value in (previous or {}).items()})
    values.update({p["ParameterKey"]: p["ParameterValue"] for p in given if "ParameterValue" in p})
    return values


async def _stored_values(
    call: Call, declared: dict[str, dict[str, Any]], values: dict[str, Given]
) -> dict[str, Given]:
    wanted = parameters.stored_names(declared, values)
    names = sorted(set(wanted.values()))
    found: dict[str, str] = {}
    for start in range(0, len(names), SSM_NAMES_MAX):
        chunk = names[start : start + SSM_NAMES_MAX]
        answer = await call.invoke("ssm", "GetParameters", {"Names": chunk})
        if answer.get("InvalidParameters"):
            missing = ", ".join(answer["InvalidParameters"])
            raise errors.validation(
                f"Unable to fetch parameters [{missing}] from parameter store for this account."
            )
        for parameter in answer["Parameters"]:
            if parameter["Type"] == "SecureString":
                raise errors.validation(
                    f"Parameters [{parameter['Name']}] referenced by template have types not "
                    "supported by CloudFormation."
                )
        found.update(
            zip(chunk, (_value_of(name, answer["Parameters"]) for name in chunk), strict=True)
        )
    return {
        name: msgspec.structs.replace(value, resolved=found[wanted[name]])
        if name in wanted
        else value
        for name, value in values.items()
    }


def _value_of(name: str, stored: list[dict[str, Any]]) -> str:
    for parameter in stored:
        if name in (
            parameter["Name"],
            parameter.get("ARN"),
            parameter["Name"] + (parameter.get("Selector") or ""),
        ):
            return str(parameter["Value"])
    raise errors.validation(
        f"Unable to fetch parameters [{name}] from parameter store for this account."
    )


async def _build(
    call: Call, template: Template, typed: dict[str, Any], stack_name: str, stack_arn: str
) -> Plan:
    known: dict[str, str] = {}
    types = parameters.types(template.parameters)
    # The names of exports may depend on conditions, which do not depend on exports: twice is
    # enough.
    for _ in range(2):
        imports = Imports(known)
        env = Environment(
            pseudo=pseudo(call, stack_name, stack_arn),
            parameters=typed,
            zones=_zones(call),
            imports=imports,
        )
        built = await asyncio.to_thread(plan.build, template, env, types)
        missing = imports.missing
        if not missing:
            break
        known = await call.read(_exports, missing)
    return built


def _exports(call: Call, names: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for name in names:
        export = store.load_export(call.tx, call.scope, name)
        if export is None:
            raise errors.no_export(name)
        values[name] = export.value
    return values


def _zones(call: Call) -> tuple[str, ...]:
    return tuple(f"{call.region}{letter}" for letter in "abc")


# -- transforms --


def _includes(value: Any) -> bool:
    found: list[Any] = []
    parse.walk(value, lambda _, node: found.append(node) if _is_include(node) else None)
    return bool(found)


def _is_include(node: Any) -> bool:
    if not isinstance(node, dict) or not isinstance(node.get("Fn::Transform"), dict):
        return False
    return bool(node["Fn::Transform"].get("Name") == sections.INCLUDE)


async def _include_all(call: Call, document: Document, env: Environment) -> Document:
    if not _includes(document):
        return document
    room = [INCLUDES_MAX]

    async def include(value: Any) -> Any:
        if isinstance(value, list):
            return [await include(inner) for inner in value]
        if not isinstance(value, dict):
            return value
        rest = {k: await include(v) for k, v in value.items() if k != "Fn::Transform"}
        if not _is_include(value):
            return {**rest, **{k: v for k, v in value.items() if k == "Fn::Transform"}}
        room[0] -= 1
        if room[0] < 0:
            raise _include_failed(f"more than {INCLUDES_MAX} snippets are included")
        snippet = await _snippet(call, value["Fn::Transform"].get("Parameters", {}), env)
        if not rest:
            return snippet
        if not isinstance(snippet, dict):
            raise _include_failed("the snippet is not an object")
        return {**snippet, **rest}

    included = await include(document)
    assert isinstance(included, dict)
    return included


async def _snippet(call: Call, arguments: Any, env: Environment) -> Any:
    location = arguments.get("Location") if isinstance(arguments, dict) else None
    location = functions.evaluate(location, env)
    if not isinstance(location, str) or not location.startswith(("s3://", "https://", "http://")):
        raise _include_failed("The location parameter is not a valid S3 uri.")
    return parse.parse_fragment(await fetch.text_at(call, location))


def _include_failed(message: str) -> Exception:
    return errors.validation(f"Transform {sections.INCLUDE} failed with: {message}")


async def _serverless(call: Call, document: Document, typed: dict[str, Any]) -> Document:
    for name, resource in document.get("Resources", {}).items():
        if isinstance(resource, dict) and resource.get("Type") == "AWS::Serverless::Application":
            location = (resource.get("Properties") or {}).get("Location")
            if isinstance(location, dict) and "ApplicationId" in location:
                raise not_implemented(f"applications of the repository (resource {name})")
    texts = {name: ",".join(v) if isinstance(v, list) else v for name, v in typed.items()}
    values = {**texts, "AWS::Region": call.region, "AWS::Partition": "aws"}
    answer = await _run_worker(call, {"template": document, "parameters": values})
    if "error" in answer:
        raise errors.validation(f"Transform {sections.SERVERLESS} failed with: {answer['error']}")
    translated: Document = answer["template"]
    return translated


async def _run_worker(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        str(_SAM_WORKER),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        # The translator asks boto3 for a region; it has nothing else to find out.
        env={"AWS_DEFAULT_REGION": call.region, "AWS_EC2_METADATA_DISABLED": "true"},
    )
    try:
        work = process.communicate(json.dumps(request).encode())
        output, complaint = await asyncio.wait_for(work, TRANSFORM_S_MAX)
    except TimeoutError as error:
        raise errors.validation(
            f"Transform {sections.SERVERLESS} failed with: it takes too long"
        ) from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise RuntimeError(f"the serverless transform broke: {complaint.decode()[-4000:]}")
    answer: dict[str, Any] = json.loads(output)
    return answer


def needed_capabilities(template: Template) -> list[str]:
    return summary.iam_capabilities(template.resources)[0]


def check_deployable(call: Call, template: Template, capabilities: list[str]) -> None:
    """Refuse what nobody here can make, and what was not acknowledged."""
    summary.check_capabilities(needed_capabilities(template), capabilities)
    handlers.check_types(call.node, summary.resource_types(template.resources))
