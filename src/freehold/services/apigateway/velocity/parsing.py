"""From a template's text to a tree."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

NESTING_MAX = 50
PARSED_MAX = 1024

_REFUSED = ("macro", "parse", "include", "define", "evaluate", "literal")
_DIRECTIVE = re.compile(r"#(?:\{(\w+)\}|(\w+))")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_NUMBER = re.compile(r"\d+(\.\d+)?")
_OPERATORS = (
    (("||", "or"), "or"),
    (("&&", "and"), "and"),
    (("==", "!=", "eq", "ne"), "equality"),
    (("<=", ">=", "<", ">", "le", "ge", "lt", "gt"), "relation"),
    (("+", "-"), "sum"),
    (("*", "/", "%"), "product"),
)
_WORDS = {"eq": "==", "ne": "!=", "le": "<=", "ge": ">=", "lt": "<", "gt": ">"}


class TemplateError(ValueError):
    """The text is no template, or rendering it went wrong."""


class Unsupported(TemplateError):
    """A directive of Velocity that this does not know."""


class Text(NamedTuple):
    text: str


class Reference(NamedTuple):
    """`steps` are ("name", n), ("call", n, arguments) and ("index", expression)."""

    name: str
    steps: tuple[Any, ...]
    quiet: bool
    source: str


class Literal(NamedTuple):
    value: Any


class Interpolated(NamedTuple):
    body: tuple[Any, ...]


class ListOf(NamedTuple):
    items: tuple[Any, ...]


class RangeOf(NamedTuple):
    first: Any
    last: Any


class MapOf(NamedTuple):
    entries: tuple[tuple[Any, Any], ...]


class Not(NamedTuple):
    operand: Any


class Binary(NamedTuple):
    operator: str
    left: Any
    right: Any


class Set(NamedTuple):
    target: Reference
    value: Any


class If(NamedTuple):
    """Branches of (condition, body); #else has the condition Literal(True)."""

    branches: tuple[tuple[Any, tuple[Any, ...]], ...]


class Foreach(NamedTuple):
    name: str
    source: Any
    body: tuple[Any, ...]


class Leave(NamedTuple):
    """#break leaves the loop, #stop the template."""

    word: str


@lru_cache(maxsize=PARSED_MAX)
def parse(template: str) -> tuple[Any, ...]:
    """The template's tree; TemplateError if it is none."""
    parser = _Parser(template)
    body, end = parser.body(0)
    if end:
        raise TemplateError(f"#{end} without its beginning")
    return body


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def body(self, depth: int) -> tuple[tuple[Any, ...], str]:
        """The nodes up to the end of the text or a directive that ends this body; and that word."""
        if depth > NESTING_MAX:
            raise TemplateError("directives are nested too deeply")
        nodes: list[Any] = []
        while self.at < len(self.text):
            character = self.text[self.at]
            if character == "$":
                node = self.reference()
                nodes.append(Text("$") if node is None else node)
                self.at += 1 if node is None else 0
            elif character == "#":
                word = self._hash(nodes, depth)
                if word:
                    return tuple(nodes), word
            elif character == "\\" and self.text[self.at + 1 : self.at + 2] in ("$", "#"):
                nodes.append(Text(self.text[self.at + 1]))
                self.at += 2
            else:
                nodes.append(self._plain())
        return tuple(nodes), ""

    def reference(self) -> Reference | None:
        """The reference that begins at a dollar sign, or None if none does."""
        start = self.at
        position = start + 1
        quiet = self.text[position : position + 1] == "!"
        position += quiet
        braced = self.text[position : position + 1] == "{"
        position += braced
        name = _NAME.match(self.text, position)
        if name is None:
            return None
        self.at = name.end()
        steps = self._steps()
        if braced:
            if self.text[self.at : self.at + 1] != "}":
                self.at = start
                return None
            self.at += 1
        return Reference(name.group(), tuple(steps), bool(quiet), self.text[start : self.at])

    def expression(self, level: int = 0) -> Any:
        if level == len(_OPERATORS):
            return self._unary()
        left = self.expression(level + 1)
        while True:
            operator = self._operator(_OPERATORS[level][0])
            if operator is None:
                return left
            left = Binary(_WORDS.get(operator, operator), left, self.expression(level + 1))

    def _plain(self) -> Text:
        end = re.compile(r"[$#\\]").search(self.text, self.at + 1)
        stop = len(self.text) if end is None else end.start()
        text = self.text[self.at : stop]
        self.at = stop
        return Text(text)

    def _hash(self, nodes: list[Any], depth: int) -> str:
        """Read what a # begins; the word, if it ends the body that is being read."""
        if self.text.startswith("##", self.at):
            end = self.text.find("\n", self.at)
            self.at = len(self.text) if end < 0 else end + 1
            return ""
        if self.text.startswith("#*", self.at):
            end = self.text.find("*#", self.at)
            self.at = len(self.text) if end < 0 else end + 2
            return ""
        found = _DIRECTIVE.match(self.text, self.at)
        word = "" if found is None else found.group(1) or found.group(2)
        if word in _REFUSED:
            raise Unsupported(f"#{word}")
        if found is None or word not in (
            "set",
            "if",
            "elseif",
            "else",
            "end",
            "foreach",
            "break",
            "stop",
        ):
            # "#elseif" and "#end" may run into the text that follows them.
            shorter = next((each for each in ("else", "end") if word.startswith(each)), "")
            if found is None or not shorter or found.group(1):
                nodes.append(Text("#"))
                self.at += 1
                return ""
            self.at += 1 + len(shorter)
            return shorter
        self.at = found.end()
        if word in ("elseif", "else", "end"):
            return word
        nodes.append(self._directive(word, depth))
        return ""

    def _directive(self, word: str, depth: int) -> Any:
        if word in ("break", "stop"):
            return Leave(word)
        if word == "set":
            self._expect("(")
            self._space()
            target = self.reference() if self._peek() == "$" else None
            if target is None:
                raise TemplateError("#set needs a reference")
            self._expect("=")
            value = self.expression()
            self._expect(")")
            self._end_of_line()
            return Set(target, value)
        if word == "foreach":
            return self._foreach(depth)
        return self._if(depth)

    def _foreach(self, depth: int) -> Foreach:
        self._expect("(")
        self._space()
        name = self.reference() if self._peek() == "$" else None
        if name is None or self._operator(("in",)) is None:
            raise TemplateError("#foreach needs ($name in list)")
        source = self.expression()
        self._expect(")")
        self._end_of_line()
        body, end = self.body(depth + 1)
        if end != "end":
            raise TemplateError("#foreach without #end")
        self._end_of_line()
        return Foreach(name.name, source, body)

    def _if(self, depth: int) -> If:
        branches = []
        word = "if"
        while word != "end":
            condition: Any = Literal(True)
            if word in ("if", "elseif"):
                self._expect("(")
                condition = self.expression()
                self._expect(")")
            self._end_of_line()
            body, following = self.body(depth + 1)
            branches.append((condition, body))
            if not following or (word == "else" and following != "end"):
                raise TemplateError("#if without #end")
            word = following
        self._end_of_line()
        return If(tuple(branches))

    def _steps(self) -> list[Any]:
        steps: list[Any] = []
        while True:
            if self._peek() == "." and (name := _NAME.match(self.text, self.at + 1)):
                self.at = name.end()
                if self._peek() == "(":
                    self.at += 1
                    steps.append(("call", name.group(), tuple(self._items(")"))))
                else:
                    steps.append(("name", name.group()))
            elif self._peek() == "[":
                kept = self.at
                self.at += 1
                try:
                    index = self.expression()
                    self._expect("]")
                except TemplateError:
                    # Text that only looks like an index: "$name[see below]".
                    self.at = kept
                    return steps
                steps.append(("index", index))
            else:
                return steps

    def _items(self, end: str) -> list[Any]:
        items: list[Any] = []
        self._space()
        while self._peek() != end:
            items.append(self.expression())
            self._space()
            if self._peek() == ",":
                self.at += 1
                self._space()
            elif self._peek() != end:
                raise TemplateError(f"expected {end} at {self.at}")
        self.at += 1
        return items

    def _unary(self) -> Any:
        self._space()
        if self._peek() == "!" or (
            self.text.startswith("not", self.at) and self._operator(("not",))
        ):
            self.at += self._peek() == "!"
            return Not(self._unary())
        return self._primary()

    def _primary(self) -> Any:
        character = self._peek()
        if character == "(":
            self.at += 1
            inner = self.expression()
            self._expect(")")
            return inner
        if character == "$":
            found = self.reference()
            if found is None:
                raise TemplateError(f"no reference at {self.at}")
            return found
        if character in ("'", '"'):
            return self._string(character)
        if character == "[":
            return self._list()
        if character == "{":
            return self._map()
        negative = character == "-"
        number = _NUMBER.match(self.text, self.at + negative)
        if number is not None:
            self.at = number.end()
            value = float(number.group()) if number.group(1) else int(number.group())
            return Literal(-value if negative else value)
        name = _NAME.match(self.text, self.at)
        words = {"true": True, "false": False, "null": None}
        if name is not None and name.group() in words:
            self.at = name.end()
            return Literal(words[name.group()])
        raise TemplateError(f"no expression at {self.at}")

    def _string(self, quote: str) -> Any:
        """Single quotes hold text, double quotes a template; a doubled quote stands for itself."""
        parts: list[str] = []
        position = self.at + 1
        while True:
            end = self.text.find(quote, position)
            if end < 0:
                raise TemplateError("a string does not end")
            parts.append(self.text[position:end])
            if self.text[end + 1 : end + 2] != quote:
                break
            parts.append(quote)
            position = end + 2
        self.at = end + 1
        text = "".join(parts)
        if quote == "'" or ("$" not in text and "#" not in text):
            return Literal(text)
        return Interpolated(parse(text))

    def _list(self) -> Any:
        self.at += 1
        self._space()
        if self._peek() == "]":
            self.at += 1
            return ListOf(())
        first = self.expression()
        self._space()
        if self.text.startswith("..", self.at):
            self.at += 2
            last = self.expression()
            self._expect("]")
            return RangeOf(first, last)
        if self._peek() == ",":
            self.at += 1
            return ListOf((first, *self._items("]")))
        self._expect("]")
        return ListOf((first,))

    def _map(self) -> MapOf:
        self.at += 1
        entries = []
        self._space()
        while self._peek() != "}":
            key = self.expression()
            self._expect(":")
            entries.append((key, self.expression()))
            self._space()
            if self._peek() == ",":
                self.at += 1
                self._space()
            elif self._peek() != "}":
                raise TemplateError(f"expected }} at {self.at}")
        self.at += 1
        return MapOf(tuple(entries))

    def _operator(self, operators: tuple[str, ...]) -> str | None:
        kept = self.at
        self._space()
        for operator in operators:
            if self.text.startswith(operator, self.at):
                end = self.at + len(operator)
                # "or" is no operator in "order", nor "-" in a range.
                if operator.isalpha() and self.text[end : end + 1].isalnum():
                    continue
                self.at = end
                self._space()
                return operator
        self.at = kept
        return None

    def _expect(self, character: str) -> None:
        self._space()
        if self._peek() != character:
            raise TemplateError(f"expected {character} at {self.at}")
        self.at += 1

    def _space(self) -> None:
        while self._peek().isspace():
            self.at += 1

    def _end_of_line(self) -> None:
        """A directive alone at the end of a line takes the line's end with it."""
        found = re.compile(r"[ \t]*\r?\n").match(self.text, self.at)
        if found is not None:
            self.at = found.end()

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]
