"""``mne_brainae fit``: a model from epochs and images."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from pathlib import Path

from ..models.recipes import RECIPES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what a fit can be told."""
    add = parser.add_argument
    add("epochs", type=Path, help="training epochs (-epo.fif), metadata name the image")
    add("images", type=Path, help="the folder of images")
    add(
        "--recipe", choices=RECIPES, default="best", help="named settings (%(default)s)"
    )
    add("--picks", nargs="+", help="channels or channel types")
    add("--seed", type=int, help="seed, to get the same model again")
    out = Path("brainae.safetensors")
    add("--out", type=Path, default=out, help="the model file (%(default)s)")
    add("--overwrite", action="store_true", help="replace the model file")


def run(given: argparse.Namespace) -> None:
    """Fit and save."""
    import mne_brainae
    from mne_brainae.commands._epochs import read_epochs
    from mne_brainae.utils.checks import _check_fname

    _check_fname(given.out, overwrite=given.overwrite)  # before the work, not after
    epochs = read_epochs(given.epochs)
    model = mne_brainae.fit(
        epochs,
        given.images,
        recipe=given.recipe,
        picks=given.picks,
        random_state=given.seed,
    )
    model.save(given.out, overwrite=given.overwrite)
    print(model)
    print(f"Saved {given.out}")
