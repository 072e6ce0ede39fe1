"""``mne_brainae fit``: a model from epochs and images."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from pathlib import Path

from ._files import add_out, add_quiet
from ._fitting import add_model
from ._numbers import seed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what a fit can be told."""
    add = parser.add_argument
    add("epochs", type=Path, help="training epochs (-epo.fif), metadata name the image")
    add("images", type=Path, help="the folder of images")
    add_model(parser)
    add("--seed", type=seed, help="seed, to get the same model again")
    add(
        "--checkpoint",
        type=Path,
        help="keep the state of the training in this file (.safetensors), to go on "
        "from there when killed",
    )
    add_out(parser, "brainae.safetensors", "the model file")
    add_quiet(parser)


def run(given: argparse.Namespace) -> None:
    """Fit and save."""
    from mne.utils import use_log_level

    import mne_brainae
    from mne_brainae.models.checkpoint import checkpoints_of
    from mne_brainae.models.recipes import set_by_name
    from mne_brainae.utils.checks import check_new_file, pick_channels

    from ._files import check_files, read_epochs
    from ._fitting import params_of

    check_files(given, ".safetensors", epochs=given.epochs, images=given.images)
    model = mne_brainae.make_model(given.recipe, **params_of(given))
    set_by_name(model, {"random_state": given.seed})
    if given.checkpoint is not None:
        check_new_file(given.checkpoint, ".safetensors", overwrite=True)
        set_by_name(model, {"checkpoint": given.checkpoint})
    with use_log_level("WARNING" if given.quiet else None):
        epochs = read_epochs(given.epochs)
        pick_channels(epochs.info, given.picks)
        model.fit(epochs, given.images)
        model.save(given.out, overwrite=given.overwrite)
    if given.checkpoint is not None:
        for file in checkpoints_of(given.checkpoint):
            file.unlink(missing_ok=True)
    if not given.quiet:
        print(f"{model}\nSaved {given.out}")
