"""How far responses lie from what is predicted: steps 8 and 9 of the closed form."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import block_diag, cholesky, eigh, solve_triangular

#: Eigenvalues of E are at least this share of what is to be expected.
LEAST_SHARE = 0.5
#: Variance beyond the noise that is to be expected at least.
LEAST_EXCESS = 0.02


@dataclass
class ErrorLaw:
    """The covariance of a response around its prediction, for any repetitions.

    The mean of m repetitions has the covariance S_m = alpha (R / m) I + E, where R is
    the number of repetitions in training. The first part is the noise of trials, which
    averaging reduces, the second what the images do not predict.

    Parameters
    ----------
    alpha : float
        Variance of the noise of a mean of R repetitions along the axes; 0 where
        nothing was repeated, so that the two parts are not known apart.
    extra : array, shape (n_axes, n_axes)
        The covariance E.
    repetitions : float
        The number R.
    slope : float
        By which the embedding of an image is multiplied to give the prediction.
    """

    alpha: float
    extra: np.ndarray
    repetitions: float = 1.0
    slope: float = 1.0

    def covariance(self, repetitions: float) -> np.ndarray:
        """Return S_m.

        Parameters
        ----------
        repetitions : float
            The number m of repetitions in a mean response.

        Returns
        -------
        covariance : array, shape (n_axes, n_axes)
            The covariance. Without repetitions in training it is E R / m up to m = R
            and E beyond, which then is a lower bound of confidence.
        """
        ratio = self.repetitions / repetitions
        if self.alpha:
            return self.alpha * ratio * np.eye(len(self.extra)) + self.extra
        return self.extra * max(ratio, 1.0)

    def with_axes(self, n_axes: int) -> ErrorLaw:
        """Add axes along which errors of training responses have variance 1.

        Parameters
        ----------
        n_axes : int
            How many axes to add.

        Returns
        -------
        law : instance of ErrorLaw
            The law; errors along the new axes are independent of all others.
        """
        rest = max(1 - self.alpha, LEAST_EXCESS) * np.eye(n_axes)
        return replace(self, extra=block_diag(self.extra, rest))


def shrink_by_concept(
    errors: np.ndarray, concepts: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """Return the covariance of errors, shrunk to a multiple of the identity.

    The amount of Ledoit and Wolf (2004) takes rows for independent. Errors for images
    of one concept are not, so that here the unit is the concept:
    a = (sum_g |E_g'E_g - n_g C|^2 / n^2) / |C - mu I|^2.

    Parameters
    ----------
    errors : array, shape (n_images, n_axes)
        Errors of held-out images.
    concepts : array, shape (n_images,)
        The concept of every image.
    weights : array, shape (n_images,) | None
        How much every image counts.

    Returns
    -------
    covariance : array, shape (n_axes, n_axes)
        (1 - a) C + a mu I.
    """
    if weights is not None:
        errors = errors * np.sqrt(weights / weights.mean())[:, None]
    n_images, n_axes = errors.shape
    sample = errors.T @ errors / n_images
    mean = np.trace(sample) / n_axes
    distance = np.square(sample - mean * np.eye(n_axes)).sum()
    order = np.argsort(concepts, kind="stable")
    starts = np.flatnonzero(np.diff(concepts[order])) + 1
    spread = 0.0
    for group in np.split(errors[order], starts):
        spread += np.square(group.T @ group - len(group) * sample).sum()
    amount = min(1.0, spread / n_images**2 / distance) if distance > 0 else 1.0
    return (1 - amount) * sample + amount * mean * np.eye(n_axes)


def error_law(
    covariance: np.ndarray, alpha: float, repetitions: float, noise_level: float = 1.0
) -> ErrorLaw:
    """Split the covariance of errors into noise of trials and the rest.

    Parameters
    ----------
    covariance : array, shape (n_axes, n_axes)
        The covariance C of errors of held-out training responses.
    alpha : float
        The variance of the noise of a mean of R repetitions along the axes, or 0 where
        it is not known.
    repetitions : float
        The number R.
    noise_level : float
        Mean noise variance of the responses, in units of that of R repetitions, where
        images were repeated unequally often.

    Returns
    -------
    law : instance of ErrorLaw
        E = C - alpha I, with small eigenvalues raised.
    """
    n_axes = len(covariance)
    mean = np.trace(covariance) / n_axes
    if not mean > 0:
        return ErrorLaw(alpha, np.eye(n_axes), repetitions)
    if not alpha:
        return ErrorLaw(0.0, covariance, repetitions)
    values, vectors = eigh(covariance - alpha * noise_level * np.eye(n_axes))
    least = LEAST_SHARE * max(mean - alpha * noise_level, LEAST_EXCESS)
    extra = (vectors * np.maximum(values, least)) @ vectors.T
    return ErrorLaw(alpha, extra, repetitions)


def log_density(
    measured: np.ndarray, predicted: np.ndarray, covariance: np.ndarray
) -> np.ndarray:
    """Return Gaussian log densities of responses around predictions.

    Parameters
    ----------
    measured : array, shape (n_responses, n_axes)
        Responses along the axes.
    predicted : array, shape (n_candidates, n_axes)
        What is predicted for every candidate.
    covariance : array, shape (n_axes, n_axes)
        The covariance S.

    Returns
    -------
    log_density : array, shape (n_responses, n_candidates)
        -((z - c)' S^-1 (z - c) + log |2 pi S|) / 2.
    """
    root = cholesky(covariance, lower=True)
    a = solve_triangular(root, np.transpose(measured), lower=True)
    b = solve_triangular(root, np.transpose(predicted), lower=True)
    squares = (a**2).sum(axis=0)[:, None] - 2 * a.T @ b + (b**2).sum(axis=0)
    log_norm = np.log(2 * np.pi) * len(root) + 2 * np.log(np.diag(root)).sum()
    return -(np.maximum(squares, 0) + log_norm) / 2


@dataclass
class ConceptLaw:
    """How predictions for images of one concept are distributed.

    An image of a concept is predicted at z = c + e, where c belongs to the concept,
    with covariance Bc between concepts, and e to the image, with covariance W. From
    the mean of n images of a concept, its templates, another image of it is expected
    at g times that mean, g = r / (r + (1 - r) / n), and has the covariance
    (1 - g r) (Bc + W) around it, where r = tr Bc / tr(Bc + W).

    Parameters
    ----------
    within : array, shape (n_axes, n_axes)
        The covariance W.
    between : array, shape (n_axes, n_axes)
        The covariance Bc.
    share : float
        The share r of the variance that images of one concept have in common.
    n_concepts : int
        The number of concepts from which this was learned.
    images_per_concept : float
        Their mean number of images. With 1, W cannot be learned.
    """

    within: np.ndarray
    between: np.ndarray
    share: float
    n_concepts: int
    images_per_concept: float

    @classmethod
    def learn(cls, predicted: np.ndarray, concepts: np.ndarray) -> ConceptLaw:
        """Learn both covariances from training images.

        Parameters
        ----------
        predicted : array, shape (n_images, n_axes)
            Predictions for training images.
        concepts : array, shape (n_images,)
            The concept of every image.

        Returns
        -------
        law : instance of ConceptLaw
            The law.
        """
        names, of, count = np.unique(concepts, return_inverse=True, return_counts=True)
        n_images, n_axes = predicted.shape
        sums = np.zeros((len(names), n_axes))
        np.add.at(sums, of, predicted)
        means = sums / count[:, None]
        rest = predicted - means[of]
        within = rest.T @ rest / max(n_images - len(names), 1)
        between = -within / count.mean()
        if len(names) > 1:
            between = between + np.cov(means.T).reshape(n_axes, n_axes)
        total = np.trace(between + within)
        share = np.clip(np.trace(between) / total, 0.01, 0.99) if total > 0 else 0.01
        return cls(within, between, float(share), len(names), float(count.mean()))

    def gain(self, n_templates) -> np.ndarray:
        """Return g for means of so many images."""
        n_templates = np.asarray(n_templates, float)
        return self.share / (self.share + (1 - self.share) / n_templates)

    def covariance(self, n_templates) -> np.ndarray:
        """Return (1 - g r) (Bc + W) for means of so many images."""
        total = self.between + self.within
        return (1 - self.gain(n_templates) * self.share) * total

    def log_density(
        self,
        measured: np.ndarray,
        predicted: np.ndarray,
        n_templates: np.ndarray,
        of_errors: np.ndarray,
        slope: float = 1.0,
    ) -> np.ndarray:
        """Return log densities of responses to another image of each concept.

        Parameters
        ----------
        measured : array, shape (n_responses, n_axes)
            Responses along the axes.
        predicted : array, shape (n_concepts, n_axes)
            What is predicted for the mean of the templates of each concept.
        n_templates : array of int, shape (n_concepts,)
            Of how many images each is the mean.
        of_errors : array, shape (n_axes, n_axes)
            The covariance of responses around the prediction of their own image.
        slope : float
            What predictions were multiplied by.

        Returns
        -------
        log_density : array, shape (n_responses, n_concepts)
            As :func:`log_density` returns them.
        """
        found = np.empty((len(measured), len(predicted)))
        for count in np.unique(n_templates):
            same = n_templates == count
            covariance = of_errors + slope**2 * self.covariance(count)
            expected = self.gain(count) * predicted[same]
            found[:, same] = log_density(measured, expected, covariance)
        return found
