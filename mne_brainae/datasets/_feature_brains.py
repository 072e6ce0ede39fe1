"""Brains that features of images drive, linearly or not."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from ._nonlinearity import all_delays, bend, delays_of
from ._responses import Sources

#: Images by which the variance of nonlinear responses is measured.
N_DRAWS = 4000
#: Singular values of responses that count, as a share of the largest.
LEAST_VALUE = 1e-4


@dataclass(frozen=True)
class LinearBrain:
    """A brain whose response is linear in the features.

    Parameters
    ----------
    mean : array, shape (n_features,)
        The mean of the features.
    axes : array, shape (n_features, n_drives)
        What drives the brain: these projections of the features minus their mean.
    common : array, shape (n_channels, n_times)
        The response that all images share.
    basis : array, shape (n_drives, n_channels, n_times)
        The response to every drive.
    """

    mean: np.ndarray
    axes: np.ndarray
    common: np.ndarray
    basis: np.ndarray

    law: ClassVar[str] = "linear"

    @property
    def n_drives(self) -> int:
        """How many projections of the features drive the brain."""
        return self.axes.shape[1]

    def coordinates(self, features: np.ndarray) -> np.ndarray:
        """Return the coordinates of responses in the basis: the drives.

        Parameters
        ----------
        features : array, shape (n_images, n_features)
            Image features.

        Returns
        -------
        coordinates : array, shape (n_images, n_drives)
            The drives.
        """
        return (features - self.mean) @ self.axes

    def respond(self, features: np.ndarray) -> np.ndarray:
        """Return the noise-free responses.

        Parameters
        ----------
        features : array, shape (n_images, n_features)
            Image features.

        Returns
        -------
        response : array, shape (n_images, n_channels, n_times)
            The responses in float32.
        """
        drives = self.coordinates(features.astype(np.float32)).astype(np.float32)
        response = np.tensordot(drives, self.basis.astype(np.float32), 1)
        return np.add(response, self.common, out=response, casting="same_kind")

    def variance(self, covariance: np.ndarray, after: np.ndarray) -> float:
        """Return the variance over images, averaged over channels and some times.

        Parameters
        ----------
        covariance : array, shape (n_features, n_features)
            The covariance of the features.
        after : array of bool, shape (n_times,)
            The times that count.

        Returns
        -------
        variance : float
            The variance in squared units of the responses.
        """
        spread = self.axes.T @ covariance @ self.axes
        flat = self.basis[:, :, after].reshape(len(self.basis), -1)
        return np.einsum("ij,ik,kj->j", flat, spread, flat, optimize=True).mean()


@dataclass(frozen=True)
class NonlinearBrain:
    """A brain whose drives are bent, and whose response comes early or late.

    Parameters
    ----------
    mean : array, shape (n_features,)
        The mean of the features.
    axes : array, shape (n_features, n_drives + 1)
        What drives the brain before :func:`bend`, and last, what makes it early.
    sources : instance of Sources
        What all images excite, and what each drive excites.
    times : array, shape (n_times,)
        The times in seconds.
    """

    mean: np.ndarray
    axes: np.ndarray
    sources: Sources
    times: np.ndarray

    law: ClassVar[str] = "nonlinear"

    @property
    def n_drives(self) -> int:
        """How many projections of the features drive the brain."""
        return self.axes.shape[1] - 1

    @cached_property
    def common(self) -> np.ndarray:
        """The response to no drive without delay, shape (n_channels, n_times)."""
        return self.sources.evoke(self.times)[0]

    @cached_property
    def _evoked(self) -> np.ndarray:
        """What is evoked at every delay, (n_delays, 1 + n_drives, n_channels, n_times).

        First what all images evoke, then what every drive evokes.
        """
        evoked = [self.sources.evoke(self.times - delay) for delay in all_delays()]
        return np.array([[common, *patterns] for common, patterns in evoked])

    @cached_property
    def basis(self) -> np.ndarray:
        """Orthonormal responses that span all, (n_functions, n_channels, n_times)."""
        evoked = self._evoked.copy()
        evoked[:, 0] -= self.common
        flat = evoked.reshape(-1, self.common.size)
        values, vectors = np.linalg.eigh(flat @ flat.T)
        keep = values > LEAST_VALUE**2 * values[-1]
        rows = (vectors[:, keep] / np.sqrt(values[keep])).T @ flat
        return rows.reshape(-1, *self.common.shape)

    @cached_property
    def _table(self) -> np.ndarray:
        """Coordinates of what is evoked, (n_delays, 1 + n_drives, n_functions)."""
        flat = self.basis.reshape(len(self.basis), -1)
        table = self._evoked.reshape(*self._evoked.shape[:2], -1) @ flat.T
        table[:, 0] -= flat @ self.common.ravel()
        return table

    def drive(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the bent drives of images, and the delays of the responses.

        Parameters
        ----------
        features : array, shape (n_images, n_features)
            Image features.

        Returns
        -------
        drives : array, shape (n_images, n_drives)
            The bent drives.
        delays : array, shape (n_images,)
            The delays in seconds.
        """
        raw = (features - self.mean) @ self.axes
        return bend(raw[:, :-1]), delays_of(raw[:, -1])

    def coordinates(self, features: np.ndarray) -> np.ndarray:
        """Return the coordinates of responses, less the common one, in the basis.

        Parameters
        ----------
        features : array, shape (n_images, n_features)
            Image features.

        Returns
        -------
        coordinates : array, shape (n_images, n_functions)
            The coordinates.
        """
        return self._combine(*self.drive(features), self._table)

    def respond(self, features: np.ndarray) -> np.ndarray:
        """Return the noise-free responses.

        Parameters
        ----------
        features : array, shape (n_images, n_features)
            Image features.

        Returns
        -------
        response : array, shape (n_images, n_channels, n_times)
            The responses in float32.
        """
        return self._combine(*self.drive(features), self._evoked.astype(np.float32))

    @staticmethod
    def _combine(drives, delays, evoked) -> np.ndarray:
        """Sum what is evoked at the delay of every image, times its drives."""
        out = np.empty((len(drives), *evoked.shape[2:]), evoked.dtype)
        strengths = np.column_stack([np.ones(len(drives)), drives]).astype(evoked.dtype)
        for delay, at_delay in zip(all_delays(), evoked, strict=True):
            rows = delays == delay
            out[rows] = np.tensordot(strengths[rows], at_delay, 1)
        return out

    def variance(self, covariance: np.ndarray, after: np.ndarray) -> float:
        """Return the variance over images, averaged over channels and some times.

        Parameters
        ----------
        covariance : array, shape (n_features, n_features)
            The covariance of the features.
        after : array of bool, shape (n_times,)
            The times that count.

        Returns
        -------
        variance : float
            The variance in squared units of the responses, of 4,000 drawn images.
        """
        rng = np.random.default_rng(0)
        raw = rng.multivariate_normal(
            np.zeros(self.axes.shape[1]), self.axes.T @ covariance @ self.axes, N_DRAWS
        )
        coordinates = self._combine(
            bend(raw[:, :-1]), delays_of(raw[:, -1]), self._table
        )
        spread = np.cov(coordinates.T)
        flat = self.basis[:, :, after].reshape(len(self.basis), -1)
        return np.einsum("ij,ik,kj->j", flat, spread, flat, optimize=True).mean()
