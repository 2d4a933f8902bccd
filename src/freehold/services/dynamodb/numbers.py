"""Numbers: decimals of up to 38 digits, as text in one canonical form, and as bytes that sort.

The canonical form is what DynamoDB answers: plain notation, no leading or trailing zeros, no "-0".
So two numbers are equal when their canonical texts are.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal
from functools import lru_cache

from freehold.services.dynamodb import errors

DIGITS_MAX = 38
# The exponent of the first digit: 9.9E+125 is the largest magnitude, 1E-130 the smallest.
EXPONENT_MAX = 125
EXPONENT_MIN = -130

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE]([+-]?[0-9]+))?")
# Wide enough for any sum of two numbers in range to be exact.
_EXACT = Context(prec=EXPONENT_MAX - EXPONENT_MIN + DIGITS_MAX + 4)
# Negative digits sort backwards; 0xff, which no digit turns into, ends them so that -1.2 > -1.23.
_TURNED = bytes(max(0xFE - byte, 0) for byte in range(256))
_NEGATIVE_END = b"\xff"


@lru_cache(maxsize=4096)
def canonical(text: str) -> str:
    """The one text of this number; ValidationException if it is none or out of range."""
    matched = _NUMBER.fullmatch(text)
    if matched is None:
        raise errors.invalid(
            f"The parameter cannot be converted to a numeric value: {text}"
            if text
            else "The parameter cannot be converted to a numeric value"
        )
    if len(matched[1] or "") > 6:
        mantissa = text[: matched.start(1) - 1]
        text = mantissa + ("E-999999" if matched[1].startswith("-") else "E999999")
    return plain(Decimal(text))


def plain(number: Decimal) -> str:
    """The canonical text of an exact decimal, if it is in range."""
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits)).lstrip("0")
    significant = text.rstrip("0")
    if not significant:
        return "0"
    exponent += len(text) - len(significant)
    leading = exponent + len(significant) - 1
    if leading > EXPONENT_MAX:
        raise errors.invalid(
            "Number overflow. "
            "Attempting to store a number with magnitude larger than supported range"
        )
    if leading < EXPONENT_MIN:
        raise errors.invalid(
            "Number underflow. "
            "Attempting to store a number with magnitude smaller than supported range"
        )
    if len(significant) > DIGITS_MAX:
        raise errors.invalid("Attempting to store more than 38 significant digits in a Number")
    if exponent >= 0:
        body = significant + "0" * exponent
    elif leading >= 0:
        body = f"{significant[: leading + 1]}.{significant[leading + 1 :]}"
    else:
        body = "0." + "0" * (-leading - 1) + significant
    return f"-{body}" if sign else body


def add(left: str, right: str) -> str:
    """The exact sum; an error where it does not fit 38 digits."""
    return plain(_EXACT.add(Decimal(left), Decimal(right)))


def subtract(left: str, right: str) -> str:
    return plain(_EXACT.subtract(Decimal(left), Decimal(right)))


def size(text: str) -> int:
    """Bytes that a canonical number counts for: about one for two digits, and one more."""
    digits = text.lstrip("-0.").replace(".", "")
    significant = len(digits.rstrip("0"))
    if significant == 0:
        return 1
    return (significant + 1) // 2 + (2 if text[0] == "-" else 1)


def sortable(text: str) -> bytes:
    """Bytes in the order of the numbers, from a canonical text: sign, exponent, digits in pairs."""
    if text == "0":
        return b"\x02"
    negative = text[0] == "-"
    whole, _, fraction = (text[1:] if negative else text).partition(".")
    if whole == "0":
        digits = fraction.lstrip("0")
        exponent = len(digits) - len(fraction) - 1
    else:
        digits = (whole + fraction).rstrip("0")
        exponent = len(whole) - 1
    packed = bytes.fromhex(digits if len(digits) % 2 == 0 else digits + "0")
    place = exponent - EXPONENT_MIN
    if negative:
        return bytes((1, 255 - place)) + packed.translate(_TURNED) + _NEGATIVE_END
    return bytes((3, place)) + packed
