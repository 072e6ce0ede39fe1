"""Features that people already have: a table, or a file of another program."""

# License: BSD-3-Clause

from __future__ import annotations

import numpy as np
import pandas as pd

from ..utils.checks import check_once, check_real, five
from ..utils.names import texts
from .files import as_names
from .pairing import match_names

#: Numbers of PyTorch that NumPy does not know.
TO_FLOAT = ("torch.bfloat16", "torch.float8_e4m3fn", "torch.float8_e5m2")


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
    index = pd.Index(texts(features.index), name="image")
    check_once(index, "images")
    if names is not None:
        names = as_names(names)
        rows = match_names(names, index, "images")
    values = _real_values(features)
    check_rows(values, index, "images")
    if names is not None:
        values, index = values[rows], pd.Index(names, name="image")
    return pd.DataFrame(values, index, features.columns)


def _real_values(features: pd.DataFrame) -> np.ndarray:
    """Return a float32 copy of the values, and refuse columns that are no numbers."""
    with np.errstate(over="ignore"):  # what float32 cannot hold is refused later
        values = features.to_numpy()
        if values.dtype.kind == "f":  # so that no column is anything else
            return values.astype(np.float32)
        kinds = features.dtypes
        unreal = [kind for kind in kinds.unique() if not _is_real(kind)]
        if unreal:
            wrong = five(features.columns[kinds.isin(unreal)])
            raise TypeError(f"images must be real numbers, unlike columns {wrong}.")
        return features.to_numpy("float32", na_value=np.nan)


def _is_real(kind) -> bool:
    return pd.api.types.is_numeric_dtype(kind) and kind.kind != "c"


def is_array(images) -> bool:
    """Tell whether images are an array without names, of NumPy or PyTorch."""
    return isinstance(images, np.ndarray) or hasattr(images, "detach")


def to_array(values) -> np.ndarray:
    """Return features as an array, those of PyTorch without their gradients.

    Parameters
    ----------
    values : array-like | Tensor
        Features, on any device and of any precision.

    Returns
    -------
    values : array
        The same numbers; what NumPy does not know, such as bfloat16, as float32.
    """
    if not hasattr(values, "detach"):
        return np.asarray(values)
    values = values.detach().cpu()
    values = values.to_dense() if values.is_sparse else values
    return (values.float() if str(values.dtype) in TO_FLOAT else values).numpy()


def as_float32(rows: np.ndarray, names, what: str) -> np.ndarray:
    """Return rows of features as float32; what it cannot hold is an error."""
    check_real(rows, what)
    with np.errstate(over="ignore"):
        values = rows.astype(np.float32, copy=False)
    check_rows(values, names, what)
    return values


def check_rows(values: np.ndarray, names, what: str) -> None:
    """Refuse values that are not finite, and name their rows."""
    if not np.isfinite(values).all():
        bad = np.asarray(names)[~np.isfinite(values).all(axis=1)]
        raise ValueError(
            f"{what} must be finite, but the rows of {five(bad)} hold NaN, infinite or "
            "too large values. Drop or repair them first."
        )
