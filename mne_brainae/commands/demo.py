"""``mne_brainae demo``: the main job from end to end, on one screen."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import mne
import numpy as np
import pandas as pd

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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the demo can be told."""
    add = parser.add_argument
    add("--data", choices=LOADERS, default="simulated", help="the recording")
    add("--session", default="190923", help="session of macaque_v4")
    add("--folds", type=int, default=1, help="test folds of macaque_v4, up to 6")
    add("--seeds", type=int, default=1, help="fits per fold, each with another seed")
    add("--small", action="store_true", help="simulate a recording of seconds' work")
    add("--out", type=Path, default=Path("brainae_demo"), help="folder for results")


def run(given: argparse.Namespace) -> None:
    """Fit, score, print one table, save pictures and the model."""
    import matplotlib as mpl

    import mne_brainae

    mpl.use("agg")
    given.out.mkdir(parents=True, exist_ok=True)
    tables = []
    for fold, task in enumerate(LOADERS[given.data](given)):
        best = mne_brainae.fit(task.train, task.images, recipe="best", random_state=0)
        ridge = mne_brainae.LinearEncoder().fit(task.train, task.features)
        for seed in range(given.seeds):
            print(f"\n{task.name}: fold {fold}, seed {seed}", flush=True)
            paper = mne_brainae.fit(
                task.train, task.features, random_state=seed, **task.settings
            )
            systems = {BEST: best, PAPER: paper, RIDGE: ridge}
            tables.append(score(systems, task, seed).assign(fold=fold, seed=seed))
    results = pd.concat(tables)
    results.to_csv(given.out / f"{given.data}.csv", index_label="score")
    print(f"\n{task.name}\n{report(results)}\n")
    print(task.note)
    print(best.retrieve(task.averaged, task.gallery))
    _save(best, paper, task, given.out)


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
        """The features of all pictures that are shown, computed once for all systems.

        Only the model that is saved is fitted to the pictures, to be shown new ones.
        """
        from ..images import compute_image_features

        files = [_shown(self.images, epochs) for epochs in (self.train, self.test)]
        return compute_image_features(files[0] | files[1], "gabor")

    @cached_property
    def template_features(self) -> pd.DataFrame:
        """The features of the templates of every concept."""
        from ..images import compute_image_features
        from ..scoring.templates import compute_template_features

        return compute_template_features(
            self.templates, lambda files: compute_image_features(files, "gabor")
        )

    @cached_property
    def averaged(self) -> mne.BaseEpochs:
        """The test epochs, repetitions averaged."""
        from ..preprocessing.averaging import average_repetitions

        return average_repetitions(self.test, verbose="WARNING")

    @property
    def gallery(self) -> object:
        """The test pictures."""
        return _shown(None, self.test) if self.images is None else self.images


def _simulated(given: argparse.Namespace) -> Iterator[Task]:
    from ..datasets import simulate

    settings = QUICK | ({"max_epochs": 5, "min_updates": 1} if given.small else {})
    data = simulate(random_state=0, **(SMALL if given.small else {}))
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


def _macaque_v4(given: argparse.Namespace) -> Iterator[Task]:
    from sklearn.model_selection import KFold

    from ..datasets import macaque_v4

    epochs = macaque_v4.read_epochs(given.session, verbose="WARNING")
    folds = KFold(6, shuffle=True, random_state=0).split(np.arange(len(epochs)))
    for _, (train, test) in zip(range(given.folds), folds):  # noqa: B905
        yield Task(
            f"Macaque V4, session {given.session}, 200 unseen photographs",
            epochs[train],
            epochs[test],
            None,
            None,
            "No repetitions and no concepts in this file: no noise ceiling and no "
            "classification.",
            {},
        )


LOADERS = {"simulated": _simulated, "macaque_v4": _macaque_v4}


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
    from ..scoring.encoding import score_encoding

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
    """Return the files of the pictures that epochs show."""
    from ..images import find_images

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
    from ..preprocessing.masking import mask_epochs

    masked = mask_epochs(epochs, "spatial", 0.5, random_state=seed, verbose="WARNING")
    missing = np.isnan(masked.get_data(copy=False))
    mean = model.evoked_.data
    whole = epochs.get_data(picks=model.info_["ch_names"]) - mean
    rebuilt = model.reconstruct(masked, output="array") - mean
    spread = whole.std(axis=(0, 2), keepdims=True)
    whole, rebuilt = (whole / spread)[missing], (rebuilt / spread)[missing]
    return float(np.corrcoef(whole, rebuilt)[0, 1])


def report(results: pd.DataFrame) -> str:
    """Write the table: means over folds, and the spread over seeds."""
    systems = [name for name in SYSTEMS if results[name].notna().any()]
    order = list(dict.fromkeys(results.index))
    by_seed = results.groupby([results.index, "seed"])[systems].mean()
    mean = by_seed.groupby(level=0).mean().loc[order]
    spread = by_seed.groupby(level=0).std().loc[order]
    text = mean.map(lambda value: "" if np.isnan(value) else f"{value:.3f}")
    if results["seed"].nunique() > 1:
        text[PAPER] += spread[PAPER].map(lambda sd: f" +- {sd:.3f}")
    return text.to_string()


def _save(model, trained, task: Task, out: Path) -> None:
    """Save the pictures and the model, and say what to try next."""
    from ..viz.encoding import plot_comparison, plot_history

    averaged = task.averaged
    image = averaged.metadata["image"].iloc[0]
    measured = averaged[0].average()
    predicted = model.predict_evoked(_shown(task.gallery, averaged)[image])
    figures = {
        "measured_and_predicted": plot_comparison(measured, predicted, show=False),
        "retrieval": model.retrieve(averaged, task.gallery).plot(show=False),
        "training": plot_history(trained, show=False),
    }
    for name, figure in figures.items():
        figure.savefig(out / f"{name}.png", dpi=120)
    model.save(out / "model.safetensors", overwrite=True)
    print(f"\nSaved in {out.resolve()}:")
    for path in sorted(out.iterdir()):
        print(f"  {path.name}")
    print(
        "\nNext: your own epochs, with epochs.metadata['image'] naming the pictures:\n"
        "  model = mne_brainae.fit(epochs, 'folder/of/pictures', recipe='best')\n"
        "  model.predict_evoked('a/new/picture.jpg').plot_topomap()"
    )
