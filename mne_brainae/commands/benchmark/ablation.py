"""``mne_brainae benchmark ablation``: what each ingredient of ``"best"`` is worth."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

#: Where a variant departs from ``recipe="best"``. Similarities are columns.
VARIANTS: dict[str, dict] = {
    "best": {},
    "one penalty, no signal axes": {"n_signal": None},
    "always 8 signal axes": {"n_signal": 8},
    "no spatial window": {"spatial_window": None},
    "mean of channels removed": {"standardize": "channel"},
    "at most 32 dimensions": {"n_embedding": 32},
    "then trained, 20 epochs": {
        "max_epochs": 20,
        "min_updates": 1,
        "learning_rate": 1e-4,
    },
}
#: The trained network, with the mean response removed as in ``"best"``.
PAPER = {"recipe": "paper", "standardize": "evoked", "min_updates": 400}
UNEQUAL, SHUFFLED = "layers count by size", "best, images shuffled"
#: What a variant takes over from "best" of the same split, which chose it there.
CHOSEN = "spatial_window"

Split = tuple  # training epochs, test epochs, features of all images


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the recordings, the split and the image features."""
    from .images import add_encoder_arguments

    add = parser.add_argument
    add("--data", nargs="+", choices=SPLITS, default=list(SPLITS), help="what to score")
    add("--session", nargs="+", default=["190923", "210225"], help="of macaque V4")
    add("--folds", type=int, default=6, help="test folds of macaque V4, up to 6")
    add("--recordings", type=int, default=5, help="simulated recordings")
    add("--small", action="store_true", help="simulate recordings of seconds' work")
    add("--inner", action="store_true", help="score a fifth of the training images")
    add("--paper", action="store_true", help="train the paper's recipe, too")
    add("--path", type=Path, help="folder for the simulated pictures")
    add_encoder_arguments(parser)


def run(given: argparse.Namespace) -> None:
    """Print one table per recording."""
    from .neurons import report

    for name in given.data:
        for title, splits in SPLITS[name](given):
            rows = []
            for number, split in enumerate(splits):
                train, test, features = inner(split) if given.inner else split
                for system, scores in score_variants(train, test, features, number):
                    scores = {"system": system, "fold": 0, "seed": number} | scores
                    rows.append(scores)
                if given.paper:
                    scores = _score(train, test, features, number, **PAPER)
                    rows.append({"system": "paper", "fold": 0, "seed": number} | scores)
            what = "a fifth of the training images" if given.inner else "unseen images"
            print(
                f"\n{title}, {what}: {len(test)} in every gallery, so that chance of "
                f"top-1 is {1 / len(test):.3f}. Mean +- sd over {number + 1} splits:"
            )
            print(report(pd.DataFrame(rows)), flush=True)


def _macaque_v4(given: argparse.Namespace) -> Iterator[tuple[str, Iterator[Split]]]:
    from ...datasets import macaque_v4
    from ...images import compute_image_features
    from .neurons import encoder_for, folds_of

    for session in given.session:
        epochs = macaque_v4.read_epochs(session, verbose="WARNING")
        table = epochs.metadata
        files = dict(zip(table["image"], table["image_path"], strict=True))
        features = compute_image_features(files, encoder_for(given))
        splits = (
            (epochs[train], epochs[test], features)
            for train, test in folds_of(epochs, given.folds)
        )
        yield f"macaque V4, session {session}", splits


def _simulated(given: argparse.Namespace) -> Iterator[tuple[str, Iterator[Split]]]:
    from ...utils.checks import counted
    from ..demo import SMALL

    how = SMALL if given.small else {}
    seeds = range(given.recordings)
    splits = (simulated_split(seed, given.path, **how) for seed in seeds)
    yield f"SIMULATED EEG, {counted(len(seeds), 'recording')}", splits


def simulated_split(seed: int, path: Path | None, **how) -> Split:
    """Simulate a recording, and average the repetitions of its test images.

    Parameters
    ----------
    seed : int
        The seed of pictures and noise.
    path : Path | None
        Folder for the pictures.
    **how
        More of :func:`mne_brainae.datasets.simulate`.

    Returns
    -------
    split : tuple
        Training epochs, test epochs and Gabor features.
    """
    from ...datasets import simulate
    from ...images import compute_image_features
    from ...preprocessing.averaging import average_repetitions

    data = simulate(random_state=seed, path=path, **how)
    test = average_repetitions(data.test, verbose="WARNING")
    return data.train, test, compute_image_features(data.images)


SPLITS = {"simulated": _simulated, "macaque_v4": _macaque_v4}


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
    from sklearn.model_selection import GroupKFold

    from ...preprocessing.averaging import average_repetitions

    epochs, _, features = split
    table = epochs.metadata
    groups = table["concept" if "concept" in table else "image"]
    learn, judge = next(GroupKFold(5).split(table, groups=groups))
    held_out = average_repetitions(epochs[judge], verbose="WARNING")
    return epochs[learn], held_out, features


def score_variants(
    train, test, features: pd.DataFrame, seed: int
) -> Iterator[tuple[str, dict]]:
    """Fit and score "best", every variant of it and the control.

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
    import mne_brainae

    from .neurons import shuffle

    best = mne_brainae.fit(train, features, recipe="best", verbose="WARNING")
    chosen = {CHOSEN: getattr(best, f"{CHOSEN}_")}
    for system, differs in VARIANTS.items():
        if system == "no spatial window" and chosen[CHOSEN] is None:
            continue  # it is "best" itself
        yield system, _score(train, test, features, seed, **(chosen | differs))
    if "layer" in features.columns.names:
        unequal = features.rename_axis(columns={"layer": "network layer"})
        yield UNEQUAL, _score(train, test, unequal, seed, **chosen)
    shown = train.metadata["image"].unique()
    wrong = shuffle(features, shown, seed)
    yield SHUFFLED, _score(train, test, wrong, seed, **chosen)


def _score(train, test, features, seed: int, recipe: str = "best", **params) -> dict:
    import mne_brainae

    from .neurons import score

    params |= {"random_state": seed, "verbose": "WARNING"}
    model = mne_brainae.fit(train, features, recipe=recipe, **params)
    return score(model, test, features.loc[test.metadata["image"]])
