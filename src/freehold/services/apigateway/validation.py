"""Request validation, as a method's request validator asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from freehold.services.apigateway.gateway_responses import Refusal
from freehold.services.apigateway.records import Method, Model

_REMOTE = "https://apigateway.amazonaws.com/restapis/"


class Schemas:
    """The models of one deployment, compiled when they are first needed."""

    def __init__(self, models: Mapping[str, Model]) -> None:
        self._models = models
        self._validators: dict[str, Any] = {}

    def accepts(self, name: str, body: bytes) -> bool:
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError:
            return False
        validator = self._validators.get(name)
        if validator is None:
            validator = self._validators[name] = self._compiled(name)
        valid: bool = validator.is_valid(value)
        return valid

    def _compiled(self, name: str) -> Any:
        # Takes a fifth of a second to import, and few APIs validate bodies.
        from jsonschema import Draft4Validator  # type: ignore[import-untyped]

        definitions: dict[str, Any] = {}
        for each in self._models.values():
            try:
                schema = orjson.loads(each.schema or "{}")
            except orjson.JSONDecodeError:
                continue
            inner = schema.get("definitions", {}) if isinstance(schema, dict) else {}
            definitions.update(
                {key: value for key, value in inner.items() if key not in self._models}
            )
            definitions[each.name] = schema
        document = {
            "definitions": _with_local_references(definitions, definitions),
            "allOf": [{"$ref": f"#/definitions/{name}"}],
        }
        return Draft4Validator(document)


def check_parameters(method: Method, given: Mapping[str, Any]) -> None:
    """Refuse a request that lacks required parameters; `given` has them as
    "method.request.header.X".
    """
    lower = {name.lower(): value for name, value in given.items() if ".header." in name}
    missing = [
        name
        for name, required in method.request_parameters.items()
        if required and not (lower.get(name.lower()) if ".header." in name else given.get(name))
    ]
    if missing:
        names = ", ".join(sorted(name.split(".", 3)[3] for name in missing))
        raise Refusal("BAD_REQUEST_PARAMETERS", f"Missing required request parameters: [{names}]")


def check_body(method: Method, schemas: Schemas, content_type: str | None, body: bytes) -> None:
    """Refuse a body that the model of its content type (or of $default) does not allow."""
    plain = (content_type or "application/json").partition(";")[0].strip().lower()
    model = method.request_models.get(plain) or method.request_models.get("$default")
    if model is not None and model != "Empty" and not schemas.accepts(model, body):
        raise Refusal("BAD_REQUEST_BODY")


def _with_local_references(value: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [_with_local_references(inner, definitions) for inner in value]
    if not isinstance(value, dict):
        return value
    found = {key: _with_local_references(inner, definitions) for key, inner in value.items()}
    reference = found.get("$ref")
    if isinstance(reference, str):
        name = reference.rsplit("/", 1)[-1]
        if reference.startswith((_REMOTE, "#/definitions/", "#/components/schemas/")):
            found["$ref"] = f"#/definitions/{name}"
    return found
