"""Rows that hold nothing but noise."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from .blocks import ROWS, product

#: From so many coordinates on, a covariance of few rows is kept as its root: of at most
#: this share of the coordinates.
MANY_COORDINATES, FEW_ROWS = 2048, 0.25


class NoiseRows:
    """Rows that hold nothing but noise, with their second moments.

    Parameters
    ----------
    rows : array, shape (n_all, n_coordinates)
        The rows, float32.
    repetitions : float
        Number R of trials by whose mean the noise is divided: the covariance of one
        row is R times that of the noise of a mean response.
    kept : array of int, shape (n_rows,) | None
        Which rows are kept; None is all.
    every : instance of NoiseRows | None
        All rows, from whose products those of the others are subtracted.
    """

    def __init__(
        self,
        rows: np.ndarray,
        repetitions: float = 1.0,
        kept: np.ndarray | None = None,
        every: NoiseRows | None = None,
    ):
        self.rows, self.repetitions = rows, repetitions
        self.kept, self.every = kept, every

    def without(self, held_out: np.ndarray) -> NoiseRows:
        """Return the rows without some of them.

        Parameters
        ----------
        held_out : array of bool, shape (n_all,)
            The rows to leave out. All rows must be kept before.

        Returns
        -------
        noise_rows : instance of NoiseRows
            The others; the rows themselves are shared.
        """
        return NoiseRows(self.rows, self.repetitions, np.flatnonzero(~held_out), self)

    @cached_property
    def total(self) -> np.ndarray:
        """The sum of outer products of the rows, (n_coordinates, n_coordinates)."""
        if self.kept is None:
            return product(self.rows, self.rows)
        if len(self) <= ROWS:  # cheap, and free of the rounding of a difference
            return product(*[self.rows[self.kept]] * 2)
        left_out = np.delete(self.rows, self.kept, axis=0)
        return self.every.total - product(left_out, left_out)

    @property
    def are_few(self) -> bool:
        """Whether a covariance of so many coordinates is not to be formed."""
        n_coordinates = self.rows.shape[1]
        many = n_coordinates >= MANY_COORDINATES
        return many and len(self) <= FEW_ROWS * n_coordinates

    def marginals(self, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Return the second moments over channels, and over time functions.

        Parameters
        ----------
        shape : tuple of int
            Numbers of channels and of time functions.

        Returns
        -------
        channels : array, shape (n_channels, n_channels)
            Summed over time functions, mean over rows.
        times : array, shape (n_functions, n_functions)
            Summed over channels, mean over rows.
        """
        channels, times = np.zeros((shape[0],) * 2), np.zeros((shape[1],) * 2)
        for block in self.blocks():
            grid = block.astype(np.float64).reshape(-1, *shape)
            channels += np.tensordot(grid, grid, ((0, 2), (0, 2)))
            times += np.tensordot(grid, grid, ((0, 1), (0, 1)))
        return channels / len(self), times / len(self)

    def __len__(self) -> int:
        return len(self.rows) if self.kept is None else len(self.kept)

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield the rows that are kept, some at a time."""
        for start in range(0, len(self), ROWS):
            part = slice(start, start + ROWS)
            yield self.rows[part if self.kept is None else self.kept[part]]
