"""``mne_brainae benchmark neurons``: encoding and decoding of real neurons."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse

from .._numbers import count, six
from .encoder import add_encoder_arguments, layers_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the recording, the image features and the systems."""
    add = parser.add_argument
    add("--session", nargs="+", default=["190923", "210225"], help="of macaque V4")
    add("--seeds", type=count, default=3, help="seeds of what is random")
    add("--folds", type=six, default=6, help="test folds, up to 6")
    add("--paper", action="store_true", help="train the paper's recipe, too")
    add_encoder_arguments(parser)


def run(given: argparse.Namespace) -> None:
    """Print one table per session."""
    from ...benchmark.studies.neurons import measure, summarize
    from ...utils.tables import as_text

    encoder = layers_of(given)
    print(encoder)
    for session in given.session:
        found = measure(
            session,
            encoder,
            n_folds=given.folds,
            n_seeds=given.seeds,
            with_paper=given.paper,
        )
        print(f"\n{found.protocol}")
        print(as_text(summarize(found.table)), flush=True)
