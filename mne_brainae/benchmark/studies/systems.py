"""The systems of the tables on simulated EEG, beside the best possible decoder."""

# License: BSD-3-Clause

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

import mne
import numpy as np
import pandas as pd
import torch

from ... import (
    MVNN,
    ImageEncoder,
    RidgeModel,
    average_repetitions,
    compute_image_features,
    fit,
    make_model,
)
from ...datasets import simulate
from ...models.single_trials import TrialPairs
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
    "Benchetrit et al.": ("benchetrit", "cosine"),
    "multi-blur": ("multi_blur", "cosine"),
    "UBP": ("ubp", "cosine"),
    "NeuroBridge": ("neurobridge", "cosine"),
    "SAMGA": ("samga", "cosine"),
    "BrainAE release, cosine": ("release", "cosine"),
    "ridge brain to image": ("ridge", "cosine"),
    "ridge image to brain": ("ridge", "encoding"),
}
#: Features of a layer, where they are not the 1024 of CLIP.
WIDE = {"samga": 3200}
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
    test = average_repetitions(data.test)
    rows = {}
    for recipe in recipes:
        encoder = gabor_encoder(recipe)
        features = compute_image_features(data.images, encoder)
        templates = compute_template_features(
            data.templates, partial(compute_image_features, encoder=encoder)
        )
        train, shown = data.train, test
        if recipe == "release":  # it takes responses as they are
            whitening = MVNN().fit(train)
            train = whitening.transform(train)
            shown = average_repetitions(whitening.transform(data.test))
        models = _fit(recipe, train, features, n_epochs, n_seeds)
        gallery = features.loc[test.metadata["image"]]
        for name, (of, similarity) in SYSTEMS.items():
            if of == recipe:
                rows[name] = _score(models, shown, gallery, templates, similarity)
    table = pd.DataFrame(rows, index=COLUMNS).T
    table.loc["chance"] = [1 / len(test), 5 / len(test)] * 2 + [np.nan]
    table.loc["mean response"] = [np.nan] * len(ACCURACIES) + [0.0]
    table.loc["best possible"] = [data.best_top1, data.best_top5, *[np.nan] * 3]
    return Finding(
        f"{data}\nGabor features, of all versions of an image that a system looks at; "
        f"{len(test)} test images of unseen concepts, averaged over "
        f"{counted(n_repetitions, 'repetition')}; trained systems keep the epoch "
        "with the least loss on held-out concepts; mean of "
        f"{counted(n_seeds, 'seed')}. encoding r is the correlation across images, to "
        "which the mean response contributes nothing.",
        table,
    )


def gabor_encoder(recipe: str) -> ImageEncoder:
    """Return Gabor features of the versions of an image that a system looks at.

    Parameters
    ----------
    recipe : str
        The system.

    Returns
    -------
    encoder : instance of ImageEncoder
        The encoder of the recipe with Gabor features in place of its network. Five
        blurred versions stand for the five layers of SAMGA.
    """
    encoder = None if recipe == "ridge" else make_model(recipe).image_encoder
    if not isinstance(encoder, ImageEncoder):
        return ImageEncoder("gabor")
    if len(encoder.layers) == 1:
        return replace(encoder, name="gabor")
    blurs = [f"blur:{0.01 * (place + 1):g}" for place in range(len(encoder.layers))]
    return ImageEncoder("gabor", degradations=blurs, versions="stack")


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
    n_features: int | None = None,
    per_concept: int = 10,
) -> Finding:
    """Time one epoch of trained systems on noise of the size of a recording.

    On two cores ``"benchetrit"``, ``"atm"``, ``"bravl"`` and ``"mb2c"`` need more than
    an hour for all their epochs of a whole recording, and so does the decoder of
    ``"release"``, which keeps 40 maps of every sample: they need a GPU.

    Parameters
    ----------
    recipes : iterable of str
        The systems.
    shape : instance of Shape
        Channels, times and training images.
    n_features : int | None
        Features of one version or layer of an image; None is 1024, and 3200 for SAMGA.
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
        width = n_features or WIDE.get(recipe, N_FEATURES)
        data = _noise(shape, width, per_concept, n_versions(model.image_encoder))
        model._tell(data)
        with own_random_numbers(0):
            network = build_network(**model._sizes(data))
            if model._training.average is not True:
                data = replace(data, training=_single(data.training))
            wall, processor = time.perf_counter(), time.process_time()
            model._run_epochs(network, data, 0, n_epochs=1)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        n_epochs = model.training.max_epochs
        rows[recipe] = [wall, processor, n_epochs, wall * n_epochs / 3600]
    columns = ["seconds per epoch", "processor seconds", "epochs", "hours"]
    device = resolve_device("auto")
    threads = counted(torch.get_num_threads(), "thread")
    wide = "" if n_features else " (3200 for SAMGA)"
    return Finding(
        f"One epoch of {counted(shape.n_images, 'image')}, {shape.n_channels} channels "
        f"x {shape.n_times} times of noise and {n_features or N_FEATURES} features of "
        f"an image{wide}, in as many versions as the recipe has, on {threads} "
        f"({device}), without validation; hours are as many epochs as the recipe has.",
        pd.DataFrame(rows, index=columns).T.astype({"epochs": int}),
    )


def n_versions(encoder) -> int:
    """Return how many layers and versions of an image an encoder puts side by side."""
    if not isinstance(encoder, ImageEncoder):
        return 1
    return len(encoder.layers) * (len(encoder.degradations) if encoder.stacks else 1)


def _single(pairs: Pairs) -> TrialPairs:
    """Return pairs with one trial of every image to draw from."""
    rows = torch.arange(len(pairs))
    return TrialPairs(
        pairs.brain,
        pairs.image,
        known=pairs.known,
        trials_of=rows[:, None],
        counts=torch.ones_like(rows),
        average=False,
    )


def _noise(shape: Shape, width: int, per_concept: int, n_blocks: int) -> TrainingSet:
    """Return a training set of noise that holds nothing out."""
    draw = torch.Generator().manual_seed(0)
    n_features = n_blocks * width
    versions = np.repeat(np.arange(n_blocks), width)
    columns = pd.MultiIndex.from_arrays(
        [versions, np.tile(np.arange(width), n_blocks)], names=["version", "feature"]
    )
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
            "info": _on_a_grid(shape.n_channels),
            "subjects": [""],
            "image_scaler": Scaler(np.zeros(n_features), np.ones(n_features)),
        },
        spatial_window=None,
        stacks_windows=False,
        columns=columns,
        folder=None,
        epochs=None,
        picks=np.arange(shape.n_channels),
    )


def _on_a_grid(n_channels: int) -> mne.Info:
    """Return channels in rows of ten."""
    info = mne.create_info(n_channels, 250.0, "eeg")
    for place, channel in enumerate(info["chs"]):
        channel["loc"][:3] = place % 10, place // 10, 1.0
    return info
