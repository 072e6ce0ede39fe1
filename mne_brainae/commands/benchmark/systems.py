"""``mne_brainae benchmark systems``: the systems on simulated EEG, with a ceiling."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse

from .._numbers import count

RECIPES = (
    "best",
    "paper",
    "release",
    "nice",
    "atm",
    "bravl",
    "mb2c",
    "benchetrit",
    "multi_blur",
    "ubp",
    "neurobridge",
    "samga",
    "ridge",
)
#: Those that are not trained from random weights, epoch by epoch.
UNTRAINED = ("best", "ridge")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the benchmark can be told."""
    add = parser.add_argument
    add("--concepts", type=count, default=120, help="training concepts, 5 images each")
    add("--test", type=count, default=100, help="test concepts, one image each")
    add("--repetitions", type=count, default=20, help="repetitions of a test image")
    add("--epochs", type=count, help="passes of trained systems; default as published")
    add("--seeds", type=count, default=1, help="fits of every trained system")
    add("--systems", nargs="+", choices=RECIPES, default=RECIPES, help="which systems")
    add("--path", help="a folder for the images")
    add(
        "--epoch-time",
        action="store_true",
        help="only time one epoch of trained systems, of 63 channels x 250 times; all "
        "images take up to 10 GB",
    )
    add("--images", type=count, default=16540, help="images of the epoch that is timed")


def run(given: argparse.Namespace) -> None:
    """Print the scores of every system, or how long they train."""
    import mne

    from ...benchmark.studies.shapes import Shape
    from ...benchmark.studies.systems import measure, time_epochs
    from ...utils.tables import as_text

    if given.epoch_time:
        trained = [name for name in given.systems if name not in UNTRAINED]
        with mne.utils.use_log_level("ERROR"):
            found = time_epochs(trained, Shape(63, 250, given.images))
        print(found.protocol, "\n")
        print(as_text(found.table, float_format="{:.2f}".format))
        return
    with mne.utils.use_log_level("ERROR"):
        found = measure(
            given.systems,
            n_train_concepts=given.concepts,
            n_test_concepts=given.test,
            n_repetitions=given.repetitions,
            n_epochs=given.epochs,
            n_seeds=given.seeds,
            path=given.path,
        )
    print(found.protocol, "\n")
    print(as_text(found.table, float_format="{:.3f}".format, na_rep="-"))
