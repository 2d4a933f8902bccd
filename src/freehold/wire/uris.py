"""Which operation of a REST service a method, path and query mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

Router = Callable[
    [str, str, "list[tuple[str, str]]", Mapping[str, str]], "tuple[str, dict[str, str]] | None"
]


class _Route:
    """One operation's URI: literal query parameters, and what its required members need to be there."""

    def __init__(self, name: str, document: dict[str, Any], shapes: dict[str, Any]) -> None:
        self.name = name
        path, _, query = document["http"]["requestUri"].partition("?")
        self.segments = path.strip("/").split("/") if path.strip("/") else []
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
        self.is_deprecated = bool(document.get("deprecated"))

    def score(self, query: Mapping[str, str], headers: Mapping[str, str]) -> tuple[int, ...] | None:
        """How well the request fits, or None; the highest wins."""
        for key, value in self.literals:
            if key not in query or (value and query[key] != value):
                return None
        has_queries = sum(name in query for name in self.queries)
        has_headers = sum(name in headers for name in self.headers)
        missing = len(self.queries) - has_queries + len(self.headers) - has_headers
        return (
            # A request that lacks something required still means its only candidate.
            -missing,
            len(self.literals),
            has_queries + has_headers,
            0 if self.is_deprecated else 1,
        )


class _Node:
    __slots__ = ("greedy", "label", "literals", "routes")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.label: _Node | None = None
        self.greedy: list[tuple[list[str], _Node]] = []
        self.routes: dict[str, list[tuple[_Route, list[str]]]] = {}


def compile_router(documents: dict[str, Any], shapes: dict[str, Any]) -> Router:
    """Return a function (method, raw path, query, headers) -> (operation, labels), or None for no match."""
    root = _Node()
    for name, document in documents.items():
        _add(root, _Route(name, document, shapes), document["http"]["method"])

    def route(
        method: str, path: str, query: list[tuple[str, str]], headers: Mapping[str, str]
    ) -> tuple[str, dict[str, str]] | None:
        trimmed = path[1:] if path.startswith("/") else path
        segments = trimmed.split("/") if trimmed else []
        best: tuple[tuple[int, ...], _Route, dict[str, str]] | None = None
        by_key = dict(query)
        for found, values in _match(root, segments, method):
            for candidate, names in found.routes[method]:
                score = candidate.score(by_key, headers)
                if score is None:
                    continue
                if candidate.id is not None and by_key.get("x-id") == candidate.id:
                    score = (*score, 1)
                if best is None or score > best[0]:
                    best = (score, candidate, dict(zip(names, values, strict=True)))
            if best is not None:
                break
        return (best[1].name, best[2]) if best else None

    return route


def _add(root: _Node, route: _Route, method: str) -> None:
    node = root
    names = []
    for segment in route.segments:
        if segment.startswith("{") and segment.endswith("+}"):
            names.append(segment[1:-2])
            following = _Node()
            node.greedy.append(([], following))
            node = following
        elif segment.startswith("{"):
            names.append(segment[1:-1])
            if node.label is None:
                node.label = _Node()
            node = node.label
        else:
            node = node.literals.setdefault(segment, _Node())
    node.routes.setdefault(method, []).append((route, names))


def _match(node: _Node, segments: list[str], method: str) -> list[tuple[_Node, list[str]]]:
    """Every node that the path leads to, literal segments before labels before greedy labels."""
    found: list[tuple[_Node, list[str]]] = []
    if not segments:
        return [(node, [])] if method in node.routes else []
    head, rest = segments[0], segments[1:]
    literal = node.literals.get(unquote(head))
    if literal is not None:
        found += _match(literal, rest, method)
    if not rest and head == "" and method in node.routes:
        # A slash at the end: `/bucket/` is the bucket.
        found.append((node, []))
    if node.label is not None and (head or rest):
        value = unquote(head)
        found += [(n, [value, *values]) for n, values in _match(node.label, rest, method)]
    together: list[tuple[_Node, list[str]]] = []
    for _, following in node.greedy:
        sizes = range(len(segments), 0, -1) if following.literals else (len(segments),)
        for size in sizes:
            value = unquote("/".join(segments[:size]))
            if value:
                together += [
                    (n, [value, *values])
                    for n, values in _match(following, segments[size:], method)
                ]
    if together:
        found += _merged(together)
    return found


def _merged(nodes: list[tuple[_Node, list[str]]]) -> list[tuple[_Node, list[str]]]:
    """Greedy labels end in nodes of their own; those with equal values compete as one."""
    by_values: dict[tuple[str, ...], _Node] = {}
    for node, values in nodes:
        merged = by_values.setdefault(tuple(values), _Node())
        for method, routes in node.routes.items():
            merged.routes.setdefault(method, []).extend(routes)
    return [(node, list(values)) for values, node in by_values.items()]
