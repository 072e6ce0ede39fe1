"""What repetitions of an image do not share: the noise of single trials."""

# License: BSD-3-Clause

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...utils.files import zeros
from .blocks import row_blocks
from .time_basis import RESPONSES, Coordinates


def helmert(n_trials: int) -> np.ndarray:
    """Return contrasts of trials that are orthonormal and ignore what all share.

    Row r compares trial r + 1 with the mean of the trials before it. Applied to trials
    with a common mean and noise covariance S, every contrast has mean 0 and covariance
    S, and all are uncorrelated. Deviations from the mean of the trials are one row
    more, but of covariance S (R - 1) / R and correlated, so that Ledoit and Wolf's
    shrinkage takes them for more data than they are.

    Parameters
    ----------
    n_trials : int
        The number R of trials.

    Returns
    -------
    contrasts : array, shape (n_trials - 1, n_trials)
        The weights of the trials.
    """
    rank = np.arange(1, n_trials)[:, None]
    trial = np.arange(n_trials)
    weights = np.where(trial < rank, 1.0, np.where(trial == rank, -rank, 0.0))
    return weights / np.sqrt(rank * (rank + 1.0))


def contrast_trials(
    trials: np.ndarray,
    images: np.ndarray,
    coordinates: Coordinates | None = None,
    folder: Path | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the contrasts of the trials of every image.

    Images may be repeated unequally often; one trial gives no contrast.

    Parameters
    ----------
    trials : array, shape (n_trials, ...)
        The single trials; can be a memory map.
    images : array of int, shape (n_trials,)
        The image of every trial.
    coordinates : instance of Coordinates | None
        Gives the contrasts in these coordinates. Trials are then of shape (n_trials,
        n_channels, n_times).
    folder : path-like | None
        Where a temporary file keeps the contrasts; None is memory.

    Returns
    -------
    contrasts : array, shape (n_contrasts, ...)
        The contrasts in float32.
    contrast_images : array of int, shape (n_contrasts,)
        The image of every contrast.
    """
    images = np.asarray(images)
    names, counts = np.unique(images, return_counts=True)
    by_image = np.split(np.argsort(images, kind="stable"), np.cumsum(counts)[:-1])
    repeated = [k for k in np.lexsort((names, counts)) if counts[k] > 1]
    shape = trials.shape[1:]
    if coordinates is not None:
        shape = (int(np.prod(coordinates.shape)),)
    n_contrasts = int(counts.sum() - len(counts))
    contrasts = zeros((n_contrasts, *shape), np.float32, folder)
    contrast_images = np.zeros(n_contrasts, images.dtype)
    start = 0
    for group in _groups(repeated, counts):
        rows = np.array([by_image[k] for k in group])  # (n_group, R)
        part = trials[rows.ravel()]
        if coordinates is not None:
            part = coordinates.of_trials(part)
        part = part.reshape(*rows.shape, -1)
        n_new = len(group) * (rows.shape[1] - 1)
        block = helmert(rows.shape[1]).astype(np.float32) @ part  # (n_group, R - 1, -1)
        contrasts[start : start + n_new] = block.reshape(n_new, *shape)
        contrast_images[start : start + n_new] = np.repeat(
            names[group], rows.shape[1] - 1
        )
        start += n_new
    return contrasts, contrast_images


def _groups(repeated: list, counts: np.ndarray):
    """Yield images of equal numbers of trials, of some trials at a time."""
    repeated = np.array(repeated, int)
    for count in np.unique(counts[repeated]):
        same = repeated[counts[repeated] == count]
        for rows in row_blocks(len(same), max(RESPONSES // count, 1)):
            yield same[rows]


def noise_of_trials(
    trials, images: np.ndarray, means: np.ndarray, most: int
) -> np.ndarray:
    """Return trials minus the mean of the others of their image, as noise of a trial.

    With n trials of an image, sqrt(n / (n - 1)) (trial - mean of all n) has the
    covariance of the noise of one trial. One trial of every image is left out, since
    the others determine it.

    Parameters
    ----------
    trials : array, shape (n_trials, n_channels, n_times)
        Trials; can be read block by block.
    images : array of int, shape (n_trials,)
        The image of every trial, as a row of ``means``.
    means : array, shape (n_images, n_channels, n_times)
        The mean of the trials of every image.
    most : int
        How many rows to return at most, evenly spread over the trials.

    Returns
    -------
    rows : array, shape (n_rows, n_channels, n_times)
        The noise, float32; no rows where no image was repeated.
    """
    images = np.asarray(images)
    counts = np.bincount(images, minlength=len(means))
    first = np.unique(images, return_index=True)[1]
    others = np.setdiff1d(np.arange(len(images)), first)
    if len(others) > most:
        others = others[np.linspace(0, len(others) - 1, most).astype(int)]
    rows = np.empty((len(others), *trials.shape[1:]), np.float32)
    for part in row_blocks(len(others), RESPONSES):
        of = images[others[part]]
        gain = np.sqrt(counts[of] / (counts[of] - 1)).astype(np.float32)
        rows[part] = gain[:, None, None] * (trials[others[part]] - means[of])
    return rows
