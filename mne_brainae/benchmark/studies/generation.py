"""Generated pictures beside controls, and photographs decoded from V4 neurons."""

# License: BSD-3-Clause

from __future__ import annotations

from itertools import islice

import numpy as np
import pandas as pd
from sklearn.model_selection import KFold

from ...datasets import macaque_v4
from ...generation import DiffusionPrior, PictureDecoder, score_pictures
from ...images import read_image

N_FOLDS = 6
N_SHOWN = 20


def paint_controls(model, epochs, prior, generated, **how) -> dict[str, list]:
    """Paint what pictures look like without the prior, or without the brain.

    Parameters
    ----------
    model : instance of BrainAE
        The fitted model.
    epochs : instance of Epochs
        The responses that pictures were generated from.
    prior : instance of DiffusionPrior | RidgePrior
        What drew the image embeddings.
    generated : instance of GeneratedPictures
        The pictures.
    **how
        How they were painted, see :meth:`mne_brainae.BrainAE.generate`.

    Returns
    -------
    controls : dict of list
        Pictures by control, for :meth:`mne_brainae.generation.GeneratedPictures.score`.
    """
    controls = {}
    if isinstance(prior, DiffusionPrior):
        alone = model.generate(epochs, prior, control="prior only", **how)
        controls["prior only"] = alone.pictures
    if generated.starts is not None:
        controls["start"] = generated.starts
        controls["mean picture"] = [how["low_level"].mean_picture_] * len(generated)
    return controls


def decode_photographs(
    session: str, *, n_folds: int = 1, size: int = 16
) -> tuple[pd.DataFrame, dict]:
    """Decode photographs of held-out folds from macaque V4 by ridge regression.

    Parameters
    ----------
    session : str
        The session.
    n_folds : int
        Test folds, up to 6.
    size : int
        Pixels per side that are decoded.

    Returns
    -------
    scores : DataFrame, shape (n_scores, n_controls + 2)
        Means over folds, and which direction is better.
    rows : dict of list
        The first photographs of the first fold, and what was decoded.
    """
    epochs = macaque_v4.read_epochs(session, verbose="WARNING")
    folds = KFold(N_FOLDS, shuffle=True, random_state=0).split(np.arange(len(epochs)))
    tables, first = [], None
    for train, test in islice(folds, n_folds):
        decoder = PictureDecoder(size=size).fit(epochs[train])
        decoded = decoder.predict(epochs[test])
        shown = list(epochs.metadata["image_path"].iloc[test])
        controls = {"mean picture": [decoder.mean_picture_] * len(test)}
        tables.append(score_pictures(decoded, shown, controls=controls, random_state=0))
        first = first or {
            "stimulus": [read_image(path) for path in shown[:N_SHOWN]],
            "decoded": decoded[:N_SHOWN],
        }
    better = tables[0]["better"]
    means = pd.concat([table.drop(columns="better") for table in tables])
    means = means.astype(float).groupby(level=0, sort=False).mean()
    return means.assign(better=better), first
