"""Mapping templates and parameter mappings of integrations that are not proxies."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote_plus, unquote_plus

import orjson

from freehold.kernel.errors import not_implemented
from freehold.services.apigateway import errors, jsonpath, velocity

_PLACES = ("path", "querystring", "header")
_ESCAPES = {
    "\\": "\\\\",
    '"': '\\"',
    "'": "\\'",
    "/": "\\/",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\b": "\\b",
    "\f": "\\f",
}


class Rendered(NamedTuple):
    """What a template gave, and what it said of the response by $context.responseOverride."""

    text: str
    status: int | None = None
    headers: Mapping[str, str] = {}


class Input:
    """$input: the body that is mapped, and the parameters of the request."""

    def __init__(self, body: str, given: Mapping[str, str]) -> None:
        self.member_body = body
        self._params: dict[str, dict[str, str]] = {
            place: {
                name.split(".", 3)[3]: value
                for name, value in given.items()
                if name.startswith(f"method.request.{place}.")
            }
            for place in _PLACES
        }
        try:
            self._document: Any = orjson.loads(body) if body else {}
        except orjson.JSONDecodeError:
            self._document = body

    def reference_path(self, path: str) -> Any:
        found = jsonpath.find(self._document, path)
        return None if found is jsonpath.NOT_FOUND else found

    def reference_json(self, path: str) -> str:
        found = jsonpath.find(self._document, path)
        return '""' if found is jsonpath.NOT_FOUND else orjson.dumps(found).decode()

    def reference_params(self, name: str | None = None) -> Any:
        """All of them by place; or one, looked for in the path, the query and the headers."""
        if name is None:
            return self._params
        for place in _PLACES:
            if name in self._params[place]:
                return self._params[place][name]
        return self._params.get(name, "")


class Util:
    """$util: what templates need to make JSON and addresses."""

    def reference_escapeJavaScript(self, value: Any) -> str:
        written = velocity.text(value)
        return "".join(_ESCAPES.get(each) or _escaped(each) for each in written)

    def reference_parseJson(self, value: str) -> Any:
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise velocity.TemplateError(str(error)) from None

    def reference_urlEncode(self, value: Any) -> str:
        return quote_plus(velocity.text(value))

    def reference_urlDecode(self, value: Any) -> str:
        return unquote_plus(velocity.text(value))

    def reference_base64Encode(self, value: Any) -> str:
        return base64.b64encode(velocity.text(value).encode()).decode()

    def reference_base64Decode(self, value: Any) -> str:
        try:
            return base64.b64decode(velocity.text(value)).decode(errors="replace")
        except binascii.Error as error:
            raise velocity.TemplateError(str(error)) from None


def check_templates(templates: Mapping[str, str | None]) -> None:
    """Refuse templates that are none, or use what `render` does not know."""
    for template in templates.values():
        if "requestOverride" in (template or ""):
            raise not_implemented("$context.requestOverride in mapping templates")
        try:
            velocity.parse(template or "")
        except velocity.Unsupported as error:
            raise not_implemented(f"{error} in mapping templates") from None
        except velocity.TemplateError as error:
            raise errors.bad_request(f"Invalid mapping template: {error}") from None


def render(
    template: str, body: str, given: Mapping[str, str], variables: Mapping[str, str]
) -> Rendered:
    """Render a template for a body; velocity.TemplateError if that goes wrong.

    `given` has the request's parameters ("method.request.header.X"), `variables` the rest
    ("context.requestId", "stageVariables.color").
    """
    tree = _tree(variables)
    context: dict[str, Any] = tree.get("context", {})
    scope = {
        "input": Input(body, given),
        "util": Util(),
        "context": context,
        "stageVariables": tree.get("stageVariables", {}),
    }
    try:
        written = velocity.render(template, scope)
    except (jsonpath.InvalidPath, TypeError) as error:
        raise velocity.TemplateError(str(error)) from None
    override = context.get("responseOverride") or {}
    status = override.get("status")
    headers = override.get("header") or {}
    return Rendered(
        written,
        int(str(status)) if str(status).isdigit() else None,
        {name: velocity.text(value) for name, value in headers.items()},
    )


def parameter(expression: str, values: Mapping[str, str], body: str = "") -> str | None:
    """A mapped parameter's value: a literal in single quotes, or what the expression names."""
    if len(expression) > 1 and expression[0] == expression[-1] == "'":
        return expression[1:-1]
    if expression == "integration.response.body":
        return body
    if expression.startswith("integration.response.body."):
        try:
            path = "$." + expression.removeprefix("integration.response.body.")
            found = jsonpath.find(orjson.loads(body), path)
        except (orjson.JSONDecodeError, jsonpath.InvalidPath):
            return None
        return None if found is jsonpath.NOT_FOUND else velocity.text(found)
    return values.get(expression)


def chosen(templates: Mapping[str, str | None], content_type: str | None) -> str | None:
    """The template for a content type (application/json if the request has none), or None."""
    plain = (content_type or "application/json").partition(";")[0].strip().lower()
    return next((each for name, each in templates.items() if name.lower() == plain), None)


def _tree(variables: Mapping[str, str]) -> dict[str, Any]:
    """{"a.b": "x"} as {"a": {"b": "x"}}."""
    tree: dict[str, Any] = {}
    for name, value in variables.items():
        *steps, last = name.split(".")
        place = tree
        for step in steps:
            inner = place.setdefault(step, {})
            place = inner if isinstance(inner, dict) else {}
        place[last] = value
    return tree


def _escaped(character: str) -> str:
    """Anything beyond printable ASCII as Java escapes it, in UTF-16."""
    if " " <= character <= "~":
        return character
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02X}{units[at + 1]:02X}" for at in range(0, len(units), 2))
