"""How much every prediction counts: step 7 of many subjects."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.linalg import eigh
from scipy.optimize import nnls

#: Share of the mixed prediction that is kept where nothing holds, to rank images by.
LEAST_WEIGHT = 0.05


def weigh_predictions(
    measured: np.ndarray, predicted: Sequence[np.ndarray], n_own: int = 3
) -> np.ndarray:
    """Return one weight per prediction, for all responses, none negative.

    The weights minimize |y - sum_i w_i H_i|^2 over all images and whitened coordinates.
    The first ``n_own`` are predictions of one and the same thing in its own unit, so
    that their weights sum to 1 at most.

    Parameters
    ----------
    measured : array, shape (n_images, n_coordinates)
        Centered, whitened responses.
    predicted : sequence of array, shape (n_images, n_coordinates)
        Predictions of each by what did not see it, whitened, without the mean response.
    n_own : int
        How many of them are fitted to this subject.

    Returns
    -------
    weights : array, shape (n_predictions,)
        The weights.
    """
    inner = np.array([[np.vdot(a, b) for b in predicted] for a in predicted], float)
    crossed = np.array([np.vdot(each, measured) for each in predicted], float)
    scale = np.sqrt(np.maximum(np.diag(inner), np.finfo(np.float32).tiny))
    values, vectors = eigh(inner / np.outer(scale, scale))
    kept = values > 1e-9 * values[-1]
    root = np.sqrt(values[kept])
    # |y - H w|^2 = |R w - R^-T H'y|^2 up to a constant, where R'R = H'H.
    left = root[:, None] * vectors[:, kept].T
    right = vectors[:, kept].T @ (crossed / scale) / root
    weights = nnls(left, right)[0] / scale
    total = weights[:n_own].sum()
    if total > 1:
        weights[:n_own] /= total
    return weights
