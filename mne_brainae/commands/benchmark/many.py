"""``mne_brainae benchmark many``: fits over processes against one after another."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
import tempfile
import time

N_CHANNELS, N_TIMES, SFREQ = 63, 250, 250.0
SETTINGS = {
    "inner_activation": False,
    "batch_size": 200,
    "max_epochs": 8,
    "min_updates": 1,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the benchmark can be told."""
    add = parser.add_argument
    add("--fits", type=int, default=4, help="how many fits, each of another seed")
    add("--jobs", type=int, default=2, help="processes")
    add("--images", type=int, default=1000, help="images of the recording of noise")


def run(given: argparse.Namespace) -> None:
    """Fit twice, print the times and their ratio."""
    from ...utils.checks import counted

    epochs, features = _noise(given.images)
    # Processes start once per session; the fits are what is compared.
    _seconds(epochs, features, given.jobs, given.jobs, max_epochs=1)
    alone = _seconds(epochs, features, given.fits, 1)
    shared = _seconds(epochs, features, given.fits, given.jobs)
    print(
        f"{counted(given.fits, 'fit')} of {given.images} responses {N_CHANNELS} x "
        f"{N_TIMES}: {alone:.1f} s one after another, {shared:.1f} s in "
        f"{counted(given.jobs, 'job')}, "
        f"{alone / shared:.2f} times faster"
    )


def _noise(n_images: int):
    import mne
    import numpy as np
    import pandas as pd

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
    from ... import fit_many

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
