"""What linear predictions leave of responses to images that they did not see."""

# License: BSD-3-Clause

from __future__ import annotations

import numpy as np

from .blocks import row_blocks
from .model import LinearGaussian
from .ridge import Ridge
from .time_basis import RESPONSES


def left_out_residuals(ridge: Ridge, along: np.ndarray, penalties) -> np.ndarray:
    """Return exact leave-one-out errors in the unit of the targets.

    Parameters
    ----------
    ridge : instance of Ridge
        The regression on the features.
    along : array, shape (n_images, n_axes)
        Responses along axes.
    penalties : array, shape (n_axes,)
        The penalty of every axis.

    Returns
    -------
    residuals : array, shape (n_images, n_axes)
        Responses minus leave-one-out predictions, not multiplied by the roots of the
        weights of the images.
    """
    errors = ridge.errors(ridge.center(along), penalties)
    return errors if ridge.root is None else errors / ridge.root[:, None]


def linear_residuals(
    model: LinearGaussian,
    features: np.ndarray,
    responses: np.ndarray,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Return what is left for squares to learn: U - (leave-one-out W'x).

    Parameters
    ----------
    model : instance of LinearGaussian
        The maps, solved from these images.
    features : array, shape (n_images, n_features)
        The features that were given to :func:`solve`.
    responses : array, shape (n_images, n_channels, n_times)
        The responses that were given; can be a memory map.
    weights : array, shape (n_images,) | None
        How much every image counted; None is all alike.

    Returns
    -------
    residuals : array, shape (n_images, n_signal)
        The responses along the signal axes minus what W predicts when it is fitted to
        all other images, float32.
    """
    along = np.empty((len(features), model.n_signal), np.float32)
    for rows in row_blocks(len(features), RESPONSES):
        along[rows] = model.embed_brain(responses[rows])[:, : model.n_signal]
    ridge = Ridge.fit(np.asarray(features, np.float32), weights)
    return left_out_residuals(ridge, along, model.penalties).astype(np.float32)
