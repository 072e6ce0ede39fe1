"""``mne_brainae benchmark calibration``: whether the probabilities of a model hold."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the recording and the numbers of repetitions."""
    add = parser.add_argument
    numbers = (1, 2, 6, 20)
    add("--averaged", nargs="+", type=int, default=numbers, help="test repetitions")
    add("--concepts", type=int, default=120, help="training concepts")
    add("--exemplars", type=int, default=8, help="images of a training concept")
    add("--repetitions", type=int, default=2, help="of a training image")
    add("--candidates", type=int, default=300, help="unseen images to identify")
    add("--snr", type=float, default=0.06, help="signal to noise of one trial")
    add("--seeds", nargs="+", type=int, default=[0, 1, 2], help="seeds")
    add("--path", type=Path, help="folder for the images")


def run(given: argparse.Namespace) -> None:
    """Print confidence beside accuracy, by number of repetitions."""
    import mne

    from ...benchmark.studies.calibration import measure

    with mne.utils.use_log_level("ERROR"):
        found = measure(
            given.averaged,
            n_concepts=given.concepts,
            n_exemplars=given.exemplars,
            n_repetitions=given.repetitions,
            n_candidates=given.candidates,
            snr=given.snr,
            seeds=given.seeds,
            path=given.path,
        )
    print(found.protocol, "\n")
    print(found.table.to_string(float_format="{:.3f}".format))
