"""Many fits over processes against the same fits one after another."""

# License: BSD-3-Clause

from __future__ import annotations

import tempfile
import time
from typing import NamedTuple

import mne
import numpy as np
import pandas as pd

from ... import fit_many

N_CHANNELS, N_TIMES, SFREQ = 63, 250, 250.0
SETTINGS = {
    "recipe": "paper",
    "inner_activation": False,
    "batch_size": 200,
    "max_epochs": 8,
    "min_updates": 1,
}


class Seconds(NamedTuple):
    """What the same fits take, one after another and over processes."""

    alone: float
    shared: float


def time_fits(n_fits: int, n_jobs: int, n_images: int) -> Seconds:
    """Time fits to a recording of noise, each with another seed.

    Parameters
    ----------
    n_fits : int
        How many fits.
    n_jobs : int
        Processes.
    n_images : int
        Images of the recording.

    Returns
    -------
    seconds : instance of Seconds
        What they took.
    """
    epochs, features = _noise(n_images)
    # Processes start once per session; the fits are what is compared.
    _seconds(epochs, features, n_jobs, n_jobs, max_epochs=1)
    return Seconds(
        _seconds(epochs, features, n_fits, 1),
        _seconds(epochs, features, n_fits, n_jobs),
    )


def _noise(n_images: int) -> tuple[mne.BaseEpochs, pd.DataFrame]:
    rng = np.random.default_rng(0)
    names = [f"image-{i}" for i in range(n_images)]
    epochs = mne.EpochsArray(
        1e-6 * rng.standard_normal((n_images, N_CHANNELS, N_TIMES)),
        mne.create_info(N_CHANNELS, SFREQ, "eeg"),
        metadata=pd.DataFrame({"image": names}),
        verbose="WARNING",
    )
    features = rng.standard_normal((n_images, 512)).astype(np.float32)
    return epochs, pd.DataFrame(features, index=pd.Index(names, name="image"))


def _seconds(epochs, features, n_fits: int, n_jobs: int, **params) -> float:
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        fit_many(
            epochs,
            features,
            folder=folder,
            seeds=range(n_fits),
            n_jobs=n_jobs,
            verbose="WARNING",
            **(SETTINGS | params),
        )
        return time.perf_counter() - start
