"""Axes for what is not predicted: step 7 of the closed form."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import qr

from .blocks import multiply, row_blocks
from .time_basis import RESPONSES

#: Images per axis. Axes that are fitted to fewer hold more noise in these images than
#: in new ones.
IMAGES_PER_AXIS = 8
#: Images from which the axes are computed, at most, evenly spread over all.
MOST_IMAGES = 2000
#: Random directions beyond the axes, and how often they are turned toward them.
N_BEYOND, N_ITER = 10, 3


@dataclass
class Remainder:
    """What signal axes do not return of centered responses, in units of every channel.

    With z = F'(y - mean) along the signal axes, the remainder is
    r = y - mean - P z = (I - P F')(y - mean). All samples count, not only those of the
    time basis.

    Parameters
    ----------
    mean : array, shape (n_values,)
        The mean response, channel by channel.
    filters, patterns : array, shape (n_values, n_signal)
        F and P of responses in units of every channel, float32.
    unit : array, shape (n_values,)
        The unit of every value.
    """

    mean: np.ndarray
    filters: np.ndarray
    patterns: np.ndarray
    unit: np.ndarray

    @classmethod
    def of_axes(
        cls,
        mean: np.ndarray,
        filters: np.ndarray,
        patterns: np.ndarray,
        scale: np.ndarray,
    ) -> Remainder:
        """Prepare from axes in the unit of the responses.

        Parameters
        ----------
        mean : array, shape (n_channels, n_times)
            The mean response.
        filters, patterns : array, shape (n_channels * n_times, n_signal)
            F and P.
        scale : array, shape (n_channels,)
            The unit of every channel, such as its standard deviation.
        """
        unit = np.repeat(scale, mean.shape[1])
        read = (filters * unit[:, None]).astype(np.float32)
        write = (patterns / unit[:, None]).astype(np.float32)
        return cls(mean.reshape(-1), read, write, unit)

    def center(self, responses: np.ndarray) -> np.ndarray:
        """Return centered responses in units of every channel, (n, n_values)."""
        mean, unit = self.mean, self.unit
        if responses.dtype == np.float32:
            mean, unit = mean.astype(np.float32), unit.astype(np.float32)
        rows = responses.reshape(len(responses), -1) - mean
        rows /= unit
        return rows.astype(np.float32, copy=False)

    def of(self, responses: np.ndarray) -> np.ndarray:
        """Return the remainder of responses, (n, n_values)."""
        return self.of_rows(self.center(responses))

    def of_rows(self, rows: np.ndarray) -> np.ndarray:
        """Return the remainder of centered rows, (n, n_values), in their place."""
        rows -= multiply(multiply(rows, self.filters), self.patterns.T)
        return rows

    def in_own_unit(self, axes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return filters and patterns of axes V of the remainder.

        Parameters
        ----------
        axes : array, shape (n_values, n_axes)
            Orthonormal axes V.

        Returns
        -------
        filters, patterns : array, shape (n_values, n_axes)
            (I - F P')V and V, in the unit of the responses.
        """
        unit = self.unit[:, None]
        read = axes - self.filters @ (self.patterns.T @ axes)
        return (read / unit).astype(np.float32), (axes * unit).astype(np.float32)


def remainder_axes(
    remainder: Remainder, responses: np.ndarray, n_axes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return principal axes of what the signal axes do not return of the responses.

    The axes V are the patterns of the extra axes, and V'(I - P F') their filters. So
    mean + P z + V z_extra returns the response up to what principal components leave.

    Parameters
    ----------
    remainder : instance of Remainder
        What is left of the responses.
    responses : array, shape (n_images, n_channels, n_times)
        The responses; can be a memory map.
    n_axes : int
        Number of axes, at most.

    Returns
    -------
    extra_filters, extra_patterns : array, shape (n_channels * n_times, n_extra)
        Filters and patterns of the extra axes, float32.
    """
    n_images, (n_values, n_signal) = len(responses), remainder.filters.shape
    n_axes = min(n_axes, n_images // IMAGES_PER_AXIS, n_values - n_signal)
    if n_axes < 1:
        return np.zeros((2, n_values, 0), np.float32)
    chosen = np.linspace(0, n_images - 1, min(n_images, MOST_IMAGES)).astype(int)
    rest = np.empty((len(chosen), n_values), np.float32)
    for rows in row_blocks(len(chosen), RESPONSES):
        rest[rows] = remainder.of(responses[chosen[rows]])
    return remainder.in_own_unit(principal_axes(rest, n_axes))


def principal_axes(rows: np.ndarray, n_axes: int) -> np.ndarray:
    """Return principal axes of centered rows by randomized subspace iteration.

    Parameters
    ----------
    rows : array, shape (n_rows, n_columns)
        The rows.
    n_axes : int
        Number of axes.

    Returns
    -------
    axes : array, shape (n_columns, n_axes)
        Orthonormal axes, strongest first; the method of Halko et al. (2011).
    """
    size = min(n_axes + N_BEYOND, *rows.shape)
    start = np.random.default_rng(0).standard_normal((size, len(rows)), np.float32)
    basis = _orthonormal((start @ rows).T)
    for _ in range(N_ITER):
        basis = _orthonormal((_orthonormal(rows @ basis).T @ rows).T)
    _, _, turn = np.linalg.svd(rows @ basis, full_matrices=False)
    return basis @ turn[:n_axes].T


def _orthonormal(columns: np.ndarray) -> np.ndarray:
    return qr(columns, mode="economic", check_finite=False)[0]
