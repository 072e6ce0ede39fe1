"""Whether the image of a response is among the candidates at all."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression

from .likelihood import ConceptLaw, ErrorLaw, log_density

#: Random galleries from which the law is learned, and their candidates at most.
N_GALLERIES, MOST_CANDIDATES = 20, 300
#: Fewer concepts teach nothing about others.
FEWEST_CONCEPTS = 40


@dataclass
class Novelty:
    """The probability that the image of a response, or its concept, is a candidate.

    It is a logistic function of x = log mean_c N(z; c, S_m) - log N(z; mean, C + S_m):
    how much more probable a response is given the candidates c than given any image,
    whose predictions have this mean and covariance C.

    Parameters
    ----------
    mean : array, shape (n_axes,)
        The mean prediction.
    covariance : array, shape (n_axes, n_axes)
        The covariance C of predictions.
    intercept, weight : float
        Of the logistic function.
    """

    mean: np.ndarray
    covariance: np.ndarray
    intercept: float = 0.0
    weight: float = 1.0

    @classmethod
    def learn(
        cls,
        measured: np.ndarray,
        predicted: np.ndarray,
        concepts: np.ndarray,
        errors: ErrorLaw,
    ) -> Novelty | None:
        """Learn from galleries of held-out training images.

        Every gallery has one image of each concept. Each of these responses is compared
        with the gallery, and with the gallery without its own image.

        Parameters
        ----------
        measured : array, shape (n_images, n_axes)
            Responses along the axes.
        predicted : array, shape (n_images, n_axes)
            What is predicted of each by a fold that did not see it.
        concepts : array of int, shape (n_images,)
            The concept of every image.
        errors : instance of ErrorLaw
            The law of the errors.

        Returns
        -------
        novelty : instance of Novelty | None
            The law; None where there are fewer than 40 concepts.
        """
        if len(np.unique(concepts)) < FEWEST_CONCEPTS:
            return None
        of_trials = errors.covariance(errors.repetitions)

        def compare(rows: np.ndarray) -> np.ndarray:
            return log_density(measured[rows], predicted[rows], of_trials)

        law = cls._of_any(predicted)
        law._weigh(compare, measured, concepts, of_trials)
        return law

    @classmethod
    def learn_of_concepts(
        cls,
        measured: np.ndarray,
        predicted: np.ndarray,
        concepts: np.ndarray,
        errors: ErrorLaw,
        law_of_concepts: ConceptLaw,
        slope: float = 1.0,
    ) -> Novelty | None:
        """Learn the same of concepts, whose other training images are templates.

        Parameters
        ----------
        measured, predicted, concepts, errors
            As in :meth:`learn`.
        law_of_concepts : instance of ConceptLaw
            How images of a concept lie around its templates.
        slope : float
            What the predictions were multiplied by.

        Returns
        -------
        novelty : instance of Novelty | None
            The law; None where fewer than 40 concepts have two images or more.
        """
        of, count = np.unique(concepts, return_inverse=True, return_counts=True)[1:]
        sums = np.zeros((len(count), predicted.shape[1]))
        np.add.at(sums, of, predicted)
        repeated = np.flatnonzero(count[of] > 1)
        if len(np.unique(of[repeated])) < FEWEST_CONCEPTS:
            return None
        of, measured, own = of[repeated], measured[repeated], predicted[repeated]
        n_templates = count[of] - 1
        templates = (sums[of] - own) / n_templates[:, None]
        of_trials = errors.covariance(errors.repetitions)

        def compare(rows: np.ndarray) -> np.ndarray:
            given = measured[rows], templates[rows], n_templates[rows]
            return law_of_concepts.log_density(*given, of_trials, slope)

        law = cls._of_any(predicted)
        law._weigh(compare, measured, of, of_trials)
        return law

    @classmethod
    def _of_any(cls, predicted: np.ndarray) -> Novelty:
        n_axes = predicted.shape[1]
        covariance = np.cov(predicted.T).reshape(n_axes, n_axes)
        return cls(predicted.mean(axis=0), covariance)

    def _weigh(
        self, compare: Callable, measured, concepts, of_errors: np.ndarray
    ) -> None:
        """Learn the logistic function from random galleries.

        ``compare`` returns the log densities of the responses in some rows given the
        candidates of these rows, the right ones on the diagonal.
        """
        rng = np.random.default_rng(0)
        evidence, is_known = [], []
        for _ in range(N_GALLERIES):
            order = rng.permutation(len(concepts))
            rows = order[np.unique(concepts[order], return_index=True)[1]]
            rows = rng.permutation(rows)[:MOST_CANDIDATES]
            density = compare(rows)
            for is_in in (True, False):
                if not is_in:
                    np.fill_diagonal(density, -np.inf)
                n_candidates = len(rows) - (not is_in)
                evidence.append(
                    logsumexp(density, axis=1)
                    - np.log(n_candidates)
                    - self.log_density(measured[rows], of_errors)
                )
                is_known.append(np.full(len(rows), is_in))
        machine = LogisticRegression(C=1e6)
        machine.fit(np.concatenate(evidence)[:, None], np.concatenate(is_known))
        self.intercept = float(machine.intercept_[0])
        self.weight = float(machine.coef_[0, 0])

    def log_density(self, measured: np.ndarray, of_errors: np.ndarray) -> np.ndarray:
        """Return log densities of responses to any image, shape (n_responses,)."""
        return log_density(measured, self.mean[None], self.covariance + of_errors)[:, 0]

    def of_none(
        self, density: np.ndarray, measured: np.ndarray, of_errors: np.ndarray
    ) -> np.ndarray:
        """Return the log density of a further candidate, "none of these".

        Parameters
        ----------
        density : array, shape (n_responses, n_candidates)
            Log densities of responses given the candidates.
        measured : array, shape (n_responses, n_axes)
            The responses along the axes.
        of_errors : array, shape (n_axes, n_axes)
            The covariance S_m of their errors.

        Returns
        -------
        log_density : array, shape (n_responses,)
            Beside the densities of the candidates, Bayes' rule with an even prior gives
            the probability that the image is none of them.
        """
        total = logsumexp(density, axis=1)
        evidence = total - np.log(density.shape[1])
        evidence = evidence - self.log_density(measured, of_errors)
        return total - (self.intercept + self.weight * evidence)
