"""What a group keeps of a subject: step 1 and step 4 of many subjects."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass

import mne
import numpy as np
import pandas as pd

from ..linear_gaussian.axes import Solution
from ..linear_gaussian.blocks import row_blocks
from ..linear_gaussian.residuals import left_out_residuals
from ..linear_gaussian.ridge import Ridge
from ..linear_gaussian.solve import Prepared

#: Subjects below this held-out slope leave the group: pure noise measured 0.05.
LEAST_SLOPE = 0.1
#: Images predicted at once.
AT_ONCE = 256


@dataclass
class Member:
    """A subject's own closed form, as the others see it.

    Parameters
    ----------
    name : str
        The subject.
    weights : array, shape (n_features, n_axes)
        The weights W_s of features, standardized alike for all subjects; the latent is
        z_s(x) = (x - feature_mean)' W_s, along axes on which the noise is white.
    feature_mean : array, shape (n_features,)
        The mean features of the subject's training images.
    patterns : array, shape (n_channels * n_times, n_axes)
        The response to every axis in SI units.
    slope : float
        The part of the prediction that holds for held-out images, s_s.
    left_out : array, shape (n_images, n_axes)
        Leave-one-out latents of the training images.
    images : list of str
        The training images.
    info : instance of Info
        The channels.
    times : array, shape (n_times,)
        The times in seconds.
    """

    name: str
    weights: np.ndarray
    feature_mean: np.ndarray
    patterns: np.ndarray
    slope: float
    left_out: np.ndarray
    images: list[str]
    info: mne.Info
    times: np.ndarray

    @property
    def is_reliable(self) -> bool:
        """Whether the responses follow the images, so that others can learn of them."""
        return self.slope >= LEAST_SLOPE

    def embed(self, features: np.ndarray) -> np.ndarray:
        """Return z_s of standardized features, shape (n_images, n_axes)."""
        return (features - self.feature_mean) @ self.weights

    def embed_left_out(self, features: np.ndarray, images) -> np.ndarray:
        """Return z_s, and of training images what the other images tell.

        Parameters
        ----------
        features : array, shape (n_images, n_features)
            Standardized features.
        images : sequence of str
            The names of the images.

        Returns
        -------
        latents : array, shape (n_images, n_axes)
            The latents.
        """
        latents = self.embed(features)
        there = pd.Index(self.images).get_indexer(pd.Index(images))
        latents[there >= 0] = self.left_out[there[there >= 0]]
        return latents

    def energy(self, features: np.ndarray) -> float:
        """Return the mean squared predicted response over images, in SI units."""
        latents = self.embed(features)
        latents = latents - latents.mean(axis=0)
        covariance = latents.T @ latents / len(latents)
        inner = self.patterns.T.astype(float) @ self.patterns
        return float(np.einsum("ij,ij->", covariance, inner) / len(self.patterns))


def left_out_latents(prepared: Prepared, solution: Solution) -> np.ndarray:
    """Return leave-one-out latents of training images, U - e.

    Parameters
    ----------
    prepared : instance of Prepared
        The arrays of the fit.
    solution : instance of Solution
        The axes of all images.

    Returns
    -------
    latents : array, shape (n_images, n_axes)
        What the other images predict along the axes, without the mean.
    """
    sample, axes = prepared.sample, solution.axes
    along = np.empty((len(sample), axes.filters.shape[1]), np.float32)
    for rows in row_blocks(len(sample), AT_ONCE):
        along[rows] = sample.responses[rows] @ axes.filters.astype(np.float32)
    along -= np.average(along, axis=0, weights=sample.weights).astype(np.float32)
    ridge = solution.regression.targets.ridge
    if ridge.scores is None:  # solved from moments, without the rows
        ridge = Ridge.fit(sample.features, sample.weights)
    return along - left_out_residuals(ridge, along, axes.penalties)
