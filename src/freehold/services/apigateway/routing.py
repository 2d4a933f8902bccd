"""Which resource and method answer a path: a trie, compiled once for each deployment.

At each step a literal wins over {param}, and that over {proxy+}; when a choice leads nowhere the
next is
tried. Only resources that have methods can be reached. Finding takes as long as the path is deep.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import unquote

from freehold.services.apigateway.records import Method, Resource

PATH_SEGMENTS_MAX = 1000


class Match(NamedTuple):
    resource: Resource
    # None: the path is known, but not with this method.
    method: Method | None
    path_parameters: dict[str, str]


class Router:
    """Of the resources of one deployment."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._root = _Node()
        for resource in resources:
            if resource.resource_methods:
                self._add(resource)

    def match(self, http_method: str, path: str) -> Match | None:
        """Match a path without its stage, still percent-encoded. A slash at its end does not
        count.
        """
        segments = split(path)
        if len(segments) > PATH_SEGMENTS_MAX:
            return None
        captured: list[str] = []
        resource = _find(self._root, segments, 0, captured)
        if resource is None:
            return None
        methods = resource.resource_methods
        names = [part.strip("{}+") for part in split(resource.path) if part.startswith("{")]
        parameters = dict(zip(names, captured, strict=True))
        return Match(resource, methods.get(http_method) or methods.get("ANY"), parameters)

    def _add(self, resource: Resource) -> None:
        node = self._root
        for part in split(resource.path):
            if part.startswith("{") and part.endswith("+}"):
                node.greedy = resource
                return
            if part.startswith("{"):
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.literals.setdefault(part, _Node())
        node.resource = resource


class _Node:
    __slots__ = ("greedy", "literals", "parameter", "resource")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.parameter: _Node | None = None
        self.greedy: Resource | None = None
        self.resource: Resource | None = None


def split(path: str) -> list[str]:
    """The segments of a path; none for the root."""
    stripped = path.strip("/")
    return stripped.split("/") if stripped else []


def _find(node: _Node, segments: list[str], at: int, captured: list[str]) -> Resource | None:
    """Fills `captured` with what the parameters took, in order."""
    if at == len(segments):
        return node.resource
    segment = unquote(segments[at])
    literal = node.literals.get(segment)
    if literal is not None:
        found = _find(literal, segments, at + 1, captured)
        if found is not None:
            return found
    if node.parameter is not None and segment:
        captured.append(segment)
        found = _find(node.parameter, segments, at + 1, captured)
        if found is not None:
            return found
        captured.pop()
    if node.greedy is not None:
        captured.append(unquote("/".join(segments[at:])))
        return node.greedy
    return None
