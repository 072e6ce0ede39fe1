"""``mne_brainae classify``: the concepts that brain responses tell of."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from pathlib import Path

from ._files import add_model
from ._identify import add_identification


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what a classification can be told."""
    add = parser.add_argument
    add_model(parser)
    add(
        "epochs",
        type=Path,
        help="test epochs (-epo.fif), metadata name the image and the concept",
    )
    add(
        "templates",
        type=Path,
        help="a folder with a folder of other images for every concept",
    )
    add_identification(parser, "classified.csv")


def run(given: argparse.Namespace) -> None:
    """Rank the concepts for every response, print accuracies, and save the ranks."""
    from ._identify import identify

    identify(given, "classify", given.templates)
