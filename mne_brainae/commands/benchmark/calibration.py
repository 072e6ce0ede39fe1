"""``mne_brainae benchmark calibration``: whether probabilities and bands hold."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from pathlib import Path

from .._numbers import count, positive, seed, six


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the recording and the numbers of repetitions."""
    add = parser.add_argument
    numbers = (1, 2, 6, 20)
    add("--averaged", nargs="+", type=count, default=numbers, help="test repetitions")
    add("--bands", action="store_true", help="of predicted responses, instead")
    add("--neurons", action="store_true", help="macaque V4, instead")
    add("--folds", type=six, default=6, help="test folds of neurons, up to 6")
    add("--concepts", type=count, default=120, help="training concepts")
    add("--exemplars", type=count, default=8, help="images of a training concept")
    add("--repetitions", type=count, default=2, help="of a training image")
    add("--candidates", type=count, default=300, help="unseen images to identify")
    add("--snr", type=positive, default=0.06, help="signal to noise of one trial")
    add("--seeds", nargs="+", type=seed, default=[0, 1, 2], help="seeds")
    add("--path", type=Path, help="folder for the images")


def run(given: argparse.Namespace) -> None:
    """Print confidence beside accuracy, or the coverage of bands."""
    import mne

    from ...benchmark.studies import calibration
    from ...utils.tables import as_text

    with mne.utils.use_log_level("ERROR"):
        if given.neurons:
            found = calibration.measure_neurons(n_folds=given.folds)
        else:
            found = _measure(calibration, given)
    print(found.protocol, "\n")
    print(as_text(found.table, float_format="{:.3f}".format))


def _measure(calibration, given: argparse.Namespace):
    measure = calibration.measure_bands if given.bands else calibration.measure
    return measure(
        given.averaged,
        n_concepts=given.concepts,
        n_exemplars=given.exemplars,
        n_repetitions=given.repetitions,
        n_candidates=given.candidates,
        snr=given.snr,
        seeds=given.seeds,
        path=given.path,
    )
