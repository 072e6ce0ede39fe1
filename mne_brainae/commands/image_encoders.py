"""``mne_brainae image-encoders``: which there are, how large, and how fast here."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add which encoders, and whether to time them."""
    parser.add_argument("names", nargs="*", help="such as timm:resnet18; all by name")
    parser.add_argument("--probe", action="store_true", help="time them here")
    parser.add_argument("--device", default="auto", help="for the probe")


def run(given: argparse.Namespace) -> None:
    """Print the table."""
    from ..images import list_image_encoders
    from ..utils.tables import as_text

    table = list_image_encoders(
        given.names or None, probe=given.probe, device=given.device
    )
    print(as_text(table, na_rep="", float_format=lambda value: f"{value:.4g}"))
