"""Copies of images, told by their features whatever the images are called."""

# License: BSD-3-Clause

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

N_VALUES = 8
#: Values of a sketch that lie nearer than this, in standard deviations, are equal but
#: for rounding: networks round otherwise in another batch.
NEAR = 1e-4


def sketch(features: np.ndarray) -> np.ndarray:
    """Sum the features of every image up to a few values that tell it from others.

    Parameters
    ----------
    features : array, shape (n_images, n_features)
        Standardized features.

    Returns
    -------
    sketches : array of float32, shape (n_images, 8)
        Their inner products with fixed random directions. Of a single feature, which
        many images may share, there is no sketch, and the values are NaN.
    """
    n_features = features.shape[1]
    if n_features < 2:
        return np.full((len(features), N_VALUES), np.nan, np.float32)
    directions = np.random.default_rng(0).standard_normal((N_VALUES, n_features))
    directions /= np.sqrt(n_features)
    return features.astype(np.float32) @ directions.T.astype(np.float32)


def copies(sketches: np.ndarray, known: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Find images that are copies of known ones.

    Parameters
    ----------
    sketches : array, shape (n_images, 8)
        What :func:`sketch` returned for some images.
    known : array, shape (n_known, 8)
        What it returned for the known images.
    scale : array, shape (8,)
        The standard deviations of sketches of images.

    Returns
    -------
    rows : array of int, shape (n_images,)
        The known image that each one equals, and -1 for none. Where most of the known
        images equal another one, features are labels that images share, and tell
        nothing.
    """
    none = np.full(len(sketches), -1)
    if not (np.isfinite(sketches).all() and np.isfinite(known).all()):
        return none
    if not len(known) or not (scale > 0).all():
        return none
    tree = cKDTree(known / scale, balanced_tree=False)
    if len(known) > 1:
        nearest = tree.query(known / scale, 2, p=np.inf)[0][:, 1]
        if np.mean(nearest < NEAR) > 0.5:
            return none
    distances, rows = tree.query(sketches / scale, p=np.inf)
    return np.where(distances < NEAR, rows, none)
