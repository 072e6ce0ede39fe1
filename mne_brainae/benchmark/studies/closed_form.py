"""Time and memory of the closed form, beside ridge regression of other packages."""

# License: BSD-3-Clause

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from typing import NamedTuple

import mne
import numpy as np
import pandas as pd

from ... import LinearBrainAE
from ...models.linear_gaussian.ridge import PENALTIES, Ridge
from ...utils.checks import logger
from .shapes import REGRESSIONS
from .speed import forget_peak, peak

#: Images of a concept.
N_EXEMPLARS = 10
#: Axes along which features drive responses, and noise in units of the signal.
N_DRIVEN, NOISE = 12, 20.0


class Size(NamedTuple):
    """The size of a fit."""

    n_images: int
    n_channels: int
    n_times: int
    n_features: int


#: One size, and twice as many images, samples and features.
SIZES = (
    Size(2000, 63, 50, 256),
    Size(4000, 63, 50, 256),
    Size(2000, 63, 100, 256),
    Size(2000, 63, 50, 512),
)
SYSTEMS = tuple(REGRESSIONS.values())
WHOLE, PATH, SKLEARN, HIMALAYA = SYSTEMS


def measure(
    sizes: Iterable[Size] = SIZES, systems: Iterable[str] = SYSTEMS
) -> pd.DataFrame:
    """Fit every system to the same arrays, each in a process of its own.

    Parameters
    ----------
    sizes : iterable of Size
        The sizes.
    systems : iterable of str
        Names of ``SYSTEMS``. One whose package is missing is left out.

    Returns
    -------
    table : DataFrame
        By size and system: seconds by the clock and of the processor, how many times
        those of the whole closed form that is, and the memory that the fit added, in
        megabytes and in units of the responses in float32.
    """
    rows = {}
    for size in sizes:
        size, found = Size(*size), {}
        for system in systems:
            if system != HIMALAYA or find_spec("himalaya") is not None:
                found[system] = row = _in_own_process(system, size)
                logger.info(
                    f"{' x '.join(map(str, size))}: {system} took {row['wall']:.1f} s, "
                    f"{row['processor']:.1f} s of the processor and "
                    f"{row['memory'] / 1e6:.0f} MB."
                )
        for system, row in found.items():
            first = next(iter(found.values()))
            row["x"] = row["processor"] / first["processor"]
            array = 4 * size.n_images * size.n_channels * size.n_times
            row["x array"] = row["memory"] / array
            row["memory"] /= 1e6
            rows[*size, system] = row
    index = pd.MultiIndex.from_tuples(rows, names=[*Size._fields, "system"])
    return pd.DataFrame(list(rows.values()), index)


def _in_own_process(system: str, size: Size) -> dict:
    code = f"import sys; from {__name__} import report; print(report(*sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", code, system, *map(str, size)],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{system} of {size} ended in an error: {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def report(system: str, *size: str) -> str:
    """Fit one system, and return what it took as JSON."""
    mne.set_log_level("ERROR")
    return json.dumps(take(system, Size(*map(int, size))))


def take(system: str, size: Size) -> dict[str, float]:
    """Fit one system in this process.

    Parameters
    ----------
    system : str
        A name of ``SYSTEMS``.
    size : instance of Size
        The size.

    Returns
    -------
    taken : dict of float
        Seconds by the clock and of the processor, and the most bytes that the fit added
        to the memory of this process.
    """
    features, responses = draw(size)
    fit = FITS[system](features, responses)
    del responses
    before = forget_peak()
    wall, processor = time.perf_counter(), time.process_time()
    fit()
    return {
        "wall": time.perf_counter() - wall,
        "processor": time.process_time() - processor,
        "memory": float(peak() - before),
    }


def draw(size: Size) -> tuple[np.ndarray, np.ndarray]:
    """Draw features of falling variance, and responses that a few axes of them drive.

    Parameters
    ----------
    size : instance of Size
        The size.

    Returns
    -------
    features : array, shape (n_images, n_features)
        The features, float32.
    responses : array, shape (n_images, n_channels, n_times)
        The responses, float32, of slow time courses and white noise.
    """
    rng = np.random.default_rng(0)
    features = rng.standard_normal((size.n_images, size.n_features), np.float32)
    features *= np.arange(1, size.n_features + 1, dtype=np.float32) ** -0.5
    weights = rng.standard_normal((size.n_features, N_DRIVEN), np.float32)
    shape = (N_DRIVEN, size.n_channels, size.n_times)
    patterns = rng.standard_normal(shape, np.float32).cumsum(axis=2)
    responses = rng.standard_normal((size.n_images, *shape[1:]), np.float32)
    responses *= NOISE
    for row, drive in enumerate(features @ weights):
        responses[row] += np.tensordot(drive, patterns, 1)
    return features, responses


def _whole(features: np.ndarray, responses: np.ndarray) -> Callable[[], object]:
    """Prepare the whole recipe: reading, five folds, laws of the errors, imputation."""
    names = [f"image-{row}" for row in range(len(features))]
    concepts = [f"concept-{row // N_EXEMPLARS}" for row in range(len(features))]
    epochs = mne.EpochsArray(
        1e-6 * responses,
        mne.create_info(responses.shape[1], 250.0, "eeg"),
        metadata=pd.DataFrame({"image": names, "concept": concepts}),
    )
    table = pd.DataFrame(features, index=names)
    return lambda: LinearBrainAE(device="cpu", verbose="ERROR").fit(epochs, table)


def _path(features: np.ndarray, responses: np.ndarray) -> Callable[[], object]:
    """Prepare one penalty for all values, by exact leave-one-out errors."""
    targets = responses.reshape(len(responses), -1)

    def fit():
        ridge = Ridge.fit(features)
        centered = ridge.center(targets)
        projected = ridge.project(centered)
        penalty, _ = ridge.choose_one(centered, PENALTIES, projected)
        return ridge.weights(projected, penalty)

    return fit


def _sklearn(features: np.ndarray, responses: np.ndarray) -> Callable[[], object]:
    from sklearn.linear_model import RidgeCV

    model, targets = RidgeCV(_alphas(features)), responses.reshape(len(responses), -1)
    return lambda: model.fit(features, targets)


def _himalaya(features: np.ndarray, responses: np.ndarray) -> Callable[[], object]:
    from himalaya.ridge import RidgeCV

    # It has no leave-one-out: five folds, as the closed form has, and one penalty.
    how = {"cv": 5, "solver_params": {"local_alpha": False, "warn": False}}
    model = RidgeCV(_alphas(features), fit_intercept=True, **how)
    targets = responses.reshape(len(responses), -1)
    return lambda: model.fit(features, targets)


def _alphas(features: np.ndarray) -> np.ndarray:
    """Return the penalties of the closed form in the unit of other packages."""
    return PENALTIES * float(np.var(features, axis=0, dtype=np.float64).sum())


FITS = dict(zip(SYSTEMS, (_whole, _path, _sklearn, _himalaya), strict=True))
