"""Products of tall arrays, a block of rows at a time."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

#: Rows of which temporary copies are made at a time.
ROWS = 2048


def row_blocks(n_rows: int, size: int = ROWS) -> Iterator[slice]:
    """Cut rows into consecutive slices.

    Parameters
    ----------
    n_rows : int
        The number of rows.
    size : int
        Rows of a slice, at most.

    Yields
    ------
    rows : slice
        The next rows.
    """
    for start in range(0, n_rows, size):
        yield slice(start, min(start + size, n_rows))


def product(
    first: np.ndarray, second: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """Return first' diag(weights) second.

    A block of rows is multiplied in the precision of the arrays, which is fast in
    float32; the blocks are added in double precision, so that the error does not grow
    with the number of rows.

    Parameters
    ----------
    first : array, shape (n_rows, n_first)
        The left factor.
    second : array, shape (n_rows, n_second)
        The right factor.
    weights : array, shape (n_rows,) | None
        The weight of every row; None is 1.

    Returns
    -------
    total : array, shape (n_first, n_second)
        The product in float64.
    """
    total = np.zeros((first.shape[1], second.shape[1]))
    for rows in row_blocks(len(first)):
        left = first[rows]
        if weights is not None:
            left = left * weights[rows, None].astype(left.dtype)
        total += left.T @ second[rows]
    return total


def weighted_sum(values: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Return the sum over rows in double precision.

    Parameters
    ----------
    values : array, shape (n_rows, ...)
        The values.
    weights : array, shape (n_rows,) | None
        The weight of every row; None is 1.

    Returns
    -------
    total : array, shape (...)
        The sum in float64.
    """
    total = np.zeros(values.shape[1:])
    for rows in row_blocks(len(values), 256):
        if weights is None:
            total += values[rows].sum(axis=0, dtype=np.float64)
        else:
            total += np.tensordot(weights[rows], values[rows].astype(np.float64), 1)
    return total
