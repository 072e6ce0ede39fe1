"""Features that people already have: a table, or a file of another program."""

# License: BSD-3-Clause

from __future__ import annotations

import numpy as np
import pandas as pd

from ..utils.checks import check_complete, five
from .files import as_names


def check_table(features: pd.DataFrame, names) -> pd.DataFrame:
    """Check features that the user computed.

    Parameters
    ----------
    features : DataFrame, shape (n_images, n_features)
        Features indexed by image name.
    names : sequence of str | None
        The images to take, in this order.

    Returns
    -------
    features : DataFrame of float32, shape (n_images, n_features)
        A copy, whose index is called ``"image"``.
    """
    if features.index.nlevels > 1 or features.index.hasnans:
        raise ValueError(
            "images as a DataFrame must be indexed by image name, one level without "
            f"missing names, got an index of {features.index.nlevels} levels such as "
            f"{five(features.index)}."
        )
    if not features.size:
        raise ValueError(f"images as a DataFrame are empty, of shape {features.shape}.")
    index = pd.Index([str(name) for name in features.index], name="image")
    names = index if names is None else as_names(names)
    check_complete(names, index, "images")
    is_real = [
        pd.api.types.is_numeric_dtype(dtype) and dtype.kind != "c"
        for dtype in features.dtypes
    ]
    if not all(is_real):
        wrong = features.columns[~np.array(is_real)]
        raise TypeError(f"images must be real numbers, unlike columns {five(wrong)}.")
    with np.errstate(over="ignore"):  # what float32 cannot hold is refused below
        values = features.to_numpy("float32", na_value=np.nan)
    check_rows(values, index, "images")
    return pd.DataFrame(values, index, features.columns).loc[names]


def as_float32(rows: np.ndarray, names, what: str) -> np.ndarray:
    """Return rows of features as float32; what it cannot hold is an error."""
    check_real(rows, what)
    with np.errstate(over="ignore"):
        values = rows.astype(np.float32, copy=False)
    check_rows(values, names, what)
    return values


def check_real(values: np.ndarray, what: str) -> None:
    """Refuse complex numbers, text and objects."""
    if values.dtype.kind not in "biuf":
        raise TypeError(f"{what} must be real numbers, got {values.dtype}.")


def check_rows(values: np.ndarray, names, what: str) -> None:
    """Refuse values that are not finite, and name their rows."""
    if not np.isfinite(values).all():
        bad = np.asarray(names)[~np.isfinite(values).all(axis=1)]
        raise ValueError(
            f"{what} must be finite, but the rows of {five(bad)} hold NaN, infinite or "
            "too large values. Drop or repair them first."
        )
