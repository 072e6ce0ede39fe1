"""Encoding and decoding of real neurons, beside ridge regression and a control."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ... import LinearEncodingModel, compute_image_features, fit
from ...datasets import macaque_v4
from ...preprocessing.splits import divide
from ...scoring.correlation import correlate
from ...utils.checks import counted
from .finding import Finding

SIMILARITIES = ("cosine", "encoding", "likelihood")
BEST, PAPER, RIDGE = "BrainAE best", "BrainAE paper", "ridge, same features"
SHUFFLED = "linear, images shuffled"


def measure(
    session: str,
    encoder,
    *,
    n_folds: int = 6,
    n_seeds: int = 3,
    with_paper: bool = False,
) -> Finding:
    """Score every system on a session of macaque V4.

    Parameters
    ----------
    session : str
        The session.
    encoder : str | ImageEncoder
        The image encoder.
    n_folds : int
        Test folds, up to 6.
    n_seeds : int
        Seeds of what is random.
    with_paper : bool
        Whether the recipe of the paper is trained, too.

    Returns
    -------
    finding : instance of Finding
        One row per system, fold and seed; :func:`summarize` is over them.
    """
    epochs, features = read(session, encoder)
    scores = _scores(epochs, features, n_folds, n_seeds, with_paper)
    return Finding(
        f"macaque V4, session {session}: {len(epochs.ch_names)} units, "
        f"{features.shape[1]} features; {n_folds} of six folds of "
        f"{gallery_of(epochs, n_folds)}. "
        f"Mean over folds, +- sd over {counted(n_seeds, 'seed')} where there are any:",
        pd.DataFrame(scores),
    )


def read(session: str, encoder) -> tuple:
    """Read a session of macaque V4, and compute the features of its photographs.

    Parameters
    ----------
    session : str
        The session.
    encoder : str | ImageEncoder
        The image encoder.

    Returns
    -------
    epochs : instance of Epochs
        One response per photograph.
    features : DataFrame, shape (n_images, n_features)
        The features.
    """
    epochs = macaque_v4.read_epochs(session, verbose="WARNING")
    table = epochs.metadata
    files = dict(zip(table["image"], table["image_path"], strict=True))
    return epochs, compute_image_features(files, encoder)


def folds_of(epochs, n_folds: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return training and test epochs of the first of six folds."""
    return list(divide(np.arange(len(epochs)), 6, 0))[:n_folds]


def gallery_of(epochs, n_folds: int) -> str:
    """Say how many images are identified among one another, and the chance of it."""
    sizes = [len(test) for _, test in folds_of(epochs, n_folds)]
    some = f"{min(sizes)} to {max(sizes)}" if len(set(sizes)) > 1 else f"{sizes[0]}"
    chance = np.mean([1 / size for size in sizes])
    return (
        f"{some} unseen photographs, one presentation average each, identified among "
        f"one another: chance of top-1 is {chance:.4f}"
    )


def _scores(
    epochs, features: pd.DataFrame, n_folds: int, n_seeds: int, with_paper: bool
) -> Iterator[dict]:
    """Yield the scores of every system, fold and seed."""
    for fold, (train, test) in enumerate(folds_of(epochs, n_folds)):
        seen, unseen = epochs[train], epochs[test]
        shown = features.loc[unseen.metadata["image"]]
        for name, system, seed in _systems(seen, features, n_seeds, with_paper):
            row = {"system": name, "fold": fold, "seed": seed}
            yield row | score(system, unseen, shown)


def _systems(
    seen, features: pd.DataFrame, n_seeds: int, with_paper: bool
) -> Iterator[tuple]:
    """Yield every fitted system by name, with its seed."""
    best = fit(seen, features, recipe="best")
    yield BEST, best, 0
    yield RIDGE, LinearEncodingModel().fit(seen, features), 0
    for seed in range(n_seeds):
        wrong = shuffle(features, seen.metadata["image"], seed)
        control = fit(seen, wrong, recipe="linear", random_state=seed, verbose="ERROR")
        yield SHUFFLED, control, seed
        if with_paper:
            yield PAPER, fit(seen, features, recipe="paper", random_state=seed), seed


def shuffle(features: pd.DataFrame, images, seed: int) -> pd.DataFrame:
    """Give the training images one another's features."""
    images = pd.Index(images)
    order = np.random.default_rng(seed).permutation(len(images))
    wrong = features.copy()
    wrong.loc[images] = features.loc[images[order]].to_numpy()
    return wrong


def score(system, epochs, features: pd.DataFrame) -> dict[str, float]:
    """Score encoding and identification of unseen images.

    Parameters
    ----------
    system : instance of BrainAE | LinearEncodingModel
        A fitted system.
    epochs : instance of Epochs
        Responses to images that were not fitted.
    features : DataFrame, shape (n_images, n_features)
        The features of these images.

    Returns
    -------
    scores : dict of float
        Pearson correlation over images, mean over channels; top-1 accuracy by every
        similarity that the system has.
    """
    predicted = system.predict_epochs(features).get_data()
    measured = epochs.get_data(picks=system.info_["ch_names"])
    scores = {"encoding r": correlate(measured, predicted, axis=0).mean()}
    if isinstance(system, LinearEncodingModel):
        scores["top-1 encoding"] = system.retrieve(epochs, features).top_k(1)
        return scores
    for similarity in SIMILARITIES:
        found = system.retrieve(epochs, features, similarity=similarity)
        scores[f"top-1 {similarity}"] = found.top_k(1)
    return scores


def summarize(scores: pd.DataFrame) -> pd.DataFrame:
    """Average over folds, and take the spread over seeds.

    Parameters
    ----------
    scores : DataFrame
        The scores of every ``system``, ``fold`` and ``seed``.

    Returns
    -------
    table : DataFrame of str, shape (n_systems, n_scores)
        Mean, and standard deviation where there are several seeds.
    """
    columns = [c for c in scores if c not in ("system", "fold", "seed")]
    by_seed = scores.groupby(["system", "seed"], sort=False)[columns].mean()
    mean = by_seed.groupby(level=0, sort=False).mean()
    spread = by_seed.groupby(level=0, sort=False).std()
    text = mean.map(lambda value: "" if np.isnan(value) else f"{value:.3f}")
    some = spread.map(lambda value: "" if np.isnan(value) else f" +- {value:.3f}")
    return text + some
