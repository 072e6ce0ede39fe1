"""``mne_brainae benchmark muse``: faces or houses from four channels of human EEG."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse

from .._numbers import count


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the benchmark can be told."""
    add = parser.add_argument
    add("--draws", type=count, default=2000, help="bootstrap samples of the trials")
    add("--keep-all", action="store_true", help="keep epochs beyond 75 microvolts, too")


def run(given: argparse.Namespace) -> None:
    """Print areas under the curve, and their differences."""
    from ...benchmark.studies.muse import REJECT, measure
    from ...utils.tables import as_text

    found = measure(n_draws=given.draws, reject=None if given.keep_all else REJECT)
    print(found.protocol, "\n")
    print(as_text(found.table, float_format="{:.3f}".format), "\n")
    for words, (mean, low, high) in found.differences.iterrows():
        print(f"{words}: {mean:+.3f} ({low:+.3f} to {high:+.3f})")
