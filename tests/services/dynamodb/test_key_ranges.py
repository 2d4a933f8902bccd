"""Key conditions as ranges of the store's keys, against what they mean."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.kernel.errors import AwsError
from freehold.kv.keys import Scope
from freehold.services.dynamodb import numbers, store, values
from freehold.services.dynamodb.expressions import key_conditions
from freehold.services.dynamodb.expressions.key_conditions import KeyCondition, Range
from freehold.services.dynamodb.expressions.placeholders import Placeholders
from freehold.services.dynamodb.records import Index, Key, KeyAttribute, Table

SCOPE = Scope("000000000000", "eu-west-1")
# Few letters, and the ones that encodings stumble over, so that prefixes and neighbours are common.
texts = st.text(alphabet="\x00\x01ab\u00ff\uffff\U0010ffff", min_size=1, max_size=4)
binaries = st.binary(min_size=1, max_size=3) | st.lists(
    st.sampled_from([0, 1, 254, 255]), min_size=1, max_size=4
).map(bytes)
ints = st.integers(-120, 120)


def table(kind: str) -> Table:
    sort = KeyAttribute("sk", kind)
    key = Key(KeyAttribute("pk", "S"), sort)
    index = Index(name="index", number=0, key=Key(KeyAttribute("g", "S"), sort), projection="ALL")
    return Table(
        name="t",
        id="f2615df9-53ec-43a1-9d94-e8a5aded6dca",
        status="ACTIVE",
        created_at=0.0,
        key=key,
        definitions=(*key.attributes, KeyAttribute("g", "S")),
        indexes=(index,),
    )


def value_of(content: str | bytes | int) -> dict[str, Any]:
    if isinstance(content, bytes):
        return {"B": base64.b64encode(content).decode()}
    if isinstance(content, int):
        return {"N": str(content)}
    return {"S": content}


def meaning(condition: Range, content: Any) -> bool:
    """What the operators say, without keys: strings compare by their UTF-8 bytes."""
    plain = [values.order(operand) for operand in condition.operands]
    if isinstance(content, str):
        content, plain = content.encode(), [each.encode() for each in plain]
    match condition.operator:
        case "=":
            return bool(content == plain[0])
        case "<":
            return bool(content < plain[0])
        case "<=":
            return bool(content <= plain[0])
        case ">":
            return bool(content > plain[0])
        case ">=":
            return bool(content >= plain[0])
        case "BETWEEN":
            return bool(plain[0] <= content <= plain[1])
    return bool(content.startswith(plain[0]))


def check(kind: str, operator: str, content: Any, one: Any, two: Any) -> None:
    low, high = sorted((one, two), key=lambda c: c.encode() if isinstance(c, str) else c)
    operands = (value_of(low), value_of(high)) if operator == "BETWEEN" else (value_of(one),)
    wanted = Range(operator, operands)
    here = table(kind)
    item = {"pk": {"S": "p"}, "g": {"S": "p"}, "sk": value_of(content)}
    for index in (None, here.indexes[0]):
        start, end = store.query_range(SCOPE, here, index, KeyCondition({"S": "p"}, wanted))
        inside = start <= store.row_key(SCOPE, here, index, item) < end
        assert inside == meaning(wanted, content), (operator, content, one, two, index)


operators = st.sampled_from(["=", "<", "<=", ">", ">=", "BETWEEN", "begins_with"])


@given(operators, texts, texts, texts)
def test_ranges_of_strings(operator: str, content: str, one: str, two: str) -> None:
    check("S", operator, content, one, two)


@given(operators, binaries, binaries, binaries)
def test_ranges_of_binaries(operator: str, content: bytes, one: bytes, two: bytes) -> None:
    check("B", operator, content, one, two)


@given(operators.filter(lambda each: each != "begins_with"), ints, ints, ints)
def test_ranges_of_numbers(operator: str, content: int, one: int, two: int) -> None:
    check("N", operator, content, one, two)


@given(texts, st.integers(1, 9))
def test_every_item_is_in_exactly_one_segment(partition: str, segments: int) -> None:
    here = table("S")
    key = store.item_key(SCOPE, here, {"pk": {"S": partition}, "sk": {"S": "s"}})
    ranges = [store.segment_range(SCOPE, here, None, n, segments) for n in range(segments)]
    assert sum(start <= key < end for start, end in ranges) == 1


def test_segments_share_the_items_evenly() -> None:
    here = table("S")
    keys = [
        store.item_key(SCOPE, here, {"pk": {"S": f"user-{n}"}, "sk": {"S": "s"}})
        for n in range(4000)
    ]
    for number in range(4):
        start, end = store.segment_range(SCOPE, here, None, number, 4)
        assert 700 < sum(start <= key < end for key in keys) < 1300


@pytest.mark.parametrize(
    ("text", "operator"),
    [
        ("pk = :s", None),
        ("pk = :s AND sk = :s", "="),
        ("sk < :s AND pk = :s", "<"),
        (":s >= sk AND pk = :s", "<="),
        ("(pk = :s) AND (sk BETWEEN :s AND :t)", "BETWEEN"),
        ("#p = :s and begins_with(sk, :s)", "begins_with"),
    ],
)
def test_key_conditions_are_read(text: str, operator: str | None) -> None:
    found = bind(text)
    assert found.partition == {"S": "s"}
    assert (None if found.range is None else found.range.operator) == operator


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sk = :s", "Query condition missed key schema element: pk"),
        ("pk > :s", "Query key condition not supported"),
        ("pk = :s AND third = :s", "Query condition missed key schema element: sk"),
        ("pk = :s AND sk <> :s", "Invalid operator used in KeyConditionExpression: <>"),
        ("pk = :s OR sk = :s", "Invalid operator used in KeyConditionExpression: OR"),
        ("NOT pk = :s", "Invalid operator used in KeyConditionExpression: NOT"),
        ("pk = :s AND sk IN (:s)", "Invalid operator used in KeyConditionExpression: IN"),
        ("pk = :s AND contains(sk, :s)", "used in KeyConditionExpression: contains"),
        ("pk = :s AND pk = :t", "must only contain one condition per key"),
        ("pk = :n", "Condition parameter type does not match schema type"),
        ("pk = :s AND begins_with(sk, :n)", "function: begins_with, operand type: N"),
        ("pk = :s AND sk.a = :s", "cannot have conditions on nested attributes"),
        ("pk = :s AND sk BETWEEN :t AND :s", "upper bound to be greater than or equal"),
        ("pk = :empty", "cannot contain an empty string value. Key: pk"),
    ],
)
def test_key_conditions_that_are_none_are_refused(text: str, message: str) -> None:
    with pytest.raises(AwsError) as refused:
        bind(text)
    assert message in refused.value.message


def bind(text: str) -> KeyCondition:
    bound = {":s": {"S": "s"}, ":t": {"S": "t"}, ":n": {"N": "1"}, ":empty": {"S": ""}}
    params = {
        "KeyConditionExpression": text,
        "ExpressionAttributeNames": {"#p": "pk"},
        "ExpressionAttributeValues": bound,
    }
    placeholders = Placeholders(params, "KeyConditionExpression")
    return key_conditions.bind(text, placeholders, table("S").key)


def test_sort_keys_that_are_numbers_are_in_order_in_the_store() -> None:
    here = table("N")
    sorts = ["-1e125", "-10", "-9.5", "-0.001", "0", "1e-130", "0.5", "2", "10", "1e125"]
    keys = [
        store.item_key(SCOPE, here, {"pk": {"S": "p"}, "sk": {"N": numbers.canonical(text)}})
        for text in sorts
    ]
    assert keys == sorted(keys)
