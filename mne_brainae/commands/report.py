"""``mne_brainae report``: one page about a model and its scores."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from pathlib import Path

from ._files import add_model, add_out
from ._numbers import seed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what a report can be told."""
    add = parser.add_argument
    add_model(parser)
    add("epochs", type=Path, help="test epochs (-epo.fif) that the model has not seen")
    add(
        "--images",
        type=Path,
        help="the folder of the test images; not needed if the metadata of epochs "
        "have a column image_path",
    )
    add("--templates", type=Path, help="a folder of other images for every concept")
    add(
        "--train",
        type=Path,
        help="the epochs that the model was fitted to, to score ridge regression too",
    )
    add("--title", help="the title of the page")
    add("--seed", type=seed, help="seed of split halves and confidence intervals")
    add_out(parser, "brainae_report.html", "the page")


def run(given: argparse.Namespace) -> None:
    """Score and write the page."""
    import matplotlib as mpl

    import mne_brainae

    from ._files import check_files, read_epochs

    mpl.use("agg")
    check_files(
        given,
        ".html",
        model=given.model,
        epochs=given.epochs,
        images=given.images,
        templates=given.templates,
        train=given.train,
    )
    report = mne_brainae.make_report(
        mne_brainae.read_brainae(given.model),
        read_epochs(given.epochs),
        given.images,
        templates=given.templates,
        epochs_train=None if given.train is None else read_epochs(given.train),
        title=given.title,
        random_state=given.seed,
    )
    report.save(given.out, overwrite=given.overwrite, open_browser=False)
    print(f"Saved {given.out}")
