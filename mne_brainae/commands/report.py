"""``mne_brainae report``: one page about a model and its scores."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what a report can be told."""
    add = parser.add_argument
    add("model", type=Path, help="a model file of mne_brainae fit")
    add("epochs", type=Path, help="test epochs (-epo.fif) that the model has not seen")
    add("--images", type=Path, help="the folder of the test pictures")
    add("--templates", type=Path, help="a folder of other pictures for every concept")
    add("--title", help="the title of the page")
    add("--seed", type=int, help="seed of split halves and confidence intervals")
    add("--out", type=Path, default=Path("brainae_report.html"), help="the page")
    add("--overwrite", action="store_true", help="replace the page")


def run(given: argparse.Namespace) -> None:
    """Score and write the page."""
    import matplotlib as mpl
    import mne

    import mne_brainae
    from mne_brainae._checks import _check_fname

    mpl.use("agg")
    _check_fname(given.out, overwrite=given.overwrite)
    model = mne_brainae.read_brainae(given.model)
    model.report(
        mne.read_epochs(given.epochs, preload=False),
        given.images,
        templates=given.templates,
        title=given.title,
        random_state=given.seed,
        fname=given.out,
        overwrite=given.overwrite,
    )
    print(f"Saved {given.out}")
