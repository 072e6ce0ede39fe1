"""What each step of ``recipe="linear"`` is worth, and what training adds."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd
from sklearn.model_selection import GroupKFold

from ... import average_repetitions, compute_image_features, fit
from ...datasets import simulate
from ...models.feature_weights import has_maps
from ...models.linear_gaussian import Steps
from ...utils.checks import counted
from .demo import SMALL
from .finding import Finding
from .neurons import folds_of, read, score, shuffle

#: Where a variant departs from ``recipe="linear"``. Similarities are columns.
VARIANTS: dict[str, dict] = {
    "linear": {},
    "noise from residuals": {"steps": Steps(noise="residuals")},
    "noise without covariance": {"steps": Steps(noise="variances")},
    "noise shrunk to diagonal": {"steps": Steps(target="diagonal")},
    "noise shrunk to Kronecker": {"steps": Steps(target="kronecker")},
    "signal looked for anywhere": {"steps": Steps(separable=False)},
    "one penalty for all axes": {"steps": Steps(own_penalties=False)},
    "axes not looked for anew": {"steps": Steps(n_anew=0)},
    "noise and axes once": {"steps": Steps(n_passes=1)},
    "no held-out slope": {"steps": Steps(shrink=False)},
    "noise of new trials as of old": {"steps": Steps(inflate=False)},
    "no spatial window": {"spatial_window": None},
    "at most 32 dimensions": {"n_embedding": 32},
}
#: The trained network, with the mean response removed as in ``"best"``.
PAPER = {"recipe": "paper", "standardize": "evoked", "min_updates": 400}
BEST, UNEQUAL = "best", "layers count by size"
SHUFFLED = "linear, images shuffled"

Split = tuple  # training epochs, test epochs, features of all images


def measure(
    title: str,
    splits: Iterable[Split],
    *,
    is_inner: bool = False,
    with_paper: bool = False,
) -> Finding:
    """Score "best" without each of its ingredients, on every split of a recording.

    Parameters
    ----------
    title : str
        The recording.
    splits : iterable of tuple
        Training epochs, test epochs and the features of all images.
    is_inner : bool
        Whether a fifth of the training images is scored, and no test image.
    with_paper : bool
        Whether the recipe of the paper is trained, too.

    Returns
    -------
    finding : instance of Finding
        One row per system and split, for :func:`.neurons.summarize`.
    """
    rows = []
    for number, split in enumerate(splits):
        train, test, features = inner(split) if is_inner else split
        row = {"fold": 0, "seed": number}
        for system, scores in score_variants(train, test, features, number):
            rows.append({"system": system} | row | scores)
        if with_paper:
            scores = _score(train, test, features, number, **PAPER)
            rows.append({"system": "paper"} | row | scores)
    what = "a fifth of the training images" if is_inner else "unseen images"
    return Finding(
        f"{title}, {what}: {len(test)} in every gallery, so that chance of top-1 is "
        f"{1 / len(test):.3f}. Mean +- sd over {counted(number + 1, 'split')}:",
        pd.DataFrame(rows),
    )


def neuron_splits(session: str, encoder, n_folds: int = 6) -> Iterator[Split]:
    """Yield the splits of a session of macaque V4.

    Parameters
    ----------
    session : str
        The session.
    encoder : str | ImageEncoder
        The image encoder.
    n_folds : int
        Test folds, up to 6.

    Yields
    ------
    split : tuple
        Training epochs, test epochs and features.
    """
    epochs, features = read(session, encoder)
    for train, test in folds_of(epochs, n_folds):
        yield epochs[train], epochs[test], features


def simulated_splits(
    n_recordings: int, *, is_small: bool = False, path: Path | None = None
) -> Iterator[Split]:
    """Yield simulated recordings.

    Parameters
    ----------
    n_recordings : int
        How many, each of another seed.
    is_small : bool
        Whether a fit takes seconds.
    path : Path | None
        Folder for the images.

    Yields
    ------
    split : tuple
        Training epochs, test epochs and features.
    """
    for seed in range(n_recordings):
        yield simulated_split(seed, path, **(SMALL if is_small else {}))


def simulated_split(seed: int, path: Path | None, **how) -> Split:
    """Simulate a recording, and average the repetitions of its test images.

    Parameters
    ----------
    seed : int
        The seed of images and noise.
    path : Path | None
        Folder for the images.
    **how
        More of :func:`mne_brainae.datasets.simulate`.

    Returns
    -------
    split : tuple
        Training epochs, test epochs and Gabor features.
    """
    data = simulate(random_state=seed, path=path, **how)
    test = average_repetitions(data.test, verbose="WARNING")
    return data.train, test, compute_image_features(data.images)


def inner(split: Split) -> Split:
    """Divide the training epochs once more, so that choices need no test image.

    Parameters
    ----------
    split : tuple
        Training epochs, test epochs and features.

    Returns
    -------
    split : tuple
        Four fifths of the training epochs, and the averages of a fifth: whole concepts
        where there are any, else images.
    """
    epochs, _, features = split
    table = epochs.metadata
    groups = table["concept" if "concept" in table else "image"]
    learn, judge = next(GroupKFold(5).split(table, groups=groups))
    held_out = average_repetitions(epochs[judge], verbose="WARNING")
    return epochs[learn], held_out, features


def score_variants(
    train, test, features: pd.DataFrame, seed: int
) -> Iterator[tuple[str, dict]]:
    """Fit and score "best", its closed form without each step, and the control.

    Parameters
    ----------
    train, test : instance of Epochs
        Responses to learn from, and responses to other images.
    features : DataFrame, shape (n_images, n_features)
        The features of all images.
    seed : int
        Seed of what is random.

    Yields
    ------
    system : str
        The variant.
    scores : dict of float
        Encoding and identification, see :func:`.neurons.score`.
    """
    yield BEST, _score(train, test, features, seed, "best")
    for system, differs in VARIANTS.items():
        if system == "no spatial window" and not has_maps(features.columns):
            continue  # there is none in any case
        yield system, _score(train, test, features, seed, **differs)
    if "layer" in features.columns.names:
        unequal = features.rename_axis(columns={"layer": "network layer"})
        yield UNEQUAL, _score(train, test, unequal, seed)
    shown = train.metadata["image"].unique()
    wrong = shuffle(features, shown, seed)
    yield SHUFFLED, _score(train, test, wrong, seed, verbose="ERROR")


def _score(train, test, features, seed: int, recipe: str = "linear", **params) -> dict:
    params = {"random_state": seed, "verbose": "WARNING"} | params
    model = fit(train, features, recipe=recipe, **params)
    return score(model, test, features.loc[test.metadata["image"]])
