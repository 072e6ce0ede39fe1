"""Axes beside those of the signal: step 7 of the closed form."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .blocks import row_blocks
from .driven import DrivenAxes, Loss
from .folds import HeldOut
from .model import LinearGaussian
from .products import OwnAxes, Products
from .remainder import Remainder, remainder_axes
from .sample import Sample
from .time_basis import RESPONSES, Coordinates

#: From so many images on, one fold is enough to tell whether the axes lose much.
ONE_FOLD_FROM = 1000


def add_driven(
    model: LinearGaussian,
    coordinates: Coordinates,
    sample: Sample,
    responses: np.ndarray,
    held_out: list[HeldOut],
    n_axes: int,
) -> None:
    """Add axes that images drive, where held-out images show that these are lost.

    Parameters
    ----------
    model : instance of LinearGaussian
        The maps, with the law of their errors; changed in place.
    coordinates : instance of Coordinates
        The units and the mean response.
    sample : instance of Sample
        All images.
    responses : array, shape (n_images, n_channels, n_times)
        The responses; can be a memory map.
    held_out : list of HeldOut
        The images of every fold, which are the judges.
    n_axes : int
        Number of axes, at most.
    """
    search = _Search(model, coordinates, sample, responses, n_axes)
    n_folds = 1 if len(sample) > ONE_FOLD_FROM else len(held_out)
    losses = []
    for part in held_out[:n_folds]:
        remainder = _remainder_of(model, coordinates, part)
        products = search.products_of(~part.rows)
        driven = search.find(remainder, products, ~part.rows)
        losses.extend(search.judge(remainder, driven, part, model.slope))
    loss = Loss.pool(losses)
    if not loss.matters:
        return
    search.add(products, part.rows)
    driven = search.find(search.remainder, products, np.ones(len(sample), bool))
    unit = np.sqrt(loss.noise.mean())  # as along the signal axes, the error is 1
    filters, patterns = search.remainder.in_own_unit(driven.axes)
    model.extra_filters, model.extra_patterns = filters / unit, patterns * unit
    model.extra_weights = search.own.back(driven.weights) / unit
    model.slope = loss.slope
    model.errors = model.errors.with_axes(filters.shape[1])
    # These know the signal axes only.
    model.novelty, model.distances = None, None
    mean, scale = coordinates.mean, coordinates.scale
    squares = loss.mean_squares.reshape(mean.shape) * scale[:, None] ** 2
    model.bands = model.bands.of_mean_squares(squares)


class _Search:
    """Regresses what signal axes leave of whole responses, for some images or others.

    Parameters
    ----------
    model, coordinates, sample, responses, n_axes
        As in :func:`add_driven`.
    """

    def __init__(self, model, coordinates, sample: Sample, responses, n_axes: int):
        self.coordinates, self.sample = coordinates, sample
        self.responses, self.n_axes = responses, n_axes
        maps = model.signal_filters(), model.signal_patterns()
        self.remainder = Remainder.of_axes(coordinates.mean, *maps, coordinates.scale)
        self.own = OwnAxes.of(sample.features)

    def products_of(self, images: np.ndarray) -> Products:
        """Return the products of some images, given as an array of bool."""
        products = Products(self.own.features.shape[1], self.coordinates.mean.size)
        self.add(products, images)
        return products

    def add(self, products: Products, images: np.ndarray) -> None:
        """Add some images to products."""
        for rows in _blocks_of(images):
            centered = self.remainder.center(self.responses[rows])
            products.add(self.own.features[rows], centered, self._weights(rows))

    def find(
        self, remainder: Remainder, products: Products, images: np.ndarray
    ) -> DrivenAxes:
        """Find axes of the remainder from the products of some images."""
        power = products.power - self._power_along(remainder, images)
        return DrivenAxes.find(remainder, products, power, self.n_axes)

    def judge(
        self, remainder: Remainder, driven: DrivenAxes, part: HeldOut, slope: float
    ) -> Iterator[Loss]:
        """Judge the axes by images that were held out, a block at a time."""
        start = 0
        for rows in _blocks_of(part.rows):
            image = part.image[start : start + len(rows)]
            seen = self.responses[rows], self.own.features[rows]
            yield Loss.of(remainder, driven, *seen, image, slope)
            start += len(rows)

    def _power_along(self, remainder: Remainder, images: np.ndarray) -> float:
        """Return how much of the sum of squares the signal axes take.

        |y|^2 - |y - P z|^2 = 2 z'(P'y) - z'(P'P)z. Both z = F'y and P'y follow from the
        coordinates of y, which are far fewer than its samples.
        """
        filters = self.coordinates.within(remainder.filters)
        patterns = self.coordinates.within(remainder.patterns)
        shared, taken = patterns.T @ patterns, 0.0
        for rows in _blocks_of(images):
            found = self.sample.responses[rows]
            along = found @ filters
            each = np.sum(along * (2 * found @ patterns - along @ shared), axis=1)
            weights = self._weights(rows)
            taken += float(each.sum() if weights is None else weights @ each)
        return taken

    def _weights(self, rows: np.ndarray) -> np.ndarray | None:
        weights = self.sample.weights
        return None if weights is None else weights[rows]


def _blocks_of(images: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the numbers of the images that an array of bool chooses, in blocks."""
    rows = np.flatnonzero(images)
    for block in row_blocks(len(rows), RESPONSES):
        yield rows[block]


def _remainder_of(
    model: LinearGaussian, coordinates: Coordinates, part: HeldOut
) -> Remainder:
    """Return the remainder around the axes of one fold."""
    mean = model.over_samples(coordinates.whole(part.mean[:, None], 1))
    return Remainder.of_axes(
        coordinates.mean + mean.reshape(coordinates.mean.shape),
        model.over_samples(coordinates.whole(part.filters, -1)),
        model.over_samples(coordinates.whole(part.patterns, 1)),
        coordinates.scale,
    )


def add_remainder(
    model: LinearGaussian, responses, coordinates: Coordinates, n_extra: int
) -> None:
    """Add axes for what the others do not return of the responses.

    Parameters
    ----------
    model : instance of LinearGaussian
        The maps; changed in place.
    responses : array, shape (n_images, n_channels, n_times)
        The responses; can be a memory map.
    coordinates : instance of Coordinates
        The units and the mean response.
    n_extra : int
        Number of extra axes with those that the model has, at most.
    """
    filters = np.hstack([model.signal_filters(), model.extra_filters])
    patterns = np.hstack([model.signal_patterns(), model.extra_patterns])
    remainder = Remainder.of_axes(
        coordinates.mean, filters, patterns, coordinates.scale
    )
    n_axes = n_extra - model.n_extra
    filters, patterns = remainder_axes(remainder, responses, n_axes)
    model.extra_filters = np.hstack([model.extra_filters, filters])
    model.extra_patterns = np.hstack([model.extra_patterns, patterns])
