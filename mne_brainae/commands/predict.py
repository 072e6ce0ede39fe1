"""``mne_brainae predict``: the brain responses to images."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what a prediction can be told."""
    add = parser.add_argument
    add("model", type=Path, help="a model file of mne_brainae fit")
    add("images", type=Path, nargs="+", help="a folder of images, or images")
    out = Path("predicted-epo.fif")
    add("--out", type=Path, default=out, help="the epochs file (%(default)s)")
    add("--overwrite", action="store_true", help="replace the epochs file")


def run(given: argparse.Namespace) -> None:
    """Predict and save one epoch per image."""
    import mne_brainae
    from mne_brainae.utils.checks import _check_fname, counted

    _check_fname(given.out, overwrite=given.overwrite)
    model = mne_brainae.read_brainae(given.model)
    whole = len(given.images) == 1
    epochs = model.predict_epochs(given.images[0] if whole else given.images)
    epochs.save(given.out, overwrite=given.overwrite, verbose="ERROR")
    print(f"Saved the responses to {counted(len(epochs), 'image')} in {given.out}")
