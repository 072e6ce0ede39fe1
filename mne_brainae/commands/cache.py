"""``mne_brainae cache``: what the image features on disk take, and how to drop them."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from pathlib import Path

from ._numbers import not_negative


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the two things that can be done, and to which part of the cache."""
    parser.add_argument("action", choices=("size", "clean"), help="show, or remove")
    parser.add_argument("--folder", type=Path, help="the cache, if not the usual one")
    parser.add_argument("--encoder", help="clean: the features of this encoder alone")
    parser.add_argument(
        "--days",
        type=not_negative,
        default=0.0,
        help="clean: the features of encoders unused for so many days alone",
    )


def run(given: argparse.Namespace) -> None:
    """Print one line per encoder and the sum."""
    from ..images.cache import cache_folder, clean_cache, list_cache

    if given.action == "clean":
        entries = clean_cache(given.folder, encoder=given.encoder, days=given.days)
    else:
        entries = list_cache(given.folder)
    for entry in entries:
        print(
            f"{_mebibytes(entry.n_bytes)}  {entry.n_files:6d} files  "
            f"{entry.days:6.1f} days  {entry.encoder}"
        )
    total = _mebibytes(sum(entry.n_bytes for entry in entries))
    what = "removed from" if given.action == "clean" else "in"
    print(f"{total}  {what} {cache_folder(given.folder)}")


def _mebibytes(n_bytes: int) -> str:
    return f"{n_bytes / 2**20:10.1f} MiB"
