"""Filter patterns ("Filter pattern syntax", CloudWatch Logs user guide), compiled to predicates.

    ERROR "exact phrase" -excluded ?either ?or %regex%     terms of unstructured text
    { $.status >= 500 && $.path = "/api*" }                JSON events
    [ip, user, ..., status = 4*, size > 1000]              fields between spaces

A pattern is compiled once for a request and asked about every event.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from freehold.services.logs import errors

Matches = Callable[[str], bool]
Predicate = Callable[[Any], bool]

REGEX_MAX = 2
_ABSENT = object()


@lru_cache(maxsize=256)
def compile_pattern(pattern: str) -> Matches:
    """Return a function that tells whether a message matches; InvalidParameterException if it is
    none."""
    text = pattern.strip()
    if text.startswith("{"):
        return _json_pattern(text)
    if text.startswith("["):
        return _fields_pattern(text)
    return _terms_pattern(text)


# Terms.

_TERM = re.compile(r'\s*([-?]?)(?:"((?:[^"\\]|\\.)*)"|%([^%]*)%|([^\s"]+))(?=\s|$)')


def _terms_pattern(text: str) -> Matches:
    wanted: list[Matches] = []
    excluded: list[Matches] = []
    optional: list[Matches] = []
    position = 0
    while position < len(text):
        found = _TERM.match(text, position)
        if found is None:
            raise errors.invalid_pattern(f"unexpected text at character {position + 1}")
        sign, quoted, regex, word = found.groups()
        position = found.end()
        test = _contains(regex, quoted, word)
        {"": wanted, "-": excluded, "?": optional}[sign].append(test)
    # Optional terms count only where there are no others: the guide says that they are ignored
    # then.
    if optional and not wanted and not excluded:
        return lambda message: any(test(message) for test in optional)
    return lambda message: (
        all(test(message) for test in wanted) and not any(test(message) for test in excluded)
    )


def _contains(regex: str | None, quoted: str | None, word: str | None) -> Matches:
    if regex is not None:
        search = _regex(regex).search
        return lambda message: search(message) is not None
    term = word if quoted is None else _unquoted(quoted)
    assert term is not None
    return lambda message: term in message


# JSON events.

_JSON_TOKEN = re.compile(
    r"""\s*(?:
      (?P<symbol>&&|\|\||[()])
    | (?P<path>\$(?:\.[\w\-:@]+|\.?\[(?:\d+|\*|'[^']*'|"[^"]*")\])*)
    | (?P<op><=|>=|!=|=|<|>)
    | "(?P<quoted>(?:[^"\\]|\\.)*)"
    | %(?P<regex>[^%]*)%
    | (?P<word>[^\s()=<>!&|"%]+)
    )""",
    re.VERBOSE,
)
_PATH_STEP = re.compile(r"""\.([\w\-:@]+)|\.?\[(?:(\d+)|(\*)|'([^']*)'|"([^"]*)")\]""")


class _Token(NamedTuple):
    kind: str
    text: str


def _json_pattern(text: str) -> Matches:
    if not text.endswith("}"):
        raise errors.invalid_pattern("a JSON pattern ends with }")
    parser = _Parser(_tokens(_JSON_TOKEN, text[1:-1].strip()))
    test = parser.expression(parser.json_condition)
    parser.end()

    def matches(message: str) -> bool:
        if not message.lstrip().startswith("{"):
            return False
        try:
            event = orjson.loads(message)
        except orjson.JSONDecodeError:
            return False
        return test(event)

    return matches


# Fields between spaces.

_FIELD_TOKEN = re.compile(
    r"""\s*(?:
      (?P<symbol>&&|\|\||[()])
    | (?P<op><=|>=|!=|=|<|>)
    | "(?P<quoted>(?:[^"\\]|\\.)*)"
    | %(?P<regex>[^%]*)%
    | (?P<word>[^\s()=<>!&|",%]+)
    )""",
    re.VERBOSE,
)
_FIELD_OF_EVENT = re.compile(r'"((?:[^"\\]|\\.)*)"|\[([^\]]*)\]|(\S+)')


def _fields_pattern(text: str) -> Matches:
    if not text.endswith("]"):
        raise errors.invalid_pattern("a pattern of fields ends with ]")
    before: list[Predicate] = []
    after: list[Predicate] = []
    open_ended = False
    for field in _split_fields(text[1:-1]):
        if field == "...":
            if open_ended:
                raise errors.invalid_pattern("an ellipsis may be used once")
            open_ended = True
            continue
        (after if open_ended else before).append(_field_test(field))

    def matches(message: str) -> bool:
        found = [a or b or c for a, b, c in _FIELD_OF_EVENT.findall(message)]
        wanted = len(before) + len(after)
        if len(found) < wanted or (len(found) > wanted and not open_ended):
            return False
        head, tail = found[: len(before)], found[len(found) - len(after) :]
        return all(
            test(value) for test, value in zip((*before, *after), (*head, *tail), strict=True)
        )

    return matches


def _split_fields(text: str) -> list[str]:
    fields, start, quoted = [], 0, ""
    for index, letter in enumerate(text):
        if quoted:
            quoted = "" if letter == quoted else quoted
        elif letter in '"%':
            quoted = letter
        elif letter == ",":
            fields.append(text[start:index].strip())
            start = index + 1
    fields.append(text[start:].strip())
    return fields


def _field_test(field: str) -> Predicate:
    tokens = _tokens(_FIELD_TOKEN, field)
    if not tokens:
        raise errors.invalid_pattern("a field has no name")
    # A lone regex or phrase stands for a field that must match it.
    if len(tokens) == 1 and tokens[0].kind in ("regex", "quoted"):
        return _comparison("=", tokens[0])
    if len(tokens) == 1:
        return lambda value: True
    parser = _Parser(tokens)
    test = parser.expression(parser.field_condition)
    parser.end()
    return test


# What both share.


class _Parser:
    """Conditions joined by && and ||, with parentheses; && binds closer."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def expression(self, condition: Callable[[], Predicate]) -> Predicate:
        tests = [self._conjunction(condition)]
        while self._take("symbol", "||"):
            tests.append(self._conjunction(condition))
        return tests[0] if len(tests) == 1 else lambda value: any(test(value) for test in tests)

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise errors.invalid_pattern(f"unexpected {self._tokens[self._at].text!r}")

    def json_condition(self) -> Predicate:
        path = _path(self._expect("path").text)
        if self._take_word("IS"):
            return _json_is(path, self._expect("word").text.upper())
        if self._take_word("NOT"):
            if not self._take_word("EXISTS"):
                raise errors.invalid_pattern("NOT is followed by EXISTS")
            return lambda event: all(found is _ABSENT for found in _select(event, path))
        test = _comparison(self._expect("op").text, self._value())
        return lambda event: any(
            test(found) for found in _select(event, path) if found is not _ABSENT
        )

    def field_condition(self) -> Predicate:
        self._expect("word")
        return _comparison(self._expect("op").text, self._value())

    def _conjunction(self, condition: Callable[[], Predicate]) -> Predicate:
        tests = [self._factor(condition)]
        while self._take("symbol", "&&"):
            tests.append(self._factor(condition))
        return tests[0] if len(tests) == 1 else lambda value: all(test(value) for test in tests)

    def _factor(self, condition: Callable[[], Predicate]) -> Predicate:
        if not self._take("symbol", "("):
            return condition()
        inner = self.expression(condition)
        if not self._take("symbol", ")"):
            raise errors.invalid_pattern("a parenthesis is not closed")
        return inner

    def _value(self) -> _Token:
        return self._expect("quoted", "regex", "word")

    def _expect(self, *kinds: str) -> _Token:
        if self._at >= len(self._tokens) or self._tokens[self._at].kind not in kinds:
            raise errors.invalid_pattern(f"expected {' or '.join(kinds)}")
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, kind: str, text: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == (kind, text):
            self._at += 1
            return True
        return False

    def _take_word(self, word: str) -> bool:
        if self._at < len(self._tokens):
            kind, text = self._tokens[self._at]
            if kind == "word" and text.upper() == word:
                self._at += 1
                return True
        return False


def _tokens(lexer: re.Pattern[str], text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    while text[position:].strip():
        found = lexer.match(text, position)
        if found is None or found.lastgroup is None:
            raise errors.invalid_pattern(f"unexpected text at {text[position:][:20]!r}")
        tokens.append(_Token(found.lastgroup, found.group(found.lastgroup)))
        position = found.end()
    if sum(token.kind == "regex" for token in tokens) > REGEX_MAX:
        raise errors.invalid_pattern(f"no more than {REGEX_MAX} regular expressions are allowed")
    return tokens


def _path(text: str) -> tuple[str | int, ...]:
    """The steps of `$.a[0].b`; -1 stands for every element."""
    steps: list[str | int] = []
    for name, index, every, single, double in _PATH_STEP.findall(text[1:]):
        if index:
            steps.append(int(index))
        elif every:
            steps.append(-1)
        else:
            steps.append(name or single or double)
    return tuple(steps)


def _select(event: Any, path: tuple[str | int, ...]) -> list[Any]:
    found = [event]
    for step in path:
        following: list[Any] = []
        for value in found:
            if step == -1:
                following.extend(value if isinstance(value, list) else [])
            elif isinstance(step, int):
                inside = isinstance(value, list) and step < len(value)
                following.append(value[step] if inside else _ABSENT)
            else:
                following.append(value.get(step, _ABSENT) if isinstance(value, dict) else _ABSENT)
        found = following
    return found


def _json_is(path: tuple[str | int, ...], word: str) -> Predicate:
    wanted: dict[str, Any] = {"NULL": None, "TRUE": True, "FALSE": False}
    if word not in wanted:
        raise errors.invalid_pattern("IS is followed by NULL, TRUE or FALSE")
    value = wanted[word]
    return lambda event: any(found is value for found in _select(event, path))


_ORDER: dict[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


def _comparison(operator: str, value: _Token) -> Predicate:
    if operator not in ("=", "!="):
        number = _number(value.text)
        if number is None or value.kind != "word":
            raise errors.invalid_pattern(f"{operator} compares numbers")
        compare = _ORDER[operator]
        return lambda found: (other := _number(found)) is not None and compare(other, number)
    equal = _equality(value)
    return equal if operator == "=" else lambda found: not equal(found)


def _equality(value: _Token) -> Predicate:
    if value.kind == "regex":
        search = _regex(value.text).search
        return lambda found: isinstance(found, str) and search(found) is not None
    text = _unquoted(value.text) if value.kind == "quoted" else value.text
    number = _number(text) if value.kind == "word" else None
    wildcard = re.compile(".*".join(map(re.escape, text.split("*"))), re.DOTALL)

    def equal(found: Any) -> bool:
        if number is not None and (other := _number(found)) is not None:
            return other == number
        return wildcard.fullmatch(_text(found)) is not None

    return equal


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


_REGEX_ALLOWED = re.compile(r"[A-Za-z0-9 _:#=@/;,\-^$?\[\]{}|\\*+.~]*")


def _regex(text: str) -> re.Pattern[str]:
    if not text or not _REGEX_ALLOWED.fullmatch(text):
        raise errors.invalid_pattern(f"unsupported regular expression %{text}%")
    try:
        return re.compile(text)
    except re.error as error:
        raise errors.invalid_pattern(f"unsupported regular expression %{text}%") from error


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)
