"""The noise ceiling, from split halves of the repetitions."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterator

import mne
import numpy as np
import pandas as pd
from mne.utils import ProgressBar

from ..preprocessing.epochs import read_array
from ..utils.checks import check_image_names
from .correlation import correlate

#: Halves of this many splits are computed at a time.
SPLITS = 5


def split_halves(
    data: np.ndarray, codes: np.ndarray, n_splits: int, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Average two random halves of the repetitions of every image.

    Parameters
    ----------
    data : array, shape (n_trials, n_channels, n_times)
        The single trials.
    codes : array of int, shape (n_trials,)
        The image of every trial, from 0.
    n_splits : int
        How often to split.
    rng : instance of Generator
        The random numbers.

    Yields
    ------
    first, second : array, shape (n_images, n_channels, n_times)
        The means of the halves, float32. Of an odd number of trials the second has
        one more.
    """
    trials = [np.flatnonzero(codes == code) for code in range(codes.max() + 1)]
    shape = data.shape[1:]
    starts = range(0, n_splits, SPLITS)
    for start in ProgressBar(starts, mesg="Split halves"):
        n_block = min(SPLITS, n_splits - start)
        halves = np.empty((2, n_block, len(trials), *shape), np.float32)
        for code, rows in enumerate(trials):
            order = rng.permuted(np.tile(np.arange(len(rows)), (n_block, 1)), axis=1)
            chosen = (order < len(rows) // 2).astype(np.float32)
            for half, mask in zip(halves, (chosen, 1 - chosen), strict=True):
                mask = mask / mask.sum(axis=1, keepdims=True)
                mean = mask @ data[rows].reshape(len(rows), -1)
                half[:, code] = mean.reshape(n_block, *shape)
        yield from zip(*halves, strict=True)


def whole_from_halves(r_half: np.ndarray) -> np.ndarray:
    """Return the correlation of a perfect model with the mean of all repetitions.

    Parameters
    ----------
    r_half : array
        Correlations of split halves.

    Returns
    -------
    ceiling : array
        The square root of the reliability after Spearman and Brown. A negative
        correlation, which only noise can give, gives a negative root, so that the mean
        over many channels without a signal is near zero.
    """
    return signed_root(2 * r_half / (1 + np.abs(r_half)))


def ceiling_over_images(
    epochs: mne.BaseEpochs, picks: np.ndarray, n_splits: int, rng: np.random.Generator
) -> np.ndarray | None:
    """Return the correlation over images of a perfect model, from split halves.

    Parameters
    ----------
    epochs : instance of Epochs
        Single trials, or means of some.
    picks : array of int, shape (n_channels,)
        The channels.
    n_splits : int
        How often to split the repetitions of every image.
    rng : instance of Generator
        The random numbers.

    Returns
    -------
    ceiling : array, shape (n_channels, n_times) | None
        With the mean of all repetitions; None where an image has a single one.
    """
    codes = pd.factorize(check_image_names(epochs))[0]
    if np.bincount(codes).min() < 2:
        return None
    halves = split_halves(read_array(epochs, picks), codes, n_splits, rng)
    agreement = sum(correlate(*halved, axis=0) for halved in halves)
    return whole_from_halves(agreement / n_splits)


def signed_root(r: np.ndarray) -> np.ndarray:
    """Return the square root, negative where ``r`` is."""
    return np.sign(r) * np.sqrt(np.abs(r))


def noise_variance(
    first: np.ndarray, second: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """Return the variance of the noise in the mean of all repetitions.

    Parameters
    ----------
    first, second : array, shape (n_images, n_channels, n_times)
        The means of two halves.
    counts : array of int, shape (n_images,)
        The number of repetitions of both halves together.

    Returns
    -------
    variance : array, shape (n_images, n_channels, n_times)
        With halves of n and m trials the difference has the variance of one trial
        times (n + m) / (n m), the mean of all one of 1 / (n + m).
    """
    n_first = counts // 2
    share = n_first * (counts - n_first) / counts**2
    return (first - second) ** 2 * share[:, None, None].astype(np.float32)
