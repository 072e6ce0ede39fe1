"""How decoding depends on the number of repetitions that are averaged."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Callable, Sequence

import mne
import numpy as np
import pandas as pd

from ..preprocessing.averaging import average_repetitions
from ..utils.checks import check_image_names, seed_from, verbose
from ..utils.docs import fill_doc
from .identification import Identification


@verbose
@fill_doc
def score_averages(
    identify: Callable[[mne.BaseEpochs], Identification],
    epochs: mne.BaseEpochs,
    n_averaged: Sequence[int] | None = None,
    *,
    n_draws: int = 5,
    random_state=None,
    verbose=None,
) -> pd.DataFrame:
    """Identify single trials, and means of more and more repetitions.

    Parameters
    ----------
    %(identify)s
    %(epochs_images)s
        Single trials.
    n_averaged : sequence of int | None
        How many repetitions of every image are averaged; None takes 1, 2, 4 and so on,
        up to the number that all images have.
    n_draws : int
        How often repetitions are drawn anew, without replacement. Where all are taken,
        once is enough.
    %(random_state)s
    %(verbose)s

    Returns
    -------
    table : DataFrame, shape (n_scores, 7)
        One row per number and draw: ``n_averaged``, ``draw``, ``top_1``, ``top_5`` (NaN
        with fewer than five candidates), ``median_rank``, ``chance`` (of ``top_1``) and
        ``n_images``.
    """
    names = check_image_names(epochs)
    epochs.drop_bad(verbose=False)
    most = int(names.value_counts().min())
    if n_averaged is None:
        n_averaged = sorted({most, *(2**i for i in range(most.bit_length()))})
    wrong = [n for n in n_averaged if not 1 <= n <= most]
    if wrong:
        raise ValueError(
            f"n_averaged must lie between 1 and {most}, the fewest repetitions that an "
            f"image of the epochs has, got {wrong[0]}."
        )
    if n_draws < 1:
        raise ValueError(f"n_draws must be at least 1, got {n_draws}.")
    rng = np.random.default_rng(seed_from(random_state))
    rows = []
    for n in n_averaged:
        every = n == names.value_counts().max()
        for draw in range(1 if every else n_draws):
            drawn = epochs[_draw(names, n, rng)]
            found = identify(average_repetitions(drawn, verbose="ERROR"))
            rows.append({"n_averaged": n, "draw": draw, **_summary(found)})
    return pd.DataFrame(rows)


def _draw(names: pd.Series, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw the same number of epochs of every image."""
    shuffled = pd.Series(np.arange(len(names))).iloc[rng.permutation(len(names))]
    nth = shuffled.groupby(names.to_numpy()[shuffled]).cumcount()
    return np.sort(shuffled[nth < n].to_numpy())


def _summary(found: Identification) -> dict:
    n_candidates = len(found.candidates)
    return {
        "top_1": found.top_k(1),
        "top_5": found.top_k(5) if n_candidates >= 5 else np.nan,
        "median_rank": found.median_rank,
        "chance": found.chance(1),
        "n_images": len(found.truth),
    }
