"""Whether the probabilities and the bands of a model hold."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from ... import (
    Calibration,
    average_repetitions,
    compute_image_features,
    fit,
    plan_experiment,
    score_coverage,
)
from ...datasets import simulate
from ...models.decoding import NONE
from ...utils.checks import counted
from .finding import Finding
from .neurons import folds_of, read, shuffle

LEVELS = (0.5, 0.8, 0.9)
SHUFFLED = "images shuffled"


def measure(
    n_averaged: Iterable[int] = (1, 2, 6, 20),
    *,
    n_concepts: int = 120,
    n_exemplars: int = 8,
    n_repetitions: int = 2,
    n_candidates: int = 300,
    snr: float = 0.06,
    seeds: Iterable[int] = (0, 1, 2),
    path: Path | None = None,
) -> Finding:
    """Compare confidence with accuracy for means of few and of many trials.

    Parameters
    ----------
    n_averaged : iterable of int
        Numbers of test repetitions that are averaged.
    n_concepts, n_exemplars : int
        Training concepts, and images of each.
    n_repetitions : int
        Repetitions of a training image.
    n_candidates : int
        Number of unseen test images, among which each is identified.
    snr : float
        Signal to noise of one trial.
    seeds : iterable of int
        Seeds of the simulation and of the control.
    path : Path | None
        Folder for the images.

    Returns
    -------
    finding : instance of Finding
        Mean over seeds, by number of repetitions and system.
    """
    seeds, numbers = list(seeds), list(n_averaged)
    rows = []
    for seed in seeds:
        sizes = n_concepts, n_exemplars, n_repetitions, n_candidates
        data = _simulate(sizes, max(numbers), snr, seed, path)
        rows.extend(_score_systems(data, numbers, seed))
    table = pd.DataFrame(rows).groupby(["repetitions", "system"], sort=False).mean()
    return Finding(
        f"SIMULATED EEG, signal to noise {snr:g}; recipe 'linear' fitted to "
        f"{n_concepts} concepts with {counted(n_exemplars, 'image')} of "
        f"{counted(n_repetitions, 'repetition')} each, Gabor features. {n_candidates} "
        "unseen images of other concepts, means of so many repetitions, identified "
        f"among one another by likelihood: chance of top-1 is {1 / n_candidates:.4f}. "
        "Planned is the top-1 that the model expects of itself. Gap is mean confidence "
        "minus top-1; the expected calibration error of probabilities that are right "
        "is not 0 but about .05 of 300 responses. Sets hold the true image as often as "
        "the column says if they are right, and so do those by distance, which do not "
        "depend on the other candidates. AUC of none is the area under the curve by "
        "which p(none of these) tells images that are not in a gallery, every other "
        f"image, from those that are. Mean over {counted(len(seeds), 'seed')}:",
        table,
    )


def _simulate(sizes: tuple, n_test_repetitions: int, snr: float, seed: int, path):
    n_concepts, n_exemplars, n_repetitions, n_candidates = sizes
    return simulate(
        n_train_concepts=n_concepts,
        n_exemplars=n_exemplars,
        n_templates=0,
        n_train_repetitions=n_repetitions,
        n_test_concepts=n_candidates,
        n_test_repetitions=n_test_repetitions,
        snr=snr,
        random_state=seed,
        path=path,
        verbose="WARNING",
    )


def _means_of(data, number: int):
    """Return means of the first trials of every test image."""
    first = data.test.metadata.groupby("image").cumcount() < number
    return average_repetitions(data.test[first.to_numpy()], verbose="ERROR")


def _score_systems(data, numbers: list[int], seed: int) -> Iterator[dict]:
    features = compute_image_features(data.images, verbose="WARNING")
    shown = data.train.metadata["image"].unique()
    for system, given in (
        ("linear", features),
        (SHUFFLED, shuffle(features.loc[shown], shown, seed)),
    ):
        model = fit(
            data.train, given, recipe="linear", random_state=seed, verbose="ERROR"
        )
        gallery = features.loc[data.test.metadata["image"].unique()]
        plan = plan_experiment(
            model, gallery, numbers, [len(gallery)], random_state=seed, verbose="ERROR"
        ).table.set_index("n_averaged")["top_1"]
        for number in numbers:
            test = _means_of(data, number)
            found = model.retrieve(test, gallery, similarity="likelihood")
            scores = {"repetitions": number, "system": system, "top-1": found.top_k(1)}
            scores |= {"planned": plan[number]} | _judge(found)
            yield scores | {"AUC of none": _area_of_none(model, test, gallery)}


def _area_of_none(model, test, gallery: pd.DataFrame) -> float:
    """Return how well images in half of the gallery are told from the others."""
    if model._fitted().novelty is None:
        return np.nan
    found = model.retrieve(test, gallery[::2], similarity="likelihood", none=True)
    is_none = np.array(found.truth) == NONE
    return roc_auc_score(is_none, found.probabilities[NONE])


def _judge(found) -> dict[str, float]:
    """Return calibration and coverage, and how large the sets are."""
    calibration = found.calibration()
    rows = np.arange(len(found.truth))
    columns = pd.Index(found.candidates).get_indexer(found.truth)
    sets = {
        level: found.sets(level, method="probability").to_numpy() for level in LEVELS
    }
    by_distance = np.full(found.similarity.shape, np.nan)
    if found.residuals is not None:
        by_distance = found.sets(0.9, method="residual").to_numpy()
    return {
        "gap": calibration.gap,
        "calibration error": calibration.expected_error,
        **{f"sets of {q:g}": kept[rows, columns].mean() for q, kept in sets.items()},
        "size at 0.9": sets[0.9].sum(axis=1).mean(),
        "by distance at 0.9": by_distance[rows, columns].mean(),
        "size by distance": by_distance.sum(axis=1).mean(),
    }


def measure_bands(
    n_averaged: Iterable[int] = (1, 6, 20),
    *,
    n_concepts: int = 120,
    n_exemplars: int = 8,
    n_repetitions: int = 2,
    n_candidates: int = 300,
    snr: float = 0.06,
    seeds: Iterable[int] = (0, 1, 2),
    path: Path | None = None,
) -> Finding:
    """Compare the bands of predicted responses with measured and true responses.

    Parameters
    ----------
    n_averaged : iterable of int
        Numbers of test repetitions that are averaged.
    n_concepts, n_exemplars : int
        Training concepts, and images of each.
    n_repetitions : int
        Repetitions of a training image.
    n_candidates : int
        Number of unseen test images.
    snr : float
        Signal to noise of one trial.
    seeds : iterable of int
        Seeds of the simulation.
    path : Path | None
        Folder for the images.

    Returns
    -------
    finding : instance of Finding
        Mean coverage over seeds, and its least and largest value.
    """
    seeds, numbers = list(seeds), list(n_averaged)
    sizes = n_concepts, n_exemplars, n_repetitions, n_candidates
    rows = []
    for seed in seeds:
        data = _simulate(sizes, max(numbers), snr, seed, path)
        features = compute_image_features(data.images, verbose="WARNING")
        model = fit(
            data.train, features, recipe="linear", random_state=seed, verbose="ERROR"
        )
        rows += [
            {"band of": "the response itself"} | _cover_truth(model, data, features)
        ]
        for number in numbers:
            test = _means_of(data, number)
            table = score_coverage(model, test, features, LEVELS).table
            rows.append(
                {"band of": f"a mean of {counted(number, 'trial')}"}
                | {f"{level:g}": table["coverage"][level] for level in LEVELS}
            )
    grouped = pd.DataFrame(rows).groupby("band of", sort=False)
    found = {"mean": grouped.mean(), "least": grouped.min(), "most": grouped.max()}
    return Finding(
        f"SIMULATED EEG, signal to noise {snr:g}; recipe 'linear' fitted to "
        f"{n_concepts} concepts with {counted(n_exemplars, 'image')} of "
        f"{counted(n_repetitions, 'repetition')} each, Gabor features. Share of the "
        f"responses to {n_candidates} unseen images, over channels and times, that lie "
        "in their bands, which should be the level. The response itself is known of a "
        f"simulation. Mean, least and most over {counted(len(seeds), 'seed')}:",
        pd.concat(found, axis=1),
    )


def _cover_truth(model, data, features: pd.DataFrame) -> dict[str, float]:
    """Return the share of the true responses that their bands hold."""
    shown = data.truth.metadata["image"]
    predicted = model.predict_epochs(features.loc[shown], output="array")
    distance = np.abs(data.truth.get_data(copy=False) - predicted)
    latent = model._fitted()
    return {f"{q:g}": float((distance <= latent.half_width(q)).mean()) for q in LEVELS}


def measure_neurons(
    sessions: Iterable[str] = ("190923", "210225"), *, n_folds: int = 6
) -> Finding:
    """Judge the bands and the probabilities of neurons by what was measured.

    Parameters
    ----------
    sessions : iterable of str
        Sessions of macaque V4.
    n_folds : int
        Test folds, up to 6.

    Returns
    -------
    finding : instance of Finding
        Coverage of bands, mean over folds, and calibration over the responses of all
        folds together, by session.
    """
    rows = []
    for session in sessions:
        epochs, features = read(session, "gabor")
        bands, parts = [], []
        for train, test in folds_of(epochs, n_folds):
            model = fit(epochs[train], features, recipe="linear", verbose="ERROR")
            unseen = epochs[test]
            shown = features.loc[unseen.metadata["image"]]
            bands.append(score_coverage(model, unseen, shown, LEVELS).table["coverage"])
            found = model.retrieve(unseen, shown, similarity="likelihood")
            parts.append(found.calibration())
        confidence = np.concatenate([part.confidence for part in parts])
        correct = np.concatenate([part.correct for part in parts])
        pooled = Calibration(confidence, correct)
        covered = np.mean(bands, axis=0)
        rows.append(
            {"session": session}
            | {f"band of {q:g}": c for q, c in zip(LEVELS, covered, strict=True)}
            | {"top-1": correct.mean(), "gap": pooled.gap}
            | {"calibration error": pooled.expected_error}
        )
    return Finding(
        "macaque V4, one count per unit and photograph, never repeated; recipe "
        f"'linear' on Gabor features, {n_folds} of six folds. Share of the counts of "
        "unseen photographs that lie in their bands; retrieval of each photograph "
        "among those of its fold by likelihood, mean confidence minus top-1, and the "
        "expected calibration error of the responses of all folds together:",
        pd.DataFrame(rows).set_index("session"),
    )
