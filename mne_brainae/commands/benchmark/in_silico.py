"""``mne_brainae benchmark in-silico``: whether drawn trials are like measured ones."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from pathlib import Path

from .._numbers import count, positive, seed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the recordings and the number of trials."""
    add = parser.add_argument
    recordings = ("simulation", "muse")
    add("--recordings", nargs="+", choices=recordings, default=recordings)
    add("--trials", type=count, default=500, help="measured, and drawn")
    add("--images", type=count, default=960, help="training images of the simulation")
    add("--snr", type=positive, default=0.06, help="signal to noise of one trial")
    add("--seeds", nargs="+", type=seed, default=[0, 1, 2], help="seeds")
    add("--path", type=Path, help="folder for the images of the simulation")


def run(given: argparse.Namespace) -> None:
    """Print how far drawn trials are from measured ones."""
    import mne

    from ...benchmark.studies.in_silico import measure
    from ...utils.tables import as_text

    with mne.utils.use_log_level("ERROR"):
        found = measure(
            given.recordings,
            n_trials=given.trials,
            n_images=given.images,
            seeds=given.seeds,
            snr=given.snr,
            path=given.path,
        )
    print(found.protocol, "\n")
    print(as_text(found.table, float_format="{:.3f}".format))
