"""When images are in the responses, and which group of features explains it."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import mne
import pandas as pd

from ... import compute_image_features, score_over_time, share_variance
from ...datasets import simulate
from ...models.over_time import CEILING, ENCODING, IDENTIFICATION
from ...models.variance import ALL
from ...utils.checks import counted
from .finding import Finding


def simulated(
    n_images: int = 120, *, snr: float = 0.2, seed: int = 0, path: Path | None = None
) -> tuple[mne.BaseEpochs, pd.DataFrame]:
    """Simulate a recording in which every image is shown four times.

    Parameters
    ----------
    n_images : int
        Number of images, four of each concept.
    snr : float
        Signal to noise of one trial.
    seed : int
        The seed.
    path : Path | None
        Folder for the images.

    Returns
    -------
    epochs : instance of Epochs
        Single trials.
    features : DataFrame, shape (n_images, n_features)
        Gabor features of the images.
    """
    data = simulate(
        n_train_concepts=max(n_images // 4, 1),
        n_exemplars=4,
        n_templates=0,
        n_train_repetitions=4,
        n_test_concepts=2,
        n_test_repetitions=1,
        snr=snr,
        sfreq=50.0,
        random_state=seed,
        path=path,
        verbose="ERROR",
    )
    return data.train, compute_image_features(data.images, verbose="ERROR")


def groups_of(features: pd.DataFrame) -> str | dict:
    """Group features by layer or, where they have none, by the first word of names.

    Parameters
    ----------
    features : DataFrame, shape (n_images, n_features)
        The features.

    Returns
    -------
    groups : str | dict
        What :func:`mne_brainae.share_variance` takes.
    """
    columns = features.columns
    if "layer" in columns.names:
        return "layer"
    first = pd.Series([str(name).split()[0] for name in columns])
    return {word: columns[rows] for word, rows in first.groupby(first).groups.items()}


def measure(
    epochs: mne.BaseEpochs,
    features: pd.DataFrame,
    groups: str | dict,
    *,
    by: str = "image",
    n_splits: int = 5,
    generalize: bool = False,
    picks=None,
    seed: int | None = None,
) -> Iterator[Finding]:
    """Score every sample, and share the variance among groups of features.

    Parameters
    ----------
    epochs : instance of Epochs
        Responses; ``metadata["image"]`` names the images.
    features : DataFrame, shape (n_images, n_features)
        Features of the images.
    groups : str | dict
        The groups, as in :func:`mne_brainae.share_variance`; fewer than two are not
        compared.
    by : str
        What is held out as a whole.
    n_splits : int
        Number of folds.
    generalize : bool
        Whether identification learned at one time is tested at all others as well.
    picks : list of str | None
        The channels; None takes all.
    seed : int | None
        The seed of the folds.

    Yields
    ------
    finding : instance of Finding
        Scores at every time, time generalization if asked for, and the shares.
    """
    how = {"by": by, "n_splits": n_splits, "picks": picks, "random_state": seed}
    scores = {
        name: score_over_time(epochs, features, score=name, **how)
        for name in (ENCODING, IDENTIFICATION)
    }
    first = scores[ENCODING]
    columns = {name: each.scores for name, each in scores.items()}
    columns |= {f"chance of {name}": each.chance for name, each in scores.items()}
    if first.ceiling is not None:
        columns["ceiling of encoding"] = first.ceiling
    yield Finding(
        f"{_said(first)} Encoding is r over held-out images, mean over channels, whose "
        "chance is 0; identification is how often the features decoded at one time are "
        "nearer to the image that was shown than to another, whose ceiling is 1.",
        pd.DataFrame(columns, index=first.table.index),
        tuple(each.plot(show=False) for each in scores.values()),
    )
    if generalize:
        found = score_over_time(
            epochs, features, score=IDENTIFICATION, generalize=True, **how
        )
        yield Finding(
            "Identification learned at the times in rows and tested at those in "
            f"columns, chance {found.chance:g}.",
            found.table,
            (found.plot(show=False),),
        )
    if isinstance(groups, str) or len(groups) > 1:
        yield _share(share_variance(epochs, features, groups, **how))


def _said(scores) -> str:
    given = scores.protocol
    channels = counted(given["channels"], "channel")
    return (
        f"Means of the repetitions of {given['images']} images at {channels}, held out "
        f"{given['held out']}, seed {given['seed']}."
    )


def _share(shares) -> Finding:
    """Return the shares with the time at which each group explains the most."""
    table = shares.table.copy()
    course = shares.course()
    table["most"] = course.max()
    table["at (s)"] = course.idxmax()
    if shares.ceiling_map is not None:
        best = shares.ceiling_map.data.mean(axis=0)
        row = {"share": best.mean(), "most": best.max()}
        row["at (s)"] = course.index[best.argmax()]
        table = pd.concat([table, pd.DataFrame(row, index=[CEILING])])
    parts = ("share", "unique")
    return Finding(
        "Share of the variance of held-out responses, mean over channels and times, "
        "that each group of features explains; the shares sum to that of "
        f"{ALL!r}, and the mean response has 0. Unique is what all other groups "
        "together do not explain. Most is the largest share at one time:",
        table,
        tuple(shares.plot(part, show=False) for part in parts),
    )
