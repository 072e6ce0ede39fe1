"""The closed form: from images and responses to the maps between them."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .axes import Solution, solve_axes
from .contrasts import contrast_trials
from .errors import learn_bands
from .extra_axes import add_driven, add_remainder
from .folds import (
    ONE_FOLD_FROM,
    Folds,
    HeldOut,
    choose_target,
    cross_validated,
    log_posteriors,
    make_folds,
    slope,
)
from .likelihood import ConceptLaw, ErrorLaw, error_law, shrink_by_concept
from .model import LeftOut, LinearGaussian
from .noise_rows import NoiseRows
from .novelty import Novelty
from .sample import Moments, Regression, Sample
from .square_search import add_squares
from .steps import Steps
from .time_basis import Coordinates, time_basis

#: Images that a fit needs at least.
FEWEST_IMAGES = 3
#: Quantiles of the distances of held-out responses that are kept.
N_QUANTILES = 201
#: Contrasts per image that a noise covariance needs at least.
CONTRASTS_PER_IMAGE = 0.25


def solve(
    features: np.ndarray,
    responses: np.ndarray,
    *,
    duration: float,
    trials: np.ndarray | None = None,
    trial_images: np.ndarray | None = None,
    repetitions=1,
    concepts=None,
    folds=None,
    squares: bool = False,
    n_extra: int = 0,
    keep_noise: bool = False,
    steps: Steps | None = None,
    folder: Path | None = None,
) -> LinearGaussian:
    """Solve for a linear shared space of images and responses.

    Parameters
    ----------
    features : array, shape (n_images, n_features)
        Image features, standardized.
    responses : array, shape (n_images, n_channels, n_times)
        The mean response to each image, in any unit; can be a memory map.
    duration : float
        The duration of a response in seconds.
    trials : array, shape (n_trials, n_channels, n_times) | None
        The single trials of which ``responses`` are means, in the same unit; can be a
        memory map. None is for responses that were not repeated.
    trial_images : array of int, shape (n_trials,) | None
        The image of every trial, as a row of ``features``.
    repetitions : float | array, shape (n_images,)
        Of how many trials each response is the mean, where ``trials`` is None.
    concepts : array-like, shape (n_images,) | None
        The concept of every image; None is every image by itself.
    folds : array of int, shape (n_images,) | None
        The fold of every image, as :func:`make_folds` gives; None makes folds of whole
        concepts. A single fold is not a cross-validation: the slope is then 1.
    squares : bool
        Whether squares of the features may add to the prediction. They are kept only
        where images of held-out concepts confirm them.
    n_extra : int
        Number of axes for what is not predicted, at most.
    keep_noise : bool
        Whether to keep the noise covariance.
    steps : instance of Steps | None
        Which steps to do; None is all.
    folder : path-like | None
        Where temporary files keep what is as large as the responses; None is memory.

    Returns
    -------
    model : instance of LinearGaussian
        The maps and the laws of the errors.

    Raises
    ------
    ValueError
        If features are the same for all images, there are fewer than 3 images, or
        arrays differ in length.
    """
    steps = Steps() if steps is None else steps
    given = prepare(
        features,
        responses,
        duration=duration,
        trials=trials,
        trial_images=trial_images,
        repetitions=repetitions,
        concepts=concepts,
        folds=folds,
        steps=steps,
        folder=folder,
    )
    sample, coordinates = given.sample, given.coordinates
    feature_mean, labels, counts = given.feature_mean, given.labels, given.counts
    if not sample.responses.any():
        return _nothing(feature_mean, coordinates, harmonic_mean(counts))
    plan = given.plan(steps)
    solution, held_out = solve_all(plan)
    if squares:
        solution, held_out = _with_squares(plan, solution, held_out, labels)
    model = _assemble(feature_mean, coordinates, solution)
    _judge(model, sample, solution, held_out, labels, counts, steps)
    if held_out:
        args = (coordinates, sample, responses, held_out, trials, trial_images)
        model.bands = learn_bands(model, *args)
        left_out = model.left_out
        model.distances = _quantiles_of_distances(left_out, model.errors)
        model.novelty = Novelty.learn(
            left_out.measured,
            left_out.predicted,
            labels[left_out.rows],
            model.errors,
        )
    if steps.complete and n_extra and held_out:
        add_driven(model, coordinates, sample, responses, held_out, n_extra)
    if concepts is not None:
        predicted = model.embed_image(sample.features + feature_mean)
        driven = predicted[:, : len(model.errors.extra)]
        model.concepts = ConceptLaw.learn(driven, labels)
        if model.novelty is not None:
            left_out = model.left_out
            model.concept_novelty = Novelty.learn_of_concepts(
                left_out.measured,
                left_out.predicted,
                labels[left_out.rows],
                model.errors,
                model.concepts,
                model.slope,
            )
    if keep_noise:
        noise = coordinates.whole(solution.noise.covariance, 1)
        model.noise = coordinates.whole(noise.T, 1)
    if n_extra:
        add_remainder(model, responses, coordinates, n_extra)
    return model


@dataclass
class Prepared:
    """The arrays of a fit, centered, with folds over whole concepts.

    Parameters
    ----------
    sample : instance of Sample
        Features, coordinates of the responses, and contrasts of repeated trials.
    coordinates : instance of Coordinates
        The time basis, the units and the mean response.
    feature_mean : array, shape (n_features,)
        What was removed from the features.
    folds, labels : array of int, shape (n_images,)
        The fold and the concept of every image.
    counts : array, shape (n_images,)
        Of how many trials each response is the mean.
    """

    sample: Sample
    coordinates: Coordinates
    feature_mean: np.ndarray
    folds: np.ndarray
    labels: np.ndarray
    counts: np.ndarray

    def plan(self, steps: Steps) -> Folds:
        """Plan the folds, with products of all images where these save time."""
        sample, moments = self.sample, None
        is_exact = steps.is_exact(len(sample))
        if not is_exact and sample.features.shape[1] < 0.8 * len(sample):
            moments = Moments.of(sample)
        return Folds(sample, self.folds, steps, moments)


def prepare(
    features: np.ndarray,
    responses: np.ndarray,
    *,
    duration: float,
    steps: Steps,
    trials: np.ndarray | None = None,
    trial_images: np.ndarray | None = None,
    repetitions=1,
    concepts=None,
    folds=None,
    folder: Path | None = None,
) -> Prepared:
    """Check and center the arrays of a fit.

    Parameters
    ----------
    features, responses, duration, trials, trial_images
        As in :func:`solve`.
    repetitions, concepts, folds, steps, folder
        As in :func:`solve`.

    Returns
    -------
    prepared : instance of Prepared
        The arrays. The contrasts of trials are left out where nothing varies.
    """
    _check(features, responses, trials, trial_images)
    labels = np.arange(len(features)) if concepts is None else np.asarray(concepts)
    labels = np.unique(labels, return_inverse=True)[1]
    folds = make_folds(labels, steps.n_folds) if folds is None else np.asarray(folds)
    counts = _count_repetitions(len(features), trial_images, repetitions)
    weights = image_weights(counts) if steps.weigh else None
    basis = time_basis(responses.shape[2], duration, steps.n_functions)
    coordinates, found = Coordinates.learn(responses, basis, weights, folder)
    features = np.asarray(features, np.float32)
    mean = np.average(features, axis=0, weights=weights).astype(np.float32)
    sample = Sample(features - mean, found, coordinates.shape, weights)
    if steps.noise == "repetitions" and trials is not None and found.any():
        _add_noise(sample, trials, trial_images, coordinates, counts, folder)
    return Prepared(sample, coordinates, mean, folds, labels, counts)


def _check(features, responses, trials, trial_images) -> None:
    if len(features) != len(responses):
        raise ValueError(
            f"features has {len(features)} rows and responses {len(responses)}; "
            "expected one of each for every image."
        )
    if len(features) < FEWEST_IMAGES:
        raise ValueError(
            f"The closed form needs at least {FEWEST_IMAGES} images, got "
            f"{len(features)}."
        )
    if not np.ptp(features, axis=0).any():
        raise ValueError(
            f"All {len(features)} images have the same features, so that nothing can "
            "be predicted from them. Give other images, or another image_encoder."
        )
    if (trials is None) != (trial_images is None):
        raise ValueError("trials and trial_images go together; give both or none.")
    if trials is not None and len(trials) != len(trial_images):
        raise ValueError(
            f"trials has {len(trials)} rows and trial_images {len(trial_images)}; "
            "expected the image of every trial."
        )


def _count_repetitions(n_images: int, trial_images, repetitions) -> np.ndarray:
    """Return of how many trials each response is the mean."""
    if trial_images is None:
        return np.broadcast_to(np.asarray(repetitions, float), n_images)
    counts = np.bincount(np.asarray(trial_images, int), minlength=n_images)
    return np.maximum(counts, 1).astype(float)


def harmonic_mean(counts: np.ndarray) -> float:
    """Return the number of repetitions whose noise is the mean noise of all images."""
    return float(1 / np.mean(1 / counts))


def image_weights(counts: np.ndarray) -> np.ndarray | None:
    """Return how much every image counts, by its number of repetitions.

    The best weight is the inverse of the variance of what is not predicted plus that
    of the noise, which is proportional to 1 / R_i. Both are taken to be equal for the
    mean noise of all images, so that weights are bounded: 1 / (1 + R / R_i), where R
    is the harmonic mean.

    Parameters
    ----------
    counts : array, shape (n_images,)
        The number R_i of repetitions of each image.

    Returns
    -------
    weights : array, shape (n_images,) | None
        Weights of mean 1; None where all images have the same number.
    """
    if (counts == counts[0]).all():
        return None
    weights = 1 / (1 + harmonic_mean(counts) / counts)
    return weights / weights.mean()


def _add_noise(sample, trials, trial_images, coordinates, counts, folder) -> None:
    """Add contrasts of repeated trials, where there are enough."""
    n_contrasts = int((counts - 1).sum())
    if n_contrasts < max(CONTRASTS_PER_IMAGE * len(sample), 2):
        return
    rows, images = contrast_trials(trials, trial_images, coordinates, folder)
    sample.noise_rows = NoiseRows(rows, harmonic_mean(counts))
    sample.noise_images = images


def solve_all(plan: Folds) -> tuple[Solution, list[HeldOut]]:
    """Hold out every fold, choose the target of the noise, and solve with all.

    Parameters
    ----------
    plan : instance of Folds
        The folds; a single one is no cross-validation.

    Returns
    -------
    solution : instance of Solution
        The axes of all images.
    held_out : list of HeldOut
        The images of every fold.
    """
    sample, steps, moments = plan.sample, plan.steps, plan.moments
    repeated = sample.noise_rows is not None
    target, held_out = steps.target, []
    if not repeated:
        target = "kronecker"
    if len(plan.names) > 1:
        if target == "auto":
            target, held_out = choose_target(plan)
        else:
            held_out = list(plan.held_out(target, plan.names))
    elif target == "auto":
        target = "diagonal"
    if moments is not None:
        regression = moments.regression(with_rows=not repeated)
    else:
        regression = Regression.fit(
            sample.features,
            sample.responses,
            sample.weights,
            steps.is_exact(len(sample)),
        )
    solution = solve_axes(regression, sample.noise_rows, sample.shape, steps, target)
    return solution, held_out


def _with_squares(
    plan: Folds, linear: Solution, held_out: list[HeldOut], labels: np.ndarray
) -> tuple[Solution, list[HeldOut]]:
    """Add squares, where held-out images are identified better with them.

    Every fold looks for its own squares.
    """
    sample, steps = plan.sample, plan.steps

    def refine(solution: Solution, rows: np.ndarray) -> Solution:
        return add_squares(solution, sample.without(rows), labels[~rows], steps)

    solution = add_squares(linear, sample, labels, steps)
    if solution.squares is None or not held_out:
        return solution, held_out
    n_folds = 1 if len(sample) >= ONE_FOLD_FROM else len(plan.names)
    found = list(plan.held_out(linear.noise.target, plan.names[:n_folds], refine))
    before = held_out[:n_folds]
    gain = log_posteriors(found, slope(found)) - log_posteriors(before, slope(before))
    return (solution, found) if gain.mean() > 0 else (linear, held_out)


def _judge(
    model: LinearGaussian,
    sample: Sample,
    solution: Solution,
    held_out,
    labels,
    counts,
    steps: Steps,
) -> None:
    """Add the slope of the prediction, and the law of its errors."""
    weights, filters = sample.weights, solution.axes.filters
    if held_out and steps.shrink:
        model.slope = slope(held_out, weights)
    measured = sample.responses @ filters.astype(np.float32)
    if held_out:
        rows, predicted = cross_validated(held_out, filters, model.slope)
        model.left_out = LeftOut(rows, measured[rows], predicted)
    else:
        rows = np.arange(len(sample))
        predicted = model.slope * solution.embed(sample.features)
    kept = None if weights is None else weights[rows]
    covariance = shrink_by_concept(measured[rows] - predicted, labels[rows], kept)
    repetitions = harmonic_mean(counts)
    level = float(np.average(repetitions / counts, weights=weights))
    alpha = 0.0
    if sample.noise_rows is not None:
        alpha = 1.0
        if steps.inflate:
            alpha = solution.noise.inflation(sample.noise_rows, filters)
    model.errors = error_law(covariance, alpha, repetitions, level)


def _quantiles_of_distances(left_out: LeftOut, errors: ErrorLaw) -> np.ndarray:
    """Return quantiles of e' S_R^-1 e, where e are cross-validated errors."""
    e = left_out.measured - left_out.predicted
    solved = np.linalg.solve(errors.covariance(errors.repetitions), e.T)
    squares = np.einsum("nk,kn->n", e, solved)
    return np.quantile(squares, np.linspace(0, 1, N_QUANTILES))


def _assemble(
    feature_mean: np.ndarray, coordinates: Coordinates, solution: Solution
) -> LinearGaussian:
    """Return the maps in the units of the sensors."""
    axes = solution.axes
    return LinearGaussian(
        basis=coordinates.basis,
        mean=coordinates.mean,
        filters=coordinates.whole(axes.filters, -1),
        patterns=coordinates.whole(axes.patterns, 1),
        feature_mean=feature_mean + solution.regression.feature_mean,
        weights=solution.weights,
        slope=1.0,
        errors=ErrorLaw(0.0, np.eye(len(axes.gain))),
        penalties=axes.penalties,
        gain=axes.gain,
        target=solution.noise.target,
        n_passes=solution.n_passes,
        extra_filters=np.zeros((coordinates.mean.size, 0)),
        extra_patterns=np.zeros((coordinates.mean.size, 0)),
        extra_weights=np.zeros((len(feature_mean), 0)),
        squares=solution.squares,
    )


def _nothing(
    feature_mean: np.ndarray, coordinates: Coordinates, repetitions: float
) -> LinearGaussian:
    """Return the maps of responses that do not vary: everything is at the mean."""
    size, n_times = coordinates.mean.size, coordinates.mean.shape[1]
    n_coordinates = size // n_times * coordinates.basis.shape[1]
    return LinearGaussian(
        basis=coordinates.basis,
        mean=coordinates.mean,
        filters=np.zeros((n_coordinates, 1)),
        patterns=np.zeros((n_coordinates, 1)),
        feature_mean=feature_mean,
        weights=np.zeros((len(feature_mean), 1)),
        slope=0.0,
        errors=ErrorLaw(0.0, np.eye(1), repetitions),
        penalties=np.ones(1),
        gain=np.zeros(1),
        target="diagonal",
        n_passes=0,
        extra_filters=np.zeros((size, 0)),
        extra_patterns=np.zeros((size, 0)),
        extra_weights=np.zeros((len(feature_mean), 0)),
    )
