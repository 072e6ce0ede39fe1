"""Ridge regression whose penalty is chosen by leave-one-out."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeCV

#: Penalties for standardised values, half a decade apart.
ALPHAS = tuple(10.0 ** (half / 2) for half in range(-2, 15))


@dataclass
class Ridge:
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
    ) -> Ridge:
        """Learn the map.

        Parameters
        ----------
        rows : array, shape (n, n_inputs)
            The inputs.
        wanted : array, shape (n, n_outputs)
            The outputs.
        alphas : sequence of float
            Penalties to choose from, one for all outputs.
        n_components : int | None
            Inputs of more values are first reduced to this many principal components;
            None reduces nothing.

        Returns
        -------
        ridge : instance of Ridge
            The map of whole inputs: the components are multiplied into it.
        """
        n_components = n_components or rows.shape[1]
        if rows.shape[1] <= n_components:
            return cls._of(RidgeCV(alphas=alphas).fit(rows, wanted))
        pca = PCA(min(n_components, len(rows) - 1), random_state=0)
        reduced = cls._of(RidgeCV(alphas=alphas).fit(pca.fit_transform(rows), wanted))
        weights = pca.components_.T @ reduced.weights
        return cls(weights, reduced.offset - pca.mean_ @ weights, reduced.alpha)

    @classmethod
    def _of(cls, ridge: RidgeCV) -> Ridge:
        weights = np.atleast_2d(ridge.coef_).T.astype(np.float32)
        offset = np.atleast_1d(ridge.intercept_).astype(np.float32)
        return cls(weights, offset, float(ridge.alpha_))

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Return the outputs, shape (n, n_outputs)."""
        return rows @ self.weights + self.offset
