"""``mne_brainae benchmark find-images``: chosen images beside images at random."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from pathlib import Path

from .._numbers import count


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the sessions, and the size of a large table."""
    add = parser.add_argument
    add("--sessions", nargs="+", default=["190923", "210225"], help="of macaque V4")
    add("--folds", type=count, default=3, help="test folds of six")
    add("--speed", action="store_true", help="time a large table instead")
    add("--rows", type=count, default=1_000_000, help="of the large table")
    add("--path", type=Path, help="folder for the large table")


def run(given: argparse.Namespace) -> None:
    """Print mean responses, or seconds and memory."""
    import mne

    from ...benchmark.studies.find_images import measure, measure_speed
    from ...utils.tables import as_text

    with mne.utils.use_log_level("ERROR"):
        if given.speed:
            found = measure_speed(given.rows, given.path)
        else:
            found = measure(given.sessions, n_folds=given.folds)
    print(found.protocol, "\n")
    print(as_text(found.table, float_format="{:.3f}".format))
