"""Text to tokens."""

from __future__ import annotations

import re
from typing import NamedTuple

from freehold.kernel.errors import AwsError
from freehold.services.dynamodb import errors

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<alias>\#[A-Za-z0-9_]+)
    | (?P<value>:[A-Za-z0-9_]+)
    | (?P<number>[0-9]+)
    | (?P<sign><>|<=|>=|[=<>()\[\].,+\-])
    | (?P<wrong>\S)
    | (?P<end>$)
    )""",
    re.VERBOSE,
)


class Token(NamedTuple):
    kind: str
    text: str
    start: int
    end: int

    @property
    def word(self) -> str:
        """The keyword that it may be: names are keywords without regard to case."""
        return self.text.upper() if self.kind == "name" else self.text


def tokens(kind: str, text: str) -> list[Token]:
    """All tokens, the last of kind "end"; `kind` is the parameter's name, for errors."""
    found: list[Token] = []
    position = 0
    while True:
        matched = _TOKEN.match(text, position)
        assert matched is not None
        assert matched.lastgroup is not None
        name = matched.lastgroup
        token = Token(name, matched[name], matched.start(name), matched.end(name))
        found.append(token)
        if name == "wrong":
            raise syntax_error(kind, text, found, len(found) - 1)
        if name == "end":
            return found
        position = matched.end()


def syntax_error(kind: str, text: str, found: list[Token], index: int) -> AwsError:
    """Says which token is wrong, and shows it between its neighbours."""
    token = found[index]
    first = found[index - 1] if index else token
    last = found[index + 1] if index + 1 < len(found) else token
    shown = "<EOF>" if token.kind == "end" else token.text
    near = text[first.start : last.end]
    return errors.invalid_expression(kind, f'Syntax error; token: "{shown}", near: "{near}"')
