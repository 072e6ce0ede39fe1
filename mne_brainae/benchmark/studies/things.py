"""THINGS-EEG2 at full size, simulated, beside the best possible decoder."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterable, Iterator

import mne
import numpy as np
import pandas as pd

from ... import LinearEncodingModel, fit
from ...datasets import FeatureLaw, simulate_responses, things
from .finding import Finding
from .neurons import shuffle

#: Pictures that a published template is the mean of, about (THINGS has 12 or more of
#: every concept).
N_TEMPLATES = 12
SHUFFLED = "BrainAE best, images shuffled"
RIDGE = "ridge image to brain"
COLUMNS = ("retrieval top-1", "top-5", "classification top-1", "top-5 of concepts")


def measure(
    recipes: Iterable[str] = ("best",),
    *,
    n_concepts: int = 1654,
    n_repetitions: int = 80,
    snr: float = 0.001,
    sfreq: float = 100.0,
    n_epochs: int | None = None,
    random_state: int = 0,
) -> Finding:
    """Simulate, fit every system, and identify images and concepts.

    Parameters
    ----------
    recipes : iterable of ``"best"`` | ``"paper"``
        What is fitted beside ridge regression and a control.
    n_concepts : int
        Training concepts, of 10 images each.
    n_repetitions : int
        Repetitions of a test image.
    snr : float
        Signal to noise of one trial.
    sfreq : float
        Sampling rate in Hz.
    n_epochs : int | None
        Passes of the recipe of the paper; None trains as published.
    random_state : int
        Seed of the simulation and of training.

    Returns
    -------
    finding : instance of Finding
        Accuracies of every system, of chance and of the best possible decoder.
    """
    rng = np.random.default_rng(random_state)
    law, gallery, templates, origin = draw_features(rng)
    train = _index(law.draw(n_concepts, 10, rng), "train")
    data = simulate_responses(
        train,
        gallery,
        law,
        n_test_repetitions=n_repetitions,
        snr=snr,
        sfreq=sfreq,
        random_state=random_state,
    )
    rows = {}
    for name, model, similarities in _models(
        data.train, train, recipes, n_epochs, random_state
    ):
        for similarity in similarities:
            scores = _score(model, data.test, gallery, templates, similarity)
            rows[f"{name}, {similarity}"] = scores
    table = pd.DataFrame(rows, index=COLUMNS).T
    table.loc["chance"] = [1 / len(gallery), 5 / len(gallery)] * 2
    known = templates.droplevel("image")
    best = data.retrieve(gallery.droplevel(0)), data.classify(known, N_TEMPLATES)
    table.loc["best possible"] = _accuracies(*best)
    return Finding(
        f"{data}\n{origin}. Pictures of a concept share "
        f"{100 * law.concept_share:.0f} % of the variance of features. The "
        f"{len(gallery)} test images of other concepts are means of {n_repetitions} "
        "repetitions, training images of 4. The best decoder knows responses, noise "
        "and the law of the features.",
        table,
    )


def draw_features(rng: np.random.Generator) -> tuple:
    """Return the law of features, the test pictures, their templates and the origin."""
    try:
        pictures, means = things.read_clip_features()
    except FileNotFoundError:
        law = FeatureLaw.of_a_network()
        drawn = law.draw(200, 1 + N_TEMPLATES, rng)
        pictures, means = drawn[:, 0], drawn[:, 1:].mean(axis=1)
        origin = "All image features are drawn from a law that was made up"
    else:
        law = FeatureLaw.learn(pictures, means)
        origin = (
            "CLIP features of the test images of THINGS-EEG2 and of other images of "
            "their concepts are real; features of the training images are drawn from "
            "the Gaussian law that has their mean and (shrunk) covariance"
        )
    gallery = _index(pictures[:, np.newaxis], "test")
    names = gallery.index.get_level_values("concept")
    index = pd.MultiIndex.from_arrays(
        [names, "mean of others, " + names], names=["concept", "image"]
    )
    return law, gallery, pd.DataFrame(means, index=index), origin


def _index(features, prefix: str):
    """Name features of shape (n_concepts, n_exemplars, n_features)."""
    n_concepts, n_exemplars, n_features = features.shape
    names = [
        (f"{prefix} {concept:04d}", f"{prefix} {concept:04d}/{exemplar}")
        for concept in range(n_concepts)
        for exemplar in range(n_exemplars)
    ]
    index = pd.MultiIndex.from_tuples(names, names=["concept", "image"])
    return pd.DataFrame(features.reshape(-1, n_features), index=index)


def _models(
    epochs: mne.BaseEpochs,
    train: pd.DataFrame,
    recipes: Iterable[str],
    n_epochs: int | None,
    seed: int,
) -> Iterator[tuple]:
    """Yield every fitted system with the similarities that it is judged by."""
    features = train.droplevel("concept")
    if "best" in recipes:
        best = fit(epochs, features, recipe="best", random_state=seed)
        yield "BrainAE best", best, ("likelihood", "cosine")
        del best  # a model of this size and the next take much memory together
    if "paper" in recipes:
        trained = {} if n_epochs is None else {"max_epochs": n_epochs}
        trained |= {"validation": "concept", "random_state": seed}
        yield "BrainAE paper", fit(epochs, features, **trained), ("cosine",)
    yield RIDGE, LinearEncodingModel().fit(epochs, features), ("encoding",)
    wrong = shuffle(features, features.index, seed)
    control = fit(epochs, wrong, recipe="best", random_state=seed)
    yield SHUFFLED, control, ("likelihood", "cosine")


def _score(model, test, gallery, templates, similarity: str) -> list[float]:
    pictures = gallery.droplevel("concept")
    return _accuracies(
        model.retrieve(test, pictures, similarity=similarity),
        model.classify(test, templates, similarity=similarity),
    )


def _accuracies(*found) -> list[float]:
    return [identification.top_k(k) for identification in found for k in (1, 5)]
