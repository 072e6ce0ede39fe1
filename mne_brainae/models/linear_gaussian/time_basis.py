"""A few slow time courses instead of all samples."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...utils.files import zeros
from .blocks import row_blocks, weighted_sum

#: Cosines per second of response; the fastest has half as many periods per second.
RATE = 20.0
#: Responses of which temporary copies are made at a time.
RESPONSES = 256
#: A channel that varies less than this share of another is rounding error. Volts and
#: tesla differ by far less.
LEAST_SCALE = 1e-12


def time_basis(
    n_times: int, duration: float, n_functions: int | None = None
) -> np.ndarray:
    """Return the first cosines of an epoch, orthonormal over its samples.

    Function k is cos(pi k (t + 1/2) / n_times), of k / (2 duration) Hz. Brain responses
    to images are slow; the faster cosines hold hardly anything but noise.

    Parameters
    ----------
    n_times : int
        Samples of a response.
    duration : float
        Their duration in seconds.
    n_functions : int | None
        Number of functions, at most ``n_times``; None is 20 for every second.

    Returns
    -------
    basis : array, shape (n_times, n_functions)
        The functions in float32.
    """
    if n_functions is None:
        n_functions = int(np.ceil(RATE * duration))
    n_functions = int(np.clip(n_functions, 1, n_times))
    place = (np.arange(n_times) + 0.5) / n_times
    cosines = np.cos(np.pi * np.outer(place, np.arange(n_functions)))
    return (cosines / np.linalg.norm(cosines, axis=0)).astype(np.float32)


@dataclass
class Coordinates:
    """How responses become coordinates: channel by basis function.

    Parameters
    ----------
    basis : array, shape (n_times, n_functions)
        The time basis B.
    mean : array, shape (n_channels, n_times)
        The mean response.
    scale : array, shape (n_channels,)
        The standard deviation of every channel around the mean response, over images
        and times. Coordinates are in these units, whatever the units of the sensors.
    live : array of bool, shape (n_channels,)
        Which channels vary at all. The others are left out.
    """

    basis: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    live: np.ndarray

    @classmethod
    def learn(
        cls,
        responses: np.ndarray,
        basis: np.ndarray,
        weights: np.ndarray | None = None,
        folder: Path | None = None,
    ) -> tuple[Coordinates, np.ndarray]:
        """Learn mean and scale, and return the coordinates of the responses.

        Parameters
        ----------
        responses : array, shape (n_images, n_channels, n_times)
            The responses; can be a memory map, of which blocks are read twice.
        basis : array, shape (n_times, n_functions)
            The time basis.
        weights : array, shape (n_images,) | None
            How much every image counts for the mean; None is all alike.
        folder : path-like | None
            Where a temporary file keeps the coordinates; None is memory.

        Returns
        -------
        coordinates : instance of Coordinates
            What was learned.
        found : array, shape (n_images, n_live * n_functions)
            The coordinates of the responses, centered, float32.
        """
        n_images, n_channels, n_times = responses.shape
        size = n_images if weights is None else weights.sum()
        mean = weighted_sum(responses, weights) / size
        n_functions = basis.shape[1]
        found = zeros((n_images, n_channels * n_functions), np.float32, folder)
        power = np.zeros(n_channels)
        coordinates = cls(basis, mean, np.ones(n_channels), np.ones(n_channels, bool))
        unit = np.float32(np.abs(responses[0] - mean).max() or 1.0)
        for rows in row_blocks(n_images, RESPONSES):
            deviation = coordinates.deviation(responses[rows])
            deviation /= unit  # squares of tesla are too small for float32
            power += np.einsum("nct,nct->c", deviation, deviation)
            found[rows] = project(deviation, basis)
        scale = np.sqrt(power / (n_images * n_times)) * unit
        # A constant float32 channel varies by the rounding of its mean.
        rounding = np.abs(mean).max(axis=1) * 4 * np.finfo(np.float32).eps
        live = scale > np.maximum(rounding, LEAST_SCALE * scale.max(initial=0.0))
        coordinates.scale, coordinates.live = np.where(live, scale, 1.0), live
        return coordinates, coordinates.in_units(found, unit)

    def deviation(self, responses: np.ndarray) -> np.ndarray:
        """Return responses without the mean response, in float32."""
        mean = self.mean
        if responses.dtype == np.float32:
            mean = mean.astype(np.float32)
        return (responses - mean).astype(np.float32, copy=False)

    @property
    def shape(self) -> tuple[int, int]:
        """Live channels and basis functions."""
        return int(self.live.sum()), self.basis.shape[1]

    def in_units(self, found: np.ndarray, unit: float = 1.0) -> np.ndarray:
        """Divide coordinates of all channels by the scales, and drop dead channels.

        Parameters
        ----------
        found : array, shape (n_rows, n_channels * n_functions)
            Coordinates; changed in place.
        unit : float
            The unit that they are in.

        Returns
        -------
        found : array, shape (n_rows, n_live * n_functions)
            Coordinates in units of the scales.
        """
        n_functions = self.basis.shape[1]
        found /= np.repeat(self.scale / unit, n_functions).astype(np.float32)
        if self.live.all():
            return found
        return found[:, np.repeat(self.live, n_functions)]

    def of_trials(self, trials: np.ndarray) -> np.ndarray:
        """Return the coordinates of a few trials, from which the mean is removed.

        Parameters
        ----------
        trials : array, shape (n_trials, n_channels, n_times)
            The trials.

        Returns
        -------
        coordinates : array, shape (n_trials, n_live * n_functions)
            The coordinates in float32.
        """
        return self.in_units(project(self.deviation(trials), self.basis))

    def within(self, columns: np.ndarray) -> np.ndarray:
        """Return the coordinates of filters or patterns over all samples.

        Parameters
        ----------
        columns : array, shape (n_channels * n_times, n_axes)
            Filters or patterns.

        Returns
        -------
        within : array, shape (n_live * n_functions, n_axes)
            Their coordinates, channel by channel.
        """
        grid = columns.T.reshape(-1, *self.mean.shape)
        found = project(grid, self.basis).reshape(len(grid), len(self.live), -1)
        return found[:, self.live].reshape(len(grid), -1).T

    def whole(self, columns: np.ndarray, power: int) -> np.ndarray:
        """Return filters or patterns in the units of the sensors, for all channels.

        Parameters
        ----------
        columns : array, shape (n_live * n_functions, n_axes)
            Filters or patterns of coordinates.
        power : int
            The power of the unit that they multiply: -1 for filters, 1 for patterns.

        Returns
        -------
        whole : array, shape (n_channels * n_functions, n_axes)
            The same, with zeros for channels that do not vary.
        """
        n_live, n_functions = self.shape
        whole = np.zeros((len(self.live), n_functions, columns.shape[1]))
        unit = self.scale[self.live, None, None] ** power
        whole[self.live] = columns.reshape(n_live, n_functions, -1) * unit
        return whole.reshape(len(self.live) * n_functions, -1)


def project(responses: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Return the coordinates of responses in a time basis, channel by channel.

    Parameters
    ----------
    responses : array, shape (n_responses, n_channels, n_times)
        The responses.
    basis : array, shape (n_times, n_functions)
        The time basis.

    Returns
    -------
    coordinates : array, shape (n_responses, n_channels * n_functions)
        The coordinates.
    """
    # One product of (n_responses * n_channels, n_times) is far faster than many small.
    flat = responses.reshape(-1, responses.shape[2]) @ basis
    return flat.reshape(len(responses), -1)
