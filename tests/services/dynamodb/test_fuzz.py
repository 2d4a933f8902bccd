"""Whatever an expression or an item is made of, it works or is refused: nothing else happens."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from freehold.kernel.errors import AwsError
from freehold.services.dynamodb import values
from freehold.services.dynamodb.expressions import (
    conditions,
    key_conditions,
    projections,
    updates,
)
from freehold.services.dynamodb.expressions.placeholders import Placeholders
from freehold.services.dynamodb.records import Key, KeyAttribute

from .test_updates import ITEM
from .test_updates import VALUES as UPDATE_VALUES

_WORDS = (
    "a b l m pk sk ss n #n :one :text :list :xs :map :absent 0 1 7 . , ( ) [ ] = <> < <= > >= + - "
    "AND OR NOT BETWEEN IN and SET REMOVE ADD DELETE size attribute_exists attribute_not_exists "
    "attribute_type begins_with contains if_not_exists list_append name ? \u00e9 \x00"
)
WORDS = _WORDS.split(" ")
# Parts that fit make deeper trees than words alone.
PARTS = (
    "a = :one",
    "size(l) > :one",
    "(n < :one OR",
    "SET n = n + :one,",
    "l[0].x",
    "m.b.c",
    "REMOVE l[1]",
    "ADD ss :xs",
    "list_append(l, :list)",
    "if_not_exists(z, :map)",
    "begins_with(s, :text)",
    "sk BETWEEN :one AND :one",
    "pk = :text AND",
)
texts = st.lists(st.sampled_from([*WORDS, *PARTS]), max_size=14).map(" ".join)
KEY = Key(KeyAttribute("pk", "S"), KeyAttribute("sk", "N"))


def holds_or_is_refused(use: Callable[[Placeholders], Any]) -> None:
    params = {
        "expression": "",
        "ExpressionAttributeNames": {"#n": "n"},
        "ExpressionAttributeValues": copy.deepcopy(UPDATE_VALUES),
    }
    with suppress(AwsError):
        use(Placeholders(params, "expression"))


@given(texts)
def test_conditions(text: str) -> None:
    holds_or_is_refused(lambda p: conditions.bind("ConditionExpression", text, p)(ITEM))


@given(texts)
def test_updates(text: str) -> None:
    def update(placeholders: Placeholders) -> None:
        before = copy.deepcopy(ITEM)
        after = updates.apply(updates.bind(text, placeholders, ("pk",)), before)
        assert before == ITEM
        values.checked_item(after)

    holds_or_is_refused(update)


@given(texts)
def test_projections(text: str) -> None:
    holds_or_is_refused(lambda p: projections.project(ITEM, projections.bind(text, p)))


@given(texts)
def test_key_conditions(text: str) -> None:
    holds_or_is_refused(lambda p: key_conditions.bind(text, p, KEY))


leaves = st.one_of(
    st.builds(lambda s: {"S": s}, st.text(max_size=5)),
    st.builds(lambda s: {"N": s}, st.text(alphabet="0123456789.-+eE", max_size=6)),
    st.builds(lambda s: {"B": s}, st.text(alphabet="AZaz09+/=-", max_size=8)),
    st.builds(lambda s: {"SS": s}, st.lists(st.text(max_size=2), max_size=3)),
    st.builds(lambda s: {"NS": s}, st.lists(st.sampled_from(["1", "1.0", "2", "x"]), max_size=3)),
    st.builds(
        lambda s: {"BS": s}, st.lists(st.sampled_from(["", "AA==", "AB==", "?"]), max_size=3)
    ),
    st.sampled_from([{"NULL": True}, {"NULL": False}, {"BOOL": True}, {}, {"S": "a", "N": "1"}]),
)
anything = st.recursive(
    leaves,
    lambda inner: (
        st.builds(lambda each: {"L": each}, st.lists(inner, max_size=3))
        | st.builds(
            lambda each: {"M": each}, st.dictionaries(st.text(max_size=2), inner, max_size=3)
        )
    ),
    max_leaves=6,
)


@given(anything)
def test_values_are_canonical_or_refused(value: dict[str, Any]) -> None:
    try:
        size = values.checked(value)
    except AwsError:
        return
    again = copy.deepcopy(value)
    assert values.checked(again) == size == values.value_size(value)
    assert again == value
    assert values.equal(value, again)
