"""The systems of Table 2 on simulated EEG, beside the best possible decoder."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import mne
import numpy as np
import pandas as pd

from ... import RidgeModel, average_repetitions, compute_image_features, fit
from ...datasets import simulate
from ...scoring.templates import compute_template_features
from ...utils.checks import counted
from .finding import Finding

#: Systems by name, with the similarity that each is judged by.
SYSTEMS = {
    "BrainAE best, likelihood": ("best", "likelihood"),
    "BrainAE best, cosine": ("best", "cosine"),
    "BrainAE paper, cosine": ("paper", "cosine"),
    "NICE": ("nice", "cosine"),
    "ATM": ("atm", "cosine"),
    "BraVL, cosine": ("bravl", "cosine"),
    "BraVL, encoding": ("bravl", "encoding"),
    "MB2C": ("mb2c", "cosine"),
    "ridge brain to image": ("ridge", "cosine"),
    "ridge image to brain": ("ridge", "encoding"),
}
COLUMNS = ("retrieval top-1", "top-5", "classification top-1", "top-5 of concepts")


def measure(
    recipes: Iterable[str],
    *,
    n_train_concepts: int = 120,
    n_test_concepts: int = 100,
    n_repetitions: int = 20,
    n_epochs: int | None = None,
    n_seeds: int = 1,
    path: Path | None = None,
) -> Finding:
    """Simulate, fit every system, and identify images and concepts.

    Parameters
    ----------
    recipes : iterable of str
        What is fitted, as ``SYSTEMS`` names it.
    n_train_concepts : int
        Training concepts, of 5 images each.
    n_test_concepts : int
        Test concepts, of one image each.
    n_repetitions : int
        Repetitions of a test image.
    n_epochs : int | None
        Passes of trained systems; None trains as their authors do.
    n_seeds : int
        Fits of every trained system.
    path : path-like | None
        Folder for the images.

    Returns
    -------
    finding : instance of Finding
        Accuracies of every system, of chance and of the best possible decoder.
    """
    data = simulate(
        n_train_concepts=n_train_concepts,
        n_test_concepts=n_test_concepts,
        n_exemplars=5,
        n_templates=5,
        n_test_repetitions=n_repetitions,
        sfreq=250.0,
        tmin=0.0,
        tmax=0.6,
        path=path,
        random_state=0,
    )
    features = compute_image_features(data.images, "gabor")
    test = average_repetitions(data.test)
    gallery = features.loc[test.metadata["image"]]
    templates = compute_template_features(
        data.templates, lambda files: compute_image_features(files, "gabor")
    )
    rows = {}
    for recipe in recipes:
        models = _fit(recipe, data.train, features, n_epochs, n_seeds)
        for name, (of, similarity) in SYSTEMS.items():
            if of == recipe:
                rows[name] = _score(models, test, gallery, templates, similarity)
    table = pd.DataFrame(rows, index=COLUMNS).T
    table.loc["chance"] = [1 / len(test), 5 / len(test)] * 2
    table.loc["best possible"] = [data.best_top1, data.best_top5, np.nan, np.nan]
    return Finding(
        f"{data}\nGabor features; {len(test)} test images of unseen concepts, averaged "
        f"over {counted(n_repetitions, 'repetition')}; trained systems keep the epoch "
        "with the least loss on held-out concepts; mean of "
        f"{counted(n_seeds, 'seed')}.",
        table,
    )


def _fit(
    recipe: str,
    epochs: mne.BaseEpochs,
    features: pd.DataFrame,
    n_epochs: int | None,
    n_seeds: int,
) -> list:
    if recipe == "ridge":
        return [RidgeModel().fit(epochs, features)]
    if recipe == "best":
        return [fit(epochs, features, recipe="best", random_state=0)]
    trained = {"validation": "concept"}
    if n_epochs is not None:
        trained |= {"max_epochs": n_epochs, "min_updates": 1}
    return [
        fit(epochs, features, recipe=recipe, random_state=seed, **trained)
        for seed in range(n_seeds)
    ]


def _score(models: list, test, gallery, templates, similarity: str) -> np.ndarray:
    """Return the accuracies of one system, mean over its seeds."""
    scores = []
    for model in models:
        found = model.retrieve(test, gallery, similarity=similarity)
        named = model.classify(test, templates, similarity=similarity)
        scores.append([x.top_k(k) for x in (found, named) for k in (1, 5)])
    return np.mean(scores, axis=0)
