"""Numbers ("Naming rules and data types": 38 digits, 1E-130 to 9.9E+125, zeros trimmed)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.kernel.errors import AwsError
from freehold.services.dynamodb import numbers

digits = st.integers(min_value=-(10**38) + 1, max_value=10**38 - 1)
decimals = st.builds(
    lambda number, exponent: Decimal(number).scaleb(exponent, numbers._EXACT),
    digits,
    st.integers(min_value=-130, max_value=87),
)


@pytest.mark.parametrize(
    ("given_text", "text"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("0.000", "0"),
        ("+7", "7"),
        ("007", "7"),
        ("1.50", "1.5"),
        (".5", "0.5"),
        ("5.", "5"),
        ("-1.0e2", "-100"),
        ("1E3", "1000"),
        ("1e-3", "0.001"),
        ("1e125", "1" + "0" * 125),
        ("1e-130", "0." + "0" * 129 + "1"),
        ("9" * 38, "9" * 38),
        ("0e999999999999", "0"),
    ],
)
def test_a_number_has_one_canonical_text(given_text: str, text: str) -> None:
    assert numbers.canonical(given_text) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be converted to a numeric value"),
        ("abc", "cannot be converted to a numeric value: abc"),
        ("1 ", "cannot be converted to a numeric value"),
        ("NaN", "cannot be converted to a numeric value"),
        ("Infinity", "cannot be converted to a numeric value"),
        ("٣", "cannot be converted to a numeric value"),
        ("0x10", "cannot be converted to a numeric value"),
        ("1e126", "Number overflow"),
        ("-1e126", "Number overflow"),
        ("1e99999999999999999999", "Number overflow"),
        ("1e-131", "Number underflow"),
        ("1e-99999999999999999999", "Number underflow"),
        ("1" * 39, "more than 38 significant digits"),
        ("0." + "1" * 39, "more than 38 significant digits"),
    ],
)
def test_what_is_no_number_or_out_of_range_is_refused(text: str, message: str) -> None:
    with pytest.raises(AwsError, match=message):
        numbers.canonical(text)


@given(decimals)
def test_canonical_text_keeps_the_value_and_is_a_fixed_point(number: Decimal) -> None:
    text = numbers.canonical(str(number))
    assert Decimal(text) == number
    assert numbers.canonical(text) == text


@given(decimals, decimals)
def test_sortable_bytes_are_in_the_order_of_the_numbers(one: Decimal, other: Decimal) -> None:
    a, b = (numbers.sortable(numbers.canonical(str(n))) for n in (one, other))
    assert (a < b) == (one < other)
    assert (a == b) == (one == other)


@given(st.integers(-999, 999), st.integers(-999, 999), st.integers(-3, 3), st.integers(-3, 3))
def test_sortable_bytes_order_numbers_that_are_close(m: int, n: int, e: int, f: int) -> None:
    """Shared leading digits, zeros inside and differing exponents are where encodings go wrong."""
    one, other = Decimal(m).scaleb(e), Decimal(n).scaleb(f)
    a, b = (numbers.sortable(numbers.canonical(str(n))) for n in (one, other))
    assert (a < b) == (one < other)


@pytest.mark.parametrize(
    ("one", "other", "total"),
    [
        ("1", "2", "3"),
        ("0.1", "0.2", "0.3"),
        ("1", "-1", "0"),
        ("9" * 37, "1", "1" + "0" * 37),
        ("1e125", "1e125", "2" + "0" * 125),
    ],
)
def test_sums_are_exact(one: str, other: str, total: str) -> None:
    assert numbers.add(numbers.canonical(one), numbers.canonical(other)) == total


def test_a_sum_that_needs_more_than_38_digits_is_refused() -> None:
    with pytest.raises(AwsError, match="38 significant digits"):
        numbers.add("1e100", "1")


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 1),
        ("7", 2),
        ("12", 2),
        ("123", 3),
        ("1000", 2),
        ("-12", 3),
        ("0.0012", 2),
        ("9" * 38, 20),
    ],
)
def test_a_number_weighs_a_byte_for_two_digits_and_one_more(text: str, size: int) -> None:
    """Developer guide, "Item sizes and formats"; trailing and leading zeros weigh nothing."""
    assert numbers.size(text) == size
