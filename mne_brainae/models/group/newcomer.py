"""A subject with the help of a group: steps 5 to 8 of many subjects."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import eigh

from ..linear_gaussian import ConceptLaw, LinearGaussian, Steps
from ..linear_gaussian.axes import Solution, solve_axes
from ..linear_gaussian.extra_axes import add_remainder
from ..linear_gaussian.folds import HeldOut
from ..linear_gaussian.likelihood import error_law, shrink_by_concept
from ..linear_gaussian.model import LeftOut
from ..linear_gaussian.roots import solve
from ..linear_gaussian.sample import Regression, Sample
from ..linear_gaussian.signal import leading_axes, most_axes
from ..linear_gaussian.solve import Prepared, harmonic_mean
from .axes import SharedAxes
from .member import Member, left_out_latents
from .weights import LEAST_WEIGHT, weigh_predictions

#: The predictions that are weighed, in this order.
PREDICTIONS = ("own", "mixed", "shared", "mean")
#: The share of shared latents in the mixed features.
MIXED_SHARE = 0.7
#: From so many images on, leave-one-out predictions take the place of folds, which
#: handicap what is fitted to this subject alone.
LEAVE_ONE_OUT_FROM = 600
#: Axes of the prediction with a smaller share of its variance are left out.
SMALLEST_SHARE = 1e-4


@dataclass
class LinearPrediction:
    """Responses predicted from features: (x - mean) @ weights @ patterns'.

    Parameters
    ----------
    weights : array, shape (n_features, n_axes)
        The weights of centered, standardized features.
    patterns : array, shape (n_coordinates, n_axes)
        The coordinates of the response to every axis.
    left_out : array, shape (n_images, n_coordinates)
        Predictions of the training responses by what did not see them, without the
        mean response.
    """

    weights: np.ndarray
    patterns: np.ndarray
    left_out: np.ndarray


@dataclass
class Newcomer:
    """A subject's maps, and how much every prediction counts in them.

    Parameters
    ----------
    maps : instance of LinearGaussian
        The maps between standardized features and standardized responses.
    weights : dict of float
        The weights by name of :data:`PREDICTIONS`.
    mean_slope : float | None
        The part of the group's mean map that holds for this subject, alone; None
        without a mean map.
    """

    maps: LinearGaussian
    weights: dict[str, float]
    mean_slope: float | None


def predict_alone(
    prepared: Prepared, solution: Solution, held_out: Sequence[HeldOut]
) -> LinearPrediction:
    """Return the prediction of a subject fitted alone.

    Parameters
    ----------
    prepared : instance of Prepared
        The arrays of the fit.
    solution : instance of Solution
        The axes of all images.
    held_out : sequence of HeldOut
        The images of every fold.

    Returns
    -------
    prediction : instance of LinearPrediction
        The prediction.
    """
    patterns = solution.axes.patterns
    if len(prepared.sample) >= LEAVE_ONE_OUT_FROM:
        left_out = left_out_latents(prepared, solution) @ patterns.T
    else:
        left_out = np.empty_like(prepared.sample.responses)
        for part in held_out:
            left_out[part.rows] = part.image @ part.patterns.T
    return LinearPrediction(solution.weights, patterns, left_out)


def predict_from(
    prepared: Prepared,
    features: np.ndarray,
    seen: np.ndarray,
    target: str,
    steps: Steps,
) -> LinearPrediction:
    """Return the prediction from other features than the subject's own.

    Parameters
    ----------
    prepared : instance of Prepared
        The arrays of the fit.
    features : array, shape (n_images, n_others)
        The features of the training images.
    seen : array, shape (n_images, n_others)
        The same as no response of the group to these images tells them.
    target : str
        What the noise is shrunk to.
    steps : instance of Steps
        The steps of the closed form.

    Returns
    -------
    prediction : instance of LinearPrediction
        Its ``weights`` are of these features.
    """
    sample = prepared.sample
    if len(sample) >= LEAVE_ONE_OUT_FROM:
        used = replace(sample, features=_center(seen, sample.weights))
        solution = _solve(used, None, target, steps)
        latents = left_out_latents(replace(prepared, sample=used), solution)
        patterns = solution.axes.patterns
        return LinearPrediction(solution.weights, patterns, latents @ patterns.T)
    used = replace(sample, features=_center(features, sample.weights))
    seen = seen - (features[0] - used.features[0])
    left_out = np.empty_like(sample.responses)
    for name in np.unique(prepared.folds):
        rows = prepared.folds == name
        solution = _solve(used, rows, target, steps)
        latents = solution.embed(seen[rows] - solution.regression.feature_mean)
        left_out[rows] = latents @ solution.axes.patterns.T
    solution = _solve(used, None, target, steps)
    return LinearPrediction(solution.weights, solution.axes.patterns, left_out)


def _center(features: np.ndarray, weights) -> np.ndarray:
    mean = np.average(features, axis=0, weights=weights)
    return np.asarray(features - mean, np.float32)


def _solve(sample: Sample, held_out, target: str, steps: Steps) -> Solution:
    """Solve for axes without the images held out."""
    rows = slice(None) if held_out is None else ~held_out
    noise = sample.noise_rows if held_out is None else sample.noise_without(held_out)
    weights = None if sample.weights is None else sample.weights[rows]
    regression = Regression.fit(
        sample.features[rows],
        sample.responses[rows],
        weights,
        steps.is_exact(len(sample)),
    )
    return solve_axes(regression, noise, sample.shape, steps, target)


def predict_by_group(
    prepared: Prepared,
    alone: LinearPrediction,
    axes: SharedAxes,
    members: Sequence[Member],
    images: Sequence[str],
    target: str,
    steps: Steps,
) -> list[LinearPrediction]:
    """Return the predictions from mixed features, and from shared latents alone.

    Parameters
    ----------
    prepared : instance of Prepared
        The arrays of the fit.
    alone : instance of LinearPrediction
        The prediction from the subject's own features.
    axes : instance of SharedAxes
        What the group shares, without this subject.
    members : sequence of Member
        The subjects of the axes.
    images : sequence of str
        The training images.
    target : str
        What the noise is shrunk to.
    steps : instance of Steps
        The steps of the closed form.

    Returns
    -------
    predictions : list of LinearPrediction
        The three predictions, with weights of the subject's own features.
    """
    centered = prepared.sample.features
    given = centered + prepared.feature_mean
    shared = axes.embed(given)
    left_out = axes.embed_left_out(given, images, members)
    own_gain = np.sqrt(1 - MIXED_SHARE) / _rms(centered)
    gain = np.sqrt(MIXED_SHARE) / _rms(shared - shared.mean(axis=0))
    mixed = predict_from(
        prepared,
        np.hstack([own_gain * centered, gain * shared]),
        np.hstack([own_gain * centered, gain * left_out]),
        target,
        steps,
    )
    n_own = centered.shape[1]
    weights = own_gain * mixed.weights[:n_own]
    weights = weights + gain * axes.weights @ mixed.weights[n_own:]
    mixed = replace(mixed, weights=weights)
    only = predict_from(prepared, shared, left_out, target, steps)
    only = replace(only, weights=axes.weights @ only.weights)
    return [alone, mixed, only]


def _rms(rows: np.ndarray) -> float:
    """Return the root of the mean squared norm of rows."""
    energy = np.einsum("ij,ij->", rows, rows, dtype=np.float64) / len(rows)
    return float(np.sqrt(max(energy, np.finfo(np.float32).tiny)))


def combine(
    prepared: Prepared,
    responses: np.ndarray,
    predictions: Sequence[LinearPrediction],
    own: Solution,
    *,
    n_embedding: int,
    concepts: bool = False,
    steps: Steps,
) -> Newcomer:
    """Weigh the predictions, and find the axes and errors of their sum.

    Parameters
    ----------
    prepared : instance of Prepared
        The arrays of the fit.
    responses : array, shape (n_images, n_channels, n_times)
        The standardized mean responses.
    predictions : sequence of LinearPrediction
        Own, mixed, shared and, where channels are common, the mean map of the group.
    own : instance of Solution
        The axes of the subject fitted alone.
    n_embedding : int
        Dimensions of the shared space, at most.
    concepts : bool
        Whether the concepts of the images are known.
    steps : instance of Steps
        The steps of the closed form.

    Returns
    -------
    newcomer : instance of Newcomer
        The maps and the weights.
    """
    root, sample = own.noise.root, prepared.sample
    measured = _whiten(sample.responses, root, sample.weights)
    left_out = [_whiten(each.left_out, root) for each in predictions]
    shares = weigh_predictions(measured, left_out)
    if not shares.any():
        shares[min(1, len(shares) - 1)] = LEAST_WEIGHT
    used = [k for k, share in enumerate(shares) if share > 0]
    predicted = sum(shares[k] * left_out[k] for k in used)
    weights = np.hstack([shares[k] * predictions[k].weights for k in used])
    patterns = np.hstack([predictions[k].patterns for k in used])
    axes = prediction_axes(predicted, measured, steps.priors(len(sample)))
    axes, n_signal = _complete(axes, sample.features @ weights, solve(root, patterns))
    maps = _assemble(prepared, own, axes, weights @ (solve(root, patterns).T @ axes))
    errors = (measured - predicted) @ axes[:, :n_signal]
    covariance = shrink_by_concept(errors, prepared.labels, sample.weights)
    repetitions = harmonic_mean(prepared.counts)
    alpha = 0.0
    if sample.noise_rows is not None:
        filters = solve(root, axes[:, :n_signal], transposed=True)
        alpha = own.noise.inflation(sample.noise_rows, filters)
    maps.errors = error_law(covariance, alpha, repetitions)
    along = axes[:, :n_signal]
    maps.left_out = LeftOut(np.arange(len(sample)), measured @ along, predicted @ along)
    if concepts:
        latents = (sample.features @ maps.weights)[:, :n_signal]
        maps.concepts = ConceptLaw.learn(latents, prepared.labels)
    n_extra = max(n_embedding - axes.shape[1], 0)
    if n_extra:
        add_remainder(maps, responses, prepared.coordinates, n_extra)
    named = dict(zip(PREDICTIONS, map(float, shares), strict=False))
    has_mean = len(predictions) == len(PREDICTIONS)
    return Newcomer(maps, named, _slope(left_out[-1], measured) if has_mean else None)


def _slope(predicted: np.ndarray, measured: np.ndarray) -> float:
    """Return the least-squares factor of a prediction, between 0 and 1."""
    energy = np.vdot(predicted, predicted)
    if not energy > 0:
        return 0.0
    return float(np.clip(np.vdot(predicted, measured) / energy, 0, 1))


def _whiten(rows: np.ndarray, root: np.ndarray, weights=None) -> np.ndarray:
    """Return rows of coordinates in which the noise is white; images weighed."""
    white = solve(root, rows.T).T
    return white if weights is None else white - np.average(white, 0, weights)


def prediction_axes(
    predicted: np.ndarray, measured: np.ndarray, n_axes: int
) -> np.ndarray:
    """Return the axes along which left-out predictions and responses agree most.

    Parameters
    ----------
    predicted, measured : array, shape (n_images, n_coordinates)
        Whitened left-out predictions, and responses.
    n_axes : int
        Number of axes, at most; there are also at most max(8, n / 4) of them.

    Returns
    -------
    axes : array, shape (n_coordinates, n_axes)
        Eigenvectors of sym(H'Y), those of positive eigenvalues, one at least.
    """
    n_images, size = predicted.shape
    n_axes = min(most_axes(n_images, n_images - 1), n_axes, size)

    def multiply(vectors):
        vectors = vectors.reshape(size, -1)
        first = predicted.T @ (measured @ vectors)
        return (first + measured.T @ (predicted @ vectors)) / 2

    return leading_axes(multiply, size, n_axes)


def _complete(axes: np.ndarray, latents: np.ndarray, patterns: np.ndarray):
    """Add axes for what is predicted beside the others.

    Parameters
    ----------
    axes : array, shape (n_coordinates, n_signal)
        Orthonormal whitened axes.
    latents : array, shape (n_images, n)
        What is predicted, times ``patterns``.
    patterns : array, shape (n_coordinates, n)
        Whitened patterns.

    Returns
    -------
    axes : array, shape (n_coordinates, n_axes)
        All axes, orthonormal.
    n_signal : int
        The number of those that were given.
    """
    rest = patterns - axes @ (axes.T @ patterns)
    basis, triangle = np.linalg.qr(rest)
    predicted = latents @ triangle.T
    values, vectors = eigh(predicted.T @ predicted)
    total = np.einsum(
        "ij,jk,ik->", latents, patterns.T @ patterns, latents, optimize=True
    )
    kept = values > SMALLEST_SHARE * max(total, np.finfo(float).tiny)
    return np.hstack([axes, basis @ vectors[:, kept][:, ::-1]]), axes.shape[1]


def _assemble(
    prepared: Prepared, own: Solution, axes: np.ndarray, weights: np.ndarray
) -> LinearGaussian:
    """Return the maps along whitened axes in the units of the sensors."""
    coordinates, root = prepared.coordinates, own.noise.root
    size = coordinates.mean.size
    return LinearGaussian(
        basis=coordinates.basis,
        mean=coordinates.mean,
        filters=coordinates.whole(solve(root, axes, transposed=True), -1),
        patterns=coordinates.whole(root @ axes, 1),
        feature_mean=prepared.feature_mean,
        weights=weights,
        slope=1.0,
        errors=None,
        penalties=np.full(axes.shape[1], np.nan),
        gain=np.square(prepared.sample.features @ weights).mean(axis=0),
        target=own.noise.target,
        n_passes=own.n_passes,
        extra_filters=np.zeros((size, 0)),
        extra_patterns=np.zeros((size, 0)),
        extra_weights=np.zeros((len(prepared.feature_mean), 0)),
    )
