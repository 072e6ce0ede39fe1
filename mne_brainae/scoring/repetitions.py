"""How decoding depends on the number of repetitions that are averaged."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from numbers import Integral

import mne
import numpy as np
import pandas as pd

from ..preprocessing.averaging import average_repetitions
from ..utils.checks import (
    check_epochs,
    check_image_names,
    counted,
    seed_from,
    verbose,
)
from ..utils.constraints import checked, integer
from ..utils.docs import fill_doc
from ..viz.decoding import plot_averages
from .identification import Identification, identify_by
from .result import Result, common_protocol


@dataclass(repr=False, eq=False)
class AverageScores(Result):
    """Accuracy against the number of repetitions that are averaged.

    Parameters
    ----------
    table : DataFrame, shape (n_scores, 7)
        One row per number and draw: ``n_averaged``, ``draw``, ``top_1``, ``top_5`` (NaN
        with fewer than five candidates), ``median_rank``, ``chance`` (of ``top_1``) and
        ``n_images``.
    protocol : dict
        What the protocols of all identifications have in common, and the draws.

    See Also
    --------
    mne_brainae.score_averages
    mne_brainae.viz.plot_averages

    Examples
    --------
    >>> scores = mne_brainae.score_averages(identify, test, [1, 2], random_state=0)
    >>> sorted(set(scores.table["n_averaged"].tolist()))
    [1, 2]
    """

    table: pd.DataFrame
    protocol: dict = field(default_factory=dict)

    @fill_doc
    def plot(self, *, axes=None, show: bool = True):
        """Plot accuracy against the number of repetitions, beside chance.

        Parameters
        ----------
        %(axes_show)s

        Returns
        -------
        fig : instance of Figure
            The figure: every draw, and the mean over draws.

        See Also
        --------
        mne_brainae.viz.plot_averages

        Examples
        --------
        >>> fig = averages.plot(show=False)
        """
        return plot_averages(self.table, axes=axes, show=show)

    @property
    def _title(self) -> str:
        n_images = counted(int(self.table["n_images"].max()), "image")
        return f"{n_images}, means over draws of repetitions"

    def _summary(self) -> pd.DataFrame:
        by_number = self.table.groupby("n_averaged")
        means = by_number[["top_1", "top_5", "chance", "median_rank"]].mean()
        return means.assign(n_draws=by_number.size())


@checked(
    identify=[callable],
    epochs=check_epochs,
    n_averaged=[list, tuple, range, np.ndarray, None],
    n_draws=[integer(1)],
    random_state=["random_state"],
)
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
) -> AverageScores:
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
    scores : instance of AverageScores
        Accuracy, median rank and chance of every number and draw.

    Raises
    ------
    ValueError
        If an image of the epochs has fewer repetitions than are to be averaged.

    See Also
    --------
    mne_brainae.AverageScores
    mne_brainae.plan_experiment

    Examples
    --------
    >>> scores = mne_brainae.score_averages(identify, test, [1, 2], random_state=0)
    >>> fig = scores.plot(show=False)
    """
    names = check_image_names(epochs)
    most = int(names.value_counts().min())
    if n_averaged is None:
        n_averaged = sorted({most, *(2**i for i in range(most.bit_length()))})
    are_right = [isinstance(n, Integral) and 1 <= n <= most for n in n_averaged]
    if not are_right or not all(are_right):
        raise ValueError(
            f"n_averaged must be integers between 1 and {most}, the fewest repetitions "
            f"that an image of the epochs has, got {list(n_averaged)}."
        )
    seed = seed_from(random_state)
    rng = np.random.default_rng(seed)
    rows, protocols = [], []
    for n in n_averaged:
        every = n == names.value_counts().max()
        for draw in range(1 if every else n_draws):
            drawn = epochs[_draw(names, n, rng)]
            found = identify_by(identify, average_repetitions(drawn, verbose="ERROR"))
            rows.append({"n_averaged": n, "draw": draw, **_scores(found)})
            protocols.append(found.protocol)
    protocol = common_protocol(protocols) | {
        "repetitions averaged": ", ".join(str(n) for n in n_averaged),
        "draws of repetitions": f"{n_draws}, without replacement",
        "seed of the draws": seed,
    }
    return AverageScores(pd.DataFrame(rows), protocol)


def _draw(names: pd.Series, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw the same number of epochs of every image."""
    shuffled = pd.Series(np.arange(len(names))).iloc[rng.permutation(len(names))]
    nth = shuffled.groupby(names.to_numpy()[shuffled]).cumcount()
    return np.sort(shuffled[nth < n].to_numpy())


def _scores(found: Identification) -> dict:
    n_candidates = len(found.candidates)
    return {
        "top_1": found.top_k(1),
        "top_5": found.top_k(5) if n_candidates >= 5 else np.nan,
        "median_rank": found.median_rank,
        "chance": found.chance(1),
        "n_images": len(found.truth),
    }
