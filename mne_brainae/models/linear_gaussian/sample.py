"""The arrays of a fit, and how some images are left out of them."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .blocks import product, weighted_sum
from .noise_rows import NoiseRows
from .ridge import Ridge
from .targets import ExactTargets, GeneralizedTargets


@dataclass
class Sample:
    """Images, responses and noise.

    Parameters
    ----------
    features : array, shape (n_images, n_features)
        Image features, float32.
    responses : array, shape (n_images, n_channels * n_functions)
        Coordinates of the mean responses, float32.
    shape : tuple of int
        Numbers of channels and of time functions.
    weights : array, shape (n_images,) | None
        How much every image counts; None is all alike.
    noise_rows : instance of NoiseRows | None
        Contrasts of repeated trials; None where nothing is repeated.
    noise_images : array of int, shape (n_contrasts,) | None
        The image of every contrast, as a row of ``features``.
    """

    features: np.ndarray
    responses: np.ndarray
    shape: tuple[int, int]
    weights: np.ndarray | None = None
    noise_rows: NoiseRows | None = None
    noise_images: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.features)

    def noise_without(self, held_out: np.ndarray) -> NoiseRows | None:
        """Return the noise rows of the images that are not held out."""
        if self.noise_rows is None:
            return None
        others = self.noise_rows.without(held_out[self.noise_images])
        return others if len(others) else None

    def without(self, held_out: np.ndarray) -> Sample:
        """Return the images that are not held out, without noise rows.

        Parameters
        ----------
        held_out : array of bool, shape (n_images,)
            The images to leave out.

        Returns
        -------
        sample : instance of Sample
            The others.
        """
        rows = ~held_out
        weights = None if self.weights is None else self.weights[rows]
        return Sample(self.features[rows], self.responses[rows], self.shape, weights)


@dataclass
class Regression:
    """Responses on features: their means, and what is needed to look for axes.

    Parameters
    ----------
    feature_mean : array, shape (n_features,)
        The mean of the features.
    response_mean : array, shape (n_coordinates,)
        The mean of the responses.
    targets : instance of ExactTargets | GeneralizedTargets
        The centered responses, regressed on the features.
    rows : array, shape (n_images, n_coordinates) | None
        The centered responses, where residuals of all images are needed.
    """

    feature_mean: np.ndarray
    response_mean: np.ndarray
    targets: ExactTargets | GeneralizedTargets
    rows: np.ndarray | None = None

    @classmethod
    def fit(
        cls, features: np.ndarray, responses: np.ndarray, weights, exact: bool
    ) -> Regression:
        """Regress responses on features.

        Parameters
        ----------
        features : array, shape (n_images, n_features)
            Image features.
        responses : array, shape (n_images, n_coordinates)
            The responses.
        weights : array, shape (n_images,) | None
            How much every image counts.
        exact : bool
            Whether leave-one-out errors are exact.

        Returns
        -------
        regression : instance of Regression
            The regression, with ``rows``.
        """
        ridge = Ridge.fit(features, weights)
        mean = weighted_sum(responses, weights) / ridge.size
        rows = ridge.center(responses)
        if exact:
            targets = ExactTargets(ridge, rows)
        else:
            projected = product(ridge.scores, rows)
            targets = GeneralizedTargets(ridge, projected, product(rows, rows))
        return cls(ridge.mean, mean, targets, rows)

    def residuals(self, axes) -> np.ndarray:
        """Return what leave-one-out predictions along axes leave of the responses.

        Parameters
        ----------
        axes : instance of SignalAxes
            The axes.

        Returns
        -------
        residuals : array, shape (n_images, n_coordinates)
            Y - P, where P = (U - e) patterns', U are the responses along the axes and
            e their exact leave-one-out errors.
        """
        along = self.rows @ axes.filters.astype(np.float32)
        predicted = along - self.targets.ridge.errors(along, axes.penalties)
        found = predicted @ axes.patterns.T.astype(np.float32)
        return np.subtract(self.rows, found, out=found)


@dataclass
class Moments:
    """Sums of products over images, from which those of some images are subtracted.

    With x and y already centered at the means of all images, the means of the others
    are -(sums over the images held out) / n, and their centered products are

        sum of all products - sum over those held out - n (mean x)(mean y)'.

    Parameters
    ----------
    sample : instance of Sample
        Its features and responses are centered.
    features : array, shape (n_features, n_features)
        X'X.
    crossed : array, shape (n_features, n_coordinates)
        X'Y.
    responses : array, shape (n_coordinates, n_coordinates)
        Y'Y.
    """

    sample: Sample
    features: np.ndarray
    crossed: np.ndarray
    responses: np.ndarray

    @classmethod
    def of(cls, sample: Sample) -> Moments:
        """Sum the products of all images.

        Parameters
        ----------
        sample : instance of Sample
            Centered features and responses.

        Returns
        -------
        moments : instance of Moments
            The sums.
        """
        X, Y, weights = sample.features, sample.responses, sample.weights
        return cls(
            sample,
            product(X, X, weights),
            product(X, Y, weights),
            product(Y, Y, weights),
        )

    def regression(
        self, held_out: np.ndarray | None = None, *, with_rows: bool = False
    ) -> Regression:
        """Regress the responses to the images that are not held out.

        Parameters
        ----------
        held_out : array of bool, shape (n_images,) | None
            The images to leave out.
        with_rows : bool
            Whether residuals of all images are needed, as of responses that were not
            repeated.

        Returns
        -------
        regression : instance of Regression
            The regression.
        """
        sample, n_images = self.sample, len(self.sample)
        weights = sample.weights
        size = float(n_images if weights is None else weights.sum())
        second, crossed, responses = self.features, self.crossed, self.responses
        x, y = np.zeros(len(second)), np.zeros(len(responses))
        if held_out is not None:
            X, Y = sample.features[held_out], sample.responses[held_out]
            weights = None if weights is None else weights[held_out]
            size -= float(len(X) if weights is None else weights.sum())
            n_images -= len(X)
            x, y = -weighted_sum(X, weights) / size, -weighted_sum(Y, weights) / size
            second = second - product(X, X, weights) - size * np.outer(x, x)
            crossed = crossed - product(X, Y, weights) - size * np.outer(x, y)
            responses = responses - product(Y, Y, weights) - size * np.outer(y, y)
        ridge = Ridge.from_moments(second, n_images, size, x)
        projected = (ridge.axes.T @ crossed) / np.sqrt(ridge.energy)[:, None]
        found = Regression(x, y, GeneralizedTargets(ridge, projected, responses))
        if with_rows:
            chosen = np.zeros(len(sample), bool) if held_out is None else held_out
            some = np.flatnonzero(~chosen)
            found.rows = self._add_rows(ridge, some, y)
        return found

    def _add_rows(self, ridge: Ridge, some, mean: np.ndarray) -> np.ndarray:
        """Add the scores of some images, and return their centered responses."""
        sample = self.sample
        features, rows = sample.features[some], sample.responses[some]  # copies
        features -= ridge.mean.astype(np.float32)
        rows -= mean.astype(np.float32)
        if sample.weights is not None:
            ridge.root = np.sqrt(sample.weights[some])
            root = ridge.root[:, None].astype(np.float32)
            features *= root
            rows *= root
        ridge.with_scores(features)
        return rows
