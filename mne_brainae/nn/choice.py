"""A part of a network by its name, or by its name with options."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Collection, Mapping
from inspect import Parameter, signature


def split_choice(choice: str | dict) -> tuple[str, dict]:
    """Return the name of a part, and the options that it is built with.

    Parameters
    ----------
    choice : str | dict
        A name such as ``"mlp"``, or ``{"mlp": {"dropout": 0.3}}``.

    Returns
    -------
    name : str
        The name.
    options : dict
        The options; empty for a name alone.
    """
    if isinstance(choice, str):
        return choice, {}
    ((name, options),) = choice.items()
    return name, dict(options)


def check_choice(
    parameter: str, choice, registry: Mapping, names: Collection[str]
) -> None:
    """Refuse a name with options that no part has.

    Parameters
    ----------
    parameter : str
        The parameter that holds the choice, for the error.
    choice : object
        The choice; anything but a dict is left to other checks.
    registry : dict of callable
        What builds each part.
    names : collection of str
        The names that may be chosen.
    """
    if not isinstance(choice, dict):
        return
    name = next(iter(choice), None)
    if len(choice) != 1 or name not in names or not isinstance(choice[name], dict):
        raise ValueError(
            f"{parameter} with options must be {{name: options}} with one name among "
            f"{', '.join(map(repr, sorted(names)))}, got {choice!r}."
        )
    known = [
        each.name
        for each in signature(registry[name]).parameters.values()
        if each.kind is Parameter.KEYWORD_ONLY
    ]
    if unknown := set(choice[name]) - set(known):
        raise ValueError(
            f"{parameter}={name!r} has no option {min(unknown)!r}. It has "
            f"{', '.join(known) or 'none'}."
        )
