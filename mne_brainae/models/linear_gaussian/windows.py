"""Image features seen through soft windows, and layer by layer."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .blocks import product

#: Bytes of inner products that are summed at a time.
MOST_BYTES = 1e9
#: Places whose inner products are kept at a time.
SOME_PLACES = 16


@dataclass(frozen=True)
class Window:
    """A Gaussian part of the image.

    Parameters
    ----------
    row, column : float
        The center, as shares of the height from the top and of the width from the
        left.
    width : float
        The standard deviation as a share of the side.
    """

    row: float
    column: float
    width: float


@dataclass
class FeatureMaps:
    """Layer and place of every feature.

    Parameters
    ----------
    layer : array of int, shape (n_features,)
        The layer, from 0.
    row, column : array of int, shape (n_features,)
        The place in the map of the layer, from 0; -1 is not a place.
    """

    layer: np.ndarray
    row: np.ndarray
    column: np.ndarray

    @property
    def n_layers(self) -> int:
        """Number of layers."""
        return int(self.layer.max()) + 1

    def has_places(self) -> bool:
        """Tell whether features have places."""
        return self.row.max() > 0 and self.column.max() > 0

    def places(self) -> list[np.ndarray]:
        """Return the features of every layer and place, as arrays of columns."""
        keys = np.stack([self.layer, self.row, self.column])
        of = np.unique(keys, axis=1, return_inverse=True)[1].ravel()
        order = np.argsort(of, kind="stable")
        return np.split(order, np.cumsum(np.bincount(of))[:-1])

    def squared_distance(self, window: Window) -> np.ndarray:
        """Return the squared distance of features from the center, as shares.

        Parameters
        ----------
        window : instance of Window
            The window.

        Returns
        -------
        squared : array, shape (n_features,)
            The squared distance, 0 for features without a place.
        """
        squared = np.zeros(len(self.layer))
        for place, center in ((self.row, window.row), (self.column, window.column)):
            side = np.zeros(self.n_layers, int)
            np.maximum.at(side, self.layer, place + 1)
            share = (place + 0.5) / np.maximum(side[self.layer], 1)
            squared += np.where(place < 0, 0.0, (share - center) ** 2)
        return squared


def member_energy(
    maps: FeatureMaps, window: Window | None = None, layer: int | None = None
) -> np.ndarray:
    """Return by how much the square of every feature counts.

    Parameters
    ----------
    maps : instance of FeatureMaps
        Layer and place of every feature.
    window : instance of Window | None
        What of the image counts; None is all of it.
    layer : int | None
        The only layer that counts; None is all, each with the same energy.

    Returns
    -------
    energy : array, shape (n_features,)
        Squared weights that sum to 1.
    """
    energy = np.ones(len(maps.layer))
    if window is not None:
        energy = np.exp(-maps.squared_distance(window) / (2 * window.width**2))
    if layer is not None:
        energy = np.where(maps.layer == layer, energy, 0.0)
    total = np.bincount(maps.layer, energy)
    total *= (total > 0).sum()
    return np.divide(
        energy, total[maps.layer], out=np.zeros_like(energy), where=energy > 0
    )


def place_grams(
    centered: np.ndarray, maps: FeatureMaps, members: Sequence[tuple]
) -> Iterator[np.ndarray]:
    """Yield the inner products of images as every member sees them.

    X diag(e) X' is the sum over layers and places of e times the inner products of the
    features there, so that the features are multiplied once for many members.

    Parameters
    ----------
    centered : array, shape (n_images, n_features)
        Centered features X.
    maps : instance of FeatureMaps
        Layer and place of every feature.
    members : sequence of tuple
        Window and layer of every member.

    Yields
    ------
    gram : array, shape (n_images, n_images)
        The inner products in float64.
    """
    n_images = len(centered)
    size = max(int(MOST_BYTES / (4 * n_images**2)), 1)
    groups = maps.places()
    for start in range(0, len(members), size):
        part = members[start : start + size]
        energy = np.array([member_energy(maps, *member) for member in part])
        grams = np.zeros((len(part), n_images**2), np.float32)
        for few in _cut(groups):
            each = energy[:, [features[0] for features in few]].astype(np.float32)
            seen = np.flatnonzero(each.any(axis=0))
            inner = np.empty((len(seen), n_images**2), np.float32)
            for row, k in enumerate(seen):
                columns = centered[:, few[k]].T
                inner[row] = product(columns, columns).ravel()
            grams += each[:, seen] @ inner
        for gram in grams:
            yield gram.reshape(n_images, n_images).astype(np.float64)


def _cut(groups: list) -> Iterator[list]:
    for start in range(0, len(groups), SOME_PLACES):
        yield groups[start : start + SOME_PLACES]
