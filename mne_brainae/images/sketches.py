"""Copies of images, told by their features whatever the images are called."""

# License: BSD-3-Clause

from __future__ import annotations

from functools import lru_cache

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
    return features.astype(np.float32) @ _directions(n_features)


@lru_cache(maxsize=4)
def _directions(n_features: int) -> np.ndarray:
    """Return the fixed random directions, shape (n_features, 8)."""
    directions = np.random.default_rng(0).standard_normal((N_VALUES, n_features))
    return (directions / np.sqrt(n_features)).T.astype(np.float32)


class Copies:
    """Known images, among which copies of others are found by their sketches.

    Parameters
    ----------
    known : array, shape (n_known, 8)
        What :func:`sketch` returned for the known images.
    scale : array, shape (8,)
        The standard deviations of sketches of images.
    """

    def __init__(self, known: np.ndarray, scale: np.ndarray):
        self.scale, self._tree = scale, None
        if len(known) and np.isfinite(known).all() and (scale > 0).all():
            tree = cKDTree(known / scale, balanced_tree=False)
            self._tree = tree if self._tells_apart(tree, len(known)) else None

    @staticmethod
    def _tells_apart(tree: cKDTree, n_known: int) -> bool:
        """Tell whether features differ between images, as labels of many do not."""
        if n_known == 1:
            return True
        nearest = tree.query(tree.data, 2, p=np.inf)[0][:, 1]
        return np.mean(nearest < NEAR) <= 0.5

    def find(self, sketches: np.ndarray) -> np.ndarray:
        """Find the known image that each image is a copy of.

        Parameters
        ----------
        sketches : array, shape (n_images, 8)
            What :func:`sketch` returned for some images.

        Returns
        -------
        rows : array of int, shape (n_images,)
            The known image that each one equals, and -1 for none. Where most of the
            known images equal another one, features are labels that images share, and
            tell nothing.
        """
        none = np.full(len(sketches), -1)
        if self._tree is None or not np.isfinite(sketches).all():
            return none
        distances, rows = self._tree.query(sketches / self.scale, p=np.inf)
        return np.where(distances < NEAR, rows, none)
