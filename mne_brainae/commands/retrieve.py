"""``mne_brainae retrieve``: the images that brain responses tell of."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from pathlib import Path

from ._files import add_model
from ._identify import add_identification


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what a retrieval can be told."""
    add = parser.add_argument
    add_model(parser)
    add("epochs", type=Path, help="test epochs (-epo.fif), metadata name the image")
    add("images", type=Path, help="the folder of the test images, the gallery")
    add(
        "--gallery",
        choices=("shown", "all"),
        help="the images that epochs name (default), or all in the folder",
    )
    add_identification(parser, "retrieved.csv")


def run(given: argparse.Namespace) -> None:
    """Rank the images for every response, print accuracies, and save the ranks."""
    from ._identify import identify

    identify(given, "retrieve", given.images, gallery=given.gallery)
