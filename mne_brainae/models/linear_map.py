"""Linear maps between arrays, by ridge regression."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .linear_gaussian.ridge import Ridge

#: Ridge penalties for standardized values, half a decade apart.
ALPHAS = tuple(10.0 ** (half / 2) for half in range(-2, 15))


def check_alphas(alphas) -> None:
    """Refuse ridge penalties that are none, or no positive numbers.

    Parameters
    ----------
    alphas : array-like
        The penalties.
    """
    values = np.asarray(alphas)
    are_numbers = values.ndim == 1 and values.size and values.dtype.kind in "iuf"
    if not are_numbers or not np.all((values > 0) & np.isfinite(values)):
        raise ValueError(
            f"alphas must be at least one positive number, got {alphas!r}."
        )


@dataclass
class LinearMap:
    """A linear map, and the penalty that it was learned with.

    Parameters
    ----------
    weights : array, shape (n_inputs, n_outputs)
        What the inputs are multiplied by.
    offset : array, shape (n_outputs,)
        What is added.
    alpha : float
        The penalty.
    """

    weights: np.ndarray
    offset: np.ndarray
    alpha: float

    @classmethod
    def fit(
        cls,
        rows: np.ndarray,
        wanted: np.ndarray,
        alphas: Sequence[float],
        n_components: int | None = None,
    ) -> LinearMap:
        """Learn the map, with the penalty of least squared leave-one-out error.

        Parameters
        ----------
        rows : array, shape (n, n_inputs)
            The inputs.
        wanted : array, shape (n, n_outputs)
            The outputs.
        alphas : sequence of float
            Penalties to choose from, one for all outputs.
        n_components : int | None
            Principal components of the inputs to regress on; None is all.

        Returns
        -------
        linear : instance of LinearMap
            The map of whole inputs: the components are multiplied into it.
        """
        ridge = Ridge.fit(rows, n_components=n_components)
        mean = wanted.mean(axis=0, dtype=np.float64).astype(np.float32)
        wanted = (wanted - mean).astype(np.float32)
        projected = ridge.project(wanted)
        penalties = np.asarray(alphas, float) / ridge.unit
        penalty, _ = ridge.choose_one(wanted, penalties, projected)
        weights = ridge.weights(projected, penalty).astype(np.float32)
        offset = (mean - ridge.mean @ weights).astype(np.float32)
        return cls(weights, offset, float(penalty * ridge.unit))

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Return the outputs, shape (n, n_outputs)."""
        return rows @ self.weights + self.offset
