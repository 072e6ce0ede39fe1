"""Errors of held-out predictions, and how large they are at every channel and time."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .bands import Bands
from .blocks import row_blocks
from .contrasts import noise_of_trials
from .folds import HeldOut
from .model import LinearGaussian
from .sample import Sample
from .signal import positive_part
from .time_basis import RESPONSES, Coordinates

#: Images and trials from which variances are computed, at most, evenly spread over all.
MOST_ROWS = 4096
#: Variance of the errors in units of that of the errors along the axes: at least, as
#: simulations have it, and how much the latter differs among them.
LEAST_RATIO, USUAL_RATIO, RATIO_SPREAD = 1.1, 1.5, 0.5


def learn_bands(
    model: LinearGaussian,
    coordinates: Coordinates,
    sample: Sample,
    responses: np.ndarray,
    held_out: list[HeldOut],
    trials=None,
    trial_images=None,
) -> Bands:
    """Learn bands from cross-validated errors and the noise of trials.

    The variance of the errors is that along the axes, P E P', and what is left of the
    mean squared error after the noise. The latter is spread over channels and times as
    the product of the marginals of the covariance of errors minus that of the noise:
    single entries of that difference are too uncertain. Where noise is large, so is the
    mean, which then counts together with what is usual, each by its precision.

    Parameters
    ----------
    model : instance of LinearGaussian
        The maps, with the law of their errors along the axes.
    coordinates : instance of Coordinates
        The units and the mean response.
    sample : instance of Sample
        All images, with the noise of their trials.
    responses : array, shape (n_images, n_channels, n_times)
        The responses; can be a memory map.
    held_out : list of HeldOut
        The images of every fold.
    trials : array, shape (n_trials, n_channels, n_times) | None
        The single trials; can be read block by block.
    trial_images : array of int, shape (n_trials,) | None
        The image of every trial.

    Returns
    -------
    bands : instance of Bands
        The variances in the unit of the responses.
    """
    repetitions = model.errors.repetitions
    errors = _errors(model, coordinates, sample, held_out)
    if sample.noise_rows is None or not model.errors.alpha:
        blocks = _whole_errors(coordinates, responses, *errors)
        return Bands.of_errors(blocks, repetitions)
    noise, of_trials = _power_of_noise(trials, trial_images, responses)
    power = [
        np.square(block, dtype=np.float64).mean(axis=(1, 2))
        for block in _whole_errors(coordinates, responses, *errors)
    ]
    axes = model.signal_patterns()
    along = np.einsum("ik,kl,il->i", axes, model.errors.extra, axes, optimize=True)
    shape = _shape_of_rest(coordinates, sample, errors[1], repetitions)
    total = _total(np.concatenate(power), of_trials / repetitions)
    total = _with_usual(*total, along.mean())
    extra = along.reshape(model.mean.shape) + (total - along.mean()) * shape
    return Bands(extra, noise, repetitions)


def _power_of_noise(trials, trial_images, responses) -> tuple[np.ndarray, np.ndarray]:
    """Return the variance of the noise at every value, and its mean in every trial."""
    rows = noise_of_trials(trials, trial_images, responses, MOST_ROWS)
    variance, of_trials = np.zeros(rows.shape[1:]), []
    for block in row_blocks(len(rows), RESPONSES):
        squares = np.square(rows[block], dtype=np.float64)
        variance += squares.sum(axis=0) / len(rows)
        of_trials.append(squares.mean(axis=(1, 2)))
    return variance, np.concatenate(of_trials)


def _total(power: np.ndarray, noise: np.ndarray) -> tuple[float, float]:
    """Return the variance that noise leaves of errors, and its standard error."""
    error = power.var() / len(power) + noise.var() / len(noise)
    return float(power.mean() - noise.mean()), float(np.sqrt(error))


def _with_usual(total: float, error: float, along: float) -> float:
    """Return the mean of what was measured and what is usual, each by its precision."""
    usual, spread = USUAL_RATIO * along, RATIO_SPREAD * along
    if error + spread > 0:
        total = (total * spread**2 + usual * error**2) / (error**2 + spread**2)
    return max(total, LEAST_RATIO * along)


def _errors(
    model, coordinates: Coordinates, sample: Sample, held_out: list[HeldOut]
) -> tuple[np.ndarray, np.ndarray]:
    """Return held-out images, and the errors of their predicted coordinates."""
    rows, errors = [], []
    step = max(len(sample) // MOST_ROWS, 1)
    for part in held_out:
        some = slice(None, None, step)
        of = np.flatnonzero(part.rows)[some]
        predicted = part.mean + model.slope * part.image[some] @ part.patterns.T
        rows.append(of)
        errors.append(sample.responses[of] - predicted.astype(np.float32))
    return np.concatenate(rows), np.concatenate(errors)


def _whole_errors(
    coordinates: Coordinates, responses, rows, errors
) -> Iterator[np.ndarray]:
    """Yield errors of all samples, those that the time basis leaves out included."""
    unit = np.repeat(coordinates.scale[coordinates.live], coordinates.shape[1])
    for block in row_blocks(len(rows), RESPONSES):
        # What is not predicted in the basis, and all that lies outside of it.
        deviation = coordinates.deviation(responses[rows[block]])
        inside = deviation @ coordinates.basis  # (n_block, n_channels, n_functions)
        predicted = inside.copy()
        live = (errors[block] * unit).reshape(len(inside), -1, inside.shape[2])
        predicted[:, coordinates.live] -= live
        yield deviation - predicted @ coordinates.basis.T


def _shape_of_rest(
    coordinates: Coordinates, sample: Sample, errors: np.ndarray, repetitions: float
) -> np.ndarray:
    """Return where errors beyond the noise lie, of mean 1, (n_channels, n_times)."""
    grid = errors.reshape(len(errors), *sample.shape)
    of_channels, of_times = sample.noise_rows.marginals(sample.shape)
    channels = np.tensordot(grid, grid, ((0, 2), (0, 2))) / len(grid)
    channels = positive_part(channels - of_channels / repetitions)
    times = np.tensordot(grid, grid, ((0, 1), (0, 1))) / len(grid)
    times = positive_part(times - of_times / repetitions)
    basis = coordinates.basis
    of_channel = np.zeros(len(coordinates.live))
    of_channel[coordinates.live] = np.diag(channels)
    of_channel *= coordinates.scale**2
    shape = np.outer(of_channel, np.einsum("tk,kl,tl->t", basis, times, basis))
    mean = shape.mean()
    return shape / mean if mean > 0 else np.ones_like(shape)
