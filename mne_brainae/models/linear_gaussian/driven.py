"""Axes for what the signal axes lose, such as responses that are too fast for them."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter

import numpy as np

from .products import Products
from .remainder import Remainder, principal_axes
from .ridge import PENALTIES, Ridge

#: The share of what can be predicted that has to be lost before axes are added. Below,
#: ridge regression of all samples adds more noise to identification than it gains.
LEAST_LOSS = 0.1
#: Standard errors over images by which the loss has to differ from 0.
LEAST_ERRORS = 2.0


@dataclass
class DrivenAxes:
    """Axes of the remainder that images drive, by ridge regression of all samples.

    Parameters
    ----------
    axes : array, shape (n_values, n_axes)
        Orthonormal axes V of the remainder in units of every channel.
    weights : array, shape (n_features, n_axes)
        The weights of centered features.
    feature_mean : array, shape (n_features,)
        The mean of the features.
    """

    axes: np.ndarray
    weights: np.ndarray
    feature_mean: np.ndarray

    @classmethod
    def find(
        cls, remainder: Remainder, products: Products, power: float, n_axes: int
    ) -> DrivenAxes:
        """Regress the remainder on the features, and decompose what is predicted.

        The signal axes have no part in the remainder, F'(I - P F') = 0, and so none in
        the axes of its prediction.

        Parameters
        ----------
        remainder : instance of Remainder
            What the signal axes leave of the responses.
        products : instance of Products
            Of features and whole responses.
        power : float
            The sum of squares of the remainder, not yet around its mean.
        n_axes : int
            Number of axes, at most.

        Returns
        -------
        driven : instance of DrivenAxes
            The axes, strongest first.
        """
        ridge, projected = products.regress()
        projected = remainder.of_rows(projected)
        total = remainder.of_rows(products.response_sum[None].astype(np.float32))
        power -= float(np.square(total).sum()) / products.size
        penalty = _choose_penalty(ridge, projected, power)
        shrunk = ridge.shrinkage(penalty).astype(np.float32) * projected
        axes = principal_axes(shrunk, min(n_axes, *shrunk.shape))
        return cls(axes, ridge.weights(projected @ axes, penalty), ridge.mean)

    def embed(self, features: np.ndarray) -> np.ndarray:
        """Return what features predict along the axes, (n_images, n_axes)."""
        mean = self.feature_mean.astype(np.float32)
        return (features - mean) @ self.weights.astype(np.float32)


def _choose_penalty(ridge: Ridge, projected: np.ndarray, power: float) -> float:
    """Return the penalty of least generalized cross-validation error."""
    energy = np.square(projected).sum(axis=1, dtype=np.float64)
    shrinkage = ridge.shrinkage(PENALTIES)  # (rank, n_penalties)
    left = power - energy @ (shrinkage * (2 - shrinkage))
    return float(PENALTIES[np.argmin(left / ridge.mean_rest(PENALTIES) ** 2)])


def _dot(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the inner product of every two rows."""
    return np.einsum("nv,nv->n", first, second)


@dataclass
class Loss:
    """What axes for the remainder gain on held-out images.

    Parameters
    ----------
    gain : array, shape (n_images,)
        What they take off the squared error of each image, in units of every channel.
    explained : array, shape (n_images,)
        What the signal axes take off it.
    products : array, shape (n_images, 2)
        Response x prediction and prediction x prediction, where the prediction is that
        of both together, without a slope.
    noise : array, shape (n_images,)
        Mean squared error along the added axes.
    left : array, shape (n_blocks, n_values)
        Squared errors of both together, summed over the images of every block.
    """

    gain: np.ndarray
    explained: np.ndarray
    products: np.ndarray
    noise: np.ndarray
    left: np.ndarray

    @classmethod
    def of(
        cls,
        remainder: Remainder,
        driven: DrivenAxes,
        responses: np.ndarray,
        features: np.ndarray,
        image: np.ndarray,
        slope: float,
    ) -> Loss:
        """Judge by images that were not seen.

        Parameters
        ----------
        remainder : instance of Remainder
            Around the signal axes.
        driven : instance of DrivenAxes
            Axes for the remainder.
        responses : array, shape (n_images, n_channels, n_times)
            The responses.
        features : array, shape (n_images, n_features)
            The features.
        image : array, shape (n_images, n_signal)
            What is predicted along the signal axes.
        slope : float
            The factor of this prediction.

        Returns
        -------
        loss : instance of Loss
            The loss.
        """
        measured = remainder.center(responses)
        signal = image.astype(np.float32) @ remainder.patterns.T
        along = driven.embed(features)
        added = along @ driven.axes.T
        both = signal + added
        products = np.stack([_dot(measured, both), _dot(both, both)], axis=1)
        signal *= np.float32(slope)
        explained = 2 * _dot(measured, signal) - _dot(signal, signal)
        error = np.subtract(measured, signal, out=signal)
        gain = 2 * _dot(error, added) - _dot(added, added)
        noise = np.square(remainder.of_rows(measured) @ driven.axes - along)
        error -= added
        left = np.square(error, out=error).sum(axis=0, dtype=np.float64)[None]
        return cls(gain, explained, products, noise.mean(axis=1), left)

    @classmethod
    def pool(cls, parts: list[Loss]) -> Loss:
        """Put the images of several folds together."""
        names = ("gain", "explained", "products", "noise", "left")
        columns = zip(*map(attrgetter(*names), parts), strict=True)
        return cls(*map(np.concatenate, columns))

    @property
    def matters(self) -> bool:
        """Whether so much is lost, and surely, that axes have to be added."""
        error = self.gain.std(ddof=1) / np.sqrt(len(self.gain))
        total = self.gain.sum() + max(self.explained.sum(), 0)
        return bool(
            self.gain.mean() > LEAST_ERRORS * error
            and self.gain.sum() > LEAST_LOSS * total
        )

    @property
    def mean_squares(self) -> np.ndarray:
        """Mean squared error of both together, in units of every channel."""
        return self.left.sum(axis=0) / len(self.gain)

    @property
    def slope(self) -> float:
        """The least-squares factor of the prediction of both together."""
        above, below = self.products.sum(axis=0)
        return float(np.clip(above / below, 0, 1)) if below > 0 else 0.0
