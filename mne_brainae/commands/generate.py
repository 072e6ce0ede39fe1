"""``mne_brainae generate``: pictures from brain activity, scored, on one sheet."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path

SESSIONS = ("190923", "210225")
N_FOLDS = 6
N_SHOWN = 20
NOTE = """
Photographs decoded from macaque V4 by ridge regression, unseen in the fit.
Means over {folds} of {all_folds} folds of 200. 'mean picture' knows the training
photographs and no response; 'shuffled' puts every decoded picture beside another
photograph; 'stimuli' are the photographs themselves.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add which recording, and where to save."""
    add = parser.add_argument
    add("--session", nargs="+", default=SESSIONS, help="sessions of macaque V4")
    add("--folds", type=int, default=1, help=f"test folds, up to {N_FOLDS}")
    add("--size", type=int, default=16, help="pixels per side that are decoded")
    add("--out", type=Path, help="folder for the table and the contact sheets")


def run(given: argparse.Namespace) -> None:
    """Decode unseen photographs from V4 neurons, print the scores and a sheet."""
    import pandas as pd

    from ..generation import contact_sheet

    tables = {}
    for session in given.session:
        scores, decoded = _decode_session(session, given.folds, given.size)
        tables[session] = scores
        if given.out is not None:
            given.out.mkdir(parents=True, exist_ok=True)
            sheet = contact_sheet({"decoded": decoded[:N_SHOWN]})
            sheet.save(given.out / f"macaque_v4_{session}.png")
    table = pd.concat(tables, names=["session"])
    print(NOTE.format(folds=given.folds, all_folds=N_FOLDS))
    print(table.drop(columns="better").astype(float).round(3).to_string())
    if given.out is not None:
        table.to_csv(given.out / "macaque_v4.csv")
        print(f"\nDecoded pictures and this table are in {given.out.resolve()}.")


def _decode_session(session: str, n_folds: int, size: int):
    """Return mean scores over folds, and the decoded pictures of the first."""
    import numpy as np
    import pandas as pd
    from sklearn.model_selection import KFold

    from ..datasets import macaque_v4
    from ..generation import PictureDecoder, score_pictures

    epochs = macaque_v4.read_epochs(session, verbose="WARNING")
    folds = KFold(N_FOLDS, shuffle=True, random_state=0).split(np.arange(len(epochs)))
    tables, first = [], None
    for train, test in islice(folds, n_folds):
        decoder = PictureDecoder(size=size).fit(epochs[train])
        decoded = decoder.predict(epochs[test])
        shown = epochs.metadata["image_path"].iloc[test]
        controls = {"mean picture": [decoder.mean_picture_] * len(test)}
        tables.append(
            score_pictures(decoded, list(shown), controls=controls, random_state=0)
        )
        first = decoded if first is None else first
    better = tables[0]["better"]
    means = pd.concat([table.drop(columns="better") for table in tables])
    means = means.astype(float).groupby(level=0, sort=False).mean()
    return means.assign(better=better), first
