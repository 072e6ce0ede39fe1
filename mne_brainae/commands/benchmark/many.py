"""``mne_brainae benchmark many``: fits over processes against one after another."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse

from .._numbers import count


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the benchmark can be told."""
    add = parser.add_argument
    add("--fits", type=count, default=4, help="how many fits, each of another seed")
    add("--jobs", type=count, default=2, help="processes")
    add("--images", type=count, default=1000, help="images of the recording of noise")


def run(given: argparse.Namespace) -> None:
    """Print the times and their ratio."""
    from ...benchmark.studies import many
    from ...utils.checks import counted

    alone, shared = many.time_fits(given.fits, given.jobs, given.images)
    print(
        f"{counted(given.fits, 'fit')} of {given.images} responses {many.N_CHANNELS} x "
        f"{many.N_TIMES}: {alone:.1f} s one after another, {shared:.1f} s in "
        f"{counted(given.jobs, 'job')}, {alone / shared:.2f} times faster"
    )
