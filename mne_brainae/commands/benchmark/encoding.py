"""``mne_brainae benchmark encoding``: BrainAE beside linear encoders on real data."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from pathlib import Path

from .._names import one_of
from .._numbers import count, six

DATA = ("macaque_v4", "macaque_it", "muse_n170")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add which recording, and where images go."""
    add = parser.add_argument
    add(
        "data",
        **one_of(DATA),
        help="the recording",
    )
    add("--session", nargs="+", default=["190923", "210225"], help="of macaque V4")
    add("--components", type=count, default=100, help="macaque V4: components of OLS")
    add("--folds", type=six, default=6, help="macaque V4: test folds")
    add("--out", type=Path, help="a folder for the images of time courses")


def run(given: argparse.Namespace) -> None:
    """Print one table per recording, and save its images."""
    import matplotlib as mpl

    from ...utils.tables import as_text

    mpl.use("agg")
    digits = 4 if given.data == "macaque_v4" else 3
    n_saved = 0
    for found in _findings(given):
        print(f"\n{found.protocol}")
        print(as_text(found.table, float_format=f"{{:.{digits}f}}".format))
        for figure in found.figures if given.out is not None else ():
            file = given.out / f"{given.data}_{n_saved}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            figure.savefig(file, dpi=120)
            print(f"Saved {file}")
            n_saved += 1


def _findings(given: argparse.Namespace):
    from ...benchmark.studies import encoding

    if given.data == "macaque_v4":
        for session in given.session:
            yield encoding.predict_neurons(
                session, n_components=given.components, n_folds=given.folds
            )
    elif given.data == "macaque_it":
        yield from encoding.predict_objects()
    else:
        yield encoding.predict_categories()
