"""Squares of image features that add to a linear prediction."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve

from .ridge import Ridge

#: Principal axes of the features in which directions are looked for, at most.
N_COORDINATES = 300
#: Ridge penalty of the patterns, where units have variance 1.
PENALTY = 0.02


@dataclass
class Squares:
    """Squared units h, and the patterns C by which they add to a prediction.

    The prediction along the signal axes is z = W'x + C'h(x), with the units
    h_i = ((a_i'V'x)^2 - mean_i) / sd_i of centered features x.

    Parameters
    ----------
    axes : array, shape (n_features, n_coordinates)
        The axes V, scaled.
    directions : array, shape (n_units, n_coordinates)
        The unit vectors a_i.
    patterns : array, shape (n_units, n_axes)
        The patterns C, multiplied by the slopes.
    unit_mean, unit_sd : array, shape (n_units,)
        Mean and standard deviation of the squares over training images.
    slopes : array, shape (n_units,)
        The part of each unit that holds for held-out images.
    held_out : array of bool, shape (n_images,)
        Training images from which the directions were not learned.
    """

    axes: np.ndarray
    directions: np.ndarray
    patterns: np.ndarray
    unit_mean: np.ndarray
    unit_sd: np.ndarray
    slopes: np.ndarray
    held_out: np.ndarray

    def units(self, centered: np.ndarray) -> np.ndarray:
        """Return the units.

        Parameters
        ----------
        centered : array, shape (n_images, n_features)
            Features minus their mean over training images.

        Returns
        -------
        units : array, shape (n_images, n_units)
            The squares h.
        """
        return (self.raw(centered) - self.unit_mean) / self.unit_sd

    def raw(self, centered: np.ndarray) -> np.ndarray:
        """Return the squares before they are standardized."""
        return np.square(centered @ self.axes @ self.directions.T)

    def embed(self, centered: np.ndarray) -> np.ndarray:
        """Return what the units add to the prediction.

        Parameters
        ----------
        centered : array, shape (n_images, n_features)
            Features minus their mean over training images.

        Returns
        -------
        added : array, shape (n_images, n_axes)
            C'h.
        """
        return self.units(centered) @ self.patterns


def coordinate_axes(
    ridge: Ridge, penalty: float, n_coordinates: int = N_COORDINATES
) -> np.ndarray:
    """Return principal axes of the features, scaled by what ridge regression trusts.

    Along component j the coordinates have the variance v_j / (v_j + l), the factor by
    which ridge regression with the penalty l shrinks it, up to one factor for all that
    makes their mean square 1.

    Parameters
    ----------
    ridge : instance of Ridge
        The regression on the features.
    penalty : float
        The penalty, in units of the total variance of the features.
    n_coordinates : int
        Number of axes, at most.

    Returns
    -------
    axes : array, shape (n_features, n_coordinates)
        The axes, by which centered features are multiplied.
    """
    kept = slice(-1, -n_coordinates - 1, -1)  # energies ascend
    energy, shrinkage = ridge.energy[kept], ridge.shrinkage(penalty)[kept, 0]
    if ridge.axes is not None:
        axes = ridge.axes[:, kept]
    else:
        axes = ridge.features.T @ ridge.scores[:, kept] / np.sqrt(energy)
    return axes * np.sqrt(ridge.size / energy * shrinkage / shrinkage.mean())


def unit_moments(
    squares: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of squares.

    Parameters
    ----------
    squares : array, shape (n_images, n_units)
        The squares.
    weights : array, shape (n_images,)
        How much every image counts.

    Returns
    -------
    mean, sd : array, shape (n_units,)
        The moments; the standard deviation of what does not vary is 1.
    """
    mean = np.average(squares, axis=0, weights=weights)
    sd = np.sqrt(np.average(np.square(squares - mean), axis=0, weights=weights))
    return mean, np.where(sd > 0, sd, 1.0)


def fit_patterns(
    units: np.ndarray, residuals: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Return C = (H'H / n + .02 I)^-1 H'R / n.

    Parameters
    ----------
    units : array, shape (n_images, n_units)
        The units H.
    residuals : array, shape (n_images, n_axes)
        What the linear prediction leaves, R.
    weights : array, shape (n_images,)
        How much every image counts.

    Returns
    -------
    patterns : array, shape (n_units, n_axes)
        The patterns C.
    """
    weighted = units * (weights / weights.sum())[:, None]
    second = weighted.T @ units + PENALTY * np.eye(units.shape[1])
    return solve(second, weighted.T @ residuals, assume_a="pos")
