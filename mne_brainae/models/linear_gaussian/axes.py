"""Noise and axes by turns: steps 2 to 5 of the closed form."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from .noise import Noise
from .noise_rows import NoiseRows
from .roots import LowRankRoot, solve
from .sample import Regression
from .signal import (
    FIRST_PENALTY,
    SignalAxes,
    find_axes,
    positive_part,
    prior_axes,
)
from .squares import Squares
from .steps import Steps


@dataclass
class Solution:
    """Axes of the responses, and the noise around them.

    Parameters
    ----------
    regression : instance of Regression
        The responses, regressed on the features.
    axes : instance of SignalAxes
        The axes.
    noise : instance of Noise
        The noise of a mean response.
    weights : array, shape (n_features, n_axes)
        The weights of centered features that predict the responses along the axes.
    n_passes : int
        How often noise and axes were computed.
    squares : instance of Squares | None
        What squares of the features add; None is nothing.
    """

    regression: Regression
    axes: SignalAxes
    noise: Noise
    weights: np.ndarray
    n_passes: int
    squares: Squares | None = None

    def embed(self, centered: np.ndarray) -> np.ndarray:
        """Return what centered features predict along the axes.

        Parameters
        ----------
        centered : array, shape (n_images, n_features)
            Features minus their mean.

        Returns
        -------
        predicted : array, shape (n_images, n_axes)
            W'x, plus what the squares add.
        """
        predicted = centered @ self.weights
        if self.squares is not None:
            predicted = predicted + self.squares.embed(centered)
        return predicted


def solve_axes(
    regression: Regression,
    noise_rows: NoiseRows | None,
    shape: tuple[int, int],
    steps: Steps,
    target: str = "diagonal",
) -> Solution:
    """Solve for noise and axes.

    Parameters
    ----------
    regression : instance of Regression
        The responses, regressed on the features.
    noise_rows : instance of NoiseRows | None
        Contrasts of repeated trials; None where nothing is repeated.
    shape : tuple of int
        Numbers of channels and of time functions.
    steps : instance of Steps
        Which steps to do.
    target : ``"diagonal"`` | ``"kronecker"``
        What the covariance of the contrasts is shrunk to.

    Returns
    -------
    solution : instance of Solution
        The axes.
    """
    targets = regression.targets
    n_images = targets.ridge.n_rows
    n_passes = steps.passes(n_images, noise_rows is not None)
    noise = first_noise(targets, noise_rows, shape, target)
    axes = one_pass(targets, noise, FIRST_PENALTY, shape, steps)
    for _ in range(n_passes - 1):
        if noise_rows is None and steps.noise != "variances":
            residuals = NoiseRows(regression.residuals(axes))
            noise = Noise.learn(residuals, shape, "kronecker")
        axes = one_pass(targets, noise, axes.shared_penalty, shape, steps)
    weights = axes.weights().astype(np.float32)
    return Solution(regression, axes, noise, weights, n_passes)


def first_noise(targets, noise_rows, shape, target) -> Noise:
    """Return the noise that contrasts show, or all variance where there are none.

    Residuals of a first prediction would do instead only where the signal is tiny.

    Parameters
    ----------
    targets : instance of ExactTargets | GeneralizedTargets
        The responses.
    noise_rows : instance of NoiseRows | None
        Contrasts of repeated trials.
    shape : tuple of int
        Numbers of channels and of time functions.
    target : ``"diagonal"`` | ``"kronecker"``
        What the covariance of the contrasts is shrunk to.

    Returns
    -------
    noise : instance of Noise
        The noise of a mean response.
    """
    if noise_rows is None:
        return Noise.independent(targets.power())
    return Noise.learn(noise_rows, shape, target)


def one_pass(targets, noise: Noise, penalty: float, shape, steps: Steps) -> SignalAxes:
    """Find the axes for one covariance of the noise, then look for them anew.

    The first axes lie where the prediction of all responses with one penalty agrees
    with the responses. The axes themselves predict better, so that their prediction
    tells better where to look.

    Parameters
    ----------
    targets : instance of ExactTargets | GeneralizedTargets
        The responses.
    noise : instance of Noise
        The noise.
    penalty : float
        The penalty of the first prediction.
    shape : tuple of int
        Numbers of channels and of time functions.
    steps : instance of Steps
        Which steps to do.

    Returns
    -------
    axes : instance of SignalAxes
        The axes.
    """
    n_prior = steps.priors(targets.ridge.n_rows)
    if not steps.separable:
        prior = full_prior(targets.shared(penalty), noise.root, n_prior)
        return find_axes(targets, prior, noise.root, penalty, steps.own_penalties)
    marginals = targets.marginals(penalty, shape)
    for _ in range(1 + steps.anew(targets.ridge.n_rows)):
        channels, times = map(positive_part, marginals)
        if not (channels.any() and times.any()):  # very few images
            channels, times = map(positive_part, targets.marginals(None, shape))
        prior = prior_axes(channels, times, noise.root, n_prior)
        axes = find_axes(targets, prior, noise.root, penalty, steps.own_penalties)
        penalty = axes.shared_penalty
        marginals = axes.marginals(targets, shape)
    return axes


def full_prior(
    shared: np.ndarray, root: np.ndarray | LowRankRoot, n_axes: int
) -> np.ndarray:
    """Return the leading axes of whitened predictions x responses, of any structure.

    Parameters
    ----------
    shared : array, shape (n_coordinates, n_coordinates)
        P'Y.
    root : array, shape (n_coordinates, n_coordinates) | instance of LowRankRoot
        The root of the noise covariance.
    n_axes : int
        Number of axes, at most.

    Returns
    -------
    axes : array, shape (n_coordinates, n_axes)
        Orthonormal axes, strongest first.
    """
    half = solve(root, (shared + shared.T) / 2)
    whitened = solve(root, half.T)  # L^-1 sym(P'Y) L^-T
    # Lanczos iterations hardly converge where eigenvalues lie close.
    last = len(root) - 1
    first = max(len(root) - n_axes, 0)
    _, axes = eigh(whitened, subset_by_index=[first, last])
    return axes[:, ::-1]
