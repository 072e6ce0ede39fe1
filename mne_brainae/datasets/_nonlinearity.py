"""A law of responses that no linear model has: bent drives, delays, uneven trials."""

# License: BSD-3-Clause

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

LAWS = ("linear", "nonlinear")

#: By how much the response to an image comes early or late at most, in steps (s).
LARGEST_DELAY, DELAY_STEP = 0.012, 0.001
#: Standard deviation of the logarithm of gain, and of noise level, over trials.
TRIAL_SPREAD = 0.2
#: Standard deviations of the bent drives where the drives are standard normal.
SD_SATURATING, SD_SQUARED, SD_GATED = 0.7970, np.sqrt(2), np.sqrt(0.5)


def bend(drives: np.ndarray) -> np.ndarray:
    """Bend drives: by turns they saturate, are squared, and are gated by another.

    Parameters
    ----------
    drives : array, shape (n_images, n_drives)
        The drives d, of variance 1 over images.

    Returns
    -------
    bent : array, shape (n_images, n_drives)
        Of every three drives, tanh(2 d), d^2 - 1, and d where g > 0 and else 0, where g
        is the drive after it, and the first after the last. Where drives are standard
        normal, the variance is 1 again.
    """
    bent = np.empty_like(drives)
    gates = np.roll(drives, -1, axis=1)
    bent[:, 0::3] = np.tanh(2 * drives[:, 0::3]) / SD_SATURATING
    bent[:, 1::3] = (drives[:, 1::3] ** 2 - 1) / SD_SQUARED
    bent[:, 2::3] = drives[:, 2::3] * (gates[:, 2::3] > 0) / SD_GATED
    return bent


def delays_of(strength: np.ndarray) -> np.ndarray:
    """Return by how much the response to every image comes late.

    Parameters
    ----------
    strength : array, shape (n_images,)
        What makes responses come early, of mean 0 and variance 1 over images.

    Returns
    -------
    delays : array, shape (n_images,)
        From -12 to 12 ms in steps of 1 ms; even where ``strength`` is standard normal.
    """
    delays = LARGEST_DELAY * (1 - 2 * ndtr(strength))
    return np.rint(delays / DELAY_STEP) * DELAY_STEP


def all_delays() -> np.ndarray:
    """Return the delays that :func:`delays_of` returns, in seconds."""
    last = round(LARGEST_DELAY / DELAY_STEP)
    return np.arange(-last, last + 1.0) * DELAY_STEP


def draw_gains(shape, rng: np.random.Generator) -> np.ndarray:
    """Draw log-normal gains of trials, of mean 1."""
    normal = rng.standard_normal(shape)
    return np.exp(TRIAL_SPREAD * normal - TRIAL_SPREAD**2 / 2)


def draw_levels(shape, rng: np.random.Generator) -> np.ndarray:
    """Draw log-normal levels of the noise of trials, of mean square 1."""
    normal = rng.standard_normal(shape)
    return np.exp(TRIAL_SPREAD * normal - TRIAL_SPREAD**2)
