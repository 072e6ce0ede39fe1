"""``mne_brainae benchmark ablation``: what each ingredient of ``"best"`` is worth."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from .._names import one_of
from .._numbers import count, six
from .encoder import add_encoder_arguments, layers_of

DATA = ("simulated", "macaque_v4")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the recordings, the split and the image features."""
    add = parser.add_argument
    add(
        "--data",
        nargs="+",
        **one_of(DATA),
        default=DATA,
        help="what to score",
    )
    add("--session", nargs="+", default=["190923", "210225"], help="of macaque V4")
    add("--folds", type=six, default=6, help="test folds of macaque V4, up to 6")
    add("--recordings", type=count, default=5, help="simulated recordings")
    add("--small", action="store_true", help="simulate recordings of seconds' work")
    add("--inner", action="store_true", help="score a fifth of the training images")
    add("--paper", action="store_true", help="train the paper's recipe, too")
    add("--path", type=Path, help="folder for the simulated images")
    add_encoder_arguments(parser)


def run(given: argparse.Namespace) -> None:
    """Print one table per recording."""
    from ...benchmark.studies.ablation import measure
    from ...benchmark.studies.neurons import summarize
    from ...utils.tables import as_text

    for title, splits in _recordings(given):
        found = measure(title, splits, is_inner=given.inner, with_paper=given.paper)
        print(f"\n{found.protocol}")
        print(as_text(summarize(found.table)), flush=True)


def _recordings(given: argparse.Namespace) -> Iterator[tuple[str, Iterator]]:
    """Yield the recordings that were asked for, with their splits."""
    from ...benchmark.studies.ablation import neuron_splits, simulated_splits
    from ...utils.checks import counted

    if "simulated" in given.data:
        title = f"SIMULATED EEG, {counted(given.recordings, 'recording')}"
        yield (
            title,
            simulated_splits(given.recordings, is_small=given.small, path=given.path),
        )
    if "macaque_v4" in given.data:
        encoder = layers_of(given)
        for session in given.session:
            title = f"macaque V4, session {session}"
            yield title, neuron_splits(session, encoder, given.folds)
