"""What to expect of few training images."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from ... import average_repetitions, compute_image_features, fit
from ...datasets import simulate
from ...scoring.correlation import correlate
from ...utils.checks import counted
from .finding import Finding
from .neurons import SIMILARITIES, shuffle

NUMBERS = (12, 20, 28, 40, 48, 60, 72, 100, 200, 400, 800)
SHUFFLED, CHANCE = "images shuffled", "chance"


def measure(
    numbers: Iterable[int] = NUMBERS,
    *,
    n_exemplars: int = 1,
    n_repetitions: int = 12,
    n_candidates: int = 40,
    snr: float = 0.2,
    law: str = "linear",
    recipe: str = "linear",
    seeds: Iterable[int] = (0, 1),
    path: Path | None = None,
) -> Finding:
    """Fit growing numbers of images, and score predictions of unseen ones.

    Parameters
    ----------
    numbers : iterable of int
        Numbers of training images.
    n_exemplars : int
        Images of every training concept.
    n_repetitions : int
        Repetitions of a training image.
    n_candidates : int
        Number of test images, each of another concept, among which one is identified.
    snr : float
        Signal to noise of one trial.
    law : ``"linear"`` | ``"nonlinear"``
        The law of the responses, as in :func:`mne_brainae.datasets.simulate`.
    recipe : str
        What is fitted.
    seeds : iterable of int
        Seeds of the simulation, of the recipe and of the control.
    path : Path | None
        Folder for the images.

    Returns
    -------
    finding : instance of Finding
        Mean over seeds, by number of images and system.
    """
    seeds = list(seeds)
    how = {"n_train_repetitions": n_repetitions, "n_test_concepts": n_candidates}
    how |= {"snr": snr, "law": law, "path": path, "verbose": "WARNING"}
    rows = []
    for n_images in numbers:
        for seed in seeds:
            data = simulate_images(n_images, n_exemplars, random_state=seed, **how)
            rows.extend(
                {"images": n_images, "system": system} | scores
                for system, scores in score_systems(data, recipe, seed)
            )
        chance = {f"top-1 {name}": 1 / n_candidates for name in SIMILARITIES}
        rows.append({"images": n_images, "system": CHANCE, **chance})
    table = pd.DataFrame(rows).groupby(["images", "system"], sort=False).mean()
    return Finding(
        f"SIMULATED EEG, {law} law, signal to noise {snr:g}, "
        f"{counted(n_exemplars, 'image')} of every training concept, "
        f"{counted(n_repetitions, 'repetition')} of each; "
        f"recipe {recipe!r}, Gabor features. {n_candidates} unseen images of "
        f"as many other concepts, averaged over 20 repetitions, identified among one "
        f"another: chance of top-1 is {1 / n_candidates:.3f}. Skill is 1 - squared "
        "error of the predicted response / variance around the mean response of "
        f"training, both against the truth. Mean over {counted(len(seeds), 'seed')}:",
        table,
    )


def simulate_images(n_images: int, n_exemplars: int, **how):
    """Simulate a recording of so many training images.

    Parameters
    ----------
    n_images : int
        Number of training images.
    n_exemplars : int
        Images of every training concept.
    **how
        More of :func:`mne_brainae.datasets.simulate`.

    Returns
    -------
    data : instance of SimulatedData
        The recording.
    """
    n_concepts, rest = divmod(n_images, n_exemplars)
    if rest or n_concepts < 2:
        raise ValueError(
            f"The number of images must be a multiple of {n_exemplars} and at least "
            f"{2 * n_exemplars}, got {n_images}."
        )
    return simulate(
        n_train_concepts=n_concepts, n_exemplars=n_exemplars, n_templates=0, **how
    )


def score_systems(data, recipe: str, seed: int) -> Iterator[tuple[str, dict]]:
    """Fit and score the recipe, and the same with the training images shuffled.

    Parameters
    ----------
    data : instance of SimulatedData
        The recording.
    recipe : str
        What is fitted.
    seed : int
        Seed of the recipe and of the control.

    Yields
    ------
    system : str
        The recipe, or that images are shuffled.
    scores : dict of float
        Of unseen images, see :func:`score`.
    """
    features = compute_image_features(data.images, verbose="WARNING")
    shown = data.train.metadata["image"].unique()
    test = average_repetitions(data.test, verbose="WARNING")
    for system, given in (
        (recipe, features),
        (SHUFFLED, shuffle(features, shown, seed)),
    ):
        model = fit(
            data.train, given, recipe=recipe, random_state=seed, verbose="ERROR"
        )
        yield system, score(model, test, data.truth, features)


def score(model, test, truth, features: pd.DataFrame) -> dict[str, float]:
    """Score identification, and predictions against the truth.

    Parameters
    ----------
    model : instance of LinearBrainAE | BrainAE
        A fitted model.
    test : instance of Epochs
        Averaged responses to unseen images.
    truth : instance of Epochs
        The noise-free responses to the same images.
    features : DataFrame, shape (n_images, n_features)
        The features of all images.

    Returns
    -------
    scores : dict of float
        Top-1 accuracy by every similarity; Pearson's r between prediction and truth
        over channels and times, mean over images (``"r"``), of the deviations from the
        mean response of training; the skill; the slope that the model found on
        held-out training images.
    """
    scores = {}
    candidates = features.loc[test.metadata["image"]]
    for name in SIMILARITIES:
        found = model.retrieve(test, candidates, similarity=name)
        scores[f"top-1 {name}"] = found.top_k(1)
    mean = model.evoked_.data
    predicted = model.predict_epochs(features.loc[truth.metadata["image"]]).get_data()
    predicted, response = predicted - mean, truth.get_data() - mean
    scores["r"] = float(correlate(response, predicted, axis=(1, 2)).mean())
    error = np.square(response - predicted).sum()
    scores["skill"] = float(1 - error / np.square(response).sum())
    scores["slope"] = getattr(model, "slope_", np.nan)
    return scores
