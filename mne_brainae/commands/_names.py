"""Names of Python, which the command line writes with hyphens."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterable


def python_name(word: str) -> str:
    """Return the name in Python of a word such as ``things-eeg2``."""
    return word.replace("-", "_")


def one_of(names: Iterable[str]) -> dict:
    """Return what an argument is told that takes one of some names of Python."""
    names = tuple(names)
    written = ",".join(name.replace("_", "-") for name in names)
    return {"type": python_name, "choices": names, "metavar": f"{{{written}}}"}
