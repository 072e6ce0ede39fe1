"""``mne_brainae predict``: the brain responses to images."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from pathlib import Path

from ._files import add_model, add_out, add_quiet


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what a prediction can be told."""
    add = parser.add_argument
    add_model(parser)
    add("images", type=Path, nargs="+", help="a folder of images, or images")
    add_out(parser, "predicted-epo.fif", "the epochs file")
    add_quiet(parser)


def run(given: argparse.Namespace) -> None:
    """Predict and save one epoch per image."""
    from mne.utils import use_log_level

    import mne_brainae

    from ..images import find_images
    from ..utils.checks import counted
    from ._files import check_files

    check_files(given, "-epo.fif", model=given.model)
    images = given.images[0] if len(given.images) == 1 else given.images
    find_images(images)
    with use_log_level("WARNING" if given.quiet else None):
        model = mne_brainae.read_brainae(given.model)
        if not hasattr(model, "predict_epochs"):
            raise ValueError(f"A {type(model).__name__} cannot predict responses.")
        epochs = model.predict_epochs(images)
    epochs.save(given.out, overwrite=given.overwrite, verbose="ERROR")
    if not given.quiet:
        print(f"Saved the responses to {counted(len(epochs), 'image')} in {given.out}")
