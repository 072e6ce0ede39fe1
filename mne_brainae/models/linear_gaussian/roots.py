"""Square roots of covariances, dense or a simple covariance plus a few rows."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh, solve_triangular

#: Directions of a smaller share of the strongest are rounding errors.
SMALLEST_SHARE = 1e-12


def solve(root, vectors: np.ndarray, transposed: bool = False) -> np.ndarray:
    """Return L^-1 v, or L^-T v.

    Parameters
    ----------
    root : array, shape (n, n) | instance of LowRankRoot
        The matrix L; an array is lower triangular.
    vectors : array, shape (n, ...)
        What it is applied to.
    transposed : bool
        Whether to apply the inverse of the transposed matrix.

    Returns
    -------
    solved : array, shape (n, ...)
        The result.
    """
    if isinstance(root, LowRankRoot):
        return root.solve(vectors, transposed)
    trans = "T" if transposed else "N"
    # Looking for infinite values would take as long as solving.
    return solve_triangular(root, vectors, trans, lower=True, check_finite=False)


@dataclass
class DiagonalRoot:
    """The root of a diagonal covariance.

    Parameters
    ----------
    sd : array, shape (n,)
        Standard deviations.
    """

    sd: np.ndarray

    def __matmul__(self, columns: np.ndarray) -> np.ndarray:
        return self.sd[:, None] * columns

    def solve(self, columns: np.ndarray, transposed: bool = False) -> np.ndarray:
        """Return L^-1 v, which is also L^-T v."""
        return columns / self.sd[:, None]


class KroneckerRoot:
    """The root of a covariance channels x times, the product of their roots.

    Parameters
    ----------
    channels : array, shape (n_channels, n_channels)
        The root of one over channels, lower triangular.
    times : array, shape (n_functions, n_functions)
        The root of one over time functions, lower triangular.
    """

    def __init__(self, channels: np.ndarray, times: np.ndarray):
        self.factors = channels, times
        self.inverses = tuple(
            solve_triangular(root, np.eye(len(root)), lower=True)
            for root in self.factors
        )

    def __matmul__(self, columns: np.ndarray) -> np.ndarray:
        return _apply(*self.factors, columns)

    def solve(self, columns: np.ndarray, transposed: bool = False) -> np.ndarray:
        """Return L^-1 v, or L^-T v."""
        channels, times = self.inverses
        return _apply(
            *((channels.T, times.T) if transposed else self.inverses), columns
        )


def _apply(channels: np.ndarray, times: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Multiply by a Kronecker product that is never formed."""
    grid = columns.reshape(len(channels), len(times), -1)
    over_channels = np.tensordot(channels, grid, 1)  # (n_channels, n_functions, n)
    return np.matmul(times, over_channels).reshape(columns.shape)


@dataclass
class LowRankRoot:
    """The root of N = T (I + Q diag(s) Q') T', where Q has few columns.

    With the symmetric root of what is in brackets, L = T (I + Q diag(sqrt(1 + s) - 1)
    Q'), so that neither N nor L is ever formed.

    Parameters
    ----------
    base : instance of DiagonalRoot | KroneckerRoot
        The root T.
    basis : array, shape (n, rank)
        Orthonormal columns Q.
    powers : array, shape (rank,)
        Their powers s in units of T.
    """

    base: DiagonalRoot | KroneckerRoot
    basis: np.ndarray
    powers: np.ndarray

    @classmethod
    def of_rows(cls, base, rows: np.ndarray) -> LowRankRoot:
        """Return the root of T T' + C'C.

        Parameters
        ----------
        base : instance of DiagonalRoot | KroneckerRoot
            The root T.
        rows : array, shape (n_rows, n)
            Few rows C.

        Returns
        -------
        root : instance of LowRankRoot
            The root.
        """
        white = base.solve(rows.T)  # (n, n_rows)
        powers, turn = eigh(white.T @ white)
        kept = powers > SMALLEST_SHARE * max(powers[-1], np.finfo(float).tiny)
        powers, turn = powers[kept], turn[:, kept]
        return cls(base, white @ (turn / np.sqrt(powers)), powers)

    @classmethod
    def of(cls, base, size: int) -> LowRankRoot:
        """Return a simple root of some size alone."""
        return cls(base, np.zeros((size, 0)), np.zeros(0))

    def __len__(self) -> int:
        return len(self.basis)

    def __matmul__(self, columns: np.ndarray) -> np.ndarray:
        return self.base @ self._scale(columns, np.sqrt(1 + self.powers))

    def solve(self, vectors: np.ndarray, transposed: bool = False) -> np.ndarray:
        """Return what :func:`solve` does of this root."""
        columns, factor = vectors.reshape(len(self), -1), 1 / np.sqrt(1 + self.powers)
        if transposed:
            solved = self.base.solve(self._scale(columns, factor), transposed=True)
        else:
            solved = self._scale(self.base.solve(columns), factor)
        return solved.reshape(vectors.shape)

    def _scale(self, columns: np.ndarray, factor: np.ndarray) -> np.ndarray:
        """Multiply what lies along the basis by a factor, and leave the rest."""
        along = self.basis.T @ columns
        return columns + self.basis @ ((factor - 1)[:, None] * along)

    def covariance(self) -> np.ndarray:
        """Return N, shape (n, n)."""
        half = self @ np.eye(len(self))
        return half @ half.T
