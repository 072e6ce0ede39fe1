"""``mne_brainae benchmark live``: the time from the last sample to the answer."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse

from .._numbers import count, seed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the number of epochs."""
    add = parser.add_argument
    add("--epochs", type=count, default=50, help="epochs to play (%(default)s)")
    add("--seed", type=seed, default=0, help="seed (%(default)s)")


def run(given: argparse.Namespace) -> None:
    """Measure and print."""
    from ...benchmark.studies.live import measure

    found = measure(n_epochs=given.epochs, seed=given.seed)
    print(found.protocol)
    print(found.table.round(1).to_string())
