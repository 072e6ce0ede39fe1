"""Products of tall arrays, a block of rows at a time, on the CPU or on a card.

Products of float32 arrays are computed in float32, and sums over blocks of rows are
kept in the precision that is asked for. What follows from the sums, such as
eigenvectors, is always computed on the CPU in float64.
"""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
import torch
from scipy.linalg import get_blas_funcs
from torch import Tensor

from ...utils.transfer import send

CPU = torch.device("cpu")
#: Where large products are computed, see :func:`products_on`.
_PLACE: ContextVar[torch.device] = ContextVar("place", default=CPU)
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
    total = RunningProduct(first.shape[1], second.shape[1], np.float64)
    for rows in row_blocks(len(first)):
        total.add(_weighted(first[rows], weights, rows), second[rows])
    return total.numpy()


def _weighted(values: np.ndarray, weights, rows: slice) -> np.ndarray:
    if weights is None:
        return values
    return values * weights[rows, None].astype(values.dtype)


def multiply(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the product of two large matrices, in their own precision.

    Parameters
    ----------
    left, right : array, shape (n_rows, n_inner) | (n_inner, n_columns)
        The factors.

    Returns
    -------
    product : array, shape (n_rows, n_columns)
        ``left @ right``.
    """
    place = _PLACE.get()
    if place == CPU:
        return left @ right
    return (_on(place, left) @ _on(place, right)).cpu().numpy()


class RunningProduct:
    """first' second, summed over blocks of rows, where :func:`products_on` says.

    Parameters
    ----------
    n_first, n_second : int
        Numbers of columns.
    dtype : dtype
        The precision of the sum. Where it is that of the blocks, products are added
        while they are computed, and no array of their size is made.
    """

    def __init__(self, n_first: int, n_second: int, dtype):
        self.total = np.zeros((n_first, n_second), dtype)
        self.place = _PLACE.get()
        if self.place != CPU:
            self.total = torch.from_numpy(self.total).to(self.place)

    def add(self, first: np.ndarray, second: np.ndarray) -> None:
        """Add the product of some rows.

        Parameters
        ----------
        first, second : array, shape (n_rows, n_first) | (n_rows, n_second)
            The rows of both factors.
        """
        if self.place != CPU:
            first, second = _on(self.place, first), _on(self.place, second)
        if self.total.dtype != first.dtype:
            self.total += first.T @ second
        elif self.place != CPU:
            self.total.addmm_(first.T, second)
        else:  # BLAS adds in columns: total' is second' first
            gemm = get_blas_funcs("gemm", (first, second))
            sum_ = {"beta": 1.0, "c": self.total.T, "overwrite_c": True}
            gemm(1.0, second.T, first.T, trans_b=True, **sum_)

    def numpy(self) -> np.ndarray:
        """Return the sum."""
        return self.total if self.place == CPU else self.total.cpu().numpy()


def _on(place: torch.device, values: np.ndarray) -> Tensor:
    return send(torch.from_numpy(np.require(values, requirements="W")), place)


@contextmanager
def products_on(device: torch.device) -> Iterator[None]:
    """Compute large products on a device inside, on the CPU afterwards.

    Parameters
    ----------
    device : device
        A CUDA device. On others, some of which lack float64, products are computed on
        the CPU.
    """
    token = _PLACE.set(device if device.type == "cuda" else CPU)
    try:
        yield
    finally:
        _PLACE.reset(token)


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
