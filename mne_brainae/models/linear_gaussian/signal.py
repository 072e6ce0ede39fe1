"""Where in the responses the images can be seen, and along which axes."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh

from ...utils.threads import one_blas_thread
from .ridge import PENALTIES
from .roots import LowRankRoot, solve
from .targets import ExactTargets, GeneralizedTargets

#: Penalty with which the search begins.
FIRST_PENALTY = 3.0
#: Axes with a smaller share of the largest eigenvalue than this are rounding errors.
SMALLEST_SHARE = 1e-9
#: Axes to look for among few images, and images per axis among more.
FEW_AXES, IMAGES_PER_AXIS = 8, 4
#: How often axes and penalties are chosen by turns.
N_TURNS = 3
#: From so many rows on, a matrix is multiplied by blocks: it no longer fits the cache.
BLOCKS_FROM = 2048
#: Directions of a block beyond the axes, and the most blocks before another method.
N_BEYOND, MOST_BLOCKS = 10, 8
#: Error of an eigenvector, as a share of its eigenvalue.
TOLERANCE = 1e-6

Targets = ExactTargets | GeneralizedTargets


def prior_axes(
    channels: np.ndarray,
    times: np.ndarray,
    root: np.ndarray | LowRankRoot,
    n_axes: int,
) -> np.ndarray:
    """Return axes of whitened responses in which a separable signal may lie.

    If the covariance of the signal is the Kronecker product G of one over channels and
    one over times, that of whitened responses is L^-1 G L^-T, where N = L L' is the
    covariance of the noise. Its leading eigenvectors come from products with vectors,
    L^-1 (A (L^-T v) B), so that G is never formed.

    Parameters
    ----------
    channels : array, shape (n_channels, n_channels)
        The covariance A of the signal over channels, up to a factor.
    times : array, shape (n_functions, n_functions)
        The covariance B over time functions, up to a factor.
    root : array, shape (n_coordinates, n_coordinates) | instance of LowRankRoot
        The root L of the noise covariance.
    n_axes : int
        Number of axes, at most.

    Returns
    -------
    axes : array, shape (n_coordinates, n_axes)
        Orthonormal axes, strongest first.
    """
    shape = len(channels), len(times)
    if len(root) <= n_axes:
        return np.eye(len(root))  # few coordinates need no confinement

    def multiply(vectors):
        vectors = solve(root, vectors, transposed=True).reshape(len(root), -1)
        grid = vectors.T.reshape(-1, *shape)  # (n_vectors, n_channels, n_functions)
        grid = channels @ grid @ times
        return solve(root, grid.reshape(-1, len(root)).T)

    return leading_axes(multiply, len(root), n_axes)


def leading_axes(multiply, size: int, n_axes: int) -> np.ndarray:
    """Return the leading eigenvectors of a symmetric matrix without negative ones.

    Parameters
    ----------
    multiply : callable
        Multiplies the matrix by an array of shape (size, n).
    size : int
        Number of rows of the matrix.
    n_axes : int
        Number of eigenvectors, at most.

    Returns
    -------
    axes : array, shape (size, n_axes)
        The eigenvectors whose eigenvalues are not zero, largest first.
    """
    n_axes = min(n_axes, size)
    if size <= 4 * n_axes:
        return _dense_axes(multiply, size, n_axes)
    if size >= BLOCKS_FROM:
        found = _block_axes(multiply, size, n_axes)
        if found is not None:
            return found
    operator = LinearOperator((size, size), multiply, matmat=multiply, dtype=float)
    how = {"v0": np.random.default_rng(0).standard_normal(size), "tol": TOLERANCE}
    try:
        with one_blas_thread():  # a vector at a time
            values, axes = eigsh(operator, k=n_axes, which="LA", **how)
    except ArpackError:
        return _dense_axes(multiply, size, n_axes)
    return _strongest(values, axes)


def _block_axes(multiply, size: int, n_axes: int) -> np.ndarray | None:
    """Return eigenvectors in the space of V, MV, MMV, ... of a random block V.

    This is the block Krylov method of Musco and Musco (2015). It reads the matrix once
    for a whole block, where Lanczos' method reads it for every vector. None stands for
    too slow a convergence.
    """
    start = np.random.default_rng(0).standard_normal((size, n_axes + N_BEYOND))
    last = np.linalg.qr(multiply(start))[0]
    basis, image = last, multiply(last)
    for _ in range(MOST_BLOCKS):
        product = basis.T @ image
        values, turn = eigh((product + product.T) / 2)
        values, turn = values[-n_axes:], turn[:, -n_axes:]
        axes = basis @ turn
        error = np.linalg.norm(image @ turn - axes * values, axis=0)
        least = SMALLEST_SHARE * values[-1]
        if (error <= np.maximum(TOLERANCE * values, least)).all():
            return _strongest(values, axes)
        new = image[:, -last.shape[1] :]
        for _ in range(2):  # once more, for what rounding leaves
            new = new - basis @ (basis.T @ new)
        last = np.linalg.qr(new)[0]
        basis, image = np.hstack([basis, last]), np.hstack([image, multiply(last)])
    return None


def _dense_axes(multiply, size: int, n_axes: int) -> np.ndarray:
    matrix = multiply(np.eye(size))
    values, axes = eigh((matrix + matrix.T) / 2)
    return _strongest(values[-n_axes:], axes[:, -n_axes:])


def _strongest(values: np.ndarray, axes: np.ndarray) -> np.ndarray:
    order = np.argsort(values)[::-1]
    values, axes = values[order], axes[:, order]
    kept = values > SMALLEST_SHARE * values[0]
    kept[0] = True
    return axes[:, kept]


def positive_part(matrix: np.ndarray) -> np.ndarray:
    """Return the symmetric part of a matrix without its negative eigenvalues.

    Parameters
    ----------
    matrix : array, shape (n, n)
        The matrix.

    Returns
    -------
    positive : array, shape (n, n)
        The nearest matrix without negative eigenvalues.
    """
    values, vectors = eigh((matrix + matrix.T) / 2)
    values[values < SMALLEST_SHARE * np.abs(values).max()] = 0
    return (vectors * values) @ vectors.T


@dataclass
class SignalAxes:
    """Directions of the responses that images drive, strongest first.

    Parameters
    ----------
    filters : array, shape (n_coordinates, n_axes)
        F = L^-T A, by which centered responses are multiplied. Along them the noise has
        variance 1 and is uncorrelated.
    patterns : array, shape (n_coordinates, n_axes)
        L A, the response to each axis; patterns' filters is the identity.
    penalties : array, shape (n_axes,)
        The ridge penalty of each axis.
    gain : array, shape (n_axes,)
        Mean squared response along each axis minus its mean squared leave-one-out
        error, in units of the noise.
    shared_penalty : float
        The geometric mean of the penalties, weighted by the gains.
    targets : instance of ExactTargets | GeneralizedTargets
        The responses along the axes.
    """

    filters: np.ndarray
    patterns: np.ndarray
    penalties: np.ndarray
    gain: np.ndarray
    shared_penalty: float
    targets: Targets

    def gaining(self) -> SignalAxes:
        """Return the axes with a positive gain, or the one with the largest."""
        kept = self.gain > 0
        kept[self.gain.argmax()] = True
        return SignalAxes(
            self.filters[:, kept],
            self.patterns[:, kept],
            self.penalties[kept],
            self.gain[kept],
            self.shared_penalty,
            self.targets.along(np.eye(len(kept))[:, kept]),
        )

    def weights(self) -> np.ndarray:
        """Return the weights of centered features, shape (n_features, n_axes)."""
        return self.targets.ridge.weights(self.targets.projected, self.penalties)

    def marginals(self, whole: Targets, shape: tuple[int, int]) -> tuple:
        """Return prediction x response, summed over times and over channels.

        The prediction of all responses is P = (leave-one-out prediction along the
        axes) patterns', so that P'Y is patterns times a matrix of few rows.

        Parameters
        ----------
        whole : instance of ExactTargets | GeneralizedTargets
            All responses.
        shape : tuple of int
            Numbers of channels and of time functions.

        Returns
        -------
        channels : array, shape (n_channels, n_channels)
            The sum over times.
        times : array, shape (n_functions, n_functions)
            The sum over channels.
        """
        shared = self.targets.shared_with(whole, self.filters, self.penalties)
        shared = shared.reshape(-1, *shape)  # (n_axes, n_channels, n_functions)
        patterns = self.patterns.T.reshape(-1, *shape)
        return (
            np.tensordot(patterns, shared, ((0, 2), (0, 2))),
            np.tensordot(patterns, shared, ((0, 1), (0, 1))),
        )


def most_axes(n_images: int, rank: int) -> int:
    """Return how many axes are looked for: max(8, n / 4), at most the rank."""
    return max(min(max(FEW_AXES, n_images // IMAGES_PER_AXIS), rank), 1)


def find_axes(
    whole: Targets,
    prior: np.ndarray,
    root: np.ndarray | LowRankRoot,
    penalty: float,
    own_penalties: bool = True,
) -> SignalAxes:
    """Find the axes along which left-out predictions and responses agree most.

    A left-out prediction does not know the noise of its own response, so that this
    noise adds nothing to their covariance but chance. By turns the axes are the
    eigenvectors of sym(P'Z) and every axis gets the penalty of least error; the next P
    has the geometric mean of these, weighted by what each axis gains.

    Parameters
    ----------
    whole : instance of ExactTargets | GeneralizedTargets
        All responses.
    prior : array, shape (n_coordinates, n_prior)
        Orthonormal axes of whitened responses among which to look.
    root : array, shape (n_coordinates, n_coordinates) | instance of LowRankRoot
        The root L of the noise covariance.
    penalty : float
        The penalty to begin with.
    own_penalties : bool
        Whether every axis keeps a penalty of its own.

    Returns
    -------
    axes : instance of SignalAxes
        The axes with a positive gain, one at least.
    """
    inside = solve(root, prior, transposed=True)
    near = whole.along(inside)
    n_images, rank = whole.ridge.n_rows, len(whole.ridge.energy)
    n_axes = min(most_axes(n_images, rank), prior.shape[1])
    for _ in range(N_TURNS):
        shared = near.shared(penalty)
        turn = eigh((shared + shared.T) / 2)[1][:, ::-1][:, :n_axes]
        along = near.along(turn)
        penalties, gain = _choose(along, own_penalties)
        penalty = _shared_penalty(penalties, gain, penalty)
    axes = prior @ turn
    found = SignalAxes(inside @ turn, root @ axes, penalties, gain, penalty, along)
    return found.gaining()


def _choose(along: Targets, own_penalties: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the penalty of every axis and what it gains."""
    mean_squares = along.mean_squares()
    if own_penalties:
        best = mean_squares.argmin(axis=0)
    else:
        best = np.full(mean_squares.shape[1], mean_squares.sum(axis=1).argmin())
    least = mean_squares[best, np.arange(len(best))]
    return PENALTIES[best], along.power() - least


def _shared_penalty(penalties, gain, before: float) -> float:
    weights = np.maximum(gain, 0)
    if not weights.any():
        return before
    return float(np.exp((np.log(penalties) * weights).sum() / weights.sum()))
