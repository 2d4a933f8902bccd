"""Text to trees. What depends on the text alone is checked here; results are kept."""

from __future__ import annotations

from functools import lru_cache
from typing import NoReturn

from freehold.kernel.errors import AwsError
from freehold.services.dynamodb import errors
from freehold.services.dynamodb.expressions.lexer import Token, syntax_error, tokens
from freehold.services.dynamodb.expressions.nodes import (
    CONDITION_FUNCTIONS,
    UPDATE_FUNCTIONS,
    Action,
    And,
    Arithmetic,
    Between,
    Call,
    Compare,
    In,
    Node,
    Not,
    Operand,
    Or,
    Path,
    Placeholder,
)
from freehold.services.dynamodb.expressions.reserved import RESERVED

EXPRESSION_BYTES_MAX = 4096
OPERATORS_MAX = 300
IN_OPTIONS_MAX = 100
PATH_STEPS_MAX = 32
# Parentheses that are not redundant, and NOTs, do not nest deeper in any expression that makes
# sense.
DEPTH_MAX = 150

_COMPARATORS = frozenset(("=", "<>", "<", "<=", ">", ">="))
_KEYWORDS = frozenset(("AND", "OR", "NOT", "BETWEEN", "IN"))
_WITHOUT_KEYWORDS = frozenset(("UpdateExpression", "ProjectionExpression"))
_OR, _AND, _NOT, _COMPARISON = 1, 2, 3, 4


@lru_cache(maxsize=2048)
def condition(kind: str, text: str) -> Node:
    """A condition, filter or key condition; `kind` is the parameter's name."""
    parser = _Parser(kind, text)
    node = parser.expression(0)
    parser.expect_end()
    if isinstance(node, Operand) and not (isinstance(node, Call) and node.function != "size"):
        if isinstance(node, Call):
            raise errors.invalid_expression(
                kind,
                "The function is not allowed to be used this way in an expression; "
                f"function: {node.function}",
            )
        parser.fail()
    return node


@lru_cache(maxsize=2048)
def update(text: str) -> tuple[Action, ...]:
    parser = _Parser("UpdateExpression", text)
    actions = parser.sections()
    parser.expect_end()
    return actions


@lru_cache(maxsize=2048)
def projection(text: str) -> tuple[Path, ...]:
    parser = _Parser("ProjectionExpression", text)
    paths = [parser.path()]
    while parser.take(","):
        paths.append(parser.path())
    parser.expect_end()
    return tuple(paths)


class _Parser:
    """Precedence climbing over a list of tokens."""

    def __init__(self, kind: str, text: str) -> None:
        self.kind = kind
        self.text = text
        size = len(text.encode())
        if size > EXPRESSION_BYTES_MAX:
            raise self.wrong(
                f"Expression size has exceeded the maximum allowed size; expression size: {size}"
            )
        self.tokens = tokens(kind, text)
        if self.tokens[0].kind == "end":
            raise self.wrong("The expression can not be empty;")
        self.index = 0
        self.depth = 0
        self.operators = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.index]

    def wrong(self, message: str) -> AwsError:
        return errors.invalid_expression(self.kind, message)

    def fail(self) -> NoReturn:
        raise syntax_error(self.kind, self.text, self.tokens, self.index)

    def take(self, word: str) -> bool:
        if self.token.word != word:
            return False
        self.index += 1
        return True

    def expect(self, word: str) -> None:
        if not self.take(word):
            self.fail()

    def expect_end(self) -> None:
        if self.token.kind != "end":
            self.fail()

    def count_operator(self) -> None:
        self.operators += 1
        if self.operators > OPERATORS_MAX:
            raise self.wrong(
                f"The expression contains too many operators; operator count: {self.operators}"
            )

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise self.wrong("The expression has too many nested levels;")

    # Conditions

    def expression(self, floor: int) -> Node:
        """An operand or condition, of operators that bind more tightly than `floor`."""
        node = self.primary()
        while True:
            word = self.token.word
            if word in ("OR", "AND"):
                binding = _OR if word == "OR" else _AND
                if binding <= floor:
                    return node
                node = self.logical(node, word, binding)
            elif word in _COMPARATORS or word in ("BETWEEN", "IN"):
                if floor >= _COMPARISON:
                    return node
                node = self.comparison(node, word)
            else:
                return node

    def logical(self, first: Node, word: str, binding: int) -> Node:
        self.require_condition(first)
        terms = [first]
        while self.token.word == word:
            self.index += 1
            self.count_operator()
            term = self.expression(binding)
            self.require_condition(term)
            terms.append(term)
        return And(tuple(terms)) if word == "AND" else Or(tuple(terms))

    def comparison(self, left: Node, word: str) -> Node:
        self.require_operand(left)
        self.index += 1
        self.count_operator()
        if word == "BETWEEN":
            low = self.operand()
            self.expect("AND")
            return Between(left, low, self.operand())
        if word == "IN":
            return self.membership(left)
        return Compare(word, left, self.operand())

    def membership(self, left: Node) -> Node:
        self.expect("(")
        options = [self.operand()]
        while self.take(","):
            options.append(self.operand())
        self.expect(")")
        if len(options) > IN_OPTIONS_MAX:
            raise self.wrong(
                "Incorrect number of operands for operator or function; "
                f"operator or function: IN, number of operands: {len(options) + 1}"
            )
        return In(left, tuple(options))

    def operand(self) -> Node:
        node = self.expression(_COMPARISON)
        self.require_operand(node)
        return node

    def primary(self) -> Node:
        if self.token.word == "NOT" and self.kind != "UpdateExpression":
            self.index += 1
            self.count_operator()
            self.deeper()
            term = self.expression(_NOT)
            self.depth -= 1
            self.require_condition(term)
            return Not(term)
        if self.token.word == "(":
            return self.parenthesised()
        if self.token.kind == "value":
            self.index += 1
            return Placeholder(self.tokens[self.index - 1].text)
        if self.token.kind == "name" and self.tokens[self.index + 1].text == "(":
            return self.call()
        return self.path()

    def parenthesised(self) -> Node:
        redundant = self.tokens[self.index + 1].text == "("
        self.index += 1
        self.deeper()
        start = self.index
        node = self.arithmetic() if self.kind == "UpdateExpression" else self.expression(0)
        self.depth -= 1
        self.expect(")")
        if redundant and self.closes(start) == self.index - 2:
            raise self.wrong("The expression has redundant parentheses;")
        return node

    def closes(self, index: int) -> int:
        """The index of the parenthesis that closes the one at `index`."""
        depth = 0
        while True:
            depth += {"(": 1, ")": -1}.get(self.tokens[index].text, 0)
            if depth == 0:
                return index
            index += 1

    def call(self) -> Node:
        function = self.token.text
        updating = self.kind == "UpdateExpression"
        counts = UPDATE_FUNCTIONS if updating else CONDITION_FUNCTIONS
        if function not in counts:
            if function not in CONDITION_FUNCTIONS and function not in UPDATE_FUNCTIONS:
                raise self.wrong(f"Invalid function name; function: {function}")
            where = "an update expression" if updating else "a condition expression"
            raise self.wrong(f"The function is not allowed in {where}; function: {function}")
        self.index += 2
        self.deeper()
        arguments = [self.argument()]
        while self.take(","):
            arguments.append(self.argument())
        self.depth -= 1
        self.expect(")")
        if len(arguments) != counts[function]:
            raise self.wrong(
                "Incorrect number of operands for operator or function; "
                f"operator or function: {function}, number of operands: {len(arguments)}"
            )
        return Call(function, tuple(arguments))

    def argument(self) -> Node:
        return self.primary() if self.kind == "UpdateExpression" else self.operand()

    def require_condition(self, node: Node) -> None:
        if isinstance(node, Call) and node.function == "size":
            raise self.wrong(
                "The function is not allowed to be used this way in an expression; function: size"
            )
        if isinstance(node, (Path, Placeholder)):
            self.fail()

    def require_operand(self, node: Node) -> None:
        if isinstance(node, Call) and node.function != "size":
            raise self.wrong(
                "The function is not allowed to be used this way in an expression; "
                f"function: {node.function}"
            )
        if not isinstance(node, Operand):
            self.fail()

    # Paths

    def path(self) -> Path:
        steps: list[str | int] = [self.attribute()]
        while True:
            if self.take("."):
                steps.append(self.attribute())
            elif self.take("["):
                if self.token.kind != "number":
                    self.fail()
                steps.append(self.list_index())
                self.expect("]")
            else:
                break
        if len(steps) > PATH_STEPS_MAX:
            raise self.wrong(
                f"The document path has too many nesting elements; nesting levels: {len(steps)}"
            )
        return Path(tuple(steps), any(str(step).startswith("#") for step in steps))

    def attribute(self) -> str:
        token = self.token
        if token.kind == "name":
            if token.text.lower() in RESERVED:
                # A keyword in the place of a name is a mistake in the expression's form.
                if token.word in _KEYWORDS and self.kind not in _WITHOUT_KEYWORDS:
                    self.fail()
                raise self.wrong(
                    f"Attribute name is a reserved keyword; reserved keyword: {token.text}"
                )
        elif token.kind != "alias":
            self.fail()
        self.index += 1
        return token.text

    def list_index(self) -> int:
        text = self.token.text
        if len(text) > 9:
            raise self.wrong(f"List index is not within the allowable range; index: [{text}]")
        self.index += 1
        return int(text)

    # Updates

    def sections(self) -> tuple[Action, ...]:
        actions: list[Action] = []
        seen: set[str] = set()
        while self.token.kind != "end":
            section = self.token.word
            if section not in ("SET", "REMOVE", "ADD", "DELETE"):
                self.fail()
            if section in seen:
                raise self.wrong(
                    f'The "{section}" section can only be used once in an update expression;'
                )
            seen.add(section)
            self.index += 1
            actions.append(self.action(section))
            while self.take(","):
                actions.append(self.action(section))
        return tuple(actions)

    def action(self, section: str) -> Action:
        path = self.path()
        if section == "REMOVE":
            return Action(section, path)
        if section == "SET":
            self.expect("=")
            self.count_operator()
            return Action(section, path, self.arithmetic())
        if self.token.kind != "value":
            self.fail()
        self.count_operator()
        return Action(section, path, self.primary())

    def arithmetic(self) -> Node:
        """operand [+ operand]: more than one sign needs parentheses, as AWS's grammar has it."""
        left = self.primary()
        sign = self.token.text
        if sign not in ("+", "-"):
            return left
        self.index += 1
        self.count_operator()
        return Arithmetic(sign, left, self.primary())
