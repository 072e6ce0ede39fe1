"""Whether rounded factors change what a training comes to."""

# License: BSD-3-Clause

from __future__ import annotations

import warnings

import mne
import pandas as pd

from ...datasets import simulate
from ...images import compute_image_features
from ...models.recipes import make_model


def compare_precisions(n_seeds: int, n_epochs: int = 20, data=None) -> pd.DataFrame:
    """Train the paper's network with a linear chain in float32 and in bf16.

    Parameters
    ----------
    n_seeds : int
        Seeds of training.
    n_epochs : int
        Passes over the images.
    data : instance of SimulatedData | None
        A simulated recording; None simulates one.

    Returns
    -------
    losses : DataFrame, shape (n_seeds, 2)
        The least validation loss, which is computed in float32 for both.
    """
    data = simulate(random_state=0) if data is None else data
    features = compute_image_features(data.images, verbose="ERROR")
    rows = []
    for seed in range(n_seeds):
        row = {}
        for precision in ("float32", "bf16"):
            model = make_model(
                "paper",
                inner_activation=False,
                max_epochs=n_epochs,
                min_updates=1,
                precision=precision,
                device="cpu",
                random_state=seed,
                verbose="ERROR",
            )
            with mne.utils.use_log_level("ERROR"), warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # of what takes longer
                model.fit(data.train, features)
            row[precision] = model.history_["validation_total"].min()
        rows.append(row)
    return pd.DataFrame(rows, pd.RangeIndex(n_seeds, name="seed"))
