"""What parameters may be, declared beside ``__init__``, checked before any work."""

# License: BSD-3-Clause

from __future__ import annotations

from numbers import Integral, Real

from sklearn.utils._param_validation import (
    Interval,
    Options,
    StrOptions,
    validate_parameter_constraints,
)

__all__ = [
    "Options",
    "StrOptions",
    "integer",
    "options",
    "positive",
    "real",
    "validate_parameter_constraints",
]


def integer(least: int | None = None, most: int | None = None) -> Interval:
    """Return the constraint of an integer between two bounds, both included."""
    return Interval(
        Integral, least, most, closed="both" if most is not None else "left"
    )


def real(least: float, most: float | None = None) -> Interval:
    """Return the constraint of a number between two bounds, both included."""
    return Interval(Real, least, most, closed="both" if most is not None else "left")


def positive() -> Interval:
    """Return the constraint of a number above 0."""
    return Interval(Real, 0, None, closed="neither")


def options(*names: str) -> StrOptions:
    """Return the constraint of one of some names."""
    return StrOptions(set(names))
