"""``mne_brainae benchmark muse``: faces or houses from four channels of human EEG."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse

SYSTEMS = ("BrainAE closed form", "logistic regression", "shrinkage LDA")
CONTROL = "BrainAE, labels dealt out anew"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the benchmark can be told."""
    add = parser.add_argument
    add("--draws", type=int, default=2000, help="bootstrap samples of the trials")
    add("--keep-all", action="store_true", help="keep epochs beyond 75 microvolts, too")


def run(given: argparse.Namespace) -> None:
    """Leave one run out after another, and print areas under the curve."""
    import mne
    import pandas as pd

    from ... import datasets

    reject = None if given.keep_all else {"eeg": 75e-6}
    with mne.utils.use_log_level("ERROR"):
        epochs = datasets.muse_n170.read_epochs(tmin=0.0, tmax=0.6, reject=reject)
        scores = _scores(epochs.decimate(4))
    counts = epochs.metadata["concept"].value_counts()
    print(
        f"Muse N170: {counts['face']} faces, {counts['house']} houses, single trials, "
        f"{len(epochs.ch_names)} channels, 0 to 600 ms at 64 Hz; each of "
        f"{scores['run'].nunique()} runs is tested by models fitted to the others. "
        "Mean area under the curve over runs, 95 % interval from trials drawn anew.\n"
    )
    draws = _bootstrap(scores, given.draws)
    names = [*SYSTEMS, CONTROL]
    table = pd.DataFrame({name: _auc_by_run(scores, name) for name in names}).T
    table.columns = [f"run {run}" for run in table.columns]
    table.insert(0, "mean", table.mean(axis=1))
    table.insert(1, "low", draws[names].quantile(0.025))
    table.insert(2, "high", draws[names].quantile(0.975))
    print(table.to_string(float_format="{:.3f}".format), "\n")
    for other in SYSTEMS[1:]:
        difference = draws[SYSTEMS[0]] - draws[other]
        low, high = difference.quantile([0.025, 0.975])
        mean = table.loc[SYSTEMS[0], "mean"] - table.loc[other, "mean"]
        print(f"{SYSTEMS[0]} minus {other}: {mean:+.3f} ({low:+.3f} to {high:+.3f})")


def _scores(epochs):
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
    import pandas as pd
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from ... import split_epochs
    from .labels import as_trials, fit_folds, flatten

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


def _auc_by_run(scores, name: str):
    from sklearn.metrics import roc_auc_score

    return scores.groupby("run").apply(
        lambda run: roc_auc_score(run["is_face"], run[name]), include_groups=False
    )


def _bootstrap(scores, n_draws: int):
    """Draw trials within runs and categories anew; the same ones for every system."""
    import numpy as np
    import pandas as pd

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
