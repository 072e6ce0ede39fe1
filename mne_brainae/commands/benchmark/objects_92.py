"""``mne_brainae benchmark objects-92``: monkey and human IT on the same 92 objects."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse

from .._numbers import count


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the benchmark can be told."""
    add = parser.add_argument
    add("--path", help="the folder of the published matrices, if not MNE_BRAINAE_DATA")
    add("--permutations", type=count, default=10000, help="how often images are dealt")


def run(given: argparse.Namespace) -> None:
    """Print both correlations, and the contrast of categories in both matrices."""
    from ...benchmark.studies import objects_92

    try:
        comparisons, contrasts = objects_92.compare(
            given.path, n_permutations=given.permutations
        )
    except FileNotFoundError as error:
        raise SystemExit(f"mne_brainae benchmark objects-92: {error}") from None
    print(f"92 objects; published for monkey and human IT: {objects_92.PUBLISHED}\n")
    print(*comparisons, sep="\n")
    for whose, contrast in contrasts.items():
        print(f"\n{whose} IT, 1 is animate")
        print(contrast)
