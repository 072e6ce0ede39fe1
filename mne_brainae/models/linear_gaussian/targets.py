"""What ridge regression predicts of responses, as far as the search for axes needs it.

Two classes answer the same questions: exactly, from the responses to every image, or by
generalized cross-validation, from second moments.
"""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .blocks import product
from .ridge import PENALTIES, Ridge


@dataclass
class ExactTargets:
    """Responses with exact leave-one-out predictions.

    Parameters
    ----------
    ridge : instance of Ridge
        The regression on the features.
    rows : array, shape (n_images, n_targets)
        The centered responses Y.
    """

    ridge: Ridge
    rows: np.ndarray

    def __post_init__(self):
        self.projected = self.ridge.project(self.rows)

    def along(self, filters: np.ndarray) -> ExactTargets:
        """Return the same for responses along filters, shape (n_targets, n_new)."""
        return ExactTargets(self.ridge, self.rows @ filters.astype(np.float32))

    def mean_squares(self, penalties=PENALTIES) -> np.ndarray:
        """Return the mean squared error for each penalty and target."""
        errors = (self.ridge.errors(self.rows, p, self.projected) for p in penalties)
        return np.array([np.square(each, dtype="f8").mean(axis=0) for each in errors])

    def power(self) -> np.ndarray:
        """Return the mean square of every target."""
        return np.square(self.rows, dtype=np.float64).mean(axis=0)

    def predicted(self, penalty) -> np.ndarray:
        """Return the leave-one-out predictions P, shape (n_images, n_targets)."""
        return self.rows - self.ridge.errors(self.rows, penalty, self.projected)

    def shared(self, penalty) -> np.ndarray:
        """Return P'Y, the product of predictions and responses."""
        return product(self.predicted(penalty), self.rows)

    def shared_with(self, whole: ExactTargets, filters, penalty) -> np.ndarray:
        """Return P'Y for all responses Y, where these targets are Y along filters."""
        return product(self.predicted(penalty), whole.rows)

    def marginals(self, penalty, shape: tuple[int, int]) -> tuple:
        """Return P'Y summed over times, and summed over channels.

        Parameters
        ----------
        penalty : float | None
            The penalty; None takes the responses for their prediction.
        shape : tuple of int
            Numbers of channels and of time functions.

        Returns
        -------
        channels : array, shape (n_channels, n_channels)
            The sum over times.
        times : array, shape (n_functions, n_functions)
            The sum over channels.
        """
        predicted = self.rows if penalty is None else self.predicted(penalty)
        predicted = predicted.astype(np.float64).reshape(-1, *shape)
        measured = self.rows.astype(np.float64).reshape(-1, *shape)
        return (
            np.tensordot(predicted, measured, ((0, 2), (0, 2))),
            np.tensordot(predicted, measured, ((0, 1), (0, 1))),
        )


@dataclass
class GeneralizedTargets:
    """Responses with the mean leverage 1 - c of all images in place of that of each.

    With the hat matrix H = Q D Q' + 1/n, errors are (I - H) Y / c, so that all that is
    asked follows from Q'Y and Y'Y, and no prediction is ever formed.

    Parameters
    ----------
    ridge : instance of Ridge
        The regression on the features.
    projected : array, shape (rank, n_targets)
        Q'Y.
    second : array, shape (n_targets, n_targets)
        Y'Y.
    """

    ridge: Ridge
    projected: np.ndarray
    second: np.ndarray

    def along(self, filters: np.ndarray) -> GeneralizedTargets:
        """Return the same for responses along filters, shape (n_targets, n_new)."""
        second = filters.T @ (self.second @ filters)
        return GeneralizedTargets(self.ridge, self.projected @ filters, second)

    def mean_squares(self, penalties=PENALTIES) -> np.ndarray:
        """Return the mean squared error for each penalty and target.

        |(I - H) y|^2 = |y|^2 - sum_j (2 d_j - d_j^2) (Q'y)_j^2.
        """
        shrinkage = self.ridge.shrinkage(penalties)
        taken = (2 * shrinkage - shrinkage**2).T @ np.square(self.projected)
        rest = self.ridge.mean_rest(penalties)[:, None]
        squares = np.maximum(np.diag(self.second) - taken, 0)
        return squares / rest**2 / self.ridge.n_rows

    def power(self) -> np.ndarray:
        """Return the mean square of every target."""
        return np.diag(self.second) / self.ridge.n_rows

    def shared(self, penalty) -> np.ndarray:
        """Return P'Y = (1 - 1/c) Y'Y + (Q'Y)' D (Q'Y) / c."""
        weighted = self.ridge.shrinkage(penalty) * self.projected
        rest = self.ridge.mean_rest(penalty)[:, None]
        return (1 - 1 / rest) * self.second + weighted.T @ self.projected / rest

    def shared_with(self, whole: GeneralizedTargets, filters, penalty) -> np.ndarray:
        """Return P'Y for all responses Y, where these targets are Y along filters."""
        weighted = self.ridge.shrinkage(penalty) * self.projected
        rest = self.ridge.mean_rest(penalty)[:, None]
        measured = filters.T @ whole.second
        return (1 - 1 / rest) * measured + weighted.T @ whole.projected / rest

    def marginals(self, penalty, shape: tuple[int, int]) -> tuple:
        """Return P'Y summed over times, and summed over channels.

        As :meth:`ExactTargets.marginals`, from partial traces.
        """
        channels, times = partial_traces(self.second, shape)
        if penalty is None:
            return channels, times
        rest = float(self.ridge.mean_rest(penalty)[0])
        grid = self.projected.reshape(-1, *shape)
        shrunk = self.ridge.shrinkage(penalty)[:, :, None] * grid
        return (
            (1 - 1 / rest) * channels
            + np.tensordot(shrunk, grid, ((0, 2), (0, 2))) / rest,
            (1 - 1 / rest) * times
            + np.tensordot(shrunk, grid, ((0, 1), (0, 1))) / rest,
        )


def partial_traces(second: np.ndarray, shape: tuple[int, int]) -> tuple:
    """Sum a matrix of channels x times over times, and over channels.

    Parameters
    ----------
    second : array, shape (n_channels * n_functions, n_channels * n_functions)
        The matrix.
    shape : tuple of int
        Numbers of channels and of time functions.

    Returns
    -------
    channels : array, shape (n_channels, n_channels)
        The sum over times.
    times : array, shape (n_functions, n_functions)
        The sum over channels.
    """
    grid = second.reshape(*shape, *shape)
    return np.einsum("itjt->ij", grid), np.einsum("itiu->tu", grid)
