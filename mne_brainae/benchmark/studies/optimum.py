"""The best decoder that can be learned from the training images of a simulation."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import multivariate_normal

from ...datasets import SimulatedResponses
from ...scoring.identification import Identification

#: Images that are imagined of every concept.
N_IMAGINED = 1000
LARGEST_DELAY = 0.012  # s, which only scales


@dataclass
class LearnedOptimum:
    """Bayesian regression along what a simulated brain can respond.

    Of the linear law it is told the noise and what every drive evokes, and that the
    axes of the drives are drawn from an isotropic Gaussian. It learns which axes they
    are. The posterior is Gaussian, so that no decoder can learn more from the same
    images.

    Of the nonlinear law it is told the noise, and drives and delay of every image. It
    learns what they evoke, from products of drives with powers of the delay. A decoder
    that must learn the drives too has no closed form; this one is above it.

    Parameters
    ----------
    data : instance of SimulatedResponses
        The simulation.
    train : DataFrame, shape (n_images, n_features)
        The features of its training images.
    """

    data: SimulatedResponses
    train: pd.DataFrame

    def __post_init__(self):
        data = self.data
        design = self._describe(self.train.to_numpy())
        self.mean = design.mean(axis=0)
        ratio = _repetitions(data.train) / _repetitions(data.test)
        self.white = data.whiten()  # (n_functions, n_axes)
        targets = np.sqrt(ratio) * data.project(data.train) @ self.white
        self.level = targets.mean(axis=0)
        # Along whitened functions, weights of the linear law have these variances.
        prior = np.ones(self.white.shape[1])
        if data.brain.law == "linear":
            values = np.sum((data.information @ self.white) ** 2, axis=0)
            prior = ratio * values / np.trace(data.feature_law.covariance)
        centered = design - self.mean
        values, self.vectors = np.linalg.eigh(centered.T @ centered)
        crossed = self.vectors.T @ (centered.T @ (targets - self.level))
        self.variances = 1 / (np.maximum(values, 0)[:, np.newaxis] + 1 / prior)
        self.weights = self.vectors @ (self.variances * crossed)
        self.scale = 1 / np.sqrt(ratio)  # from training averages to those of the test

    def _describe(self, features: np.ndarray) -> np.ndarray:
        """Return what the response is regressed on, shape (n_images, n_regressors)."""
        brain = self.data.brain
        if brain.law == "linear":
            return features - brain.mean
        drives, delays = brain.drive(features)
        late = delays[:, np.newaxis] / LARGEST_DELAY
        with_one = np.column_stack([drives, np.ones(len(drives))])
        return np.hstack([with_one * late**power for power in (0, 1, 2)])

    def _predict(self, features: np.ndarray) -> np.ndarray:
        """Return expected whitened responses of the test."""
        expected = (self._describe(features) - self.mean) @ self.weights + self.level
        return self.scale * expected

    def _uncertainty(self, features: np.ndarray) -> np.ndarray:
        """Return their variances, noise included, mean over images."""
        along = (self._describe(features) - self.mean) @ self.vectors
        return 1 + self.scale**2 * np.mean(along**2, axis=0) @ self.variances

    def _measured(self) -> np.ndarray:
        return self.data.project(self.data.test, self.data.gains) @ self.white

    def retrieve(self, candidates: pd.DataFrame) -> Identification:
        """Find the test images among candidates.

        Parameters
        ----------
        candidates : DataFrame, shape (n_images, n_features)
            Features indexed by image.

        Returns
        -------
        identification : instance of Identification
            By the predictive density.
        """
        features = candidates.to_numpy()
        sd = np.sqrt(self._uncertainty(features))
        measured, expected = self._measured() / sd, self._predict(features) / sd
        scores = measured @ expected.T - (expected**2).sum(axis=1) / 2
        shown = self.data.test.metadata["image"]
        return Identification(scores, candidates.index, shown, {"task": "retrieval"})

    def classify(self, templates: pd.DataFrame, n_pictures: int) -> Identification:
        """Find the concepts of the test images.

        Parameters
        ----------
        templates : DataFrame, shape (n_concepts, n_features)
            Mean features of other images, indexed by concept.
        n_pictures : int
            How many images each template is the mean of.

        Returns
        -------
        identification : instance of Identification
            By the Gaussian density of responses to images of each concept.
        """
        features = templates.to_numpy(float)
        noise = np.diag(self._uncertainty(features))
        measured, scores = self._measured(), []
        for images in self.data.feature_law.imagine(features, n_pictures, N_IMAGINED):
            drawn = self._predict(images)
            law = multivariate_normal(drawn.mean(axis=0), np.cov(drawn.T) + noise)
            scores.append(law.logpdf(measured))
        shown = self.data.test.metadata["concept"]
        protocol = {"task": "classification"}
        return Identification(np.array(scores).T, templates.index, shown, protocol)


def _repetitions(epochs) -> float:
    return float(epochs.metadata["n_averaged"].iloc[0])
