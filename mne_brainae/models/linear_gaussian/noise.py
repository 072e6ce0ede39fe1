"""The covariance of noise, shrunk toward a simpler one."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular

from .blocks import ROWS, product, row_blocks

TARGETS = ("diagonal", "kronecker")
#: Standard deviations below this share of the median are raised to it.
LEAST_SD = 1e-3
#: Least noise of a trial, where the standard deviation of a channel is 1. Less is the
#: rounding of equal trials.
LEAST_VARIANCE = 1e-10
#: Variance that is added, as a share of that of every coordinate.
JITTER = 1e-6
#: Share of the leverage of one row in its own noise covariance, at most.
MOST_LEVERAGE = 0.95
#: Least noise along the axes, in units of N. A few rows leave directions without any.
LEAST_INFLATION = 0.1


@dataclass
class NoiseRows:
    """Rows that hold nothing but noise, with their second moments.

    Parameters
    ----------
    rows : array, shape (n_all, n_coordinates)
        The rows, float32.
    total : array, shape (n_coordinates, n_coordinates)
        The sum of outer products of the rows that are kept.
    kept : array of int, shape (n_rows,) | None
        Which rows are kept; None is all.
    repetitions : float
        Number R of trials by whose mean the noise is divided: the covariance of one
        row is R times that of the noise of a mean response.
    """

    rows: np.ndarray
    total: np.ndarray
    kept: np.ndarray | None = None
    repetitions: float = 1.0

    @classmethod
    def of(cls, rows: np.ndarray, repetitions: float = 1.0) -> NoiseRows:
        """Sum the outer products of all rows."""
        return cls(rows, product(rows, rows), None, repetitions)

    def without(self, held_out: np.ndarray) -> NoiseRows:
        """Return the rows without some of them, by subtracting their products.

        Parameters
        ----------
        held_out : array of bool, shape (n_all,)
            The rows to leave out. All rows must be kept before.

        Returns
        -------
        noise_rows : instance of NoiseRows
            The others; the rows themselves are shared.
        """
        kept = np.flatnonzero(~held_out)
        if len(kept) <= ROWS:  # cheap, and free of the rounding of a difference
            others = self.rows[kept]
            total = product(others, others)
        else:
            left_out = self.rows[held_out]
            total = self.total - product(left_out, left_out)
        return NoiseRows(self.rows, total, kept, self.repetitions)

    def __len__(self) -> int:
        return len(self.rows) if self.kept is None else len(self.kept)

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield the rows that are kept, some at a time."""
        for start in range(0, len(self), ROWS):
            part = slice(start, start + ROWS)
            yield self.rows[part if self.kept is None else self.kept[part]]


@dataclass
class Noise:
    """The covariance of the noise of a mean response.

    Parameters
    ----------
    covariance : array, shape (n_coordinates, n_coordinates)
        The covariance N.
    sample_share : float
        The weight of the sample covariance in it; the rest is the target.
    target : str
        The target of the shrinkage: ``"diagonal"`` or ``"kronecker"``.
    """

    covariance: np.ndarray
    sample_share: float
    target: str

    def __post_init__(self):
        self.root = _root(self.covariance)  # N = L L'

    @classmethod
    def independent(cls, variances: np.ndarray) -> Noise:
        """Return noise that is independent in all coordinates."""
        return cls(np.diag(_raise(variances)), 0.0, "diagonal")

    @classmethod
    def learn(cls, rows: NoiseRows, shape: tuple[int, int], target: str) -> Noise:
        """Shrink the covariance of rows after Ledoit and Wolf (2004).

        N = ((1 - a) S + a T) / R, where S is the covariance of the rows and T the
        target: the diagonal of S, or the Kronecker product channels x times that is
        nearest to it. In coordinates x in which T is the identity,

            a = ((sum_i |x_i|^4) / n - |S|^2) / n / |S - I|^2,

        which needs no product of rows but S.

        Parameters
        ----------
        rows : instance of NoiseRows
            The rows.
        shape : tuple of int
            Numbers of channels and of time functions.
        target : ``"diagonal"`` | ``"kronecker"``
            The target T.

        Returns
        -------
        noise : instance of Noise
            The covariance, positive definite.
        """
        # Changed in place, since it can be large.
        covariance = rows.total / len(rows)
        variances = _raise(np.diag(covariance)) * (1 + JITTER)
        np.fill_diagonal(covariance, variances)
        if target == "diagonal":
            amount = _amount_to_diagonal(rows, covariance)
            covariance *= 1 - amount
            np.fill_diagonal(covariance, variances)
        else:
            factors = kronecker_factors(covariance, shape)
            amount = _amount_to_kronecker(rows, covariance, *factors)
            covariance *= 1 - amount
            covariance += np.kron(amount * factors[0], factors[1])
        covariance /= rows.repetitions
        return cls(covariance, 1 - amount, target)

    def inflation(self, rows: NoiseRows, filters: np.ndarray) -> float:
        """Return how much larger the noise of new trials is along filters.

        The filters follow from a covariance N that the same trials gave, and so see
        too little noise in them. With F the filters, S the covariance of the rows, and
        h = (1 - a) tr((R N)^-1 S) / n the mean leverage of a row in R N (one row is
        left out by the formula of Sherman and Morrison),

            alpha = mean diag(F' S F) / R / (1 - h)^2.

        Parameters
        ----------
        rows : instance of NoiseRows
            The rows from which the covariance was learned.
        filters : array, shape (n_coordinates, n_axes)
            The filters, along which N has variance 1.

        Returns
        -------
        alpha : float
            The variance of new noise along the filters, in units of N.
        """
        sample = rows.total / len(rows) / rows.repetitions
        along = np.einsum("qk,qk->k", filters, sample @ filters).mean()
        if not self.sample_share:
            return max(float(along), LEAST_INFLATION)
        leverage = self.sample_share * self._trace(rows, sample) / len(rows)
        kept = 1 - min(leverage, MOST_LEVERAGE)
        return max(float(along / kept**2), LEAST_INFLATION)

    def _trace(self, rows: NoiseRows, sample: np.ndarray) -> float:
        """Return tr(N^-1 S / R), from the rows c where these are fewer than values."""
        if len(rows) >= len(sample):
            return float(np.trace(cho_solve((self.root, True), sample)))
        squares = 0.0  # sum |L^-1 c|^2
        for block in rows.blocks():
            whitened = solve_triangular(
                self.root, block.T, lower=True, check_finite=False
            )
            squares += float(np.square(whitened).sum())
        return squares / len(rows) / rows.repetitions


def _root(covariance: np.ndarray) -> np.ndarray:
    """Return the Cholesky factor, with more variance where rounding needs it."""
    for jitter in (0, JITTER, 1e3 * JITTER):
        try:
            regular = covariance
            if jitter:
                regular = covariance + jitter * np.diag(np.diag(covariance))
            return cholesky(regular, lower=True)
        except np.linalg.LinAlgError:
            continue
    return np.diag(np.sqrt(np.diag(covariance)))


def _raise(variances: np.ndarray) -> np.ndarray:
    """Raise variances that are next to nothing beside the others."""
    positive = variances[variances > 0]
    typical = np.median(positive) if len(positive) else 1.0
    return np.maximum(variances, max(LEAST_SD**2 * typical, LEAST_VARIANCE))


def _amount_to_diagonal(rows: NoiseRows, sample: np.ndarray) -> float:
    variances = np.diag(sample)
    inverse = (1 / variances).astype(np.float32)
    fourth = sum(np.square(np.square(block) @ inverse).sum() for block in rows.blocks())
    squared_norm = _weighted_norm(sample, 1 / variances)
    return _amount(fourth, squared_norm, squared_norm - len(sample), len(rows))


def _weighted_norm(sample: np.ndarray, inverse: np.ndarray) -> float:
    """Return sum_ij s_ij^2 / (t_i t_j)."""
    parts = row_blocks(len(sample), 256)
    return float(sum(inverse[k] @ np.square(sample[k]) @ inverse for k in parts))


def _amount_to_kronecker(rows, sample, channels, times) -> float:
    shape = len(channels), len(times)
    inverses = np.linalg.inv(channels), np.linalg.inv(times)
    fourth = 0.0
    for block in rows.blocks():
        grid = block.reshape(-1, *shape)
        scaled = inverses[0].astype(np.float32) @ grid @ inverses[1].astype(np.float32)
        fourth += np.square(np.einsum("nct,nct->n", grid, scaled)).sum()
    # (A x B)^-1 S, without the inverse of A x B
    ratio = sample.reshape(*shape, -1)
    ratio = np.tensordot(inverses[0], ratio, 1)
    ratio = np.matmul(inverses[1], ratio).reshape(sample.shape)
    squared_norm = float(np.einsum("ij,ji->", ratio, ratio))
    distance = squared_norm - 2 * np.trace(ratio) + len(sample)
    return _amount(fourth, squared_norm, distance, len(rows))


def _amount(fourth, squared_norm, distance, n_rows) -> float:
    error = (fourth / n_rows - squared_norm) / n_rows
    if not distance > 0:
        return 1.0
    return float(np.clip(error / distance, 0, 1))


def kronecker_factors(
    covariance: np.ndarray, shape: tuple[int, int], n_iter: int = 5
) -> tuple[np.ndarray, np.ndarray]:
    """Return the Kronecker product that is nearest to a covariance.

    A = sum_tu S_(.t)(.u) (B^-1)_tu / K and the same for B, by turns ("flip-flop"), is
    the maximum of the likelihood of matrix-normal rows.

    Parameters
    ----------
    covariance : array, shape (n_channels * n_functions, n_channels * n_functions)
        The covariance S.
    shape : tuple of int
        Numbers of channels and of time functions.
    n_iter : int
        How often both are computed.

    Returns
    -------
    channels : array, shape (n_channels, n_channels)
        The factor A, of mean variance 1.
    times : array, shape (n_functions, n_functions)
        The factor B.
    """
    n_channels, n_functions = shape
    grid = covariance.reshape(n_channels, n_functions, n_channels, n_functions)
    times = np.eye(n_functions) * (np.trace(covariance) / len(covariance))
    for _ in range(n_iter):  # not optimized, which would copy the grid every time
        channels = np.einsum("itju,tu->ij", grid, np.linalg.inv(times))
        channels = _regular(channels / n_functions)
        channels /= np.trace(channels) / n_channels
        times = np.einsum("itju,ij->tu", grid, np.linalg.inv(channels))
        times = _regular(times / n_channels)
    return channels, times


def _regular(factor: np.ndarray) -> np.ndarray:
    factor = (factor + factor.T) / 2
    factor += 1e-5 * np.trace(factor) / len(factor) * np.eye(len(factor))
    return factor
