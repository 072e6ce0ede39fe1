"""``mne_brainae benchmark table3``: generated images beside published scores."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from pathlib import Path

NOTE = """
PixCorr to CLIP: more is better; EfficientNet and SwAV: less is better. AlexNet(2) to
CLIP are shares of pairs that are told apart: chance is 0.5. Published values are of
other images of other people, and are no baseline of yours; the controls are.
"""
HOW = """
No scores of your own were given. They are made by

  mne_brainae generate MODEL EPOCHS --prior PRIOR --stimuli FOLDER --score --out MINE
  mne_brainae benchmark table3 MINE
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the folders of one's own scores."""
    add = parser.add_argument
    add(
        "folders",
        type=Path,
        nargs="*",
        help="folders that mne_brainae generate --score wrote",
    )
    add("--csv", type=Path, help="a file for the table")


def run(given: argparse.Namespace) -> None:
    """Print the table."""
    from ...benchmark.paper.table_3 import table_3
    from ...utils.files import replacing
    from ...utils.tables import as_text

    try:
        table, protocols = table_3(given.folders)
    except FileNotFoundError as error:
        raise SystemExit(f"mne_brainae benchmark table3: {error}") from None
    print(as_text(table, float_format="{:.3f}".format, na_rep="-"))
    print(NOTE)
    for folder, protocol in zip(given.folders, protocols, strict=True):
        print(f"{folder.name}: {protocol}")
    if not given.folders:
        print(HOW)
    if given.csv is not None:
        with replacing(given.csv) as temporary:
            table.to_csv(temporary)
