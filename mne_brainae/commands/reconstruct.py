"""``mne_brainae reconstruct``: whole recordings from partial ones."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from pathlib import Path

from ._files import add_model, add_out, add_quiet
from ._numbers import seed, share

MASKS = ("random", "spatial", "temporal", "forecast")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what a reconstruction can be told."""
    add = parser.add_argument
    add_model(parser)
    add("epochs", type=Path, help="epochs (-epo.fif) of which what is missing is NaN")
    add("--mask", choices=MASKS, help="take parts of whole epochs away first")
    add("--ratio", type=share, default=0.5, help="share that is taken (%(default)s)")
    add("--seed", type=seed, help="seed of what is taken")
    add_out(parser, "reconstructed-epo.fif", "the epochs file")
    add_quiet(parser)


def run(given: argparse.Namespace) -> None:
    """Complete every epoch and save them."""
    from mne.utils import use_log_level

    import mne_brainae

    from ..utils.checks import counted
    from ._files import check_files, read_epochs

    check_files(given, "-epo.fif", model=given.model, epochs=given.epochs)
    with use_log_level("WARNING" if given.quiet else None):
        model = mne_brainae.read_brainae(given.model)
        if not hasattr(model, "reconstruct"):
            raise ValueError(f"A {type(model).__name__} cannot reconstruct.")
        epochs = read_epochs(given.epochs)
        if given.mask is not None:
            epochs = mne_brainae.mask_epochs(
                epochs,
                given.mask,
                given.ratio,
                picks=model.info_["ch_names"],
                random_state=given.seed,
            )
        whole = model.reconstruct(epochs)
    whole.save(given.out, overwrite=given.overwrite, verbose="ERROR")
    if not given.quiet:
        print(f"Saved {counted(len(whole), 'whole epoch')} in {given.out}")
