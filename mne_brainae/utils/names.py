"""Names as text: the same name is the same text, whatever it comes from."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterable
from numbers import Real
from pathlib import PurePath
from unicodedata import normalize

import pandas as pd


def as_text(name) -> str:
    """Return a name as text.

    Parameters
    ----------
    name : object
        Text, bytes as of MATLAB and HDF5, a path, or a number, of Python or NumPy.

    Returns
    -------
    text : str
        The text in Unicode's composed form (NFC), as a Mac does not store it, and with
        ``/`` between folders. A whole number is written without a decimal point, since
        pandas turns integers to floats in a column that once had an empty cell.
    """
    if type(name) is str and name.isascii():  # which is in composed form
        return name.replace("\\", "/")
    if isinstance(name, bytes):
        try:
            name = name.decode()
        except UnicodeDecodeError:
            name = name.decode("latin-1")
    elif isinstance(name, PurePath):
        name = name.as_posix()
    elif isinstance(name, Real) and not isinstance(name, bool):
        name = int(name) if float(name).is_integer() else name
    return normalize("NFC", str(name)).replace("\\", "/")


def texts(names: Iterable) -> list[str]:
    """Return all names as text, see :func:`as_text`."""
    # An index of pandas hands names out one by one far more slowly than a list.
    names = names.tolist() if isinstance(names, pd.Index | pd.Series) else names
    return [as_text(name) for name in names]


def column_of_text(column: pd.Series) -> pd.Series:
    """Return a column of metadata as text, see :func:`as_text`."""
    return pd.Series(texts(column), column.index, str, column.name)
