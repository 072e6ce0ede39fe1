"""Sums over images from which whole responses are regressed on features."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .blocks import RunningProduct, multiply
from .ridge import Ridge


class Products:
    """Products of features x and responses y, summed over images.

    Images can be added later, so that a regression without some of them and one with
    all of them multiply every response once.

    Parameters
    ----------
    n_features, n_values : int
        The numbers of features and of values of a response.
    """

    def __init__(self, n_features: int, n_values: int):
        self.n_images, self.size, self.power = 0, 0.0, 0.0
        self.feature_sum, self.response_sum = np.zeros(n_features), np.zeros(n_values)
        self.second = RunningProduct(n_features, n_features, np.float64)
        self.crossed = RunningProduct(n_features, n_values, np.float32)

    def add(
        self, features: np.ndarray, responses: np.ndarray, weights: np.ndarray | None
    ) -> None:
        """Add some images.

        Parameters
        ----------
        features : array, shape (n_images, n_features)
            Features x around a fixed mean, float32.
        responses : array, shape (n_images, n_values)
            Responses y around a fixed mean, float32.
        weights : array, shape (n_images,) | None
            How much every image counts; None is 1.
        """
        self.n_images += len(features)
        squares = np.einsum("nv,nv->n", responses, responses)
        if weights is None:
            weighted, weights = features, np.ones(len(features))
        else:
            weighted = features * weights[:, None].astype(np.float32)
        self.size += float(weights.sum())
        self.power += float(weights @ squares)
        self.feature_sum += weights.astype(np.float32) @ features
        self.response_sum += weights.astype(np.float32) @ responses
        self.second.add(weighted, features)
        self.crossed.add(weighted, responses)

    def regress(self) -> tuple[Ridge, np.ndarray]:
        """Decompose the features, and project the responses.

        Returns
        -------
        ridge : instance of Ridge
            The regression, without ``scores``.
        projected : array, shape (rank, n_values)
            Q'Y = diag(v)^-1/2 V'(X'Y - n (mean x)(mean y)'), float32.
        """
        mean = self.feature_sum / self.size
        second = self.second.numpy() - self.size * np.outer(mean, mean)
        args = (self.n_images, self.size, mean, self.n_images - 1)
        ridge = Ridge.from_moments(second, *args)
        turn = (ridge.axes / np.sqrt(ridge.energy)).astype(np.float32)
        projected = multiply(turn.T, self.crossed.numpy())
        of_means = (mean @ turn).astype(np.float32)
        projected -= np.outer(of_means, self.response_sum.astype(np.float32))
        return ridge, projected


@dataclass
class OwnAxes:
    """Features along their own axes, where these are fewer than the features.

    Ridge regression is the same along orthonormal axes. Of n images there are n - 1.

    Parameters
    ----------
    features : array, shape (n_images, n_axes)
        The features along the axes; those that were given, where images are more.
    axes : array, shape (n_features, n_axes) | None
        Orthonormal axes; None are the features themselves.
    """

    features: np.ndarray
    axes: np.ndarray | None = None

    @classmethod
    def of(cls, features: np.ndarray) -> OwnAxes:
        """Find the axes of some features.

        Parameters
        ----------
        features : array, shape (n_images, n_features)
            The features, float32.

        Returns
        -------
        own : instance of OwnAxes
            The features along their axes.
        """
        if features.shape[1] < len(features):
            return cls(features)
        ridge = Ridge.fit(features)
        lengths = np.sqrt(ridge.energy)
        axes = ridge.features.T @ (ridge.scores / lengths).astype(np.float32)
        return cls((ridge.scores * lengths).astype(np.float32), axes)

    def back(self, weights: np.ndarray) -> np.ndarray:
        """Return the weights of the given features, from those along the axes."""
        return weights if self.axes is None else self.axes @ weights
