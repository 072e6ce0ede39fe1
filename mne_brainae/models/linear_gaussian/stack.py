"""Several ridge regressions stacked for every unit: step 10 of the closed form.

Each member sees the image through a window or sees one layer of features alone. All
are linear in the same features, so that the stack is one weight matrix in use.
"""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .bands import Bands
from .likelihood import log_density
from .members import (
    PER_UNIT_FROM,
    MemberFit,
    add_shared,
    fit_members,
    left_out_of,
    stack_members,
)
from .noise import Noise
from .noise_rows import NoiseRows
from .windows import FeatureMaps, Window, member_energy


@dataclass
class Stack:
    """A linear prediction of every unit, and the covariance of its errors.

    Parameters
    ----------
    feature_mean : array, shape (n_features,)
        The mean of the features.
    mean : array, shape (n_units,)
        The mean response.
    weights : array, shape (n_features, n_units)
        Weights of the features.
    errors : array, shape (n_units, n_units)
        The covariance of leave-one-out errors.
    gain : array, shape (n_units,)
        Share of the variance of left-out responses that is predicted.
    members : list of tuple
        Window and layer of every member; None is the whole image, or all layers.
    shares : array, shape (n_members, n_units)
        How much every member counts, not negative.
    penalties : array, shape (n_members, n_units)
        The ridge penalties.
    bands : instance of Bands
        The quantiles of leave-one-out errors.
    left_out : array, shape (n_images, n_units)
        Predictions of the training responses by what did not see them, without their
        mean.
    slope : float
        The part of the prediction that holds for images left out.
    factor : float
        By what predictions are multiplied: the slope where whole folds were left out,
        else 1. Weights and ``left_out`` are without it, so that images can be compared
        even where nothing holds.
    shared_weights : array, shape (n_shared, n_units) | None
        Weights of what others predict, centered; None where nothing was given.
    shared : float
        The mean share of what others predict in what members see.
    """

    feature_mean: np.ndarray
    mean: np.ndarray
    weights: np.ndarray
    errors: np.ndarray
    gain: np.ndarray
    members: list[tuple[Window | None, int | None]]
    shares: np.ndarray
    penalties: np.ndarray
    bands: Bands
    left_out: np.ndarray
    slope: float
    factor: float = 1.0
    shared_weights: np.ndarray | None = None
    shared: float = 0.0

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Predict the responses to images, shape (n_images, n_units)."""
        deviations = (features - self.feature_mean) @ self.weights
        return self.mean + self.factor * deviations

    def log_likelihood(self, responses: np.ndarray, features: np.ndarray) -> np.ndarray:
        """Return the log likelihood of responses to each image.

        Parameters
        ----------
        responses : array, shape (n_responses, n_units)
            The responses.
        features : array, shape (n_candidates, n_features)
            Features of candidate images.

        Returns
        -------
        log_likelihood : array, shape (n_responses, n_candidates)
            Gaussian log densities with the covariance of all units' errors.
        """
        predicted = self.predict(features)
        return log_density(responses - self.mean, predicted - self.mean, self.errors)


def solve_stack(
    features: np.ndarray,
    responses: np.ndarray,
    maps: FeatureMaps,
    *,
    shared: np.ndarray | None = None,
    folds: np.ndarray | None = None,
) -> Stack:
    """Stack ridge regressions through windows and on single layers.

    Penalties and shares are chosen by leave-one-out, which with few images takes noise
    for a gain. Below 400 images, folds are left out of everything, and the prediction
    is multiplied by the part of it that holds there.

    Parameters
    ----------
    features : array, shape (n_images, n_features)
        Image features, each standardized alike: windows and layers weigh them here.
    responses : array, shape (n_images, n_units)
        The responses.
    maps : instance of FeatureMaps
        Layer and place of every feature.
    shared : array, shape (n_images, n_shared) | None
        What others predict for the images. Members that see it beside the image are
        taken where images left out are predicted better with them.
    folds : array of int, shape (n_images,) | None
        The fold of every image; None leaves no folds out.

    Returns
    -------
    stack : instance of Stack
        The prediction.
    """
    features = np.asarray(features, np.float32)
    if shared is not None:
        shared = np.asarray(shared, np.float32)
    given = _Given(features, np.asarray(responses), maps, shared)
    candidates = [given] if shared is None else [replace(given, shared=None), given]
    stacks = [_fit(each) for each in candidates]
    if folds is not None and len(features) < PER_UNIT_FROM:
        for stack, each in zip(stacks, candidates, strict=True):
            _shrink(stack, each, _leave_out(each, folds))
    deviations = responses - stacks[0].mean
    squares = [
        np.square(deviations - stack.factor * stack.left_out).sum() for stack in stacks
    ]
    return stacks[int(np.argmin(squares))]


@dataclass
class _Given:
    """What a stack is fitted to; the fields are as in :func:`solve_stack`."""

    features: np.ndarray
    responses: np.ndarray
    maps: FeatureMaps
    shared: np.ndarray | None

    def of(self, rows: np.ndarray) -> _Given:
        """Return some of the images."""
        shared = None if self.shared is None else self.shared[rows]
        return replace(
            self,
            features=self.features[rows],
            responses=self.responses[rows],
            shared=shared,
        )


def _fit(given: _Given) -> Stack:
    """Fit a stack, with members that see what others predict if it is given."""
    features, targets, maps = given.features, given.responses, given.maps
    feature_mean = features.mean(axis=0, dtype=np.float64).astype(np.float32)
    mean = targets.mean(axis=0, dtype=np.float64)
    centered, targets = features - feature_mean, (targets - mean).astype(np.float32)
    members, fits = fit_members(centered, targets, maps)
    shared = given.shared
    if shared is None:
        shares = stack_members(left_out_of(fits, targets), targets)
    else:
        shared = shared - shared.mean(axis=0)
        members, fits, shares = add_shared(
            centered, shared, targets, maps, members, fits
        )
    left_out = np.einsum("mu,mnu->nu", shares, left_out_of(fits, targets))
    weights, of_shared = _sum_weights(centered, shared, maps, members, fits, shares)
    covariance, gain, bands = _judge(targets, left_out)
    return Stack(
        feature_mean,
        mean,
        weights,
        covariance,
        gain,
        members,
        shares,
        np.array([fit.penalties for fit in fits]),
        bands,
        left_out,
        _slope(left_out, targets, covariance),
        shared_weights=of_shared,
        shared=_mean_share(fits, shares),
    )


def _judge(targets: np.ndarray, left_out: np.ndarray) -> tuple:
    """Return the covariance of errors, the gain of each unit, and the bands."""
    errors = targets - left_out
    shape = targets.shape[1], 1
    covariance = Noise.learn(NoiseRows(errors), shape, "diagonal").covariance
    return covariance, _gain(targets, errors), Bands.of_errors([errors[:, :, None]])


def _slope(left_out: np.ndarray, targets: np.ndarray, covariance: np.ndarray) -> float:
    """Return the part of predictions that holds, where errors are white."""
    solved = np.linalg.solve(covariance, left_out.T.astype(float)).T
    energy = np.vdot(solved, left_out)
    if not energy > 0:
        return 0.0
    return float(np.clip(np.vdot(solved, targets) / energy, 0, 1))


def _leave_out(given: _Given, folds: np.ndarray) -> np.ndarray:
    """Predict every fold by a stack of the others, without their mean response."""
    predicted = np.zeros(given.responses.shape, np.float32)
    for name in np.unique(folds):
        rows = folds == name
        stack, left = _fit(given.of(~rows)), given.of(rows)
        predicted[rows] = (left.features - stack.feature_mean) @ stack.weights
        if stack.shared_weights is not None:
            center = given.shared[~rows].mean(axis=0)
            predicted[rows] += (left.shared - center) @ stack.shared_weights
    return predicted


def _shrink(stack: Stack, given: _Given, predicted: np.ndarray) -> None:
    """Multiply predictions by the part that holds for folds left out."""
    targets = given.responses - stack.mean
    stack.slope = _slope(predicted, targets, _judge(targets, predicted)[0])
    stack.factor, stack.left_out = stack.slope, predicted
    judged = _judge(targets, stack.factor * predicted)
    stack.errors, stack.gain, stack.bands = judged


def _gain(targets: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Return the share of the variance of left-out responses that is predicted."""
    power = np.square(targets, dtype=np.float64).sum(axis=0)
    of_mean = power * (len(targets) / (len(targets) - 1)) ** 2
    squares = np.square(errors, dtype=np.float64).sum(axis=0)
    return 1 - np.divide(squares, of_mean, out=np.ones(len(power)), where=of_mean > 0)


def _mean_share(fits: Sequence[MemberFit], shares: np.ndarray) -> float:
    """Return the mean share of what others predict, by how much members count."""
    counts = shares.sum(axis=1)
    total = counts.sum()
    return float(counts @ [fit.shared for fit in fits] / total) if total > 0 else 0.0


def _sum_weights(
    centered: np.ndarray, shared, maps: FeatureMaps, members, fits, shares
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the weights of the features, and of what others predict."""
    n_units = shares.shape[1]
    weights = np.zeros((centered.shape[1], n_units), np.float32)
    of_shared = None
    if shared is not None:
        of_shared = np.zeros((shared.shape[1], n_units), np.float32)
    for (window, layer), fit, share in zip(members, fits, shares, strict=True):
        if share.any():
            energy = fit.own_factor * member_energy(maps, window, layer)
            dual = fit.dual * share
            weights += energy.astype(np.float32)[:, None] * (centered.T @ dual)
            if shared is not None and fit.shared:
                of_shared += np.float32(fit.shared_factor) * (shared.T @ dual)
    return weights, of_shared
