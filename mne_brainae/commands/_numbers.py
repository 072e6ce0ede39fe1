"""Numbers on the command line, checked while it is parsed."""

# License: BSD-3-Clause

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable


def _number(kind: type, expected: str, fits: Callable) -> Callable:
    """Return what turns a word into a number, and refuses others."""

    def read(word: str):
        try:
            value = kind(word)
        except ValueError:
            value = None
        if value is None or not fits(value):
            raise ArgumentTypeError(f"expected {expected}, got {word!r}")
        return value

    return read


count = _number(int, "an integer of at least 1", lambda value: value >= 1)
whole = _number(int, "an integer of at least 0", lambda value: value >= 0)
seed = _number(int, f"a seed from 0 to {2**32 - 1}", lambda value: 0 <= value < 2**32)
six = _number(int, "an integer from 1 to 6", lambda value: 1 <= value <= 6)
positive = _number(float, "a positive number", lambda value: 0 < value < float("inf"))
part = _number(float, "a number above 0 and up to 1", lambda value: 0 < value <= 1)
share = _number(float, "a number between 0 and 1", lambda value: 0 < value < 1)
not_negative = _number(
    float, "a number of at least 0", lambda value: 0 <= value < float("inf")
)
