"""AWS::SSM::Parameter."""

from __future__ import annotations

from typing import Any

from freehold.kernel.call import Call
from freehold.kernel.errors import AwsError, not_implemented
from freehold.kernel.resources import Made, Wanted
from freehold.services.ssm import rules, store
from freehold.services.ssm.service import service

NAME_CHARS_MAX = 255


@service.resource_type("AWS::SSM::Parameter")
class Parameter:
    """Ref is the name. SecureString is refused, as CloudFormation refuses it."""

    @staticmethod
    def create(call: Call, wanted: Wanted) -> Made:
        name = wanted.properties.get("Name") or f"CFN-{wanted.name(NAME_CHARS_MAX - 4)}"
        _put(call, name, wanted, {"Overwrite": False})
        _set_tags(call, name, wanted)
        return _made(name, wanted)

    @staticmethod
    def update(call: Call, wanted: Wanted, made: Made) -> Made:
        _put(call, made.physical_id, wanted, {"Overwrite": True})
        _set_tags(call, made.physical_id, wanted)
        return _made(made.physical_id, wanted)

    @staticmethod
    def delete(call: Call, made: Made) -> None:
        try:
            call.invoke_within("ssm", "DeleteParameter", {"Name": made.physical_id})
        except AwsError as error:
            if error.code != "ParameterNotFound":
                raise


def _put(call: Call, name: str, wanted: Wanted, how: dict[str, Any]) -> None:
    properties = wanted.properties
    if properties.get("Type") == "SecureString":
        raise not_implemented("AWS::SSM::Parameter of the type SecureString")
    if properties.get("Policies"):
        raise not_implemented("Policies of AWS::SSM::Parameter")
    params = {"Name": name, "Value": str(properties["Value"]), **how}
    for key in ("Type", "Description", "AllowedPattern", "Tier", "DataType"):
        if properties.get(key) is not None:
            params[key] = str(properties[key])
    call.invoke_within("ssm", "PutParameter", params)


def _set_tags(call: Call, name: str, wanted: Wanted) -> None:
    """Saved without PutParameter, which lets nobody set the tags that CloudFormation sets
    itself."""
    own = {key: str(value) for key, value in (wanted.properties.get("Tags") or {}).items()}
    if own or wanted.stack_tags:
        call.require("ssm:AddTagsToResource", call.arn(rules.arn_name(name)))
    before = wanted.previous.get("Tags") or {}
    found = store.load_parameter(call.tx, call.scope, name)
    assert found is not None, name
    kept = {key: value for key, value in found.tags.items() if key not in before}
    changed = rules.replace(found, tags=kept)
    store.save_parameter(call.tx, call.scope, rules.with_tags(changed, {**wanted.tags(), **own}))


def _made(name: str, wanted: Wanted) -> Made:
    properties = wanted.properties
    attributes = {"Type": properties["Type"], "Value": str(properties["Value"])}
    return Made(physical_id=name, attributes=attributes)
