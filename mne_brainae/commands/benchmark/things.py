"""``mne_brainae benchmark things``: THINGS-EEG2 at full size, with the best decoder."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse

from .._numbers import count, positive, seed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add sizes, noise and systems."""
    add = parser.add_argument
    add("--concepts", type=count, default=1654, help="training concepts of 10 images")
    add("--repetitions", type=count, default=80, help="repetitions of a test image")
    add("--snr", type=positive, default=0.001, help="signal to noise of one trial")
    add(
        "--sfreq",
        type=positive,
        default=100.0,
        help="sampling rate; so goes memory",
    )
    systems, default = ("best", "linear", "paper"), ["best", "linear"]
    add("--systems", nargs="+", choices=systems, default=default, help="recipes")
    laws = ("linear", "nonlinear")
    add("--law", choices=laws, default="linear", help="law of the responses")
    whitened = "multivariate noise normalization before the fit, as THINGS-EEG2 has it"
    add("--whitened", action="store_true", help=whitened)
    trials = "give the trials of training images and not their means; takes memory"
    add("--trials", action="store_true", help=trials)
    add("--epochs", type=count, help="passes of recipe paper; default as published")
    add("--seed", type=seed, default=0, help="seed of simulation and training")


def run(given: argparse.Namespace) -> None:
    """Print the accuracies of every system."""
    import mne

    from ...benchmark.studies.things import measure
    from ...utils.tables import as_text

    with mne.utils.use_log_level("ERROR"):
        found = measure(
            given.systems,
            law=given.law,
            whitened=given.whitened,
            trials=given.trials,
            n_concepts=given.concepts,
            n_repetitions=given.repetitions,
            snr=given.snr,
            sfreq=given.sfreq,
            n_epochs=given.epochs,
            random_state=given.seed,
        )
    print(found.protocol, "\n")
    print(as_text(found.table, float_format="{:.3f}".format))
