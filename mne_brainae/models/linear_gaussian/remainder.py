"""Axes for what is not predicted: step 7 of the closed form."""

# License: BSD-3-Clause

from __future__ import annotations

import numpy as np
from scipy.linalg import qr

from .blocks import row_blocks
from .time_basis import RESPONSES

#: Images per axis. Axes that are fitted to fewer hold more noise in these images than
#: in new ones.
IMAGES_PER_AXIS = 8
#: Images from which the axes are computed, at most, evenly spread over all.
MOST_IMAGES = 2000
#: Random directions beyond the axes, and how often they are turned toward them.
N_BEYOND, N_ITER = 10, 3


def remainder_axes(
    responses: np.ndarray,
    mean: np.ndarray,
    filters: np.ndarray,
    patterns: np.ndarray,
    unit: np.ndarray,
    n_axes: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return principal axes of what the signal axes do not return of the responses.

    With z = F'(y - mean) along the signal axes, the remainder is
    r = y - mean - P z = (I - P F')(y - mean). Its principal axes V, in units of every
    channel, are the patterns of the extra axes, and V'(I - P F') their filters. So
    mean + P z + V z_extra returns the response up to what principal components leave.
    All samples count, not only those of the time basis.

    Parameters
    ----------
    responses : array, shape (n_images, n_channels, n_times)
        The responses; can be a memory map.
    mean : array, shape (n_channels, n_times)
        The mean response.
    filters, patterns : array, shape (n_channels * n_times, n_signal)
        F and P of the signal axes, over samples.
    unit : array, shape (n_channels,)
        The unit of every channel, such as its standard deviation.
    n_axes : int
        Number of axes, at most.

    Returns
    -------
    extra_filters, extra_patterns : array, shape (n_channels * n_times, n_extra)
        Filters and patterns of the extra axes, float32.
    """
    n_images = len(responses)
    each = np.repeat(unit, mean.shape[1]).astype(np.float32)[:, None]
    n_axes = min(n_axes, n_images // IMAGES_PER_AXIS, len(each) - filters.shape[1])
    if n_axes < 1:
        return np.zeros((2, len(each), 0), np.float32)
    chosen = np.linspace(0, n_images - 1, min(n_images, MOST_IMAGES)).astype(int)
    read = (filters * each).astype(np.float32)  # of responses in these units
    write = (patterns / each).astype(np.float32)
    rest = np.empty((len(chosen), len(each)), np.float32)
    for rows in row_blocks(len(chosen), RESPONSES):
        part = (responses[chosen[rows]] - mean).reshape(-1, len(each)) / each[:, 0]
        rest[rows] = part - (part @ read) @ write.T
    axes = principal_axes(rest, n_axes)
    extra_filters = (axes - read @ (write.T @ axes)) / each
    return extra_filters, axes * each


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
