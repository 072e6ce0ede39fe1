"""``mne_brainae benchmark preprocessing``: from raw data to averages."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse

from .._numbers import count, whole


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the sizes."""
    add = parser.add_argument
    add("--images", type=count, default=8270, help="images of the session (8270)")
    add("--compare", type=whole, default=1000, help="images of the comparison (1000)")
    add("--rounds", type=count, default=3, help="alternating runs, of which the best")


def run(given: argparse.Namespace) -> None:
    """Print one table of both ways, and how they compare."""
    from ...benchmark.studies import preprocessing as study
    from ...utils.tables import as_text

    table = study.compare(given.images, given.compare, given.rounds)
    print(
        f"\nGenerated session: {study.N_CHANNELS} channels, {study.SFREQ} Hz, "
        f"{study.N_REPETITIONS} repetitions; averages of 250 times, float32.\n"
        "Block by block filters to 0.1-100 Hz as well; the other way does not filter."
    )
    print(as_text(table.round(2)))
    lean, plain = (table.loc[(given.compare, way)] for way in study.WAYS)
    print(
        f"At {given.compare} images, block by block is "
        f"{plain['seconds'] / lean['seconds']:.1f} times faster and takes "
        f"{plain['peak_mb'] / lean['peak_mb']:.1f} times less memory."
    )
