"""Velocity, as far as mapping templates use it: references, #set, #if, #foreach, and Java's
methods on strings, lists and maps that templates call. Pure: a template and its variables in, text
out.
"""

from freehold.services.apigateway.velocity.methods import text
from freehold.services.apigateway.velocity.parsing import TemplateError, Unsupported, parse
from freehold.services.apigateway.velocity.rendering import render

__all__ = ["TemplateError", "Unsupported", "parse", "render", "text"]
