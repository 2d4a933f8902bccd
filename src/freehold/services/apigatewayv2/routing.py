"""Which route answers a request: a trie, compiled once for each deployment.

"The most specific match" (developer guide, "Routes for HTTP APIs"): a full match before one with a
greedy variable, that before $default. At each step a literal wins over {variable} and that over
{proxy+}; of two routes with the same path the one with the method wins over ANY. A route that does
not take the method is as good as none. Slashes at the end count.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from freehold.services.apigatewayv2.records import Route

PATH_SEGMENTS_MAX = 1000


class Match(NamedTuple):
    route: Route
    path_parameters: dict[str, str]


class Router:
    """Of the routes of one deployment."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Node()
        self._default: Route | None = None
        for route in routes:
            if route.route_key == "$default":
                self._default = route
            else:
                self._add(route)

    def match(self, http_method: str, path: str) -> Match | None:
        """Match a decoded path without its stage."""
        segments = split(path)
        captured: list[str] = []
        route = None
        if len(segments) <= PATH_SEGMENTS_MAX:
            route = _find(self._root, http_method, segments, 0, captured)
        if route is not None:
            names = [part.strip("{}+") for part in split(route_path(route)) if part[:1] == "{"]
            return Match(route, dict(zip(names, captured, strict=True)))
        return None if self._default is None else Match(self._default, {})

    def _add(self, route: Route) -> None:
        method = route.route_key.partition(" ")[0]
        node = self._root
        for part in split(route_path(route)):
            if part.startswith("{") and part.endswith("+}"):
                node.greedy[method] = route
                return
            if part.startswith("{"):
                node.variable = node.variable or _Node()
                node = node.variable
            else:
                node = node.literals.setdefault(part, _Node())
        node.routes[method] = route


class _Node:
    __slots__ = ("greedy", "literals", "routes", "variable")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.variable: _Node | None = None
        self.greedy: dict[str, Route] = {}
        self.routes: dict[str, Route] = {}


def route_path(route: Route) -> str:
    """The path of a route's key."""
    return route.route_key.partition(" ")[2]


def split(path: str) -> list[str]:
    """The segments of a path. The root has one, which is empty; so has a slash at the end."""
    return path.removeprefix("/").split("/")


def _find(
    node: _Node, http_method: str, segments: list[str], at: int, captured: list[str]
) -> Route | None:
    """Fills `captured` with what the variables took, in order."""
    if at == len(segments):
        return node.routes.get(http_method) or node.routes.get("ANY")
    segment = segments[at]
    literal = node.literals.get(segment)
    if literal is not None:
        found = _find(literal, http_method, segments, at + 1, captured)
        if found is not None:
            return found
    if node.variable is not None and segment:
        captured.append(segment)
        found = _find(node.variable, http_method, segments, at + 1, captured)
        if found is not None:
            return found
        captured.pop()
    rest = "/".join(segments[at:])
    greedy = node.greedy.get(http_method) or node.greedy.get("ANY")
    if greedy is not None and rest:
        captured.append(rest)
        return greedy
    return None
