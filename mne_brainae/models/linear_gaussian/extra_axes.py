"""Axes beside those of the signal: step 7 of the closed form."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .blocks import row_blocks
from .driven import DrivenAxes, Loss
from .folds import HeldOut
from .model import LinearGaussian
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
    loss = Loss.pool(
        list(_judge_folds(model, coordinates, sample, responses, held_out, n_axes))
    )
    if not loss.matters:
        return
    mean, scale = coordinates.mean, coordinates.scale
    maps = model.signal_filters(), model.signal_patterns()
    remainder = Remainder.of_axes(mean, *maps, scale)
    rows = np.arange(len(sample))
    learn = responses, sample.features, rows, sample.weights, n_axes
    driven = DrivenAxes.find(remainder, *learn)
    unit = np.sqrt(loss.noise.mean())  # as along the signal axes, the error is 1
    filters, patterns = remainder.in_own_unit(driven.axes)
    model.extra_filters, model.extra_patterns = filters / unit, patterns * unit
    model.extra_weights = driven.weights / unit
    model.slope = loss.slope
    model.errors = model.errors.with_axes(filters.shape[1])
    # These know the signal axes only.
    model.novelty, model.distances = None, None
    squares = loss.mean_squares.reshape(mean.shape) * scale[:, None] ** 2
    model.bands = model.bands.of_mean_squares(squares)


def _judge_folds(
    model: LinearGaussian, coordinates, sample: Sample, responses, held_out, n_axes: int
) -> Iterator[Loss]:
    """Find axes without the images of a fold, and judge them by these."""
    n_folds = 1 if len(sample) > ONE_FOLD_FROM else len(held_out)
    for part in held_out[:n_folds]:
        remainder = _remainder_of(model, coordinates, part)
        rows = np.flatnonzero(~part.rows)
        learn = responses, sample.features, rows, sample.weights, n_axes
        driven = DrivenAxes.find(remainder, *learn)
        rows = np.flatnonzero(part.rows)
        for block in row_blocks(len(rows), RESPONSES):
            seen = responses[rows[block]], sample.features[rows[block]]
            image = part.image[block]
            yield Loss.of(remainder, driven, *seen, image, model.slope)


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
