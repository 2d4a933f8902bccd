"""Chance, as something that is given: the system's, or one that a seed replays."""

from __future__ import annotations

import os
import random
from typing import Protocol

LOWER_ALPHANUMERIC = "abcdefghijklmnopqrstuvwxyz0123456789"
UPPER_ALPHANUMERIC = LOWER_ALPHANUMERIC.upper()


class Chance(Protocol):
    def bytes(self, count: int) -> bytes:
        """Random bytes; the system's are fit for secrets."""


class SystemChance:
    def bytes(self, count: int) -> bytes:
        return os.urandom(count)


class SeededChance:
    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def bytes(self, count: int) -> bytes:
        return self._random.randbytes(count)


def uuid(chance: Chance) -> str:
    """A version 4 UUID."""
    raw = chance.bytes(16)
    text = raw.hex()
    variant = "89ab"[raw[8] & 3]
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{variant}{text[17:20]}-{text[20:]}"


def word(chance: Chance, length: int, alphabet: str = LOWER_ALPHANUMERIC) -> str:
    """A word of letters drawn from the alphabet, evenly enough: the bias is under 1/2**56 a letter."""
    size = len(alphabet)
    number = int.from_bytes(chance.bytes(length + 8), "big")
    letters = []
    for _ in range(length):
        number, index = divmod(number, size)
        letters.append(alphabet[index])
    return "".join(letters)
