"""Pearson correlation, vectorised."""

# License: BSD-3-Clause

from __future__ import annotations

import numpy as np


def correlate(a: np.ndarray, b: np.ndarray, *, axis: int | tuple) -> np.ndarray:
    """Correlate two arrays along some axes.

    Parameters
    ----------
    a, b : array
        Arrays of one shape.
    axis : int | tuple of int
        The axes to correlate over.

    Returns
    -------
    r : array
        Pearson correlation over the remaining axes; 0 where either side is constant,
        since a constant predicts no difference.
    """
    a, b = (np.asarray(array, np.float64) for array in (a, b))
    a = _without_mean(a, axis)
    b = _without_mean(b, axis)
    norm = np.sqrt((a * a).sum(axis) * (b * b).sum(axis))
    product = (a * b).sum(axis)
    return np.divide(product, norm, out=np.zeros_like(product), where=norm > 0)


def _without_mean(array: np.ndarray, axis) -> np.ndarray:
    mean = array.mean(axis, keepdims=True)
    centred = array - mean
    # What rounding leaves of a constant is not a signal.
    noise = 1e-12 * np.abs(array).max(axis, keepdims=True)
    constant = np.abs(centred).max(axis, keepdims=True) <= noise
    return np.where(constant, 0.0, centred)


def correlate_all(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return Pearson's r of every row of ``a`` with every row of ``b``.

    Parameters
    ----------
    a, b : array, shapes (n_a, n_values), (n_b, n_values)
        The rows to correlate.

    Returns
    -------
    r : array, shape (n_a, n_b)
        The correlations; 0 where a row is constant.
    """

    def unit(rows: np.ndarray) -> np.ndarray:
        rows = rows - rows.mean(axis=1, keepdims=True, dtype=np.float64)
        length = np.linalg.norm(rows, axis=1, keepdims=True)
        return rows / np.maximum(length, np.finfo(np.float64).tiny)

    return unit(a) @ unit(b).T
