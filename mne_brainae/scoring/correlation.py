"""Pearson correlation, vectorized."""

# License: BSD-3-Clause

from __future__ import annotations

import numpy as np

#: Columns that are resampled at a time.
COLUMNS = 2048
#: Numbers that are correlated at a time.
IN_CACHE = 2**16


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
    a, b = np.broadcast_arrays(a, b)
    axes = np.atleast_1d(axis) % a.ndim
    if 0 in axes or not a.size:
        return _correlate(a, b, axis)
    # Rows that fit the cache of a processor take a tenth of the time of all at once.
    step = max(IN_CACHE // a[0].size, 1)
    parts = (slice(start, start + step) for start in range(0, len(a), step))
    return np.concatenate([_correlate(a[part], b[part], axis) for part in parts])


def _correlate(a: np.ndarray, b: np.ndarray, axis) -> np.ndarray:
    a, b = (_without_mean(np.asarray(array, np.float64), axis) for array in (a, b))
    norm = np.sqrt((a * a).sum(axis) * (b * b).sum(axis))
    product = (a * b).sum(axis)
    return np.divide(product, norm, out=np.zeros_like(product), where=norm > 0)


def _without_mean(array: np.ndarray, axis) -> np.ndarray:
    mean = array.mean(axis, keepdims=True)
    centered = array - mean
    # What rounding leaves of a constant is not a signal.
    noise = 1e-12 * np.abs(array).max(axis, keepdims=True)
    constant = np.abs(centered).max(axis, keepdims=True) <= noise
    return np.where(constant, 0.0, centered)


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
    return unit_rows(a) @ unit_rows(b).T


def unit_rows(rows: np.ndarray) -> np.ndarray:
    """Return rows of mean 0 and length 1, whose products are Pearson's r.

    Parameters
    ----------
    rows : array, shape (n_rows, n_values)
        The rows.

    Returns
    -------
    rows : array, shape (n_rows, n_values)
        A copy in float64; 0 where a row is constant.
    """
    rows = rows - rows.mean(axis=1, keepdims=True, dtype=np.float64)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    rows /= np.maximum(length, np.finfo(np.float64).tiny)
    return rows


def standardize(rows: np.ndarray) -> np.ndarray:
    """Give every column mean 0 and variance 1.

    Parameters
    ----------
    rows : array, shape (n_rows, ...)
        The rows, in float32 or better.

    Returns
    -------
    columns : array, shape (n_rows, n_columns)
        All axes but the first as columns, float32; 0 where a column is constant.
    """
    rows = rows.reshape(len(rows), -1)
    mean = rows.mean(axis=0, dtype=np.float64)
    columns = (rows - mean.astype(rows.dtype)).astype(np.float32, copy=False)
    spread = np.sqrt(np.square(columns, dtype=np.float64).mean(axis=0))
    # Rounding leaves about 1e-7 of the mean in a constant float32 column.
    is_constant = spread <= 1e-6 * np.abs(mean)
    columns /= np.where(is_constant, np.inf, spread).astype(np.float32)
    return columns


def correlate_resampled(
    x: np.ndarray,
    y: np.ndarray,
    weights: np.ndarray,
    transforms=(np.positive,),
    parts: np.ndarray | None = None,
) -> np.ndarray:
    """Correlate columns again and again, on resampled rows.

    Parameters
    ----------
    x, y : array, shape (n_rows, n_columns)
        Standardized columns.
    weights : array, shape (n_resamples, n_rows)
        How often each row was drawn.
    transforms : sequence of callable
        What is done to the correlations before they are averaged.
    parts : array of bool, shape (n_parts, n_columns) | None
        Which columns are averaged, for every part; None is one part of all columns.

    Returns
    -------
    r : array, shape (n_transforms, n_parts, n_resamples)
        For every resample the mean of the transformed correlations over the columns of
        a part.

    Notes
    -----
    All resamples are five matrix products with the weights. Columns are taken in
    blocks, so that the memory does not grow with their number.
    """
    weights = np.asarray(weights, np.float32) / np.float32(x.shape[0])
    parts = np.ones((1, x.shape[1]), bool) if parts is None else parts
    total = np.zeros((len(transforms), len(parts), len(weights)))
    for start in range(0, x.shape[1], COLUMNS):
        block = slice(start, start + COLUMNS)
        r = _resample(x[:, block], y[:, block], weights)
        for row, transform in zip(total, transforms, strict=True):
            transformed = transform(r)
            for part, inside in zip(row, parts[:, block], strict=True):
                chosen = transformed if inside.all() else transformed[:, inside]
                part += chosen.sum(axis=1, dtype=np.float64)
    return total / parts.sum(axis=1)[:, None]


def _resample(a: np.ndarray, b: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Correlate standardized columns on every resample of the rows."""
    mean_a, mean_b = weights @ a, weights @ b
    power = (weights @ (a * a) - mean_a**2) * (weights @ (b * b) - mean_b**2)
    product = weights @ (a * b) - mean_a * mean_b
    # Columns have variance 1 or 0: what is this small is rounding.
    norm = np.sqrt(np.maximum(power, 1e-12))
    return np.where(power > 1e-10, product / norm, 0.0)
