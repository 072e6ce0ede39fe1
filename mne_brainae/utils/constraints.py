"""What parameters may be, declared beside ``__init__``, checked before any work."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from numbers import Integral, Real

from sklearn.utils._param_validation import (
    Interval,
    Options,
    StrOptions,
    validate_parameter_constraints,
)

__all__ = [
    "JOBS",
    "Options",
    "below_1",
    "checked",
    "integer",
    "options",
    "part",
    "positive",
    "real",
    "share",
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


#: The number of jobs as joblib has it: so many, or all processors but some.
JOBS = [
    Interval(Integral, 1, None, closed="left"),
    Interval(Integral, None, -1, closed="right"),
    None,
]


def below_1() -> Interval:
    """Return the constraint of a number of at least 0 and below 1."""
    return Interval(Real, 0, 1, closed="left")


def part() -> Interval:
    """Return the constraint of a number above 0 and up to 1."""
    return Interval(Real, 0, 1, closed="right")


def share() -> Interval:
    """Return the constraint of a number between 0 and 1, both excluded."""
    return Interval(Real, 0, 1, closed="neither")


def checked(**constraints) -> Callable:
    """Decorate a function so that its arguments are checked before it runs.

    Parameters
    ----------
    **constraints
        By parameter, what it may be: a list of constraints as scikit-learn has them, or
        a function that takes the value and the name of the parameter and raises what
        says more than they do, such as :func:`.checks.check_epochs`.

    Returns
    -------
    decorate : callable
        The decorator. It stands above those that read the signature of the function.
    """

    def decorate(function: Callable) -> Callable:
        accepted = signature(function)

        @wraps(function)
        def checked_function(*args, **kwargs):
            try:
                given = accepted.bind(*args, **kwargs)
            except TypeError:  # Python itself says which argument is missing or unknown
                return function(*args, **kwargs)
            given.apply_defaults()
            _check(constraints, given.arguments, function.__qualname__)
            return function(*args, **kwargs)

        return checked_function

    return decorate


def _check(constraints: dict, given: dict, caller: str) -> None:
    for name, constraint in constraints.items():
        if callable(constraint):
            constraint(given[name], name)
        else:
            validate_parameter_constraints(
                {name: constraint}, {name: given[name]}, caller_name=caller
            )
