"""``mne_brainae retrieve``: the images that brain responses tell of."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from pathlib import Path

SIMILARITIES = ("cosine", "encoding", "likelihood")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what a retrieval can be told."""
    add = parser.add_argument
    add("model", type=Path, help="a model file of mne_brainae fit")
    add("epochs", type=Path, help="test epochs (-epo.fif), metadata name the image")
    add("images", type=Path, help="the folder of the test images, the gallery")
    add(
        "--similarity",
        choices=SIMILARITIES,
        default="cosine",
        help="to compare by (%(default)s)",
    )
    add("--single-trials", action="store_true", help="do not average repetitions")
    out = Path("retrieved.csv")
    add("--out", type=Path, default=out, help="the table of ranks (%(default)s)")
    add("--overwrite", action="store_true", help="replace the table")


def run(given: argparse.Namespace) -> None:
    """Rank the images for every response, print accuracies, and save the ranks."""
    import mne_brainae
    from mne_brainae.commands._epochs import read_epochs
    from mne_brainae.utils.checks import _check_fname, counted
    from mne_brainae.utils.files import replacing

    _check_fname(given.out, overwrite=given.overwrite)
    model = mne_brainae.read_brainae(given.model)
    epochs = read_epochs(given.epochs)
    if not given.single_trials:
        epochs = mne_brainae.average_repetitions(epochs)
    found = model.retrieve(epochs, given.images, similarity=given.similarity)
    with replacing(given.out) as path:
        found.to_data_frame().to_csv(path, index_label="epoch")
    print(found)
    print(f"Saved the ranks of {counted(len(found.truth), 'response')} in {given.out}")
