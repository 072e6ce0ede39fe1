"""Several ridge regressions stacked for every unit: step 10 of the closed form.

Each member sees the image through a window or sees one layer of features alone. All
are linear in the same features, so that the stack is one weight matrix in use.
"""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass
from itertools import product as combinations

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import nnls

from .bands import Bands
from .blocks import product
from .likelihood import log_density
from .noise import Noise, NoiseRows
from .ridge import Ridge
from .windows import FeatureMaps, Window, member_energy, place_grams

#: Centers of windows along each side, and standard deviations, as shares of the side.
CENTERS = tuple(0.5 + step / 7 for step in (-2, -1, 0, 1, 2))
WIDTHS = tuple(cells / 7 for cells in (1.25, 2.0, 3.0))
#: Windows through which each layer is also seen alone.
N_BEST = 3
#: How strongly the weights of members are drawn to their mean, and the standard
#: deviation of a prediction that this supposes, as a share of that of the responses.
STRENGTH, USUAL_PREDICTION = 0.02, 0.3


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

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Predict the responses to images, shape (n_images, n_units)."""
        return self.mean + (features - self.feature_mean) @ self.weights

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
    features: np.ndarray, responses: np.ndarray, maps: FeatureMaps
) -> Stack:
    """Stack ridge regressions through windows and on single layers.

    Parameters
    ----------
    features : array, shape (n_images, n_features)
        Image features, each standardized alike: windows and layers weigh them here.
    responses : array, shape (n_images, n_units)
        The responses.
    maps : instance of FeatureMaps
        Layer and place of every feature.

    Returns
    -------
    stack : instance of Stack
        The prediction.
    """
    features = np.asarray(features, np.float32)
    feature_mean = features.mean(axis=0, dtype=np.float64).astype(np.float32)
    mean = responses.mean(axis=0, dtype=np.float64)
    centered = features - feature_mean
    targets = (responses - mean).astype(np.float32)
    members, fits = fit_members(centered, targets, maps)
    predicted = np.stack([targets - fit.errors for fit in fits])
    shares = stack_members(predicted, targets)
    errors = targets - np.einsum("mu,mnu->nu", shares, predicted)
    weights = np.zeros((features.shape[1], targets.shape[1]), np.float32)
    for (window, layer), fit, share in zip(members, fits, shares, strict=True):
        if share.any():
            energy = member_energy(maps, window, layer).astype(np.float32)
            weights += energy[:, None] * (centered.T @ (fit.dual * share))
    power = np.square(targets, dtype=np.float64).sum(axis=0)
    of_mean = power * (len(targets) / (len(targets) - 1)) ** 2
    squares = np.square(errors, dtype=np.float64).sum(axis=0)
    gain = 1 - np.divide(squares, of_mean, out=np.ones(len(power)), where=of_mean > 0)
    shape = targets.shape[1], 1
    covariance = Noise.learn(NoiseRows.of(errors), shape, "diagonal").covariance
    penalties = np.array([fit.penalties for fit in fits])
    bands = Bands.of_errors([errors[:, :, None]])
    return Stack(
        feature_mean, mean, weights, covariance, gain, members, shares, penalties, bands
    )


@dataclass
class MemberFit:
    """A ridge regression of all units.

    Parameters
    ----------
    errors : array, shape (n_images, n_units)
        The leave-one-out errors.
    dual : array, shape (n_images, n_units)
        By which the weighted features are multiplied to give the weights.
    penalties : array, shape (n_units,)
        The penalty of each unit.
    """

    errors: np.ndarray
    dual: np.ndarray
    penalties: np.ndarray

    @classmethod
    def of(cls, gram: np.ndarray, targets: np.ndarray) -> MemberFit:
        """Fit from inner products of centered features."""
        ridge = Ridge.from_gram(gram)
        penalties, _ = ridge.choose(targets)
        projected = ridge.project(targets)
        errors = ridge.errors(targets, penalties, projected)
        return cls(errors, ridge.dual(projected, penalties), penalties)


def fit_members(
    centered: np.ndarray, targets: np.ndarray, maps: FeatureMaps
) -> tuple[list[tuple], list[MemberFit]]:
    """Fit the whole image, every window, and each layer in the best of these.

    Parameters
    ----------
    centered : array, shape (n_images, n_features)
        Centered features.
    targets : array, shape (n_images, n_units)
        Centered responses.
    maps : instance of FeatureMaps
        Layer and place of every feature.

    Returns
    -------
    members : list of tuple
        Window and layer of every member.
    fits : list of MemberFit
        Their regressions.
    """
    windows = [None]
    if maps.has_places():
        places = combinations(CENTERS, CENTERS, WIDTHS)
        windows += [Window(*place) for place in places]
    members = [(window, None) for window in windows]
    grams = place_grams(centered, maps, members)
    fits = [MemberFit.of(gram, targets) for gram in grams]
    if maps.n_layers > 1:
        scores = [np.square(fit.errors, dtype=np.float64).sum() for fit in fits]
        best = [windows[k] for k in np.argsort(scores, kind="stable")[:N_BEST]]
        alone = [(window, layer) for window in best for layer in range(maps.n_layers)]
        members += alone
        grams = place_grams(centered, maps, alone)
        fits += [MemberFit.of(gram, targets) for gram in grams]
    return members, fits


def stack_members(predicted: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Weigh the members for every unit, none negatively.

    The weights minimize |y - sum_k w_k yhat_k|^2 + .02 n (.3 sd)^2 |w - 1/m|^2 over
    leave-one-out predictions of m members for n images.

    Parameters
    ----------
    predicted : array, shape (n_members, n_images, n_units)
        The leave-one-out predictions.
    targets : array, shape (n_images, n_units)
        The centered responses.

    Returns
    -------
    shares : array, shape (n_members, n_units)
        The weights w.
    """
    n_members, n_images, n_units = predicted.shape
    even = np.full(n_members, 1 / n_members)
    shares = np.zeros((n_members, n_units))
    for unit in range(n_units):
        columns, target = predicted[:, :, unit].T, targets[:, unit]
        variance = USUAL_PREDICTION**2 * target.var(dtype=np.float64)
        pull = STRENGTH * n_images * variance
        if not pull > 0:
            continue
        inner = product(columns, columns) + pull * np.eye(n_members)
        crossed = product(columns, target[:, None])[:, 0] + pull * even
        root = cholesky(
            inner, lower=True
        )  # |L'w - L^-1 c|^2 is the same up to a constant
        shares[:, unit] = nnls(root.T, solve_triangular(root, crossed, lower=True))[0]
    return shares
