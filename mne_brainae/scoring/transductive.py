"""Scores that look at the whole test batch: off by default, and labeled."""

# License: BSD-3-Clause

from __future__ import annotations

import numpy as np
from sklearn.covariance import ledoit_wolf

#: What a protocol says where the test batch as a whole was used.
TRANSDUCTIVE = {
    "csls": "yes, CSLS: every similarity depends on all test responses",
    "whiten": "yes, whitened: by the covariance of all test responses",
}
#: Neighbors that CSLS averages over.
N_NEIGHBORS = 10


def csls(similarity: np.ndarray, n_neighbors: int = N_NEIGHBORS) -> np.ndarray:
    """Subtract from similarities how similar both sides are to what is nearest.

    Parameters
    ----------
    similarity : array, shape (n_epochs, n_candidates)
        Higher is more similar.
    n_neighbors : int
        Number of nearest neighbors; fewer where there are no more.

    Returns
    -------
    similarity : array, shape (n_epochs, n_candidates)
        Twice the similarity, minus the mean of the nearest candidates of the response
        and minus the mean of the nearest responses of the candidate.

    References
    ----------
    Cross-domain similarity local scaling: Conneau et al. (2018), "Word translation
    without parallel data".
    """
    return 2 * similarity - sum(
        _nearest(similarity, n_neighbors, axis) for axis in (0, 1)
    )


def _nearest(similarity: np.ndarray, n_neighbors: int, axis: int) -> np.ndarray:
    n = similarity.shape[axis]
    k = min(n_neighbors, n)
    largest = np.partition(similarity, n - k, axis).take(range(n - k, n), axis)
    return largest.mean(axis, keepdims=True)


def whiten_batch(brain: np.ndarray, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Center embeddings, and divide them by the covariance of the test responses.

    Parameters
    ----------
    brain, image : array, shapes (n_epochs, n_embedding), (n_candidates, n_embedding)
        Embeddings of all test responses and of all candidates.

    Returns
    -------
    brain, image : array
        Both centered on their own mean and multiplied by S^-1/2, where S is the
        covariance of the responses, shrunk after Ledoit and Wolf (2004).

    Raises
    ------
    ValueError
        If there are fewer than two responses, which have no covariance.
    """
    if len(brain) < 2:
        raise ValueError(
            "transductive='whiten' takes the covariance of the test responses, of "
            f"which there must be at least 2, got {len(brain)}."
        )
    brain, image = (rows - rows.mean(axis=0, dtype=float) for rows in (brain, image))
    values, vectors = np.linalg.eigh(ledoit_wolf(brain, assume_centered=True)[0])
    values = np.maximum(values, 1e-12 * max(values[-1], 1e-12))
    root = (vectors / np.sqrt(values)) @ vectors.T
    return brain @ root, image @ root
