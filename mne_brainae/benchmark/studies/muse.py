"""Faces or houses from four channels of human EEG, across runs."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass

import mne
import numpy as np
import pandas as pd
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ... import split_epochs
from ...datasets import muse_n170
from .labels import as_trials, fit_folds, flatten

SYSTEMS = ("BrainAE closed form", "logistic regression", "shrinkage LDA")
CONTROL = "BrainAE, labels dealt out anew"
#: Epochs that reach further, peak to peak, are left out.
REJECT = {"eeg": 75e-6}


@dataclass
class Areas:
    """Areas under the curve, and by how much the first system differs.

    Parameters
    ----------
    protocol : str
        What was measured.
    table : DataFrame, shape (n_systems, 3 + n_runs)
        Mean over runs, the bounds of its interval, and every run.
    differences : DataFrame, shape (n_systems - 1, 3)
        The mean of the first system minus that of another, and its interval.
    """

    protocol: str
    table: pd.DataFrame
    differences: pd.DataFrame


def measure(*, n_draws: int = 2000, reject: dict | None = REJECT) -> Areas:
    """Leave one run out after another, and take areas under the curve.

    Parameters
    ----------
    n_draws : int
        Bootstrap samples of the trials.
    reject : dict | None
        Peak-to-peak amplitudes beyond which epochs are left out, in volts; None keeps
        all.

    Returns
    -------
    areas : instance of Areas
        One row per system.
    """
    with mne.utils.use_log_level("ERROR"):
        epochs = muse_n170.read_epochs(tmin=0.0, tmax=0.6, reject=reject)
        scores = score_trials(epochs.decimate(4))
    counts = epochs.metadata["concept"].value_counts()
    draws = bootstrap(scores, n_draws)
    table = _table(scores, draws)
    return Areas(
        f"Muse N170: {counts['face']} faces, {counts['house']} houses, single trials, "
        f"{len(epochs.ch_names)} channels, 0 to 600 ms at 64 Hz; each of "
        f"{scores['run'].nunique()} runs is tested by models fitted to the others. "
        "Mean area under the curve over runs, 95 % interval from trials drawn anew.",
        table,
        _differences(table["mean"], draws),
    )


def _table(scores: pd.DataFrame, draws: pd.DataFrame) -> pd.DataFrame:
    table = pd.DataFrame({name: _auc_by_run(scores, name) for name in draws}).T
    table.columns = [f"run {run}" for run in table.columns]
    table.insert(0, "mean", table.mean(axis=1))
    table.insert(1, "low", draws.quantile(0.025))
    table.insert(2, "high", draws.quantile(0.975))
    return table


def _differences(mean: pd.Series, draws: pd.DataFrame) -> pd.DataFrame:
    first, *others = SYSTEMS
    rows = {}
    for other in others:
        low, high = (draws[first] - draws[other]).quantile([0.025, 0.975])
        rows[f"{first} minus {other}"] = mean[first] - mean[other], low, high
    return pd.DataFrame(rows, index=["mean", "low", "high"]).T


def score_trials(epochs: mne.BaseEpochs) -> pd.DataFrame:
    """Return what every system says of every trial, by models that never saw its run.

    Parameters
    ----------
    epochs : instance of Epochs
        All trials.

    Returns
    -------
    scores : DataFrame, shape (n_epochs, n_systems + 2)
        Higher for faces; ``is_face`` and ``run``.
    """
    features, templates = as_trials(epochs)
    splits = list(split_epochs(epochs, "session"))
    fitted = fit_folds(epochs, features, splits)
    dealt = fit_folds(epochs, features, splits, seed=0)
    linear = {
        SYSTEMS[1]: LogisticRegression(C=0.01, max_iter=1000),
        SYSTEMS[2]: LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
    }
    tables = []
    for (train, test), (model, _), (control, _) in zip(
        splits, fitted, dealt, strict=True
    ):
        columns = {
            "run": test.metadata["session"].to_numpy(),
            "is_face": (test.metadata["concept"] == "face").to_numpy(),
        }
        for name, system in ((SYSTEMS[0], model), (CONTROL, control)):
            found = system.classify(test, templates, similarity="likelihood")
            face, house = (found.candidates.index(c) for c in ("face", "house"))
            columns[name] = found.similarity[:, face] - found.similarity[:, house]
        for name, estimator in linear.items():
            machine = make_pipeline(StandardScaler(), estimator)
            machine.fit(flatten(train), train.metadata["concept"] == "face")
            columns[name] = machine.decision_function(flatten(test))
        tables.append(pd.DataFrame(columns))
    return pd.concat(tables, ignore_index=True)


def _auc_by_run(scores: pd.DataFrame, name: str) -> pd.Series:
    return scores.groupby("run").apply(
        lambda run: roc_auc_score(run["is_face"], run[name]), include_groups=False
    )


def bootstrap(scores: pd.DataFrame, n_draws: int) -> pd.DataFrame:
    """Draw trials within runs and categories anew; the same ones for every system.

    Parameters
    ----------
    scores : DataFrame
        What :func:`score_trials` returns.
    n_draws : int
        Number of samples.

    Returns
    -------
    draws : DataFrame, shape (n_draws, n_systems)
        Areas under the curve, mean over runs.
    """
    rng = np.random.default_rng(0)
    names = [*SYSTEMS, CONTROL]
    runs = [
        (run.loc[run["is_face"], names].to_numpy(), run.loc[~run["is_face"], names])
        for _, run in scores.groupby("run")
    ]
    total = np.zeros((n_draws, len(names)))
    for faces, houses in runs:
        houses = houses.to_numpy()
        larger = faces[:, None] > houses[None]
        for draw in total:
            some = rng.integers(len(faces), size=len(faces))
            others = rng.integers(len(houses), size=len(houses))
            counts = np.bincount(some, minlength=len(faces))
            weights = np.bincount(others, minlength=len(houses))
            hits = np.einsum("i,ijk,j->k", counts, larger, weights, optimize=True)
            draw += hits / counts.sum() / weights.sum() / len(runs)
    return pd.DataFrame(total, columns=names)
