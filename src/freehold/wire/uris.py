"""Which operation of a REST service a method, path and query mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from freehold.wire.messages import WireError

Router = Callable[
    [str, str, "list[tuple[str, str]]", Mapping[str, str]], "tuple[str, dict[str, str]] | None"
]


def compile_router(documents: dict[str, Any], shapes: dict[str, Any]) -> Router:
    """Return a function (method, raw path, query, headers) -> (operation, labels), or None.

    Literal segments go before labels, labels before greedy ones; at one path, the operation whose
    literal query and required members the request fits best. WireError InvalidURI if a label is not
    UTF-8.
    """
    root = _Node()
    for name, document in documents.items():
        _add(root, _Route(name, document, shapes), document["http"]["method"])

    def route(
        method: str, path: str, query: list[tuple[str, str]], headers: Mapping[str, str]
    ) -> tuple[str, dict[str, str]] | None:
        trimmed = path[1:] if path.startswith("/") else path
        segments = trimmed.split("/") if trimmed else []
        return _find(root, segments, [], method, dict(query), headers)

    return route


class _Route:
    """One operation's URI: its literal query, and what its required members need to be there."""

    def __init__(self, name: str, document: dict[str, Any], shapes: dict[str, Any]) -> None:
        self.name = name
        path, _, query = document["http"]["requestUri"].partition("?")
        self.segments = path.strip("/").split("/") if path.strip("/") else []
        self.labels = [part[1:-1].rstrip("+") for part in self.segments if part.startswith("{")]
        pairs = parse_qsl(query, keep_blank_values=True)
        # Clients that know operations by this one send it; others need not.
        self.id = next((value for key, value in pairs if key == "x-id"), None)
        self.literals = [(key, value) for key, value in pairs if key != "x-id"]
        shape = shapes[document["input"]["shape"]] if "input" in document else {}
        required = set(shape.get("required", ()))
        members = shape.get("members", {}).items()
        self.queries = [
            m.get("locationName", n)
            for n, m in members
            if n in required and m.get("location") == "querystring"
        ]
        self.headers = [
            m.get("locationName", n).lower()
            for n, m in members
            if n in required and m.get("location") == "header"
        ]
        self.is_current = not document.get("deprecated")

    def fit(self, query: Mapping[str, str], headers: Mapping[str, str]) -> tuple[int, ...] | None:
        """How well a request fits, or None; the highest wins."""
        for key, value in self.literals:
            if key not in query or (value and query[key] != value):
                return None
        given = 0
        for name in self.queries:
            given += name in query
        for name in self.headers:
            given += name in headers
        return (
            # DELETE ?analytics without its id means an analytics configuration, not the bucket.
            len(self.literals),
            # A request that lacks something required still means its only candidate.
            given - len(self.queries) - len(self.headers),
            given,
            self.is_current,
            self.id is not None and query.get("x-id") == self.id,
        )


class _Choice:
    """The operations of one path and method."""

    __slots__ = ("by_literal", "plain")

    def __init__(self) -> None:
        self.plain: list[_Route] = []
        self.by_literal: dict[str, list[_Route]] = {}

    def add(self, route: _Route) -> None:
        if route.literals:
            self.by_literal.setdefault(route.literals[0][0], []).append(route)
        else:
            self.plain.append(route)

    def fittest(self, query: Mapping[str, str], headers: Mapping[str, str]) -> _Route | None:
        if self.by_literal:
            special = [route for key in query for route in self.by_literal.get(key, ())]
            found = _fittest(special, query, headers)
            if found is not None:
                return found
        return _fittest(self.plain, query, headers)


class _Node:
    __slots__ = ("choices", "greedy", "label", "literals")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.label: _Node | None = None
        self.greedy: _Node | None = None
        self.choices: dict[str, _Choice] = {}


def _add(root: _Node, route: _Route, method: str) -> None:
    node = root
    for segment in route.segments:
        if segment.startswith("{") and segment.endswith("+}"):
            node.greedy = node = node.greedy or _Node()
        elif segment.startswith("{"):
            node.label = node = node.label or _Node()
        else:
            node = node.literals.setdefault(segment, _Node())
    node.choices.setdefault(method, _Choice()).add(route)


def _find(
    node: _Node,
    segments: list[str],
    values: list[str],
    method: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
) -> tuple[str, dict[str, str]] | None:
    if not segments:
        return _chosen(node, values, method, query, headers)
    head, rest = _text(segments[0]), segments[1:]
    literal = node.literals.get(head)
    if literal is not None:
        found = _find(literal, rest, values, method, query, headers)
        if found is not None:
            return found
    if not rest and head == "":
        # A slash at the end: `/bucket/` is the bucket.
        found = _chosen(node, values, method, query, headers)
        if found is not None:
            return found
    if node.label is not None and (head or rest):
        found = _find(node.label, rest, [*values, head], method, query, headers)
        if found is not None:
            return found
    if node.greedy is not None:
        # What may follow the label goes before the label; the label takes what is left.
        following = node.greedy.literals
        sizes = [len(segments)]
        if following:
            sizes += [n for n in range(1, len(segments)) if segments[n] in following]
        for size in reversed(sizes):
            value = _text("/".join(segments[:size]))
            if value:
                found = _find(
                    node.greedy, segments[size:], [*values, value], method, query, headers
                )
                if found is not None:
                    return found
    return None


def _chosen(
    node: _Node,
    values: list[str],
    method: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
) -> tuple[str, dict[str, str]] | None:
    choice = node.choices.get(method)
    route = None if choice is None else choice.fittest(query, headers)
    return None if route is None else (route.name, dict(zip(route.labels, values, strict=True)))


def _fittest(
    routes: list[_Route], query: Mapping[str, str], headers: Mapping[str, str]
) -> _Route | None:
    best, best_fit = None, None
    for route in routes:
        fit = route.fit(query, headers)
        if fit is not None and (best_fit is None or fit > best_fit):
            best, best_fit = route, fit
    return best


def _text(encoded: str) -> str:
    if "%" not in encoded:
        return encoded
    try:
        return unquote(encoded, errors="strict")
    except UnicodeDecodeError as error:
        raise WireError("InvalidURI", "Couldn't parse the specified URI.") from error
