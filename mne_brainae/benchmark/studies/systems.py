"""The systems of Table 2 on simulated EEG, beside the best possible decoder."""

# License: BSD-3-Clause

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

import mne
import numpy as np
import pandas as pd
import torch

from ... import (
    RidgeModel,
    average_repetitions,
    compute_image_features,
    fit,
    make_model,
)
from ...datasets import simulate
from ...models.training import Pairs
from ...models.training_set import TrainingSet
from ...nn.network import build_network
from ...preprocessing.scaling import Scaler
from ...scoring.templates import compute_template_features
from ...utils.checks import counted, resolve_device
from ...utils.torch_state import own_random_numbers
from .finding import Finding
from .shapes import N_FEATURES, SHAPES, Shape

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
ACCURACIES = ("retrieval top-1", "top-5", "classification top-1", "top-5 of concepts")
COLUMNS = (*ACCURACIES, "encoding r")


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
    """Simulate, fit every system, identify images and concepts, predict responses.

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
        Accuracies of every system, of chance and of the best possible decoder, and
        the encoding score of those that predict, beside that of the mean response.
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
    table.loc["chance"] = [1 / len(test), 5 / len(test)] * 2 + [np.nan]
    table.loc["mean response"] = [np.nan] * len(ACCURACIES) + [0.0]
    table.loc["best possible"] = [data.best_top1, data.best_top5, *[np.nan] * 3]
    return Finding(
        f"{data}\nGabor features; {len(test)} test images of unseen concepts, averaged "
        f"over {counted(n_repetitions, 'repetition')}; trained systems keep the epoch "
        "with the least loss on held-out concepts; mean of "
        f"{counted(n_seeds, 'seed')}. encoding r is the correlation across images, to "
        "which the mean response contributes nothing.",
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
    """Return the scores of one system, mean over its seeds."""
    scores = []
    for model in models:
        found = model.retrieve(test, gallery, similarity=similarity)
        named = model.classify(test, templates, similarity=similarity)
        accuracies = [x.top_k(k) for x in (found, named) for k in (1, 5)]
        predicts = hasattr(model, "score")
        encoding = model.score(test, gallery) if predicts else np.nan
        scores.append([*accuracies, encoding])
    return np.mean(scores, axis=0)


# -- how long they take ---------------------------------------------------------------


def time_epochs(
    recipes: Iterable[str],
    shape: Shape = SHAPES["eeg"],
    *,
    n_features: int = N_FEATURES,
    per_concept: int = 10,
) -> Finding:
    """Time one epoch of trained systems on noise of the size of a recording.

    Parameters
    ----------
    recipes : iterable of str
        The systems.
    shape : instance of Shape
        Channels, times and training images.
    n_features : int
        Features of an image.
    per_concept : int
        Images of a concept.

    Returns
    -------
    finding : instance of Finding
        Seconds of one epoch, on the clock and of the processor, which other work on the
        machine does not lengthen; the epochs of the recipe, and their hours.
    """
    rows = {}
    for recipe in recipes:
        model = make_model(recipe, random_state=0, verbose="ERROR")
        data = _noise(shape, n_features, per_concept)
        model._tell(data)
        with own_random_numbers(0):
            network = build_network(**model._sizes(data))
            wall, processor = time.perf_counter(), time.process_time()
            model._run_epochs(network, data, 0, n_epochs=1)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        n_epochs = model.training.max_epochs
        rows[recipe] = [wall, processor, n_epochs, wall * n_epochs / 3600]
    columns = ["seconds per epoch", "processor seconds", "epochs", "hours"]
    device = resolve_device("auto")
    threads = counted(torch.get_num_threads(), "thread")
    return Finding(
        f"One epoch of {counted(shape.n_images, 'image')}, {shape.n_channels} channels "
        f"x {shape.n_times} times of noise and {n_features} image features, on "
        f"{threads} ({device}), without validation; hours are as many epochs as the "
        "recipe has.",
        pd.DataFrame(rows, index=columns).T.astype({"epochs": int}),
    )


def _noise(shape: Shape, n_features: int, per_concept: int) -> TrainingSet:
    """Return a training set of noise that holds nothing out."""
    draw = torch.Generator().manual_seed(0)
    brain = torch.randn(shape.n_images, shape.n_channels, shape.n_times, generator=draw)
    image = torch.randn(shape.n_images, n_features, generator=draw)
    table = pd.DataFrame({"image": np.arange(shape.n_images).astype(str)})
    table["concept"] = table.index // per_concept
    return TrainingSet(
        training=Pairs(brain, image),
        validation=Pairs(brain[:0], image[:0]),
        table=table,
        held_out=np.zeros(shape.n_images, bool),
        held_out_by="none",
        latent={
            "mean_response": np.zeros((shape.n_channels, shape.n_times)),
            "image_scaler": Scaler(np.zeros(n_features), np.ones(n_features)),
        },
        spatial_window=None,
        stacks_windows=False,
        columns=pd.RangeIndex(n_features),
        folder=None,
        epochs=None,
        picks=np.arange(shape.n_channels),
    )
