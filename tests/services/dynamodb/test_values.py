"""Attribute values: what is accepted, what it weighs ("Item sizes and formats"), what is equal."""

from __future__ import annotations

from typing import Any

import pytest

from freehold.kernel.errors import AwsError
from freehold.services.dynamodb import values


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"S": ""}, 0),
        ({"S": "abc"}, 3),
        ({"S": "é"}, 2),
        ({"S": "\U0001f600"}, 4),
        ({"N": "12"}, 2),
        ({"B": "AAEC"}, 3),
        ({"B": ""}, 0),
        ({"B": "AA=="}, 1),
        ({"BOOL": False}, 1),
        ({"NULL": True}, 1),
        ({"L": []}, 3),
        ({"L": [{"S": "ab"}, {"BOOL": True}]}, 3 + 2 + 1 + 1 + 1),
        ({"M": {}}, 3),
        ({"M": {"key": {"S": "ab"}}}, 3 + 3 + 2 + 1),
        ({"SS": ["a", "bc"]}, 3),
        ({"NS": ["1", "234"]}, 5),
        ({"BS": ["AA==", "AAE="]}, 3),
    ],
)
def test_sizes(value: dict[str, Any], size: int) -> None:
    assert values.checked(value) == size
    assert values.value_size(value) == size


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "is empty, must contain exactly one"),
        ({"S": "a", "N": "1"}, "more than one datatypes set"),
        ({"NULL": False}, "Null attribute value types must have the value of true"),
        ({"SS": []}, "An string set  may not be empty"),
        ({"NS": []}, "An number set  may not be empty"),
        ({"BS": []}, "Binary sets should not be empty"),
        ({"SS": ["a", "a"]}, r"Input collection \[a, a\] contains duplicates"),
        ({"NS": ["1", "1.0"]}, "Input collection contains duplicates"),
        ({"BS": ["AA==", "AA=="]}, "of type BS contains duplicates"),
        ({"N": "x"}, "numeric value"),
        ({"M": {"a": {"L": [{"S": "x"}, {}]}}}, "is empty, must contain"),
        ({"L": [None]}, "is empty, must contain exactly one"),
        ({"SS": ["a", None]}, "null string as a member"),
        ({"NS": [None]}, "null number as a member"),
        ({"BS": [None]}, "null values"),
        ({"B": "AAA"}, "multiple of 4"),
        ({"B": "A?A="}, "Invalid Base64"),
    ],
)
def test_what_is_no_value_is_refused(value: dict[str, Any], message: str) -> None:
    with pytest.raises(AwsError, match=message):
        values.checked(value)


def test_32_levels_of_nesting_are_accepted_and_33_are_not() -> None:
    """Quotas: nested attributes of up to 32 levels."""
    value: dict[str, Any] = {"S": "leaf"}
    for level in range(32):
        value = {"L": [value]} if level % 2 else {"M": {"a": value}}
    values.checked(value)
    with pytest.raises(AwsError, match="Nesting Levels have exceeded supported limits"):
        values.checked({"L": [value]})


def test_numbers_and_binaries_are_brought_into_canonical_form() -> None:
    item: dict[str, Any] = {
        "n": {"N": "1.50"},
        "deep": {"M": {"l": {"L": [{"N": "+3"}]}}},
        "set": {"NS": ["1e2", "2.0"]},
    }
    values.checked_item(item)
    assert item == {
        "n": {"N": "1.5"},
        "deep": {"M": {"l": {"L": [{"N": "3"}]}}},
        "set": {"NS": ["100", "2"]},
    }


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        ({"S": "1"}, {"N": "1"}, False),
        ({"SS": ["a", "b"]}, {"SS": ["b", "a"]}, True),
        ({"SS": ["a"]}, {"L": [{"S": "a"}]}, False),
        ({"L": [{"S": "a"}, {"S": "b"}]}, {"L": [{"S": "b"}, {"S": "a"}]}, False),
        ({"L": [{"SS": ["a", "b"]}]}, {"L": [{"SS": ["b", "a"]}]}, True),
        ({"M": {"a": {"N": "1"}}}, {"M": {"a": {"N": "1"}}}, True),
        ({"M": {"a": {"N": "1"}}}, {"M": {"a": {"N": "1"}, "b": {"N": "1"}}}, False),
        ({"NULL": True}, {"NULL": True}, True),
        ({"BOOL": True}, {"BOOL": False}, False),
    ],
)
def test_equality_is_by_type_and_content(
    left: dict[str, Any], right: dict[str, Any], equal: bool
) -> None:
    assert values.equal(left, right) is equal
    assert values.equal(right, left) is equal
