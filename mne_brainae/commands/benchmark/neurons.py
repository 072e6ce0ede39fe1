"""``mne_brainae benchmark neurons``: encoding and decoding of real neurons."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

SIMILARITIES = ("cosine", "encoding", "likelihood")
#: The network that installs with pip, its middle layers as maps of 7 x 7, its output.
NETWORK = "efficientnet-lite0"
LAYERS = ("2", "4", "6", "7", "9", "12", "embedding")
BEST, PAPER, RIDGE = "BrainAE best", "BrainAE paper", "ridge, same features"
SHUFFLED = "best, images shuffled"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the recording, the image features and the systems."""
    from .images import add_encoder_arguments

    add = parser.add_argument
    add("--session", nargs="+", default=["190923", "210225"], help="of macaque V4")
    add("--seeds", type=int, default=3, help="seeds of what is random")
    add("--folds", type=int, default=6, help="test folds, up to 6")
    add("--paper", action="store_true", help="train the paper's recipe, too")
    add_encoder_arguments(parser)


def run(given: argparse.Namespace) -> None:
    """Print one table per session."""
    from ...datasets import macaque_v4
    from ...images import compute_image_features
    from ...utils.checks import counted

    encoder = encoder_for(given)
    print(encoder)
    for session in given.session:
        epochs = macaque_v4.read_epochs(session, verbose="WARNING")
        table = epochs.metadata
        files = dict(zip(table["image"], table["image_path"], strict=True))
        features = compute_image_features(files, encoder)
        scores = pd.concat(_scores(epochs, features, given))
        print(
            f"\nmacaque V4, session {session}: {len(epochs.ch_names)} units, "
            f"{features.shape[1]} features; {given.folds} of six folds of 200 unseen "
            f"photographs, one presentation average each; chance of top-1 is 0.005. "
            f"Mean over folds, +- sd over {counted(given.seeds, 'seed')} where there "
            "are any:"
        )
        print(report(scores), flush=True)


def encoder_for(given: argparse.Namespace):
    """Return the image encoder, by default the network with its middle layers."""
    from .images import encoder_of

    if given.encoder == NETWORK and given.layer is None:
        given.layer, given.pool = LAYERS, "7"
    return encoder_of(given)


def folds_of(epochs, n_folds: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return training and test epochs of the first of six folds."""
    from sklearn.model_selection import KFold

    folds = KFold(6, shuffle=True, random_state=0).split(np.arange(len(epochs)))
    return list(folds)[:n_folds]


def _scores(epochs, features: pd.DataFrame, given: argparse.Namespace):
    """Yield the scores of every system, fold and seed."""
    import mne_brainae

    for fold, (train, test) in enumerate(folds_of(epochs, given.folds)):
        seen, unseen = epochs[train], epochs[test]
        best = mne_brainae.fit(seen, features, recipe="best")
        ridge = mne_brainae.LinearEncoder().fit(seen, features)
        systems = [(BEST, best, 0), (RIDGE, ridge, 0)]
        window = best.spatial_window_
        for seed in range(given.seeds):
            wrong = shuffle(features, seen.metadata["image"], seed)
            control = mne_brainae.fit(
                seen, wrong, recipe="best", spatial_window=window, random_state=seed
            )
            systems.append((SHUFFLED, control, seed))
            if given.paper:
                paper = mne_brainae.fit(seen, features, random_state=seed)
                systems.append((PAPER, paper, seed))
        for name, system, seed in systems:
            row = score(system, unseen, features.loc[unseen.metadata["image"]])
            yield pd.DataFrame([{"system": name, "fold": fold, "seed": seed} | row])


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
    system : instance of BrainAE | LinearEncoder
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
    from ...scoring.correlation import correlate

    predicted = system.predict_epochs(features).get_data()
    measured = epochs.get_data(picks=system.info_["ch_names"])
    scores = {"encoding r": correlate(measured, predicted, axis=0).mean()}
    if isinstance(system, _linear_encoder()):
        scores["top-1 encoding"] = system.retrieve(epochs, features).top_k(1)
        return scores
    for similarity in SIMILARITIES:
        found = system.retrieve(epochs, features, similarity=similarity)
        scores[f"top-1 {similarity}"] = found.top_k(1)
    return scores


def _linear_encoder() -> type:
    from ...models.systems import LinearEncoder

    return LinearEncoder


def report(scores: pd.DataFrame) -> str:
    """Write means over folds, and the spread over seeds."""
    columns = [c for c in scores if c not in ("system", "fold", "seed")]
    by_seed = scores.groupby(["system", "seed"], sort=False)[columns].mean()
    mean = by_seed.groupby(level=0, sort=False).mean()
    spread = by_seed.groupby(level=0, sort=False).std()
    text = mean.map(lambda value: "" if np.isnan(value) else f"{value:.3f}")
    some = spread.map(lambda value: "" if np.isnan(value) else f" +- {value:.3f}")
    return (text + some).to_string()
