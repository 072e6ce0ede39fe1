"""The covariance of noise, shrunk toward a simpler one."""

# License: BSD-3-Clause

from __future__ import annotations

from contextlib import suppress

import numpy as np
from scipy.linalg import cho_solve, cholesky

from .blocks import row_blocks
from .noise_rows import NoiseRows
from .roots import DiagonalRoot, KroneckerRoot, LowRankRoot, solve

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
#: How often both factors of a Kronecker product are computed.
N_ITER = 5
#: Least noise along the axes, in units of N. A few rows leave directions without any.
LEAST_INFLATION = 0.1


class Noise:
    """The covariance N of the noise of a mean response.

    Parameters
    ----------
    covariance : array, shape (n_coordinates, n_coordinates) | None
        The covariance; None where only its root is known.
    sample_share : float
        The weight of the sample covariance in it; the rest is the target.
    target : str
        The target of the shrinkage: ``"diagonal"`` or ``"kronecker"``.
    root : instance of LowRankRoot | None
        The root L, N = L L'; None is the Cholesky factor.
    """

    def __init__(self, covariance, sample_share: float, target: str, root=None):
        self._covariance, self.sample_share = covariance, sample_share
        self.target = target
        self.root = _root(covariance) if root is None else root

    @property
    def covariance(self) -> np.ndarray:
        """The covariance, (n_coordinates, n_coordinates)."""
        known = self._covariance
        return self.root.covariance() if known is None else known

    @classmethod
    def independent(cls, variances: np.ndarray) -> Noise:
        """Return noise that is independent in all coordinates."""
        base = DiagonalRoot(np.sqrt(_raise(variances)))
        return cls(None, 0.0, "diagonal", LowRankRoot.of(base, len(variances)))

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
        if rows.are_few:
            with suppress(np.linalg.LinAlgError):  # where next to nothing varies
                root, amount = _root_of_few(rows, shape, target)
                return cls(None, 1 - amount, target, root)
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
        along = sum(
            np.square(block @ filters, dtype=np.float64).sum(axis=0)
            for block in rows.blocks()
        ).mean()
        along /= len(rows) * rows.repetitions
        if not self.sample_share:
            return max(float(along), LEAST_INFLATION)
        leverage = self.sample_share * self._trace(rows) / len(rows)
        kept = 1 - min(leverage, MOST_LEVERAGE)
        return max(float(along / kept**2), LEAST_INFLATION)

    def _trace(self, rows: NoiseRows) -> float:
        """Return tr(N^-1 S / R), from the rows c where these are fewer than values."""
        unit = len(rows) * rows.repetitions
        if self._covariance is not None and len(rows) >= len(self.root):
            return float(np.trace(cho_solve((self.root, True), rows.total / unit)))
        blocks = (solve(self.root, block.T) for block in rows.blocks())
        return sum(float(np.square(block).sum()) for block in blocks) / unit


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
    covariance: np.ndarray, shape: tuple[int, int]
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

    Returns
    -------
    channels : array, shape (n_channels, n_channels)
        The factor A, of mean variance 1.
    times : array, shape (n_functions, n_functions)
        The factor B.
    """
    n_channels, n_functions = shape
    grid = covariance.reshape(n_channels, n_functions, n_channels, n_functions)
    # Not optimized, which would copy the grid every time.
    return _flip_flop(
        lambda inverse: np.einsum("itju,tu->ij", grid, inverse),
        lambda inverse: np.einsum("itju,ij->tu", grid, inverse),
        shape,
        float(np.trace(covariance)),
    )


def _flip_flop(over_times, over_channels, shape, power: float) -> tuple:
    """Return the factors A and B of :func:`kronecker_factors`.

    Parameters
    ----------
    over_times, over_channels : callable
        Sum the covariance over the one, weighted by the inverse of its factor.
    shape : tuple of int
        Numbers of channels and of time functions.
    power : float
        The trace of the covariance.

    Returns
    -------
    channels, times : array, shape (n_channels, n_channels) | (n_functions, n_functions)
        The factors.
    """
    n_channels, n_functions = shape
    times = np.eye(n_functions) * (power / (n_channels * n_functions))
    for _ in range(N_ITER):
        channels = _regular(over_times(np.linalg.inv(times)) / n_functions)
        channels /= np.trace(channels) / n_channels
        times = _regular(over_channels(np.linalg.inv(channels)) / n_channels)
    return channels, times


def _regular(factor: np.ndarray) -> np.ndarray:
    factor = (factor + factor.T) / 2
    factor += 1e-5 * np.trace(factor) / len(factor) * np.eye(len(factor))
    return factor


def _root_of_few(
    rows: NoiseRows, shape: tuple[int, int], target: str
) -> tuple[LowRankRoot, float]:
    """Shrink the covariance of fewer rows than coordinates, which is never formed.

    In coordinates x in which the target is the identity, |S| and the trace of S are
    those of the inner products of the rows.

    Parameters
    ----------
    rows, shape, target
        As in :meth:`Noise.learn`.

    Returns
    -------
    root : instance of LowRankRoot
        The root of the covariance.
    amount : float
        The weight a of the target.
    """
    found = np.concatenate(list(rows.blocks())).astype(np.float64)
    n_rows, n_coordinates = found.shape
    if target == "diagonal":
        sample = np.square(found).mean(axis=0)
        variances = _raise(sample) * (1 + JITTER)
        base = DiagonalRoot(np.sqrt(variances))
    else:
        factors = _factors_of_rows(found.reshape(n_rows, *shape))
        base = KroneckerRoot(*(cholesky(factor, lower=True) for factor in factors))
    white = base.solve(found.T)
    products = white.T @ white  # (n_rows, n_rows)
    squared_norm = float(np.square(products).sum()) / n_rows**2
    distance = squared_norm - 2 * np.trace(products) / n_rows + n_coordinates
    fourth = float(np.square(np.diag(products)).sum())
    amount = _amount(fourth, squared_norm, distance, n_rows)
    # Without any target the covariance of few rows has no inverse.
    amount = max(amount, JITTER)
    if target == "diagonal":
        base.sd = np.sqrt((variances - (1 - amount) * sample) / rows.repetitions)
    else:
        of_channels, of_times = base.factors
        base = KroneckerRoot(np.sqrt(amount / rows.repetitions) * of_channels, of_times)
    share = np.sqrt((1 - amount) / (n_rows * rows.repetitions))
    return LowRankRoot.of_rows(base, share * found), amount


def _factors_of_rows(grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the factors from rows, (n_rows, n_channels, n_functions)."""
    n_rows, *shape = grid.shape

    def over_times(inverse):
        return np.tensordot(grid @ inverse, grid, ((0, 2), (0, 2))) / n_rows

    def over_channels(inverse):
        weighted = np.matmul(inverse, grid)
        return np.tensordot(weighted, grid, ((0, 1), (0, 1))) / n_rows

    power = float(np.square(grid).sum()) / n_rows
    return _flip_flop(over_times, over_channels, shape, power)
