"""Mapping templates and parameter mappings of integrations that are not proxies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from freehold.kernel.errors import not_implemented

_DIRECTIVE = re.compile(
    r"#(set|if|elseif|else|end|foreach|break|stop|macro|parse|include|define|#|\*)"
)
_REFERENCE = re.compile(
    r"\$(?:"
    r"(?P<name>(?:context|stageVariables)(?:\.[A-Za-z0-9_]+)+)"
    r"|(?P<braced>\{(?:context|stageVariables)(?:\.[A-Za-z0-9_]+)+\})"
    r"|(?P<body>input\.(?:body|json\('\$'\)|json\(\"\$\"\)))"
    r"|input\.params\((?P<quote>['\"])(?P<parameter>[^'\"]+)(?P=quote)\)"
    r")"
)
_ANY_REFERENCE = re.compile(r"\$[!{]*[A-Za-z]")


def check_templates(templates: Mapping[str, str | None]) -> None:
    """Refuse what `render` would not understand."""
    for template in templates.values():
        rest = _REFERENCE.sub("", template or "")
        if _DIRECTIVE.search(rest) or _ANY_REFERENCE.search(rest):
            raise not_implemented("mapping templates in Velocity beyond plain references")


def render(template: str, body: str, variables: Mapping[str, Any]) -> str:
    """The template with its references replaced.

    `variables` holds "context.x", "stageVariables.x" and, for $input.params, "params.x".
    """

    def replaced(match: re.Match[str]) -> str:
        if match["body"]:
            return body if body or match["body"] == "input.body" else "{}"
        if match["parameter"]:
            return str(variables.get(f"params.{match['parameter']}", ""))
        name = match["name"] or match["braced"].strip("{}")
        return str(variables.get(name, ""))

    return _REFERENCE.sub(replaced, template)


def parameter(expression: str, values: Mapping[str, str]) -> str | None:
    """A mapped parameter's value: a literal in single quotes, or what the expression names."""
    if len(expression) > 1 and expression[0] == expression[-1] == "'":
        return expression[1:-1]
    return values.get(expression)


def chosen(templates: Mapping[str, str | None], content_type: str | None) -> str | None:
    """The template for a content type (application/json if the request has none), or None."""
    plain = (content_type or "application/json").partition(";")[0].strip().lower()
    return next((each for name, each in templates.items() if name.lower() == plain), None)
