"""Images that are held out in whole concepts: steps 2 and 6 of the closed form."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from .axes import Solution, solve_axes
from .sample import Regression, Sample
from .steps import Steps

#: From so many images on, one fold is enough to choose the target of the noise.
ONE_FOLD_FROM = 5000
#: Images that a fold leaves at least.
FEWEST_IMAGES = 3

Refine = Callable[[Solution, np.ndarray], Solution]


def make_folds(groups, n_folds: int = 5, seed: int = 0) -> np.ndarray:
    """Assign whole groups of images to folds at random.

    Parameters
    ----------
    groups : array-like, shape (n_images,)
        The group of every image, such as its concept. Of labels in place of images,
        where every concept is in training and test, every row is a group by itself.
    n_folds : int
        Number of folds, at most that of groups.
    seed : int
        The seed.

    Returns
    -------
    folds : array of int, shape (n_images,)
        The fold of every image. Where a fold of whole groups would leave fewer than 3
        images, as with a single group, folds are of single images.
    """
    names, of = np.unique(np.asarray(groups), return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(names))
    folds = (order % min(n_folds, len(names)))[of]
    n_left = len(of) - np.bincount(folds).max()
    if n_left < FEWEST_IMAGES and len(names) < len(of):
        return make_folds(np.arange(len(of)), n_folds, seed)
    return folds


@dataclass
class HeldOut:
    """Images of one fold, and what the others make of them.

    Parameters
    ----------
    rows : array of bool, shape (n_images,)
        Which images were held out.
    brain : array, shape (n_held_out, n_axes)
        Their responses along the axes of this fold.
    image : array, shape (n_held_out, n_axes)
        What is predicted along these axes.
    filters, patterns : array, shape (n_coordinates, n_axes)
        Filters of the axes, and the responses to them.
    mean : array, shape (n_coordinates,)
        The mean response of the other images.
    """

    rows: np.ndarray
    brain: np.ndarray
    image: np.ndarray
    filters: np.ndarray
    patterns: np.ndarray
    mean: np.ndarray

    @classmethod
    def of(cls, solution: Solution, sample: Sample, rows: np.ndarray) -> HeldOut:
        """Apply the solution of a fold to the images that it did not see."""
        regression, axes = solution.regression, solution.axes
        responses = sample.responses[rows] - regression.response_mean.astype(np.float32)
        features = sample.features[rows] - regression.feature_mean.astype(np.float32)
        brain = responses @ axes.filters.astype(np.float32)
        image = solution.embed(features)
        return cls(
            rows,
            brain.astype(np.float64),
            image.astype(np.float64),
            axes.filters,
            axes.patterns,
            regression.response_mean,
        )


class Folds:
    """Solves the axes without the images of one fold after the other.

    Parameters
    ----------
    sample : instance of Sample
        All images, with centered features and responses.
    folds : array of int, shape (n_images,)
        The fold of every image.
    steps : instance of Steps
        Which steps to do.
    moments : instance of Moments | None
        Products of all images, from which those held out are subtracted; None
        computes the products of every fold from its images.
    """

    def __init__(self, sample: Sample, folds, steps: Steps, moments=None):
        self.sample, self.folds, self.steps = sample, folds, steps
        self.moments = moments
        self.names = np.unique(folds)
        self._regression = (None, None)

    def held_out(
        self, target: str, names: Iterable, refine: Refine | None = None
    ) -> Iterator[HeldOut]:
        """Solve without some folds.

        Parameters
        ----------
        target : ``"diagonal"`` | ``"kronecker"``
            What the covariance of the noise is shrunk to.
        names : iterable of int
            The folds to leave out, one at a time.
        refine : callable | None
            Returns a better solution from a solution and the images held out.

        Yields
        ------
        held_out : instance of HeldOut
            The images of the fold.
        """
        sample = self.sample
        for name in names:
            rows = self.folds == name
            noise_rows = sample.noise_without(rows)
            solution = solve_axes(
                self._regress_without(name, noise_rows is not None),
                noise_rows,
                sample.shape,
                self.steps,
                target,
            )
            if refine is not None:
                solution = refine(solution, rows)
            yield HeldOut.of(solution, sample, rows)

    def _regress_without(self, name, repeated: bool) -> Regression:
        """Regress once for all targets of the noise."""
        if self._regression[0] == name:
            return self._regression[1]
        rows, sample = self.folds == name, self.sample
        if self.moments is not None:
            regression = self.moments.regression(rows, with_rows=not repeated)
        else:
            weights = None if sample.weights is None else sample.weights[~rows]
            regression = Regression.fit(
                sample.features[~rows],
                sample.responses[~rows],
                weights,
                self.steps.is_exact(len(sample)),
            )
        self._regression = name, regression
        return regression


def choose_target(folds: Folds) -> tuple[str, list[HeldOut]]:
    """Choose the target of the noise covariance, and hold out every fold with it.

    The target is the diagonal, unless the held-out log posterior of the right image is
    better with a Kronecker product by more than one standard error of the paired
    difference.

    Parameters
    ----------
    folds : instance of Folds
        The folds.

    Returns
    -------
    target : ``"diagonal"`` | ``"kronecker"``
        The target.
    held_out : list of HeldOut
        The images of every fold, along axes found with this target.
    """
    names = list(folds.names)
    n_compared = 1 if len(folds.sample) >= ONE_FOLD_FROM else len(names)
    found = {"diagonal": [], "kronecker": []}
    for name in names[:n_compared]:
        for target, parts in found.items():
            parts.extend(folds.held_out(target, [name]))
    scores = [log_posteriors(parts, slope(parts)) for parts in found.values()]
    gain = scores[1] - scores[0]
    error = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else np.inf
    target = "kronecker" if gain.mean() > error else "diagonal"
    rest = folds.held_out(target, names[n_compared:])
    return target, found[target] + list(rest)


def slope(held_out: list[HeldOut], weights: np.ndarray | None = None) -> float:
    """Return how much of the prediction holds for images that were held out.

    s = sum z_B z_I / sum z_I^2, between 0 and 1, is the least-squares factor by which
    predictions are multiplied. Images that have nothing to do with the responses have
    a slope near 0.

    Parameters
    ----------
    held_out : list of HeldOut
        The images of every fold.
    weights : array, shape (n_images,) | None
        How much every image counts.

    Returns
    -------
    slope : float
        The slope s.
    """
    above = below = 0.0
    for part in held_out:
        each = 1.0 if weights is None else weights[part.rows, None]
        above += float((each * part.brain * part.image).sum())
        below += float((each * part.image**2).sum())
    return float(np.clip(above / below, 0, 1)) if below > 0 else 0.0


def log_posteriors(held_out: list[HeldOut], slope: float) -> np.ndarray:
    """Return the log posterior of the right image among those of its fold.

    The errors along the axes are taken as independent and of one variance, which is
    the mean over the fold, so that no covariance is fitted to what is judged.

    Parameters
    ----------
    held_out : list of HeldOut
        The images of every fold.
    slope : float
        The factor of the prediction.

    Returns
    -------
    log_posteriors : array, shape (n_held_out,)
        One value for every image.
    """
    found = []
    for part in held_out:
        measured, predicted = part.brain, slope * part.image
        squares = (
            np.square(measured).sum(axis=1)[:, None]
            - 2 * measured @ predicted.T
            + np.square(predicted).sum(axis=1)
        )
        variance = np.diag(squares).mean() / measured.shape[1]
        scaled = -squares / (2 * max(variance, np.finfo(float).tiny))
        found.append(np.diag(scaled) - logsumexp(scaled, axis=1))
    return np.concatenate(found)


def cross_validated(
    held_out: list[HeldOut], filters: np.ndarray, slope: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return predictions of held-out images, seen along the final axes.

    Parameters
    ----------
    held_out : list of HeldOut
        The images of every fold.
    filters : array, shape (n_coordinates, n_axes)
        The filters of the final axes.
    slope : float
        The factor of the prediction.

    Returns
    -------
    rows : array of int, shape (n_held_out,)
        The images.
    predicted : array, shape (n_held_out, n_axes)
        filters' (mean of the fold + slope patterns_fold z_I), from the mean of all.
    """
    rows = np.concatenate([np.flatnonzero(part.rows) for part in held_out])
    predicted = [
        part.mean @ filters + slope * part.image @ (part.patterns.T @ filters)
        for part in held_out
    ]
    return rows, np.concatenate(predicted)
