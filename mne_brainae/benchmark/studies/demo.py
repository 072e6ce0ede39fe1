"""The main job from end to end: fit, predict, retrieve, classify and reconstruct."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import mne
import numpy as np
import pandas as pd
from sklearn.model_selection import KFold

from ... import (
    LinearEncodingModel,
    average_repetitions,
    compute_image_features,
    fit,
    mask_epochs,
    score_encoding,
)
from ...datasets import macaque_v4, simulate
from ...images import find_images
from ...scoring.templates import compute_template_features
from ...utils.checks import logger
from ...viz.encoding import plot_history
from ...viz.responses import plot_comparison

RESPONSE, RIDGE, CEILING = "mean response", "ridge, same features", "noise ceiling"
BEST, PAPER = "BrainAE best", "BrainAE paper"
#: The simulation of ``--small``.
SMALL = {
    "n_train_concepts": 20,
    "n_test_concepts": 10,
    "n_exemplars": 4,
    "n_train_repetitions": 1,
    "n_test_repetitions": 4,
    "snr": 1.0,
}
#: Where the demo departs from the paper's settings, to end within three minutes.
QUICK = {"standardize": "evoked", "min_updates": 400}
SYSTEMS = (BEST, PAPER, RIDGE, RESPONSE, "chance", CEILING)


@dataclass
class Task:
    """A recording divided into training and test epochs."""

    name: str
    train: mne.BaseEpochs
    test: mne.BaseEpochs
    images: object
    templates: object
    note: str
    settings: dict

    @cached_property
    def features(self) -> pd.DataFrame:
        """The features of all images that are shown, computed once for all systems.

        Only the model that is saved is fitted to the images, to be shown new ones.
        """
        files = [_shown(self.images, epochs) for epochs in (self.train, self.test)]
        return compute_image_features(files[0] | files[1], "gabor")

    @cached_property
    def template_features(self) -> pd.DataFrame:
        """The features of the templates of every concept."""
        return compute_template_features(
            self.templates, lambda files: compute_image_features(files, "gabor")
        )

    @cached_property
    def averaged(self) -> mne.BaseEpochs:
        """The test epochs, repetitions averaged."""
        return average_repetitions(self.test, verbose="WARNING")

    @property
    def gallery(self) -> object:
        """The test images."""
        return _shown(None, self.test) if self.images is None else self.images


def simulated(*, is_small: bool = False) -> Iterator[Task]:
    """Yield simulated EEG, with a noise ceiling and the best possible decoder.

    Parameters
    ----------
    is_small : bool
        Whether a fit takes seconds.

    Yields
    ------
    task : instance of Task
        The recording; its test concepts are not those of training.
    """
    settings = QUICK | ({"max_epochs": 5, "min_updates": 1} if is_small else {})
    data = simulate(random_state=0, **(SMALL if is_small else {}))
    yield Task(
        "SIMULATED EEG, unseen concepts",
        data.train,
        data.test,
        data.images,
        data.templates,
        f"Simulated: the best possible decoder finds {100 * data.best_top1:.1f} % "
        f"(top-1), the true responses correlate by {data.noise_ceiling['r_images']:.3f}"
        f" (r_images) with the measured ones. {PAPER} was fitted with {settings}.",
        settings,
    )


def neurons(session: str, n_folds: int = 1) -> Iterator[Task]:
    """Yield folds of a session of macaque V4.

    Parameters
    ----------
    session : str
        The session.
    n_folds : int
        How many of six folds.

    Yields
    ------
    task : instance of Task
        The recording, divided into training photographs and 200 others.
    """
    epochs = macaque_v4.read_epochs(session, verbose="WARNING")
    folds = KFold(6, shuffle=True, random_state=0).split(np.arange(len(epochs)))
    for _, (train, test) in zip(range(n_folds), folds, strict=False):
        yield Task(
            f"Macaque V4, session {session}, 200 unseen photographs",
            epochs[train],
            epochs[test],
            None,
            None,
            "No repetitions and no concepts in this file: no noise ceiling and no "
            "classification.",
            {},
        )


class Run(NamedTuple):
    """The systems of one fold and seed, with their scores."""

    task: Task
    systems: dict
    scores: pd.DataFrame


def measure(tasks: Iterable[Task], n_seeds: int = 1) -> Iterator[Run]:
    """Fit and score every system.

    Parameters
    ----------
    tasks : iterable of Task
        The folds of a recording.
    n_seeds : int
        Fits of the trained system per fold, each with another seed.

    Yields
    ------
    run : instance of Run
        A fold and seed; its scores have columns ``fold`` and ``seed``, too.
    """
    for fold, task in enumerate(tasks):
        # Saved afterwards and shown new images: fitted to images, not to features.
        best = fit(task.train, task.images, recipe="best", random_state=0)
        ridge = LinearEncodingModel().fit(task.train, task.features)
        for seed in range(n_seeds):
            logger.info(f"{task.name}: fold {fold}, seed {seed}")
            paper = fit(
                task.train,
                task.features,
                recipe="paper",
                random_state=seed,
                **task.settings,
            )
            systems = {BEST: best, PAPER: paper, RIDGE: ridge}
            scores = score(systems, task, seed).assign(fold=fold, seed=seed)
            yield Run(task, systems, scores)


def score(systems: dict, task: Task, seed: int) -> pd.DataFrame:
    """Score models and baselines in every direction.

    Parameters
    ----------
    systems : dict
        The fitted models by name.
    task : instance of Task
        The recording.
    seed : int
        Seed of the mask and the split halves.

    Returns
    -------
    scores : DataFrame, shape (n_scores, n_systems)
        One row per score, one column per system.
    """
    averaged = task.averaged
    shown = task.features.loc[averaged.metadata["image"]]
    mean_response = systems[BEST].evoked_
    scores = {}
    for name, system in systems.items():
        _add_encoding(
            scores, name, system.predict_epochs(shown), task, mean_response, seed
        )
        if name == RIDGE:
            found = {"encoding": system.retrieve(averaged, shown)}
        else:
            found = {
                similarity: system.retrieve(averaged, shown, similarity=similarity)
                for similarity in ("cosine", "encoding", "likelihood")
            }
        for similarity, identification in found.items():
            _add_accuracy(scores, f"retrieval ({similarity})", name, identification)
        if name == RIDGE:
            continue
        if task.templates is not None:
            named = system.classify(averaged, task.template_features)
            _add_accuracy(scores, "classification", name, named)
        row = scores.setdefault("reconstruction r of missing half", {RESPONSE: 0.0})
        row[name] = masked_r(system, averaged, seed)
    return pd.DataFrame(scores).T.reindex(columns=list(SYSTEMS))


def _add_encoding(
    scores: dict, name: str, predicted, task, mean_response, seed
) -> None:
    table = score_encoding(
        task.test,
        predicted,
        mean_response,
        n_splits=20,
        n_bootstraps=0,
        random_state=seed,
    ).table
    for column in ("r_images", "r_pattern"):
        row = scores.setdefault(f"encoding {column}", {})
        row[name] = table.loc["prediction", column]
        row[RESPONSE] = table.loc["mean response", column]
        row[CEILING] = table.loc["noise ceiling", column]


def _add_accuracy(scores: dict, task: str, system: str, found) -> None:
    for k in (1, 5):
        row = scores.setdefault(f"{task} top-{k} of {len(found.candidates)}", {})
        row[system], row["chance"] = found.top_k(k), found.chance(k)


def _shown(images, epochs: mne.BaseEpochs) -> dict:
    """Return the files of the images that epochs show."""
    if images is None:
        table = epochs.metadata.drop_duplicates("image")
        return dict(zip(table["image"], table["image_path"], strict=True))
    return dict(find_images(images, list(epochs.metadata["image"].unique())))


def masked_r(model, epochs: mne.BaseEpochs, seed: int) -> float:
    """Correlate what was missing with its reconstruction.

    Parameters
    ----------
    model : instance of BrainAE
        The fitted model.
    epochs : instance of Epochs
        Whole responses. Half of their channels are hidden from the model.
    seed : int
        Seed of the mask.

    Returns
    -------
    r : float
        Pearson correlation over all missing entries, as deviations from the mean
        training response in units of each channel's spread, so that the mean response
        itself scores 0.
    """
    masked = mask_epochs(epochs, "spatial", 0.5, random_state=seed, verbose="WARNING")
    missing = np.isnan(masked.get_data(copy=False))
    mean = model.evoked_.data
    whole = epochs.get_data(picks=model.info_["ch_names"]) - mean
    rebuilt = model.reconstruct(masked, output="array") - mean
    spread = whole.std(axis=(0, 2), keepdims=True)
    whole, rebuilt = (whole / spread)[missing], (rebuilt / spread)[missing]
    return float(np.corrcoef(whole, rebuilt)[0, 1])


def summarize(results: pd.DataFrame) -> pd.DataFrame:
    """Average over folds, and take the spread of the trained system over seeds.

    Parameters
    ----------
    results : DataFrame
        The scores of all runs, one below the other.

    Returns
    -------
    table : DataFrame of str, shape (n_scores, n_systems)
        Systems without any score are left out.
    """
    systems = [name for name in SYSTEMS if results[name].notna().any()]
    order = list(dict.fromkeys(results.index))
    by_seed = results.groupby([results.index, "seed"])[systems].mean()
    mean = by_seed.groupby(level=0).mean().loc[order]
    spread = by_seed.groupby(level=0).std().loc[order]
    text = mean.map(lambda value: "" if np.isnan(value) else f"{value:.3f}")
    if results["seed"].nunique() > 1:
        text[PAPER] += spread[PAPER].map(lambda sd: f" +- {sd:.3f}")
    return text


def save(run: Run, folder: Path) -> None:
    """Save images of predictions, retrieval and training, and the model.

    Parameters
    ----------
    run : instance of Run
        The fitted systems.
    folder : Path
        Where the files go.
    """
    task, model, averaged = run.task, run.systems[BEST], run.task.averaged
    image = averaged.metadata["image"].iloc[0]
    measured = averaged[0].average()
    predicted = model.predict_evoked(_shown(task.gallery, averaged)[image])
    figures = {
        "measured_and_predicted": plot_comparison(measured, predicted, show=False),
        "retrieval": model.retrieve(averaged, task.gallery).plot(show=False),
        "training": plot_history(run.systems[PAPER], show=False),
    }
    for name, figure in figures.items():
        figure.savefig(folder / f"{name}.png", dpi=120)
    model.save(folder / "model.safetensors", overwrite=True)
