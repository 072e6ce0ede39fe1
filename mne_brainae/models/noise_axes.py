"""Axes along which the errors of a prediction are white."""

# License: BSD-3-Clause

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..utils.files import zeros
from .linear_gaussian.noise import Noise
from .linear_gaussian.noise_rows import NoiseRows
from .linear_gaussian.remainder import principal_axes
from .linear_gaussian.roots import solve


def white_axes(
    measured: np.ndarray, predicted: np.ndarray, folder: Path | None = None
) -> np.ndarray:
    """Return axes along which errors have variance 1 and are uncorrelated.

    Parameters
    ----------
    measured, predicted : array, shape (n_images, n_values)
        Responses to images that were not fitted.
    folder : path-like | None
        Where temporary files keep what is as large as these; None is memory.

    Returns
    -------
    axes : array, shape (n_values, n_axes)
        All directions or, of long responses, the principal axes of the predictions:
        along the others images do not differ. The covariance of the errors is shrunk
        to its diagonal after Ledoit and Wolf (2004).
    """
    n_images, n_values = measured.shape
    difference = zeros(predicted.shape, predicted.dtype, folder)
    if n_values <= n_images // 2:
        return _whiten(np.subtract(measured, predicted, out=difference))
    centered = np.subtract(predicted, predicted.mean(axis=0), out=difference)
    basis = principal_axes(centered, max(n_images // 2, 1))
    errors = np.subtract(measured, predicted, out=difference)
    return (basis @ _whiten(errors @ basis)).astype(np.float32)


def _whiten(errors: np.ndarray) -> np.ndarray:
    """Return L^-T of the covariance L L' of errors."""
    errors = (errors - errors.mean(axis=0)).astype(np.float32)
    noise = Noise.learn(NoiseRows(errors), (errors.shape[1], 1), "diagonal")
    identity = np.eye(len(noise.root))
    return solve(noise.root, identity, transposed=True).astype(np.float32)
