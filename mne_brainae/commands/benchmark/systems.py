"""``mne_brainae benchmark systems``: Table 2 on simulated EEG, with a ceiling."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse

from .._numbers import count

RECIPES = ("best", "paper", "nice", "atm", "bravl", "mb2c", "ridge")


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


def run(given: argparse.Namespace) -> None:
    """Print the accuracies of every system."""
    import mne

    from ...benchmark.studies.systems import measure

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
    print(found.table.to_string(float_format="{:.3f}".format, na_rep="-"))
